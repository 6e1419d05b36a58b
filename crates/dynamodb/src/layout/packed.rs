//! The events of a piece as one binary value, compressed.
//!
//! ```text
//!   +---------+-------+----------------------+--------+-----------------------+------------+-----------+
//!   | version | types | (length, type) each  | events | index of type of each | body bytes | zstd body |
//!   |  u8 1   |   v   |                      |   v    |           v           |     v      |           |
//!   +---------+-------+----------------------+--------+-----------------------+------------+-----------+
//!
//!   body     the events' heads, then their data and metadata, each after the other
//!   head     id 16 bytes | flags u8 | time i64 nanoseconds, i16 minutes | data | metadata
//!                                     if flag 1                            v, or an address if flag 2 (data), 4 (metadata)
//!   address  bytes v | length v | object | sha256 32 bytes
//! ```
//!
//! `v` is a number of 7 bits a byte, the lowest first; all else is little-endian. What the sequencer needs stands in front of the compressed
//! body: types and their count.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;

use bytes::Bytes;
use factlog::{Event, EventId, EventType, Timestamp};
use zstd::bulk::Decompressor;

use super::shared::{Elsewhere, Place, ReadBody, Stored, with_bodies};
use crate::item::Malformed;
use crate::large::Address;
use crate::limits::PACKED_BYTES_MAX;

const FORMAT: u8 = 1;
/// Of zstd: its default, a good ratio at hundreds of MB/s.
const LEVEL: i32 = 3;

const TIME: u8 = 1;
const DATA_ELSEWHERE: u8 = 2;
const METADATA_ELSEWHERE: u8 = 4;

/// Packs events; `None` if zstd can't, which leaves them as they are.
pub(super) fn pack(events: &[Stored<'_>]) -> Option<Vec<u8>> {
    let mut packed = vec![FORMAT];
    put_types(events, &mut packed);
    let mut body = Vec::new();
    for stored in events {
        put_head(stored, &mut body);
    }
    for place in events.iter().flat_map(|stored| [&stored.data, &stored.metadata]) {
        if let Place::Here(bytes) = place {
            body.extend_from_slice(bytes);
        }
    }
    put_number(body.len(), &mut packed);
    packed.append(&mut zstd::bulk::compress(&body, LEVEL).ok()?);
    Some(packed)
}

/// The types of the events, in order.
pub(super) fn types(packed: &[u8]) -> Result<Vec<EventType>, Malformed> {
    take_types(&mut Reader(packed))
}

/// The events; what lies elsewhere is added to the list.
pub(super) fn unpack(packed: &[u8], elsewhere: &mut Elsewhere) -> Result<Vec<Event>, Malformed> {
    let mut reader = Reader(packed);
    let types = take_types(&mut reader)?;
    let body_bytes = reader.number()?;
    if body_bytes > PACKED_BYTES_MAX {
        return Err(Malformed::new(format!(
            "{body_bytes} bytes of events, the limit is {PACKED_BYTES_MAX}"
        )));
    }
    let body = decompress(reader.0, body_bytes)
        .map_err(|e| Malformed::new(format!("not what zstd has compressed: {e}")))?;
    let mut reader = Reader(&body);
    let heads = types.into_iter().map(|event_type| take_head(event_type, &mut reader));
    let heads = heads.collect::<Result<Vec<_>, _>>()?;
    let mut at = body.len() - reader.0.len();
    let body = Bytes::from(body);
    let mut events = Vec::with_capacity(heads.len());
    for (index, (event, bodies)) in heads.into_iter().enumerate() {
        let [data, metadata] = bodies.map(|head| head.read(&body, &mut at));
        events.push(with_bodies(event, index, [data?, metadata?], elsewhere));
    }
    if at == body.len() { Ok(events) } else { Err(Malformed::new("more bytes than events")) }
}

/// To make a decompressor takes longer than to unpack a usual item, so each thread keeps one.
fn decompress(compressed: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new()?),
        };
        decompressor.decompress(compressed, bytes_max)
    })
}

fn put_types(events: &[Stored<'_>], to: &mut Vec<u8>) {
    let mut distinct = Vec::new();
    let mut index_of = HashMap::new();
    let mut indices = Vec::with_capacity(events.len());
    for event_type in events.iter().map(|stored| stored.event.event_type.as_str()) {
        indices.push(*index_of.entry(event_type).or_insert_with(|| {
            distinct.push(event_type);
            distinct.len() - 1
        }));
    }
    put_number(distinct.len(), to);
    for event_type in distinct {
        put_number(event_type.len(), to);
        to.extend_from_slice(event_type.as_bytes());
    }
    put_number(indices.len(), to);
    for index in indices {
        put_number(index, to);
    }
}

fn take_types(reader: &mut Reader<'_>) -> Result<Vec<EventType>, Malformed> {
    let [format] = reader.array()?;
    if format != FORMAT {
        return Err(Malformed::new(format!("packed in format {format}, which is not known")));
    }
    let one = |reader: &mut Reader<'_>| {
        let length = reader.number()?;
        Ok(EventType::try_from(Bytes::copy_from_slice(reader.bytes(length)?))?)
    };
    let distinct =
        (0..reader.number()?).map(|_| one(reader)).collect::<Result<Vec<_>, Malformed>>()?;
    let event_type = |reader: &mut Reader<'_>| {
        let index = reader.number()?;
        let known = distinct.get(index).cloned();
        known.ok_or_else(|| Malformed::new(format!("no type {index}")))
    };
    (0..reader.number()?).map(|_| event_type(reader)).collect()
}

fn put_head(stored: &Stored<'_>, to: &mut Vec<u8>) {
    let Stored { event, data, metadata } = stored;
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    let is_elsewhere = |place: &Place<'_>| matches!(place, Place::Elsewhere(_));
    to.extend_from_slice(event.id.as_bytes());
    to.push(
        flag(event.time.is_some(), TIME)
            | flag(is_elsewhere(data), DATA_ELSEWHERE)
            | flag(is_elsewhere(metadata), METADATA_ELSEWHERE),
    );
    if let Some(time) = event.time {
        to.extend_from_slice(&time.unix_nanos().to_le_bytes());
        to.extend_from_slice(&time.offset_minutes().to_le_bytes());
    }
    for place in [data, metadata] {
        match place {
            Place::Here(bytes) => put_number(bytes.len(), to),
            Place::Elsewhere(address) => {
                put_wide(address.bytes, to);
                put_number(address.object.len(), to);
                to.extend_from_slice(address.object.as_bytes());
                to.extend_from_slice(&address.sha256);
            }
        }
    }
}

fn take_head(
    event_type: EventType,
    reader: &mut Reader<'_>,
) -> Result<(Event, [BodyHead; 2]), Malformed> {
    let id = EventId::from_bytes(reader.array()?);
    let mut event = Event::new(id, event_type, Bytes::new());
    let [flags] = reader.array()?;
    if flags & TIME != 0 {
        let nanos = i64::from_le_bytes(reader.array()?);
        let time = Timestamp::from_unix_nanos(nanos);
        event.time = Some(time.at_offset(i16::from_le_bytes(reader.array()?))?);
    }
    let mut body = |flag| {
        if flags & flag == 0 { reader.number().map(BodyHead::Here) } else { take_address(reader) }
    };
    Ok((event, [body(DATA_ELSEWHERE)?, body(METADATA_ELSEWHERE)?]))
}

fn take_address(reader: &mut Reader<'_>) -> Result<BodyHead, Malformed> {
    let bytes = reader.wide()?;
    let length = reader.number()?;
    let object = String::from_utf8_lossy(reader.bytes(length)?).into_owned();
    Ok(BodyHead::Elsewhere(Address { object, bytes, sha256: reader.array()? }))
}

/// What a head says of a body.
enum BodyHead {
    Here(usize),
    Elsewhere(Address),
}

impl BodyHead {
    fn read(self, body: &Bytes, at: &mut usize) -> Result<ReadBody, Malformed> {
        match self {
            Self::Here(0) => Ok(ReadBody::default()),
            Self::Here(length) if length <= body.len() - *at => {
                *at += length;
                Ok(ReadBody::here(body.slice(*at - length..*at)))
            }
            Self::Here(_) => Err(ends_early()),
            Self::Elsewhere(address) => {
                Ok(ReadBody { bytes: Bytes::new(), elsewhere: Some(address) })
            }
        }
    }
}

fn put_number(number: usize, to: &mut Vec<u8>) {
    put_wide(number as u64, to);
}

fn put_wide(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

/// The bytes that are yet to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(ends_early)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(ends_early)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn number(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.wide()?).map_err(|_| ends_early())
    }

    fn wide(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::new("a number of more than 64 bits"))
    }
}

fn ends_early() -> Malformed {
    Malformed::new("packed events that end early")
}
