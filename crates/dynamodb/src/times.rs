//! The recorded time: whole milliseconds, in one process never before the last one.

use std::sync::atomic::{AtomicI64, Ordering};

use factlog::{Clock, Timestamp};

const NANOS_PER_MS: i64 = 1_000_000;
const NANOS_PER_MICRO: i64 = 1_000;

#[derive(Debug)]
pub(crate) struct Times {
    clock: Box<dyn Clock>,
    /// The latest recorded time that was given out, in milliseconds.
    last_ms: AtomicI64,
    /// The latest index time that was given out, in microseconds.
    last_micros: AtomicI64,
}

impl Times {
    pub(crate) fn new(clock: Box<dyn Clock>) -> Self {
        Self { clock, last_ms: AtomicI64::new(i64::MIN), last_micros: AtomicI64::new(i64::MIN) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Takes note of a time at which something was recorded, by whatever process: nothing is recorded before it.
    pub(crate) fn note(&self, recorded: Timestamp) {
        self.last_ms.fetch_max(recorded.unix_nanos().div_euclid(NANOS_PER_MS), Ordering::Relaxed);
    }

    /// When a commit is recorded that follows one which was recorded at `after`.
    pub(crate) fn record(&self, after: Timestamp) -> Timestamp {
        let now = self.now().unix_nanos().div_euclid(NANOS_PER_MS);
        let least = now.max(after.unix_nanos().div_euclid(NANOS_PER_MS));
        let last = self.last_ms.fetch_max(least, Ordering::Relaxed);
        Timestamp::from_unix_nanos(last.max(least) * NANOS_PER_MS)
    }

    /// A time that is given out once: what orders the streams of an index that began in one
    /// millisecond. In microseconds, not before the recorded time.
    pub(crate) fn index(&self, recorded: Timestamp) -> Timestamp {
        let least = recorded.unix_nanos().div_euclid(NANOS_PER_MICRO);
        let step = |last: i64| Some(last.saturating_add(1).max(least));
        let last = self.last_micros.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        let given = last.map_or(least, |last| last.saturating_add(1).max(least));
        Timestamp::from_unix_nanos(given * NANOS_PER_MICRO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factlog::conformance::TestClock;

    #[test]
    fn recorded_times_are_whole_milliseconds_and_never_go_back() {
        let clock = TestClock::default();
        let times = Times::new(Box::new(clock.clone()));
        let first = times.record(Timestamp::default());
        clock.advance_ms(-5_000);
        assert_eq!(times.record(Timestamp::default()), first);
        let later = Timestamp::from_unix_nanos(first.unix_nanos() + 7_999_999);
        assert_eq!(times.record(later).unix_nanos(), first.unix_nanos() + 7_000_000);
    }

    #[test]
    fn index_times_are_given_out_once() {
        let times = Times::new(Box::new(TestClock::default()));
        let recorded = times.record(Timestamp::default());
        let given: Vec<_> = (0..3).map(|_| times.index(recorded).unix_nanos()).collect();
        let first = recorded.unix_nanos();
        assert_eq!(given, [first, first + 1_000, first + 2_000]);
    }
}
