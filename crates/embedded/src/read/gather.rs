//! Reading events at places that the index names.
//!
//! Places that lie close together are read as one piece; a place far from the others is read alone.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use factlog::{Direction, Error, Position, RecordedEvent, Result, StreamName, Version};

use crate::frame::{Frame, Names, is_sound};
use crate::index::part::{List, Place};
use crate::limits::{GAP_BYTES_MAX, PLACES_MAX, SCAN_BYTES};
use crate::shared::Shared;

/// Names the places of a read, some at a time, in the order in which its events are wanted.
pub(super) trait Places: Send {
    /// The next places; none at the end.
    fn next(&mut self) -> Result<Vec<Place>>;

    /// Why the event that stands at a place is not the one that was to be there.
    fn check(&mut self, event: &RecordedEvent) -> Result<(), &'static str>;
}

/// Events at places.
pub(super) struct Gather<P> {
    shared: Arc<Shared>,
    places: P,
    /// Places of events that were not yet given out.
    ahead: VecDeque<Place>,
    /// The bytes that the first of them were read with, from `start` on, and how many these are.
    run: Bytes,
    start: u64,
    in_run: usize,
    names: Names,
    /// How many events are wanted at most: no more are read ahead.
    left: u64,
}

impl<P: Places> Gather<P> {
    pub(super) fn new(shared: Arc<Shared>, places: P, left: u64) -> Self {
        let (ahead, run, start, in_run, names) = Default::default();
        Self { shared, places, ahead, run, start, in_run, names, left }
    }

    fn advance(&mut self) -> Result<Option<RecordedEvent>> {
        if self.ahead.is_empty() {
            self.ahead = self.places.next()?.into();
        }
        let Some(&place) = self.ahead.front() else { return Ok(None) };
        if self.in_run == 0 {
            self.read_run(place)?;
        }
        let event = self.event(place)?;
        self.ahead.pop_front();
        self.in_run -= 1;
        self.left = self.left.saturating_sub(1);
        Ok(Some(event))
    }

    /// Reads the first place and those after it that lie close together.
    fn read_run(&mut self, first: Place) -> Result<()> {
        let (mut low, mut high) = (first.address, first.end());
        let mut count = 1;
        let max = usize::try_from(self.left).unwrap_or(usize::MAX).max(1);
        for place in self.ahead.iter().take(max).skip(1) {
            let gap = place.address.saturating_sub(high).max(low.saturating_sub(place.end()));
            let (all_low, all_high) = (low.min(place.address), high.max(place.end()));
            if gap > GAP_BYTES_MAX || all_high - all_low > SCAN_BYTES as u64 {
                break;
            }
            (low, high) = (all_low, all_high);
            count += 1;
        }
        if count > 1 && self.shared.segments.at(low) != self.shared.segments.at(high - 1) {
            (low, high, count) = (first.address, first.end(), 1);
        }
        let mut buffer = BytesMut::zeroed(usize::try_from(high - low).unwrap_or(usize::MAX));
        self.shared.segments.read(low, &mut buffer)?;
        (self.run, self.start, self.in_run) = (buffer.freeze(), low, count);
        Ok(())
    }

    /// The event at a place of the run.
    fn event(&mut self, place: Place) -> Result<RecordedEvent> {
        let offset = usize::try_from(place.address - self.start).unwrap_or(usize::MAX);
        let frame = &self.run[offset..offset + place.length as usize];
        let refused =
            |position, why| Err(self.shared.segments.damage(place.address, position, why));
        let head = match Frame::peek(frame) {
            Frame::Event(head, length) if length == frame.len() => head,
            _ => return refused(Position::ZERO, "no event stands where the index names one"),
        };
        if !is_sound(frame) {
            return refused(head.position, "the checksum of the event does not match");
        }
        let event = head.event(&self.run, offset, &mut self.names)?;
        match self.places.check(&event) {
            Ok(()) => Ok(event),
            Err(why) => refused(event.position, why),
        }
    }
}

impl<P: Places> Iterator for Gather<P> {
    type Item = Result<RecordedEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// The places of a stream's events in a range of versions.
pub(super) struct StreamPlaces {
    shared: Arc<Shared>,
    stream: StreamName,
    /// The range that is yet to be named.
    range: (Version, Version),
    direction: Direction,
    /// The version of the next event to be checked.
    expected: Version,
}

impl StreamPlaces {
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: StreamName,
        range: (Version, Version),
        direction: Direction,
    ) -> Self {
        let expected = match direction {
            Direction::Forward => range.0,
            Direction::Backward => range.1,
        };
        Self { shared, stream, range, direction, expected }
    }
}

impl Places for StreamPlaces {
    fn next(&mut self) -> Result<Vec<Place>> {
        let (from, to) = self.range;
        if from > to {
            return Ok(Vec::new());
        }
        let first = if self.direction == Direction::Forward { from } else { to };
        let max = usize::try_from(to.number() - from.number()).unwrap_or(PLACES_MAX);
        let max = max.saturating_add(1);
        let places = self.shared.index.places(&self.stream, first, self.direction, max)?;
        if places.is_empty() {
            let why = format!("version {first} of stream {} is not in the index", self.stream);
            return Err(Error::corrupt(why));
        }
        let count = places.len() as u64;
        self.range = match self.direction {
            Direction::Forward => (from.plus(count), to),
            Direction::Backward => (from, Version::new(to.number() - count)),
        };
        Ok(places)
    }

    fn check(&mut self, event: &RecordedEvent) -> Result<(), &'static str> {
        if event.stream != self.stream || event.version != self.expected {
            return Err("the index names this place for another event");
        }
        self.expected = match self.direction {
            Direction::Forward => self.expected.next(),
            Direction::Backward => self.expected.previous(),
        };
        Ok(())
    }
}

/// The places on several lists of a kind in a range of addresses, in the order of the log.
pub(super) struct ListPlaces {
    shared: Arc<Shared>,
    list: List,
    names: Vec<String>,
    /// The range that is yet to be named.
    range: (u64, u64),
    direction: Direction,
}

impl ListPlaces {
    pub(super) fn new(
        shared: Arc<Shared>,
        list: List,
        mut names: Vec<String>,
        range: (u64, u64),
        direction: Direction,
    ) -> Self {
        names.sort();
        names.dedup();
        Self { shared, list, names, range, direction }
    }
}

impl Places for ListPlaces {
    /// Each list answers as far as it likes; what lies within the reach of all is in order.
    fn next(&mut self) -> Result<Vec<Place>> {
        let forward = self.direction == Direction::Forward;
        while self.range.0 < self.range.1 {
            let mut reached = if forward { self.range.1 } else { self.range.0 };
            let mut places = Vec::new();
            for name in &self.names {
                let listed = self.shared.index.list(self.list, name, self.range, self.direction)?;
                reached = match self.direction {
                    Direction::Forward => reached.min(listed.reached),
                    Direction::Backward => reached.max(listed.reached),
                };
                places.extend(listed.places);
            }
            places.retain(|place| (place.address < reached) == forward);
            places.sort_unstable_by_key(|place| place.address);
            if !forward {
                places.reverse();
            }
            self.range = if forward { (reached, self.range.1) } else { (self.range.0, reached) };
            if !places.is_empty() {
                return Ok(places);
            }
        }
        Ok(Vec::new())
    }

    fn check(&mut self, event: &RecordedEvent) -> Result<(), &'static str> {
        let category = event.stream.category();
        let name = match self.list {
            List::Category => category,
            List::Type => event.event_type.as_str(),
        };
        if self.names.iter().any(|wanted| wanted == name) {
            Ok(())
        } else {
            Err("the index names this place for another event")
        }
    }
}
