//! The log commit by commit, each byte of it checked: for recovery and for `verify`.

use std::sync::Arc;

use bytes::Bytes;
use factlog::{EventId, Position, Result};

use crate::frame::{COMMIT_BYTES, CommitFrame, EVENT_BYTES_MIN, EventHead, Frame, id_of, is_sound};
use crate::index::part::Place;
use crate::segment::Segments;
use crate::window::Window;

/// Bytes that are read at once.
const WALK_BYTES: usize = 1 << 20;

/// Walks the log from a commit on.
#[derive(Debug)]
pub(crate) struct Walk {
    segments: Arc<Segments>,
    window: Window,
    /// Where the next commit begins.
    pub(crate) address: u64,
    /// The position of the last event.
    pub(crate) position: Position,
}

/// A commit that is whole and sound.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) frame: CommitFrame,
    /// The address of its frame.
    pub(crate) address: u64,
    pub(crate) events: Vec<WalkedEvent>,
}

#[derive(Debug)]
pub(crate) struct WalkedEvent {
    pub(crate) head: EventHead,
    pub(crate) place: Place,
    /// Its frame up to the end of its names.
    names: Bytes,
}

impl Walked {
    /// The address where the write began that carried it: all before it was durable then.
    pub(crate) fn group_start(&self) -> u64 {
        self.address.saturating_sub(u64::from(self.frame.group_back))
    }
}

impl WalkedEvent {
    pub(crate) fn stream(&self) -> &str {
        self.head.names(&self.names).map_or("", |(stream, _)| stream)
    }

    pub(crate) fn event_type(&self) -> &str {
        self.head.names(&self.names).map_or("", |(_, event_type)| event_type)
    }

    pub(crate) fn id(&self) -> EventId {
        id_of(&self.names)
    }
}

impl Walk {
    /// A walk that begins behind the event of this position, at this address.
    pub(crate) fn new(segments: Arc<Segments>, position: Position, address: u64) -> Self {
        let window = Window::new(Arc::clone(&segments), WALK_BYTES);
        Self { segments, window, address, position }
    }

    /// The next commit before `end`; `None` where no whole and sound commit stands that follows.
    pub(crate) fn next(&mut self, end: u64) -> Result<Option<Walked>> {
        if let Some(walked) = self.commit_at(self.address, end)? {
            return Ok(Some(walked));
        }
        match self.segments.continued(self.address, self.position.next())? {
            Some(start) if start < end => self.commit_at(start, end),
            _ => Ok(None),
        }
    }

    fn commit_at(&mut self, address: u64, end: u64) -> Result<Option<Walked>> {
        let head_end = address + COMMIT_BYTES as u64;
        if !self.window.reach(address, COMMIT_BYTES, end)? {
            return Ok(None);
        }
        let frame = match CommitFrame::decode(self.window.at_hand(address)) {
            Some(frame) if frame.first == self.position.next() => frame,
            _ => return Ok(None),
        };
        let body_end = head_end + u64::from(frame.body);
        let mut events = Vec::new();
        let mut next = head_end;
        for position in (frame.first.number()..).take(frame.events as usize) {
            match self.event_at(next, body_end)? {
                Some(event) if event.head.position.number() == position => {
                    next = event.place.end();
                    events.push(event);
                }
                _ => return Ok(None),
            }
        }
        if next != body_end {
            return Ok(None);
        }
        self.address = body_end;
        self.position = self.position.plus(u64::from(frame.events));
        Ok(Some(Walked { frame, address, events }))
    }

    fn event_at(&mut self, address: u64, end: u64) -> Result<Option<WalkedEvent>> {
        let Frame::Event(head, length) = self.window.frame(address, end)? else { return Ok(None) };
        let frame = &self.window.at_hand(address)[..length];
        let Some((stream, event_type)) = head.names(frame).filter(|_| is_sound(frame)) else {
            return Ok(None);
        };
        let names =
            Bytes::copy_from_slice(&frame[..EVENT_BYTES_MIN + stream.len() + event_type.len()]);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Ok(Some(WalkedEvent { head, place: Place { address, length }, names }))
    }
}
