//! The suite that every store passes: each promise of the [contract](crate::Store) as a named
//! case, and a differential test against the memory store.
//!
//! A store's crate takes `factlog` with the feature `conformance` among its dev-dependencies, says
//! how a fresh store is made, and has one test per case:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use factlog::Memory;
//! use factlog::conformance::{TestClock, differential};
//!
//! fn open(clock: TestClock) -> Arc<Memory> {
//!     Arc::new(Memory::new(clock))
//! }
//!
//! factlog::conformance_tests!(open);
//!
//! #[test]
//! fn it_answers_as_the_memory_store_does() {
//!     differential::check(&differential::Plan::from_env(100), open, open);
//! }
//! ```
//!
//! What `open` answers is a [`Fixture`]. An `Arc` of a store is one; a store that leaves something
//! behind (a directory, a table) has its own, which keeps the place beside the store. A store that
//! keeps its data implements [`Fixture::reopen`], and adds one line: `factlog::reopen_tests!(open);`.
//! A store that is stricter than the contract says so in [`Fixture::limits`]. What it keeps beside its
//! events has a suite of its own, [`state`], and what is built on both another, [`decider`].
//!
//! The suite needs no runtime: cases run on `futures::executor::block_on`, and on threads where
//! concurrency is the subject. A store that needs a runtime brings it along in its fixture. The
//! recorded time comes from the [`TestClock`] that `open` is given. Events may be placed in the log
//! after the append ([`Appended::position`](crate::Appended::position) is `None`), if the fixture says so
//! ([`Fixture::places_later`]): before a case reads, it waits until the log has what was appended, and events of a stream
//! that come without position get theirs from the log. A case that comes to no end fails.

mod bench;
pub mod cases;
mod clock;
pub mod decider;
pub mod differential;
mod faulty;
mod fixture;
pub mod state;
pub mod view;

pub use bench::{Bench, run};
pub use clock::TestClock;
pub use faulty::{Faults, FaultyState, FaultyStore};
pub use fixture::{Fixture, Limits};

/// Makes a `#[test]` of each case that every store passes. The argument is called with a
/// [`TestClock`](crate::conformance::TestClock) and answers a
/// [`Fixture`](crate::conformance::Fixture) with a fresh, empty store.
#[macro_export]
macro_rules! conformance_tests {
    ($open:expr) => {
        $crate::conformance_cases!(every [$crate::conformance_test_fns!] [$open]);
    };
}

/// Makes a `#[test]` of each case that a store passes which keeps its data: its fixture reopens it.
#[macro_export]
macro_rules! reopen_tests {
    ($open:expr) => {
        $crate::conformance_cases!(durable [$crate::conformance_test_fns!] [$open]);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_test_fns {
    ([$open:expr] $($subject:ident: $($case:ident)+;)+) => {
        $(mod $subject {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::conformance::run($open, $crate::conformance::cases::$case);
                }
            )+
        })+
    };
}
