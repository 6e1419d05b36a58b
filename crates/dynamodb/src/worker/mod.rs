//! The sequencer at work on DynamoDB.
//!
//! ```text
//!   task      lease? ──yes──> catch up ──> pause, and again         one of all processes works, the others look
//!             └──no───────────────────────> pause, and again         every second whether it still does
//!   once      catch up, whoever has the lease                        for who wants to read the log as it is now
//! ```

mod heart;
mod streams;
mod tables;
mod task;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use factlog::Result;

use crate::commit::PieceHead;
use crate::cost::Meter;
use crate::sequencer::{Options, Sequencer};
use crate::shared::Shared;
use streams::Streams;
pub(crate) use task::Task;

/// What the sequencer asks the world for, answered by DynamoDB. Its clones are one worker.
#[derive(Clone, Debug)]
pub(crate) struct Worker(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    shared: Shared,
    streams: Streams,
    /// Who has the lease, when it is this worker: a number that no other has.
    owner: u64,
    /// Until when this worker has the lease, in milliseconds since 1970; 0 where another has it.
    lease_until_ms: AtomicU64,
    /// Whether a lease of this worker may stand in the table: one that it has, or was taking when it was stopped.
    lease_may_stand: AtomicBool,
    /// When this worker asks again for the lease, which another was found to have.
    lease_asked_next_ms: AtomicU64,
}

impl Worker {
    pub(crate) async fn new(shared: Shared) -> Result<Self> {
        let streams = Streams::of(&shared).await?;
        let owner = shared.client.draw();
        let (lease_until_ms, lease_may_stand, lease_asked_next_ms) = Default::default();
        Ok(Self(Arc::new(Inner {
            shared,
            streams,
            owner,
            lease_until_ms,
            lease_may_stand,
            lease_asked_next_ms,
        })))
    }

    /// What its requests have cost.
    pub(crate) fn meter(&self) -> &Meter {
        &self.shared.client.meter
    }
}

impl Deref for Worker {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Places all that is there now, beside whatever other sequencer is at work.
pub(crate) async fn catch_up(shared: &Shared) -> Result<()> {
    Sequencer::new(Worker::new(shared.clone()).await?, Options::default()).catch_up().await
}

/// Places these pieces, and all that has to come before them, beside whatever other sequencer is at work.
pub(crate) async fn place(shared: &Shared, pieces: Vec<PieceHead>) -> Result<()> {
    Sequencer::new(Worker::new(shared.clone()).await?, Options::default()).place(pieces).await
}

/// Scans the whole events table and places all that has no place, whoever else is at it; answers how many events.
pub(crate) async fn place_all(shared: &Shared) -> Result<u64> {
    let worker = Worker::new(shared.clone()).await?;
    let mut sequencer = Sequencer::new(worker, Options::default());
    sequencer.rescan().await?;
    Ok(sequencer.progress().placed)
}
