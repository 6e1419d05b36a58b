//! An event as it is appended, and as it comes back.

use bytes::Bytes;
use uuid::Uuid;

use crate::limits::{EVENT_DATA_BYTES_MAX, EVENT_METADATA_BYTES_MAX};
use crate::{Error, EventType, Position, Result, StreamName, Timestamp, Version};

/// Names one event for ever: an append that is sent again is known by the ids of its events.
pub type EventId = Uuid;

/// A fact to append.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The event's id, chosen by the caller: the same id on a retry makes the retry safe.
    pub id: EventId,
    /// What kind of fact it is, in the past tense: `LoanApproved`.
    pub event_type: EventType,
    /// The fact, opaque to the store; JSON by convention. At most
    /// [`EVENT_DATA_BYTES_MAX`] bytes.
    pub data: Bytes,
    /// What else is known (who, why, correlation), JSON; empty for none. At most
    /// [`EVENT_METADATA_BYTES_MAX`] bytes.
    pub metadata: Bytes,
    /// The writer's time; where it is `None`, the store takes the recorded time.
    pub time: Option<Timestamp>,
}

impl Event {
    /// An event with this id, type and data.
    #[must_use]
    pub fn new(id: EventId, event_type: EventType, data: impl Into<Bytes>) -> Self {
        Self { id, event_type, data: data.into(), metadata: Bytes::new(), time: None }
    }

    /// The same event with metadata: JSON.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Into<Bytes>) -> Self {
        self.metadata = metadata.into();
        self
    }

    /// The same event at the writer's time.
    #[must_use]
    pub fn with_time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// The bytes that count towards [`APPEND_BYTES_MAX`](crate::limits::APPEND_BYTES_MAX), without the name of the stream.
    #[must_use]
    pub fn size(&self) -> usize {
        self.event_type.as_str().len() + self.data.len() + self.metadata.len()
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (what, bytes, bytes_max) in [
            ("data", self.data.len(), EVENT_DATA_BYTES_MAX),
            ("metadata", self.metadata.len(), EVENT_METADATA_BYTES_MAX),
        ] {
            if bytes > bytes_max {
                let Self { id, event_type, .. } = self;
                return Err(Error::too_large(format!(
                    "event {id} ({event_type}) has {bytes} bytes of {what}, the limit is {bytes_max}"
                )));
            }
        }
        Ok(())
    }
}

/// An event with its place and time, as every reader sees it for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// Its place in the log. In a read of a stream it is [`Position::ZERO`] where the store places events after
    /// the append: then the log alone tells.
    pub position: Position,
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream.
    pub version: Version,
    /// Its id.
    pub id: EventId,
    /// Its type.
    pub event_type: EventType,
    /// The fact.
    pub data: Bytes,
    /// What else is known; JSON, or empty.
    pub metadata: Bytes,
    /// The writer's time.
    pub time: Timestamp,
    /// When the store recorded it; never earlier than the event before it in its stream. Where the store
    /// places events as it appends them, that holds of the event before it in the log, too.
    pub recorded: Timestamp,
}

impl RecordedEvent {
    /// The event as it stands at this place.
    #[must_use]
    pub fn new(
        event: Event,
        stream: StreamName,
        version: Version,
        position: Position,
        recorded: Timestamp,
    ) -> Self {
        let Event { id, event_type, data, metadata, time } = event;
        let time = time.unwrap_or(recorded);
        Self { position, stream, version, id, event_type, data, metadata, time, recorded }
    }
}
