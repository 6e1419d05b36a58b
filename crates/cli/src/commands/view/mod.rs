//! `factlog view`

mod condition;
mod document;

use clap::{Args, Subcommand};
use factlog::view::{Count, Query, View};
use factlog::{Direction, Error, PageToken, ProjectionName};
use serde_json::json;

use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::Output;

const CONDITIONS: &str = "Conditions:
  'status = open'        also > >= < <=; ^= for texts that begin so
  'opened >= 2011-10-01' of an index of times, also 2h ago
  '$key ^= loan-17'      $key is the key of the document
All that are given hold. One of them, or --sort, has to be on an index, or on $key.";

#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// Print one document.
    Get {
        /// The view: the name of its projection.
        view: ProjectionName,
        /// The document's key.
        key: String,
    },
    /// Print documents that meet conditions, in an order, page by page.
    Query(QueryArgs),
    /// Count documents.
    Count(CountArgs),
}

#[derive(Debug, Args)]
#[command(after_help = format!("{CONDITIONS}\n
Examples:
  factlog view query loans --where 'status = A_APPROVED' --sort amount --reverse --page 10
  factlog view query loans --where 'amount >= 5000' --where 'amount < 10000' --all"))]
pub(crate) struct QueryArgs {
    /// The view: the name of its projection.
    view: ProjectionName,
    /// What holds of the documents.
    #[arg(long = "where", short = 'w', value_name = "CONDITION")]
    conditions: Vec<String>,
    /// The order: a field that has an index, or $key. Documents without the field are not found.
    #[arg(long, value_name = "FIELD")]
    sort: Option<String>,
    /// The highest first.
    #[arg(long, short = 'r')]
    reverse: bool,
    /// Documents on a page.
    #[arg(long, short = 'n', value_name = "SIZE", default_value_t = 100)]
    page: usize,
    /// The page after this one: what the last query told on standard error.
    #[arg(long, value_name = "TOKEN")]
    after: Option<String>,
    /// Print all pages.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = format!("{CONDITIONS}\n
Examples:
  factlog view count loans
  factlog view count loans --where 'status = A_APPROVED'
  factlog view count loans --by status        # of an index that is counted"))]
pub(crate) struct CountArgs {
    /// The view: the name of its projection.
    view: ProjectionName,
    /// What holds of the documents.
    #[arg(long = "where", short = 'w', value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Each value of this field with the number of its documents.
    #[arg(long, value_name = "FIELD", conflicts_with = "conditions")]
    by: Option<String>,
}

pub(crate) async fn run(
    backend: &Backend,
    command: &ViewCommand,
    output: &mut Output,
) -> Result<(), Failure> {
    let projections = backend.projections()?;
    match command {
        ViewCommand::Get { view: name, key } => {
            let found = projections.view(name).await?.get(key).await?;
            let missing = || Error::not_found(format!("view {name} has no document {key}"));
            document::one(&found.ok_or_else(missing)?, output)
        }
        ViewCommand::Query(args) => query(&projections.view(&args.view).await?, args, output).await,
        ViewCommand::Count(args) => count(&projections.view(&args.view).await?, args, output).await,
    }
}

async fn query(view: &View, args: &QueryArgs, output: &mut Output) -> Result<(), Failure> {
    let mut query = Query::new().limit(args.page);
    query.conditions = condition::parse_all(&args.conditions, view)?;
    query.order.clone_from(&args.sort);
    query.direction = if args.reverse { Direction::Backward } else { Direction::Forward };
    query.after = args.after.as_ref().map(PageToken::new);
    loop {
        let page = view.query(&query).await?;
        document::several(&page.documents, output)?;
        output.flush()?;
        match page.next {
            Some(next) if args.all => query.after = Some(next),
            next => {
                if let Some(next) = next {
                    anstream::eprintln!("next page: --after {}", next.as_str());
                }
                return Ok(());
            }
        }
    }
}

async fn count(view: &View, args: &CountArgs, output: &mut Output) -> Result<(), Failure> {
    if let Some(field) = &args.by {
        let groups = view.groups(field).await?;
        if output.is_json() {
            for (value, count) in groups {
                output.json(&json!({ field: value, "documents": count }))?;
            }
            return Ok(());
        }
        let groups =
            groups.iter().map(|(value, count)| vec![document::text(value), count.to_string()]);
        return Ok(output.table(&[field, "documents"], &groups.collect::<Vec<_>>())?);
    }
    let count = match args.conditions.as_slice() {
        [] => Count::Exact(view.len().await?),
        conditions => view.count(&condition::parse_all(conditions, view)?).await?,
    };
    match count {
        Count::Exact(count) => Ok(output.object([("documents", count)])?),
        Count::AtLeast(count) => Ok(output.object([("documents at least", count)])?),
    }
}
