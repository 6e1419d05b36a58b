//! Whoever writes, caller or thread: what was acknowledged is there, and nobody waits for ever.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use factlog::{
    Append, ErrorKind, Event, EventId, EventType, Expected, Position, Result, Store as _,
    StreamName,
};
use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::join_all;

use super::world::{World, read_all};
use crate::disk::simulated::Fault;
use crate::{Store, WriteBy};

const WRITERS: [WriteBy; 2] = [WriteBy::Caller, WriteBy::Thread];

fn append(number: u64) -> Append {
    let id = EventId::from_u64_pair(1, number);
    let event = Event::new(id, EventType::new("Measured").unwrap(), vec![7; 200]);
    let stream = StreamName::new(format!("thing-{number}")).unwrap();
    Append::to(stream, Expected::NoStream, vec![event])
}

/// Appends from two threads, twelve at once on each; every fifth is given up after its first step. Returns
/// where the events of those stand that were acknowledged.
fn append_from_two_threads(store: &Store) -> BTreeMap<Position, EventId> {
    let acknowledged = Mutex::new(BTreeMap::new());
    let one = async |number: u64| {
        let appending = store.append(append(number));
        let answer = match number % 5 {
            0 => appending.now_or_never(),
            _ => Some(appending.await),
        };
        if let Some(Ok(appended)) = answer {
            let (position, id) = (appended.position.unwrap(), EventId::from_u64_pair(1, number));
            let before = acknowledged.lock().unwrap().insert(position, id);
            assert_eq!(before, None, "a position is given once");
        }
    };
    thread::scope(|scope| {
        for thread in 0..2 {
            let one = &one;
            scope.spawn(move || {
                for round in 0..4 {
                    let first = thread * 1_000 + round * 12;
                    block_on(join_all((first..first + 12).map(one)));
                }
            });
        }
    });
    acknowledged.into_inner().unwrap()
}

/// Checks that all that was acknowledged stands where it was said to.
fn check(world: &World, acknowledged: &BTreeMap<Position, EventId>) {
    let store = world.open().expect("a store opens after a crash");
    let log = read_all(&store);
    for (position, id) in acknowledged {
        let index = usize::try_from(position.number()).unwrap() - 1;
        let there = log.get(index).map(|event| (event.position, event.id));
        assert_eq!(there, Some((*position, *id)), "what was acknowledged is there");
    }
    store.verify(|_, _| ()).expect("the store verifies");
}

/// A world in which callers write.
fn led() -> World {
    World::new(1).written_by(WriteBy::Caller)
}

#[test]
fn callers_on_two_threads_lose_nothing_at_any_fault() {
    for write_by in WRITERS {
        let mut calls = 0;
        for fault in [None, Some(Fault::Crash), Some(Fault::Fail)] {
            for seed in 0..40 {
                let world = World::new(seed).written_by(write_by);
                let store = world.open().unwrap();
                let before = world.disk.calls();
                if let Some(fault) = fault {
                    world.disk.fail_at(before + 1 + seed * 7 % calls, fault);
                }
                let acknowledged = append_from_two_threads(&store);
                if fault.is_none() {
                    assert!(acknowledged.len() >= 76, "only what was given up is missing");
                    calls = world.disk.calls() - before;
                }
                drop(store);
                world.disk.restart();
                check(&world, &acknowledged);
            }
        }
    }
}

#[test]
fn callers_of_one_thread_go_to_the_log_together() {
    let world = led();
    let store = world.open().unwrap();
    let before = world.disk.calls();
    let appended: Result<Vec<_>> =
        block_on(join_all((0..64).map(|number| store.append(append(number)))))
            .into_iter()
            .collect();
    appended.unwrap();
    // A write and a sync a group; the thread may have been faster than the leader once or twice.
    assert!(world.disk.calls() - before <= 16, "{} calls", world.disk.calls() - before);
}

#[test]
fn nobody_waits_for_a_writer_that_panicked() {
    for write_by in WRITERS {
        let world = World::new(1).written_by(write_by);
        let store = world.open().unwrap();
        let first = block_on(store.append(append(1))).unwrap();
        world.disk.fail_at(world.disk.calls() + 1, Fault::Panic);
        let two = [store.append(append(2)), store.append(append(3))];
        let answers = catch_unwind(AssertUnwindSafe(|| block_on(join_all(two))));
        match answers {
            Err(_) => assert_eq!(write_by, WriteBy::Caller, "a caller that leads panics itself"),
            Ok(answers) => {
                let errors: Vec<_> = answers.into_iter().map(Result::unwrap_err).collect();
                assert!(errors.iter().all(|error| error.kind() == &ErrorKind::Closed));
                // The other one may have come after the panic.
                assert!(errors[0].may_have_happened());
            }
        }
        let refused = block_on(store.append(append(4))).unwrap_err();
        assert_eq!(refused.kind(), &ErrorKind::Closed, "{refused}");
        drop(store);
        world.disk.restart();
        check(&world, &[(first.position.unwrap(), EventId::from_u64_pair(1, 1))].into());
    }
}

#[test]
fn a_caller_that_appends_while_it_panics_stops_nobody() {
    struct Appends<'a>(&'a Store);
    impl Drop for Appends<'_> {
        fn drop(&mut self) {
            block_on(self.0.append(append(1))).unwrap();
        }
    }
    let world = led();
    let store = world.open().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _appends = Appends(&store);
        panic!("for another reason");
    }));
    assert!(panicked.is_err());
    block_on(store.append(append(2))).unwrap();
}

/// The head of the store, once it is past 0; it may not take long.
fn head_soon(store: &Store) -> Result<Position> {
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| tell.send(block_on(store.wait_past(Position::ZERO))));
        let head = told.recv_timeout(Duration::from_secs(20));
        if head.is_err() {
            // Ends the thread, for the test to end.
            drop(block_on(store.close()));
        }
        head.expect("what was placed is written")
    })
}

#[test]
fn what_a_dropped_leader_has_placed_is_written() {
    let world = led();
    let store = world.open().unwrap();
    assert!(store.append(append(1)).now_or_never().is_none(), "it leads, and steps aside first");
    assert_eq!(head_soon(&store).unwrap(), Position::FIRST);
    block_on(store.append(append(2))).unwrap();
}

#[test]
fn a_leader_that_nobody_polls_holds_nobody_up() {
    let world = led();
    let store = world.open().unwrap();
    let mut leader = pin!(store.append(append(1)));
    assert!(leader.as_mut().now_or_never().is_none(), "it leads, and steps aside first");
    assert_eq!(head_soon(&store).unwrap(), Position::FIRST);
    block_on(store.append(append(2))).unwrap();
    assert_eq!(block_on(leader).unwrap().position, Some(Position::FIRST));
}

#[test]
fn a_leader_does_not_wait_for_whoever_writes() {
    let world = led();
    let store = world.open().unwrap();
    let writing = store.shared().writer();
    let mut leader = pin!(store.append(append(1)));
    for _ in 0..3 {
        assert!(leader.as_mut().now_or_never().is_none(), "its group is not written");
    }
    drop(writing);
    assert_eq!(block_on(leader).unwrap().position, Some(Position::FIRST));
}

#[test]
fn a_store_closes_although_a_leader_does_not_come_back() {
    let world = led();
    let store = world.open().unwrap();
    let mut leader = pin!(store.append(append(1)));
    assert!(leader.as_mut().now_or_never().is_none(), "it leads, and steps aside first");
    block_on(store.close()).unwrap();
    assert_eq!(block_on(leader).unwrap().position, Some(Position::FIRST), "it was written");
}
