//! Which lines are in the store already, exactly, with a few words of memory for each stream.
//!
//! For each stream that the lines touch there is a *cursor*: all events up to it are accounted for by
//! lines. The next line of the stream is compared with the event behind the cursor:
//!
//! ```text
//!   stream     e1   e2   e3   e4 | head          lines   l1   l2   l3   l4   l5
//!                        ^ cursor                                  ^ is e3? then there;
//!                                                                    behind the head: new
//! ```
//!
//! A line without an id has the id that is derived from its stream, its content and the version at which
//! it is written: the same line meets the same event again, and an equal line further on is another
//! event. Where the event behind the cursor is another one (somebody else wrote to the stream, or a
//! bad line was repaired since the last run), the rest of the stream is read once and each line
//! may be any event of it that no line before was.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use factlog::{Error, Event, EventId, ReadStream, Store, StreamName, Version};
use futures::TryStreamExt;
use uuid::Uuid;

use crate::jsonl::Line;

/// The name space of derived ids (a version 4 UUID made once).
const NAMESPACE: Uuid = Uuid::from_u128(0x9a3c_5d0e_7b1f_4c62_8e4d_2f60_b7a9_13c5);

/// Bits of the filter of explicit ids, as a power of two: 8 MiB.
const FILTER_BITS: u32 = 26;

/// What is known of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accounted {
    /// Its event is in the store.
    There,
    /// Its event is not in the store.
    New,
    /// An event with its id may be among those that this import appended: ask [`contains`] when all
    /// of them are in the store.
    Unsure,
}

#[derive(Default)]
pub(super) struct Account {
    streams: HashMap<Box<str>, Known>,
    ids: Option<IdFilter>,
}

/// What is known of a stream.
#[derive(Default)]
struct Known {
    /// All events up to here are accounted for.
    cursor: Version,
    /// Where the stream is, with what is being appended.
    head: Version,
    /// The events behind the cursor that are not accounted for, once they had to be read.
    rest: Option<Box<Rest>>,
}

#[derive(Default)]
struct Rest {
    by_id: HashMap<EventId, Version>,
    by_content: HashMap<u64, Vec<(Version, EventId)>>,
}

impl Account {
    /// How many streams were met.
    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Looks for the line's event in the store; one that is found is accounted for.
    pub(super) async fn find(
        &mut self,
        store: &dyn Store,
        line: &Line,
    ) -> Result<Accounted, Error> {
        let name = line.stream.as_str();
        if !self.streams.contains_key(name) {
            let head = store.stream_head(&line.stream).await?;
            self.streams.insert(name.into(), Known { head, ..Known::default() });
        }
        let seen = line.id.is_some_and(|id| self.ids.get_or_insert_default().add(&line.stream, id));
        let known = self.streams.get_mut(name).expect("it was entered above");
        if known.find(store, line).await? {
            return Ok(Accounted::There);
        }
        Ok(if seen { Accounted::Unsure } else { Accounted::New })
    }

    /// Accounts for a line whose event is appended next: the event, and where the stream is before.
    pub(super) fn add(&mut self, line: &Line) -> (Event, Version) {
        let known = self.streams.entry(line.stream.as_str().into()).or_default();
        let before = known.head;
        known.head = before.next();
        if known.rest.is_none() && known.cursor == before {
            known.cursor = known.head;
        }
        (line.clone().into_event(id_of(line, known.head)), before)
    }

    /// An append to the stream has not happened: it is where somebody else has brought it, and what
    /// was added behind `before` is to be accounted for again.
    pub(super) fn conflict(&mut self, stream: &StreamName, before: Version, actual: Version) {
        let known = self.streams.entry(stream.as_str().into()).or_default();
        let cursor = known.cursor.min(before);
        *known = Known { cursor, head: actual, rest: None };
    }
}

impl Known {
    /// Whether the line's event stands behind the cursor; it is accounted for then.
    async fn find(&mut self, store: &dyn Store, line: &Line) -> Result<bool, Error> {
        if self.rest.is_none() && self.cursor < self.head {
            let next = self.cursor.next();
            let read = ReadStream::new(line.stream.clone()).from(next).to(next);
            let event = store.read_stream(read).try_next().await?;
            if event.is_some_and(|event| event.id == id_of(line, next)) {
                self.cursor = next;
                return Ok(true);
            }
            self.rest = Some(Rest::read(store, &line.stream, next, self.head).await?);
        }
        Ok(self.rest.as_mut().is_some_and(|rest| rest.take(line)))
    }
}

impl Rest {
    async fn read(
        store: &dyn Store,
        stream: &StreamName,
        from: Version,
        to: Version,
    ) -> Result<Box<Self>, Error> {
        let mut rest = Box::<Self>::default();
        let mut events = store.read_stream(ReadStream::new(stream.clone()).from(from).to(to));
        while let Some(event) = events.try_next().await? {
            rest.by_id.insert(event.id, event.version);
            let content = content_of(event.event_type.as_str(), &event.data, &event.metadata);
            rest.by_content.entry(content).or_default().push((event.version, event.id));
        }
        Ok(rest)
    }

    /// Whether an event that was not accounted for is the line's; it is accounted for then.
    fn take(&mut self, line: &Line) -> bool {
        if let Some(id) = line.id {
            return self.by_id.remove(&id).is_some();
        }
        let content = content_of(line.event_type.as_str(), &line.data, &line.metadata);
        let Some(candidates) = self.by_content.get_mut(&content) else { return false };
        let found = candidates.iter().position(|(version, id)| *id == id_of(line, *version));
        found.map(|index| candidates.remove(index)).is_some()
    }
}

/// The id of the line's event at this version: its own, or one that is derived.
fn id_of(line: &Line, version: Version) -> EventId {
    line.id.unwrap_or_else(|| {
        let time = line.time.map(|time| time.to_string()).unwrap_or_default();
        let version = version.number().to_be_bytes();
        let texts: [&[u8]; 6] = [
            line.stream.as_str().as_bytes(),
            line.event_type.as_str().as_bytes(),
            time.as_bytes(),
            &line.data,
            &line.metadata,
            &version,
        ];
        let mut name = Vec::with_capacity(texts.iter().map(|text| text.len() + 8).sum());
        for text in texts {
            name.extend_from_slice(&(text.len() as u64).to_be_bytes());
            name.extend_from_slice(text);
        }
        Uuid::new_v5(&NAMESPACE, &name)
    })
}

fn content_of(event_type: &str, data: &[u8], metadata: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (event_type, data, metadata).hash(&mut hasher);
    hasher.finish()
}

/// Whether the stream has an event with this id.
pub(super) async fn contains(
    store: &dyn Store,
    stream: &StreamName,
    id: EventId,
) -> Result<bool, Error> {
    let mut events = store.read_stream(ReadStream::new(stream.clone()).backward());
    while let Some(event) = events.try_next().await? {
        if event.id == id {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A Bloom filter of the explicit ids of this run (Bloom, "Space/time trade-offs in hash coding", 1970):
/// what it has not seen was not there; what it may have seen is looked up.
struct IdFilter(Vec<u64>);

impl Default for IdFilter {
    fn default() -> Self {
        Self(vec![0; 1 << (FILTER_BITS - 6)])
    }
}

impl IdFilter {
    /// Adds the id, and tells whether it may have been there before.
    fn add(&mut self, stream: &StreamName, id: EventId) -> bool {
        let mut hasher = DefaultHasher::new();
        (stream, id).hash(&mut hasher);
        let hash = hasher.finish();
        let mut there = true;
        for probe in 0..4 {
            let bit = hash.rotate_left(probe * 16) >> (64 - FILTER_BITS);
            let (word, mask) = (usize::try_from(bit / 64).unwrap_or_default(), 1 << (bit % 64));
            there &= self.0[word] & mask != 0;
            self.0[word] |= mask;
        }
        there
    }
}
