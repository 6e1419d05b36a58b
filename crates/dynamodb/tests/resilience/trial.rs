//! A store on tables of its own, and calls of it that faults befall.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use factlog::conformance::TestClock;
use factlog::state::{Item, Key, Revision, Scan};
use factlog::{
    Append, Appended, ErrorKind, Event, EventId, Position, ReadLog, RecordedEvent, Result,
    Store as _, StoreExt, StreamName,
};
use factlog_dynamodb::{CreateTables, Layout, Options, Store, Tables};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::common::{Faults, Local};

/// What is there before the call; no fault befalls it.
pub(crate) type Before = for<'a> fn(&'a Trial) -> BoxFuture<'a, ()>;

/// The call, and its answer: the same in each trial.
pub(crate) type Call = for<'a> fn(&'a Trial) -> BoxFuture<'a, Result<String>>;

/// How often what was before is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Once for all trials: they only read.
    All,
    /// For each trial anew.
    Each,
}

/// The tables of a store, and the faults before them.
pub(crate) struct Place {
    pub(crate) local: Arc<Local>,
    pub(crate) clock: TestClock,
    /// A process that no fault befalls.
    pub(crate) calm: Store,
}

/// One call of a store that was just opened. Streams and keys are those of its number.
pub(crate) struct Trial {
    pub(crate) store: Store,
    pub(crate) calm: Store,
    /// The head of the log when the store was opened.
    pub(crate) start: Position,
    /// The revision of an item that was there before.
    pub(crate) revision: OnceLock<Revision>,
    local: Arc<Local>,
    clock: TestClock,
    number: u64,
}

impl Place {
    pub(crate) async fn new(layout: Layout) -> Self {
        let (local, clock) = (Arc::new(Local::new()), TestClock::default());
        let mut tables = CreateTables::default();
        tables.layout = Some(layout);
        Tables::create(&local.client(), local.name(), &tables).await.unwrap();
        let calm = open(&local, &clock, 0).await.unwrap();
        Self { local, clock, calm }
    }

    pub(crate) async fn trial(&self, number: u64) -> Trial {
        let (local, clock) = (Arc::clone(&self.local), self.clock.clone());
        let store = open(&local, &clock, number + 1).await.unwrap();
        let (calm, start) = (self.calm.clone(), store.head().await.unwrap());
        Trial { store, calm, start, revision: OnceLock::new(), local, clock, number }
    }

    /// Streams, log and watermarks agree: each event stands once in its stream and once in the log.
    pub(crate) async fn agrees(&self) {
        // A trial that could not give its lease back has it no longer.
        self.clock.advance_ms(60_000);
        self.calm.catch_up().await.unwrap();
        let verified = self.calm.verify(|_| {}).await.unwrap();
        assert_eq!((verified.waiting, &verified.differences), (0, &Vec::new()));
        let log: Vec<_> = self.calm.read_log(ReadLog::new()).try_collect().await.unwrap();
        let ids: HashSet<EventId> = log.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), log.len(), "an event is there twice");
        let mut streams: BTreeMap<_, Vec<EventId>> = BTreeMap::new();
        for event in log {
            streams.entry(event.stream.clone()).or_default().push(event.id);
        }
        for (stream, ids) in streams {
            let events = self.calm.load(&stream).await.unwrap();
            assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), ids, "{stream}");
        }
    }
}

async fn open(local: &Local, clock: &TestClock, seed: u64) -> Result<Store> {
    let options = Options::new(seed).without_sequencer();
    let options = options.with_pauses(Duration::from_millis(1), Duration::from_millis(2));
    Store::open(local.name(), local.config(), options, clock.clone()).await
}

impl Trial {
    pub(crate) fn faults(&self) -> &Faults {
        self.local.faults()
    }

    /// The store once more, from its tables.
    pub(crate) async fn open(&self) -> Result<Store> {
        open(&self.local, &self.clock, self.number + 1).await
    }

    pub(crate) fn category(&self) -> String {
        format!("trial{}", self.number)
    }

    /// The stream with this letter.
    pub(crate) fn stream(&self, letter: char) -> StreamName {
        format!("{}-{letter}", self.category()).parse().unwrap()
    }

    /// These events of the stream with this letter, by their numbers.
    pub(crate) fn events(&self, letter: char, numbers: impl Iterator<Item = u32>) -> Vec<Event> {
        let event = |number| {
            let id = u128::from(self.number) << 64 | (letter as u128) << 32 | u128::from(number);
            let kind = if number % 2 == 0 { "Even" } else { "Odd" };
            Event::new(EventId::from_u128(id), kind.parse().unwrap(), format!("{letter}{number}"))
        };
        numbers.map(event).collect()
    }

    /// The key with this name, in the trial's partition.
    pub(crate) fn key(&self, sort: impl Into<bytes::Bytes>) -> Key {
        Key::new(self.category().parse().unwrap(), sort).unwrap()
    }

    pub(crate) fn items(&self) -> Scan {
        Scan::new(self.category().parse().unwrap())
    }

    /// Appends in another process.
    pub(crate) async fn append(&self, append: Append) {
        self.calm.append(append).await.unwrap();
    }

    /// What is there of the trial's streams and keys.
    pub(crate) async fn left(&self) -> String {
        let mut left = String::new();
        for letter in ['a', 'b', 'c'] {
            let events = self.calm.load(&self.stream(letter)).await.unwrap();
            write!(left, "{letter}: {}; ", told(&events)).unwrap();
        }
        let items: Vec<Item> = self.calm.state().scan(self.items()).try_collect().await.unwrap();
        for item in items {
            write!(left, "{:?}={:?} ", item.key.sort(), item.value).unwrap();
        }
        left
    }
}

/// Events as an answer tells them.
pub(crate) fn told(events: &[RecordedEvent]) -> String {
    let told = events.iter().map(|event| {
        let data = event.data.escape_ascii().to_string();
        let data = if data.len() > 9 { data.len().to_string() } else { data };
        format!("{}:{data}", event.version)
    });
    told.collect::<Vec<_>>().join(" ")
}

/// The answer to an append.
pub(crate) fn appended(answer: Result<Appended>) -> Result<String> {
    match answer {
        Ok(appended) => {
            let versions = appended.versions.iter().map(|(_, version)| version.to_string());
            Ok(versions.collect::<Vec<_>>().join(" "))
        }
        Err(error) => match error.kind() {
            ErrorKind::Conflict { actual, .. } => Ok(format!("conflict at {actual}")),
            _ => Err(error),
        },
    }
}
