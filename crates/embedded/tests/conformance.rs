//! The embedded store keeps the contract, and answers as the memory store does.
#![allow(clippy::unwrap_used, reason = "a fixture that can't be made fails its test")]

use std::sync::Arc;

use async_trait::async_trait;
use factlog::conformance::state::{self, StateFixture};
use factlog::conformance::{Fixture, TestClock, differential};
use factlog::{Memory, Result, Store as _};
use factlog_embedded::{Options, Store};

/// A store in a directory of its own.
#[derive(Debug)]
struct Directory {
    path: tempfile::TempDir,
    clock: TestClock,
    store: Option<Arc<Store>>,
}

impl Directory {
    fn open(clock: TestClock) -> Self {
        let path = tempfile::tempdir().unwrap();
        let store = Store::open(path.path(), Options::default(), clock.clone()).unwrap();
        Self { path, clock, store: Some(Arc::new(store)) }
    }
}

#[async_trait]
impl Fixture for Directory {
    fn store(&self) -> Arc<dyn factlog::Store> {
        Arc::clone(self.store.as_ref().unwrap()) as _
    }

    async fn reopen(&mut self) -> Result<bool> {
        if let Some(store) = self.store.take() {
            store.close().await?;
        }
        let store = Store::open(self.path.path(), Options::default(), self.clock.clone())?;
        self.store = Some(Arc::new(store));
        Ok(true)
    }
}

impl StateFixture for Directory {
    fn state(&self) -> Arc<dyn factlog::state::State> {
        Arc::new(self.store.as_ref().unwrap().state().unwrap())
    }
}

factlog::conformance_tests!(Directory::open);
factlog::reopen_tests!(Directory::open);
factlog::state_tests!(Directory::open);
factlog::state_reopen_tests!(Directory::open);

#[test]
fn it_answers_as_the_memory_store_does() {
    let memory = |clock| Arc::new(Memory::new(clock));
    differential::check(&differential::Plan::from_env(60), memory, Directory::open);
}

#[test]
fn its_state_answers_as_the_one_in_memory_does() {
    let memory = |clock| Arc::new(Memory::new(clock));
    state::check(&differential::Plan::from_env(60), memory, Directory::open);
}
