//! Commands that come again.

use std::sync::{Arc, Barrier};
use std::thread;

use futures::executor::block_on;

use crate::Version;
use crate::conformance::decider::ledger::{Move, balance, executor, id};
use crate::conformance::decider::{DeciderBench, name, snapshots};
use crate::decider::{ExecuteError, Options, SnapshotPolicy};

use Move::{Deposit, DepositEach, Withdraw};

pub async fn a_command_that_comes_again_is_answered_as_it_was_the_first_time(
    bench: &mut DeciderBench,
) {
    let (stream, executor) = (name("a-1"), bench.executor());
    executor.execute(&stream, id(1), &Deposit(1)).await.unwrap();
    let first = executor.execute(&stream, id(2), &DepositEach(vec![2, 3])).await.unwrap();
    executor.execute(&stream, id(3), &Deposit(4)).await.unwrap();
    for process in [executor, bench.executor()] {
        let again = process.execute(&stream, id(2), &DepositEach(vec![2, 3])).await.unwrap();
        assert_eq!((&again.left, again.repeated), (&first.left, true));
        assert_eq!(process.metrics().repeats, 1);
    }
    let (from, to) = (Version::new(2), Version::new(3));
    assert_eq!((first.left[0].first, first.left[0].last), (from, to));
    assert_eq!(bench.store().stream_head(&stream).await.unwrap(), Version::new(4));
}

pub async fn a_command_sent_by_many_at_once_is_executed_once(bench: &mut DeciderBench) {
    const SENDERS: usize = 8;
    let (stream, store) = (name("a-1"), bench.store());
    for round in 0..20 {
        let start = Barrier::new(SENDERS);
        let send = || {
            let executor = executor(Arc::clone(&store), Options::default());
            start.wait();
            block_on(executor.execute(&stream, id(round), &DepositEach(vec![1, 1]))).unwrap()
        };
        let answers: Vec<_> = thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| answer.left == answers[0].left), "{answers:?}");
    }
    assert_eq!(bench.store().stream_head(&stream).await.unwrap(), Version::new(40));
}

pub async fn processes_that_decide_differently_execute_a_command_once(bench: &mut DeciderBench) {
    let (stream, executor, other) = (name("a-1"), bench.executor(), bench.executor());
    executor.execute(&stream, id(1), &Deposit(1)).await.unwrap();
    other.execute(&stream, id(2), &Deposit(5)).await.unwrap();
    // Decided on version 1 out of the cache, as the other was, but by a program that has other rules.
    for different in [Deposit(7), DepositEach(vec![5, 5]), DepositEach(vec![7, 7, 7])] {
        let executed = executor.execute(&stream, id(2), &different).await.unwrap();
        assert_eq!((executed.version(), executed.repeated), (Version::new(2), true));
    }
    assert_eq!(balance(&executor.state(&stream).await.unwrap()), 6);
    assert_eq!(bench.store().stream_head(&stream).await.unwrap(), Version::new(2));
}

pub async fn a_command_is_known_as_long_as_it_is_among_the_last_that_are_kept(
    bench: &mut DeciderBench,
) {
    let stream = name("a-1");
    let options = || Options::default().with_states_cached(0).with_commands_kept(3);
    let policy = SnapshotPolicy::EveryEvents(1);
    let (snapshots, mut snapshotter) = snapshots(bench.state(), 1, policy);
    let with_snapshots = bench.executor_with(options().with_snapshots(snapshots));
    for number in 1..=4 {
        with_snapshots.execute(&stream, id(number), &Deposit(1)).await.unwrap();
        snapshotter.write_waiting().await;
    }
    for executor in [&with_snapshots, &bench.executor_with(options())] {
        for (number, version) in (2..=4).zip(2..) {
            let again = executor.execute(&stream, id(number), &Deposit(1)).await.unwrap();
            assert_eq!((again.version().number(), again.repeated), (version, true));
        }
    }
    let forgotten = with_snapshots.execute(&stream, id(1), &Deposit(1)).await.unwrap();
    assert_eq!((forgotten.version(), forgotten.repeated), (Version::new(5), false));
    assert!(with_snapshots.metrics().snapshots_used > 0);
}

pub async fn a_command_that_was_rejected_is_decided_anew(bench: &mut DeciderBench) {
    let (stream, executor) = (name("a-1"), bench.executor());
    let rejected = executor.execute(&stream, id(1), &Withdraw(1)).await;
    assert!(matches!(rejected, Err(ExecuteError::Rejected(_))));
    executor.execute(&stream, id(2), &Deposit(1)).await.unwrap();
    let executed = executor.execute(&stream, id(1), &Withdraw(1)).await.unwrap();
    assert_eq!((executed.version(), executed.repeated), (Version::new(2), false));
}
