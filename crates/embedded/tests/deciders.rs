//! Deciders keep their promises on the embedded store, with a state in memory beside it.
#![allow(clippy::unwrap_used, reason = "a fixture that can't be made fails its test")]

use std::sync::Arc;

use factlog::conformance::state::StateFixture;
use factlog::conformance::{Fixture, TestClock, decider, differential::Plan};
use factlog::state::{MemoryState, State};
use factlog_embedded::{Options, Store};

#[derive(Debug)]
struct Directory {
    store: Arc<Store>,
    state: MemoryState,
    _path: tempfile::TempDir,
}

fn open(clock: TestClock) -> Directory {
    let path = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(path.path(), Options::default(), clock).unwrap());
    Directory { store, state: MemoryState::default(), _path: path }
}

impl Fixture for Directory {
    fn store(&self) -> Arc<dyn factlog::Store> {
        Arc::clone(&self.store) as _
    }
}

impl StateFixture for Directory {
    fn state(&self) -> Arc<dyn State> {
        Arc::new(self.state.clone())
    }
}

factlog::decider_tests!(open);

#[test]
fn states_equal_a_fold_from_scratch() {
    decider::check(&Plan::from_env(20), open);
}

#[test]
fn transfers_between_accounts_keep_the_sum() {
    decider::check_transfers(decider::Transfers::new(10_000), open);
}
