//! The write side: commands are decided on the state that a stream's events make.
//!
//! ```text
//!   command ──> decide(state, command) ──> events ──> append at the version seen
//!                 ^                          │              │ conflict
//!                 └─ evolve(state, event) <──┘ <── new ─────┘
//! ```
//!
//! A [`Decider`] is pure: it knows no store, no clock, no randomness, so that it is tested by calling it. The
//! [`Executor`] does the rest, for any [`Store`](crate::Store):
//!
//! - It decides on a state out of its cache, or out of a snapshot and the events after it, and appends
//!   at the version of that state. On a conflict it reads only what is new, and decides again. The append decides, so
//!   any number of processes may execute commands at once.
//! - A command has an id. Executed again, by whomever, it is answered as it was and appends nothing:
//!   see [`Executor::execute`] for what exactly is promised.
//! - A [`Transaction`] decides on several streams and appends to all of them or none.
//! - [`Snapshots`] are written apart from the commands, and change nothing but speed.
//! - A stream's past: [`Executor::state_at`], [`Executor::first_time`], [`Executor::last_time`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use factlog::codec::Json;
//! use factlog::decider::{Decider, ExecuteError, Executor, Options};
//! use factlog::{Memory, StreamName};
//! use serde::{Deserialize, Serialize};
//! use uuid::Uuid;
//!
//! struct Account;
//!
//! #[derive(Serialize, Deserialize)]
//! enum AccountEvent {
//!     MoneyDeposited { amount: u64 },
//!     MoneyWithdrawn { amount: u64 },
//! }
//!
//! enum AccountCommand {
//!     Deposit(u64),
//!     Withdraw(u64),
//! }
//!
//! impl Decider for Account {
//!     type State = u64; // the balance
//!     type Command = AccountCommand;
//!     type Event = AccountEvent;
//!     type Error = String;
//!
//!     fn initial(&self) -> u64 {
//!         0
//!     }
//!
//!     fn evolve(&self, balance: u64, event: &AccountEvent) -> u64 {
//!         match event {
//!             AccountEvent::MoneyDeposited { amount } => balance + amount,
//!             AccountEvent::MoneyWithdrawn { amount } => balance - amount,
//!         }
//!     }
//!
//!     fn decide(&self, balance: &u64, command: &AccountCommand) -> Result<Vec<AccountEvent>, String> {
//!         match *command {
//!             AccountCommand::Deposit(amount) => Ok(vec![AccountEvent::MoneyDeposited { amount }]),
//!             AccountCommand::Withdraw(amount) if amount > *balance => Err(format!("only {balance} left")),
//!             AccountCommand::Withdraw(amount) => Ok(vec![AccountEvent::MoneyWithdrawn { amount }]),
//!         }
//!     }
//! }
//!
//! # futures::executor::block_on(async {
//! let accounts = Executor::new(Arc::new(Memory::default()), Account, Json::new(), Options::default());
//! let ada = StreamName::new("account-ada")?;
//! let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2)); // ids of commands: the caller's
//!
//! accounts.execute(&ada, first, &AccountCommand::Deposit(100)).await?;
//! let again = accounts.execute(&ada, first, &AccountCommand::Deposit(100)).await?;
//! assert!(again.repeated);
//!
//! let answer = accounts.execute(&ada, second, &AccountCommand::Withdraw(101)).await;
//! assert!(matches!(answer, Err(ExecuteError::Rejected(why)) if why == "only 100 left"));
//! assert_eq!(accounts.state(&ada).await?.state, 100);
//! # Ok::<_, ExecuteError<String>>(())
//! # }).unwrap();
//! ```

mod commands;
mod executed;
mod executor;
mod fold;
mod history;
mod metrics;
mod options;
mod origin;
mod part;
mod snapshot;
mod transaction;

pub use executed::{ExecuteError, Executed, Left};
pub use executor::{Executor, StateAt};
pub use history::{Moment, When};
pub use metrics::Metrics;
pub use options::Options;
pub use origin::{CommandId, Origin};
pub use snapshot::{SnapshotPolicy, Snapshots, Snapshotter};
pub use transaction::{StreamOf, Streams, Transaction};

/// The rules of one kind of stream: what state its events make, and what a command does in that state.
///
/// All three functions are pure: they depend on their arguments alone and change nothing. What
/// a decision needs from outside (the time, a price) stands in the command.
pub trait Decider: Send + Sync + 'static {
    /// What has to be known to decide. It is copied when a command is executed, so that parts that
    /// are large belong into an `Arc`.
    type State: Clone + Send + Sync + 'static;
    /// What somebody wants.
    type Command: Sync;
    /// What has happened.
    type Event: Send + Sync + 'static;
    /// Why a command is rejected.
    type Error;

    /// The state before the first event.
    fn initial(&self) -> Self::State;

    /// The state after an event. It never fails: what has happened has happened.
    fn evolve(&self, state: Self::State, event: &Self::Event) -> Self::State;

    /// The events that the command makes of this state; none, if there is nothing to do.
    ///
    /// # Errors
    /// Why the command is rejected.
    fn decide(
        &self,
        state: &Self::State,
        command: &Self::Command,
    ) -> Result<Vec<Self::Event>, Self::Error>;
}
