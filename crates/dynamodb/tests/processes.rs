//! Two hundred commands at once on one stream, from four processes: this test starts itself four times.
//!
//! ```text
//!   test ──┬──> process, commands   0..50  ──┐   each command: load what is new, decide, append at the version seen,
//!          ├──> process, commands  50..100 ──┤   and again on a conflict
//!          ├──> process, commands 100..150 ──┼──> one stream
//!          └──> process, commands 150..200 ──┘
//!          <─── "acknowledged COMMAND VERSION", a line each, on standard error
//! ```
//!
//! A command is an event whose id is the command's, and whose data is the version that it was decided at.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write, stderr};
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Faults, Local};
use factlog::{
    ErrorKind, Event, EventId, Expected, ReadLog, ReadStream, RecordedEvent, Result, Store as _,
    StoreExt, StreamName, SystemClock, Version,
};
use factlog_dynamodb::{CreateTables, Options, Store, Tables};
use futures::TryStreamExt;
use futures::future::join_all;
use tokio::time::timeout;

const COMMANDS: u64 = 200;
const PROCESSES: u64 = 4;

/// How long a process may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Set for the processes that the test starts: the store's name, and the commands.
const NAME: &str = "FACTLOG_TEST_NAME";
const FIRST: &str = "FACTLOG_TEST_FIRST";
const END: &str = "FACTLOG_TEST_END";

#[tokio::test]
async fn commands_at_once_lose_nothing() {
    match env::var(NAME) {
        Ok(name) => work(&name, number(FIRST)..number(END)).await,
        Err(_) => all_commands("commands_at_once_lose_nothing", None).await,
    }
}

#[tokio::test]
async fn commands_of_a_killed_process_are_given_again() {
    match env::var(NAME) {
        Ok(name) => work(&name, number(FIRST)..number(END)).await,
        Err(_) => all_commands("commands_of_a_killed_process_are_given_again", Some(10)).await,
    }
}

fn number(variable: &str) -> u64 {
    env::var(variable).unwrap().parse().unwrap()
}

fn stream() -> StreamName {
    "account-1".parse().unwrap()
}

/// Gives all commands to four processes. The first is killed after so many acknowledgements, and all of its commands
/// are given again, to another.
async fn all_commands(test: &str, kill_after: Option<usize>) {
    let local = Local::new();
    Tables::create(&local.client(), local.name(), &CreateTables::default()).await.unwrap();
    let (each, name) = (COMMANDS / PROCESSES, local.name());
    let start = |first| Process::start(test, name, first..first + each);
    let mut processes: Vec<_> = (0..PROCESSES).map(|number| start(number * each)).collect();
    let mut acknowledged = BTreeMap::new();
    if let Some(count) = kill_after {
        acknowledged.extend(processes.remove(0).killed_after(count));
        processes.push(start(0));
    }
    acknowledged.extend(processes.into_iter().flat_map(Process::ended));

    let store = open(name, COMMANDS).await.unwrap();
    let events = store.load(&stream()).await.unwrap();
    check(&events, &acknowledged);
    store.catch_up().await.unwrap();
    let log: Vec<_> = store.read_log(ReadLog::new()).try_collect().await.unwrap();
    let ids = |events: &[RecordedEvent]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(&log), ids(&events));
    assert_eq!(store.verify(|_| {}).await.unwrap().differences, []);
}

/// Each command is there once, decided at the version before its own; what was acknowledged stands where it was said to.
fn check(events: &[RecordedEvent], acknowledged: &BTreeMap<u64, u64>) {
    let mut there = BTreeMap::new();
    for (event, version) in events.iter().zip(1..) {
        assert_eq!(event.version, Version::new(version));
        assert_eq!(event.data, (version - 1).to_string());
        let command = u64::try_from(event.id.as_u128()).unwrap();
        assert_eq!(there.insert(command, version), None, "command {command} is there twice");
    }
    assert!(there.keys().copied().eq(0..COMMANDS), "{there:?}");
    assert_eq!(&there, acknowledged);
}

struct Process(Child);

impl Process {
    fn start(test: &str, name: &str, commands: Range<u64>) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(NAME, name);
        command.env(FIRST, commands.start.to_string()).env(END, commands.end.to_string());
        Self(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The commands that it says are acknowledged, with their versions.
    fn acknowledged(&mut self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let lines = BufReader::new(self.0.stderr.take().unwrap()).lines();
        lines.map(|line| {
            let line = line.unwrap();
            let words: Vec<_> = line.split(' ').collect();
            let ["acknowledged", command, version] = words[..] else { panic!("{line}") };
            (command.parse().unwrap(), version.parse().unwrap())
        })
    }

    fn ended(mut self) -> Vec<(u64, u64)> {
        let all = self.acknowledged().collect();
        assert!(self.0.wait().unwrap().success());
        all
    }

    fn killed_after(mut self, count: usize) -> Vec<(u64, u64)> {
        let mut lines = self.acknowledged();
        let mut all: Vec<_> = lines.by_ref().take(count).collect();
        self.0.kill().unwrap();
        all.extend(lines);
        self.0.wait().unwrap();
        all
    }
}

async fn open(name: &str, seed: u64) -> Result<Store> {
    let options = Options::new(seed).without_sequencer();
    Store::open(name, &common::config(name, Faults::default()), options, SystemClock).await
}

/// What a process does: all its commands at once.
async fn work(name: &str, commands: Range<u64>) {
    let store = open(name, commands.start).await.unwrap();
    let all = join_all(commands.map(|number| command(&store, number)));
    timeout(PATIENCE, all).await.unwrap();
}

/// Loads, decides, appends, until the command stands, and says so.
async fn command(store: &Store, number: u64) {
    let id = EventId::from_u128(number.into());
    let mut seen = Version::ZERO;
    let version = loop {
        let read = ReadStream::new(stream()).from(seen.next());
        let events: Vec<_> = store.read_stream(read).try_collect().await.unwrap();
        if let Some(event) = events.iter().find(|event| event.id == id) {
            break event.version;
        }
        seen = events.last().map_or(seen, |event| event.version);
        let event = Event::new(id, "Decided".parse().unwrap(), seen.to_string());
        match store.append_to(&stream(), Expected::Exact(seen), vec![event]).await {
            Ok(appended) => break appended.version(),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    // One write, since the process may be killed between two.
    let line = format!("acknowledged {number} {version}\n");
    stderr().write_all(line.as_bytes()).unwrap();
}
