//! One stream of a command: its state, and what was decided on it. A transaction has parts of several
//! deciders, and knows of them only this trait.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::fold::Folded;
use super::metrics::{Counters, count};
use super::{CommandId, Decider, Executor};
use crate::codec::Encoded;
use crate::{Event, Position, RecordedEvent, Result, Store, StreamName, Timestamp, Version};

#[async_trait]
pub(super) trait Part: Any + Send + Sync {
    fn stream(&self) -> &StreamName;

    /// The version that the state is of.
    fn version(&self) -> Version;

    /// Whether the state was read from the store since the command came, not only found in the cache.
    fn is_read(&self) -> bool;

    /// Brings the state to hand: from the cache, else from the store.
    async fn load(&mut self) -> Result<()>;

    /// Reads what is new; answers whether there was anything.
    async fn refresh(&mut self) -> Result<bool>;

    /// The versions of the first and last event that the command left, if it is among the last ones.
    fn find(&self, command: CommandId) -> Option<(Version, Version)>;

    /// The same, and looks through the stream if the state has forgotten commands.
    async fn search(&self, command: CommandId) -> Result<Option<(Version, Version)>>;

    /// Drops what was decided.
    fn clear(&mut self);

    /// What was decided, as it is stored.
    fn encode(&self) -> Result<Vec<Encoded>>;

    /// Folds the events as they will be read: what can't be read is not written.
    fn prepare(&mut self, events: &[Event]) -> Result<()>;

    /// What was prepared stands now; answers the version of its last event, `None` if there is none.
    fn appended(&mut self) -> Option<Version>;

    fn store(&self) -> &Arc<dyn Store>;

    fn counters(&self) -> &Counters;

    fn attempts_max(&self) -> u32;

    fn pause(&self, repeat: u32) -> BoxFuture<'static, ()>;
}

pub(super) struct DeciderPart<D: Decider> {
    executor: Executor<D>,
    stream: StreamName,
    folded: Arc<Folded<D::State>>,
    is_read: bool,
    /// What was decided on the state.
    decided: Vec<D::Event>,
    /// The state with what was decided; `None`: nothing was.
    ahead: Option<D::State>,
    /// The same, made from the events as they will be read.
    prepared: Option<Folded<D::State>>,
}

impl<D: Decider> DeciderPart<D> {
    pub(super) fn new(executor: Executor<D>, stream: StreamName) -> Self {
        let folded = Arc::new(executor.shared.fold.initial());
        let decided = Vec::new();
        Self { executor, stream, folded, is_read: false, decided, ahead: None, prepared: None }
    }

    pub(super) fn state(&self) -> &D::State {
        self.ahead.as_ref().unwrap_or(&self.folded.state)
    }

    pub(super) fn decide(&mut self, command: &D::Command) -> Result<(), D::Error> {
        let events = self.executor.shared.fold.decider.decide(self.state(), command)?;
        events.into_iter().for_each(|event| self.add(event));
        Ok(())
    }

    pub(super) fn add(&mut self, event: D::Event) {
        let state = self.ahead.take().unwrap_or_else(|| self.folded.state.clone());
        self.ahead = Some(self.executor.shared.fold.decider.evolve(state, &event));
        self.decided.push(event);
    }
}

#[async_trait]
impl<D: Decider> Part for DeciderPart<D> {
    fn stream(&self) -> &StreamName {
        &self.stream
    }

    fn version(&self) -> Version {
        self.folded.version
    }

    fn is_read(&self) -> bool {
        self.is_read
    }

    async fn load(&mut self) -> Result<()> {
        let counters = &self.executor.shared.counters;
        if let Some(cached) = self.executor.cached(&self.stream) {
            count(&counters.cache_hits);
            self.folded = cached;
        } else {
            count(&counters.cache_misses);
            self.folded = self.executor.load(&self.stream).await?;
            self.is_read = true;
        }
        Ok(())
    }

    async fn refresh(&mut self) -> Result<bool> {
        let known = Arc::clone(&self.folded);
        self.folded = self.executor.read_on(&self.stream, Some(Arc::clone(&known))).await?;
        self.is_read = true;
        Ok((known.version, known.event) != (self.folded.version, self.folded.event))
    }

    fn find(&self, command: CommandId) -> Option<(Version, Version)> {
        self.folded.commands.find(command)
    }

    async fn search(&self, command: CommandId) -> Result<Option<(Version, Version)>> {
        match self.find(command) {
            None if self.folded.commands.forgot() => {
                self.executor.search(&self.stream, command).await
            }
            found => Ok(found),
        }
    }

    fn clear(&mut self) {
        self.decided.clear();
        self.ahead = None;
        self.prepared = None;
    }

    fn encode(&self) -> Result<Vec<Encoded>> {
        self.decided.iter().map(|event| self.executor.shared.fold.codec.encode(event)).collect()
    }

    fn prepare(&mut self, events: &[Event]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let (position, recorded) = (Position::ZERO, Timestamp::default());
        let mut folded = Folded::clone(&self.folded);
        for event in events {
            let (version, stream) = (folded.version.next(), self.stream.clone());
            let event = RecordedEvent::new(event.clone(), stream, version, position, recorded);
            folded = self.executor.shared.fold.apply(folded, &event)?;
        }
        self.prepared = Some(folded);
        Ok(())
    }

    fn appended(&mut self) -> Option<Version> {
        let folded = self.prepared.take().map(Arc::new)?;
        self.executor.remember(&self.stream, &folded);
        if let Some(snapshots) = &self.executor.shared.options.snapshots {
            snapshots.appended(&self.stream, self.folded.version, &folded);
        }
        Some(folded.version)
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.executor.shared.store
    }

    fn counters(&self) -> &Counters {
        &self.executor.shared.counters
    }

    fn attempts_max(&self) -> u32 {
        self.executor.shared.options.attempts_max
    }

    fn pause(&self, repeat: u32) -> BoxFuture<'static, ()> {
        self.executor.shared.options.pause(repeat)
    }
}
