//! How an executor works: its bounds, its snapshots, its patience.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::Snapshots;
use crate::limits::{DECIDER_ATTEMPTS, DECIDER_COMMANDS_KEPT, DECIDER_STATES_CACHED};

type Pause = dyn Fn(u32) -> BoxFuture<'static, ()> + Send + Sync;

/// How an executor works. `S` is the decider's state.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options<S> {
    /// Most states in the cache, one a stream; 0 for no cache. By default [`DECIDER_STATES_CACHED`].
    pub states_cached: usize,
    /// Most times that a command is decided, and that one append is sent; at least 1. By default
    /// [`DECIDER_ATTEMPTS`].
    pub attempts_max: u32,
    /// How many of a stream's last commands are known when they come again; at least 1. By default
    /// [`DECIDER_COMMANDS_KEPT`]. Snapshots that were taken with another number are not used.
    pub commands_kept: usize,
    /// Where snapshots are kept; `None` for nowhere.
    pub snapshots: Option<Snapshots<S>>,
    /// What to wait for before an append is sent again to a store that is unavailable.
    pause: Arc<Pause>,
}

impl<S> Default for Options<S> {
    fn default() -> Self {
        Self {
            states_cached: DECIDER_STATES_CACHED,
            attempts_max: DECIDER_ATTEMPTS,
            commands_kept: DECIDER_COMMANDS_KEPT,
            snapshots: None,
            pause: Arc::new(|_| Box::pin(std::future::ready(()))),
        }
    }
}

impl<S> Options<S> {
    /// Most states in the cache.
    #[must_use]
    pub fn with_states_cached(mut self, states: usize) -> Self {
        self.states_cached = states;
        self
    }

    /// Most times that a command is decided, and that one append is sent.
    #[must_use]
    pub fn with_attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts.max(1);
        self
    }

    /// How many of a stream's last commands are known when they come again.
    #[must_use]
    pub fn with_commands_kept(mut self, commands: usize) -> Self {
        self.commands_kept = commands.max(1);
        self
    }

    /// Keeps snapshots there.
    #[must_use]
    pub fn with_snapshots(mut self, snapshots: Snapshots<S>) -> Self {
        self.snapshots = Some(snapshots);
        self
    }

    /// Before an append is sent for the n-th time again (from 1) to a store that is unavailable, waits for
    /// this: the runtime's timer, say. By default it is sent again at once. After a conflict nothing is
    /// waited for: it means that another command was executed, so that the whole goes on.
    #[must_use]
    pub fn with_pause(
        mut self,
        pause: impl Fn(u32) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.pause = Arc::new(pause);
        self
    }

    pub(super) fn pause(&self, repeat: u32) -> BoxFuture<'static, ()> {
        (self.pause)(repeat)
    }
}

impl<S> fmt::Debug for Options<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("states_cached", &self.states_cached)
            .field("attempts_max", &self.attempts_max)
            .field("commands_kept", &self.commands_kept)
            .field("snapshots", &self.snapshots)
            .finish_non_exhaustive()
    }
}
