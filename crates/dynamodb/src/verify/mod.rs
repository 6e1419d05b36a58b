//! Holds the events table, the log and the watermarks against each other.
//!
//! ```text
//!   1  the log, page by page       positions without gaps, each stream's versions in order; a tally of each stream
//!   2  the events table, scanned   versions without gaps; the same tally, as far as the log has come
//!   3  what differs                the stream is read in both, and each difference is named
//!   4  the watermarks              those of all pages but the last are exact
//! ```
//!
//! The log is read first: what the table has beyond it waits for its place, or arrived meanwhile. A tally is the
//! next version and a hash over the pieces in their order, so that streams which agree are not kept.

mod compare;
mod repair;
mod table;
mod walk;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use factlog::{Position, Result, StreamName, Version};

use crate::shared::Shared;

pub use repair::Repaired;
pub(crate) use repair::repair;

/// What a verification has counted and found. It takes about 100 bytes of memory a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Pages of the log.
    pub pages: u64,
    /// Events of the log.
    pub events: u64,
    /// Streams of the events table.
    pub streams: u64,
    /// Items of the events table that have no position yet.
    pub waiting: u64,
    /// What does not agree, at most [`DIFFERENCES_MAX`](crate::limits::DIFFERENCES_MAX) of it.
    pub differences: Vec<Difference>,
}

/// A place where events table, log and watermarks do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// A stream's versions have a gap in the events table.
    VersionGap {
        /// The stream.
        stream: StreamName,
        /// The version that should come next.
        expected: Version,
        /// The version that does.
        found: Version,
    },
    /// An item of the events table that the log has passed over.
    NotPlaced {
        /// The stream.
        stream: StreamName,
        /// The version of the item's first event.
        version: Version,
    },
    /// A place of the log whose item the events table does not have.
    Missing {
        /// The stream.
        stream: StreamName,
        /// The version of the item's first event.
        version: Version,
        /// Its place.
        position: Position,
    },
    /// An item that stands in the log a second time.
    PlacedTwice {
        /// The stream.
        stream: StreamName,
        /// The version of the item's first event.
        version: Version,
        /// Its second place.
        position: Position,
    },
    /// A stream's items stand in the log in another order than in the stream.
    OutOfOrder {
        /// The stream.
        stream: StreamName,
        /// The version that stands too early.
        version: Version,
        /// Where it stands.
        position: Position,
    },
    /// A commit over several streams or items that does not stand in one piece.
    Torn {
        /// The stream of its first part.
        stream: StreamName,
        /// The version of its first event there.
        version: Version,
    },
    /// A watermark that is not what the log says.
    Watermark {
        /// The stream.
        stream: StreamName,
        /// The next version by the log.
        log: Version,
        /// The next version by the watermark.
        watermark: Version,
    },
}

impl Difference {
    /// Whether [`repair`](crate::Store::repair) can mend it, without moving any position.
    #[must_use]
    pub fn can_be_repaired(&self) -> bool {
        matches!(self, Self::Watermark { .. })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VersionGap { stream, expected, found } => write!(
                f,
                "stream {stream} goes on with version {found} in the events table, version {expected} is missing"
            ),
            Self::NotPlaced { stream, version } => write!(
                f,
                "stream {stream} version {version} is in the events table, and the log has passed over it"
            ),
            Self::Missing { stream, version, position } => write!(
                f,
                "stream {stream} version {version} is in the log at position {position}, and not in the events table"
            ),
            Self::PlacedTwice { stream, version, position } => write!(
                f,
                "stream {stream} version {version} is in the log a second time, at position {position}"
            ),
            Self::OutOfOrder { stream, version, position } => write!(
                f,
                "stream {stream} version {version} stands too early in the log, at position {position}"
            ),
            Self::Torn { stream, version } => write!(
                f,
                "the commit that begins with stream {stream} version {version} is not in one piece in the log"
            ),
            Self::Watermark { stream, log, watermark } => write!(
                f,
                "the watermark of stream {stream} says {watermark} is next, the log says {log}"
            ),
        }
    }
}

/// What is known of one stream after its items were gone through in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tally {
    next: Version,
    hash: u64,
    /// Whether the items were in order.
    in_order: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self { next: Version::FIRST, hash: 0, in_order: true }
    }
}

impl Tally {
    fn add(&mut self, first: Version, next: Version) {
        self.in_order &= first == self.next && next > first;
        self.hash = mix(mix(self.hash ^ first.number()) ^ next.number());
        self.next = self.next.max(next);
    }
}

/// What the log says, as far as it was walked.
#[derive(Debug, Default)]
struct Log {
    streams: HashMap<StreamName, Tally>,
    /// Of each commit of several parts or pieces, by its first event: a hash of its parts.
    commits: HashMap<(StreamName, Version), u64>,
    /// The tallies of the streams of the last page, as they were before it.
    before_tail: BTreeMap<StreamName, Version>,
    pages: u64,
    next: Position,
}

/// Verifies all, and tells of its progress: items and pages gone through.
pub(crate) async fn verify(
    shared: &Shared,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Verified> {
    let mut log = Log { next: Position::FIRST, ..Log::default() };
    walk::walk(shared, &mut log, &mut progress).await?;
    let mut found = table::scan(shared, &log, &mut progress).await?;
    compare::watermarks(shared, &mut log, &mut found).await?;
    Ok(Verified {
        pages: log.pages,
        events: log.next.previous().number(),
        streams: found.streams,
        waiting: found.waiting,
        differences: found.differences,
    })
}

/// One round of a multiplicative hash: the odd number is 2^64 divided by the golden ratio.
fn mix(word: u64) -> u64 {
    (word.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn mix_text(hash: u64, text: &str) -> u64 {
    text.bytes().fold(mix(hash ^ text.len() as u64), |hash, byte| mix(hash ^ u64::from(byte)))
}
