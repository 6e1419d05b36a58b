//! Many transfers between few accounts, by many workers, through several executors as if in several
//! processes, while the store fails now and then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use futures::executor::block_on;

use super::ledger::{Account, Ledger, Move, Moved, answered, executor, id, transfer};
use super::{StateFixture, TestClock, bench, name, snapshots};
use crate::codec::{EventCodec, Json, Metadata};
use crate::conformance::faulty::random;
use crate::conformance::{Faults, FaultyStore};
use crate::decider::{CommandId, Executed, Executor, Options, SnapshotPolicy, Snapshotter};
use crate::state::State;
use crate::{Store, StoreExt, StreamName};

const OPENING_BALANCE: u64 = 100;

/// How much is transferred. By default 32 workers share 4 executors and 100 accounts, 20 of a thousand
/// calls to the store fail, and one command in five is executed twice.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Transfers {
    /// Transfers to make.
    pub count: u64,
    /// Accounts to make them between; at least 2.
    pub accounts: u64,
    /// Threads that make them.
    pub workers: u64,
    /// Executors that the workers share, each with its own cache.
    pub executors: usize,
    /// So many of a thousand calls to the store fail.
    pub faults_permille: u64,
    /// The same seed makes the same transfers.
    pub seed: u64,
}

impl Transfers {
    /// So many transfers.
    #[must_use]
    pub fn new(count: u64) -> Self {
        Self { count, accounts: 100, workers: 32, executors: 4, faults_permille: 20, seed: 0 }
    }

    /// So many transfers, or as many as `FACTLOG_TRANSFERS` says.
    ///
    /// # Panics
    /// If that is no number.
    #[must_use]
    pub fn from_env(count: u64) -> Self {
        let number = |text: String| text.parse().expect("FACTLOG_TRANSFERS is a number");
        Self::new(std::env::var("FACTLOG_TRANSFERS").map_or(count, number))
    }
}

/// Makes the transfers, and demands that the sum of all accounts never changed, that no account was
/// ever below zero, and that every command was answered once: with what it left, or as rejected.
///
/// # Panics
/// If one of that does not hold.
pub fn check_transfers<F: StateFixture>(
    plan: Transfers,
    open: impl FnOnce(TestClock) -> F + Send + 'static,
) {
    bench::to_its_end(move || {
        let fixture = open(TestClock::default());
        let faults = Faults::new(plan.faults_permille, plan.seed);
        let store: Arc<dyn Store> = Arc::new(FaultyStore::new(fixture.store(), faults));
        let bank = Bank::open(plan, &store, &fixture.state());
        let answers = bank.work();
        bank.check(&*fixture.store(), &answers);
    });
}

struct Bank {
    plan: Transfers,
    executors: Vec<Executor<Ledger>>,
    snapshotters: Vec<Mutex<Snapshotter<Account>>>,
}

/// What each command left; nothing, if it was rejected.
type Answers = HashMap<CommandId, Option<Executed>>;

impl Bank {
    fn open(plan: Transfers, store: &Arc<dyn Store>, state: &Arc<dyn State>) -> Self {
        let (mut executors, mut snapshotters) = (Vec::new(), Vec::new());
        for _ in 0..plan.executors {
            let policy = SnapshotPolicy::EveryEvents(20);
            let (snapshots, snapshotter) = snapshots(Arc::clone(state), 1, policy);
            // Some states have to be loaded.
            let cached = usize::try_from(plan.accounts / 2).expect("accounts are few");
            let options = Options::default().with_states_cached(cached).with_snapshots(snapshots);
            executors.push(executor(Arc::clone(store), options));
            snapshotters.push(Mutex::new(snapshotter));
        }
        for account in 0..plan.accounts {
            let (stream, command) = (account_name(account), id(u128::from(account) << 64));
            let opening = Move::Deposit(OPENING_BALANCE);
            let opened = answered(async || executors[0].execute(&stream, command, &opening).await);
            block_on(opened).expect("an account is opened");
        }
        Self { plan, executors, snapshotters }
    }

    fn work(&self) -> Answers {
        let next = AtomicU64::new(0);
        let number = || Some(next.fetch_add(1, Ordering::SeqCst)).filter(|n| *n < self.plan.count);
        let worker = |worker: u64| {
            let number = &number;
            move || {
                let numbers = std::iter::from_fn(number);
                numbers.map(|number| self.transfer(worker, number)).collect::<Vec<_>>()
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> =
                (0..self.plan.workers).map(|number| scope.spawn(worker(number))).collect();
            let answers = workers.into_iter().map(thread::ScopedJoinHandle::join);
            answers.flat_map(|answers| answers.expect("a worker has not panicked")).collect()
        })
    }

    /// Makes a transfer; executes some of them again, elsewhere.
    fn transfer(&self, worker: u64, number: u64) -> (CommandId, Option<Executed>) {
        let drawn = random(self.plan.seed ^ random(number));
        let from = drawn % self.plan.accounts;
        let to = (from + 1 + (drawn >> 16) % (self.plan.accounts - 1)) % self.plan.accounts;
        let (from, to, amount) = (account_name(from), account_name(to), (drawn >> 40) % 90 + 1);
        let command = id(u128::from(number) + 1);
        let answer = |process: u64| {
            let process = usize::try_from(process).expect("processes are few");
            let executor = &self.executors[process % self.executors.len()];
            let answer = answered(async || transfer(executor, command, &from, &to, amount).await);
            block_on(answer).unwrap_or_else(|error| panic!("transfer {number}: {error}"))
        };
        let first = answer(worker);
        self.write_snapshots(worker);
        if !number.is_multiple_of(5) || first.is_none() {
            return (command, first);
        }
        let again = answer(worker + 1);
        assert_eq!(again.as_ref().map(|e| &e.left), first.as_ref().map(|e| &e.left));
        (command, first)
    }

    /// Writes the snapshots that are due in one of the processes, unless somebody else is at it.
    fn write_snapshots(&self, worker: u64) {
        let process = usize::try_from(worker).expect("workers are few") % self.snapshotters.len();
        if let Ok(mut snapshotter) = self.snapshotters[process].try_lock() {
            block_on(snapshotter.write_waiting());
        }
    }

    fn check(&self, store: &dyn Store, answers: &Answers) {
        assert_eq!(answers.len() as u64, self.plan.count, "every command is answered");
        let mut left: HashMap<CommandId, Vec<(StreamName, u64, i64)>> = HashMap::new();
        let mut sum = 0;
        for account in 0..self.plan.accounts {
            let mut balance = 0_i64;
            for event in block_on(store.load(&account_name(account))).expect("it can be read") {
                let moved = Json::<Moved>::new().decode(&event).expect("it can be read").remove(0);
                let amount = signed_amount(&moved);
                balance += amount;
                assert!(balance >= 0, "{} is below zero at {}", event.stream, event.version);
                let command = Metadata::of(&event).command.expect("it comes from a command");
                let moved = (event.stream, event.version.number(), amount);
                left.entry(command).or_default().push(moved);
            }
            sum += balance;
        }
        assert_eq!(sum, (OPENING_BALANCE * self.plan.accounts).cast_signed());
        for (command, answer) in answers {
            let Some(executed) = answer else {
                assert!(!left.contains_key(command), "{command} was rejected and left events");
                continue;
            };
            let moves = left.remove(command).unwrap_or_default();
            assert_eq!(moves.len(), 2, "{command} left {moves:?}");
            assert_eq!(moves.iter().map(|(.., amount)| amount).sum::<i64>(), 0);
            for part in &executed.left {
                let there = |(stream, version, _): &(StreamName, u64, i64)| {
                    *stream == part.stream && *version == part.first.number()
                };
                assert!(part.first == part.last && moves.iter().any(there), "{part:?} {moves:?}");
            }
        }
        assert_eq!(left.len() as u64, self.plan.accounts, "all else opened the accounts");
    }
}

fn signed_amount(moved: &Moved) -> i64 {
    match moved {
        Moved::Deposited { amount } => amount.cast_signed(),
        Moved::Withdrawn { amount } => -amount.cast_signed(),
        Moved::Noted { .. } => 0,
    }
}

fn account_name(account: u64) -> StreamName {
    name(&format!("account-{account}"))
}
