//! What writes the log: group commit.
//!
//! ```text
//!   append ──┐             ┌────── the writer ──────┐
//!   append ──┼──> queue ──>│ write │ sync │ publish │──> all are answered
//!   append ──┘             └────────────────────────┘
//! ```
//!
//! All appends that wait go into one write and one sync (on the real disk both are one call), and are
//! answered together. Meanwhile the next group gathers. Which thread that is done in, [`turn`](crate::turn) says.
//!
//! A write or a sync that fails ends the writing: nothing is known of the bytes since the last sync,
//! and a second try would prove nothing. All further appends are refused until the store is opened
//! again and recovery has looked at what is really there.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use factlog::{Error, Position, Result};

use crate::Durability;
use crate::disk::File;
use crate::frame::{COMMIT_BYTES, CommitFrame};
use crate::group::{Failure, Group};
use crate::index::batch::Batch;
use crate::index::part::Landmark;
use crate::limits::UNSYNCED_BYTES_MAX;
use crate::recover::Recovered;
use crate::segment::{Segment, Segments, io_error};
use crate::shared::Shared;

/// How often it is told how much of a segment is used, while it fills.
const PREPARE_PIECES: u64 = 8;
/// Bytes of a page of the page cache: a write that ends inside of a new one has to read it first.
pub(crate) const PAGE_BYTES: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Writer {
    segments: Arc<Segments>,
    durability: Durability,
    /// Tells how much of a segment is used, for the one after it to be made ahead of need.
    prepare: Option<Sender<(Segment, u64)>>,
    segment: Segment,
    /// The piece of the segment after it that was last asked for.
    prepared: u64,
    file: Arc<dyn File>,
    /// The last event written, and the address where the next write begins.
    end: Landmark,
    /// The address up to which all is synced.
    synced: u64,
    /// Whether the log ends with a mark.
    clean: bool,
    /// How long the last write and its sync took.
    write_time: Duration,
}

impl Writer {
    /// A writer that goes on after the last event, in the segment that has the address behind it.
    pub(crate) fn new(
        segments: &Arc<Segments>,
        recovered: &Recovered,
        durability: Durability,
        prepare: Option<Sender<(Segment, u64)>>,
    ) -> Result<Self> {
        let Recovered { end, clean } = *recovered;
        let segment = segments
            .ending_at(end.address)
            .ok_or_else(|| Error::internal("the log ends behind its last segment"))?;
        let file = file_of(segments, &segment, durability)?;
        Ok(Self {
            segments: Arc::clone(segments),
            durability,
            prepare,
            segment,
            prepared: 0,
            file,
            end,
            synced: end.address,
            clean,
            write_time: Duration::ZERO,
        })
    }

    /// The last event written, and the address where the next write begins.
    pub(crate) fn end(&self) -> Landmark {
        self.end
    }

    /// Whether so many bytes are one write, and nothing more.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        let end = self.end.address + bytes;
        end <= self.segment.end()
            && (self.durability == Durability::Durable || end - self.synced <= UNSYNCED_BYTES_MAX)
    }

    /// Makes a group durable and readable, and answers whether it is: then its fate is the caller's to decide.
    /// Else all that wait were told.
    pub(crate) fn commit(&mut self, shared: &Shared, mut group: Group) -> bool {
        if let Err(error) = self.make_room(shared, group.bytes.len() as u64) {
            shared.queue.refuse(self.end, &Failure::refused(&error));
            return false;
        }
        if let Err(error) = self.write(&mut group) {
            let why = format!(
                "the store takes no more appends since {error}; open it again to see what is there"
            );
            shared.stop(&why);
            group.fate.decide(Err(Failure::unknown(&why)));
            shared.queue.refuse(self.end, &Failure::refused(&Error::closed(why)));
            return false;
        }
        let Group { bytes, appends, events, last, recorded, .. } = group;
        let address = self.end.address;
        let end = address + bytes.len() as u64;
        self.end = Landmark { position: last, address: end, recorded };
        shared.index.hand_over(Batch { bytes, address, events });
        shared.publish(self.end);
        shared.queue.done(appends, self.write_time);
        self.prepare_next();
        true
    }

    /// Waits for the index if it is behind.
    pub(crate) fn make_room_in_index(&self, shared: &Shared) {
        if let Err(error) = shared.index.make_room() {
            // Memory is bounded: what can't be indexed can't be taken in. Nothing is lost by that.
            shared.queue.refuse(self.end, &Failure::refused(&error));
        }
    }

    fn write(&mut self, group: &mut Group) -> Result<()> {
        if std::mem::take(&mut self.clean) {
            self.write_mark_again()?;
        }
        if self.synced < self.end.address {
            group.set_back(self.end.address - self.synced);
        }
        let at = self.segments.place(self.end.address);
        let offset = self.end.address - self.segment.base;
        let bytes = group.bytes.len();
        let end = self.end.address + bytes as u64;
        group.bytes.resize(self.with_page(offset, bytes), 0);
        let started = Instant::now();
        let written = self.file.write_at(&group.bytes, offset);
        written.map_err(|e| io_error(&format!("writing {at}"), e))?;
        group.bytes.truncate(bytes);
        if self.durability == Durability::Durable || end - self.synced > UNSYNCED_BYTES_MAX {
            self.sync(end)?;
        }
        self.write_time = started.elapsed();
        Ok(())
    }

    /// Writes the mark that stands before the next write: if the sync that closed the log failed, the device may
    /// not have it, whatever the page cache shows, and there would be a hole.
    fn write_mark_again(&self) -> Result<()> {
        let offset = self.end.address - self.segment.base - COMMIT_BYTES as u64;
        let written = self.file.write_at(&mark(self.end.position), offset);
        written.map_err(|e| io_error(&format!("writing {} again", self.segment.name()), e))
    }

    /// How many bytes to write for so many at the offset: a page that is begun is written whole, with the
    /// zeros that stand there already.
    fn with_page(&self, offset: u64, bytes: usize) -> usize {
        let (end, page) = (offset + bytes as u64, PAGE_BYTES as u64);
        if offset / page == end / page {
            return bytes;
        }
        let page_end = end.next_multiple_of(page).min(self.segment.bytes);
        usize::try_from(page_end - offset).unwrap_or(bytes)
    }

    fn sync(&mut self, end: u64) -> Result<()> {
        self.file.sync().map_err(|e| io_error(&format!("syncing {}", self.segment.name()), e))?;
        self.synced = end;
        Ok(())
    }

    /// Goes on in the next segment if this one has no room for so many bytes. What is in this one is
    /// synced first.
    fn make_room(&mut self, shared: &Shared, bytes: u64) -> Result<()> {
        if self.end.address + bytes <= self.segment.end() {
            return Ok(());
        }
        if self.synced < self.end.address
            && let Err(error) = self.sync(self.end.address)
        {
            shared.stop(&error.to_string());
            return Err(error);
        }
        let next = self.segments.next(&self.segment, bytes)?;
        self.file = file_of(&self.segments, &next, self.durability)?;
        self.segment = next;
        // What follows in the next segment needs no mark in this one.
        self.clean = false;
        self.end.address = next.start();
        self.synced = next.start();
        self.prepared = 0;
        Ok(())
    }

    /// Tells from time to time how much of the segment is used.
    fn prepare_next(&mut self) {
        let used = self.end.address - self.segment.base;
        let piece = used / (self.segment.bytes / PREPARE_PIECES);
        if let Some(prepare) = self.prepare.as_ref().filter(|_| piece > self.prepared) {
            self.prepared = piece;
            // The thread that prepares has ended only if the store has: then none is needed.
            let _ = prepare.send((self.segment, used));
        }
    }

    /// Ends the log with a mark, unless it has one or its end is not known: a commit without events, which
    /// proves that all before it is durable.
    pub(crate) fn close(&mut self, shared: &Shared) {
        self.prepare = None;
        if !self.clean
            && shared.stopped().is_none()
            && let Err(error) = self.write_mark()
        {
            shared.stop(&error.to_string());
        }
    }

    fn write_mark(&mut self) -> Result<()> {
        if self.synced < self.end.address {
            self.sync(self.end.address)?;
        }
        if self.end.address + COMMIT_BYTES as u64 > self.segment.end() {
            return Ok(());
        }
        let offset = self.end.address - self.segment.base;
        let write = || {
            self.file.write_at(&mark(self.end.position), offset)?;
            self.file.sync()
        };
        write().map_err(|e| io_error(&format!("closing {}", self.segment.name()), e))
    }
}

/// The mark behind this event.
fn mark(last: Position) -> [u8; COMMIT_BYTES] {
    CommitFrame { body: 0, events: 0, group_back: 0, first: last.next() }.encode()
}

fn file_of(
    segments: &Segments,
    segment: &Segment,
    durability: Durability,
) -> Result<Arc<dyn File>> {
    match durability {
        Durability::Durable => segments.durable_file(segment),
        Durability::LostOnPowerFailure => segments.file(segment),
    }
}
