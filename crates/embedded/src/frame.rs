//! The bytes of the log: frames, each with its own checksum. `FORMAT.md` describes them.
//!
//! ```text
//!   commit frame                        28 bytes, then its events' frames
//!   +-----+------+---+---+------+--------+------------+----------------+
//!   | crc | kind | 0 | 0 | body | events | group back | first position |
//!   | u32 | u8 2 |u8 |u16| u32  |  u32   |    u32     |      u64       |
//!   +-----+------+---+---+------+--------+------------+----------------+
//!
//!   event frame                         52 bytes, then 16 and the four texts
//!   +-----+------+---+--------+------+--------+------+----------+----------+---------+----------+------+
//!   | crc | kind | 0 | stream | type | offset | data | metadata | position | version | recorded | time |
//!   | u32 | u8 1 |u8 |  u16   | u16  |  i16   | u32  |   u32    |   u64    |   u64   |   i64    | i64  |
//!   +-----+------+---+--------+------+--------+------+----------+----------+---------+----------+------+
//!   | id 16 bytes | stream | type | data | metadata |
//! ```
//!
//! An event's frame says all there is to say of the event, so that one read of it is enough. Its
//! checksum runs over the second line first and then over the first: the caller of an append
//! computes the long part, the writer, who alone knows places and times, only the short one.
//!
//! *Group back* is how far before this frame the write began that carried it. All that lies before that
//! write was durable when it began: a commit that can be read proves so for everything before its group.

use std::ops::Range;

use bytes::Bytes;
use factlog::{
    Event, EventId, EventType, Position, RecordedEvent, Result, StreamName, Timestamp, Version,
};

/// Bytes of a commit's frame.
pub(crate) const COMMIT_BYTES: usize = 28;
/// Bytes of an event's frame before the id.
pub(crate) const EVENT_HEAD_BYTES: usize = 52;
/// Fewest bytes of an event's frame.
pub(crate) const EVENT_BYTES_MIN: usize = EVENT_HEAD_BYTES + 16;

const KIND_EVENT: u8 = 1;
const KIND_COMMIT: u8 = 2;

/// What a commit's frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitFrame {
    /// Bytes of its events' frames.
    pub(crate) body: u32,
    /// Its events; 0 for a mark, which only proves that all before it is durable.
    pub(crate) events: u32,
    /// Bytes from the start of the write that carried it to its start.
    pub(crate) group_back: u32,
    /// The position of its first event.
    pub(crate) first: Position,
}

impl CommitFrame {
    pub(crate) fn encode(self) -> [u8; COMMIT_BYTES] {
        let mut bytes = [0; COMMIT_BYTES];
        bytes[4] = KIND_COMMIT;
        bytes[8..12].copy_from_slice(&self.body.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.events.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.group_back.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.first.number().to_le_bytes());
        let crc = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The commit's frame at the start of the bytes, if one whole and sound is there.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..COMMIT_BYTES)?;
        if bytes[4..8] != [KIND_COMMIT, 0, 0, 0] || u32_at(bytes, 0) != crc32c::crc32c(&bytes[4..])
        {
            return None;
        }
        Some(Self {
            body: u32_at(bytes, 8),
            events: u32_at(bytes, 12),
            group_back: u32_at(bytes, 16),
            first: Position::new(u64_at(bytes, 20)),
        })
    }
}

/// What the head of an event's frame says, unproven until the frame is checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventHead {
    stream_bytes: usize,
    type_bytes: usize,
    data_bytes: usize,
    metadata_bytes: usize,
    pub(crate) position: Position,
    pub(crate) version: Version,
    pub(crate) recorded: Timestamp,
    time_nanos: i64,
    time_offset: i16,
}

/// What stands at a place of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frame {
    /// A commit begins.
    Commit,
    /// An event, its frame so many bytes long.
    Event(EventHead, usize),
    /// The bytes end before the frame does: it has at least so many.
    Cut(usize),
    /// No frame: zeros after the last one, or damage.
    None,
}

impl Frame {
    /// Looks at the frame at the start of the bytes; an event's is yet to be checked.
    pub(crate) fn peek(bytes: &[u8]) -> Self {
        match bytes.get(4) {
            None => Self::Cut(COMMIT_BYTES),
            Some(&KIND_COMMIT) if bytes.len() < COMMIT_BYTES => Self::Cut(COMMIT_BYTES),
            Some(&KIND_COMMIT) => CommitFrame::decode(bytes).map_or(Self::None, |_| Self::Commit),
            Some(&KIND_EVENT) if bytes.len() < EVENT_HEAD_BYTES => Self::Cut(EVENT_HEAD_BYTES),
            Some(&KIND_EVENT) => {
                let head = EventHead::decode(bytes);
                match head.frame_bytes() {
                    length if length > bytes.len() => Self::Cut(length),
                    length => Self::Event(head, length),
                }
            }
            Some(_) => Self::None,
        }
    }
}

impl EventHead {
    fn decode(bytes: &[u8]) -> Self {
        Self {
            stream_bytes: usize::from(u16_at(bytes, 6)),
            type_bytes: usize::from(u16_at(bytes, 8)),
            time_offset: u16_at(bytes, 10).cast_signed(),
            data_bytes: u32_at(bytes, 12) as usize,
            metadata_bytes: u32_at(bytes, 16) as usize,
            position: Position::new(u64_at(bytes, 20)),
            version: Version::new(u64_at(bytes, 28)),
            recorded: Timestamp::from_unix_nanos(u64_at(bytes, 36).cast_signed()),
            time_nanos: u64_at(bytes, 44).cast_signed(),
        }
    }

    fn frame_bytes(&self) -> usize {
        EVENT_BYTES_MIN
            + self.stream_bytes
            + self.type_bytes
            + self.data_bytes
            + self.metadata_bytes
    }

    pub(crate) fn time(&self) -> Result<Timestamp> {
        Timestamp::from_unix_nanos(self.time_nanos).at_offset(self.time_offset)
    }

    /// The stream and the type as they stand in the frame.
    pub(crate) fn names<'a>(&self, frame: &'a [u8]) -> Option<(&'a str, &'a str)> {
        let texts = frame.get(EVENT_BYTES_MIN..)?;
        let (stream, texts) = texts.split_at_checked(self.stream_bytes)?;
        let event_type = texts.get(..self.type_bytes)?;
        Some((str::from_utf8(stream).ok()?, str::from_utf8(event_type).ok()?))
    }

    /// The event of a frame that is sound and stands at the offset; it shares the bytes.
    pub(crate) fn event(
        &self,
        bytes: &Bytes,
        offset: usize,
        names: &mut Names,
    ) -> Result<RecordedEvent> {
        let mut end = offset + EVENT_BYTES_MIN;
        let id = id_of(&bytes[offset..end]);
        let mut next = |length: usize| {
            end += length;
            end - length..end
        };
        let stream = names.stream(bytes, next(self.stream_bytes))?;
        let event_type = names.event_type(bytes, next(self.type_bytes))?;
        let (data, metadata) = (next(self.data_bytes), next(self.metadata_bytes));
        let share = |range: Range<usize>| {
            if range.is_empty() { Bytes::new() } else { bytes.slice(range) }
        };
        let event = Event::new(id, event_type, share(data))
            .with_metadata(share(metadata))
            .with_time(self.time()?);
        Ok(RecordedEvent::new(event, stream, self.version, self.position, self.recorded))
    }
}

/// The names of the event before: often they are those of the next one, too, and need no check.
#[derive(Debug, Default)]
pub(crate) struct Names {
    stream: Option<StreamName>,
    event_type: Option<EventType>,
}

impl Names {
    fn stream(&mut self, bytes: &Bytes, range: Range<usize>) -> Result<StreamName> {
        match &self.stream {
            Some(last) if last.as_str().as_bytes() == &bytes[range.clone()] => Ok(last.clone()),
            _ => Ok(self.stream.insert(StreamName::try_from(bytes.slice(range))?).clone()),
        }
    }

    fn event_type(&mut self, bytes: &Bytes, range: Range<usize>) -> Result<EventType> {
        match &self.event_type {
            Some(last) if last.as_str().as_bytes() == &bytes[range.clone()] => Ok(last.clone()),
            _ => Ok(self.event_type.insert(EventType::try_from(bytes.slice(range))?).clone()),
        }
    }
}

/// Whether an event's whole frame is what was written.
pub(crate) fn is_sound(frame: &[u8]) -> bool {
    u32_at(frame, 0) == event_crc(crc32c::crc32c(&frame[EVENT_HEAD_BYTES..]), frame)
}

/// The id that stands in an event's frame.
pub(crate) fn id_of(frame: &[u8]) -> EventId {
    EventId::from_bytes(array_at(frame, EVENT_HEAD_BYTES))
}

fn event_crc(body_crc: u32, frame: &[u8]) -> u32 {
    crc32c::crc32c_append(body_crc, &frame[4..EVENT_HEAD_BYTES])
}

/// Writes an event's frame but for what only the writer knows; the place of the checksum holds that
/// of the body. Returns the bytes of the frame.
pub(crate) fn encode_event(event: &Event, stream: &StreamName, to: &mut Vec<u8>) -> usize {
    let (stream, event_type) = (stream.as_str().as_bytes(), event.event_type.as_str().as_bytes());
    let time = event.time.unwrap_or_default();
    let mut head = [0; EVENT_BYTES_MIN];
    head[4] = KIND_EVENT;
    head[6..8].copy_from_slice(&length_u16(stream).to_le_bytes());
    head[8..10].copy_from_slice(&length_u16(event_type).to_le_bytes());
    head[10..12].copy_from_slice(&time.offset_minutes().to_le_bytes());
    head[12..16].copy_from_slice(&length_u32(&event.data).to_le_bytes());
    head[16..20].copy_from_slice(&length_u32(&event.metadata).to_le_bytes());
    head[44..52].copy_from_slice(&time.unix_nanos().to_le_bytes());
    head[52..68].copy_from_slice(event.id.as_bytes());
    let start = to.len();
    to.extend_from_slice(&head);
    for text in [stream, event_type, &event.data, &event.metadata] {
        to.extend_from_slice(text);
    }
    let crc = crc32c::crc32c(&to[start + EVENT_HEAD_BYTES..]);
    to[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    to.len() - start
}

/// What only the writer knows of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) position: Position,
    pub(crate) version: Version,
    pub(crate) recorded: Timestamp,
    /// Whether the event has no time of its own and takes the recorded one.
    pub(crate) takes_recorded: bool,
}

/// Completes a frame made by [`encode_event`].
pub(crate) fn place_event(frame: &mut [u8], placed: Placed) {
    let recorded = placed.recorded.unix_nanos().to_le_bytes();
    frame[20..28].copy_from_slice(&placed.position.number().to_le_bytes());
    frame[28..36].copy_from_slice(&placed.version.number().to_le_bytes());
    frame[36..44].copy_from_slice(&recorded);
    if placed.takes_recorded {
        frame[44..52].copy_from_slice(&recorded);
    }
    let crc = event_crc(u32_at(frame, 0), frame);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
}

fn length_u16(text: &[u8]) -> u16 {
    u16::try_from(text.len()).expect("names are within the contract's limits")
}

fn length_u32(text: &[u8]) -> u32 {
    u32::try_from(text.len()).expect("data and metadata are within the contract's limits")
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a slice of N bytes is an array of N")
}
