//! How commits lie in the events table: the names of the attributes and the packing, as a value.

use std::fmt;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use factlog::{Error, Event, Result, StreamName, TimeRange, Timestamp, Version};

use crate::commit::{Part, Piece, PieceHead};
use crate::item::Item;
use crate::large::{Address, Upload};

/// How commits lie in the events table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout;

/// The index of initial events that a layout has: a global secondary index that projects the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    /// Its partition key: a string or a number.
    pub(crate) partition: &'static str,
    pub(crate) partition_is_number: bool,
    /// Its sort key, a string: [`created_bounds`] says which range, [`parse_created`] reads it.
    pub(crate) sort: &'static str,
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
    /// The pieces in the order of their versions, each an item of at most 400 KB.
    pub(crate) items: Vec<Item>,
    /// Objects to write before them, see [`LargeEvents::write`](crate::large::LargeEvents::write).
    pub(crate) uploads: Vec<Upload>,
}

/// A piece as its item says it: see [`large::complete`](crate::large::complete).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The piece; data and metadata that lie elsewhere are empty in it. Ids, types and times are complete.
    pub(crate) piece: Piece,
    /// What lies elsewhere: the event's index in the piece, which of its bodies, and where.
    pub(crate) elsewhere: Vec<(usize, Body, Address)>,
}

/// One of the two texts of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Data,
    Metadata,
}

/// The limits of an append in a layout, all at most those of the contract. A store checks them first; an append
/// within them can still exceed the items or bytes of a transaction.
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
    /// One item for each part of a commit.
    #[must_use]
    pub fn native() -> Self {
        todo!()
    }

    /// As Castore's adapter for DynamoDB lays events: one item an event.
    #[must_use]
    pub fn castore() -> Self {
        todo!()
    }

    /// As Castore's adapter for a single table lays events.
    #[must_use]
    pub fn castore_single_table() -> Self {
        todo!()
    }

    /// The names of the table's partition key (a string) and sort key (a number).
    pub(crate) fn keys(&self) -> (&str, &str) {
        todo!()
    }

    /// The index of initial events, where the layout has one.
    pub(crate) fn index(&self) -> Option<Index> {
        todo!()
    }

    /// The partition of the index in which the streams of a category lie; `castore` has one for all streams.
    pub(crate) fn index_partition(&self, _category: &str) -> AttributeValue {
        todo!()
    }

    /// The value of the partition key of a stream.
    pub(crate) fn partition(&self, _stream: &StreamName) -> String {
        todo!()
    }

    /// The stream of a partition.
    pub(crate) fn stream_name(&self, _partition: &str) -> Result<StreamName> {
        todo!()
    }

    /// The key of the piece that begins with this version.
    pub(crate) fn key(&self, _stream: &StreamName, _first: Version) -> Item {
        todo!()
    }

    /// The items of a part.
    ///
    /// # Errors
    /// `TooLarge` if an event does not fit an item and there is no object store.
    pub(crate) fn encode(&self, _part: PartToWrite<'_>) -> Result<Encoded> {
        todo!()
    }

    /// The piece of an item.
    ///
    /// # Errors
    /// `Corrupt`, with stream and version, if the item is none that the layout makes.
    pub(crate) fn decode(&self, _item: &Item) -> Result<Decoded> {
        todo!()
    }

    /// The piece of an item, without what its events say: no decompression.
    ///
    /// # Errors
    /// `Corrupt`, with stream and version, if the item is none that the layout makes.
    pub(crate) fn decode_head(&self, _item: &Item) -> Result<PieceHead> {
        todo!()
    }

    /// The limits of an append, with or without an object store for large events.
    #[must_use]
    pub fn limits(&self, _large_events: bool) -> AppendLimits {
        todo!()
    }
}

impl FromStr for Layout {
    type Err = Error;
    fn from_str(_text: &str) -> Result<Self> {
        todo!()
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// The bounds of the index's sort key, both included, between which all streams lie that were created in the range. A few
/// more may lie there: check them with [`parse_created`].
pub(crate) fn created_bounds(_created: TimeRange) -> (Option<String>, Option<String>) {
    todo!()
}

/// When a stream was created, from the index's sort key: whole milliseconds.
pub(crate) fn parse_created(_text: &str) -> Result<Timestamp> {
    todo!()
}
