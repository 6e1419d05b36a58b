//! Keys and values of the index on disk. `FORMAT.md` describes them.
//!
//! ```text
//!   c                            checkpoint: how far the index reaches
//!   h stream                     head of the stream
//!   s stream 0 version           places of its events from this version on
//!   g category 0 address         places of its events from this address on
//!   t type 0 address             places of its events from this address on
//!   l 0 position                 landmark: address and time of this event
//!   n 0 position                 the stream that began with this event
//!   m category 0 position        the same, by category
//! ```
//!
//! Numbers in keys are big-endian, so that they sort; names have no control character, so that the 0
//! behind them is theirs alone. Numbers in values are of variable length (LEB128).

use factlog::{Position, StreamName, Timestamp, Version};
use rustc_hash::FxHashMap;

use super::part::{Created, Head, Landmark, List, Part, Place};
use super::table::Text;
use crate::limits::ENTRY_PLACES_MAX;

/// How far the index on disk reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The last event that it has, and the address behind it.
    pub(crate) end: Landmark,
    /// How many streams there are.
    pub(crate) streams: u64,
    /// Whose index it is.
    pub(crate) identity: u64,
}

pub(crate) const CHECKPOINT: &[u8] = b"c";

/// `tag name 0 number`
fn key(tag: u8, name: &str, number: u64) -> Text {
    [&[tag], name.as_bytes(), &[0], &number.to_be_bytes()].concat()
}

pub(crate) fn head_key(stream: &str) -> Text {
    [b"h", stream.as_bytes()].concat()
}

pub(crate) fn stream_key(stream: &str, version: Version) -> Text {
    key(b's', stream, version.number())
}

pub(crate) fn list_key(list: List, name: &str, address: u64) -> Text {
    let tag = match list {
        List::Category => b'g',
        List::Type => b't',
    };
    key(tag, name, address)
}

pub(crate) fn landmark_key(position: Position) -> Text {
    key(b'l', "", position.number())
}

pub(crate) fn created_key(category: Option<&str>, position: Position) -> Text {
    match category {
        None => key(b'n', "", position.number()),
        Some(category) => key(b'm', category, position.number()),
    }
}

/// The stream and the version of a key of [`stream_key`].
pub(crate) fn stream_of(key: &[u8]) -> Option<(&str, Version)> {
    let (name, version) = key.split_last_chunk()?;
    let name = name.strip_prefix(b"s")?.strip_suffix(&[0])?;
    Some((str::from_utf8(name).ok()?, Version::new(u64::from_be_bytes(*version))))
}

/// The number at the end of a key.
pub(crate) fn number_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// All entries of a part, in the order of their keys, made one by one.
pub(crate) fn entries_of(
    part: &Part,
    checkpoint: Checkpoint,
) -> impl Iterator<Item = (Text, Text)> + '_ {
    let streams = sorted(&part.streams);
    let mut by_category: Vec<&Created> = part.created.iter().collect();
    by_category.sort_by_key(|created| (created.stream.category(), created.position));

    let checkpoint = [(CHECKPOINT.to_vec(), encode_checkpoint(checkpoint))].into_iter();
    let heads = streams.clone().into_iter();
    let heads = heads.map(|(name, of_stream)| (head_key(name), encode_head(of_stream.head)));
    let landmarks = part.landmarks.iter();
    let landmarks = landmarks.map(|mark| (landmark_key(mark.position), encode_landmark(*mark)));
    let by_category = by_category.into_iter().map(|created| {
        (created_key(Some(created.stream.category()), created.position), encode_created(created))
    });
    let created = part.created.iter();
    let created = created.map(|it| (created_key(None, it.position), encode_created(it)));
    let places = streams.into_iter().flat_map(|(name, of_stream)| {
        let firsts = (of_stream.first.number()..).step_by(ENTRY_PLACES_MAX);
        let chunks = firsts.zip(of_stream.places.chunks(ENTRY_PLACES_MAX));
        chunks.map(move |(first, places)| {
            (stream_key(name, Version::new(first)), encode_places(places))
        })
    });
    // The order of the tags: c, g, h, l, m, n, s, t.
    checkpoint
        .chain(list_entries(List::Category, &part.categories))
        .chain(heads)
        .chain(landmarks)
        .chain(by_category)
        .chain(created)
        .chain(places)
        .chain(list_entries(List::Type, &part.types))
}

fn sorted<T>(named: &FxHashMap<Box<str>, T>) -> Vec<(&str, &T)> {
    let mut sorted: Vec<_> = named.iter().map(|(name, value)| (&**name, value)).collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    sorted
}

fn list_entries(
    list: List,
    names: &FxHashMap<Box<str>, Vec<Place>>,
) -> impl Iterator<Item = (Text, Text)> + '_ {
    sorted(names).into_iter().flat_map(move |(name, all)| {
        all.chunks(ENTRY_PLACES_MAX).map(move |places| {
            let first = places.first().map_or(0, |place| place.address);
            (list_key(list, name, first), encode_places(places))
        })
    })
}

fn encode_places(places: &[Place]) -> Text {
    let mut value = Vec::with_capacity(places.len() * 4);
    let mut end = 0;
    for place in places {
        put(&mut value, place.address - end);
        put(&mut value, u64::from(place.length));
        end = place.end();
    }
    value
}

pub(crate) fn decode_places(mut value: &[u8]) -> Option<Vec<Place>> {
    let mut places = Vec::with_capacity(value.len() / 3);
    let mut end = 0;
    while !value.is_empty() {
        let address = take(&mut value)?.checked_add(end)?;
        let place = Place { address, length: take(&mut value)?.try_into().ok()? };
        end = address.checked_add(u64::from(place.length))?;
        places.push(place);
    }
    Some(places)
}

fn encode_head(head: Head) -> Text {
    let mut value = Vec::new();
    put(&mut value, head.version.number());
    put(&mut value, u64::from(head.commit_events));
    put(&mut value, head.commit_ids);
    value
}

pub(crate) fn decode_head(mut value: &[u8]) -> Option<Head> {
    Some(Head {
        version: Version::new(take(&mut value)?),
        commit_events: take(&mut value)?.try_into().ok()?,
        commit_ids: take(&mut value)?,
    })
}

fn put_landmark(value: &mut Text, landmark: Landmark) {
    put(value, landmark.position.number());
    put(value, landmark.address);
    put(value, landmark.recorded.unix_nanos().cast_unsigned());
}

fn take_landmark(value: &mut &[u8]) -> Option<Landmark> {
    Some(Landmark {
        position: Position::new(take(value)?),
        address: take(value)?,
        recorded: Timestamp::from_unix_nanos(take(value)?.cast_signed()),
    })
}

fn encode_landmark(landmark: Landmark) -> Text {
    let mut value = Vec::new();
    put_landmark(&mut value, landmark);
    value
}

pub(crate) fn decode_landmark(mut value: &[u8]) -> Option<Landmark> {
    take_landmark(&mut value)
}

fn encode_checkpoint(checkpoint: Checkpoint) -> Text {
    let mut value = Vec::new();
    put_landmark(&mut value, checkpoint.end);
    put(&mut value, checkpoint.streams);
    put(&mut value, checkpoint.identity);
    value
}

pub(crate) fn decode_checkpoint(mut value: &[u8]) -> Option<Checkpoint> {
    Some(Checkpoint {
        end: take_landmark(&mut value)?,
        streams: take(&mut value)?,
        identity: take(&mut value)?,
    })
}

fn encode_created(created: &Created) -> Text {
    let mut value = Vec::new();
    put(&mut value, created.recorded.unix_nanos().cast_unsigned());
    value.extend_from_slice(created.stream.as_str().as_bytes());
    value
}

pub(crate) fn decode_created(position: Position, mut value: &[u8]) -> Option<Created> {
    let recorded = Timestamp::from_unix_nanos(take(&mut value)?.cast_signed());
    let stream = StreamName::new(str::from_utf8(value).ok()?).ok()?;
    Some(Created { position, recorded, stream })
}

/// Writes seven bits a byte, the lowest first; the high bit says that more follow.
fn put(value: &mut Text, mut number: u64) {
    while number >= 0x80 {
        value.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    value.push(number.to_le_bytes()[0]);
}

fn take(value: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = value.split_first()?;
        *value = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_survive_their_encoding(gaps: Vec<(u32, u32)>) {
            let mut end = 0;
            let places: Vec<_> = gaps.iter().map(|&(gap, length)| {
                let place = Place { address: end + u64::from(gap), length };
                end = place.end();
                place
            }).collect();
            prop_assert_eq!(decode_places(&encode_places(&places)), Some(places));
        }

        #[test]
        fn a_damaged_value_is_refused_or_read_but_never_panics(value: Vec<u8>) {
            let _ = (decode_places(&value), decode_head(&value), decode_checkpoint(&value));
            let _ = decode_created(Position::FIRST, &value);
        }

        #[test]
        fn every_head_survives(version: u64, commit_events: u32, commit_ids: u64) {
            let head = Head { version: Version::new(version), commit_events, commit_ids };
            prop_assert_eq!(decode_head(&encode_head(head)), Some(head));
        }
    }

    #[test]
    fn keys_of_a_stream_sort_by_version_and_apart_from_other_streams() {
        let key = |stream, version| stream_key(stream, Version::new(version));
        assert!(key("a", 1) < key("a", 2) && key("a", 255) < key("a", 256));
        assert!(key("a", u64::MAX) < key("a-1", 0) && key("a", u64::MAX) < key("b", 0));
    }
}
