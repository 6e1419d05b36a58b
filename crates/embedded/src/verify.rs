//! Reads everything and compares it: the log with itself, the index with the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use factlog::{Direction, Position, Result, StreamName, Timestamp, Version};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

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
}

pub(crate) fn verify(shared: &Shared, mut progress: impl FnMut(u64, u64)) -> Result<Verified> {
    let tail = shared.tail();
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
            seen.compare(shared, events)?;
        }
        verified.commits += u64::from(walked.frame.events > 0);
        verified.events += walked.events.len() as u64;
        progress(walked_to(&walked), tail.address);
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

fn walked_to(walked: &Walked) -> u64 {
    walked.events.last().map_or(walked.address, |event| event.place.end())
}

impl Seen {
    /// Compares what a commit wrote to one stream.
    fn compare(&mut self, shared: &Shared, events: &[WalkedEvent]) -> Result<()> {
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
            *self.lists.entry((false, event.event_type().into())).or_default() += 1;
        }
        *self.lists.entry((true, stream.category().into())).or_default() += events.len() as u64;
        let indexed =
            shared.index.places(&stream, first.head.version, Direction::Forward, events.len())?;
        let there: Vec<Place> =
            events.iter().map(|event| event.place).take(indexed.len()).collect();
        if there.is_empty() || !indexed.starts_with(&there) {
            let why = format!("the index does not name this place for stream {stream}");
            return Err(shared.segments.damage(first.place.address, first.head.position, &why));
        }
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
