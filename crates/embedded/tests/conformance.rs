//! The embedded store keeps the contract, its state that of states, and both answer as those in memory do.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::sync::Arc;

use common::Directory;
use factlog::conformance::{TestClock, differential, state};
use factlog::state::{Key, State as _, Write};
use factlog::{ErrorKind, Memory, Store as _};
use factlog_embedded::{Options, WriteBy};
use futures::executor::block_on;

factlog::conformance_tests!(Directory::open);
factlog::reopen_tests!(Directory::open);
factlog::state_tests!(Directory::open);
factlog::state_reopen_tests!(Directory::open);

/// Appends are written by the store's thread.
mod written_by_thread {
    use super::*;

    fn open(clock: TestClock) -> Directory {
        Directory::open_with(Options::default().with_write_by(WriteBy::Thread), clock)
    }

    factlog::conformance_tests!(open);
}

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
    let store = directory.embedded();
    let before = store.stat().unwrap().disk_bytes;
    assert!(!directory.path().join("state").exists());
    let (key, value) = (Key::new("p".parse().unwrap(), "k").unwrap(), vec![7; 100_000]);
    block_on(store.state().unwrap().write_each(vec![Write::put(key, value)])).unwrap();
    assert!(store.stat().unwrap().disk_bytes >= before + 100_000);
    block_on(store.close()).unwrap();
    assert_eq!(store.state().unwrap_err().kind(), &ErrorKind::Closed);
}
