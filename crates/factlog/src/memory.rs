//! The store in memory: the executable specification. What it answers is right by definition;
//! the other stores are tested against it. It promises everything but durability.

use std::collections::HashMap;
use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use futures::stream;

use crate::state::MemoryState;
use crate::{
    Append, Appended, Clock, Direction, Error, EventStream, ListStreams, PageToken, Position,
    ReadLog, ReadStream, RecordedEvent, Result, Store, StreamAppend, StreamInfo, StreamName,
    StreamPage, SystemClock, Version,
};

/// A store in memory.
#[derive(Debug)]
pub struct Memory {
    clock: Box<dyn Clock>,
    state: Arc<RwLock<State>>,
    /// What is kept beside the events; closed with them.
    beside: MemoryState,
    /// Notified when the log grows and when the store closes.
    changed: event_listener::Event,
}

#[derive(Debug, Default)]
struct State {
    /// The event at position n is `log[n - 1]`.
    log: Vec<RecordedEvent>,
    streams: HashMap<StreamName, StreamState>,
    /// All streams, in the order in which they were created.
    created: Vec<StreamName>,
    closed: bool,
}

#[derive(Debug, Default)]
struct StreamState {
    /// The event of version n has position `positions[n - 1]`.
    positions: Vec<Position>,
    /// How many events of the stream its last commit wrote.
    last_commit: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(SystemClock)
    }
}

impl Memory {
    /// An empty store that takes the recorded time from this clock.
    #[must_use]
    pub fn new(clock: impl Clock) -> Self {
        let (state, beside) = (Arc::default(), MemoryState::default());
        Self { clock: Box::new(clock), state, beside, changed: event_listener::Event::new() }
    }

    /// The state that is kept beside the events.
    #[must_use]
    pub fn state(&self) -> MemoryState {
        self.beside.clone()
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, State>> {
        let state = self.state.read().map_err(|_| poisoned())?;
        if state.closed { Err(Error::closed("the store is closed")) } else { Ok(state) }
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, State>> {
        let state = self.state.write().map_err(|_| poisoned())?;
        if state.closed { Err(Error::closed("the store is closed")) } else { Ok(state) }
    }

    /// The events with these numbers that are found, each looked up when it is asked for.
    fn events(
        &self,
        numbers: RangeInclusive<u64>,
        direction: Direction,
        limit: u64,
        find: impl Fn(&State, u64) -> Option<RecordedEvent> + Send + 'static,
    ) -> EventStream {
        let numbers: Box<dyn Iterator<Item = u64> + Send> = match direction {
            Direction::Forward => Box::new(numbers),
            Direction::Backward => Box::new(numbers.rev()),
        };
        let state = Arc::clone(&self.state);
        let events = numbers.filter_map(move |number| match state.read() {
            Ok(state) => find(&state, number).map(Ok),
            Err(_) => Some(Err(poisoned())),
        });
        Box::pin(stream::iter(events.take(usize::try_from(limit).unwrap_or(usize::MAX))))
    }
}

fn poisoned() -> Error {
    Error::internal("a thread panicked while it held the memory store")
}

fn failed(error: Error) -> EventStream {
    Box::pin(stream::iter([Err(error)]))
}

impl State {
    fn head(&self) -> Position {
        Position::new(self.log.len() as u64)
    }

    fn event(&self, position: Position) -> Option<&RecordedEvent> {
        let index = usize::try_from(position.previous().number()).ok()?;
        self.log.get(index)
    }

    fn event_of(&self, stream: &StreamName, version: Version) -> Option<&RecordedEvent> {
        let index = usize::try_from(version.previous().number()).ok()?;
        self.event(*self.positions(stream).get(index)?)
    }

    fn positions(&self, stream: &StreamName) -> &[Position] {
        self.streams.get(stream).map_or(&[], |stream| &stream.positions)
    }

    fn version(&self, stream: &StreamName) -> Version {
        Version::new(self.positions(stream).len() as u64)
    }

    /// The events of this part, if they already stand where the part would have put them.
    fn standing(&self, part: &StreamAppend) -> Option<Vec<&RecordedEvent>> {
        let stream = self.streams.get(&part.stream)?;
        let before = match part.expected.version() {
            Some(version) => usize::try_from(version.number()).ok()?,
            None if stream.last_commit == part.events.len() => {
                stream.positions.len() - stream.last_commit
            }
            None => return None,
        };
        let positions = stream.positions.get(before..)?.get(..part.events.len())?;
        let events: Vec<_> = positions.iter().filter_map(|at| self.event(*at)).collect();
        let same = events.iter().zip(&part.events).all(|(there, new)| there.id == new.id);
        same.then_some(events)
    }

    /// The first answer to an append that is repeated.
    fn repeated(&self, append: &Append) -> Option<Appended> {
        let written = append.streams().iter().filter(|part| !part.events.is_empty());
        let standing: Vec<_> = written.map(|part| self.standing(part)).collect::<Option<_>>()?;
        let lasts = || standing.iter().filter_map(|events| events.last().copied());
        let last = lasts().max_by_key(|event| event.position)?;
        let versions = lasts().map(|event| (event.stream.clone(), event.version)).collect();
        Some(Appended::new(versions, Some(last.position), last.recorded))
    }

    fn append(&mut self, append: &Append, clock: &dyn Clock) -> Result<Appended> {
        if let Some(answer) = self.repeated(append) {
            return Ok(answer);
        }
        for StreamAppend { stream, expected, .. } in append.streams() {
            let actual = self.version(stream);
            if !expected.holds_at(actual) {
                return Err(Error::conflict(stream.clone(), *expected, actual));
            }
        }
        let now = clock.now();
        let recorded = self.log.last().map_or(now, |last| now.max(last.recorded));
        let mut versions = Vec::new();
        for part in append.streams().iter().filter(|part| !part.events.is_empty()) {
            if self.version(&part.stream) == Version::ZERO {
                self.created.push(part.stream.clone());
            }
            let stream = self.streams.entry(part.stream.clone()).or_default();
            stream.last_commit = part.events.len();
            for event in &part.events {
                let position = Position::new(self.log.len() as u64 + 1);
                stream.positions.push(position);
                let version = Version::new(stream.positions.len() as u64);
                let name = part.stream.clone();
                self.log.push(RecordedEvent::new(event.clone(), name, version, position, recorded));
            }
            versions.push((part.stream.clone(), self.version(&part.stream)));
        }
        Ok(Appended::new(versions, Some(self.head()), recorded))
    }
}

#[async_trait]
impl Store for Memory {
    async fn append(&self, append: Append) -> Result<Appended> {
        append.validate()?;
        let answer = self.write()?.append(&append, &*self.clock)?;
        self.changed.notify(usize::MAX);
        Ok(answer)
    }

    fn read_stream(&self, read: ReadStream) -> EventStream {
        let state = match self.read() {
            Ok(state) => state,
            Err(error) => return failed(error),
        };
        let to = read.to.min(state.version(&read.stream));
        let versions = read.from.max(Version::FIRST).number()..=to.number();
        self.events(versions, read.direction, read.limit, move |state, version| {
            let event = state.event_of(&read.stream, Version::new(version))?;
            read.matches(event).then(|| event.clone())
        })
    }

    fn read_log(&self, read: ReadLog) -> EventStream {
        let state = match read.filter.validate().and_then(|()| self.read()) {
            Ok(state) => state,
            Err(error) => return failed(error),
        };
        let to = read.to.min(state.head());
        let positions = read.from.max(Position::FIRST).number()..=to.number();
        self.events(positions, read.direction, read.limit, move |state, position| {
            let event = state.event(Position::new(position))?;
            read.filter.matches(event).then(|| event.clone())
        })
    }

    async fn list_streams(&self, list: ListStreams) -> Result<StreamPage> {
        list.validate()?;
        let state = self.read()?;
        let mut streams: Vec<_> = state.created.iter().enumerate().collect();
        if list.direction == Direction::Backward {
            streams.reverse();
        }
        if let Some(token) = &list.after {
            let end = token.as_str().parse::<usize>();
            let end = end.map_err(|_| Error::invalid("a page token is not of this store"))?;
            let after = streams.iter().position(|(number, _)| *number == end);
            let after = after.ok_or_else(|| Error::invalid("a page token is not of this store"))?;
            streams.drain(..=after);
        }
        let in_category = |name: &StreamName| {
            list.category.as_deref().is_none_or(|category| category == name.category())
        };
        let created = |name| state.event_of(name, Version::FIRST).map(|event| event.recorded);
        let matching = streams.into_iter().filter_map(|(number, name)| {
            let created = created(name).filter(|time| list.created.contains(*time))?;
            in_category(name).then(|| {
                let version = Some(state.version(name));
                (number, StreamInfo::new(name.clone(), created, version))
            })
        });
        let mut page: Vec<_> = matching.take(list.limit + 1).collect();
        let more = page.len() > list.limit;
        page.truncate(list.limit);
        let last = page.last().map(|(number, _)| PageToken::new(number.to_string()));
        let streams = page.into_iter().map(|(_, info)| info).collect();
        Ok(StreamPage::new(streams, last.filter(|_| more)))
    }

    async fn stream_head(&self, stream: &StreamName) -> Result<Version> {
        Ok(self.read()?.version(stream))
    }

    async fn head(&self) -> Result<Position> {
        Ok(self.read()?.head())
    }

    async fn wait_past(&self, position: Position) -> Result<Position> {
        loop {
            let changed = self.changed.listen();
            let head = self.read()?.head();
            if head > position {
                return Ok(head);
            }
            changed.await;
        }
    }

    async fn close(&self) -> Result<()> {
        self.state.write().map_err(|_| poisoned())?.closed = true;
        self.beside.close()?;
        self.changed.notify(usize::MAX);
        Ok(())
    }
}
