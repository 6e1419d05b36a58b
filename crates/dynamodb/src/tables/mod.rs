//! The three tables of a store: their names, and what is said of them when a store is opened.
//!
//! ```text
//!   NAME-events   keys and index by the layout; Streams with new images
//!   NAME-log      log (S), position (N)
//!   NAME-state    partition (S), sort (B); items expire by the attribute `expires`
//!                  └─ ("store", "layout"): the layout and the name of the events table, so that the store's name is enough
//! ```
//!
//! [`create`](Tables::create) makes them or what of them is missing, [`describe`](Tables::describe) tells what is there,
//! [`destroy`](Tables::destroy) removes them.

mod create;
mod describe;
mod destroy;
mod schema;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TableDescription, TableStatus};
use factlog::{Error, Result};
use futures::future::try_join;

use crate::error::failed;
use crate::layout::Layout;
use crate::limits::{STORE_NAME_LENGTH_MAX, TABLE_POLL, TABLE_POLLS_MAX};
use schema::Schema;

pub use create::{Billing, CreateTables};
pub use describe::{Described, DescribedTable, FoundTable};

/// The names of a store's three tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// The store's name.
    pub(crate) store: String,
    /// Of the commits: `NAME-events`, or a table that was there before the store.
    pub(crate) events: String,
    /// Of the pages of the log.
    pub(crate) log: String,
    /// Of what readers and writers have to remember.
    pub(crate) state: String,
}

impl Tables {
    /// The names that follow from the name of the store.
    fn named(store: &str) -> Result<Self> {
        let known = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if store.is_empty() || store.len() > STORE_NAME_LENGTH_MAX || !store.chars().all(known) {
            return Err(Error::invalid(format!(
                "store name {store:?} is not of 1 to {STORE_NAME_LENGTH_MAX} letters, digits, `_`, `-` and `.`"
            )));
        }
        let table = |role: &str| format!("{store}-{role}");
        let (events, log, state) = (table("events"), table("log"), table("state"));
        Ok(Self { store: store.to_owned(), events, log, state })
    }

    /// Whether the events table was there before the store and stays when it is destroyed.
    fn events_are_foreign(&self) -> bool {
        self.events != format!("{}-events", self.store)
    }

    /// Finds the tables of a store that is to be opened, and its layout. Each must be there and as it has to be.
    ///
    /// # Errors
    /// `NotFound` if one is missing, with the command that makes it; `Invalid` if one is not as it has to be, with
    /// what was found and what is needed.
    pub async fn open(client: &Client, store: &str) -> Result<(Self, Layout)> {
        let mut tables = Self::named(store)?;
        let layout = recorded(client, &tables).await?.map(|(events, layout)| {
            tables.events = events;
            layout
        });
        let [events, log, state] =
            Schema::all(&tables, layout.as_ref().unwrap_or(&Layout::native()));
        present(client, &state, store).await?;
        let layout = layout.ok_or_else(|| {
            Error::not_found(format!(
                "table {} does not say its layout: `factlog tables create {store}` completes it",
                state.table
            ))
        })?;
        try_join(present(client, &events, store), present(client, &log, store)).await?;
        Ok((tables, layout))
    }
}

/// Whether the table is there, and as it has to be.
async fn present(client: &Client, schema: &Schema, store: &str) -> Result<()> {
    let table = &schema.table;
    let Some(found) = look(client, table).await? else {
        return Err(Error::not_found(format!(
            "table {table} of store {store} is not there: `factlog tables create {store}` makes it"
        )));
    };
    match schema.wrong(&found).or_else(|| schema.lacking(&found).into_iter().next()) {
        Some(wrong) => Err(Error::invalid(format!("table {table}: {wrong}"))),
        None => Ok(()),
    }
}

/// The key of the item in which the state table says what the store is.
fn record_key() -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("partition".to_owned(), AttributeValue::S("store".to_owned())),
        ("sort".to_owned(), AttributeValue::B(Blob::new("layout"))),
    ])
}

/// DynamoDB's codes where there is no state table, or one with other keys.
const NO_RECORD: [&str; 2] = ["ResourceNotFoundException", "ValidationException"];

/// The events table and the layout as the state table says them; `None` if it doesn't, isn't there, or is none.
async fn recorded(client: &Client, tables: &Tables) -> Result<Option<(String, Layout)>> {
    let get = client.get_item().table_name(&tables.state).set_key(Some(record_key()));
    let item = match get.consistent_read(true).send().await {
        Ok(got) => got.item,
        Err(error) if NO_RECORD.contains(&error.code().unwrap_or_default()) => None,
        Err(error) => {
            return Err(failed(&format!("reading the layout in table {}", tables.state), error));
        }
    };
    let Some(item) = item else { return Ok(None) };
    let text = |name| item.get(name).and_then(|value| value.as_s().ok());
    match (text("events"), text("layout")) {
        (Some(events), Some(layout)) => Ok(Some((events.clone(), layout.parse()?))),
        _ => Err(Error::corrupt(format!(
            "the item (store, layout) of table {} has no `events` or no `layout`",
            tables.state
        ))),
    }
}

/// The table as it is, `None` if there is none.
async fn look(client: &Client, table: &str) -> Result<Option<TableDescription>> {
    match client.describe_table().table_name(table).send().await {
        Ok(described) => Ok(described.table),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(failed(&format!("describing table {table}"), error)),
    }
}

/// Waits until the table and its indexes are ready or, if it is being deleted, gone.
async fn settled(client: &Client, table: &str) -> Result<Option<TableDescription>> {
    for _ in 0..TABLE_POLLS_MAX {
        let found = look(client, table).await?;
        match &found {
            Some(description) if !is_settled(description) => tokio::time::sleep(TABLE_POLL).await,
            _ => return Ok(found),
        }
    }
    Err(Error::unavailable(format!(
        "table {table} is not ready after {:?}: the same command goes on waiting",
        TABLE_POLL * TABLE_POLLS_MAX
    )))
}

fn is_settled(table: &TableDescription) -> bool {
    let indexes = table.global_secondary_indexes();
    table.table_status == Some(TableStatus::Active)
        && indexes
            .iter()
            .all(|index| index.index_status.as_ref().is_some_and(|s| s.as_str() == "ACTIVE"))
}
