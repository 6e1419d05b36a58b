//! Where a command comes from: its id, and what its events shall say of it.
//!
//! The ids of the events are derived, so that whoever executes a command again sends the same append, and the
//! store knows it:
//!
//! ```text
//!   decision = UUIDv5(command id; stream, type and data of all events)
//!   event id = UUIDv5(decision; number of the event)
//! ```
//!
//! The content is part of it. Two processes that execute one command at the same time and decide differently
//! (one runs newer code) would else take each other's events for their own; so the second has a conflict,
//! loads what is new, and finds that the command was executed.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::codec::{Encoded, Metadata};
use crate::{Event, Result, StreamName, Timestamp};

/// Names one command for ever. Who sends a command again, because of a lost answer, sends it with
/// the same id.
pub type CommandId = Uuid;

/// Where a command comes from. A [`CommandId`] is enough: `execute(&stream, id, &command)`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Origin {
    /// The command's id.
    pub command: CommandId,
    /// What stands in the metadata of each event: who, why, correlation. `command` and `schema` are taken.
    pub metadata: Map<String, Value>,
    /// The writer's time of the events; where it is `None`, the store takes the recorded time.
    pub time: Option<Timestamp>,
}

impl From<CommandId> for Origin {
    fn from(command: CommandId) -> Self {
        Self::new(command)
    }
}

impl Origin {
    /// The command with this id.
    #[must_use]
    pub fn new(command: CommandId) -> Self {
        Self { command, metadata: Map::new(), time: None }
    }

    /// Also says this in the metadata of each event.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// The writer's time of the events.
    #[must_use]
    pub fn with_time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// The events that the command left in each stream, with their ids and metadata.
    pub(super) fn events(
        &self,
        decided: &[(&StreamName, Vec<Encoded>)],
    ) -> Result<Vec<Vec<Event>>> {
        let decision = self.decision(decided);
        let mut number = 0_u64;
        let mut event = |encoded: &Encoded| {
            let id = Uuid::new_v5(&decision, &number.to_be_bytes());
            number += 1;
            let metadata = Metadata { command: Some(self.command), schema: encoded.schema };
            let event = Event::new(id, encoded.event_type.clone(), encoded.data.clone());
            let event = event.with_metadata(metadata.write(&self.metadata)?);
            Ok(Event { time: self.time, ..event })
        };
        decided.iter().map(|(_, events)| events.iter().map(&mut event).collect()).collect()
    }

    fn decision(&self, decided: &[(&StreamName, Vec<Encoded>)]) -> Uuid {
        let mut content = Vec::new();
        for (stream, events) in decided {
            for Encoded { event_type, data, .. } in events {
                for part in [stream.as_str().as_bytes(), event_type.as_str().as_bytes(), data] {
                    content.extend_from_slice(&part.len().to_be_bytes());
                    content.extend_from_slice(part);
                }
            }
        }
        Uuid::new_v5(&self.command, &content)
    }
}
