//! What an append leaves behind: a commit, in one or more pieces.
//!
//! ```text
//!   commit            append: order-1 (2 events), stock-7 (1 event)
//!    parts            order-1 v4..5            stock-7 v9          one for each stream, in the order given
//!    pieces           order-1 v4..5            stock-7 v9          native: an item for each part (more above 400 KB)
//!                     order-1 v4  order-1 v5   stock-7 v9          one item an event: castore and tables like it
//! ```
//!
//! A *piece* is one item of the events table: consecutive events of one stream. A commit of one piece
//! says nothing of its parts; where there are several pieces, each names all parts, so that whoever sees one of
//! them can find the rest.

use factlog::{Event, EventType, StreamName, Timestamp, Version};

/// The events of one commit in one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) stream: StreamName,
    /// The version of its first event.
    pub(crate) first: Version,
    /// How many events; at least 1.
    pub(crate) count: u32,
}

impl Part {
    /// The version of its last event.
    pub(crate) fn last(&self) -> Version {
        self.first.plus(u64::from(self.count)).previous()
    }
}

/// One item of the events table, without what its events say: all that the sequencer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PieceHead {
    pub(crate) stream: StreamName,
    /// The version of its first event.
    pub(crate) first: Version,
    /// The types of its events, in order; at least one.
    pub(crate) types: Vec<EventType>,
    /// When its commit was recorded: whole milliseconds.
    pub(crate) recorded: Timestamp,
    /// All parts of its commit, in the order of the append; empty where the commit is this piece alone.
    pub(crate) parts: Vec<Part>,
}

impl PieceHead {
    /// The version after its last event.
    pub(crate) fn next(&self) -> Version {
        self.first.plus(self.types.len() as u64)
    }
}

/// One item of the events table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) stream: StreamName,
    /// The version of its first event.
    pub(crate) first: Version,
    /// Its events, in order; at least one.
    pub(crate) events: Vec<Event>,
    /// When its commit was recorded: whole milliseconds.
    pub(crate) recorded: Timestamp,
    /// All parts of its commit, in the order of the append; empty where the commit is this piece alone.
    pub(crate) parts: Vec<Part>,
}

impl Piece {
    /// The version after its last event.
    pub(crate) fn next(&self) -> Version {
        self.first.plus(self.events.len() as u64)
    }
}
