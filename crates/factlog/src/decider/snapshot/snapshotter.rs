//! Writes the snapshots that are due, apart from the commands that made them.

use std::fmt;
use std::sync::Arc;

use futures::channel::mpsc;
use futures::{FutureExt, StreamExt};

use super::super::metrics::count;
use super::{Due, Shared, format};
use crate::Result;
use crate::limits::STATE_VALUE_BYTES_MAX;
use crate::state::{Condition, Write, Written};

/// Writes the snapshots that are due. Dropping it ends the writing of snapshots, and nothing else.
pub struct Snapshotter<S> {
    shared: Arc<Shared<S>>,
    queue: mpsc::Receiver<Due<S>>,
}

/// What became of a snapshot.
enum Outcome {
    Written,
    /// There is one that is as new.
    Skipped,
    TooLarge,
}

impl<S> Snapshotter<S> {
    pub(super) fn new(shared: Arc<Shared<S>>, queue: mpsc::Receiver<Due<S>>) -> Self {
        Self { shared, queue }
    }

    /// Writes snapshots as they come, until all executors that hand them over are dropped. A snapshot that
    /// can't be written is counted, and the next one is tried.
    pub async fn run(mut self) {
        while let Some(due) = self.queue.next().await {
            self.write(due).await;
        }
    }

    /// Writes the snapshots that wait now: for programs that stop between requests.
    pub async fn write_waiting(&mut self) {
        while let Some(Some(due)) = self.queue.next().now_or_never() {
            self.write(due).await;
        }
    }

    async fn write(&self, due: Due<S>) {
        let counters = &self.shared.counters;
        count(match self.shared.put(&due).await {
            Ok(Outcome::Written) => &counters.snapshots_written,
            Ok(Outcome::Skipped) => &counters.snapshots_skipped,
            Ok(Outcome::TooLarge) => &counters.snapshots_too_large,
            Err(_) => &counters.snapshots_failed,
        });
    }
}

impl<S> Shared<S> {
    /// Puts a snapshot in the place of an older one.
    async fn put(&self, Due { stream, folded, replace }: &Due<S>) -> Result<Outcome> {
        let key = self.key(stream)?;
        let found = self.state.get(&key).await?;
        let header = found.as_ref().and_then(|item| format::split(&item.value));
        // While programs of two schema versions run, the newer one's snapshot stays.
        let stays = header.is_some_and(|(header, _)| {
            (header.schema, header.version) >= (self.schema, folded.version.number())
        });
        if stays && !replace {
            return Ok(Outcome::Skipped);
        }
        let value = self.write(stream, folded)?;
        if value.len() > STATE_VALUE_BYTES_MAX {
            return Ok(Outcome::TooLarge);
        }
        let unchanged = found.map_or(Condition::Absent, |item| Condition::Revision(item.revision));
        let written = self.state.write(vec![Write::put(key, value).expecting(unchanged)]).await?;
        Ok(match written {
            Written::Done(_) => Outcome::Written,
            Written::Refused { .. } => Outcome::Skipped,
        })
    }
}

impl<S> fmt::Debug for Snapshotter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshotter").field("decider", &self.shared.decider).finish_non_exhaustive()
    }
}
