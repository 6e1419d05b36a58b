//! The newest part of the index, in memory: the same lists as on disk, for the commits since the
//! last part went there.

use factlog::{Direction, EventId, Position, StreamName, Timestamp, Version};
use rustc_hash::FxHashMap;

use crate::heads::hash_ids;
use crate::limits::LANDMARK_BYTES;

/// Where an event's frame stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) address: u64,
    /// Bytes of the frame.
    pub(crate) length: u32,
}

impl Place {
    /// The address behind the frame.
    pub(crate) fn end(&self) -> u64 {
        self.address + u64::from(self.length)
    }
}

/// What the writer must know of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Where the stream is.
    pub(crate) version: Version,
    /// How many events of the stream its last commit wrote.
    pub(crate) commit_events: u32,
    /// The hash of the ids of those events.
    pub(crate) commit_ids: u64,
}

impl Head {
    /// The head of a stream whose last commit wrote these events, up to this version.
    pub(crate) fn after(version: Version, ids: impl ExactSizeIterator<Item = EventId>) -> Self {
        let commit_events = u32::try_from(ids.len()).expect("a commit has at most 10,000 events");
        Self { version, commit_events, commit_ids: hash_ids(ids) }
    }
}

/// A frame of an event whose position, address and time are known, so that others can be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Landmark {
    pub(crate) position: Position,
    pub(crate) address: u64,
    pub(crate) recorded: Timestamp,
}

/// A stream and its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Created {
    /// The position of its first event.
    pub(crate) position: Position,
    pub(crate) recorded: Timestamp,
    pub(crate) stream: StreamName,
}

/// The events that one commit wrote to one stream.
#[derive(Debug)]
pub(crate) struct Written<'a, E> {
    pub(crate) stream: &'a str,
    /// Where the stream is after them.
    pub(crate) head: Head,
    /// The position of the first of them.
    pub(crate) first: Position,
    pub(crate) recorded: Timestamp,
    /// The type and the place of each.
    pub(crate) events: E,
}

/// The lists that events are on besides their stream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Category,
    Type,
}

#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Places in all lists of streams together.
    pub(crate) events: usize,
    pub(crate) streams: FxHashMap<Box<str>, StreamPart>,
    pub(crate) categories: FxHashMap<Box<str>, Vec<Place>>,
    pub(crate) types: FxHashMap<Box<str>, Vec<Place>>,
    /// In the order of the log, about [`LANDMARK_BYTES`] apart.
    pub(crate) landmarks: Vec<Landmark>,
    /// In the order of the log.
    pub(crate) created: Vec<Created>,
    /// The address from which the part covers the log.
    pub(crate) start: u64,
    /// The last event that it has, and the address behind it.
    pub(crate) end: Landmark,
}

#[derive(Debug)]
pub(crate) struct StreamPart {
    /// The version of the first place.
    pub(crate) first: Version,
    pub(crate) places: Vec<Place>,
    pub(crate) head: Head,
}

impl Part {
    /// An empty part that goes on after this event.
    pub(crate) fn after(end: Landmark) -> Self {
        Self { start: end.address, end, ..Self::default() }
    }

    /// Takes in what a commit wrote to one stream.
    pub(crate) fn add<'a>(&mut self, written: Written<'_, impl Iterator<Item = (&'a str, Place)>>) {
        let Written { stream: name, head, first, recorded, events } = written;
        let (before, mut position) = (self.events, first);
        let category = list_of(&mut self.categories, StreamName::category_of(name));
        let places = match self.streams.get_mut(name) {
            Some(part) => &mut part.places,
            None => {
                let part = StreamPart { first: Version::ZERO, places: Vec::with_capacity(1), head };
                &mut self.streams.entry(name.into()).or_insert(part).places
            }
        };
        for (event_type, place) in events {
            places.push(place);
            category.push(place);
            list_of(&mut self.types, event_type).push(place);
            let since = self.landmarks.last().map_or(u64::MAX, |last| place.address - last.address);
            if since >= LANDMARK_BYTES {
                self.landmarks.push(Landmark { position, address: place.address, recorded });
            }
            self.end = Landmark { position, address: place.end(), recorded };
            self.events += 1;
            position = position.next();
        }
        let added = (self.events - before) as u64;
        let first_version = Version::new(head.version.number() - added + 1);
        let part = self.streams.get_mut(name).expect("the stream was looked up or entered above");
        part.head = head;
        if part.first == Version::ZERO {
            part.first = first_version;
        }
        if first_version == Version::FIRST {
            let stream = StreamName::new(name).expect("a name is valid again");
            self.created.push(Created { position: first, recorded, stream });
        }
    }

    pub(crate) fn head(&self, stream: &str) -> Option<Head> {
        self.streams.get(stream).map(|part| part.head)
    }

    /// The places of the stream's events from this version on in the direction, at most so many;
    /// `None` if the part does not reach back so far.
    pub(crate) fn places(
        &self,
        stream: &str,
        version: Version,
        direction: Direction,
        max: usize,
    ) -> Option<Vec<Place>> {
        let part = self.streams.get(stream).filter(|part| part.first <= version)?;
        let index = usize::try_from(version.number() - part.first.number()).unwrap_or(usize::MAX);
        let places = &part.places;
        Some(match direction {
            Direction::Forward => places.iter().skip(index).take(max).copied().collect(),
            Direction::Backward => {
                let upto = index.saturating_add(1).min(places.len());
                places[..upto].iter().rev().take(max).copied().collect()
            }
        })
    }

    /// The places on a list.
    pub(crate) fn list(&self, list: List, name: &str) -> &[Place] {
        let lists = match list {
            List::Category => &self.categories,
            List::Type => &self.types,
        };
        lists.get(name).map_or(&[], Vec::as_slice)
    }

    /// The last landmark at or before the position.
    pub(crate) fn landmark(&self, position: Position) -> Option<Landmark> {
        let after = self.landmarks.partition_point(|landmark| landmark.position <= position);
        self.landmarks[..after].last().copied()
    }
}

fn list_of<'a>(lists: &'a mut FxHashMap<Box<str>, Vec<Place>>, name: &str) -> &'a mut Vec<Place> {
    if !lists.contains_key(name) {
        lists.insert(name.into(), Vec::new());
    }
    lists.get_mut(name).expect("it was entered above")
}
