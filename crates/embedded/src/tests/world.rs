//! A store on a simulated disk, with a record of what it acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use factlog::{
    Append, Clock, Direction, Error, Event, EventId, EventType, Expected, Position, ReadLog,
    RecordedEvent, Result, Store as _, StoreExt, StreamName, Timestamp,
};
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::disk::simulated::SimulatedDisk;
use crate::frame::{COMMIT_BYTES, EVENT_BYTES_MIN};
use crate::index::table::{Table, Text};
use crate::limits::SEGMENT_BYTES_FIRST;
use crate::segment::SEGMENT_HEAD_BYTES;
use crate::{Options, Store, WriteBy};

/// A clock that a seed replays.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks(Arc<Mutex<i64>>);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        let mut ticks = self.0.lock().unwrap();
        *ticks += 1_000;
        Timestamp::from_unix_nanos(*ticks)
    }
}

/// A table in memory. At a crash it forgets batches, as an index on disk would: from the end, whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches(Arc<Mutex<Vec<Batch>>>);

type Batch = Vec<(Text, Text)>;

impl Batches {
    pub(super) fn keep(&self, count: usize) {
        self.0.lock().unwrap().truncate(count);
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn merged(&self) -> BTreeMap<Text, Text> {
        self.0.lock().unwrap().iter().flatten().cloned().collect()
    }
}

impl Table for Batches {
    fn find(&self, key: &[u8]) -> Result<Option<Text>> {
        Ok(self.merged().get(key).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<()> {
        let merged = self.merged();
        let range = merged.iter().filter(|(key, _)| from <= &key[..] && &key[..] < to);
        let mut entries: Vec<_> = range.collect();
        if direction == Direction::Backward {
            entries.reverse();
        }
        entries.into_iter().all(|(key, value)| visit(key, value));
        Ok(())
    }

    fn ingest(&self, entries: &mut dyn Iterator<Item = (Text, Text)>) -> Result<()> {
        let entries: Batch = entries.collect();
        assert!(entries.windows(2).all(|pair| pair[0].0 < pair[1].0), "a batch is sorted");
        self.0.lock().unwrap().push(entries);
        Ok(())
    }
}

/// A disk, an index, and what a client was told.
#[derive(Debug)]
pub(super) struct World {
    pub(super) disk: SimulatedDisk,
    pub(super) table: Batches,
    clock: Ticks,
    /// The events of each append that was acknowledged, in order.
    pub(super) acknowledged: Vec<Vec<EventId>>,
    /// Appends that failed but may have happened.
    pub(super) unknown: Vec<Vec<EventId>>,
    next_id: u128,
    write_by: WriteBy,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            disk: SimulatedDisk::new(seed),
            table: Batches::default(),
            clock: Ticks::default(),
            acknowledged: Vec::new(),
            unknown: Vec::new(),
            next_id: 0,
            write_by: if seed.is_multiple_of(3) { WriteBy::Thread } else { WriteBy::Caller },
        }
    }

    /// The same, with appends written by these, and not as the seed has it.
    pub(super) fn written_by(self, write_by: WriteBy) -> Self {
        Self { write_by, ..self }
    }

    pub(super) fn open(&self) -> Result<Store> {
        let (disk, table) = (Arc::new(self.disk.clone()), Box::new(self.table.clone()));
        let options = Options::default().with_write_by(self.write_by);
        Store::open_on(disk, table, options, self.clock.clone())
    }

    /// Appends some events to one or two streams, and notes what came of it.
    pub(super) fn append(&mut self, store: &Store, step: usize) -> Result<(), Error> {
        let mut event = |bytes: usize| {
            self.next_id += 1;
            let event_type = EventType::new(["Opened", "Changed", "Closed"][step % 3]).unwrap();
            Event::new(EventId::from_u128(self.next_id), event_type, vec![7; bytes])
        };
        let stream = |number: usize| StreamName::new(format!("thing-{number}")).unwrap();
        let first = (0..1 + step % 4).map(|_| event(step * 37 % 900)).collect();
        let mut append = Append::to(stream(step % 5), Expected::Any, first);
        if step.is_multiple_of(3) {
            append = append.and(stream(5 + step % 2), Expected::Any, vec![event(10)]);
        }
        let ids = append.streams().iter().flat_map(|part| &part.events).map(|event| event.id);
        let ids: Vec<EventId> = ids.collect();
        match block_on(store.append(append)) {
            Ok(_) => self.acknowledged.push(ids),
            Err(error) => {
                if error.may_have_happened() {
                    self.unknown.push(ids);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Appends one event that leaves so many bytes of the first segment, which is empty.
    pub(super) fn fill_segment(&mut self, store: &Store, left: u64) {
        let names = "filler".len() + "Filled".len();
        let overhead = SEGMENT_HEAD_BYTES + COMMIT_BYTES + EVENT_BYTES_MIN + names;
        self.append_large(store, usize::try_from(SEGMENT_BYTES_FIRST - left).unwrap() - overhead);
    }

    /// Appends one event with so many bytes of data.
    pub(super) fn append_large(&mut self, store: &Store, bytes: usize) {
        self.next_id += 1;
        let id = EventId::from_u128(self.next_id);
        let event = Event::new(id, EventType::new("Filled").unwrap(), vec![7; bytes]);
        let append = Append::to(StreamName::new("filler").unwrap(), Expected::Any, vec![event]);
        block_on(store.append(append)).unwrap();
        self.acknowledged.push(vec![id]);
    }

    /// Opens the store and checks that it has all that was acknowledged, in order, and besides that only
    /// whole appends whose outcome was unknown; that all ways of reading agree; and that it takes appends.
    pub(super) fn check(&mut self) {
        let store = self.open().expect("a store opens after a crash");
        let log = read_all(&store);
        for (index, event) in log.iter().enumerate() {
            assert_eq!(event.position, Position::new(index as u64 + 1));
        }
        let ids: Vec<EventId> = log.iter().map(|event| event.id).collect();
        let mut rest = &ids[..];
        for append in &self.acknowledged {
            while !rest.starts_with(append) {
                let extra = self.unknown.iter().find(|unknown| rest.starts_with(unknown));
                let extra =
                    extra.expect("an acknowledged append is missing, or half of one is there");
                rest = &rest[extra.len()..];
            }
            rest = &rest[append.len()..];
        }
        while let Some(extra) = self.unknown.iter().find(|unknown| rest.starts_with(unknown)) {
            rest = &rest[extra.len()..];
        }
        assert!(rest.is_empty(), "events that nobody appended: {rest:?}");
        check_streams(&store, &log);
        store.verify(|_, _| ()).expect("the store verifies");
        // From here on what is there is there: it counts as acknowledged.
        self.acknowledged = vec![ids];
        self.unknown.clear();
        self.append(&store, 1).expect("a recovered store takes appends");
        block_on(store.close()).expect("a recovered store closes");
    }
}

pub(super) fn read_all(store: &Store) -> Vec<RecordedEvent> {
    block_on(store.read_log(ReadLog::new()).try_collect()).expect("the log can be read")
}

fn check_streams(store: &Store, log: &[RecordedEvent]) {
    let mut streams: BTreeMap<&StreamName, Vec<&RecordedEvent>> = BTreeMap::new();
    for event in log {
        streams.entry(&event.stream).or_default().push(event);
    }
    for (stream, events) in streams {
        let there = block_on(store.load(stream)).expect("a stream can be read");
        assert!(there.iter().eq(events), "stream {stream} is not as in the log");
    }
}
