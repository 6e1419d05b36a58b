//! What a simulated stream keeps: shards that split, follow one another, fill, and are forgotten.

use super::rng::Rng;
use crate::commit::PieceHead;
use crate::sequencer::frontier::{Sequence, ShardId};
use crate::sequencer::io::{Record, Records, Shard};
use factlog::Timestamp;

/// How long a record is kept: 24 hours.
pub(super) const HORIZON_MS: u64 = 24 * 60 * 60 * 1_000;

#[derive(Debug)]
struct Kept {
    sequence: u64,
    /// When it came into the shard.
    arrived: u64,
    record: Record,
}

#[derive(Debug)]
struct SimulatedShard {
    id: ShardId,
    parent: Option<ShardId>,
    opened: u64,
    /// When it took its last record.
    closed: Option<u64>,
    records: Vec<Kept>,
    /// The last record that was forgotten.
    trimmed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Shards {
    shards: Vec<SimulatedShard>,
    sequence: u64,
}

impl Shards {
    pub(super) fn open(&mut self, parent: Option<ShardId>, now: u64) {
        let id = format!("shardId-{:04}", self.shards.len() + 1).into();
        let records = Vec::new();
        self.shards.push(SimulatedShard {
            id,
            parent,
            opened: now,
            closed: None,
            records,
            trimmed: 0,
        });
    }

    /// A record comes into one of the open shards.
    pub(super) fn push(&mut self, piece: Option<PieceHead>, created: u64, now: u64, rng: &mut Rng) {
        let open: Vec<usize> =
            (0..self.shards.len()).filter(|&index| self.shards[index].closed.is_none()).collect();
        let shard = &mut self.shards[open[rng.index(open.len())]];
        self.sequence += 1 + rng.below(3);
        let sequence = Sequence::new(format!("{:021}", self.sequence)).unwrap();
        let record = Record { sequence, created: timestamp(created), piece };
        shard.records.push(Kept { sequence: self.sequence, arrived: now, record });
    }

    /// One of the open shards is closed, and one or two follow it.
    pub(super) fn split(&mut self, now: u64, rng: &mut Rng) {
        let open: Vec<usize> =
            (0..self.shards.len()).filter(|&index| self.shards[index].closed.is_none()).collect();
        let index = open[rng.index(open.len())];
        self.shards[index].closed = Some(now);
        let parent = self.shards[index].id.clone();
        let children = if open.len() < 4 { 1 + rng.below(2) } else { 1 };
        for _ in 0..children {
            self.open(Some(parent.clone()), now);
        }
    }

    /// The stream is switched off and on: what it had is gone.
    pub(super) fn replace(&mut self, now: u64) {
        for shard in &mut self.shards {
            shard.closed = Some(0);
            shard.records.clear();
        }
        self.open(None, now);
    }

    /// Forgets what is older than the horizon.
    fn trim(&mut self, now: u64) {
        for shard in &mut self.shards {
            let gone = shard.records.partition_point(|kept| kept.arrived + HORIZON_MS < now);
            if let Some(last) = shard.records.drain(..gone).next_back() {
                shard.trimmed = last.sequence;
            }
        }
    }

    pub(super) fn describe(&mut self, now: u64) -> Vec<Shard> {
        self.trim(now);
        let there = |shard: &&SimulatedShard| {
            shard.closed.is_none_or(|closed| closed != 0 && now < closed + HORIZON_MS)
        };
        let describe =
            |shard: &SimulatedShard| Shard { id: shard.id.clone(), parent: shard.parent.clone() };
        self.shards.iter().filter(there).map(describe).collect()
    }

    /// As if nothing were ever forgotten.
    pub(super) fn describe_all(&self) -> Vec<Shard> {
        let describe =
            |shard: &SimulatedShard| Shard { id: shard.id.clone(), parent: shard.parent.clone() };
        self.shards.iter().map(describe).collect()
    }

    pub(super) fn read(
        &mut self,
        id: &ShardId,
        after: Option<&Sequence>,
        now: u64,
        limit: usize,
    ) -> Records {
        self.trim(now);
        let Some(shard) = self.shards.iter().find(|shard| shard.id == *id) else {
            return Records::Trimmed;
        };
        let after: u64 = after.map_or(0, |sequence| sequence.as_str().parse().unwrap());
        let gone = shard.closed.is_some_and(|closed| closed == 0 || now >= closed + HORIZON_MS);
        if gone || (after != 0 && after <= shard.trimmed) {
            return Records::Trimmed;
        }
        let from = shard.records.partition_point(|kept| kept.sequence <= after);
        let records = shard.records[from..].iter().take(limit);
        let records: Vec<Record> = records.map(|kept| kept.record.clone()).collect();
        if from + records.len() < shard.records.len() {
            return Records::More(records);
        }
        if shard.closed.is_some() { Records::Ended(records) } else { Records::Current(records) }
    }

    /// How many shards have been opened, and the time of the youngest.
    pub(super) fn youngest(&self) -> u64 {
        self.shards.last().map_or(0, |shard| shard.opened)
    }
}

pub(super) fn timestamp(ms: u64) -> Timestamp {
    Timestamp::from_unix_nanos(i64::try_from(ms).unwrap() * 1_000_000)
}
