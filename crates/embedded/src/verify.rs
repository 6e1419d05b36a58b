//! Reads everything and compares it: the log with itself, the index with the log.
//!
//! The log is walked once. The index's list of all events by stream is read once, too, in its own order;
//! whether it names the same events at the same places is told by a sum over all of them that does not
//! depend on the order. The lists by category and type are counted.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use factlog::{Direction, Position, Result, StreamName, Timestamp, Version};
use rustc_hash::{FxHashMap, FxHasher};

use crate::index::part::{List, Place};
use crate::segment::Segment;
use crate::shared::Shared;
use crate::walk::{Walk, Walked, WalkedEvent};

/// What a store without damage has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Events, all of them sound, at positions without gaps.
    pub events: u64,
    /// Streams, the versions of each without gaps.
    pub streams: u64,
    /// Commits.
    pub commits: u64,
    /// Bytes of the log that were read.
    pub bytes: u64,
}

/// What the log says, to be held against the index.
#[derive(Default)]
struct Seen {
    /// The version of each stream by the hash of its name: 16 bytes a stream.
    versions: FxHashMap<u64, Version>,
    /// How many events each category and type has.
    lists: BTreeMap<(bool, Box<str>), u64>,
    recorded: Timestamp,
    /// The sum over all events that the index on disk should name.
    sum: u64,
}

pub(crate) fn verify(shared: &Shared, mut progress: impl FnMut(u64, u64)) -> Result<Verified> {
    let tail = shared.tail();
    shared.index.flush()?;
    let indexed = shared.index.checkpoint().address;
    let start = shared.segments.all().first().map_or(0, Segment::start);
    let mut walk = Walk::new(Arc::clone(&shared.segments), Position::ZERO, start);
    let mut verified = Verified::default();
    let mut seen = Seen::default();
    while walk.address < tail.address && walk.position < tail.position {
        let Some(walked) = walk.next(tail.address)? else {
            let why = "no sound commit stands here";
            return Err(shared.segments.damage(walk.address, walk.position.next(), why));
        };
        for events in walked.events.chunk_by(|one, next| one.stream() == next.stream()) {
            seen.take(shared, events, indexed)?;
        }
        verified.commits += u64::from(walked.frame.events > 0);
        verified.events += walked.events.len() as u64;
        progress(walked_to(&walked), tail.address);
    }
    let mut sum: u64 = 0;
    shared.index.each_place(indexed, |stream, version, place| {
        sum = sum.wrapping_add(hash_of(stream, version, place));
    })?;
    if sum != seen.sum {
        let why = "the index does not name each event of the log at its place; \
                   it is rebuilt if it is taken away";
        return Err(shared.segments.damage(start, Position::FIRST, why));
    }
    for ((is_category, name), count) in &seen.lists {
        let list = if *is_category { List::Category } else { List::Type };
        let listed = count_listed(shared, list, name, (start, tail.address))?;
        if listed != *count {
            let why = format!("the index lists {listed} of {count} events of {list:?} {name}");
            return Err(shared.segments.damage(start, Position::FIRST, &why));
        }
    }
    verified.streams = seen.versions.len() as u64;
    verified.bytes = tail.address;
    if verified.streams != shared.index.streams() {
        let indexed = shared.index.streams();
        let why = format!("the index has {indexed} of {} streams", verified.streams);
        return Err(shared.segments.damage(start, Position::FIRST, &why));
    }
    Ok(verified)
}

fn hash_of(stream: &str, version: Version, place: Place) -> u64 {
    let mut hasher = FxHasher::default();
    (stream, version, place.address, place.length).hash(&mut hasher);
    hasher.finish()
}

fn walked_to(walked: &Walked) -> u64 {
    walked.events.last().map_or(walked.address, |event| event.place.end())
}

impl Seen {
    /// Takes in what a commit wrote to one stream.
    fn take(&mut self, shared: &Shared, events: &[WalkedEvent], indexed: u64) -> Result<()> {
        let Some(first) = events.first() else { return Ok(()) };
        let stream = StreamName::new(first.stream())?;
        let mut hasher = FxHasher::default();
        stream.hash(&mut hasher);
        let version = self.versions.entry(hasher.finish()).or_default();
        for event in events {
            let refused = |why: &str| {
                Err(shared.segments.damage(event.place.address, event.head.position, why))
            };
            if event.head.version != version.next() {
                let (found, after) = (event.head.version, *version);
                return refused(&format!(
                    "stream {stream} goes on with version {found} after {after}"
                ));
            }
            if event.head.recorded < self.recorded {
                return refused("the event was recorded before the one before it");
            }
            *version = event.head.version;
            self.recorded = event.head.recorded;
            if event.place.address < indexed {
                let hash = hash_of(stream.as_str(), event.head.version, event.place);
                self.sum = self.sum.wrapping_add(hash);
            }
            *self.lists.entry((false, event.event_type().into())).or_default() += 1;
        }
        *self.lists.entry((true, stream.category().into())).or_default() += events.len() as u64;
        Ok(())
    }
}

fn count_listed(shared: &Shared, list: List, name: &str, (from, to): (u64, u64)) -> Result<u64> {
    let (mut count, mut from) = (0, from);
    while from < to {
        let listed = shared.index.list(list, name, (from, to), Direction::Forward)?;
        count += listed.places.len() as u64;
        from = listed.reached;
    }
    Ok(count)
}
