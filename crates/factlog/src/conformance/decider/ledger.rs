//! The decider under test: an account that must not go below zero. Its state depends on the order of
//! all its events.

use serde::{Deserialize, Serialize};

use crate::codec::Json;
use crate::decider::{
    CommandId, Decider, ExecuteError, Executed, Executor, Options, Origin, StateAt,
};
use crate::{Error, Result, Store, StreamName};
use std::sync::Arc;

/// The rules of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ledger;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) balance: u64,
    /// All amounts, in the order in which they moved.
    pub(crate) digest: u64,
    /// The last note.
    pub(crate) note: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Moved {
    Deposited { amount: u64 },
    Withdrawn { amount: u64 },
    Noted { note: String },
}

#[derive(Clone, Debug)]
pub(crate) enum Move {
    Deposit(u64),
    /// Each an event.
    DepositEach(Vec<u64>),
    Withdraw(u64),
    Note(String),
    /// Brings the balance up to this, if it is below.
    Ensure(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overdrawn;

impl Decider for Ledger {
    type State = Account;
    type Command = Move;
    type Event = Moved;
    type Error = Overdrawn;

    fn initial(&self) -> Account {
        Account::default()
    }

    fn evolve(&self, mut account: Account, event: &Moved) -> Account {
        let mut mix = |number: u64| {
            account.digest = account.digest.wrapping_mul(1_000_003).wrapping_add(number);
        };
        match event {
            Moved::Deposited { amount } => {
                mix(2 * amount);
                account.balance += amount;
            }
            Moved::Withdrawn { amount } => {
                mix(2 * amount + 1);
                // By the writers' times, the deposit before it may be left out.
                account.balance = account.balance.saturating_sub(*amount);
            }
            Moved::Noted { note } => account.note.clone_from(note),
        }
        account
    }

    fn decide(&self, account: &Account, command: &Move) -> Result<Vec<Moved>, Overdrawn> {
        let deposited = |amount| Moved::Deposited { amount };
        match command {
            Move::Deposit(amount) => Ok(vec![deposited(*amount)]),
            Move::DepositEach(amounts) => Ok(amounts.iter().copied().map(deposited).collect()),
            Move::Withdraw(amount) if *amount > account.balance => Err(Overdrawn),
            Move::Withdraw(amount) => Ok(vec![Moved::Withdrawn { amount: *amount }]),
            Move::Note(note) => Ok(vec![Moved::Noted { note: note.clone() }]),
            Move::Ensure(least) => {
                let missing = least.saturating_sub(account.balance);
                Ok((missing > 0).then(|| deposited(missing)).into_iter().collect())
            }
        }
    }
}

pub(crate) type Answer = Result<Executed, ExecuteError<Overdrawn>>;

pub(crate) fn executor(store: Arc<dyn Store>, options: Options<Account>) -> Executor<Ledger> {
    Executor::new(store, Ledger, Json::new(), options)
}

pub(crate) fn id(number: u128) -> CommandId {
    CommandId::from_u128(number)
}

/// Moves money from one account to another.
pub(crate) async fn transfer(
    accounts: &Executor<Ledger>,
    command: impl Into<Origin>,
    from: &StreamName,
    to: &StreamName,
    amount: u64,
) -> Answer {
    let mut transfer = crate::decider::Transaction::new(command);
    let from = transfer.stream(accounts, from.clone());
    let to = transfer.stream(accounts, to.clone());
    transfer
        .execute(|streams| {
            streams.decide(from, &Move::Withdraw(amount))?;
            streams.decide(to, &Move::Deposit(amount))
        })
        .await
}

/// Executes a command again and again until it is answered: `None`, if it is rejected.
pub(crate) async fn answered(mut execute: impl AsyncFnMut() -> Answer) -> Result<Option<Executed>> {
    for _ in 0..1_000 {
        match execute().await {
            Ok(executed) => return Ok(Some(executed)),
            Err(ExecuteError::Rejected(Overdrawn)) => return Ok(None),
            Err(ExecuteError::Failed(error)) if error.is_retryable() => {}
            Err(ExecuteError::Failed(error)) => return Err(error),
        }
    }
    Err(Error::unavailable("a command is not answered"))
}

/// The balance of a state.
pub(crate) fn balance(state: &StateAt<Account>) -> u64 {
    state.state.balance
}
