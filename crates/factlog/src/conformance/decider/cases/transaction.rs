//! Commands over several streams.

use std::sync::Arc;
use std::thread;

use futures::executor::block_on;
use serde::{Deserialize, Serialize};

use crate::codec::Json;
use crate::conformance::decider::ledger::{
    Ledger, Move, Moved, Overdrawn, balance, executor, id, transfer,
};
use crate::conformance::decider::{DeciderBench, name};
use crate::conformance::{Faults, FaultyStore};
use crate::decider::{Decider, ExecuteError, Executor, Options, Transaction};
use crate::{ErrorKind, Version};

use Move::{Deposit, Withdraw};

pub async fn a_transfer_happens_whole_or_not_at_all(bench: &mut DeciderBench) {
    let (a, b, executor) = (name("a-1"), name("a-2"), bench.executor());
    executor.execute(&a, id(1), &Deposit(10)).await.unwrap();
    let executed = transfer(&executor, id(2), &a, &b, 7).await.unwrap();
    let left: Vec<_> = executed.left.iter().map(|part| (&part.stream, part.last)).collect();
    assert_eq!(left, [(&a, Version::new(2)), (&b, Version::new(1))]);
    let rejected = transfer(&executor, id(3), &a, &b, 4).await;
    assert!(matches!(rejected, Err(ExecuteError::Rejected(Overdrawn))));
    for (stream, expected) in [(&a, 3), (&b, 7)] {
        assert_eq!(balance(&bench.executor().state(stream).await.unwrap()), expected);
    }
}

/// Executes a command on another thread: in the middle of the decision of another.
fn meanwhile(executor: &Executor<Ledger>, stream: &str, number: u128, command: &Move) {
    let execute = || drop(block_on(executor.execute(&name(stream), id(number), command)).unwrap());
    thread::scope(|scope| scope.spawn(execute).join()).unwrap();
}

pub async fn a_stream_that_is_only_read_is_checked(bench: &mut DeciderBench) {
    let (executor, other) = (bench.executor(), bench.executor());
    other.execute(&name("limit-1"), id(1), &Deposit(10)).await.unwrap();
    let mut command = Transaction::new(id(2));
    let limit = command.stream(&executor, name("limit-1"));
    let account = command.stream(&executor, name("a-1"));
    let mut limits = Vec::new();
    let executed = command.execute(|streams| {
        limits.push(streams.state(limit).balance);
        if limits.len() == 1 {
            meanwhile(&other, "limit-1", 3, &Withdraw(4));
        }
        streams.decide(account, &Deposit(streams.state(limit).balance))
    });
    assert_eq!(executed.await.unwrap().left.len(), 1);
    assert_eq!(limits, [10, 6]);
    assert_eq!(balance(&other.state(&name("a-1")).await.unwrap()), 6);
}

/// Counts how often something was done.
struct Counter;

#[derive(Serialize, Deserialize)]
enum Counted {
    Once,
}

impl Decider for Counter {
    type State = u32;
    type Command = u32;
    type Event = Counted;
    type Error = Overdrawn;

    fn initial(&self) -> u32 {
        0
    }

    fn evolve(&self, count: u32, _: &Counted) -> u32 {
        count + 1
    }

    fn decide(&self, count: &u32, most: &u32) -> Result<Vec<Counted>, Overdrawn> {
        if count < most { Ok(vec![Counted::Once]) } else { Err(Overdrawn) }
    }
}

pub async fn each_stream_has_its_own_decider(bench: &mut DeciderBench) {
    let store = bench.store();
    let accounts = executor(Arc::clone(&store), Options::default());
    let counters = Executor::new(store, Counter, Json::new(), Options::default());
    for number in 0..3 {
        let mut deposit = Transaction::new(id(number));
        let account = deposit.stream(&accounts, name("a-1"));
        let counter = deposit.stream(&counters, name("deposits-1"));
        let answer = deposit.execute(|streams| {
            streams.decide(account, &Deposit(5))?;
            streams.decide(counter, &2)
        });
        assert_eq!(answer.await.is_ok(), number < 2);
    }
    assert_eq!(balance(&accounts.state(&name("a-1")).await.unwrap()), 10);
    assert_eq!(counters.state(&name("deposits-1")).await.unwrap().state, 2);
}

pub async fn what_is_decided_first_is_seen_by_what_comes_after(bench: &mut DeciderBench) {
    let executor = bench.executor();
    let mut command = Transaction::new(id(1));
    let account = command.stream(&executor, name("a-1"));
    let executed = command.execute(|streams| {
        streams.decide(account, &Deposit(5))?;
        assert_eq!(streams.state(account).balance, 5);
        streams.append(account, Moved::Deposited { amount: 1 });
        streams.decide(account, &Withdraw(6))
    });
    assert_eq!(executed.await.unwrap().version(), Version::new(3));
    assert_eq!(balance(&executor.state(&name("a-1")).await.unwrap()), 0);
}

pub async fn a_rejection_over_several_streams_holds_of_one_moment(bench: &mut DeciderBench) {
    let (executor, other) = (bench.executor(), bench.executor());
    other.execute(&name("a-1"), id(1), &Deposit(10)).await.unwrap();
    let mut command = Transaction::new(id(2));
    let parts = ["a-1", "a-2"].map(|stream| command.stream(&executor, name(stream)));
    let mut sums = Vec::new();
    let executed = command.execute(|streams| {
        sums.push(parts.iter().map(|part| streams.state(*part).balance).sum::<u64>());
        if sums.len() == 1 {
            meanwhile(&other, "a-2", 3, &Deposit(10));
        }
        if sums.last() >= Some(&20) {
            streams.decide(parts[0], &Withdraw(1))
        } else {
            Err(Overdrawn)
        }
    });
    executed.await.unwrap();
    assert_eq!(sums, [10, 20]);
}

pub async fn a_repeat_is_answered_for_all_streams_although_one_has_forgotten_it(
    bench: &mut DeciderBench,
) {
    let (a, b) = (name("a-1"), name("a-2"));
    let executor = bench.executor_with(Options::default().with_commands_kept(2));
    executor.execute(&a, id(1), &Deposit(10)).await.unwrap();
    let first = transfer(&executor, id(2), &a, &b, 7).await.unwrap();
    for number in 3..6 {
        executor.execute(&a, id(number), &Deposit(1)).await.unwrap();
    }
    let again = transfer(&executor, id(2), &a, &b, 7).await.unwrap();
    assert_eq!((again.left, again.repeated), (first.left, true));
    assert_eq!(balance(&executor.state(&b).await.unwrap()), 7);
}

pub async fn a_transaction_that_makes_no_sense_is_invalid(bench: &mut DeciderBench) {
    let here = bench.executor();
    let invalid = |answer: Result<_, ExecuteError<Overdrawn>>| {
        let Err(ExecuteError::Failed(error)) = answer else { panic!("it is invalid: {answer:?}") };
        assert_eq!(error.kind(), &ErrorKind::Invalid, "{error}");
    };
    invalid(Transaction::new(id(1)).execute(|_| Ok(())).await);
    invalid(transfer(&here, id(2), &name("a-1"), &name("a-1"), 0).await);
    let store = Arc::new(FaultyStore::new(bench.store(), Faults::new(0, 0)));
    let elsewhere = executor(store, Options::default());
    let mut over_stores = Transaction::new(id(3));
    over_stores.stream(&here, name("a-1"));
    over_stores.stream(&elsewhere, name("a-2"));
    invalid(over_stores.execute(|_| Ok(())).await);
}
