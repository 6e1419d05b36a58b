//! A bank: accounts that can't be overdrawn, and transfers that happen whole or not at all.
//!
//! `cargo run -p factlog-examples --bin bank-account`

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use factlog::codec::Json;
use factlog::decider::{
    CommandId, Decider, ExecuteError, Executed, Executor, Options, Transaction,
};
use factlog::{Memory, Store, StreamName};
use serde::{Deserialize, Serialize};

/// The rules of an account.
struct Account;

#[derive(Serialize, Deserialize)]
enum AccountEvent {
    AccountOpened { owner: String },
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn { amount: u64 },
}

enum AccountCommand {
    Open { owner: String },
    Deposit(u64),
    Withdraw(u64),
}

#[derive(Clone, Default)]
struct AccountState {
    is_open: bool,
    balance: u64,
}

#[derive(Debug)]
enum Rejection {
    NoAccount,
    AlreadyOpen,
    Overdrawn { balance: u64 },
}

impl Decider for Account {
    type State = AccountState;
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = Rejection;

    fn initial(&self) -> AccountState {
        AccountState::default()
    }

    fn evolve(&self, account: AccountState, event: &AccountEvent) -> AccountState {
        let AccountState { is_open, balance } = account;
        match event {
            AccountEvent::AccountOpened { .. } => AccountState { is_open: true, balance },
            AccountEvent::MoneyDeposited { amount } => {
                AccountState { is_open, balance: balance + amount }
            }
            AccountEvent::MoneyWithdrawn { amount } => {
                AccountState { is_open, balance: balance - amount }
            }
        }
    }

    fn decide(
        &self,
        account: &AccountState,
        command: &AccountCommand,
    ) -> Result<Vec<AccountEvent>, Rejection> {
        let event = match command {
            AccountCommand::Open { .. } if account.is_open => return Err(Rejection::AlreadyOpen),
            AccountCommand::Open { owner } => AccountEvent::AccountOpened { owner: owner.clone() },
            _ if !account.is_open => return Err(Rejection::NoAccount),
            AccountCommand::Deposit(amount) => AccountEvent::MoneyDeposited { amount: *amount },
            AccountCommand::Withdraw(amount) if *amount > account.balance => {
                return Err(Rejection::Overdrawn { balance: account.balance });
            }
            AccountCommand::Withdraw(amount) => AccountEvent::MoneyWithdrawn { amount: *amount },
        };
        Ok(vec![event])
    }
}

/// Takes from one account and gives to the other: each decides by its own rules, both or none.
async fn transfer(
    accounts: &Executor<Account>,
    command: CommandId,
    (from, to): (&StreamName, &StreamName),
    amount: u64,
) -> Result<Executed, ExecuteError<Rejection>> {
    let mut transfer = Transaction::new(command);
    let from = transfer.stream(accounts, from.clone());
    let to = transfer.stream(accounts, to.clone());
    transfer
        .execute(|streams| {
            streams.decide(from, &AccountCommand::Withdraw(amount))?;
            streams.decide(to, &AccountCommand::Deposit(amount))
        })
        .await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store: Arc<dyn Store> = Arc::new(Memory::default());
    let accounts = Executor::new(Arc::clone(&store), Account, Json::new(), Options::default());
    let (ada, bob) = (StreamName::new("account-ada")?, StreamName::new("account-bob")?);
    // A command has an id, from whoever sends it: it is the same when it is sent again.
    let mut ids = (1..).map(CommandId::from_u128);
    let mut id = || ids.next().unwrap_or_default();

    for (account, owner) in [(&ada, "Ada"), (&bob, "Bob")] {
        let open = AccountCommand::Open { owner: owner.into() };
        accounts.execute(account, id(), &open).await?;
    }
    accounts.execute(&ada, id(), &AccountCommand::Deposit(100)).await?;
    println!("Ada deposits 100.");

    let rent = id();
    transfer(&accounts, rent, (&ada, &bob), 70).await?;
    println!("Ada pays Bob 70: {}.", balances(&accounts, &ada, &bob).await?);

    // The answer was lost, and Ada's phone sends the command again.
    let again = transfer(&accounts, rent, (&ada, &bob), 70).await?;
    let versions: Vec<_> = again.left.iter().map(|left| left.last.number()).collect();
    println!("Ada's phone sends it again: it was done before, see versions {versions:?}.");

    match transfer(&accounts, id(), (&ada, &bob), 70).await {
        Err(ExecuteError::Rejected(why)) => println!("Ada pays Bob 70 more: rejected, {why}."),
        other => return Err(format!("an overdraft was expected, not {other:?}").into()),
    }
    println!("In the end, {}.", balances(&accounts, &ada, &bob).await?);

    let rich = |account: &AccountState| account.balance >= 50;
    if let Some(when) = accounts.last_time(&ada, |account, _| rich(account)).await? {
        println!("Ada last had 50 or more at version {}.", when.version);
    }
    println!("The log has {} events.", store.head().await?);
    Ok(())
}

async fn balances(
    accounts: &Executor<Account>,
    ada: &StreamName,
    bob: &StreamName,
) -> factlog::Result<String> {
    let (ada, bob) = (accounts.state(ada).await?.state, accounts.state(bob).await?.state);
    Ok(format!("Ada has {}, Bob has {}", ada.balance, bob.balance))
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAccount => f.write_str("there is no such account"),
            Self::AlreadyOpen => f.write_str("the account is open already"),
            Self::Overdrawn { balance } => write!(f, "there are only {balance}"),
        }
    }
}

impl Error for Rejection {}
