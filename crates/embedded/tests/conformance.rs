//! The embedded store keeps the contract, and answers as the memory store does.
#![allow(clippy::unwrap_used, reason = "a fixture that can't be made fails its test")]

use std::sync::Arc;

use async_trait::async_trait;
use factlog::conformance::state::{self, StateFixture};
use factlog::conformance::{Fixture, TestClock, differential};
use factlog::state::{Key, State as _, Write};
use factlog::{ErrorKind, Memory, Result, Store as _};
use factlog_embedded::{Options, Store};
use futures::executor::block_on;

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

#[test]
fn the_state_counts_to_the_bytes_of_the_store_and_is_made_when_it_is_asked_for() {
    let directory = Directory::open(TestClock::default());
    let store = directory.store.as_ref().unwrap();
    let before = store.stat().unwrap().disk_bytes;
    assert!(!directory.path.path().join("state").exists());
    let (key, value) = (Key::new("p".parse().unwrap(), "k").unwrap(), vec![7; 100_000]);
    block_on(store.state().unwrap().write_each(vec![Write::put(key, value)])).unwrap();
    assert!(store.stat().unwrap().disk_bytes >= before + 100_000);
    block_on(store.close()).unwrap();
    assert_eq!(store.state().unwrap_err().kind(), &ErrorKind::Closed);
}
