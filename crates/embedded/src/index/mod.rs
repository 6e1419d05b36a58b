//! Finds events: of a stream, of a category, of a type, at a position, at a time.
//!
//! The index is derived from the log and lies in three layers, of which each begins where the one
//! before it ends:
//!
//! ```text
//!   log    |-------------------------------------------------------|------------|-------|
//!   index  |  table: on disk, sorted, merged in the background      |  frozen   | active|  waiting
//!          |                                                       | (on its way to the |  (commits not
//!          |                                                       |  table)   |        |   yet taken in)
//! ```
//!
//! The writer only hands its commits over; a thread of the index, or a reader that is in a hurry,
//! takes them in ([`Index::catch_up`]). When the active part is full it is frozen and goes to the table
//! as one sorted batch, together with the checkpoint that says how far the table reaches. A batch is
//! there whole or not at all; what a crash took is read from the log again.
//!
//! What was once in memory is in the table before it leaves memory: who looks first here, then there,
//! misses nothing.

pub(crate) mod entries;
pub(crate) mod part;
pub(crate) mod table;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use factlog::{Direction, Error, Position, Result, StreamName, TimeRange, Timestamp, Version};

use crate::limits::{
    INDEXED_AT_ONCE, PART_EVENTS_MAX, PARTS_WAITING_MAX, PLACES_MAX, UNINDEXED_MAX,
};
use entries::{CHECKPOINT, Checkpoint};
use part::{Created, Head, Landmark, List, Part, Place, Written};
use table::Table;

/// A commit as the writer hands it over.
#[derive(Debug)]
pub(crate) struct Commit {
    /// The position of its first event.
    pub(crate) first: Position,
    pub(crate) recorded: Timestamp,
    /// The address of its first event.
    pub(crate) address: u64,
    pub(crate) append: factlog::Append,
    /// Where each stream of the append is after it, and the bytes of each event's frame.
    pub(crate) heads: Vec<Head>,
    pub(crate) lengths: Vec<u32>,
}

#[derive(Debug)]
pub(crate) struct Index {
    table: Box<dyn Table>,
    layers: RwLock<Layers>,
    /// Events of the active part, for those who do not hold `layers`.
    active_events: AtomicUsize,
    /// Never held while `layers` is taken.
    waiting: Mutex<Waiting>,
    /// Notified when commits wait, and when the index is to end.
    work: Condvar,
    /// Notified when a part has gone to the table.
    room: Condvar,
}

#[derive(Debug)]
struct Layers {
    active: Part,
    frozen: Option<Arc<Part>>,
    checkpoint: Checkpoint,
}

#[derive(Debug, Default)]
struct Waiting {
    commits: VecDeque<Commit>,
    /// Events of all of them.
    events: usize,
    /// No more commits come.
    closed: bool,
    /// Why the last part did not reach the table.
    failed: Option<String>,
    /// The writer waits for room.
    asked: bool,
}

/// Places on a list within a range of addresses, in the direction asked for.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) places: Vec<Place>,
    /// How far the answer reaches: the end of it going forward, the start going backward.
    pub(crate) reached: u64,
}

impl Index {
    /// The index in a table. It knows nothing if the table is empty or of another store.
    pub(crate) fn open(table: Box<dyn Table>, identity: u64) -> Result<Self> {
        let checkpoint = match table.find(CHECKPOINT)? {
            None => Checkpoint { identity, ..Checkpoint::default() },
            Some(value) => entries::decode_checkpoint(&value)
                .filter(|checkpoint| checkpoint.identity == identity)
                .ok_or_else(|| damaged("its checkpoint is not of this store"))?,
        };
        let active = Part::after(checkpoint.end);
        let layers = RwLock::new(Layers { active, frozen: None, checkpoint });
        let (active_events, waiting, work, room) = Default::default();
        Ok(Self { table, layers, active_events, waiting, work, room })
    }

    /// The last event that the table has, and the address behind it.
    pub(crate) fn checkpoint(&self) -> Landmark {
        self.read().checkpoint.end
    }

    /// How many streams there are.
    pub(crate) fn streams(&self) -> u64 {
        self.catch_up();
        let layers = self.read();
        let frozen = layers.frozen.as_ref().map_or(0, |part| part.created.len());
        layers.checkpoint.streams + (frozen + layers.active.created.len()) as u64
    }

    // ---- taking in -------------------------------------------------------------------------

    /// Hands commits over: every read that begins after it finds them.
    pub(crate) fn hand_over(&self, commits: impl Iterator<Item = Commit>) {
        let mut waiting = self.waiting();
        for commit in commits {
            waiting.events += commit.lengths.len();
            waiting.commits.push_back(commit);
        }
        // A thread that wakes up takes time from the writer: it wakes up rarely, and does much.
        if waiting.events >= INDEXED_AT_ONCE {
            self.work.notify_one();
        }
    }

    /// Keeps memory bounded: blocks while too much of the index waits for the table.
    ///
    /// # Errors
    /// `Unavailable` if it waits because the table can't be written.
    pub(crate) fn make_room(&self) -> Result<()> {
        if self.waiting().events > UNINDEXED_MAX {
            self.catch_up();
        }
        let full =
            || self.active_events.load(Ordering::Acquire) > PART_EVENTS_MAX * PARTS_WAITING_MAX;
        let mut waiting = self.waiting();
        while full() {
            waiting.asked = true;
            self.work.notify_one();
            if let Some(why) = waiting.failed.take() {
                return Err(Error::unavailable(format!("no append is taken in: {why}")));
            }
            waiting = self.room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Takes in all commits that were handed over.
    pub(crate) fn catch_up(&self) {
        if self.waiting().commits.is_empty() {
            return;
        }
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.waiting();
        let commits = std::mem::take(&mut waiting.commits);
        waiting.events = 0;
        drop(waiting);
        for commit in &commits {
            take_in(&mut layers.active, commit);
        }
        self.active_events.store(layers.active.events, Ordering::Release);
    }

    /// Takes in what recovery read from the log.
    pub(crate) fn recover<'a>(
        &self,
        written: Written<'_, impl Iterator<Item = (&'a str, Place)>>,
    ) -> Result<()> {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        layers.active.add(written);
        let full = layers.active.events >= PART_EVENTS_MAX;
        drop(layers);
        if full { self.flush() } else { Ok(()) }
    }

    /// The work of the index's own thread: ends when [`Index::close`] is called.
    pub(crate) fn run(&self) {
        loop {
            let mut waiting = self.waiting();
            while waiting.events < INDEXED_AT_ONCE && !waiting.closed && !waiting.asked {
                waiting = self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            waiting.asked = false;
            let closed = waiting.closed;
            drop(waiting);
            self.catch_up();
            if self.active_events.load(Ordering::Acquire) >= PART_EVENTS_MAX {
                let failed = self.flush().err().map(|error| error.to_string());
                self.waiting().failed = failed;
                self.room.notify_all();
            }
            if closed {
                return;
            }
        }
    }

    /// Ends the work of the thread.
    pub(crate) fn close(&self) {
        self.waiting().closed = true;
        self.work.notify_all();
    }

    /// Writes all that is in memory to the table.
    pub(crate) fn flush(&self) -> Result<()> {
        self.catch_up();
        let (part, checkpoint) = self.freeze();
        self.table.ingest(entries::entries_of(&part, checkpoint))?;
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        layers.frozen = None;
        layers.checkpoint = checkpoint;
        Ok(())
    }

    /// Puts the active part aside; one that could not be written before goes first.
    fn freeze(&self) -> (Arc<Part>, Checkpoint) {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let part = match &layers.frozen {
            Some(part) => Arc::clone(part),
            None => {
                let next = Part::after(layers.active.end);
                let part = Arc::new(std::mem::replace(&mut layers.active, next));
                layers.frozen = Some(Arc::clone(&part));
                self.active_events.store(0, Ordering::Release);
                part
            }
        };
        let streams = layers.checkpoint.streams + part.created.len() as u64;
        let checkpoint = Checkpoint { end: part.end, streams, ..layers.checkpoint };
        (part, checkpoint)
    }

    // ---- finding ---------------------------------------------------------------------------

    /// Where the stream is.
    pub(crate) fn head(&self, stream: &StreamName) -> Result<Option<Head>> {
        let name = stream.as_str();
        if let Some(head) = self.in_memory(|part| part.head(name)) {
            return Ok(Some(head));
        }
        match self.table.find(&entries::head_key(name))? {
            None => Ok(None),
            Some(value) => entries::decode_head(&value)
                .map(Some)
                .ok_or_else(|| damaged(&format!("the head of stream {stream} is malformed"))),
        }
    }

    /// Places of the stream's events from this version on in the direction, in order: at most
    /// [`PLACES_MAX`], at least one if the stream has that version.
    pub(crate) fn places(
        &self,
        stream: &StreamName,
        version: Version,
        direction: Direction,
    ) -> Result<Vec<Place>> {
        let name = stream.as_str();
        let found = self.in_memory(|part| part.places(name, version, direction, PLACES_MAX));
        if let Some(places) = found {
            return Ok(places);
        }
        let (low, high) =
            (entries::stream_key(name, Version::ZERO), entries::stream_key(name, version.next()));
        let mut places = Vec::new();
        // The entry that has the version is the last one that does not begin behind it.
        let mut next = None;
        self.table.scan(&low, &high, Direction::Backward, &mut |key, value| {
            if let Some((first, found)) = stream_entry(key, value) {
                let index = usize::try_from(version.number() - first).unwrap_or(usize::MAX - 1);
                match direction {
                    Direction::Forward => places.extend(found.iter().skip(index)),
                    Direction::Backward => {
                        places.extend(found[..found.len().min(index + 1)].iter().rev());
                    }
                }
                next = Some(first + found.len() as u64);
            }
            direction == Direction::Backward && places.len() < PLACES_MAX
        })?;
        if let (Direction::Forward, Some(next)) = (direction, next)
            && places.len() < PLACES_MAX
        {
            let from = entries::stream_key(name, Version::new(next));
            let to = entries::stream_key(name, Version::MAX);
            self.table.scan(&from, &to, Direction::Forward, &mut |key, value| {
                places.extend(stream_entry(key, value).into_iter().flat_map(|(_, found)| found));
                places.len() < PLACES_MAX
            })?;
        }
        places.truncate(PLACES_MAX);
        Ok(places)
    }

    /// Places on a list with addresses in `from..to`, at most about [`PLACES_MAX`]. What one layer
    /// has is answered at once; the next call goes on where this one ended.
    pub(crate) fn list(
        &self,
        list: List,
        name: &str,
        (from, to): (u64, u64),
        direction: Direction,
    ) -> Result<Listed> {
        self.catch_up();
        let layers = self.read();
        let active = layers.active.start;
        let frozen = layers.frozen.as_ref().map_or(active, |part| part.start);
        let first = match direction {
            Direction::Forward => from,
            Direction::Backward => to.saturating_sub(1),
        };
        if first >= active {
            return Ok(on_list(layers.active.list(list, name), (from.max(active), to), direction));
        }
        if let Some(part) = layers.frozen.as_ref().filter(|_| first >= frozen) {
            let range = (from.max(frozen), to.min(active));
            return Ok(on_list(part.list(list, name), range, direction));
        }
        drop(layers);
        self.on_table_list(list, name, (from, to.min(frozen)), direction)
    }

    fn on_table_list(
        &self,
        list: List,
        name: &str,
        (from, to): (u64, u64),
        direction: Direction,
    ) -> Result<Listed> {
        let (low, high) = (entries::list_key(list, name, 0), entries::list_key(list, name, to));
        // The first place of the range may stand in an entry that begins before it.
        let mut start = entries::list_key(list, name, from);
        let before = entries::list_key(list, name, from.saturating_add(1));
        self.table.scan(&low, &before, Direction::Backward, &mut |key, _| {
            start = key.to_vec();
            false
        })?;
        let mut places = Vec::new();
        let mut sound = true;
        self.table.scan(&start, &high, direction, &mut |_, value| {
            let Some(found) = entries::decode_places(value) else {
                sound = false;
                return false;
            };
            let wanted = found.into_iter().filter(|place| (from..to).contains(&place.address));
            match direction {
                Direction::Forward => places.extend(wanted),
                Direction::Backward => places.extend(wanted.rev()),
            }
            places.len() < PLACES_MAX
        })?;
        if !sound {
            return Err(damaged(&format!("the list of {name} is malformed")));
        }
        Ok(listed(places, (from, to), direction))
    }

    /// The last landmark at or before the position; the start of the log if there is none.
    pub(crate) fn landmark(&self, position: Position) -> Result<Option<Landmark>> {
        if let Some(landmark) = self.in_memory(|part| part.landmark(position)) {
            return Ok(Some(landmark));
        }
        let low = entries::landmark_key(Position::ZERO);
        let high = entries::landmark_key(position.next());
        let mut found = None;
        self.table.scan(&low, &high, Direction::Backward, &mut |_, value| {
            found = entries::decode_landmark(value);
            false
        })?;
        Ok(found)
    }

    /// A position at or before the first event that was recorded at this time or later, and at most
    /// one landmark away from it.
    pub(crate) fn position_before(&self, time: Timestamp, head: Position) -> Result<Position> {
        let (mut low, mut high) = (Position::ZERO, head);
        while low < high {
            let middle = Position::new(low.number().midpoint(high.number() + 1));
            match self.landmark(middle)? {
                Some(landmark) if landmark.recorded >= time => high = landmark.position.previous(),
                _ => low = middle,
            }
        }
        Ok(self.landmark(low)?.map_or(Position::FIRST, |landmark| landmark.position))
    }

    /// Streams of the category that began in `from..=to`, in the direction, at most so many.
    pub(crate) fn created(
        &self,
        category: Option<&str>,
        (from, to): (Position, Position),
        created: TimeRange,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<Created>> {
        self.catch_up();
        let layers = self.read();
        let frozen = layers.frozen.as_ref().map_or(&[][..], |part| &part.created);
        let wanted = |stream: &&Created| {
            (from..=to).contains(&stream.position)
                && created.contains(stream.recorded)
                && category.is_none_or(|category| category == stream.stream.category())
        };
        let memory = frozen.iter().chain(&layers.active.created).filter(wanted);
        let mut recent: Vec<Created> = match direction {
            Direction::Forward => memory.take(max).cloned().collect(),
            Direction::Backward => memory.rev().take(max).cloned().collect(),
        };
        let table_end = layers.checkpoint.end.position;
        drop(layers);
        if direction == Direction::Backward && recent.len() == max {
            return Ok(recent);
        }
        let low = entries::created_key(category, from);
        let high = entries::created_key(category, to.min(table_end).next());
        let mut settled = Vec::new();
        self.table.scan(&low, &high, direction, &mut |key, value| {
            let position = Position::new(entries::number_of(key).unwrap_or_default());
            let stream = entries::decode_created(position, value);
            settled.extend(stream.filter(|stream| created.contains(stream.recorded)));
            settled.len() < max
        })?;
        match direction {
            Direction::Forward => settled.append(&mut recent),
            Direction::Backward => settled.splice(..0, recent).for_each(drop),
        }
        settled.truncate(max);
        Ok(settled)
    }

    /// What the newest part in memory that knows an answer says.
    fn in_memory<T>(&self, find: impl Fn(&Part) -> Option<T>) -> Option<T> {
        self.catch_up();
        let layers = self.read();
        find(&layers.active).or_else(|| layers.frozen.as_deref().and_then(find))
    }

    fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_in(part: &mut Part, commit: &Commit) {
    let (mut position, mut address) = (commit.first, commit.address);
    let mut lengths = commit.lengths.iter();
    for (stream, head) in commit.append.streams().iter().zip(&commit.heads) {
        if stream.events.is_empty() {
            continue;
        }
        let events = stream.events.iter().zip(lengths.by_ref()).map(|(event, &length)| {
            let place = Place { address, length };
            address = place.end();
            (event.event_type.as_str(), place)
        });
        let (first, recorded, head) = (position, commit.recorded, *head);
        position = position.plus(stream.events.len() as u64);
        part.add(Written { stream: &stream.stream, head, first, recorded, events });
    }
}

fn on_list(all: &[Place], (from, to): (u64, u64), direction: Direction) -> Listed {
    let low = all.partition_point(|place| place.address < from);
    let high = all.partition_point(|place| place.address < to);
    let range = all.get(low..high).unwrap_or_default().iter().copied();
    let places = match direction {
        Direction::Forward => range.take(PLACES_MAX).collect(),
        Direction::Backward => range.rev().take(PLACES_MAX).collect(),
    };
    listed(places, (from, to), direction)
}

fn listed(places: Vec<Place>, (from, to): (u64, u64), direction: Direction) -> Listed {
    let last = places.last().filter(|_| places.len() >= PLACES_MAX);
    let reached = match direction {
        Direction::Forward => last.map_or(to, Place::end),
        Direction::Backward => last.map_or(from, |place| place.address),
    };
    Listed { places, reached }
}

/// The first version and the places of an entry of a stream.
fn stream_entry(key: &[u8], value: &[u8]) -> Option<(u64, Vec<Place>)> {
    Some((entries::number_of(key)?, entries::decode_places(value)?))
}

fn damaged(why: &str) -> Error {
    Error::corrupt(format!("the index is damaged: {why}; it is rebuilt if it is taken away"))
}
