//! Removing the tables of a store.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use factlog::{Error, Result};

use super::{Tables, look, recorded, settled};
use crate::error::failed;

impl Tables {
    /// Removes the tables of a store with everything in them, and answers their names. An events table that was there
    /// before the store stays. Broken off, it can be run again.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Invalid` if one is protected against deletion, and then none is removed.
    pub async fn destroy(client: &Client, store: &str) -> Result<Vec<String>> {
        let mut tables = Self::named(store)?;
        if let Some((events, _)) = recorded(client, &tables).await? {
            tables.events = events;
        }
        // The state table is the last, since it knows the events table.
        let mut names = vec![tables.log.clone(), tables.state.clone()];
        if !tables.events_are_foreign() {
            names.insert(0, tables.events.clone());
        }
        let mut there = Vec::new();
        for name in names {
            let Some(found) = look(client, &name).await? else { continue };
            if found.deletion_protection_enabled() == Some(true) {
                return Err(Error::invalid(format!(
                    "table {name} is protected against deletion: switch that off first, with \
                     `aws dynamodb update-table --table-name {name} --no-deletion-protection-enabled`"
                )));
            }
            there.push(name);
        }
        if there.is_empty() {
            return Err(Error::not_found(format!("store {store} has no tables")));
        }
        for name in &there {
            match client.delete_table().table_name(name).send().await {
                Err(error) if error.code() != Some("ResourceNotFoundException") => {
                    return Err(failed(&format!("deleting table {name}"), error));
                }
                _ => settled(client, name).await?,
            };
        }
        Ok(there)
    }
}
