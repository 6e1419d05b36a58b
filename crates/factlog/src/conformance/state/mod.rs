//! The suite that every [state](crate::state) passes, with the state in memory as the specification.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use factlog::Memory;
//! use factlog::conformance::{TestClock, differential::Plan, state};
//!
//! fn open(clock: TestClock) -> Arc<Memory> {
//!     Arc::new(Memory::new(clock))
//! }
//!
//! factlog::state_tests!(open);
//!
//! #[test]
//! fn its_state_answers_as_the_one_in_memory_does() {
//!     state::check(&Plan::from_env(100), open, open);
//! }
//! ```
//!
//! What `open` answers is the store's own [`Fixture`], that also is a [`StateFixture`]. One that
//! keeps its data adds `factlog::state_reopen_tests!(open);`.

pub mod cases;
mod differential;

use std::fmt::Debug;
use std::sync::Arc;

use futures::TryStreamExt;

pub use differential::{check, find};

use super::{Fixture, TestClock, bench};
use crate::state::{Condition, Item, Key, Revision, Scan, State, Write, Written};
use crate::{Memory, Result};

/// A store under test that keeps a state beside its events.
pub trait StateFixture: Fixture {
    /// The state of the store that is open now.
    fn state(&self) -> Arc<dyn State>;
}

impl StateFixture for Arc<Memory> {
    fn state(&self) -> Arc<dyn State> {
        Arc::new(Memory::state(self))
    }
}

/// Runs one case on a fresh store: what a test made by [`state_tests!`](crate::state_tests) does.
///
/// # Panics
/// If the case fails, or does not come to an end.
pub fn run<F: StateFixture>(
    open: impl FnOnce(TestClock) -> F + Send + 'static,
    case: impl AsyncFnOnce(&mut StateBench) + Send + 'static,
) {
    bench::to_its_end(|| {
        let mut bench = StateBench { fixture: Box::new(open(TestClock::default())) };
        futures::executor::block_on(case(&mut bench));
    });
}

/// A fresh state: what the cases know of the API.
#[derive(Debug)]
pub struct StateBench {
    fixture: Box<dyn StateFixture>,
}

impl StateBench {
    fn state(&self) -> Arc<dyn State> {
        self.fixture.state()
    }

    async fn reopen(&mut self) {
        let reopened = self.fixture.reopen().await.expect("the store opens again");
        assert!(reopened, "the fixture of a durable store reopens it");
    }

    async fn close(&self) {
        self.fixture.store().close().await.expect("the store closes");
    }

    async fn write(&self, writes: impl IntoIterator<Item = Write>) -> Result<Written> {
        self.state().write(writes.into_iter().collect()).await
    }

    /// Writes what can't be refused.
    async fn done(&self, writes: impl IntoIterator<Item = Write>) -> Revision {
        match self.write(writes).await.expect("it can be written") {
            Written::Done(revision) => revision,
            refused => panic!("{refused:?}"),
        }
    }

    /// Puts a value for each sort key of the partition `p`.
    async fn put(&self, sorts: impl IntoIterator<Item = &[u8]>) {
        let writes = sorts.into_iter().map(|sort| Write::put(key("p", sort), sort.to_vec()));
        self.state().write_each(writes.collect()).await.expect("it can be written");
    }

    async fn get(&self, key: &Key) -> Option<Item> {
        self.state().get(key).await.expect("it can be read")
    }

    async fn value(&self, key: &Key) -> Option<Vec<u8>> {
        self.get(key).await.map(|item| item.value.to_vec())
    }

    async fn scan(&self, scan: Scan) -> Vec<Item> {
        self.state().scan(scan).try_collect().await.expect("it can be scanned")
    }

    async fn sorts(&self, scan: Scan) -> Vec<Vec<u8>> {
        self.scan(scan).await.iter().map(|item| item.key.sort().to_vec()).collect()
    }
}

fn key(partition: &str, sort: &[u8]) -> Key {
    let partition = partition.parse().expect("the suite names partitions well");
    Key::new(partition, sort.to_vec()).expect("the suite makes short sort keys")
}

/// What holds of a key until it is written again.
fn unchanged(item: Option<&Item>) -> Condition {
    item.map_or(Condition::Absent, |item| Condition::Revision(item.revision))
}

/// All of the partition `p`.
fn all() -> Scan {
    Scan::new(key("p", b"").partition().clone())
}

/// Makes a `#[test]` of each case that the state of every store passes. The argument is called with
/// a [`TestClock`](crate::conformance::TestClock) and answers a
/// [`StateFixture`](crate::conformance::state::StateFixture) with a fresh, empty store.
#[macro_export]
macro_rules! state_tests {
    ($open:expr) => {
        mod state_cases {
            #[allow(unused_imports)]
            use super::*;
            $crate::state_cases!(every [$crate::state_test_fns!] [$open]);
        }
    };
}

/// Makes a `#[test]` of each case that a state passes which is kept: its fixture reopens it.
#[macro_export]
macro_rules! state_reopen_tests {
    ($open:expr) => {
        mod state_reopen_cases {
            #[allow(unused_imports)]
            use super::*;
            $crate::state_cases!(durable [$crate::state_test_fns!] [$open]);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! state_test_fns {
    ([$open:expr] $($subject:ident: $($case:ident)+;)+) => {
        $(mod $subject {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::conformance::state::run($open, $crate::conformance::state::cases::$case);
                }
            )+
        })+
    };
}
