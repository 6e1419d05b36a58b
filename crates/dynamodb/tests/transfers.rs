//! Transfers between a hundred accounts from four processes of eight workers: this test starts itself four times.
//!
//! ```text
//!   test ──> opens the accounts
//!        ──┬──> process, transfers 0, 4, 8, …  ──┐
//!          ├──> process, transfers 1, 5, 9, …  ──┼──> accounts, snapshots
//!          ├──> process, transfers 2, 6, 10, … ──┤
//!          └──> process, transfers 3, 7, 11, … ──┘
//!          <─── an answer a line, on standard error
//!        ──> checks the answers, the accounts and the log
//! ```
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{Faults, Local, OnRuntime};
use factlog::SystemClock;
use factlog::conformance::decider::{Answered, Transfers};
use factlog::state::State;
use factlog_dynamodb::{CreateTables, Options, Store, Tables};

const PROCESSES: u64 = 4;
/// By default; `FACTLOG_TRANSFERS` says otherwise.
const TRANSFERS: u64 = 10_000;

/// Set for the processes that the test starts: the store's name, and the share.
const NAME: &str = "FACTLOG_TEST_NAME";
const SHARE: &str = "FACTLOG_TEST_SHARE";

#[test]
fn transfers_by_four_processes_keep_the_sum() {
    let mut transfers = Transfers::from_env(TRANSFERS);
    (transfers.workers, transfers.executors) = (8, 1);
    if let (Ok(name), Ok(share)) = (env::var(NAME), env::var(SHARE)) {
        let share: u64 = share.parse().unwrap();
        let (store, state) = open(&name, share + 1);
        for answer in transfers.work(&store, &state, (share, PROCESSES)) {
            eprintln!("{}", serde_json::to_string(&answer).unwrap());
        }
        return;
    }
    let local = Local::new();
    let made = OnRuntime::open(|| async {
        let client = aws_sdk_dynamodb::Client::new(&local.config_for_new_runtime());
        Tables::create(&client, local.name(), &CreateTables::default()).await
    });
    drop(made.unwrap());
    let (store, state) = open(local.name(), 0);
    transfers.open_accounts(&store, &state);
    let start = |share: u64| {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "transfers_by_four_processes_keep_the_sum", "--nocapture"]);
        command.env(NAME, local.name()).env(SHARE, share.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let processes: Vec<_> = (0..PROCESSES).map(start).collect();
    let mut answers: Vec<Answered> = Vec::new();
    for mut process in processes {
        for line in BufReader::new(process.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            answers.push(serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}")));
        }
        assert!(process.wait().unwrap().success());
    }
    transfers.check(&*store, answers);
}

fn open(name: &str, seed: u64) -> (Arc<dyn factlog::Store>, Arc<dyn State>) {
    let store = OnRuntime::open(|| async {
        let config = common::config(name, Faults::default());
        Store::open(name, &config, Options::new(seed), SystemClock).await
    });
    let store = Arc::new(store.unwrap());
    let state = Arc::new(store.part(Store::state));
    (store, state)
}
