//! The files of the log, seen as one line of bytes.
//!
//! Each segment file covers a range of *addresses*; the ranges follow one another without gaps, and so an
//! address names one byte of the log for ever. A file is made whole ahead of its need, filled with zeros
//! and synced: writing to it later changes no size, and a sync costs one write to the device.
//!
//! ```text
//!   address  0            1 MiB                      3 MiB
//!            | segment 1  |        segment 2         |   ...
//!            | head | frames ... 0 | head | frames ...  0 0 0 |
//! ```

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use factlog::{Error, Position, Result};
use quick_cache::sync::Cache;

use crate::disk::{Disk, File, ZEROS_BYTES};
use crate::frame::{COMMIT_BYTES, CommitFrame, u32_at, u64_at};
use crate::limits::{OPEN_FILES_MAX, SEGMENT_BYTES_FIRST, SEGMENT_BYTES_MAX};

/// Bytes of a segment's head; the first frame follows.
pub(crate) const SEGMENT_HEAD_BYTES: usize = 64;

const MAGIC: [u8; 8] = *b"factlog\0";
const FORMAT: u32 = 1;
/// Eighths of a segment that are used when the next one is begun, and when it is to be ready.
const PREPARE_EIGHTHS: (u64, u64) = (2, 6);

/// One segment file and the addresses that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Counted from 1.
    pub(crate) number: u64,
    /// The address of its first byte.
    pub(crate) base: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
}

impl Segment {
    /// The address of its first frame.
    pub(crate) fn start(&self) -> u64 {
        self.base + SEGMENT_HEAD_BYTES as u64
    }

    /// The address behind its last byte.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.bytes
    }

    pub(crate) fn name(&self) -> String {
        format!("segment-{:010}.log", self.number)
    }

    /// The segment after this one, or the first one, with room for so many bytes of frames.
    fn following(before: Option<&Self>, room: u64) -> Self {
        let (number, base) = before.map_or((1, 0), |before| (before.number + 1, before.end()));
        let usual = before.map_or(SEGMENT_BYTES_FIRST, |before| before.bytes.saturating_mul(2));
        let bytes = usual.min(SEGMENT_BYTES_MAX).max(room + SEGMENT_HEAD_BYTES as u64);
        Self { number, base, bytes }
    }

    fn unfinished_name(&self) -> String {
        format!("{}.new", self.name())
    }

    fn not_made(&self, e: std::io::Error) -> Error {
        io_error(&format!("making {} ({} bytes)", self.name(), self.bytes), e)
    }

    fn encode(self, identity: u64) -> [u8; SEGMENT_HEAD_BYTES] {
        let mut head = [0; SEGMENT_HEAD_BYTES];
        head[..8].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        head[16..24].copy_from_slice(&self.number.to_le_bytes());
        head[24..32].copy_from_slice(&self.base.to_le_bytes());
        head[32..40].copy_from_slice(&self.bytes.to_le_bytes());
        head[40..48].copy_from_slice(&identity.to_le_bytes());
        let crc = crc32c::crc32c(&head[16..]);
        head[12..16].copy_from_slice(&crc.to_le_bytes());
        head
    }

    /// The segment and the identity of the store that a head names.
    fn decode(head: &[u8; SEGMENT_HEAD_BYTES]) -> Result<(Self, u64), String> {
        if head[..8] != MAGIC {
            return Err("it does not start as a segment of factlog does".to_owned());
        }
        let format = u32_at(head, 8);
        if format != FORMAT {
            return Err(format!("it has format {format}, this factlog reads format {FORMAT}"));
        }
        if u32_at(head, 12) != crc32c::crc32c(&head[16..]) {
            return Err("the checksum of its head does not match".to_owned());
        }
        let segment =
            Self { number: u64_at(head, 16), base: u64_at(head, 24), bytes: u64_at(head, 32) };
        Ok((segment, u64_at(head, 40)))
    }
}

/// A segment that is being made, under a name of its own.
#[derive(Debug)]
struct Unfinished {
    segment: Segment,
    file: Arc<dyn File>,
    /// Bytes of zeros that are written.
    zeros: u64,
}

/// All segments of a store.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    /// Tells the segments of one store from those of another: the time of its creation.
    identity: u64,
    /// In order. Changes only when a segment is made.
    list: RwLock<Vec<Segment>>,
    /// The next segment, as far as it is made.
    making: Mutex<Option<Unfinished>>,
    files: Cache<u64, Arc<dyn File>>,
}

impl Segments {
    /// Finds the segments of a store; makes the first one, with the identity, where there is none.
    pub(crate) fn open(disk: Arc<dyn Disk>, identity: u64) -> Result<Self> {
        let mut found = Vec::new();
        for name in disk.list().map_err(|e| io_error("listing the segments", e))? {
            if name.ends_with(".new") {
                disk.remove(&name).map_err(|e| io_error("removing an unfinished segment", e))?;
            } else if name.starts_with("segment-") {
                found.push(name);
            }
        }
        found.sort();
        let files = Cache::new(OPEN_FILES_MAX);
        let mut segments =
            Self { disk, identity, list: RwLock::default(), making: Mutex::default(), files };
        for name in &found {
            segments.adopt(name)?;
        }
        if found.is_empty() {
            segments.make(None, 0, &mut None)?;
        }
        Ok(segments)
    }

    /// Takes in the next file, which has to follow the ones before it.
    fn adopt(&mut self, name: &str) -> Result<()> {
        let refuse = |why: String| Error::corrupt(format!("{name} at offset 0 is refused: {why}"));
        let file = self.disk.open(name).map_err(|e| io_error(&format!("opening {name}"), e))?;
        let length = file.len().map_err(|e| io_error(&format!("measuring {name}"), e))?;
        if length < SEGMENT_HEAD_BYTES as u64 {
            return Err(refuse(format!("it has only {length} bytes")));
        }
        let mut head = [0; SEGMENT_HEAD_BYTES];
        file.read_at(&mut head, 0).map_err(|e| io_error(&format!("reading {name}"), e))?;
        let (segment, identity) = Segment::decode(&head).map_err(refuse)?;
        let list = self.list.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (number, base) = list.last().map_or((1, 0), |last| (last.number + 1, last.end()));
        if (segment.number, segment.base) != (number, base) || segment.name() != name {
            return Err(refuse(format!("segment {number} with address {base} was to be here")));
        }
        if segment.bytes != length {
            return Err(refuse(format!("it has {length} bytes instead of {}", segment.bytes)));
        }
        if list.is_empty() {
            self.identity = identity;
        } else if self.identity != identity {
            return Err(refuse("it belongs to another store".to_owned()));
        }
        list.push(segment);
        self.files.insert(number, file);
        Ok(())
    }

    /// The segment after this one, with room for so many bytes of frames: made if it is not there,
    /// and made anew if it is too small, for nothing stands in it yet.
    pub(crate) fn next(&self, segment: &Segment, room: u64) -> Result<Segment> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        match self.after(segment).filter(|next| next.end() - next.start() >= room) {
            Some(next) => Ok(next),
            None => self.make(Some(segment), room, &mut making),
        }
    }

    /// Makes a piece of the segment after this one, of which so many bytes are used: little by little,
    /// lest syncs of the log wait for it.
    pub(crate) fn prepare(&self, segment: &Segment, used: u64) -> Result<()> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let (begin, end) =
            (segment.bytes / 8 * PREPARE_EIGHTHS.0, segment.bytes / 8 * PREPARE_EIGHTHS.1);
        if used < begin || self.after(segment).is_some() {
            return Ok(());
        }
        if used >= end {
            return self.make(Some(segment), 0, &mut making).map(drop);
        }
        let usual = Segment::following(Some(segment), 0);
        let mut unfinished = self.begun(usual, &mut making)?;
        self.fill(&mut unfinished, usual.bytes / (end - begin) * (used - begin))?;
        *making = Some(unfinished);
        Ok(())
    }

    /// Takes away a segment that is not finished.
    pub(crate) fn abandon(&self) {
        let making = self.making.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(unfinished) = making {
            // If it stays, it is taken away at the next opening.
            let _ = self.disk.remove(&unfinished.segment.unfinished_name());
        }
    }

    /// Makes a segment, filled with zeros and durable.
    fn make(
        &self,
        before: Option<&Segment>,
        room: u64,
        making: &mut Option<Unfinished>,
    ) -> Result<Segment> {
        let segment = Segment::following(before, room);
        let unfinished = self.begun(segment, making)?;
        let file = self.finish(unfinished)?;
        self.files.insert(segment.number, file);
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.retain(|other| other.number < segment.number);
        list.push(segment);
        Ok(segment)
    }

    /// What there is of the segment, begun if there is nothing.
    fn begun(&self, segment: Segment, making: &mut Option<Unfinished>) -> Result<Unfinished> {
        match making.take().filter(|unfinished| unfinished.segment == segment) {
            Some(unfinished) => Ok(unfinished),
            None => {
                let file = self.disk.create(&segment.unfinished_name());
                Ok(Unfinished { segment, file: file.map_err(|e| segment.not_made(e))?, zeros: 0 })
            }
        }
    }

    /// Fills it with zeros up to this offset or a little further.
    fn fill(&self, unfinished: &mut Unfinished, to: u64) -> Result<()> {
        let segment = unfinished.segment;
        let name = segment.unfinished_name();
        while unfinished.zeros < to.min(segment.bytes) {
            let left = segment.bytes - unfinished.zeros;
            let length = usize::try_from(left).unwrap_or(ZEROS_BYTES).min(ZEROS_BYTES);
            let written = self.disk.write_zeros(&name, unfinished.zeros, length);
            written.map_err(|e| segment.not_made(e))?;
            unfinished.zeros += length as u64;
        }
        Ok(())
    }

    fn finish(&self, mut unfinished: Unfinished) -> Result<Arc<dyn File>> {
        self.fill(&mut unfinished, u64::MAX)?;
        let Unfinished { segment, file, .. } = unfinished;
        let name = || {
            file.write_at(&segment.encode(self.identity), 0)?;
            file.sync()?;
            self.disk.rename(&segment.unfinished_name(), &segment.name())?;
            self.disk.sync_names()
        };
        name().map_err(|e| segment.not_made(e))?;
        Ok(file)
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }

    pub(crate) fn all(&self) -> Vec<Segment> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The segment that covers the address.
    pub(crate) fn at(&self, address: u64) -> Option<Segment> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let index = list.partition_point(|segment| segment.end() <= address);
        list.get(index).copied()
    }

    /// The segment after this one.
    pub(crate) fn after(&self, segment: &Segment) -> Option<Segment> {
        self.at(segment.end())
    }

    /// The segment in which what ends at the address ends, be it at its very end.
    pub(crate) fn ending_at(&self, address: u64) -> Option<Segment> {
        self.at(address.saturating_sub(1))
    }

    /// Where the log goes on behind the last frame of a segment, if the next one begins with the
    /// commit of this position.
    pub(crate) fn continued(&self, address: u64, position: Position) -> Result<Option<u64>> {
        let Some(next) = self.ending_at(address).and_then(|segment| self.after(&segment)) else {
            return Ok(None);
        };
        let mut bytes = [0; COMMIT_BYTES];
        self.read(next.start(), &mut bytes)?;
        let first = CommitFrame::decode(&bytes).map(|commit| commit.first);
        Ok((first == Some(position)).then(|| next.start()))
    }

    pub(crate) fn file(&self, segment: &Segment) -> Result<Arc<dyn File>> {
        self.files
            .get_or_insert_with(&segment.number, || self.disk.open(&segment.name()))
            .map_err(|e| io_error(&format!("opening {}", segment.name()), e))
    }

    /// The file of a segment to write it: each write is durable when it is synced, if not before.
    pub(crate) fn durable_file(&self, segment: &Segment) -> Result<Arc<dyn File>> {
        let file = self.disk.open_durable(&segment.name());
        file.map_err(|e| io_error(&format!("opening {}", segment.name()), e))
    }

    /// Fills the buffer with what stands at the address; it must not reach into the next segment.
    pub(crate) fn read(&self, address: u64, buffer: &mut [u8]) -> Result<()> {
        let Some(segment) = self.at(address) else {
            return Err(self.damage(address, Position::ZERO, "no segment covers it"));
        };
        self.file(&segment)?
            .read_at(buffer, address - segment.base)
            .map_err(|e| io_error(&format!("reading {}", self.place(address)), e))
    }

    /// The address as a person finds it: file and offset.
    pub(crate) fn place(&self, address: u64) -> String {
        match self.at(address) {
            Some(segment) => format!("{} offset {}", segment.name(), address - segment.base),
            None => format!("address {address}"),
        }
    }

    /// The refusal of what stands at the address, where the event of the position was to be.
    pub(crate) fn damage(&self, address: u64, position: Position, why: &str) -> Error {
        Error::corrupt(format!("{}, position {position}: {why}", self.place(address)))
    }
}

/// The error of a call to the disk: a full one, too, is a reason to try again later.
pub(crate) fn io_error(doing: &str, e: std::io::Error) -> Error {
    Error::unavailable(format!("{doing} failed: {e}")).with_source(e)
}
