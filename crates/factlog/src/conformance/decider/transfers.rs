//! Many transfers between few accounts, by many workers, through several executors as if in several
//! processes, while the store fails now and then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use futures::TryStreamExt;
use futures::executor::block_on;
use serde::{Deserialize, Serialize};

use super::ledger::{Account, Ledger, Move, Moved, answered, executor, id, transfer};
use super::{StateFixture, TestClock, bench, name, snapshots};
use crate::codec::{EventCodec, Json, Metadata};
use crate::conformance::faulty::random;
use crate::conformance::{Faults, FaultyStore};
use crate::decider::{CommandId, Executor, Left, Options, SnapshotPolicy, Snapshotter};
use crate::state::State;
use crate::{ReadLog, RecordedEvent, Store, StoreExt, StreamName, Version};

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
        let state = fixture.state();
        plan.open_accounts(&store, &state);
        let answers = plan.work(&store, &state, (0, 1));
        plan.check(&*fixture.store(), answers);
    });
}

/// What a command left, by the answer to it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    command: u128,
    /// The versions of its events, an event a stream; nothing if it was rejected.
    left: Option<Vec<(String, u64)>>,
}

/// The parts of [`check_transfers`], for processes that share the transfers: one opens the accounts, each
/// makes its share, and one checks the answers of all.
impl Transfers {
    /// Opens the accounts.
    ///
    /// # Panics
    /// If one can't be opened.
    pub fn open_accounts(&self, store: &Arc<dyn Store>, state: &Arc<dyn State>) {
        let executor = &Bank::open(*self, store, state).executors[0];
        for account in 0..self.accounts {
            let (stream, command) = (account_name(account), id(u128::from(account) << 64));
            let opening = Move::Deposit(OPENING_BALANCE);
            let opened = answered(async || executor.execute(&stream, command, &opening).await);
            block_on(opened).expect("an account is opened");
        }
    }

    /// Makes the transfers of a share, the first of so many being 0.
    ///
    /// # Panics
    /// If one is not answered, or another time otherwise.
    #[must_use]
    pub fn work(
        &self,
        store: &Arc<dyn Store>,
        state: &Arc<dyn State>,
        (share, shares): (u64, u64),
    ) -> Vec<Answered> {
        let bank = Bank::open(*self, store, state);
        let next = AtomicU64::new(0);
        let number = || {
            let number = next.fetch_add(1, Ordering::SeqCst) * shares + share;
            Some(number).filter(|number| *number < self.count)
        };
        let worker = |worker: u64| {
            let (number, bank) = (&number, &bank);
            move || {
                let numbers = std::iter::from_fn(number);
                numbers.map(|number| bank.transfer(worker, number)).collect::<Vec<_>>()
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> =
                (0..self.workers).map(|number| scope.spawn(worker(number))).collect();
            let answers = workers.into_iter().map(thread::ScopedJoinHandle::join);
            answers.flat_map(|answers| answers.expect("a worker has not panicked")).collect()
        })
    }

    /// What each command moved: stream, version and amount of each event. No account is ever below zero.
    fn moves(&self, store: &dyn Store) -> HashMap<CommandId, Vec<(String, u64, i64)>> {
        let mut left: HashMap<CommandId, Vec<_>> = HashMap::new();
        for account in 0..self.accounts {
            let mut balance = 0_i64;
            for event in block_on(store.load(&account_name(account))).expect("it can be read") {
                let amount = amount_of(&event);
                balance += amount;
                assert!(balance >= 0, "{} is below zero at {}", event.stream, event.version);
                let moved = (event.stream.to_string(), event.version.number(), amount);
                left.entry(command_of(&event)).or_default().push(moved);
            }
        }
        left
    }

    /// Behind each command in the log, the sum is that of the accounts opened so far.
    fn check_log(store: &dyn Store) {
        let log: Vec<_> =
            block_on(store.read_log(ReadLog::new()).try_collect()).expect("it can be read");
        let (mut opened, mut sum) = (0, 0);
        for events in log.chunk_by(|one, next| command_of(one) == command_of(next)) {
            sum += events.iter().map(amount_of).sum::<i64>();
            let first = events.iter().filter(|event| event.version == Version::FIRST);
            opened += OPENING_BALANCE.cast_signed() * first.map(|_| 1).sum::<i64>();
            assert_eq!(sum, opened, "{events:?}");
        }
    }

    /// Checks what the answers, the accounts and the log, as far as it is placed, say.
    ///
    /// # Panics
    /// If the sum ever changed, an account was ever below zero, a command was not answered once, or its
    /// events are not what its answer says.
    pub fn check(&self, store: &dyn Store, answers: Vec<Answered>) {
        Self::check_log(store);
        let mut left = self.moves(store);
        let sum: i64 = left.values().flatten().map(|(.., amount)| amount).sum();
        assert_eq!(sum, (OPENING_BALANCE * self.accounts).cast_signed());
        let count = answers.len() as u64;
        let answers: HashMap<_, _> =
            answers.into_iter().map(|answer| (id(answer.command), answer.left)).collect();
        assert_eq!((count, answers.len() as u64), (self.count, self.count), "answered once each");
        for (command, answer) in &answers {
            let Some(answer) = answer else {
                assert!(!left.contains_key(command), "{command} was rejected and left events");
                continue;
            };
            let moves = left.remove(command).unwrap_or_default();
            assert_eq!(moves.len(), 2, "{command} left {moves:?}");
            assert_eq!(moves.iter().map(|(.., amount)| amount).sum::<i64>(), 0);
            for (stream, version) in answer {
                let there = moves.iter().any(|(s, v, _)| (s, v) == (stream, version));
                assert!(there, "{stream} at {version} is not in {moves:?}");
            }
        }
        assert_eq!(left.len() as u64, self.accounts, "all else opened the accounts");
    }
}

/// The executors of a process.
struct Bank {
    plan: Transfers,
    executors: Vec<Executor<Ledger>>,
    snapshotters: Vec<Mutex<Snapshotter<Account>>>,
}

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
        Self { plan, executors, snapshotters }
    }

    /// Makes a transfer; executes some of them again, elsewhere.
    fn transfer(&self, worker: u64, number: u64) -> Answered {
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
        if number.is_multiple_of(5) && first.is_some() {
            let again = answer(worker + 1);
            assert_eq!(again.map(|e| e.left), first.as_ref().map(|e| e.left.clone()));
        }
        let version = |part: Left| {
            assert_eq!(part.first, part.last, "an event a stream");
            (part.stream.to_string(), part.last.number())
        };
        let left = first.map(|executed| executed.left.into_iter().map(version).collect());
        Answered { command: u128::from(number) + 1, left }
    }

    /// Writes the snapshots that are due in one of the processes, unless somebody else is at it.
    fn write_snapshots(&self, worker: u64) {
        let process = usize::try_from(worker).expect("workers are few") % self.snapshotters.len();
        if let Ok(mut snapshotter) = self.snapshotters[process].try_lock() {
            block_on(snapshotter.write_waiting());
        }
    }
}

fn amount_of(event: &RecordedEvent) -> i64 {
    match Json::<Moved>::new().decode(event).expect("it can be read").remove(0) {
        Moved::Deposited { amount } => amount.cast_signed(),
        Moved::Withdrawn { amount } => -amount.cast_signed(),
        Moved::Noted { .. } => 0,
    }
}

fn command_of(event: &RecordedEvent) -> CommandId {
    Metadata::of(event).command.expect("it comes from a command")
}

fn account_name(account: u64) -> StreamName {
    name(&format!("account-{account}"))
}
