//! `factlog tables`

use std::io::{IsTerminal, Write};

use aws_sdk_dynamodb::Client;
use clap::{Args, Subcommand};
use factlog::Error;
use factlog_dynamodb::{Billing, CreateTables, DescribedTable, Layout, Tables};

use crate::aws::AwsArgs;
use crate::exit::Failure;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum TablesCommand {
    /// Make the tables of a store; run again, make what of them is missing and change nothing else.
    Create(CreateArgs),
    /// Tell what is there of the tables of a store, and what is wrong with it.
    Describe {
        /// The store.
        name: String,
    },
    /// Remove the tables of a store with everything in them.
    Destroy {
        /// The store.
        name: String,
        /// Do not ask; the store's name again.
        #[arg(long, value_name = "NAME")]
        yes: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  factlog tables create shop                              # pay by the request
  factlog tables create shop --provisioned 25,25 --point-in-time-recovery --deletion-protection
  factlog tables create shop --layout castore --events-table castore-events --alter-events-table")]
pub(crate) struct CreateArgs {
    /// The store; its tables are NAME-events, NAME-log and NAME-state.
    name: String,
    /// How commits lie in the events table; `native` for a new store.
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Layout>,
    /// An events table that is there already, of Castore for instance.
    #[arg(long, value_name = "TABLE")]
    events_table: Option<String>,
    /// Give the events table that is there already a stream and the index of the layout, if it lacks them.
    #[arg(long, requires = "events_table")]
    alter_events_table: bool,
    /// Pay by the hour: read and write units a second, in each table. By default one pays by the request.
    #[arg(long, value_name = "READ,WRITE", value_parser = units)]
    provisioned: Option<Billing>,
    /// Let tables be restored to any second of the last 35 days.
    #[arg(long)]
    point_in_time_recovery: bool,
    /// Refuse to delete the tables.
    #[arg(long)]
    deletion_protection: bool,
    /// Tag the tables.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    tags: Vec<(String, String)>,
}

impl CreateArgs {
    fn options(&self) -> CreateTables {
        let mut options = CreateTables::default();
        options.layout.clone_from(&self.layout);
        options.events_table.clone_from(&self.events_table);
        options.alter_events_table = self.alter_events_table;
        options.billing = self.provisioned.unwrap_or_default();
        options.point_in_time_recovery = self.point_in_time_recovery;
        options.deletion_protection = self.deletion_protection;
        options.tags.clone_from(&self.tags);
        options
    }
}

pub(crate) async fn run(
    command: &TablesCommand,
    aws: &AwsArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        TablesCommand::Create(args) => {
            let client = Client::new(&aws.load().await?);
            Tables::create(&client, &args.name, &args.options()).await?;
            describe(&client, &args.name, output).await
        }
        TablesCommand::Describe { name } => {
            describe(&Client::new(&aws.load().await?), name, output).await
        }
        TablesCommand::Destroy { name, yes } => {
            confirm(name, yes.as_deref())?;
            let removed = Tables::destroy(&Client::new(&aws.load().await?), name).await?;
            let rows: Vec<_> = removed.into_iter().map(|table| vec![table]).collect();
            Ok(output.table(&["removed"], &rows)?)
        }
    }
}

/// Prints what is there; fails if the store can't be used.
async fn describe(client: &Client, name: &str, output: &mut Output) -> Result<(), Failure> {
    let described = Tables::describe(client, name).await?;
    let layout = described.layout.as_ref().map_or("unknown".to_owned(), ToString::to_string);
    for table in &described.tables {
        output.object(fields(table, &layout))?;
        if !output.is_json() {
            output.note("")?;
        }
    }
    output.flush()?;
    Ok(described.whole()?)
}

fn fields(table: &DescribedTable, layout: &str) -> Vec<(&'static str, String)> {
    let mut fields = vec![("table", table.name.clone()), ("holds", table.role.to_owned())];
    if table.role == "events" {
        fields.push(("layout", layout.to_owned()));
    }
    let Some(found) = &table.found else {
        fields.push(("status", "missing".to_owned()));
        return fields;
    };
    let switch = |on| if on { "on" } else { "off" }.to_owned();
    let recovery = found.point_in_time_recovery.map_or("unknown".to_owned(), switch);
    fields.extend([
        ("status", found.status.clone()),
        ("keys", found.keys.clone()),
        ("billing", found.billing.clone()),
        ("items", found.items.to_string()),
        ("bytes", found.bytes.to_string()),
    ]);
    fields.extend(found.stream.clone().map(|stream| ("stream", stream)));
    fields.extend(found.expires.clone().map(|attribute| ("expires by", attribute)));
    fields.push(("point in time recovery", recovery));
    fields.push(("deletion protection", switch(found.deletion_protection)));
    fields.extend((!table.wrong.is_empty()).then(|| ("wrong", table.wrong.join("; "))));
    fields
}

/// Goes on only if the store's name is said once more.
fn confirm(name: &str, yes: Option<&str>) -> Result<(), Failure> {
    let said = match yes {
        Some(said) => said.to_owned(),
        None if std::io::stdin().is_terminal() => {
            anstream::eprint!("all events of {name} will be lost; its name once more: ");
            std::io::stderr().flush()?;
            let mut line = String::new();
            std::io::stdin().read_line(&mut line)?;
            line.trim().to_owned()
        }
        None => {
            let how = format!("all events of {name} would be lost: say `--yes {name}`");
            return Err(Error::invalid(how).into());
        }
    };
    if said == name {
        return Ok(());
    }
    Err(Error::invalid(format!("{said:?} is not {name}: nothing was removed")).into())
}

fn units(text: &str) -> Result<Billing, String> {
    let units = text.split_once(',').and_then(|(read, write)| {
        let (read, write) = (read.trim().parse().ok()?, write.trim().parse().ok()?);
        (read > 0 && write > 0).then_some(Billing::Provisioned { read, write })
    });
    units.ok_or_else(|| "two numbers above 0 are needed, such as 25,10".to_owned())
}

fn tag(text: &str) -> Result<(String, String), String> {
    let tag = text.split_once('=').filter(|(key, _)| !key.is_empty());
    tag.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "KEY=VALUE is needed".to_owned())
}
