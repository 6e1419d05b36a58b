//! Finding in the index: in memory first, then in the table.

use factlog::{Direction, Position, Result, StreamName, TimeRange, Timestamp, Version};

use super::entries;
use super::part::{Created, Head, Landmark, List, Part, Place};
use super::{Index, damaged};
use crate::limits::PLACES_MAX;

/// Places on a list within a range of addresses, in the direction asked for.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) places: Vec<Place>,
    /// How far the answer reaches: the end of it going forward, the start going backward.
    pub(crate) reached: u64,
}

impl Index {
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

    /// Places of the stream's events from this version on in the direction, in order: at most so many
    /// and [`PLACES_MAX`], at least one if the stream has that version.
    pub(crate) fn places(
        &self,
        stream: &StreamName,
        version: Version,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<Place>> {
        let (name, max) = (stream.as_str(), max.min(PLACES_MAX));
        if let Some(places) = self.in_memory(|part| part.places(name, version, direction, max)) {
            return Ok(places);
        }
        match direction {
            Direction::Forward => self.places_forward(name, version, max),
            Direction::Backward => self.places_backward(name, version, max),
        }
    }

    fn places_forward(&self, name: &str, version: Version, max: usize) -> Result<Vec<Place>> {
        // Reads mostly start where an entry does: at the first version, or where the last one ended.
        let mut places = match self.table.find(&entries::stream_key(name, version))? {
            Some(value) => entries::decode_places(&value).unwrap_or_default(),
            None => {
                let mut places = Vec::new();
                self.entry_with(name, version, |first, found| {
                    places.extend(found.into_iter().skip(distance(first, version)));
                    false
                })?;
                places
            }
        };
        if !places.is_empty() && places.len() < max {
            let from = entries::stream_key(name, version.plus(places.len() as u64));
            let to = entries::stream_key(name, Version::MAX);
            self.table.scan(&from, &to, Direction::Forward, &mut |_, value| {
                places.extend(entries::decode_places(value).unwrap_or_default());
                places.len() < max
            })?;
        }
        places.truncate(max);
        Ok(places)
    }

    fn places_backward(&self, name: &str, version: Version, max: usize) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        self.entry_with(name, version, |first, mut found| {
            found.truncate(distance(first, version).saturating_add(1));
            places.extend(found.into_iter().rev());
            places.len() < max
        })?;
        places.truncate(max);
        Ok(places)
    }

    /// Shows the entry of the stream that has the version, the last one that does not begin behind
    /// it, and then those before, until `visit` answers false.
    fn entry_with(
        &self,
        name: &str,
        version: Version,
        mut visit: impl FnMut(Version, Vec<Place>) -> bool,
    ) -> Result<()> {
        let low = entries::stream_key(name, Version::ZERO);
        let high = entries::stream_key(name, version.next());
        self.table.scan(&low, &high, Direction::Backward, &mut |key, value| {
            let first = Version::new(entries::number_of(key).unwrap_or_default());
            visit(first, entries::decode_places(value).unwrap_or_default())
        })
    }

    /// Shows each event that the table names at an address before this one, stream by stream.
    pub(crate) fn each_place(
        &self,
        end: u64,
        mut visit: impl FnMut(&str, Version, Place),
    ) -> Result<()> {
        let mut sound = true;
        self.table.scan(b"s", b"t", Direction::Forward, &mut |key, value| {
            let entry = entries::stream_of(key).zip(entries::decode_places(value));
            let Some(((stream, first), places)) = entry else {
                sound = false;
                return false;
            };
            let versions = (first.number()..).map(Version::new);
            for (version, place) in versions.zip(places).filter(|(_, place)| place.address < end) {
                visit(stream, version, place);
            }
            true
        })?;
        if sound { Ok(()) } else { Err(damaged("a list of a stream's events is malformed")) }
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

fn distance(first: Version, version: Version) -> usize {
    usize::try_from(version.number() - first.number()).unwrap_or(usize::MAX)
}
