//! Executes the commands of one decider, and brings its states to hand.
//!
//! ```text
//!   state:  cache ──hit──────────────────────────> decide on it, unread: the append proves it
//!             └─miss─> snapshot ─> events from its version on ─> cache
//! ```
//!
//! What is known, from the cache or a snapshot, is read on from its own version, itself included: the
//! event there must be the one that the state was made with. So a state of another history (a store that was
//! restored, a snapshot of another stream) is found out by the read that is needed anyway.

use std::fmt;
use std::sync::Arc;

use futures::TryStreamExt;
use quick_cache::sync::Cache;

use super::fold::{Fold, Folded};
use super::metrics::{Counters, count};
use super::snapshot::Basis;
use super::{CommandId, Decider, ExecuteError, Executed, Metrics, Options, Origin, Transaction};
use crate::codec::{EventCodec, Metadata};
use crate::{EventStream, ReadStream, RecordedEvent, Result, Store, StreamName, Version};

/// Executes the commands of one decider on the streams of one store. A clone shares its cache and metrics.
pub struct Executor<D: Decider> {
    pub(super) shared: Arc<Shared<D>>,
}

pub(super) struct Shared<D: Decider> {
    pub(super) store: Arc<dyn Store>,
    pub(super) fold: Fold<D>,
    pub(super) options: Options<D::State>,
    pub(super) counters: Counters,
    /// States of some streams, each of them true but perhaps not the latest. `None`: not wanted.
    cache: Option<Cache<StreamName, Arc<Folded<D::State>>>>,
}

/// A decider's state at a version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateAt<S> {
    /// The state.
    pub state: S,
    /// The version of the last event that is in it.
    pub version: Version,
}

impl<D: Decider> Clone for Executor<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<D: Decider> Executor<D> {
    /// An executor with an empty cache.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        decider: D,
        codec: impl EventCodec<Event = D::Event>,
        options: Options<D::State>,
    ) -> Self {
        let fold = Fold { decider, codec: Box::new(codec), commands_kept: options.commands_kept };
        let cache = (options.states_cached > 0).then(|| Cache::new(options.states_cached));
        let counters = Counters::default();
        Self { shared: Arc::new(Shared { store, fold, options, counters, cache }) }
    }

    /// Loads the stream's state, decides, and appends at the version that was seen; decides again if the
    /// stream has moved, a bounded number of times.
    ///
    /// A command that left events is known by its id when it comes again, from any process, as long as it
    /// is among the stream's last [`commands_kept`](Options::commands_kept) commands: it is answered as it was the
    /// first time. One that was rejected or changed nothing left no trace, and is decided anew.
    ///
    /// Dropping the future leaves open whether the command happens; executing it again tells.
    ///
    /// # Errors
    /// `Rejected` by the decider, or `Failed`.
    pub async fn execute(
        &self,
        stream: &StreamName,
        origin: impl Into<Origin>,
        command: &D::Command,
    ) -> Result<Executed, ExecuteError<D::Error>> {
        let mut transaction = Transaction::new(origin);
        let only = transaction.stream(self, stream.clone());
        transaction.execute(|streams| streams.decide(only, command)).await
    }

    /// The stream's state as the store has it now.
    ///
    /// # Errors
    /// As reading the stream, and `Invalid` for an event that can't be read.
    pub async fn state(&self, stream: &StreamName) -> Result<StateAt<D::State>> {
        let cached = self.cached(stream);
        let folded = match cached {
            Some(cached) => self.read_on(stream, Some(cached)).await?,
            None => self.load(stream).await?,
        };
        Ok(StateAt { state: folded.state.clone(), version: folded.version })
    }

    /// What it has done so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.shared.counters.read();
        if let Some(snapshots) = &self.shared.options.snapshots {
            snapshots.read_metrics(&mut metrics);
        }
        metrics
    }

    /// The state that the cache has, which may not be the latest.
    pub(super) fn cached(&self, stream: &StreamName) -> Option<Arc<Folded<D::State>>> {
        self.shared.cache.as_ref()?.get(stream)
    }

    /// Puts a state into the cache, unless there is a later one.
    pub(super) fn remember(&self, stream: &StreamName, folded: &Arc<Folded<D::State>>) {
        if let Some(cache) = &self.shared.cache
            && cache.peek(stream).is_none_or(|known| known.version <= folded.version)
        {
            cache.insert(stream.clone(), Arc::clone(folded));
        }
    }

    /// The state of a stream that is not in the cache: from its snapshot and the events after it.
    pub(super) async fn load(&self, stream: &StreamName) -> Result<Arc<Folded<D::State>>> {
        let Some(snapshots) = &self.shared.options.snapshots else {
            return self.read_on(stream, None).await;
        };
        let started = snapshots.start();
        let snapshot = snapshots.find(stream, self.shared.options.commands_kept).await;
        let found = snapshot.as_ref().map(|snapshot| snapshot.version);
        let stands = match snapshot {
            Some(snapshot) => self.read_from(stream, Arc::new(snapshot)).await?,
            None => None,
        };
        let basis = Basis { found, stands: stands.is_some() };
        let folded = match stands {
            Some(folded) => folded,
            None => self.read_all(stream).await?,
        };
        self.remember(stream, &folded);
        snapshots.loaded(stream, basis, &folded, started);
        Ok(folded)
    }

    /// The latest state of the stream, read on from what is known of it.
    pub(super) async fn read_on(
        &self,
        stream: &StreamName,
        known: Option<Arc<Folded<D::State>>>,
    ) -> Result<Arc<Folded<D::State>>> {
        let stands = match known {
            Some(known) => self.read_from(stream, known).await?,
            None => None,
        };
        let latest = match stands {
            Some(latest) => latest,
            None => {
                self.shared.cache.iter().for_each(|cache| drop(cache.remove(stream)));
                self.read_all(stream).await?
            }
        };
        self.remember(stream, &latest);
        Ok(latest)
    }

    /// Folds the events after what is known; `None` if the stream has not the event that it ends with.
    async fn read_from(
        &self,
        stream: &StreamName,
        known: Arc<Folded<D::State>>,
    ) -> Result<Option<Arc<Folded<D::State>>>> {
        match self.read_after(ReadStream::new(stream.clone()), &known).await? {
            Some(events) => self.fold_all(events, known).await.map(Some),
            None => Ok(None),
        }
    }

    /// What is read after what is known; `None` if the event that it ends with is not read.
    pub(super) async fn read_after(
        &self,
        read: ReadStream,
        known: &Folded<D::State>,
    ) -> Result<Option<EventStream>> {
        if known.version == Version::ZERO {
            return Ok(None);
        }
        let mut events = self.shared.store.read_stream(read.from(known.version));
        let stands =
            |event: &RecordedEvent| event.version == known.version && event.id == known.event;
        let stands = events.try_next().await?.as_ref().is_some_and(stands);
        Ok(stands.then_some(events))
    }

    async fn read_all(&self, stream: &StreamName) -> Result<Arc<Folded<D::State>>> {
        let events = self.shared.store.read_stream(ReadStream::new(stream.clone()));
        self.fold_all(events, Arc::new(self.shared.fold.initial())).await
    }

    /// Copies the state only if there is an event, and somebody else has it too.
    async fn fold_all(
        &self,
        mut events: EventStream,
        mut folded: Arc<Folded<D::State>>,
    ) -> Result<Arc<Folded<D::State>>> {
        while let Some(event) = events.try_next().await? {
            let next = self.shared.fold.apply(Arc::unwrap_or_clone(folded), &event)?;
            folded = Arc::new(next);
            count(&self.shared.counters.events_loaded);
        }
        Ok(folded)
    }

    /// Looks through the stream, backward, for the events that a command left.
    pub(super) async fn search(
        &self,
        stream: &StreamName,
        command: CommandId,
    ) -> Result<Option<(Version, Version)>> {
        let mut events = self.shared.store.read_stream(ReadStream::new(stream.clone()).backward());
        let mut found = None;
        while let Some(event) = events.try_next().await? {
            count(&self.shared.counters.events_loaded);
            let of_command = Metadata::of(&event).command == Some(command);
            found = match found {
                None if of_command => Some((event.version, event.version)),
                Some((_, last)) if of_command => Some((event.version, last)),
                Some(_) => break,
                None => None,
            };
        }
        Ok(found)
    }
}

impl<D: Decider> fmt::Debug for Executor<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("store", &self.shared.store)
            .field("options", &self.shared.options)
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}
