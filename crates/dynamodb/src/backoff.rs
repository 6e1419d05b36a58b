//! What is drawn at random. First of all, how long to wait before trying again: exponential, with full jitter ("Exponential Backoff And
//! Jitter", AWS Architecture Blog, 2015).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::limits::{PAUSE_FIRST, PAUSE_MAX};

/// How long to wait before trying again, at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    /// Before the second attempt; it doubles with each one.
    pub(crate) first: Duration,
    /// Before any attempt.
    pub(crate) max: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: PAUSE_FIRST, max: PAUSE_MAX }
    }
}

/// Draws pauses; two processes with different seeds draw different ones.
#[derive(Debug)]
pub(crate) struct Backoff {
    pauses: Pauses,
    state: AtomicU64,
}

impl Backoff {
    pub(crate) fn new(pauses: Pauses, seed: u64) -> Self {
        Self { pauses, state: AtomicU64::new(seed) }
    }

    /// A pause before the attempt with this number, counted from 1; none before the first.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        let Some(doublings) = attempt.checked_sub(2) else { return Duration::ZERO };
        let Pauses { first, max } = self.pauses;
        let ceiling = first.saturating_mul(1 << doublings.min(16)).min(max);
        ceiling.mul_f64(self.fraction())
    }

    fn fraction(&self) -> f64 {
        self.draw() as f64 / u64::MAX as f64
    }

    /// The next number (SplitMix64; Steele, Lea and Flood, 2014).
    pub(crate) fn draw(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut word = self.state.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{PAUSE_FIRST, PAUSE_MAX};

    const PAUSES: Pauses = Pauses { first: PAUSE_FIRST, max: PAUSE_MAX };

    #[test]
    fn pauses_grow_up_to_their_bound_and_differ_by_seed() {
        let backoff = Backoff::new(PAUSES, 7);
        assert_eq!(backoff.pause(1), Duration::ZERO);
        for attempt in 2..100 {
            let pause = backoff.pause(attempt);
            let ceiling = PAUSE_FIRST * 2_u32.pow((attempt - 2).min(16));
            assert!(pause <= ceiling.min(PAUSE_MAX), "{attempt}: {pause:?}");
        }
        let by = |seed| Backoff::new(PAUSES, seed).pause(9);
        assert_ne!(by(1), by(2));
    }
}
