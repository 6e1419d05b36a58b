//! The suites of states and views can fail: a state with a defect fails a case of states, and the
//! differential test by few operations; and on one that does not fence its writers, or loses deletions,
//! projections make something else of the documents, which a case of views sees.

use std::sync::Arc;

use async_trait::async_trait;
use factlog::conformance::differential::Plan;
use factlog::conformance::state::{StateFixture, cases, find, run};
use factlog::conformance::view;
use factlog::conformance::{Fixture, TestClock};
use factlog::state::{
    Change, Condition, Item, ItemStream, Key, Revision, Scan, State, Write, Written,
};
use factlog::{Memory, Result, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    ForgetsConditions,
    WritesTheFirstOfWhatItRefuses,
    KeepsWhatIsDeleted,
    CountsRevisionsByKey,
    IncludesTheEndOfARange,
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

impl BrokenState {
    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn shown(&self, mut item: Item) -> Item {
        if self.has(Defect::CountsRevisionsByKey) {
            item.revision = Revision::new(1);
        }
        item
    }
}

#[async_trait]
impl State for BrokenState {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        Ok(self.state.get(key).await?.map(|item| self.shown(item)))
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        let items = self.state.get_many(keys).await?.into_iter();
        Ok(items.map(|item| item.map(|item| self.shown(item))).collect())
    }

    fn scan(&self, mut scan: Scan) -> ItemStream {
        if self.has(Defect::IncludesTheEndOfARange)
            && let Some(before) = scan.before.take()
        {
            scan = scan.to(&before);
        }
        self.state.scan(scan)
    }

    async fn write(&self, mut writes: Vec<Write>) -> Result<Written> {
        if self.has(Defect::ForgetsConditions) {
            writes.retain(|write| write.change != Change::Keep);
            writes.iter_mut().for_each(|write| write.condition = Condition::Any);
        }
        if self.has(Defect::KeepsWhatIsDeleted) && writes.len() > 1 {
            writes.retain(|write| write.change != Change::Delete);
        }
        let first = writes.first().cloned();
        let written = self.state.write(writes).await?;
        if self.has(Defect::WritesTheFirstOfWhatItRefuses)
            && let (Written::Refused { .. }, Some(first)) = (&written, first)
            && let Written::Done(_) = self.state.write(vec![first]).await?
        {}
        Ok(written)
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        self.state.write_each(writes).await
    }
}

/// Each defect, and a case that must not pass with it.
const STATE_CASES: [(Defect, fn(Defect)); 5] = [
    (Defect::ForgetsConditions, |defect| {
        run(Broken::open(defect), cases::a_write_is_done_only_if_its_condition_holds);
    }),
    (Defect::WritesTheFirstOfWhatItRefuses, |defect| {
        let case = cases::one_condition_that_does_not_hold_keeps_all_items_as_they_are;
        run(Broken::open(defect), case);
    }),
    (Defect::KeepsWhatIsDeleted, |defect| {
        let case = cases::one_condition_that_does_not_hold_keeps_all_items_as_they_are;
        run(Broken::open(defect), case);
    }),
    (Defect::CountsRevisionsByKey, |defect| {
        run(Broken::open(defect), cases::no_revision_comes_again);
    }),
    (Defect::IncludesTheEndOfARange, |defect| {
        run(Broken::open(defect), cases::a_range_of_sort_keys_has_the_ends_that_were_asked_for);
    }),
];

/// Defects that a case of views must not pass with.
const VIEW_CASES: [(Defect, fn(Defect)); 3] = [
    (Defect::ForgetsConditions, |defect| {
        view::run(Broken::open(defect), view::cases::a_worker_back_from_the_dead_changes_nothing);
    }),
    (Defect::ForgetsConditions, |defect| {
        view::run(Broken::open(defect), view::cases::workers_at_once_make_the_same_documents);
    }),
    (Defect::KeepsWhatIsDeleted, |defect| {
        view::run(Broken::open(defect), view::cases::documents_are_a_fold_over_the_log);
    }),
];

#[test]
fn every_defect_fails_a_case() {
    for (defect, case) in STATE_CASES.into_iter().chain(VIEW_CASES) {
        assert!(std::panic::catch_unwind(|| case(defect)).is_err(), "{defect:?} is not caught");
    }
}

#[test]
fn the_differential_test_catches_every_defect_by_few_operations() {
    for (defect, _) in STATE_CASES {
        let open = |clock| Arc::new(Memory::new(clock));
        let difference = find(&Plan::new(500), open, Broken::open(defect))
            .unwrap_or_else(|| panic!("{defect:?} is not caught"));
        let count = difference.operations.len();
        assert!(count <= 4, "{defect:?} takes {count} operations:\n{difference}");
    }
}
