//! What opening a store finds behind the checkpoint of its index, and makes of it.
//!
//! The log is walked from the checkpoint on and taken into the index. Where the walk ends, either the
//! log ends, or a write was torn by a crash, or a commit was damaged later. Torn or damaged is decided
//! by evidence:
//!
//! ```text
//!   ... commit | commit | ???????? | commit | commit | 0 0 0
//!                       ^ end of     ^ group start > end: this commit was written when all
//!                         the walk     before it was durable, so ???????? was: damage, refused
//!                                    ^ group start <= end: it was of the same write,
//!                                      never answered: torn, cut
//! ```
//!
//! What is cut is first copied to a file of its own, then overwritten with zeros, lest a later commit
//! make what stands behind it look whole. And since the page cache may hold what the device never got (after
//! a sync that failed, say), the last write is written and synced again before anybody reads it.

use std::sync::Arc;

use factlog::{Error, Position, ReadLog, Result};

use crate::frame::{COMMIT_BYTES, CommitFrame, EVENT_BYTES_MIN};
use crate::index::Index;
use crate::index::part::{Head, Landmark, Written};
use crate::read;
use crate::segment::{Segment, Segments, io_error};
use crate::shared::Shared;
use crate::walk::{Walk, Walked, WalkedEvent};

/// Bytes of a piece that is searched or copied at once.
const PIECE_BYTES: usize = 1 << 20;

/// What recovery found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovered {
    /// The last event, and the address behind all that stands in the log.
    pub(crate) end: Landmark,
    /// Whether the log ends with a mark: nothing was written since the store was closed.
    pub(crate) clean: bool,
}

/// Brings the index up to the end of the log and makes that end clean.
pub(crate) fn recover(segments: &Arc<Segments>, index: &Index) -> Result<Recovered> {
    let mut end = index.checkpoint();
    if end.position == Position::ZERO {
        end.address = segments.all().first().map_or(0, Segment::start);
    }
    if segments.ending_at(end.address).is_none() {
        let why = "the log ends before the last event that the index has";
        return Err(segments.damage(end.address, end.position, why));
    }
    let mut walk = Walk::new(Arc::clone(segments), end.position, end.address);
    let mut last = None;
    while let Some(walked) = walk.next(u64::MAX)? {
        take_in(index, &walked)?;
        if let Some(event) = walked.events.last() {
            end.recorded = event.head.recorded;
        }
        last = Some((walked.frame.events, walked.group_start()));
    }
    end = Landmark { position: walk.position, address: walk.address, ..end };
    clean_end(segments, end)?;
    let clean = matches!(last, Some((0, _)));
    if let Some((_, group_start)) = last.filter(|_| !clean) {
        write_again(segments, group_start, end.address)?;
    }
    Ok(Recovered { end, clean })
}

/// Refuses a log that does not have what the index says is there.
pub(crate) fn check_checkpoint(shared: &Arc<Shared>, checkpoint: Landmark) -> Result<()> {
    let last = ReadLog::new().from(checkpoint.position).to(checkpoint.position);
    let (mut events, _) = read::plan_log(shared, last)?;
    match events.next() {
        Some(Err(error)) => Err(error),
        None if checkpoint.position > Position::ZERO => {
            Err(Error::internal("the last event is not read"))
        }
        _ => Ok(()),
    }
}

fn take_in(index: &Index, walked: &Walked) -> Result<()> {
    for events in walked.events.chunk_by(|one, next| one.stream() == next.stream()) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { continue };
        index.recover(Written {
            stream: first.stream(),
            head: Head::after(last.head.version, events.iter().map(WalkedEvent::id)),
            first: first.head.position,
            recorded: first.head.recorded,
            events: events.iter().map(|event| (event.event_type(), event.place)),
        })?;
    }
    Ok(())
}

/// Refuses damage behind the end, and cuts what is torn.
fn clean_end(segments: &Segments, end: Landmark) -> Result<()> {
    let Some(segment) = segments.ending_at(end.address) else { return Ok(()) };
    let lost = end.position.next();
    if let Some(proof) = proof_of_damage(segments, &segment, end)? {
        let proof = segments.place(proof);
        let why = format!(
            "no sound commit stands here, though the one at {proof} shows that it was durable"
        );
        return Err(segments.damage(end.address, lost, &why));
    }
    match last_written(segments, end.address, segment.end())? {
        Some(written) => cut(segments, &segment, end.address, written + 1),
        None => Ok(()),
    }
}

/// The address of a commit that could only be written when all up to the end and more was durable.
fn proof_of_damage(segments: &Segments, segment: &Segment, end: Landmark) -> Result<Option<u64>> {
    let is_proof = |address: u64, bytes: &[u8]| {
        CommitFrame::decode(bytes).is_some_and(|commit| {
            let apart = (address - end.address) / EVENT_BYTES_MIN as u64;
            let positions = end.position..=end.position.plus(apart + 1);
            address.saturating_sub(u64::from(commit.group_back)) > end.address
                && positions.contains(&commit.first.previous())
        })
    };
    let mut found = None;
    pieces(segments, (end.address, segment.end()), COMMIT_BYTES - 1, |start, piece| {
        let marks = piece.windows(COMMIT_BYTES).enumerate();
        let mut proofs = marks
            .filter(|(_, bytes)| bytes[4..8] == [2, 0, 0, 0])
            .map(|(offset, bytes)| (start + offset as u64, bytes));
        found =
            proofs.find(|(address, bytes)| is_proof(*address, bytes)).map(|(address, _)| address);
        found.is_none()
    })?;
    if found.is_none()
        && let Some(next) = segments.after(segment)
    {
        let mut bytes = [0; COMMIT_BYTES];
        segments.read(next.start(), &mut bytes)?;
        found = CommitFrame::decode(&bytes).map(|_| next.start());
    }
    Ok(found)
}

/// The address of the last byte of the range that is not zero.
fn last_written(segments: &Segments, from: u64, to: u64) -> Result<Option<u64>> {
    let mut last = None;
    pieces(segments, (from, to), 0, |start, piece| {
        if let Some(offset) = piece.iter().rposition(|byte| *byte != 0) {
            last = Some(start + offset as u64);
        }
        true
    })?;
    Ok(last)
}

/// Shows the range piece by piece, each with some bytes of the next one, until `visit` answers false.
/// Pieces of zeros are passed over.
fn pieces(
    segments: &Segments,
    (from, to): (u64, u64),
    overlap: usize,
    mut visit: impl FnMut(u64, &[u8]) -> bool,
) -> Result<()> {
    let mut buffer = vec![0; PIECE_BYTES + overlap];
    let mut start = from;
    while start < to {
        let length = usize::try_from(to - start).unwrap_or(usize::MAX).min(buffer.len());
        let piece = &mut buffer[..length];
        segments.read(start, piece)?;
        if piece.iter().any(|byte| *byte != 0) && !visit(start, piece) {
            return Ok(());
        }
        start += PIECE_BYTES as u64;
    }
    Ok(())
}

/// Copies what a torn write left to a file, then overwrites it with zeros.
fn cut(segments: &Segments, segment: &Segment, from: u64, to: u64) -> Result<()> {
    let offset = from - segment.base;
    let name = format!("torn-{:010}-{offset}.bin", segment.number);
    let failed = |e| io_error(&format!("keeping a torn write in {name}"), e);
    let kept = segments.disk().create(&name).map_err(failed)?;
    pieces(segments, (from, to), 0, |start, piece| kept.write_at(piece, start - from).is_ok())?;
    kept.sync().and_then(|()| segments.disk().sync_names()).map_err(failed)?;
    let file = segments.file(segment)?;
    let zeros = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
    let place = segments.place(from);
    file.write_at(&zeros, offset)
        .and_then(|()| file.sync())
        .map_err(|e| io_error(&format!("cutting a torn write at {place}"), e))
}

/// Writes the range once more and syncs it: the device may not have what the page cache shows.
fn write_again(segments: &Segments, from: u64, to: u64) -> Result<()> {
    let Some(segment) = segments.at(from) else { return Ok(()) };
    let file = segments.file(&segment)?;
    let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
    segments.read(from, &mut bytes)?;
    let place = segments.place(from);
    file.write_at(&bytes, from - segment.base)
        .and_then(|()| file.sync())
        .map_err(|e| io_error(&format!("making the last write at {place} durable"), e))
}
