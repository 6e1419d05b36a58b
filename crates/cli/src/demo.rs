//! `factlog demo`: the idea in a few seconds, on sample data made here.
//!
//! A small bank: accounts are streams, tellers are tasks that withdraw and deposit at the same time. Each
//! command loads an account, decides, and appends at the version that it saw; a conflict means that
//! another teller was faster: load what is new and decide again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use factlog::{
    ErrorKind, Event, EventId, EventType, Expected, Filter, Position, ReadLog, ReadStream,
    RecordedEvent, Result, Store, StoreExt, StreamName, Subscription, SystemClock, Version,
};
use factlog_embedded::Options;
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output::Output;

const ACCOUNTS: u64 = 5;
const TELLERS: u64 = 8;
const COMMANDS: u64 = 60;
const OPENING_BALANCE: i64 = 100;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Another seed makes other customers.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Keep the store in this directory, which must not exist yet; by default it is removed.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
}

pub(crate) async fn run(args: &DemoArgs, output: &mut Output) -> Result<(), Failure> {
    let path = match &args.keep {
        Some(path) if path.exists() => {
            let message = format!("{} is there already", path.display());
            return Err(factlog::Error::invalid(message).into());
        }
        Some(path) => path.clone(),
        None => std::env::temp_dir().join(format!("factlog-demo-{}", std::process::id())),
    };
    let shown = show(&path, args.seed, output).await;
    if args.keep.is_none() && path.exists() {
        std::fs::remove_dir_all(&path)?;
    }
    shown?;
    let store = args.keep.as_ref().map(|path| format!("--store {} ", path.display()));
    let store = store.unwrap_or_default();
    output.note(&format!(
        "\nNext: factlog {store}log · factlog {store}read account-1 · factlog --help\n\
         (`factlog demo --keep DIRECTORY` leaves this bank there for you)"
    ))?;
    Ok(())
}

async fn show(path: &std::path::Path, seed: u64, output: &mut Output) -> Result<(), Failure> {
    let open = || factlog_embedded::Store::open(path, Options::default(), SystemClock);
    let store: Arc<dyn Store> = Arc::new(open()?);
    output.note(&format!(
        "1. A store in {}: {ACCOUNTS} accounts are opened, one stream each.",
        path.display()
    ))?;
    for account in 1..=ACCOUNTS {
        let opened = event(0, account, "AccountOpened", &json!({ "balance": OPENING_BALANCE }))?;
        store.append_to(&name(account)?, Expected::NoStream, vec![opened]).await?;
    }
    let watcher = tokio::spawn(watch(Arc::clone(&store)));

    output.note(&format!(
        "2. {TELLERS} tellers at once, {COMMANDS} commands each: withdraw or deposit, never below zero."
    ))?;
    let bank = Arc::new(Bank {
        store: Arc::clone(&store),
        conflicts: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    });
    let tellers = (1..=TELLERS).map(|teller| tokio::spawn(Arc::clone(&bank).work(teller, seed)));
    let mut first_conflict = None;
    for teller in tellers.collect::<Vec<_>>() {
        let conflict = teller.await.map_err(std::io::Error::other)??;
        first_conflict = first_conflict.or(conflict);
    }
    let conflicts = bank.conflicts.load(Ordering::Relaxed);
    let refused = bank.refused.load(Ordering::Relaxed);
    output.note(&format!("   {conflicts} conflicts, each decided again; {refused} withdrawals refused for lack of money."))?;
    if let Some(conflict) = first_conflict {
        output.note(&format!("   One of them: {conflict}"))?;
    }

    output.note("3. One stream, its last five events:")?;
    let last = ReadStream::new(name(1)?).backward().limit(5);
    let mut events: Vec<_> = store.read_stream(last).try_collect().await?;
    events.reverse();
    for event in &events {
        output.event(event)?;
    }

    output.note("4. The whole log, replayed into a report:")?;
    let events: Vec<_> = store.read_log(ReadLog::new()).try_collect().await?;
    report(&events, output)?;

    store
        .append_to(&name(1)?, Expected::StreamExists, vec![event(0, 99, "BankClosed", &json!({}))?])
        .await?;
    let watched = watcher.await.map_err(std::io::Error::other)??;
    let head = store.head().await?;
    output.note(&format!(
        "5. A subscription saw {watched} of {head} events as they came, in order, without a gap."
    ))?;
    store.close().await?;
    drop((bank, store));

    let store = open()?;
    let again = store.head().await?;
    let verified = store.verify(|_, _| ())?;
    output.note(&format!(
        "6. Closed and opened again: {again} events are there, {} commits verified.",
        verified.commits
    ))?;
    Ok(store.close().await?)
}

/// Follows the log until the bank closes: how many events it saw.
async fn watch(store: Arc<dyn Store>) -> Result<u64> {
    let mut items = store.subscribe(Position::ZERO, Filter::all());
    let mut seen = Position::ZERO;
    while let Some(item) = items.try_next().await? {
        if let Subscription::Event(event) = item {
            assert_eq!(
                event.position,
                seen.next(),
                "a subscription sees each event once, in order"
            );
            seen = event.position;
            if event.event_type.as_str() == "BankClosed" {
                break;
            }
        }
    }
    Ok(seen.number())
}

struct Bank {
    store: Arc<dyn Store>,
    conflicts: AtomicU64,
    refused: AtomicU64,
}

impl Bank {
    /// A teller's day; returns the first conflict, told in words.
    async fn work(self: Arc<Self>, teller: u64, seed: u64) -> Result<Option<String>> {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ teller.wrapping_mul(0xff51_afd7_ed55_8ccd)
            | 1;
        let mut first = None;
        for command in 1..=COMMANDS {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let account = (random >> 33) % ACCOUNTS + 1;
            let amount = i64::from(u8::try_from((random >> 41) % 60).unwrap_or(0)) + 1;
            let amount = if random >> 60 < 9 { -amount } else { amount };
            let conflict = self.change(account, amount, teller * 1_000 + command).await?;
            first = first.or(conflict);
        }
        Ok(first)
    }

    /// One command: load, decide, append; on conflict load what is new and decide again.
    async fn change(&self, account: u64, amount: i64, command: u64) -> Result<Option<String>> {
        let stream = name(account)?;
        let (mut balance, mut version, mut told) = (0, Version::ZERO, None);
        loop {
            let read = ReadStream::new(stream.clone()).from(version.next());
            let new: Vec<_> = self.store.read_stream(read).try_collect().await?;
            balance = new.iter().fold(balance, evolve);
            version = version.plus(new.len() as u64);
            if balance + amount < 0 {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Ok(told);
            }
            let what = if amount < 0 { "MoneyWithdrawn" } else { "MoneyDeposited" };
            let event = event(command, account, what, &json!({ "amount": amount.abs() }))?;
            match self.store.append_to(&stream, Expected::Exact(version), vec![event]).await {
                Ok(_) => return Ok(told),
                Err(error) => match error.kind() {
                    ErrorKind::Conflict { .. } => {
                        self.conflicts.fetch_add(1, Ordering::Relaxed);
                        told.get_or_insert_with(|| {
                            format!("{error}; the balance then was {balance}, {amount:+} is decided again")
                        });
                    }
                    _ => return Err(error),
                },
            }
        }
    }
}

fn name(account: u64) -> Result<StreamName> {
    StreamName::new(format!("account-{account}"))
}

fn event(command: u64, account: u64, what: &str, data: &Value) -> Result<Event> {
    let id = EventId::from_u64_pair(command, account);
    Ok(Event::new(id, EventType::new(what)?, data.to_string()))
}

/// The balance after an event.
fn evolve(balance: i64, event: &RecordedEvent) -> i64 {
    let data: Value = serde_json::from_slice(&event.data).unwrap_or_default();
    let number = |field: &str| data[field].as_i64().unwrap_or(0);
    match event.event_type.as_str() {
        "MoneyDeposited" => balance + number("amount"),
        "MoneyWithdrawn" => balance - number("amount"),
        "AccountOpened" => number("balance"),
        _ => balance,
    }
}

fn report(events: &[RecordedEvent], output: &mut Output) -> std::io::Result<()> {
    let mut accounts: BTreeMap<&str, (u64, i64, i64)> = BTreeMap::new();
    for event in events {
        let (count, balance, lowest) =
            accounts.entry(event.stream.as_str()).or_insert((0, 0, i64::MAX));
        *count += 1;
        *balance = evolve(*balance, event);
        *lowest = (*lowest).min(*balance);
    }
    let rows = accounts.iter().map(|(account, (count, balance, lowest))| {
        vec![(*account).to_owned(), count.to_string(), balance.to_string(), lowest.to_string()]
    });
    output.table(&["account", "events", "balance", "lowest"], &rows.collect::<Vec<_>>())
}
