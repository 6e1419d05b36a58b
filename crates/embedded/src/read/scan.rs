//! Reading the log frame by frame.

use std::sync::Arc;

use bytes::Bytes;
use factlog::{Filter, Position, RecordedEvent, Result};

use super::start_of;
use crate::frame::{COMMIT_BYTES, EventHead, Frame, Names, is_sound};
use crate::index::part::Landmark;
use crate::limits::SCAN_BYTES;
use crate::shared::Shared;
use crate::window::Window;

/// The oldest event first.
pub(super) struct Scan {
    shared: Arc<Shared>,
    filter: Option<Filter>,
    window: Window,
    names: Names,
    /// The next frame's address; `None` before the first.
    address: Option<u64>,
    /// The next event's position.
    position: Position,
    from: Position,
    to: Position,
    /// The log as it was when the read was asked for.
    tail: Landmark,
}

impl Scan {
    pub(super) fn new(
        shared: Arc<Shared>,
        tail: Landmark,
        (from, to): (Position, Position),
        filter: Filter,
    ) -> Self {
        let window = Window::new(Arc::clone(&shared.segments), SCAN_BYTES);
        let filter = Some(filter).filter(|filter| !filter.is_all());
        let (address, names) = Default::default();
        Self { shared, filter, window, names, address, position: from, from, to, tail }
    }

    fn advance(&mut self) -> Result<Option<RecordedEvent>> {
        let mut address = match self.address {
            Some(address) => address,
            None => {
                let start = start_of(&self.shared, self.from)?;
                self.position = start.position;
                start.address
            }
        };
        while self.position <= self.to {
            match self.window.frame(address, self.tail.address)? {
                Frame::Commit => address += COMMIT_BYTES as u64,
                Frame::Event(head, length) if head.position == self.position => {
                    let event = self.wanted(address, &head, length)?;
                    address += length as u64;
                    self.address = Some(address);
                    self.position = self.position.next();
                    if event.is_some() {
                        return Ok(event);
                    }
                }
                _ => address = self.next_segment(address)?,
            }
        }
        Ok(None)
    }

    /// The event at the address, if it is wanted.
    fn wanted(
        &mut self,
        address: u64,
        head: &EventHead,
        length: usize,
    ) -> Result<Option<RecordedEvent>> {
        let (shared, position) = (&self.shared, self.position);
        let refused = |why| Err(shared.segments.damage(address, position, why));
        if self.position < self.from {
            return Ok(None);
        }
        let frame = &self.window.at_hand(address)[..length];
        if !is_sound(frame) {
            return refused("the checksum of the event does not match");
        }
        let Some(filter) = &self.filter else {
            let (bytes, offset) = self.window.shared(address);
            return head.event(bytes, offset, &mut self.names).map(Some);
        };
        let Some((stream, event_type)) = head.names(frame) else {
            return refused("the names of the event are not UTF-8");
        };
        if !filter.matches_parts(stream, event_type, head.time()?, head.recorded) {
            return Ok(None);
        }
        // What passes a filter may be far between: it must not keep the whole window in memory.
        head.event(&Bytes::copy_from_slice(frame), 0, &mut Names::default()).map(Some)
    }

    /// The log goes on in the next segment, if that begins with the event that is wanted.
    fn next_segment(&self, address: u64) -> Result<u64> {
        self.shared.segments.continued(address, self.position)?.ok_or_else(|| {
            let why = "no frame stands where an event was to be";
            self.shared.segments.damage(address, self.position, why)
        })
    }
}

impl Iterator for Scan {
    type Item = Result<RecordedEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// The newest event first: from landmark to landmark, each stretch read forward and given out backward.
pub(super) struct BackwardScan {
    shared: Arc<Shared>,
    tail: Landmark,
    filter: Filter,
    from: Position,
    /// The newest position that was not yet read.
    to: Position,
    /// What was read and not yet given out, the oldest first.
    stretch: Vec<RecordedEvent>,
}

impl BackwardScan {
    pub(super) fn new(
        shared: Arc<Shared>,
        tail: Landmark,
        (from, to): (Position, Position),
        filter: Filter,
    ) -> Self {
        Self { shared, tail, filter, from, to, stretch: Vec::new() }
    }

    fn advance(&mut self) -> Result<Option<RecordedEvent>> {
        while self.stretch.is_empty() && self.from <= self.to {
            let start = start_of(&self.shared, self.to)?.position.max(self.from);
            let (shared, filter) = (Arc::clone(&self.shared), self.filter.clone());
            let scan = Scan::new(shared, self.tail, (start, self.to), filter);
            self.stretch = scan.collect::<Result<_>>()?;
            self.to = start.previous();
        }
        Ok(self.stretch.pop())
    }
}

impl Iterator for BackwardScan {
    type Item = Result<RecordedEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
