//! Typed events: what stands between a program's types and the bytes in the store.
//!
//! ```text
//!   event  --encode-->  type, JSON, schema version
//!   events <--decode--  type, JSON, schema version: what is older is brought up to date (upcast)
//! ```
//!
//! [`Json`] does it for an enum that serde knows: the variant is the type, its content the data. When the
//! enum changes, the change is told once, as an [`Upcast`]; events in the store are never rewritten.
//!
//! The schema version stands in the event's metadata (`{"schema":2}`; without it, 1), not in its type: a
//! filter by type, a projection and a person at the console go on finding all events of a type by one name.
//!
//! ```
//! use factlog::codec::{EventCodec, Json, Upcast};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! enum CartEvent {
//!     ItemAdded { sku: String, count: u32 },
//! }
//!
//! // Version 1 called it `Added`, named the article `item`, and knew no count.
//! let codec = Json::<CartEvent>::new().upcast(
//!     Upcast::new()
//!         .rename_type("Added", "ItemAdded")
//!         .rename_field("ItemAdded", "item", "sku")
//!         .fill("ItemAdded", "count", 1),
//! );
//!
//! # use factlog::{Event, Position, RecordedEvent, Timestamp, Version};
//! # let old = Event::new(uuid::Uuid::nil(), "Added".parse()?, r#"{"item":"tea"}"#);
//! # let (first, recorded) = (Version::FIRST, Timestamp::default());
//! # let old = RecordedEvent::new(old, "cart-1".parse()?, first, Position::FIRST, recorded);
//! assert_eq!(codec.decode(&old)?, [CartEvent::ItemAdded { sku: "tea".into(), count: 1 }]);
//! # Ok::<_, factlog::Error>(())
//! ```

mod json;
mod metadata;
mod upcast;

use bytes::Bytes;

use crate::{EventType, RecordedEvent, Result};

pub use json::{Json, Unknown};
pub use metadata::Metadata;
pub use upcast::Upcast;

/// Makes events of a program's own type into what is stored, and back.
pub trait EventCodec: Send + Sync + 'static {
    /// The program's own type.
    type Event;

    /// The event as it is stored.
    ///
    /// # Errors
    /// `Invalid` if the event can't be written.
    fn encode(&self, event: &Self::Event) -> Result<Encoded>;

    /// What a stored event means today: one event; none, if it is passed over; several, if what was
    /// once one fact is several now.
    ///
    /// # Errors
    /// `Invalid` if it can't be read; the message names the stream, the version and the type.
    fn decode(&self, event: &RecordedEvent) -> Result<Vec<Self::Event>>;
}

/// An event as it is stored, before it has an id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoded {
    /// Its type.
    pub event_type: EventType,
    /// Its data, JSON.
    pub data: Bytes,
    /// The version of the schema that it is written in, counted from 1.
    pub schema: u32,
}

impl Encoded {
    /// An event as it is stored.
    #[must_use]
    pub fn new(event_type: EventType, data: impl Into<Bytes>, schema: u32) -> Self {
        Self { event_type, data: data.into(), schema }
    }
}
