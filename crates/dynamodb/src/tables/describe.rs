//! What is there of a store's tables, and what is wrong with it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    BillingMode, PointInTimeRecoveryStatus, TableDescription, TimeToLiveStatus,
};
use factlog::{Error, Result};
use futures::future::try_join3;

use super::schema::keys_text;
use super::{Schema, Tables, look, recorded};
use crate::error::failed;
use crate::layout::Layout;

/// The tables of a store as they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Described {
    /// How commits lie in the events table; `None` if the state table does not say it.
    pub layout: Option<Layout>,
    /// The events, the log and the state table.
    pub tables: [DescribedTable; 3],
}

/// A table as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DescribedTable {
    /// What it is for: `events`, `log` or `state`.
    pub role: &'static str,
    /// Its name.
    pub name: String,
    /// What is there; `None` if there is no table of this name.
    pub found: Option<FoundTable>,
    /// Each thing that is not as it has to be, as `found …, needs …`.
    pub wrong: Vec<String>,
}

/// What is there of a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FoundTable {
    /// DynamoDB's word, `ACTIVE` when it is ready.
    pub status: String,
    /// Partition key and sort key with their types.
    pub keys: String,
    /// `on demand`, or the units a second.
    pub billing: String,
    /// How many items; DynamoDB counts every six hours.
    pub items: u64,
    /// Bytes of all items; DynamoDB counts every six hours.
    pub bytes: u64,
    /// The ARN of its stream.
    pub stream: Option<String>,
    /// The attribute by which items expire.
    pub expires: Option<String>,
    /// Whether it can be restored to any second of the last 35 days; `None` if the server knows no such thing.
    pub point_in_time_recovery: Option<bool>,
    /// Whether it can't be deleted.
    pub deletion_protection: bool,
}

impl Tables {
    /// Looks at the tables of a store.
    ///
    /// # Errors
    /// `Invalid` for a name that no store has; whatever kept it from looking. That a table is missing or wrong is
    /// not an error here, see [`Described::whole`].
    pub async fn describe(client: &Client, store: &str) -> Result<Described> {
        let mut tables = Self::named(store)?;
        let recorded = recorded(client, &tables).await?;
        let layout = recorded.map(|(events, layout)| {
            tables.events = events;
            layout
        });
        let schemas = Schema::all(&tables, layout.as_ref().unwrap_or(&Layout::native()));
        let known = layout.is_some();
        let [events, log, state] = schemas.each_ref().map(|schema| describe(client, schema, known));
        let (events, log, state) = try_join3(events, log, state).await?;
        Ok(Described { layout, tables: [events, log, state] })
    }
}

impl Described {
    /// Whether the store can be used.
    ///
    /// # Errors
    /// `NotFound` for the tables that are missing, `Invalid` for what was found and what is needed.
    pub fn whole(&self) -> Result<()> {
        let missing: Vec<_> = self
            .tables
            .iter()
            .filter(|table| table.found.is_none())
            .map(|table| &*table.name)
            .collect();
        if !missing.is_empty() {
            return Err(Error::not_found(format!(
                "tables that are not there: {}",
                missing.join(", ")
            )));
        }
        let wrong = self.tables.iter().flat_map(|table| {
            table.wrong.iter().map(move |wrong| format!("table {}: {wrong}", table.name))
        });
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() { Ok(()) } else { Err(Error::invalid(wrong.join("; "))) }
    }
}

async fn describe(client: &Client, schema: &Schema, layout_known: bool) -> Result<DescribedTable> {
    let (role, name) = (schema.role, schema.table.clone());
    let Some(table) = look(client, &name).await? else {
        return Ok(DescribedTable { role, name, found: None, wrong: Vec::new() });
    };
    let expires = expiry(client, &name).await?;
    // Without the layout nothing is known of what the events table needs.
    let mut wrong = Vec::new();
    if layout_known || role != "events" {
        wrong.extend(schema.wrong(&table));
        wrong.extend(schema.lacking(&table));
    }
    if let Some(needed) = schema.expires
        && expires.as_deref() != Some(needed)
    {
        let found = expires.as_deref().unwrap_or("nothing");
        wrong.push(format!("items expire by: found {found}, needs {needed}"));
    }
    let found = FoundTable {
        status: table.table_status().map(ToString::to_string).unwrap_or_default(),
        keys: keys_text(table.key_schema(), &table),
        billing: billing(&table),
        items: count(table.item_count()),
        bytes: count(table.table_size_bytes()),
        stream: table.latest_stream_arn().map(str::to_owned),
        expires,
        point_in_time_recovery: recovery(client, &name).await?,
        deletion_protection: table.deletion_protection_enabled() == Some(true),
    };
    Ok(DescribedTable { role, name, found: Some(found), wrong })
}

fn count(number: Option<i64>) -> u64 {
    number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

fn billing(table: &TableDescription) -> String {
    let mode = table.billing_mode_summary().and_then(|summary| summary.billing_mode());
    let units = table.provisioned_throughput();
    let units = units.map(|units| (units.read_capacity_units, units.write_capacity_units));
    match (mode, units) {
        (Some(BillingMode::PayPerRequest), _) => "on demand".to_owned(),
        (_, Some((Some(read), Some(write)))) => format!("{read} read, {write} write units/s"),
        _ => String::new(),
    }
}

/// The attribute by which items of the table expire.
pub(super) async fn expiry(client: &Client, table: &str) -> Result<Option<String>> {
    let described = client.describe_time_to_live().table_name(table).send().await;
    let described =
        described.map_err(|error| failed(&format!("asking how items of {table} expire"), error))?;
    let Some(ttl) = described.time_to_live_description else { return Ok(None) };
    let on = matches!(
        ttl.time_to_live_status,
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
    );
    Ok(ttl.attribute_name.filter(|_| on))
}

/// Whether point-in-time recovery is on; `None` on a server that knows no such thing, as DynamoDB Local.
pub(super) async fn recovery(client: &Client, table: &str) -> Result<Option<bool>> {
    let described = match client.describe_continuous_backups().table_name(table).send().await {
        Ok(described) => described,
        Err(error) if error.code() == Some("UnknownOperationException") => return Ok(None),
        Err(error) => return Err(failed(&format!("asking for the backups of {table}"), error)),
    };
    let backups = described.continuous_backups_description;
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description);
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
    Ok(Some(status == Some(PointInTimeRecoveryStatus::Enabled)))
}
