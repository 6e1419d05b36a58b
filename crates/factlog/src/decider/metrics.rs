//! What executors have done: counters that are read as a plain struct.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! metrics {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// What an executor has done since it was made. Each number only grows.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[$doc])+ pub $name: u64,)+
        }

        /// The same numbers while they are counted.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(super) $name: AtomicU64,)+
        }

        impl Counters {
            pub(super) fn read(&self) -> Metrics {
                Metrics { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

metrics! {
    /// Commands executed. One over several streams is counted by the executor of the first, as are
    /// its rejections, repeats and conflicts.
    executions,
    /// Commands that the decider rejected.
    rejections,
    /// Commands that were answered as they were before.
    repeats,
    /// Decisions that were taken again, because a stream was not where it was expected.
    conflicts,
    /// Commands that were given up after as many conflicts as are allowed.
    given_up,
    /// Appends sent again, because the store could not say or could not take them.
    appends_repeated,
    /// States found in the cache.
    cache_hits,
    /// States not found there.
    cache_misses,
    /// Events read to make states.
    events_loaded,
    /// States made from a snapshot and what came after it.
    snapshots_used,
    /// Snapshots found and not used: of another schema, stream or history, later than what was asked for, or
    /// damaged.
    snapshots_ignored,
    /// Snapshots written.
    snapshots_written,
    /// Snapshots not written, because there is one as new, or too many wait.
    snapshots_skipped,
    /// Snapshots not written, because the state is larger than a value may be.
    snapshots_too_large,
    /// Reads and writes of snapshots that failed. A state is then made from events alone.
    snapshots_failed,
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
