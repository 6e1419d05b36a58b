//! What the sequencer asks of the world, as small traits: DynamoDB behind them, or a simulation.
//!
//! All reads but those of DynamoDB Streams are strongly consistent. Every call may fail or never return, and a
//! write that failed may have happened, or happen later: the sequencer is right all the same. A call that
//! fails with a retryable error is made again; any other error stops the sequencer.

use async_trait::async_trait;
use factlog::{Clock, Position, Result, StreamName, Timestamp, Version};

use super::frontier::{Frontier, Sequence, ShardId};
use crate::commit::PieceHead;
use crate::log::page::Page;

/// A shard as the stream describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) id: ShardId,
    /// The shard that it was split from or that it follows; it need not be described any more.
    pub(crate) parent: Option<ShardId>,
}

/// What a shard says has happened to the events table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) sequence: Sequence,
    /// When it happened, about.
    pub(crate) created: Timestamp,
    /// The item that was written; none where an item was removed, or is no piece.
    pub(crate) piece: Option<PieceHead>,
}

/// An answer of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// The next records, in order, perhaps none; what follows is unknown.
    More(Vec<Record>),
    /// The last records that were there when the shard was asked: what DynamoDB says by an empty answer.
    Current(Vec<Record>),
    /// The last records that the shard will ever have.
    Ended(Vec<Record>),
    /// The stream has forgotten the place that was asked for, or the whole shard.
    Trimmed,
}

/// DynamoDB Streams of the events table. It keeps iterators and the pace that the service asks for to itself: a shard that
/// has more is asked again at once.
#[async_trait]
pub(crate) trait Source: Send + Sync {
    /// All shards that can be read now.
    async fn shards(&self) -> Result<Vec<Shard>>;

    /// The records after this one; none: from the oldest that is left.
    async fn records(&self, shard: &ShardId, after: Option<&Sequence>) -> Result<Records>;
}

/// Versions of a stream, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) stream: StreamName,
    pub(crate) from: Version,
    pub(crate) to: Version,
}

/// The key of a piece that a scan has passed.
pub(crate) type ScanToken = (StreamName, Version);

/// Some pieces, and where the scan goes on; none: all is scanned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scanned {
    pub(crate) pieces: Vec<PieceHead>,
    pub(crate) next: Option<ScanToken>,
}

/// The events table.
#[async_trait]
pub(crate) trait Truth: Send + Sync {
    /// The pieces whose first version lies in the span, in order, or the first of them: at least one if there is one.
    async fn pieces(&self, span: &Span) -> Result<Vec<PieceHead>>;

    /// The next pieces of all, in an order that lets the scan go on; each stream's in their own order.
    async fn scan(&self, after: Option<&ScanToken>) -> Result<Scanned>;
}

/// The log table.
#[async_trait]
pub(crate) trait Pages: Send + Sync {
    /// The last page.
    async fn tail(&self) -> Result<Option<Page>>;

    /// The page at this position and some that follow it; empty if there is none.
    async fn pages(&self, first: Position) -> Result<Vec<Page>>;

    /// Writes the page if there is none at its position, and says whether it did.
    async fn put(&self, page: &Page) -> Result<bool>;
}

/// The state table's watermarks: for each stream the next version to place.
///
/// They are exact for all pages but the last one. A reader takes the last page first, then the watermark, and the
/// higher of what both say.
#[async_trait]
pub(crate) trait Watermarks: Send + Sync {
    /// The watermarks of these streams, in this order; [`Version::FIRST`] where there is none.
    async fn watermarks(&self, streams: &[StreamName]) -> Result<Vec<Version>>;

    /// Raises a watermark; one that is higher stays, and that is no error.
    async fn advance(&self, stream: &StreamName, next: Version) -> Result<()>;
}

/// A statement that outlives the process that made it, for the hours in which there is no page to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    /// All that happened before is placed.
    pub(crate) current: Timestamp,
    /// The next position of the log when the statement was made.
    pub(crate) next: Position,
    /// It owes nothing.
    pub(crate) frontier: Frontier,
}

/// The state table's two items of the sequencer.
#[async_trait]
pub(crate) trait Heart: Send + Sync {
    /// The heartbeat that was written last.
    async fn heartbeat(&self) -> Result<Option<Heartbeat>>;

    /// Writes a heartbeat over whatever is there: all that were ever written are true.
    async fn beat(&self, heartbeat: &Heartbeat) -> Result<()>;

    /// Takes or keeps the lease, and renews it when that is due: it is asked for often. False: another process has it. It
    /// spares work and is not needed to be right.
    async fn lease(&self) -> Result<bool>;
}

/// Time: the machine's, or a simulation's.
#[async_trait]
pub(crate) trait Pause: Clock {
    /// Lets so many milliseconds pass.
    async fn pause(&self, ms: u64);
}

/// All of it.
pub(crate) trait Io: Source + Truth + Pages + Watermarks + Heart + Pause {}

impl<T: Source + Truth + Pages + Watermarks + Heart + Pause> Io for T {}
