//! One command on one stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use futures::executor::block_on;

use crate::conformance::decider::ledger::{Move, Overdrawn, balance, executor, id};
use crate::conformance::decider::{DeciderBench, name};
use crate::conformance::{Faults, FaultyStore};
use crate::decider::{ExecuteError, Options, Origin, Transaction};
use crate::{ErrorKind, StoreExt, Timestamp, Version};

use Move::{Deposit, Ensure, Withdraw};

pub async fn a_command_is_decided_on_what_all_executors_appended(bench: &mut DeciderBench) {
    let (stream, executors) = (name("a-1"), [bench.executor(), bench.executor()]);
    for (number, version) in (1..=20).zip(1..) {
        let executor = &executors[usize::try_from(number % 2).unwrap()];
        let executed = executor.execute(&stream, id(number), &Deposit(1)).await.unwrap();
        assert_eq!((executed.version().number(), executed.repeated), (version, false));
    }
    for executor in &executors {
        let state = executor.state(&stream).await.unwrap();
        assert_eq!((balance(&state), state.version), (20, Version::new(20)));
    }
}

pub async fn a_rejected_command_appends_nothing(bench: &mut DeciderBench) {
    let (stream, executor) = (name("a-1"), bench.executor());
    let rejected = executor.execute(&stream, id(1), &Withdraw(1)).await;
    assert!(matches!(rejected, Err(ExecuteError::Rejected(Overdrawn))), "{rejected:?}");
    assert_eq!(bench.store().stream_head(&stream).await.unwrap(), Version::ZERO);
    assert_eq!(executor.metrics().rejections, 1);
}

pub async fn a_rejection_is_decided_on_what_the_store_has(bench: &mut DeciderBench) {
    let (stream, executor) = (name("a-1"), bench.executor());
    executor.execute(&stream, id(1), &Deposit(1)).await.unwrap();
    bench.executor().execute(&stream, id(2), &Deposit(9)).await.unwrap();
    // In the cache there is 1.
    executor.execute(&stream, id(3), &Withdraw(10)).await.unwrap();
    assert_eq!(balance(&executor.state(&stream).await.unwrap()), 0);
}

pub async fn a_command_that_changes_nothing_is_decided_on_what_the_store_has(
    bench: &mut DeciderBench,
) {
    let (stream, executor) = (name("a-1"), bench.executor());
    executor.execute(&stream, id(1), &Deposit(10)).await.unwrap();
    let nothing = executor.execute(&stream, id(2), &Ensure(10)).await.unwrap();
    assert_eq!((nothing.left.len(), nothing.version()), (0, Version::ZERO));
    bench.executor().execute(&stream, id(3), &Withdraw(4)).await.unwrap();
    // In the cache there is 10.
    executor.execute(&stream, id(4), &Ensure(10)).await.unwrap();
    assert_eq!(balance(&executor.state(&stream).await.unwrap()), 10);
}

pub async fn after_a_conflict_only_what_is_new_is_loaded(bench: &mut DeciderBench) {
    let (stream, executor) = (name("a-1"), bench.executor());
    executor.execute(&stream, id(1), &Move::DepositEach(vec![1; 20])).await.unwrap();
    let other = bench.executor();
    for number in 2..5 {
        other.execute(&stream, id(number), &Deposit(1)).await.unwrap();
    }
    let before = executor.metrics();
    executor.execute(&stream, id(5), &Deposit(1)).await.unwrap();
    let after = executor.metrics();
    assert_eq!(after.conflicts - before.conflicts, 1);
    assert_eq!(after.events_loaded - before.events_loaded, 3);
    assert_eq!(after.cache_hits - before.cache_hits, 1);
}

pub async fn a_command_is_given_up_after_as_many_conflicts_as_are_allowed(
    bench: &mut DeciderBench,
) {
    let stream = name("a-1");
    let executor = bench.executor_with(Options::default().with_attempts_max(3));
    let other = bench.executor();
    let mut others = 0;
    let mut overtaken = Transaction::new(id(1));
    let only = overtaken.stream(&executor, stream.clone());
    let answer = overtaken.execute(|streams| {
        others += 1;
        let overtake = || block_on(other.execute(&stream, id(1 + others), &Deposit(1))).unwrap();
        thread::scope(|scope| scope.spawn(overtake).join()).unwrap();
        streams.decide(only, &Deposit(1))
    });
    let Err(ExecuteError::Failed(error)) = answer.await else { panic!("it is given up") };
    let conflict = ErrorKind::Conflict { stream: stream.clone(), actual: Version::new(3) };
    assert_eq!((error.kind(), others), (&conflict, 3), "{error}");
    let metrics = executor.metrics();
    assert_eq!((metrics.given_up, metrics.conflicts), (1, 2));
    assert_eq!(bench.store().stream_head(&stream).await.unwrap(), Version::new(3));
}

pub async fn an_append_is_sent_again_until_its_outcome_is_known(bench: &mut DeciderBench) {
    let stream = name("a-1");
    let store = Arc::new(FaultyStore::new(bench.store(), Faults::new(500, 1)));
    let executor = executor(store, Options::default());
    let mut executed = 0;
    while executed < 100 {
        match executor.execute(&stream, id(executed), &Deposit(1)).await {
            Ok(_) => executed += 1,
            Err(ExecuteError::Failed(error)) => assert!(error.is_retryable(), "{error}"),
            Err(ExecuteError::Rejected(_)) => panic!("a deposit is never rejected"),
        }
    }
    assert!(executor.metrics().appends_repeated > 20);
    assert_eq!(balance(&bench.executor().state(&stream).await.unwrap()), 100);
    assert_eq!(bench.store().stream_head(&stream).await.unwrap(), Version::new(100));
}

pub async fn an_outcome_that_stays_unknown_says_so(bench: &mut DeciderBench) {
    for seed in 0..10 {
        let (stream, faults) = (name(&format!("a-{seed}")), Faults::new(0, seed));
        let store = Arc::new(FaultyStore::new(bench.store(), Arc::clone(&faults)));
        let pauses = Arc::new(AtomicU32::new(0));
        let last_pause = Arc::clone(&pauses);
        let options = Options::default().with_attempts_max(20).with_pause(move |repeat| {
            last_pause.store(repeat, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        });
        let executor = executor(store, options);
        executor.execute(&stream, id(1), &Deposit(1)).await.unwrap();
        faults.set(1_000);
        // Whether or not the last of the appends says so: one before it did.
        let error = failed(executor.execute(&stream, id(2), &Deposit(1)).await);
        assert!(error.is_retryable() && error.may_have_happened(), "{error}");
        assert_eq!(pauses.load(Ordering::SeqCst), 19);
        // What can't be read was not decided.
        let error = failed(executor.execute(&name("b-1"), id(3), &Deposit(1)).await);
        assert!(error.is_retryable() && !error.may_have_happened(), "{error}");
        faults.set(0);
        executor.execute(&stream, id(2), &Deposit(1)).await.unwrap();
        assert_eq!(balance(&bench.executor().state(&stream).await.unwrap()), 2);
    }
}

pub async fn events_carry_the_metadata_and_time_of_their_command(bench: &mut DeciderBench) {
    let (stream, executor) = (name("a-1"), bench.executor());
    let time: Timestamp = "2011-10-01T00:38:44.546+02:00".parse().unwrap();
    let origin = Origin::new(id(1)).with_metadata("by", "Ada").with_time(time);
    executor.execute(&stream, origin, &Move::DepositEach(vec![1, 2])).await.unwrap();
    let events = bench.store().load(&stream).await.unwrap();
    for event in &events {
        let metadata = format!(r#"{{"by":"Ada","command":"{}"}}"#, id(1));
        assert_eq!((&*event.metadata, event.time), (metadata.as_bytes(), time));
    }
    assert_ne!(events[0].id, events[1].id);
    let taken = Origin::new(id(2)).with_metadata("command", "mine");
    let error = failed(executor.execute(&stream, taken, &Deposit(1)).await);
    assert_eq!(error.kind(), &ErrorKind::Invalid);
}

pub async fn commands_on_one_stream_at_once_are_all_executed(bench: &mut DeciderBench) {
    let stream = name("a-1");
    let executors = [bench.executor(), bench.executor()];
    // Each conflict is the success of another command: of fewer than a hundred none is given up.
    let deposit = |writer: u128| {
        for number in 0..12 {
            let executor = &executors[usize::try_from(writer % 2).unwrap()];
            block_on(executor.execute(&stream, id(writer * 100 + number), &Deposit(1))).unwrap();
        }
    };
    thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || deposit(writer));
        }
    });
    assert_eq!(balance(&bench.executor().state(&stream).await.unwrap()), 96);
}

fn failed<T: std::fmt::Debug>(answer: Result<T, ExecuteError<Overdrawn>>) -> crate::Error {
    match answer {
        Err(ExecuteError::Failed(error)) => error,
        other => panic!("it fails, not {other:?}"),
    }
}
