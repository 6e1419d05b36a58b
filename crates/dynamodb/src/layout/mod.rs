//! How commits lie in the events table: the names of the attributes and the packing, as a value.
//!
//! ```text
//!   a part of a commit ──encode──> items, and objects to write before them
//!   an item            ──decode──> a piece, and what of it lies in objects
//!
//!   native      an item a part, or as much of it as fits: `native`, `packed`
//!   castore…    an item an event: `per_event`, `json`, `partition`, `index`
//!   custom      an item an event under other names: `names`
//! ```
//!
//! Nothing here does I/O. An item that no layout has made is `Corrupt`, and the error names stream, version and attribute.

mod index;
mod json;
mod names;
mod native;
mod packed;
mod partition;
mod per_event;
mod shared;
#[cfg(test)]
mod tests;

use aws_sdk_dynamodb::types::AttributeValue;
use factlog::{Error, Event, Result, StreamName, Timestamp, Version, limits as contract};

pub(crate) use index::{Index, created_bounds, parse_created};
pub use names::Names;

use crate::commit::{Part, Piece, PieceHead};
use crate::item::{Item, Malformed, as_number, as_text, required};
use crate::large::{Address, Upload};
use crate::limits::{
    ITEM_BYTES_MAX, JSON_APPEND_BYTES_MAX, JSON_BODY_BYTES_MAX, NATIVE_APPEND_BYTES_MAX,
    NATIVE_BODY_BYTES_MAX, TRANSACTION_ITEMS_MAX,
};
use per_event::{Initial, PerEvent};

/// How commits lie in the events table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Native,
    PerEvent(PerEvent),
}

/// The events of a commit in one stream, to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartToWrite<'a> {
    pub(crate) stream: &'a StreamName,
    /// The version of its first event.
    pub(crate) first: Version,
    /// At least one.
    pub(crate) events: &'a [Event],
    /// When the commit is recorded: whole milliseconds, the same for all its parts.
    pub(crate) recorded: Timestamp,
    /// What the index of initial events sorts the stream by: whole microseconds, greater than that of
    /// every part before (of this commit too). `native` has no use for it.
    pub(crate) index_time: Timestamp,
    /// All parts of the commit in the order of the append, this one included; empty where it is the only one.
    pub(crate) parts: &'a [Part],
    /// Whether there is an object store for what does not fit an item.
    pub(crate) large_events: bool,
}

/// A part as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    /// The pieces in the order of their versions, each an item of at most [`ITEM_BYTES_MAX`].
    pub(crate) items: Vec<Item>,
    /// Objects to write before them: see [`LargeEvents::write`](crate::large::LargeEvents::write).
    pub(crate) uploads: Vec<Upload>,
}

/// A piece as its item says it: see [`large::complete`](crate::large::complete).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The piece; what lies elsewhere is empty in it. Ids, types and times are complete.
    pub(crate) piece: Piece,
    /// What lies elsewhere: the event's index in the piece, which of its bodies, and where.
    pub(crate) elsewhere: Vec<(usize, Body, Address)>,
}

/// What an event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Data,
    Metadata,
}

/// The limits of an append in a layout, at most those of the contract. A store checks them first; an append within them can still
/// exceed the items or bytes of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendLimits {
    /// Most events in one append.
    pub events: usize,
    /// Most streams that one append writes or checks.
    pub streams: usize,
    /// Most bytes of one append, see [`factlog::Append::size`].
    pub bytes: usize,
    /// Most bytes of data in one event.
    pub data_bytes: usize,
    /// Most bytes of metadata in one event.
    pub metadata_bytes: usize,
}

impl Layout {
    /// One item for each part of a commit: the cheapest.
    #[must_use]
    pub const fn native() -> Self {
        Self(Kind::Native)
    }

    /// One item an event, as the adapter for DynamoDB of Castore writes and reads them.
    #[must_use]
    pub fn castore() -> Self {
        Self::of(castore_names(), Initial::Flag)
    }

    /// One item an event, as the adapter for a single DynamoDB table of Castore writes and reads them. The stream
    /// `loan-173688` is aggregate `173688` of event store `loan`.
    #[must_use]
    pub fn castore_single_table() -> Self {
        Self::of(castore_names(), Initial::EventStore)
    }

    /// One item an event, under these names.
    ///
    /// # Errors
    /// `Invalid` if a name is empty, too long, given twice or `factlog`.
    pub fn custom(names: Names) -> Result<Self> {
        names.check()?;
        Ok(Self::of(names, Initial::None))
    }

    const fn of(names: Names, index: Initial) -> Self {
        Self(Kind::PerEvent(PerEvent { names, index }))
    }

    /// The names of the table's partition key (a string) and sort key (a number).
    pub(crate) fn keys(&self) -> (&str, &str) {
        match &self.0 {
            Kind::Native => (native::STREAM, native::VERSION),
            Kind::PerEvent(layout) => (&layout.names.stream, &layout.names.version),
        }
    }

    /// The index of initial events, where the layout has one.
    pub(crate) fn index(&self) -> Option<Index> {
        self.initial().index()
    }

    /// The partition of the index in which the streams of a category lie, where the layout has one; in
    /// `castore` those of all categories lie in the same.
    pub(crate) fn index_partition(&self, category: &str) -> Option<AttributeValue> {
        self.initial().partition(category)
    }

    /// Whether an item has an entry in the index.
    pub(crate) fn is_indexed(&self, item: &Item) -> bool {
        self.index().is_some_and(|index| item.contains_key(index.partition))
    }

    fn initial(&self) -> Initial {
        match &self.0 {
            Kind::Native => Initial::None,
            Kind::PerEvent(layout) => layout.index,
        }
    }

    /// The value of a stream's partition key.
    pub(crate) fn partition(&self, stream: &StreamName) -> String {
        match &self.0 {
            Kind::Native => stream.as_str().to_owned(),
            Kind::PerEvent(layout) => layout.partition(stream),
        }
    }

    /// The stream that has this value as its partition key.
    ///
    /// # Errors
    /// `Corrupt` if no stream has.
    pub(crate) fn stream_name(&self, partition: &str) -> Result<StreamName> {
        let stream = match &self.0 {
            Kind::Native => StreamName::try_from(partition),
            Kind::PerEvent(layout) => layout.stream_name(partition),
        };
        let key = self.keys().0;
        stream.map_err(|e| Error::corrupt(format!("partition key {key} {partition:?}: {e}")))
    }

    /// The key of the piece that begins with this version.
    pub(crate) fn key(&self, stream: &StreamName, first: Version) -> Item {
        match &self.0 {
            Kind::Native => native::key(stream, first),
            Kind::PerEvent(layout) => layout.key(stream, first),
        }
    }

    /// The items of a part.
    ///
    /// # Errors
    /// `TooLarge` if an event does not fit an item and there is no object store.
    pub(crate) fn encode(&self, part: PartToWrite<'_>) -> Result<Encoded> {
        let pieces = |part: PartToWrite<'_>| match &self.0 {
            Kind::Native => native::encode(&part),
            Kind::PerEvent(layout) => layout.encode(&part),
        };
        let encoded = pieces(part)?;
        if encoded.items.len() == 1 || !part.parts.is_empty() {
            return Ok(encoded);
        }
        let PartToWrite { stream, first, events, .. } = part;
        let count = u32::try_from(events.len()).expect("events are within the contract's limit");
        pieces(PartToWrite { parts: &[Part { stream: stream.clone(), first, count }], ..part })
    }

    /// The piece of an item.
    ///
    /// # Errors
    /// `Corrupt`, with stream and version, if the item is none that the layout makes.
    pub(crate) fn decode(&self, item: &Item) -> Result<Decoded> {
        let (stream, first) = self.place(item)?;
        let decoded = match &self.0 {
            Kind::Native => native::decode(item, stream.clone(), first),
            Kind::PerEvent(layout) => layout.decode(item, stream.clone(), first),
        };
        let some = decoded.and_then(|decoded| match decoded.piece.events.len() {
            0 => Err(Malformed::new("no event")),
            _ => Ok(decoded),
        });
        some.map_err(|e| corrupt(&stream, first, &e))
    }

    /// The piece of an item, without what its events say: nothing is decompressed.
    ///
    /// # Errors
    /// `Corrupt`, with stream and version, if the item is none that the layout makes.
    pub(crate) fn decode_head(&self, item: &Item) -> Result<PieceHead> {
        let (stream, first) = self.place(item)?;
        let head = match &self.0 {
            Kind::Native => native::decode_head(item, stream.clone(), first),
            Kind::PerEvent(layout) => layout.decode_head(item, stream.clone(), first),
        };
        let some = head.and_then(|head| match head.types.len() {
            0 => Err(Malformed::new("no event")),
            _ => Ok(head),
        });
        some.map_err(|e| corrupt(&stream, first, &e))
    }

    /// The stream and the version of an item's first event.
    pub(crate) fn place(&self, item: &Item) -> Result<(StreamName, Version)> {
        let (partition, sort) = self.keys();
        let no_key = |e| Error::corrupt(format!("an item of the events table: {e}"));
        let stream = self.stream_name(required(item, partition, as_text).map_err(no_key)?)?;
        match required(item, sort, as_number) {
            Ok(0) => Err(Error::corrupt(format!("stream {stream} has an item at version 0"))),
            Ok(version) => Ok((stream, Version::new(version))),
            Err(e) => Err(Error::corrupt(format!("stream {stream}: {e}"))),
        }
    }

    /// The limits of an append, with or without an object store for large events.
    #[must_use]
    pub fn limits(&self, large_events: bool) -> AppendLimits {
        let (events, bytes, body_bytes) = match &self.0 {
            Kind::Native => {
                (contract::APPEND_EVENTS_MAX, NATIVE_APPEND_BYTES_MAX, NATIVE_BODY_BYTES_MAX)
            }
            Kind::PerEvent(_) => {
                (TRANSACTION_ITEMS_MAX, JSON_APPEND_BYTES_MAX, JSON_BODY_BYTES_MAX)
            }
        };
        let or = |with_objects, without| if large_events { with_objects } else { without };
        AppendLimits {
            events,
            streams: TRANSACTION_ITEMS_MAX,
            bytes: or(contract::APPEND_BYTES_MAX, bytes),
            data_bytes: or(contract::EVENT_DATA_BYTES_MAX, body_bytes),
            metadata_bytes: or(contract::EVENT_METADATA_BYTES_MAX, body_bytes),
        }
    }
}

fn castore_names() -> Names {
    Names::new("aggregateId", "version", "type", "payload")
        .with_metadata("metadata")
        .with_timestamp("timestamp")
}

fn corrupt(stream: &StreamName, first: Version, malformed: &Malformed) -> Error {
    Error::corrupt(format!("stream {stream} version {first}: {malformed}"))
}

/// An event does not fit an item, with what has to stand beside it.
fn too_large(part: &PartToWrite<'_>, version: Version, event: &Event) -> Error {
    let Event { id, event_type, data, metadata, .. } = event;
    let names: usize = part.parts.iter().map(|named| named.stream.as_str().len()).sum();
    let commit = match part.parts.len() {
        0 => String::new(),
        parts => format!(", {names} bytes of names of the commit's {parts} parts"),
    };
    let remedy = if part.large_events {
        ""
    } else {
        "; larger events need an object store (`--large-events`)"
    };
    Error::too_large(format!(
        "event {id} ({event_type}), version {version} of stream {}, does not fit an item of DynamoDB: {} bytes of data, \
         {} bytes of metadata{commit}, the limit is {ITEM_BYTES_MAX} bytes{remedy}",
        part.stream,
        data.len(),
        metadata.len(),
    ))
}
