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

pub(crate) mod batch;
pub(crate) mod entries;
mod find;
pub(crate) mod part;
pub(crate) mod table;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use factlog::{Error, Result};

use crate::limits::{
    INDEXED_AT_ONCE, INDEXED_AT_ONCE_BYTES, PART_EVENTS_MAX, PARTS_WAITING_MAX,
    UNINDEXED_BYTES_MAX, UNINDEXED_MAX,
};
use batch::Batch;
use entries::{CHECKPOINT, Checkpoint};
use part::{Landmark, Part, Place, Written};
use table::Table;

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
    batches: Vec<Batch>,
    /// Events of all of them, and bytes.
    events: usize,
    bytes: usize,
    /// No more commits come.
    closed: bool,
    /// Why the last part did not reach the table.
    failed: Option<String>,
    /// The writer waits for room.
    asked: bool,
}

impl Waiting {
    fn is_worth_while(&self) -> bool {
        self.events >= INDEXED_AT_ONCE || self.bytes >= INDEXED_AT_ONCE_BYTES
    }

    fn is_too_much(&self) -> bool {
        self.events > UNINDEXED_MAX || self.bytes > UNINDEXED_BYTES_MAX
    }
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

    /// Hands commits over: every read that begins after it finds them.
    pub(crate) fn hand_over(&self, batch: Batch) {
        let mut waiting = self.waiting();
        waiting.events += batch.events;
        waiting.bytes += batch.bytes.len();
        waiting.batches.push(batch);
        // A thread that wakes up takes time from the writer: it wakes up rarely, and does much.
        if waiting.is_worth_while() {
            self.work.notify_one();
        }
    }

    /// Whether it is time to [make room](Self::make_room).
    pub(crate) fn is_behind(&self) -> bool {
        self.has_full_parts() || self.waiting().is_too_much()
    }

    fn has_full_parts(&self) -> bool {
        self.active_events.load(Ordering::Acquire) > PART_EVENTS_MAX * PARTS_WAITING_MAX
    }

    /// Keeps memory bounded: blocks while too much of the index waits for the table.
    ///
    /// # Errors
    /// `Unavailable` if it waits because the table can't be written.
    pub(crate) fn make_room(&self) -> Result<()> {
        if self.waiting().is_too_much() {
            self.catch_up();
        }
        let mut waiting = self.waiting();
        while self.has_full_parts() {
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
        if self.waiting().batches.is_empty() {
            return;
        }
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.waiting();
        let batches = std::mem::take(&mut waiting.batches);
        (waiting.events, waiting.bytes) = (0, 0);
        drop(waiting);
        for batch in &batches {
            batch.take_in(&mut layers.active);
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
            while !waiting.is_worth_while() && !waiting.closed && !waiting.asked {
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
        if part.events > 0 {
            self.table.ingest(&mut entries::entries_of(&part, checkpoint))?;
        }
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
                drop(self.waiting());
                self.room.notify_all();
                part
            }
        };
        let streams = layers.checkpoint.streams + part.created.len() as u64;
        let checkpoint = Checkpoint { end: part.end, streams, ..layers.checkpoint };
        (part, checkpoint)
    }

    fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn damaged(why: &str) -> Error {
    Error::corrupt(format!("the index is damaged: {why}; it is rebuilt if it is taken away"))
}
