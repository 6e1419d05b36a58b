//! What factlog itself keeps in the metadata of an event, beside what the program keeps there.
//!
//! `{"command":"3d6f…","schema":2, …}`. Events that others wrote have neither, or something else under
//! these names: what is not ours is not there.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::decider::CommandId;
use crate::{Error, RecordedEvent, Result};

const COMMAND: &str = "command";
const SCHEMA: &str = "schema";

/// What the metadata of an event say of its origin and form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The command that it comes from.
    pub command: Option<CommandId>,
    /// The version of the schema that it is written in, counted from 1.
    pub schema: u32,
}

impl Metadata {
    /// Reads them from an event.
    #[must_use]
    pub fn of(event: &RecordedEvent) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Ours {
            command: Value,
            schema: Value,
        }
        let ours = match &event.metadata[..] {
            [] => Ours::default(),
            metadata => serde_json::from_slice(metadata).unwrap_or_default(),
        };
        let command = ours.command.as_str().and_then(|text| CommandId::parse_str(text).ok());
        let schema = ours.schema.as_u64().and_then(|number| u32::try_from(number).ok());
        Self { command, schema: schema.unwrap_or(1).max(1) }
    }

    /// The metadata of an event, with what the program says beside.
    pub(crate) fn write(self, beside: &Map<String, Value>) -> Result<Vec<u8>> {
        if let Some(name) = [COMMAND, SCHEMA].into_iter().find(|name| beside.contains_key(*name)) {
            return Err(Error::invalid(format!("metadata {name:?} of an event is factlog's own")));
        }
        let mut all = beside.clone();
        if let Some(command) = self.command {
            all.insert(COMMAND.into(), command.to_string().into());
        }
        if self.schema > 1 {
            all.insert(SCHEMA.into(), self.schema.into());
        }
        serde_json::to_vec(&all)
            .map_err(|e| Error::internal("metadata can't be written as JSON").with_source(e))
    }
}
