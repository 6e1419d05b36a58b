//! The store on the test bench: what the cases know of the API.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use futures::lock::Mutex;
use futures::{FutureExt, TryStreamExt};

use super::{Fixture, Limits, TestClock};
use crate::{
    Append, Appended, Error, ErrorKind, Event, EventStream, Expected, Filter, ListStreams,
    Position, ReadLog, ReadStream, RecordedEvent, Result, Store, StoreExt, StreamInfo, StreamName,
    Version,
};

/// How long a case may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs one case on a fresh store: what a test made by
/// [`conformance_tests!`](crate::conformance_tests) does.
///
/// # Panics
/// If the case fails, or does not come to an end.
pub fn run<F: Fixture>(
    open: impl FnOnce(TestClock) -> F + Send + 'static,
    case: impl AsyncFnOnce(&mut Bench) + Send + 'static,
) {
    to_its_end(|| {
        let clock = TestClock::default();
        let mut bench = Bench::new(clock.clone(), open(clock));
        futures::executor::block_on(case(&mut bench));
    });
}

/// Runs a case, which must come to an end.
pub(super) fn to_its_end(case: impl FnOnce() + Send + 'static) {
    let (running, ended) = channel::<()>();
    let case = thread::spawn(move || {
        let _running = running;
        case();
    });
    let stuck = ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
    assert!(!stuck, "the case has not ended after {} s", PATIENCE.as_secs());
    if let Err(panic) = case.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A fresh store, its clock, and what was appended to it.
#[derive(Debug)]
pub struct Bench {
    pub(super) clock: TestClock,
    fixture: Box<dyn Fixture>,
    /// The version that each stream is at, as the answers to the appends told it.
    versions: HashMap<StreamName, Version>,
    /// Where events stand, of a store that does not tell in a read of a stream.
    places: Mutex<Places>,
}

/// Where the events of a log stand, as far as it was read.
#[derive(Debug, Default)]
struct Places {
    positions: HashMap<(StreamName, Version), Position>,
    end: Position,
}

impl Places {
    async fn read_on(&mut self, store: &dyn Store) -> Result<()> {
        let mut events = store.read_log(ReadLog::new().from(self.end.next()));
        while let Some(event) = events.try_next().await? {
            self.end = event.position;
            self.positions.insert((event.stream, event.version), event.position);
        }
        Ok(())
    }

    fn of(&self, event: &RecordedEvent) -> Position {
        let key = (event.stream.clone(), event.version);
        self.positions.get(&key).copied().unwrap_or_default()
    }
}

impl Bench {
    pub(super) fn new(clock: TestClock, fixture: impl Fixture) -> Self {
        Self {
            clock,
            fixture: Box::new(fixture),
            versions: HashMap::new(),
            places: Mutex::default(),
        }
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        self.fixture.store()
    }

    pub(super) fn limits(&self) -> Limits {
        self.fixture.limits()
    }

    pub(super) async fn reopen(&mut self) {
        let reopened = self.reopen_if_durable().await.expect("the store opens again");
        assert!(reopened, "the fixture of a durable store reopens it");
    }

    pub(super) async fn reopen_if_durable(&mut self) -> Result<bool> {
        self.fixture.reopen().await
    }

    /// Appends a millisecond after the append before.
    pub(super) async fn send(&mut self, append: Append) -> Result<Appended> {
        self.clock.advance_ms(1);
        self.send_now(append).await
    }

    /// Appends without a tick of the clock.
    pub(super) async fn send_now(&mut self, append: Append) -> Result<Appended> {
        let answer = self.store().append(append).await?;
        self.heard(&answer);
        if self.fixture.places_later() {
            // Only what is placed before the next append is placed before it for sure.
            self.settled().await;
        }
        Ok(answer)
    }

    /// Takes note of an answer that came to somebody else.
    pub(super) fn heard(&mut self, answer: &Appended) {
        for (stream, version) in &answer.versions {
            let known = self.versions.entry(stream.clone()).or_default();
            *known = (*known).max(*version);
        }
    }

    /// Appends to one stream the events with these ids.
    pub(super) async fn append(
        &mut self,
        stream: &str,
        expected: Expected,
        ids: impl IntoIterator<Item = u128>,
    ) -> Result<Appended> {
        self.send(to(stream, expected, ids)).await
    }

    /// Waits until all that was appended is in the log, and answers the head: a store may place
    /// events after the append.
    pub(super) async fn settled(&self) -> Position {
        let count = self.versions.values().map(|version| version.number()).sum();
        if count > 0 {
            let before = Position::new(count - 1);
            self.store().wait_past(before).await.expect("the log grows");
        }
        Position::new(count)
    }

    /// The whole log.
    pub(super) async fn log(&self) -> Vec<RecordedEvent> {
        self.read_log(ReadLog::new()).await
    }

    pub(super) async fn read_log(&self, read: ReadLog) -> Vec<RecordedEvent> {
        self.settled().await;
        collect(self.store().read_log(read)).await
    }

    pub(super) async fn filtered(&self, filter: Filter) -> Vec<RecordedEvent> {
        self.read_log(ReadLog::new().with_filter(filter)).await
    }

    /// A whole stream.
    pub(super) async fn stream(&self, stream: &str) -> Vec<RecordedEvent> {
        self.read_stream(ReadStream::new(name(stream))).await
    }

    pub(super) async fn read_stream(&self, read: ReadStream) -> Vec<RecordedEvent> {
        self.settled().await;
        self.read_events(read).await.expect("events can be read")
    }

    /// The events of a stream, with their positions also where only the log tells them.
    pub(super) async fn read_events(&self, read: ReadStream) -> Result<Vec<RecordedEvent>> {
        let mut events: Vec<_> = self.store().read_stream(read).try_collect().await?;
        if self.fixture.places_later() {
            let mut places = self.places.lock().await;
            places.read_on(&*self.store()).await?;
            for event in events.iter_mut().filter(|event| event.position == Position::ZERO) {
                event.position = places.of(event);
            }
        }
        Ok(events)
    }

    /// All streams that pass the request, over all pages.
    pub(super) async fn list(&self, list: ListStreams) -> Vec<StreamInfo> {
        self.settled().await;
        self.store().streams(list).try_collect().await.expect("streams can be listed")
    }
}

/// The whole answer to a read.
pub(super) async fn collect(events: EventStream) -> Vec<RecordedEvent> {
    events.try_collect().await.expect("events can be read")
}

pub(super) fn name(stream: &str) -> StreamName {
    StreamName::new(stream.to_owned()).expect("the suite names streams well")
}

/// The event with this id; its data tell the id.
pub(super) fn event(id: u128) -> Event {
    let event_type = "Happened".parse().expect("the suite names types well");
    Event::new(uuid::Uuid::from_u128(id), event_type, format!(r#"{{"id":{id}}}"#))
}

pub(super) fn events(ids: impl IntoIterator<Item = u128>) -> Vec<Event> {
    ids.into_iter().map(event).collect()
}

pub(super) fn to(stream: &str, expected: Expected, ids: impl IntoIterator<Item = u128>) -> Append {
    Append::to(name(stream), expected, events(ids))
}

pub(super) fn exact(version: u64) -> Expected {
    Expected::Exact(Version::new(version))
}

pub(super) fn ids(events: &[RecordedEvent]) -> Vec<u128> {
    events.iter().map(|event| event.id.as_u128()).collect()
}

pub(super) fn versions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.version.number()).collect()
}

pub(super) fn positions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.position.number()).collect()
}

/// Demands a conflict that tells where the stream is, and that nothing can have happened.
#[track_caller]
pub(super) fn assert_conflict(result: Result<Appended>, stream: &str, actual: u64) {
    let conflict = ErrorKind::Conflict { stream: name(stream), actual: Version::new(actual) };
    assert_refused(result, &conflict);
}

/// Demands an error of this kind after which nothing can have happened.
#[track_caller]
pub(super) fn assert_refused(result: Result<Appended>, kind: &ErrorKind) {
    let error = result.expect_err("the append is refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(!error.may_have_happened() && !error.is_retryable(), "{error}");
}

/// Demands that a repeated append is answered as it was the first time.
#[track_caller]
pub(super) fn assert_same_answer(first: &Appended, again: &Appended) {
    assert_eq!(again.versions, first.versions);
    assert_eq!(again.recorded, first.recorded);
    if first.position.is_some() && again.position.is_some() {
        assert_eq!(again.position, first.position);
    }
}

/// The error that a read begins with.
pub(super) async fn first_error(mut events: EventStream) -> Error {
    match events.try_next().await {
        Err(error) => error,
        Ok(event) => panic!("an error was expected, not {event:?}"),
    }
}

/// Polls once: the answer if there is one already.
pub(super) fn poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    future.now_or_never()
}
