//! What is read of DynamoDB Streams, how far it is placed, and whether something may have been lost.
//!
//! ```text
//!   shard a  |=========placed=========|--read, waits to be placed--|      ...      |
//!                                     frontier                     read            the end, once it is closed
//! ```
//!
//! A shard is read after its parent, where the stream still has it: that spares holes, no more. What was read comes to
//! the frontier as [`Note`]s, each when the page that settles it is written.
//!
//! Streams forget after 24 hours, and nothing tells us what. [`Reading::describe`] sees that a shard went before it was
//! read to its end, or that one has come whose parent was never seen. [`Reading::current`] is the time before which nothing
//! is missing: when that is long ago, records may be gone from shards that are still there.

use std::collections::{BTreeMap, BTreeSet};

use factlog::Timestamp;

use super::frontier::{Frontier, Reach, Sequence, ShardId};
use super::io::Shard;
use crate::limits::REQUESTS_AT_ONCE;

/// What is true once all before it is placed.
#[derive(Clone, Debug)]
pub(super) enum Note {
    /// Nothing more: the scan found it.
    Scanned,
    /// Nothing more: somebody has offered it.
    Offered,
    /// The shard is read up to this record.
    Read { shard: ShardId, sequence: Sequence, created: Timestamp },
    /// The shard had nothing more at this time.
    Current { shard: ShardId, at: Timestamp },
    /// The shard is read to its end.
    Ended { shard: ShardId },
    /// The events table is scanned to its end.
    ScanEnded,
}

impl Note {
    /// Tells a frontier.
    pub(super) fn apply(&self, frontier: &mut Frontier) {
        match self {
            Self::Scanned | Self::Offered | Self::Current { .. } => {}
            Self::Read { shard, sequence, .. } => {
                if let Some(reach) = frontier.shards.get_mut(shard) {
                    reach.after = reach.after.take().max(Some(sequence.clone()));
                }
            }
            Self::Ended { shard } => {
                if let Some(reach) = frontier.shards.get_mut(shard) {
                    reach.finished = true;
                }
            }
            Self::ScanEnded => frontier.owed = false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Reading {
    /// What is placed; has the same shards as `shards`.
    pub(super) frontier: Frontier,
    shards: BTreeMap<ShardId, ShardReading>,
    /// All that happened before is placed, or owed; of shards that were not there yet.
    base: Timestamp,
}

#[derive(Debug)]
struct ShardReading {
    parent: Option<ShardId>,
    /// Whether the stream describes a shard that follows it.
    has_child: bool,
    /// The last record that was read.
    read: Option<Sequence>,
    /// All of it was read.
    ended: bool,
    /// It had nothing more when it was last asked; it is not asked again before the next pass.
    waits: bool,
    /// All that happened in it before is placed, or owed.
    current: Timestamp,
}

impl Reading {
    /// Goes on where the statement ends. All before `base` is placed, or owed.
    pub(super) fn from(frontier: Frontier, base: Timestamp) -> Self {
        let shards = frontier.shards.iter();
        let shards = shards.map(|(id, reach)| (id.clone(), ShardReading::new(None, reach, base)));
        Self { shards: shards.collect(), frontier, base }
    }

    /// Begins anew with the oldest records of these shards; what was lost before `now` is owed.
    pub(super) fn anew(shards: Vec<Shard>, now: Timestamp) -> Self {
        let mut reading = Self::from(Frontier::none(), now);
        for shard in shards {
            reading.add(shard);
        }
        reading.mark_parents();
        reading
    }

    /// Takes a description in; false if records may have been lost.
    #[must_use]
    pub(super) fn describe(&mut self, shards: Vec<Shard>) -> bool {
        let described: BTreeSet<ShardId> = shards.iter().map(|shard| shard.id.clone()).collect();
        let unfinished = |(id, reach): (&ShardId, &Reach)| reach.finished || described.contains(id);
        if !self.frontier.shards.iter().all(unfinished) {
            return false;
        }
        let followed = |parent: &ShardId| {
            described.contains(parent) || self.frontier.shards.contains_key(parent)
        };
        let known = |shard: &Shard| {
            self.shards.contains_key(&shard.id) || shard.parent.as_ref().is_some_and(followed)
        };
        if !shards.iter().all(known) {
            return false;
        }
        self.base = self.current();
        for shard in shards {
            match self.shards.get_mut(&shard.id) {
                Some(reading) => reading.parent = shard.parent,
                None => self.add(shard),
            }
        }
        self.frontier.shards.retain(|id, _| described.contains(id));
        self.shards.retain(|id, _| described.contains(id));
        self.mark_parents();
        true
    }

    fn add(&mut self, shard: Shard) {
        let reach = Reach::default();
        self.shards.insert(shard.id.clone(), ShardReading::new(shard.parent, &reach, self.base));
        self.frontier.shards.insert(shard.id, reach);
    }

    fn mark_parents(&mut self) {
        let parents: BTreeSet<ShardId> =
            self.shards.values().filter_map(|shard| shard.parent.clone()).collect();
        for (id, shard) in &mut self.shards {
            shard.has_child = parents.contains(id);
        }
    }

    /// Which shards to read, after which record.
    pub(super) fn wanted(&self) -> Vec<(ShardId, Option<Sequence>)> {
        let parent_ended = |parent: &ShardId| self.shards.get(parent).is_none_or(|p| p.ended);
        let wanted = self.shards.iter().filter(|(_, shard)| {
            !shard.ended && !shard.waits && shard.parent.as_ref().is_none_or(parent_ended)
        });
        wanted.take(REQUESTS_AT_ONCE).map(|(id, shard)| (id.clone(), shard.read.clone())).collect()
    }

    /// The shard was read up to this record.
    pub(super) fn read(&mut self, shard: &ShardId, sequence: Sequence) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.read = Some(sequence);
        }
    }

    /// The shard had nothing more.
    pub(super) fn waits(&mut self, shard: &ShardId) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.waits = true;
        }
    }

    /// The shard was read to its end.
    pub(super) fn ended(&mut self, shard: &ShardId) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.ended = true;
        }
    }

    /// The next pass: all shards may be asked again.
    pub(super) fn wake(&mut self) {
        self.shards.values_mut().for_each(|shard| shard.waits = false);
    }

    /// A note is true from now on.
    pub(super) fn settle(&mut self, note: &Note) {
        note.apply(&mut self.frontier);
        let (Note::Read { shard, created: at, .. } | Note::Current { shard, at }) = note else {
            return;
        };
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.current = shard.current.max(*at);
        }
    }

    /// Another sequencer has stated this, and owes nothing.
    pub(super) fn join(&mut self, frontier: &Frontier) {
        for (id, theirs) in &frontier.shards {
            let Some(ours) = self.frontier.shards.get_mut(id) else { continue };
            ours.join(theirs);
            if let Some(shard) = self.shards.get_mut(id) {
                shard.read = shard.read.take().max(theirs.after.clone());
                shard.ended |= theirs.finished;
            }
        }
    }

    /// All that happened before is placed, or owed.
    pub(super) fn current(&self) -> Timestamp {
        let over = |id: &ShardId, shard: &ShardReading| {
            shard.has_child && self.frontier.shards.get(id).is_some_and(|reach| reach.finished)
        };
        let open = self.shards.iter().filter(|(id, shard)| !over(id, shard));
        open.map(|(_, shard)| shard.current).min().unwrap_or(self.base)
    }
}

impl ShardReading {
    fn new(parent: Option<ShardId>, reach: &Reach, current: Timestamp) -> Self {
        let (read, ended) = (reach.after.clone(), reach.finished);
        Self { parent, has_child: false, read, ended, waits: false, current }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parent: &str) -> Shard {
        Shard { id: id.into(), parent: (!parent.is_empty()).then(|| parent.into()) }
    }

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_unix_nanos(nanos)
    }

    #[test]
    fn a_shard_that_goes_unfinished_or_comes_from_nowhere_is_a_loss() {
        let cases: [(&[(&str, &str)], bool); 7] = [
            (&[("a", ""), ("b", "")], true),
            (&[("a", ""), ("b", ""), ("c", "a")], true),
            (&[("a", ""), ("b", ""), ("c", "a"), ("d", "c")], true),
            (&[("a", "")], false),
            (&[("b", ""), ("c", "a")], true),
            (&[("a", ""), ("b", ""), ("e", "d")], false),
            (&[("a", ""), ("b", ""), ("e", "")], false),
        ];
        for (described, sound) in cases {
            let mut reading = Reading::anew(vec![shard("a", ""), shard("b", "")], at(0));
            reading.settle(&Note::Ended { shard: "a".into() });
            let shards = described.iter().map(|(id, parent)| shard(id, parent)).collect();
            assert_eq!(reading.describe(shards), sound, "{described:?}");
        }
    }

    #[test]
    fn the_shard_that_is_furthest_behind_says_how_far_all_are() {
        let mut reading = Reading::anew(vec![shard("a", ""), shard("b", "")], at(10));
        reading.settle(&Note::Current { shard: "a".into(), at: at(50) });
        assert_eq!(reading.current(), at(10));
        reading.settle(&Note::Current { shard: "b".into(), at: at(40) });
        assert_eq!(reading.current(), at(40));
        // A shard that is over counts until one that follows it is known, and that one counts from there.
        reading.settle(&Note::Ended { shard: "b".into() });
        assert_eq!(reading.current(), at(40));
        assert!(reading.describe(vec![shard("a", ""), shard("b", ""), shard("c", "b")]));
        assert_eq!(reading.current(), at(40));
        reading.settle(&Note::Current { shard: "c".into(), at: at(60) });
        assert_eq!(reading.current(), at(50));
    }

    #[test]
    fn a_shard_is_read_after_its_parent() {
        let mut reading = Reading::anew(vec![shard("a", ""), shard("b", "a")], at(0));
        assert_eq!(reading.wanted(), [("a".into(), None)]);
        reading.ended(&"a".into());
        assert_eq!(reading.wanted(), [("b".into(), None)]);
        reading.waits(&"b".into());
        assert_eq!(reading.wanted(), []);
    }

    #[test]
    fn the_further_of_two_statements_holds() {
        let number = |digits: &str| Some(Sequence::new(digits).unwrap());
        let mut reading = Reading::anew(vec![shard("a", ""), shard("b", "")], at(0));
        reading.settle(&Note::Read {
            shard: "a".into(),
            sequence: number("7").unwrap(),
            created: at(1),
        });
        let reach = |after: &str| Reach { after: number(after), finished: false };
        let shards =
            [("a".into(), reach("5")), ("b".into(), reach("12")), ("x".into(), reach("1"))];
        reading.join(&Frontier { shards: shards.into(), owed: false });
        let after: Vec<_> =
            reading.frontier.shards.values().map(|reach| reach.after.clone()).collect();
        assert_eq!(after, [number("7"), number("12")]);
        assert_eq!(reading.wanted()[1], ("b".into(), number("12")));
    }
}
