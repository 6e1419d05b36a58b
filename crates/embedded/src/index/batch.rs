//! Commits on their way into the index: the bytes of one write, as they stand in the log.

use super::part::{Head, Part, Place, Written};
use crate::frame::{COMMIT_BYTES, CommitFrame, EventHead, Frame, id_of};

/// Whole commits, one after the other.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Where they begin in the log.
    pub(crate) address: u64,
    /// How many events they have.
    pub(crate) events: usize,
}

/// An event of a commit.
struct Event<'a> {
    head: EventHead,
    frame: &'a [u8],
    place: Place,
    stream: &'a str,
    event_type: &'a str,
}

impl Batch {
    /// Adds all commits to a part.
    pub(super) fn take_in(&self, part: &mut Part) {
        let mut events = Vec::new();
        let mut offset = 0;
        while let Some(commit) = self.bytes.get(offset..).and_then(CommitFrame::decode) {
            offset += COMMIT_BYTES;
            for _ in 0..commit.events {
                let event = self.event(offset).expect("a commit is handed over whole");
                offset += event.frame.len();
                events.push(event);
            }
            for events in events.chunk_by(|one, next| one.stream == next.stream) {
                add(part, events);
            }
            events.clear();
        }
    }

    fn event(&self, offset: usize) -> Option<Event<'_>> {
        let Frame::Event(head, length) = Frame::peek(&self.bytes[offset..]) else { return None };
        let frame = &self.bytes[offset..offset + length];
        let (stream, event_type) = head.names(frame)?;
        let place =
            Place { address: self.address + offset as u64, length: u32::try_from(length).ok()? };
        Some(Event { head, frame, place, stream, event_type })
    }
}

/// Adds what a commit wrote to one stream.
fn add(part: &mut Part, events: &[Event<'_>]) {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
    part.add(Written {
        stream: first.stream,
        head: Head::after(last.head.version, events.iter().map(|event| id_of(event.frame))),
        first: first.head.position,
        recorded: first.head.recorded,
        events: events.iter().map(|event| (event.event_type, event.place)),
    });
}
