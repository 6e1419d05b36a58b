//! A process that is killed in the middle of writing to the state has kept all that was answered.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use factlog::state::{Condition, Item, Key, Scan, State as _, Write, Written};
use factlog::{Store as _, SystemClock};
use factlog_embedded::{Options, State, Store};
use futures::executor::{block_on, block_on_stream};

/// Set in the process that is killed: where its store is.
const DIRECTORY: &str = "FACTLOG_KILLED_DIRECTORY";
const KEYS: u64 = 50;

fn key(partition: &str, sort: u64) -> Key {
    Key::new(partition.parse().unwrap(), sort.to_be_bytes().to_vec()).unwrap()
}

fn open(path: &Path) -> (Store, State) {
    let store = Store::open(path, Options::default(), SystemClock).unwrap();
    let state = store.state().unwrap();
    (store, state)
}

fn number(item: &Item) -> u64 {
    u64::from_be_bytes(item.value[..8].try_into().unwrap())
}

/// Writes rounds for ever, each on condition of the one before it, and prints each that was answered.
fn write_until_killed(path: &Path) {
    let (_store, state) = open(path);
    let counter = key("counter", 0);
    let mut last = block_on(state.get(&counter)).unwrap();
    loop {
        let round = last.as_ref().map_or(0, number) + 1;
        let value = |size| [&round.to_be_bytes()[..], &vec![7; size]].concat();
        let same = |size| move |sort| Write::put(key("each", sort), value(size));
        block_on(state.write_each((0..KEYS).map(same(5_000)).collect())).unwrap();
        let unchanged = last.map_or(Condition::Absent, |item| Condition::Revision(item.revision));
        let mut writes = vec![Write::put(counter.clone(), value(0)).expecting(unchanged)];
        writes.extend((0..KEYS).map(|sort| Write::put(key("together", sort), value(1_000))));
        writes.push(Write::delete(key("gone", round - 1)));
        writes.push(Write::put(key("gone", round), value(0)));
        let written = block_on(state.write(writes)).unwrap();
        let Written::Done(revision) = written else { panic!("{written:?}") };
        println!("answered {round}");
        std::io::stdout().flush().unwrap();
        last = Some(Item::new(counter.clone(), value(0).into(), revision));
    }
}

/// This test again, as the process that is killed.
fn spawn(path: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "--nocapture", "what_was_answered_is_there_after_a_kill"]);
    child.env(DIRECTORY, path).stdout(Stdio::piped()).spawn().unwrap()
}

fn numbers(state: &State, partition: &str) -> Vec<u64> {
    let items = block_on_stream(state.scan(Scan::new(partition.parse().unwrap())));
    items.map(|item| number(&item.unwrap())).collect()
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    if let Some(path) = std::env::var_os(DIRECTORY) {
        return write_until_killed(path.as_ref());
    }
    let directory = tempfile::tempdir().unwrap();
    let mut answered = 0;
    for rounds in [1, 2, 30, 90, 7] {
        let mut child = spawn(directory.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut told = lines.filter_map(|line| line.split_once("answered ")?.1.parse().ok());
        answered = told.by_ref().take(rounds).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // What was told before the kill and read after it counts too.
        answered = told.last().unwrap_or(answered);

        let (store, state) = open(directory.path());
        let counter: Vec<u64> = numbers(&state, "counter");
        assert!(counter == [answered] || counter == [answered + 1], "{counter:?}, {answered}");
        answered = counter[0];
        assert_eq!(numbers(&state, "together"), vec![answered; 50]);
        assert_eq!(numbers(&state, "gone"), [answered]);
        let each = numbers(&state, "each");
        assert!(each.iter().all(|round| (answered..=answered + 1).contains(round)), "{each:?}");
        block_on(store.close()).unwrap();
    }
    assert!(answered >= 130);
}
