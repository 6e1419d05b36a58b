//! A lane: one worker's place in a generation, and the fenced write that moves it.
//!
//! ```text
//!   checkpoint r7 (position 100)                          checkpoint r8 (position 180)
//!        |  read, apply in memory: 101 .. 180                  ^
//!        +-----------------------------------------------------+
//!          one write, if:  the checkpoint is still r7       nobody else wrote this lane
//!                          the record is still r3           nobody paused, switched, retired
//!          that puts:      documents, entries, counts, failures, the checkpoint
//! ```
//!
//! Nothing else ever writes a generation's documents. So what lies there is, at any time, the fold
//! over the log up to the checkpoint: a worker that is killed leaves what was there before its
//! write or what is there after it; one that comes back from the dead is refused; two that work at
//! once take turns, and the one that is refused gives up what it has in memory and begins again at
//! the checkpoint. An answer that got lost (the write may have happened) is no special case: the
//! checkpoint tells.
//!
//! A rebuild goes the same way. It could be cheaper to write documents one by one and then the
//! checkpoint, but then a stop in between leaves documents ahead of the checkpoint: a handler that
//! looks up one document for the sake of another would find its future, and a worker back from the
//! dead would overwrite newer documents with older ones, which no condition keeps it from. What
//! makes a rebuild fast instead is that a document which many events change is written once a
//! batch, that what was written is not read again, nor what is new looked for ([`Cache`]), that a
//! batch is as large as a write may be and in the order of its keys, which a tree takes in several
//! times as fast, and that it is prepared while the one before is on its way ([`Flight`]): one at a
//! time, since each is fenced by the checkpoint that the one before leaves.
//!
//! Memory is bounded by the cache, two batches, and the events in hand ([`CHUNK_EVENTS`],
//! [`CHUNK_BYTES`]). The log is pulled, so a slow state holds back the reading.

use std::sync::Arc;

use futures::TryStreamExt;
use uuid::Uuid;

use super::batch::{Applied, Batch, Missing};
use super::cache::Cache;
use super::flight::Flight;
use super::{
    Checkpoint, Failure, Generation, OnPoison, Projection, Projections, checkpoint, record,
};
use crate::limits::PROJECTION_WINDOW;
use crate::state::{Condition, Revision, Write, Written};
use crate::view::{Places, number};
use crate::{Error, EventStream, Position, ReadLog, RecordedEvent, Result, Timestamp};

/// Events that are looked at together, to fetch their documents at once.
const CHUNK_EVENTS: usize = 512;
const CHUNK_BYTES: usize = 4 << 20;
/// The rate is taken over at least this long.
const RATE_NANOS: i64 = 1_000_000_000;

/// Why a lane stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// The record or the checkpoint is another than it was: look again.
    Changed,
    /// It can't go on.
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// One worker's place in a generation.
#[derive(Debug)]
pub(super) struct Lane {
    projections: Arc<Projections>,
    projection: Arc<Projection>,
    pub(super) generation: Generation,
    number: u16,
    /// The record that the lane was opened under.
    registered: Revision,
    /// What lies in the state, and the write that put it there.
    checkpoint: Checkpoint,
    revision: Option<Revision>,
    /// How far the batch is.
    next: Checkpoint,
    batch: Batch,
    /// The write of the batch before, and the checkpoint that it leaves.
    flight: Flight<Result<Written>, Checkpoint>,
    /// When the rate was last taken, and the events by then.
    sampled: (Timestamp, u64),
}

impl Lane {
    /// Takes the lane up at its checkpoint.
    pub(super) async fn open(
        projections: &Arc<Projections>,
        projection: &Arc<Projection>,
        generation: &Generation,
        registered: Revision,
        number: u16,
    ) -> Result<Self> {
        let (name, definition) = (&projection.name, &generation.definition);
        let item =
            projections.state.get(&Checkpoint::key(name, generation.number, number)?).await?;
        let checkpoint = item.as_ref().map(Checkpoint::decode).transpose()?.unwrap_or_default();
        let places = Places::new(name, generation.number, &definition.indexes)?;
        // Other lanes may have written documents of this view.
        let is_empty = item.is_none() && definition.lanes == 1;
        let batch = Batch::new(
            (definition.indexes.clone(), places),
            (number, definition.lanes),
            projections.state.write_items_max(),
            Cache::new(is_empty),
        );
        Ok(Self {
            projections: Arc::clone(projections),
            projection: Arc::clone(projection),
            generation: generation.clone(),
            number,
            registered,
            revision: item.map(|item| item.revision),
            next: checkpoint.clone(),
            sampled: (projections.clock.now(), checkpoint.events),
            checkpoint,
            batch,
            flight: Flight::none(),
        })
    }

    /// Applies all events up to this position.
    pub(super) async fn catch_up(&mut self, head: Position) -> Result<(), Stop> {
        while self.next.position < head {
            let end = head.min(self.next.position.plus(PROJECTION_WINDOW));
            let read = ReadLog::new().from(self.next.position.next()).to(end);
            let read = read.with_filter(self.projection.filter.clone());
            let mut events = self.projections.store.read_log(read);
            loop {
                let chunk = self.chunk(&mut events).await?;
                if chunk.is_empty() {
                    break;
                }
                self.apply_all(&chunk).await?;
            }
            self.next.position = end;
            self.commit(None).await?;
        }
        self.land().await
    }

    /// Applies an event that was parked, out of its order: on the documents as they are now.
    pub(super) async fn retry(&mut self, event: &RecordedEvent) -> Result<(), Stop> {
        loop {
            match self.batch.apply(&*self.projection.handler, event) {
                Applied::Done => break,
                Applied::Missing(missing) => self.fetch(missing).await?,
                Applied::Full => self.commit(None).await?,
                Applied::Poison(error) => return Err(Stop::Error(error)),
            }
        }
        self.next.parked = self.next.parked.saturating_sub(1);
        self.next.events += 1;
        let failure = self.batch.places.failure(event.position)?;
        self.commit(Some(Write::delete(failure))).await?;
        self.land().await
    }

    /// Whether the event goes this lane.
    pub(super) fn takes(&self, event: &RecordedEvent) -> bool {
        let lanes = self.generation.definition.lanes;
        let key = || self.projection.handler.lane_key(event);
        let hash = || Uuid::new_v5(&Uuid::NAMESPACE_OID, key().as_bytes()).as_u128();
        lanes == 1 || hash() % u128::from(lanes) == u128::from(self.number)
    }

    async fn chunk(&mut self, events: &mut EventStream) -> Result<Vec<RecordedEvent>> {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < CHUNK_EVENTS && bytes < CHUNK_BYTES {
            let next = self.flight.meanwhile(events.try_next()).await?;
            let Some(event) = next else { break };
            if self.takes(&event) {
                bytes += event.data.len() + event.metadata.len();
                chunk.push(event);
            }
        }
        Ok(chunk)
    }

    async fn apply_all(&mut self, chunk: &[RecordedEvent]) -> Result<(), Stop> {
        let mut has_foreseen = false;
        for (number, event) in chunk.iter().enumerate() {
            loop {
                match self.batch.apply(&*self.projection.handler, event) {
                    Applied::Done => break,
                    Applied::Missing(mut missing) => {
                        if !std::mem::replace(&mut has_foreseen, true) {
                            let later = chunk[number + 1..].iter();
                            let handler = &*self.projection.handler;
                            let foreseen =
                                later.flat_map(|event| self.batch.foresee(handler, event));
                            missing.documents.extend(foreseen);
                        }
                        self.fetch(missing).await?;
                    }
                    Applied::Full => self.commit(None).await?,
                    Applied::Poison(error) => {
                        self.deal_with(event, &error).await?;
                        break;
                    }
                }
            }
            self.next.position = event.position;
            self.next.events += 1;
        }
        self.batch.cache.settle();
        Ok(())
    }

    async fn fetch(&mut self, missing: Missing) -> Result<()> {
        let Missing { documents: mut keys, owners } = missing;
        keys.sort_unstable();
        keys.dedup();
        let documents = keys.iter().map(|key| self.batch.places.document(key));
        let owned = owners.iter().map(|entry| self.batch.places.owner(entry));
        let places = documents.chain(owned).collect::<Result<Vec<_>>>()?;
        let items = self.flight.meanwhile(self.projections.state.get_many(&places)).await?;
        let mut items = items.into_iter();
        for (key, item) in keys.into_iter().zip(&mut items) {
            self.batch.fetched(key, item.map(|item| item.value))?;
        }
        for (entry, item) in owners.into_iter().zip(items) {
            let owner = item.map(|item| String::from_utf8_lossy(&item.value).into_owned());
            self.batch.cache.own(entry, owner);
        }
        Ok(())
    }

    async fn deal_with(&mut self, event: &RecordedEvent, error: &Error) -> Result<(), Stop> {
        let failure = Failure::new(event, error, self.projections.clock.now());
        let failure = Failure { lane: self.number, ..failure };
        match self.projection.on_poison {
            OnPoison::Stop => self.fail(failure).await,
            OnPoison::Park => {
                let place = self.batch.places.failure(event.position)?;
                let write = Write::put(place, checkpoint::encode(&failure));
                if !self.batch.park(&write) {
                    self.commit(None).await?;
                    let has_room = self.batch.park(&write);
                    debug_assert!(has_room, "an empty batch has room for a failure");
                }
                self.next.parked += 1;
                Ok(())
            }
        }
    }

    /// Writes all before the event, then that the generation stands before it.
    async fn fail(&mut self, failure: Failure) -> Result<(), Stop> {
        self.next.position = failure.position.previous();
        self.commit(None).await?;
        self.land().await?;
        let place = self.place()?;
        let check = Write::check(place, unchanged(self.revision));
        let generation = self.generation.number;
        let name = &self.projection.name;
        let change = |record: &mut record::Record| record.fail(generation, &failure);
        self.projections.change_from(name, self.registered, change, vec![check]).await?;
        Err(Stop::Changed)
    }

    fn place(&self) -> Result<crate::state::Key> {
        Checkpoint::key(&self.projection.name, self.generation.number, self.number)
    }

    /// Sends the fenced write on its way, once the one before has landed.
    async fn commit(&mut self, also: Option<Write>) -> Result<(), Stop> {
        self.land().await?;
        let is_still = self.next.position == self.checkpoint.position;
        if is_still && self.batch.is_empty() && also.is_none() && self.revision.is_some() {
            return Ok(());
        }
        self.fetch_counts().await?;
        self.next.at = self.projections.clock.now();
        self.next.documents = self.checkpoint.documents.saturating_add_signed(self.batch.growth());
        self.sample();
        let fence = unchanged(self.revision);
        let mut writes = self.batch.send()?;
        writes.push(Write::put(self.place()?, checkpoint::encode(&self.next)).expecting(fence));
        let unmoved = Condition::Revision(self.registered);
        writes.push(Write::check(record::key(&self.projection.name)?, unmoved));
        writes.extend(also);
        writes.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let state = Arc::clone(&self.projections.state);
        let write = Box::pin(async move { state.write(writes).await });
        self.flight.start(write, self.next.clone()).await;
        Ok(())
    }

    /// Waits until the write that is on its way has landed.
    async fn land(&mut self) -> Result<(), Stop> {
        let Some((written, checkpoint)) = self.flight.land().await else { return Ok(()) };
        match written? {
            Written::Done(revision) => self.revision = Some(revision),
            Written::Refused { .. } => return Err(Stop::Changed),
        }
        self.checkpoint = checkpoint;
        self.batch.cache.landed();
        self.projections.moved.notify(usize::MAX);
        Ok(())
    }

    async fn fetch_counts(&mut self) -> Result<()> {
        let unknown = self.batch.unknown_counts();
        let places = unknown.iter().map(|entry| self.batch.places.count(entry, self.number));
        let places = places.collect::<Result<Vec<_>>>()?;
        if places.is_empty() {
            return Ok(());
        }
        let items = self.projections.state.get_many(&places).await?;
        for (entry, item) in unknown.into_iter().zip(items) {
            let count = item.as_ref().map(number).transpose()?;
            self.batch.cache.counted(entry, count.unwrap_or_default());
        }
        Ok(())
    }

    fn sample(&mut self) {
        let (since, events) = self.sampled;
        let nanos = self.next.at.unix_nanos().saturating_sub(since.unix_nanos());
        if nanos >= RATE_NANOS {
            let count = self.next.events.saturating_sub(events);
            self.next.rate = count as f64 * 1e9 / nanos as f64;
            self.sampled = (self.next.at, self.next.events);
        }
    }
}

fn unchanged(revision: Option<Revision>) -> Condition {
    revision.map_or(Condition::Absent, Condition::Revision)
}
