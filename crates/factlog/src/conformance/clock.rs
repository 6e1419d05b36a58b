//! The clock of tests: it stands still until it is told to move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::{Clock, Timestamp};

/// A clock that the test sets. Its clones are one clock, so that two stores can share a time.
#[derive(Clone, Debug)]
pub struct TestClock {
    unix_nanos: Arc<AtomicI64>,
}

impl Default for TestClock {
    /// 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self { unix_nanos: Arc::new(AtomicI64::new(1_767_225_600_000_000_000)) }
    }
}

impl TestClock {
    /// Moves the clock by so many milliseconds, back if they are negative.
    pub fn advance_ms(&self, milliseconds: i64) {
        self.unix_nanos.fetch_add(milliseconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.unix_nanos.load(Ordering::SeqCst))
    }
}
