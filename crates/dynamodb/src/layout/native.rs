//! The layout `native`: an item is a part of a commit, or as much of it as fits.
//!
//! ```text
//!   stream    S   the stream                                   partition key
//!   version   N   the version of its first event               sort key
//!   recorded  S   when its commit was recorded, whole milliseconds
//!   events    L   a map for each event: type S, id B, data S or B, metadata S or B, time S
//!   packed    B   the same in place of events, where that saves a write unit: see `packed`
//!   parts     L   all parts of the commit, where it has several pieces: a map for each, stream S, first N, count N
//! ```
//!
//! Data and metadata are text where they are UTF-8, so that JSON reads well in the console; they are left out where
//! they are empty, and a map (object, bytes, sha256) where they lie in an object store. `time` is the writer's,
//! if there is one. In `parts` the item's own stream is left out.

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use factlog::{Event, EventId, EventType, Result, StreamName, Timestamp, Version};

use super::shared::{Elsewhere, ReadBody, Stored, each, parts, put_parts, with_bodies};
use super::{Decoded, Encoded, PartToWrite, packed};
use crate::commit::{Piece, PieceHead};
use crate::item::{
    Item, Malformed, as_binary, as_bytes, as_list, as_map, as_text, binary, item_bytes, number,
    optional, required, text, value_bytes,
};
use crate::limits::ITEM_BYTES_MAX;
use crate::units::write_units;

pub(super) const STREAM: &str = "stream";
pub(super) const VERSION: &str = "version";
const RECORDED: &str = "recorded";
const EVENTS: &str = "events";
const PACKED: &str = "packed";

pub(super) fn encode(part: &PartToWrite<'_>) -> Result<Encoded> {
    let mut encoded = Encoded { items: Vec::new(), uploads: Vec::new() };
    let mut events: Vec<_> = part.events.iter().map(Stored::here).collect();
    for (stored, version) in events.iter_mut().zip(part.first.number()..) {
        // Only what can't lie in an item beside nothing else goes elsewhere.
        while part.large_events
            && stored.data.bytes_here() + stored.metadata.bytes_here() > ITEM_BYTES_MAX / 2
            && piece(part, Version::new(version), std::slice::from_ref(stored)).is_none()
        {
            match stored.move_greater() {
                Some(upload) => encoded.uploads.push(upload),
                None => break,
            }
        }
    }
    encode_pieces(part, part.first, &events, &mut encoded.items)?;
    Ok(encoded)
}

/// Halves the events until each piece fits.
fn encode_pieces(
    part: &PartToWrite<'_>,
    first: Version,
    events: &[Stored<'_>],
    items: &mut Vec<Item>,
) -> Result<()> {
    if let Some(item) = piece(part, first, events) {
        items.push(item);
        return Ok(());
    }
    if let [stored] = events {
        return Err(super::too_large(part, first, stored.event));
    }
    let (before, after) = events.split_at(middle(events));
    encode_pieces(part, first, before, items)?;
    encode_pieces(part, first.plus(before.len() as u64), after, items)
}

/// Where the bytes of several events are halved, with an event on each side.
fn middle(events: &[Stored<'_>]) -> usize {
    let bytes = |stored: &Stored<'_>| stored.data.bytes_here() + stored.metadata.bytes_here() + 32;
    let half = events.iter().map(bytes).sum::<usize>() / 2;
    let mut sum = 0;
    let before = events.iter().take_while(|stored| {
        sum += bytes(stored);
        sum <= half
    });
    before.count().clamp(1, events.len() - 1)
}

/// The item of these events, if they fit one.
fn piece(part: &PartToWrite<'_>, first: Version, events: &[Stored<'_>]) -> Option<Item> {
    let mut item = key(part.stream, first);
    item.insert(RECORDED.to_owned(), text(part.recorded.to_string()));
    put_parts(part, &mut item);
    let rest_bytes = item_bytes(&item);
    let list = AttributeValue::L(events.iter().map(event_value).collect());
    let list_bytes = rest_bytes + EVENTS.len() + value_bytes(&list);
    let smaller = packed_below(events, list_bytes, rest_bytes + PACKED.len());
    let bytes = if let Some(packed) = smaller {
        let bytes = rest_bytes + PACKED.len() + packed.len();
        item.insert(PACKED.to_owned(), binary(packed));
        bytes
    } else {
        item.insert(EVENTS.to_owned(), list);
        list_bytes
    };
    (bytes <= ITEM_BYTES_MAX).then_some(item)
}

/// The packed events, if that saves a write unit.
fn packed_below(events: &[Stored<'_>], list_bytes: usize, rest_bytes: usize) -> Option<Vec<u8>> {
    let units = write_units(list_bytes);
    if units == 1 {
        return None;
    }
    packed::pack(events).filter(|packed| write_units(rest_bytes + packed.len()) < units)
}

pub(super) fn key(stream: &StreamName, first: Version) -> Item {
    let stream = (STREAM.to_owned(), text(stream.as_str()));
    [stream, (VERSION.to_owned(), number(first.number()))].into()
}

fn event_value(stored: &Stored<'_>) -> AttributeValue {
    let event = stored.event;
    let mut map = Item::with_capacity(5);
    map.insert("type".to_owned(), text(event.event_type.as_str()));
    map.insert("id".to_owned(), binary(*event.id.as_bytes()));
    stored.data.put("data", &mut map);
    stored.metadata.put("metadata", &mut map);
    if let Some(time) = event.time {
        map.insert("time".to_owned(), text(time.to_string()));
    }
    AttributeValue::M(map)
}

pub(super) fn decode(
    item: &Item,
    stream: StreamName,
    first: Version,
) -> Result<Decoded, Malformed> {
    let mut elsewhere = Elsewhere::new();
    let events = match optional(item, PACKED, as_binary)? {
        Some(packed) => packed::unpack(packed, &mut elsewhere).map_err(|e| e.within(PACKED))?,
        None => required(item, EVENTS, |value| listed(as_list(value)?, &mut elsewhere))?,
    };
    let (recorded, parts) = (recorded(item)?, parts(item, &stream)?);
    Ok(Decoded { piece: Piece { stream, first, events, recorded, parts }, elsewhere })
}

pub(super) fn decode_head(
    item: &Item,
    stream: StreamName,
    first: Version,
) -> Result<PieceHead, Malformed> {
    let types = match optional(item, PACKED, as_binary)? {
        Some(packed) => packed::types(packed).map_err(|e| e.within(PACKED))?,
        None => required(item, EVENTS, |value| each(as_list(value)?, |v| event_type(as_map(v)?)))?,
    };
    let (recorded, parts) = (recorded(item)?, parts(item, &stream)?);
    Ok(PieceHead { stream, first, types, recorded, parts })
}

fn recorded(item: &Item) -> Result<Timestamp, Malformed> {
    required(item, RECORDED, |value| Ok(as_text(value)?.parse()?))
}

fn event_type(map: &Item) -> Result<EventType, Malformed> {
    required(map, "type", |value| Ok(EventType::try_from(as_text(value)?)?))
}

fn listed(values: &[AttributeValue], elsewhere: &mut Elsewhere) -> Result<Vec<Event>, Malformed> {
    let mut events = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let event = event(value, index, elsewhere).map_err(|e| e.within(index))?;
        events.push(event);
    }
    Ok(events)
}

fn event(
    value: &AttributeValue,
    index: usize,
    elsewhere: &mut Elsewhere,
) -> Result<Event, Malformed> {
    let map = as_map(value)?;
    let id = EventId::from_bytes(required(map, "id", as_bytes)?);
    let mut event = Event::new(id, event_type(map)?, Bytes::new());
    event.time = optional(map, "time", |value| Ok(as_text(value)?.parse()?))?;
    let body = |name| Ok(ReadBody::from_map(map, name)?.unwrap_or_default());
    let bodies: [Result<_, Malformed>; 2] = ["data", "metadata"].map(body);
    let [data, metadata] = bodies;
    Ok(with_bodies(event, index, [data?, metadata?], elsewhere))
}
