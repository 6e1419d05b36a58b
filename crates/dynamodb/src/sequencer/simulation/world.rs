//! The tables and the stream, as one seed has them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use factlog::{Position, StreamName, Version};

use super::executor::Time;
use super::rng::Rng;
use super::shards::Shards;
use crate::commit::PieceHead;
use crate::log::page::Page;
use crate::sequencer::frontier::ShardId;
use crate::sequencer::io::Heartbeat;

/// When stories begin: some day, in milliseconds.
pub(super) const BEGIN_MS: u64 = 1_764_000_000_000;

/// A world in which something is broken that the sequencer relies on, or does: the stories must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// Raising a watermark does nothing.
    FlushSkipped,
    /// Watermarks are read as they were some time ago.
    StaleWatermarks,
    /// A late write of a watermark lowers it.
    WatermarksLowered,
    /// A page is written although there is one at its position.
    PagesOverwritten,
    /// Nobody reads the events table for what is missing: records pass as if they followed each other.
    HolesNotFilled,
    /// Pieces don't say what belongs to their commit.
    PartsIgnored,
    /// The stream never shows that it has forgotten anything, and the heartbeat is always young.
    LossHidden,
    /// The scan finds nothing.
    ScanEmpty,
    /// Reading after a place that is forgotten goes on with the oldest record, and heartbeats are always young.
    TrimHidden,
}

/// A write on its way.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Page(Page),
    Mark(StreamName, Version),
    Beat(Heartbeat),
}

/// What has happened in stories, to show that they are about something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(pub(super) BTreeMap<&'static str, u64>);

impl Counts {
    pub(super) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) rng: Rng,
    time: Time,
    pub(super) defect: Option<Defect>,
    /// Of a thousand calls, how many fail at each of the points where they can.
    pub(super) faults: u64,
    pub(super) shards: Shards,
    /// A shard that can't be read until some time.
    pub(super) unreachable: Option<(ShardId, u64)>,
    /// How long a shard stays open, if nothing closes it earlier.
    pub(super) shard_ms: u64,
    /// Records that are not yet in a shard: when they come, when they were created.
    coming: BTreeMap<(u64, u64), (u64, PieceHead)>,
    /// Writes whose caller was told that they failed: they happen later.
    late: BTreeMap<(u64, u64), Write>,
    number: u64,
    pub(super) events: BTreeMap<(StreamName, Version), PieceHead>,
    /// All commits, as they were appended.
    pub(super) commits: Vec<Vec<PieceHead>>,
    pub(super) log: BTreeMap<Position, Bytes>,
    pub(super) marks: BTreeMap<StreamName, Version>,
    /// The watermarks some changes ago.
    pub(super) marks_before: BTreeMap<StreamName, Version>,
    pub(super) heartbeat: Option<Heartbeat>,
    /// Errors that ended a sequencer.
    pub(super) stopped: Vec<String>,
    pub(super) counts: Counts,
}

/// The world as tasks share it.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) time: Time,
    world: Arc<Mutex<World>>,
}

impl Shared {
    pub(super) fn new(seed: u64, defect: Option<Defect>) -> Self {
        let time = Time::default();
        let world = World {
            rng: Rng(seed),
            time: time.clone(),
            defect,
            faults: 0,
            shards: Shards::default(),
            unreachable: None,
            shard_ms: u64::MAX,
            coming: BTreeMap::new(),
            late: BTreeMap::new(),
            number: 0,
            events: BTreeMap::new(),
            commits: Vec::new(),
            log: BTreeMap::new(),
            marks: BTreeMap::new(),
            marks_before: BTreeMap::new(),
            heartbeat: None,
            stopped: Vec::new(),
            counts: Counts::default(),
        };
        Self { time, world: Arc::new(Mutex::new(world)) }
    }

    pub(super) fn counts(&self) -> Counts {
        self.world().counts.clone()
    }

    /// The world as it is now.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap();
        world.catch_up();
        world
    }
}

impl World {
    pub(super) fn now(&self) -> u64 {
        BEGIN_MS + self.time.now()
    }

    pub(super) fn is(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// A commit is in the events table; the stream, if it is on, will say so.
    pub(super) fn append(&mut self, pieces: Vec<PieceHead>, streams_on: bool) {
        let now = self.now();
        for piece in &pieces {
            self.events.insert((piece.stream.clone(), piece.first), piece.clone());
            if !streams_on {
                continue;
            }
            let mut times = 1;
            while self.rng.chance(150) {
                self.counts.count("duplicates");
                times += 1;
            }
            for _ in 0..times {
                let delay = self.rng.skewed(2 * 60 * 60 * 1_000);
                self.number += 1;
                self.coming.insert((now + delay, self.number), (now, piece.clone()));
            }
        }
        self.commits.push(pieces);
    }

    /// A write happens later than its caller thinks.
    pub(super) fn write_later(&mut self, write: Write) {
        self.counts.count("writes that were late");
        let delay = self.rng.skewed(60 * 60 * 1_000);
        self.number += 1;
        self.late.insert((self.now() + delay, self.number), write);
    }

    /// A write happens; false if its condition does not hold.
    pub(super) fn write(&mut self, write: Write) -> bool {
        match write {
            Write::Page(page) => {
                if self.log.contains_key(&page.first) && !self.is(Defect::PagesOverwritten) {
                    self.counts.count("pages that came second");
                    return false;
                }
                let bytes = page.encode().unwrap().into();
                self.log.insert(page.first, bytes);
            }
            Write::Mark(stream, next) => {
                if !self.is(Defect::FlushSkipped) {
                    let lowers = self.marks.get(&stream).is_some_and(|&mark| mark > next);
                    if !lowers || self.is(Defect::WatermarksLowered) {
                        if self.rng.chance(100) {
                            self.marks_before = self.marks.clone();
                        }
                        self.marks.insert(stream, next);
                    }
                }
            }
            Write::Beat(heartbeat) => self.heartbeat = Some(heartbeat),
        }
        true
    }

    /// What was to happen until now happens, in its order.
    fn catch_up(&mut self) {
        let now = self.now();
        loop {
            let first = |key: Option<&(u64, u64)>| key.map_or(u64::MAX, |&(at, _)| at);
            let coming = first(self.coming.keys().next());
            let late = first(self.late.keys().next());
            let youngest = self.shards.youngest();
            let split =
                if youngest == 0 { u64::MAX } else { youngest.saturating_add(self.shard_ms) };
            if coming.min(late).min(split) > now {
                return;
            }
            if split <= coming.min(late) {
                self.counts.count("splits");
                self.shards.split(split, &mut self.rng);
            } else if coming <= late {
                let Some((_, (created, piece))) = self.coming.pop_first() else { return };
                if self.rng.chance(20) {
                    self.shards.push(None, created, coming, &mut self.rng);
                }
                self.shards.push(Some(piece), created, coming, &mut self.rng);
            } else if let Some((_, write)) = self.late.pop_first() {
                self.write(write);
            }
        }
    }

    /// The stream is switched off and on: what it had, or was to have, is gone.
    pub(super) fn switch_streams(&mut self) {
        self.counts.count("streams switched off and on");
        self.coming.clear();
        let now = self.now();
        self.shards.replace(now);
    }

    /// Nothing is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.coming.is_empty() && self.late.is_empty()
    }
}
