//! Snapshots: states at a version, kept so that loading need not begin at the first event.
//!
//! ```text
//!   execute ──state, when it is due──> queue (bounded) ──> Snapshotter, spawned by the program ──> State
//! ```
//!
//! A snapshot only saves time. It is used if it is whole (a checksum), of this decider, schema version
//! and stream, and if the stream has at the snapshot's version the very event that the state was made
//! with: not beyond the stream's end, not of another history. Else it is as if there were none. Whoever deletes
//! all of them changes nothing but speed.
//!
//! Each stream has one, in a partition of its own: `snapshot/DECIDER/STREAM`.

mod format;
mod snapshotter;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fold::Folded;
use super::metrics::{Counters, Metrics, count};
use crate::limits::{SNAPSHOT_NAME_BYTES_MAX, SNAPSHOTS_WAITING_MAX};
use crate::state::{Key, State};
use crate::{Clock, Error, Result, StreamName, Timestamp, Version};

pub use snapshotter::Snapshotter;

/// When a snapshot is due.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SnapshotPolicy {
    /// Never. Those that are there are used.
    Never,
    /// When an append passes a multiple of this version, and when so many events were read to load a state.
    EveryEvents(u64),
    /// When loading a state has taken longer than this, by the clock.
    LoadTime(Duration, Arc<dyn Clock>),
}

/// Where the snapshots of one decider are kept. A clone is the same place and the same queue.
pub struct Snapshots<S> {
    shared: Arc<Shared<S>>,
    policy: SnapshotPolicy,
    queue: Arc<Mutex<mpsc::Sender<Due<S>>>>,
}

/// A snapshot to write.
struct Due<S> {
    stream: StreamName,
    folded: Arc<Folded<S>>,
    /// Whether the snapshot that is there was found to be of another history.
    replace: bool,
}

/// What a state was loaded from.
#[derive(Clone, Copy)]
pub(super) struct Basis {
    /// The version of a snapshot that could be read.
    pub(super) found: Option<Version>,
    /// Whether the stream has the event that the snapshot ends with.
    pub(super) stands: bool,
}

struct Shared<S> {
    state: Arc<dyn State>,
    decider: String,
    schema: u32,
    encode: fn(&S) -> serde_json::Result<Vec<u8>>,
    decode: fn(&[u8]) -> serde_json::Result<S>,
    counters: Counters,
}

impl<S: Serialize + DeserializeOwned> Snapshots<S> {
    /// Snapshots of the decider of this name, in this state, and the [`Snapshotter`] that writes them. The
    /// program spawns [`Snapshotter::run`], or calls [`Snapshotter::write_waiting`] when it suits it.
    ///
    /// `schema` is the version of `S` and of the decider's `evolve`: raise it when either changes, and
    /// snapshots that were taken before are not used. `S` must come back from JSON as it went.
    ///
    /// # Errors
    /// `Invalid` for a name that is empty, longer than [`SNAPSHOT_NAME_BYTES_MAX`], or has a `/` or a control
    /// character.
    pub fn new(
        state: Arc<dyn State>,
        decider: impl Into<String>,
        schema: u32,
        policy: SnapshotPolicy,
    ) -> Result<(Self, Snapshotter<S>)> {
        let decider = decider.into();
        if decider.is_empty()
            || decider.len() > SNAPSHOT_NAME_BYTES_MAX
            || decider.contains(|c: char| c == '/' || c.is_control())
        {
            return Err(Error::invalid(format!(
                "a decider's snapshots can't be named {decider:?}: a name has 1 to {SNAPSHOT_NAME_BYTES_MAX} bytes, no / and no control character"
            )));
        }
        let encode = |state: &S| serde_json::to_vec(state);
        let decode = |json: &[u8]| serde_json::from_slice(json);
        let counters = Counters::default();
        let shared = Arc::new(Shared { state, decider, schema, encode, decode, counters });
        // The channel has one place more for each sender, and there is one.
        let (sender, receiver) = mpsc::channel(SNAPSHOTS_WAITING_MAX - 1);
        let snapshotter = Snapshotter::new(Arc::clone(&shared), receiver);
        Ok((Self { shared, policy, queue: Arc::new(Mutex::new(sender)) }, snapshotter))
    }
}

impl<S> Snapshots<S> {
    /// When loading begins, where that is measured.
    pub(super) fn start(&self) -> Option<Timestamp> {
        match &self.policy {
            SnapshotPolicy::LoadTime(_, clock) => Some(clock.now()),
            SnapshotPolicy::Never | SnapshotPolicy::EveryEvents(_) => None,
        }
    }

    /// The stream's snapshot, if there is one of this decider, schema and stream, taken with so many
    /// commands kept.
    pub(super) async fn find(
        &self,
        stream: &StreamName,
        commands_kept: usize,
    ) -> Option<Folded<S>> {
        let item = match self.shared.key(stream) {
            Ok(key) => self.shared.state.get(&key).await,
            Err(error) => Err(error),
        };
        let value = match item {
            Ok(item) => item?.value,
            Err(_) => {
                count(&self.shared.counters.snapshots_failed);
                return None;
            }
        };
        let snapshot = self.shared.read(stream, &value);
        let usable = snapshot.filter(|folded| folded.commands.kept_max() == commands_kept);
        if usable.is_none() {
            count(&self.shared.counters.snapshots_ignored);
        }
        usable
    }

    /// A state was made of what a snapshot knew and the events after it.
    pub(super) fn loaded(
        &self,
        stream: &StreamName,
        basis: Basis,
        folded: &Arc<Folded<S>>,
        started: Option<Timestamp>,
    ) {
        let (known, replace) = match basis {
            Basis { found: None, .. } => (Version::ZERO, false),
            Basis { found: Some(version), stands: true } => (version, false),
            Basis { found: Some(_), stands: false } => (Version::ZERO, true),
        };
        if basis.found.is_some() {
            self.looked_at(basis.stands);
        }
        let read = folded.version.number().saturating_sub(known.number());
        let due = match &self.policy {
            SnapshotPolicy::Never => false,
            SnapshotPolicy::EveryEvents(events) => read >= *events,
            SnapshotPolicy::LoadTime(longest, clock) => {
                let taken = started.map_or(0, |started| {
                    clock.now().unix_nanos().saturating_sub(started.unix_nanos())
                });
                u128::try_from(taken).is_ok_and(|taken| taken > longest.as_nanos())
            }
        };
        if due && read > 0 {
            self.enqueue(Due { stream: stream.clone(), folded: Arc::clone(folded), replace });
        }
    }

    /// A snapshot was found, and used or not.
    pub(super) fn looked_at(&self, used: bool) {
        let counters = &self.shared.counters;
        count(if used { &counters.snapshots_used } else { &counters.snapshots_ignored });
    }

    /// A state was made by appending to the one of the version before.
    pub(super) fn appended(&self, stream: &StreamName, before: Version, folded: &Arc<Folded<S>>) {
        if let SnapshotPolicy::EveryEvents(events) = &self.policy
            && before.number() / (*events).max(1) < folded.version.number() / (*events).max(1)
        {
            let (stream, folded) = (stream.clone(), Arc::clone(folded));
            self.enqueue(Due { stream, folded, replace: false });
        }
    }

    pub(super) fn read_metrics(&self, metrics: &mut Metrics) {
        let Metrics {
            snapshots_used,
            snapshots_ignored,
            snapshots_written,
            snapshots_skipped,
            snapshots_too_large,
            snapshots_failed,
            ..
        } = self.shared.counters.read();
        *metrics = Metrics {
            snapshots_used,
            snapshots_ignored,
            snapshots_written,
            snapshots_skipped,
            snapshots_too_large,
            snapshots_failed,
            ..*metrics
        };
    }

    /// Hands a snapshot to the snapshotter; where too many wait, this one is not written.
    fn enqueue(&self, due: Due<S>) {
        let sent = self.queue.lock().is_ok_and(|mut queue| queue.try_send(due).is_ok());
        if !sent {
            count(&self.shared.counters.snapshots_skipped);
        }
    }
}

impl<S> Shared<S> {
    fn key(&self, stream: &StreamName) -> Result<Key> {
        let partition = format!("snapshot/{}/{stream}", self.decider);
        Key::new(partition.as_str().parse()?, Bytes::new())
    }
}

impl<S> Clone for Snapshots<S> {
    fn clone(&self) -> Self {
        let (shared, policy) = (Arc::clone(&self.shared), self.policy.clone());
        Self { shared, policy, queue: Arc::clone(&self.queue) }
    }
}

impl<S> fmt::Debug for Snapshots<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots")
            .field("decider", &self.shared.decider)
            .field("schema", &self.shared.schema)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
