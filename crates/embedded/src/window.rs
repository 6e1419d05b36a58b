//! A piece of the log in memory, moved along as it is read.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use factlog::Result;

use crate::frame::Frame;
use crate::segment::Segments;

/// Reads frames at addresses that mostly grow, each piece of the log once.
#[derive(Debug)]
pub(crate) struct Window {
    segments: Arc<Segments>,
    /// What stands from `start` on.
    bytes: Bytes,
    start: u64,
    /// Bytes to read at once.
    chunk: usize,
}

impl Window {
    pub(crate) fn new(segments: Arc<Segments>, chunk: usize) -> Self {
        Self { segments, bytes: Bytes::new(), start: 0, chunk }
    }

    /// The frame at the address; the whole of it is at hand then. Nothing at or behind `end` is read.
    pub(crate) fn frame(&mut self, address: u64, end: u64) -> Result<Frame> {
        let mut needed = 1;
        loop {
            if !self.reach(address, needed, end)? {
                return Ok(Frame::None);
            }
            match Frame::peek(self.at_hand(address)) {
                Frame::Cut(length) => needed = length,
                frame => return Ok(frame),
            }
        }
    }

    /// All that is at hand from the address on.
    pub(crate) fn at_hand(&self, address: u64) -> &[u8] {
        &self.bytes[self.offset(address)..]
    }

    /// All bytes at hand, to be shared, and where the address stands in them.
    pub(crate) fn shared(&self, address: u64) -> (&Bytes, usize) {
        (&self.bytes, self.offset(address))
    }

    /// Brings so many bytes to hand; false if there are not so many before `end` and the end of the
    /// segment, or no segment at all.
    pub(crate) fn reach(&mut self, address: u64, needed: usize, end: u64) -> Result<bool> {
        let have = self.start + self.bytes.len() as u64;
        if self.start <= address && address.saturating_add(needed as u64) <= have.min(end) {
            return Ok(true);
        }
        let Some(segment) = self.segments.at(address) else { return Ok(false) };
        let there = segment.end().min(end).saturating_sub(address);
        if there < needed as u64 {
            return Ok(false);
        }
        let length = there.min(self.chunk.max(needed) as u64);
        self.fill(address, usize::try_from(length).unwrap_or(needed))?;
        Ok(true)
    }

    fn offset(&self, address: u64) -> usize {
        usize::try_from(address - self.start).expect("a window fits into memory")
    }

    fn fill(&mut self, address: u64, length: usize) -> Result<()> {
        // A buffer that no event shares any more is used again: it need not be cleared.
        let mut buffer = std::mem::take(&mut self.bytes).try_into_mut().unwrap_or_default();
        if buffer.capacity() < length {
            buffer = BytesMut::zeroed(length);
        } else {
            buffer.resize(length, 0);
        }
        self.segments.read(address, &mut buffer)?;
        self.bytes = buffer.freeze();
        self.start = address;
        Ok(())
    }
}
