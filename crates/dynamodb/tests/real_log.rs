//! The real log: eight writers append it while a subscriber follows from position 0.
//!
//! ```text
//!   file ── stream by stream to a writer ── writer ── append: what came together of a stream ──> store ──> subscriber
//! ```
//!
//! By default the permits; with `FACTLOG_REAL_LOG=loans` all loan applications.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{BufRead, BufReader};
use std::time::Duration;

use common::Local;
use factlog::{
    Append, Event, EventId, Expected, Filter, Position, Store as _, StoreExt, StreamName,
    Subscription, SystemClock, Version,
};
use factlog_dynamodb::{CreateTables, Options, Store, Tables};
use futures::TryStreamExt;
use futures::future::{join, try_join_all};
use serde_json::Value;

const WRITERS: usize = 8;

/// Lines of a writer that are taken together: those of one stream are one append.
const TOGETHER: usize = 200;

/// The events of a stream that come together.
type Run = (StreamName, Vec<Event>);

fn file() -> std::path::PathBuf {
    let name = match std::env::var("FACTLOG_REAL_LOG").as_deref() {
        Ok("loans") => "loan-applications.jsonl.gz",
        Ok(other) => panic!("FACTLOG_REAL_LOG is {other}, not loans"),
        Err(_) => "permits.jsonl.gz",
    };
    let data = std::env::var("FACTLOG_DATA").expect("FACTLOG_DATA is not set: run scripts/test");
    std::path::Path::new(&data).join(name)
}

/// The events in the order of the file; the number of each is its id.
fn lines() -> Vec<(StreamName, Event)> {
    let file = std::fs::File::open(file()).unwrap();
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    let event = |(number, line): (u64, std::io::Result<String>)| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().parse();
        let id = EventId::from_u64_pair(0, number);
        let event_type = line["type"].as_str().unwrap().parse().unwrap();
        let event = Event::new(id, event_type, line["data"].to_string().into_bytes());
        let event = event.with_metadata(line["metadata"].to_string().into_bytes());
        (text("stream").unwrap(), event)
    };
    (1..).zip(lines).map(event).collect()
}

/// What each writer appends, in order.
fn share(lines: &[(StreamName, Event)]) -> Vec<Vec<Run>> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut writers = vec![Vec::new(); WRITERS];
    for (stream, event) in lines {
        let writer = usize::try_from(hasher.hash_one(stream) % WRITERS as u64).unwrap();
        writers[writer].push((stream.clone(), event.clone()));
    }
    let together = |lines: &[(StreamName, Event)]| {
        let mut runs: Vec<Run> = Vec::new();
        let mut of_stream = HashMap::new();
        for (stream, event) in lines {
            let run = *of_stream.entry(stream.clone()).or_insert(runs.len());
            match runs.get_mut(run) {
                Some((_, events)) => events.push(event.clone()),
                None => runs.push((stream.clone(), vec![event.clone()])),
            }
        }
        runs
    };
    writers.iter().map(|lines| lines.chunks(TOGETHER).flat_map(together).collect()).collect()
}

async fn write(store: Store, runs: Vec<Run>) -> factlog::Result<()> {
    let mut versions: HashMap<StreamName, Version> = HashMap::new();
    for (stream, events) in runs {
        let version = versions.entry(stream.clone()).or_default();
        let append = Append::to(stream, Expected::Exact(*version), events);
        *version = store.append(append).await?.version();
    }
    Ok(())
}

/// Follows until so many events were seen: the ids of each stream, in the order of the log.
async fn follow(store: &Store, count: u64) -> HashMap<StreamName, Vec<EventId>> {
    let mut log = store.subscribe(Position::ZERO, Filter::all());
    let (mut streams, mut last): (HashMap<_, Vec<_>>, _) = (HashMap::new(), Position::ZERO);
    while last.number() < count {
        if let Subscription::Event(event) = log.try_next().await.unwrap().unwrap() {
            assert_eq!(event.position, last.next(), "positions have no gaps");
            last = event.position;
            let seen = streams.entry(event.stream.clone()).or_default();
            assert_eq!(event.version.number(), seen.len() as u64 + 1, "{}", event.stream);
            seen.push(event.id);
        }
    }
    streams
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_sees_each_event_once_and_each_stream_in_its_order_while_eight_writers_append()
{
    let local = Local::new();
    Tables::create(&local.client(), local.name(), &CreateTables::default()).await.unwrap();
    let options = Options::new(1).with_sequencer_poll(Duration::from_millis(20));
    let store = Store::open(local.name(), local.config(), options, SystemClock).await.unwrap();
    let lines = lines();
    let writers = share(&lines).into_iter().map(|runs| tokio::spawn(write(store.clone(), runs)));
    let writers = try_join_all(writers);
    let (written, seen) = join(writers, follow(&store, lines.len() as u64)).await;
    written.unwrap().into_iter().for_each(Result::unwrap);
    let mut expected: HashMap<StreamName, Vec<EventId>> = HashMap::new();
    for (stream, event) in lines {
        expected.entry(stream).or_default().push(event.id);
    }
    assert!(seen == expected, "what was seen is not what was appended");
    assert_eq!(
        store.head().await.unwrap().number(),
        expected.values().map(Vec::len).sum::<usize>() as u64
    );
    store.close().await.unwrap();
}
