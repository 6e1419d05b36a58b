//! The suite of [deciders](crate::decider) on a store and its [state](crate::state): what is promised
//! of commands and snapshots holds on every pair that keeps its own contracts, and here it is shown.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use factlog::Memory;
//! use factlog::conformance::{TestClock, decider, differential::Plan};
//!
//! fn open(clock: TestClock) -> Arc<Memory> {
//!     Arc::new(Memory::new(clock))
//! }
//!
//! factlog::decider_tests!(open);
//!
//! #[test]
//! fn states_equal_a_fold_from_scratch() {
//!     decider::check(&Plan::from_env(100), open);
//! }
//!
//! #[test]
//! fn transfers_keep_the_sum() {
//!     decider::check_transfers(decider::Transfers::new(10_000), open);
//! }
//! ```
//!
//! What `open` answers is a [`StateFixture`].

pub mod cases;
mod ledger;
mod property;
mod transfers;

use std::sync::Arc;

pub use property::check;
pub use transfers::{Answered, Transfers, check_transfers};

use super::state::StateFixture;
use super::{TestClock, bench};
use crate::decider::{Executor, Options, SnapshotPolicy, Snapshots, Snapshotter};
use crate::state::State;
use crate::{Store, StreamName};
use ledger::{Account, Ledger};

/// Runs one case on a fresh store: what a test made by [`decider_tests!`](crate::decider_tests) does.
///
/// # Panics
/// If the case fails, or does not come to an end.
pub fn run<F: StateFixture>(
    open: impl FnOnce(TestClock) -> F + Send + 'static,
    case: impl AsyncFnOnce(&mut DeciderBench) + Send + 'static,
) {
    bench::to_its_end(|| {
        let clock = TestClock::default();
        let mut bench = DeciderBench { clock: clock.clone(), fixture: Box::new(open(clock)) };
        futures::executor::block_on(case(&mut bench));
    });
}

/// A fresh store with its state: what the cases know of the API.
#[derive(Debug)]
pub struct DeciderBench {
    clock: TestClock,
    fixture: Box<dyn StateFixture>,
}

impl DeciderBench {
    fn store(&self) -> Arc<dyn Store> {
        self.fixture.store()
    }

    fn state(&self) -> Arc<dyn State> {
        self.fixture.state()
    }

    /// An executor as another process has it.
    fn executor(&self) -> Executor<Ledger> {
        self.executor_with(Options::default())
    }

    fn executor_with(&self, options: Options<Account>) -> Executor<Ledger> {
        ledger::executor(self.store(), options)
    }

    /// An executor without a cache, that keeps snapshots.
    fn with_snapshots(
        &self,
        schema: u32,
        policy: SnapshotPolicy,
    ) -> (Executor<Ledger>, Snapshotter<Account>) {
        let (snapshots, snapshotter) = snapshots(self.state(), schema, policy);
        let options = Options::default().with_states_cached(0).with_snapshots(snapshots);
        (self.executor_with(options), snapshotter)
    }
}

fn snapshots(
    state: Arc<dyn State>,
    schema: u32,
    policy: SnapshotPolicy,
) -> (Snapshots<Account>, Snapshotter<Account>) {
    Snapshots::new(state, "ledger", schema, policy).expect("the suite names its decider well")
}

fn name(stream: &str) -> StreamName {
    stream.parse().expect("the suite names streams well")
}

/// Makes a `#[test]` of each case that deciders pass on a store and its state. The argument is called
/// with a [`TestClock`](crate::conformance::TestClock) and answers a
/// [`StateFixture`](crate::conformance::state::StateFixture) with a fresh, empty store.
#[macro_export]
macro_rules! decider_tests {
    ($open:expr) => {
        mod decider_cases {
            #[allow(unused_imports)]
            use super::*;
            $crate::decider_cases!([$crate::decider_test_fns!] [$open]);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! decider_test_fns {
    ([$open:expr] $($subject:ident: $($case:ident)+;)+) => {
        $(mod $subject {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::conformance::decider::run($open, $crate::conformance::decider::cases::$case);
                }
            )+
        })+
    };
}
