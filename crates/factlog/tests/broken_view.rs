//! The suite of views can fail: on a state that forgets its conditions, a worker that comes back
//! from the dead, or meets another, makes something else of the documents; and a state that loses
//! deletions leaves entries behind.

use std::sync::Arc;

use async_trait::async_trait;
use factlog::conformance::state::StateFixture;
use factlog::conformance::view::{cases, run};
use factlog::conformance::{Fixture, TestClock};
use factlog::state::{Change, Condition, Item, ItemStream, Key, Scan, State, Write, Written};
use factlog::{Memory, Result, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    ForgetsConditions,
    KeepsWhatIsDeleted,
}

/// A store in memory with a defect in its state.
#[derive(Debug)]
struct Broken {
    store: Arc<Memory>,
    defect: Defect,
}

impl Broken {
    fn open(defect: Defect) -> impl Fn(TestClock) -> Self {
        move |clock| Self { store: Arc::new(Memory::new(clock)), defect }
    }
}

impl Fixture for Broken {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as _
    }
}

impl StateFixture for Broken {
    fn state(&self) -> Arc<dyn State> {
        Arc::new(BrokenState { state: self.store.state(), defect: self.defect })
    }
}

#[derive(Debug)]
struct BrokenState {
    state: Arc<dyn State>,
    defect: Defect,
}

#[async_trait]
impl State for BrokenState {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.state.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        self.state.get_many(keys).await
    }

    fn scan(&self, scan: Scan) -> ItemStream {
        self.state.scan(scan)
    }

    async fn write(&self, mut writes: Vec<Write>) -> Result<Written> {
        match self.defect {
            Defect::ForgetsConditions => {
                writes.retain(|write| write.change != Change::Keep);
                writes.iter_mut().for_each(|write| write.condition = Condition::Any);
            }
            Defect::KeepsWhatIsDeleted => writes.retain(|write| write.change != Change::Delete),
        }
        self.state.write(writes).await
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        self.state.write_each(writes).await
    }
}

fn fails(case: impl FnOnce() + std::panic::UnwindSafe) -> bool {
    std::panic::catch_unwind(case).is_err()
}

#[test]
fn a_worker_back_from_the_dead_is_caught_if_nothing_fences_it() {
    let case = cases::a_worker_back_from_the_dead_changes_nothing;
    assert!(fails(|| run(Broken::open(Defect::ForgetsConditions), case)));
}

#[test]
fn workers_at_once_are_caught_if_nothing_fences_them() {
    let case = cases::workers_at_once_make_the_same_documents;
    assert!(fails(|| run(Broken::open(Defect::ForgetsConditions), case)));
}

#[test]
fn entries_that_are_left_behind_are_caught() {
    let case = cases::documents_are_a_fold_over_the_log;
    assert!(fails(|| run(Broken::open(Defect::KeepsWhatIsDeleted), case)));
}
