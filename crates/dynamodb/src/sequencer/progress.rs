//! What a sequencer has done, for whoever watches it.

use factlog::{Position, Timestamp};

/// What a sequencer has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The next position of the log.
    pub next: Position,
    /// All that happened before is placed, unless a scan is under way.
    pub current: Timestamp,
    /// Events that it has placed.
    pub placed: u64,
    /// Pages that it has written.
    pub pages: u64,
    /// Pages of others that it has met instead of writing its own.
    pub lost: u64,
    /// Scans of the events table that it has begun.
    pub scans: u64,
    /// Pieces that it has read from the events table since a stream had a hole.
    pub filled: u64,
    /// Records of what was placed already.
    pub duplicates: u64,
}

impl Progress {
    /// How far the log is behind, at most, in milliseconds.
    #[must_use]
    pub fn lag_ms(&self, now: Timestamp) -> u64 {
        let nanos = now.unix_nanos().saturating_sub(self.current.unix_nanos());
        u64::try_from(nanos / 1_000_000).unwrap_or(0)
    }
}
