//! Decides what is placed next: whole commits, each stream in order, holes filled from the events table.
//!
//! ```text
//!   a record says: order-1 v7             watermark of order-1: 5         v5, v6 are a hole: read them
//!
//!   v5 is part of a commit with stock-7 v3; the watermark of stock-7 is 2: its v2 comes first, and so on
//!
//!   chain   order-1 up to v8  ->  stock-7 up to v3  ->  ...               the top one is brought forward
//! ```
//!
//! Each step looks at the first commit that its stream still has to place. If every part of it begins at its stream's
//! watermark, it is placed; otherwise the first stream that lags behind goes on the chain. Commits of one stream are
//! ordered, so a chain of a sound table ends. Which stream lags follows from the watermarks alone: between two
//! placements a chain that meets a stream again goes round for ever, and the table is corrupt. To see that, one stream is
//! remembered after 1, 2, 4, 8 ... steps (Brent's way to find a cycle), so that the chain itself may be cut when
//! it is long: what was cut is found again from the arrival.
//!
//! Watermarks that contradict each other or the events table mean that another sequencer has written pages that this one does
//! not know, or that the table is corrupt. The placer can't tell: it raises a [`Need::Doubt`].

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;

use factlog::{Error, Result, StreamName, Version};

use super::io::Span;
use super::marks::Marks;
use crate::commit::{Part, PieceHead};
use crate::limits::{CHAIN_MAX, PIECES_KEPT, REQUESTS_AT_ONCE};

/// A commit that waits for a page.
#[derive(Debug)]
pub(super) struct Planned {
    /// How many commits were planned until then, this one included.
    pub(super) ordinal: u64,
    /// Its pieces in order; at least one.
    pub(super) pieces: Vec<PieceHead>,
}

/// What the placer has to be told to go on.
#[derive(Debug)]
pub(super) enum Need {
    /// Watermarks of these streams.
    Marks(Vec<StreamName>),
    /// Pieces of the events table.
    Pieces(Vec<Span>),
    /// Whether there are pages that it doesn't know; if not, this is why it can't go on.
    Doubt(Error),
}

/// A stream that is to be brought to a version.
type Goal = (StreamName, Version);

#[derive(Debug, Default)]
pub(super) struct Placer {
    pub(super) marks: Marks,
    /// Commits in the order of the log to be.
    pub(super) planned: VecDeque<Planned>,
    /// Commits that were ever planned.
    pub(super) ordinal: u64,
    /// Pieces at or above their stream's watermark: a cache of the events table.
    pieces: HashMap<StreamName, BTreeMap<Version, PieceHead>>,
    pieces_count: usize,
    /// Each waits for the next one; the first is the arrival's.
    chain: VecDeque<Goal>,
    lap: Lap,
}

impl Placer {
    /// Takes note of a piece that is, or soon may be, wanted.
    ///
    /// # Errors
    /// `Corrupt` if it has no events, or says that its commit does not have it.
    pub(super) fn keep(&mut self, piece: PieceHead) -> Result<()> {
        check(&piece)?;
        let pieces = self.pieces.entry(piece.stream.clone()).or_default();
        self.pieces_count += usize::from(pieces.insert(piece.first, piece).is_none());
        Ok(())
    }

    /// Plans all that stands in the way of a stream's reaching a version, and that. Call it again when a need is met.
    pub(super) fn bring(&mut self, stream: &StreamName, to: Version) -> Result<(), Need> {
        while self.marks.next(stream).is_none_or(|mark| mark < to) {
            let goal = self.chain.back().cloned().unwrap_or_else(|| (stream.clone(), to));
            let mark = self.mark(&goal.0)?;
            if mark >= goal.1 {
                self.chain.pop_back();
                continue;
            }
            match self.commit_at(&goal, mark)? {
                Next::Ready(pieces) => self.plan(pieces),
                Next::Behind(lagging) => {
                    if self.lap.returns_to(&lagging.0) {
                        let (stream, version) = lagging;
                        return Err(doubt(
                            &stream,
                            version,
                            "waits for a commit that waits for it",
                        ));
                    }
                    if self.chain.len() == CHAIN_MAX {
                        self.chain.pop_front();
                    }
                    self.chain.push_back(lagging);
                }
            }
        }
        self.forget_below(stream, to);
        self.start_over();
        Ok(())
    }

    /// The needs of arrivals that wait their turn, so that they are met at once with the first one's.
    pub(super) fn look_ahead<'a>(&self, goals: impl Iterator<Item = &'a Goal>) -> Vec<Span> {
        let mut spans: BTreeMap<&StreamName, Span> = BTreeMap::new();
        for (stream, to) in goals {
            let Some(mark) = self.marks.next(stream) else { continue };
            if mark < *to && self.piece(stream, mark).is_none() && !spans.contains_key(stream) {
                spans.insert(stream, span(stream, mark, *to));
                if spans.len() == REQUESTS_AT_ONCE {
                    break;
                }
            }
        }
        spans.into_values().collect()
    }

    /// Another sequencer's page has placed these streams up to these versions: what it has is planned no more.
    ///
    /// # Errors
    /// `Corrupt` if it has a commit in part.
    pub(super) fn give_way(&mut self, placed: impl Iterator<Item = Goal>) -> Result<()> {
        let placed: HashMap<StreamName, Version> = placed.collect();
        for (stream, next) in &placed {
            self.marks.place(stream, *next);
        }
        let has = |piece: &PieceHead| placed.get(&piece.stream).is_some_and(|&to| piece.first < to);
        for planned in &self.planned {
            let count = planned.pieces.iter().filter(|piece| has(piece)).count();
            if count != 0 && count != planned.pieces.len() {
                let PieceHead { stream, first, .. } = &planned.pieces[0];
                return Err(Error::corrupt(format!(
                    "the log has the commit of stream {stream} at version {first} in part"
                )));
            }
        }
        self.planned.retain(|planned| !has(&planned.pieces[0]));
        self.start_over();
        Ok(())
    }

    /// The chain begins again at the arrival.
    pub(super) fn start_over(&mut self) {
        self.chain.clear();
        self.lap = Lap::default();
    }

    fn commit_at(&mut self, goal: &Goal, mark: Version) -> Result<Next, Need> {
        let (stream, to) = goal;
        let Some(head) = self.piece(stream, mark) else {
            self.forget_some();
            return Err(Need::Pieces(vec![span(stream, mark, *to)]));
        };
        if head.parts.is_empty() {
            return Ok(Next::Ready(vec![head.clone()]));
        }
        let parts = head.parts.clone();
        let unknown = parts.iter().filter(|part| self.marks.next(&part.stream).is_none());
        let unknown: Vec<_> = unknown.map(|part| part.stream.clone()).collect();
        if !unknown.is_empty() {
            return Err(Need::Marks(unknown));
        }
        for part in &parts {
            let mark = self.mark(&part.stream)?;
            if mark > part.first {
                return Err(doubt(&part.stream, part.first, "is placed without all of its commit"));
            }
            if mark < part.first {
                return Ok(Next::Behind((part.stream.clone(), part.first)));
            }
        }
        self.gather(&parts).map(Next::Ready)
    }

    /// All pieces of a commit, in order.
    fn gather(&self, parts: &[Part]) -> Result<Vec<PieceHead>, Need> {
        let (mut pieces, mut missing) = (Vec::new(), Vec::new());
        for part in parts {
            let (mut next, end) = (part.first, part.last().next());
            while next < end {
                let Some(piece) = self.piece(&part.stream, next) else {
                    missing.push(span(&part.stream, next, end));
                    break;
                };
                if piece.parts != parts {
                    return Err(doubt(
                        &part.stream,
                        next,
                        "does not agree with its commit's parts",
                    ));
                }
                next = piece.next();
                pieces.push(piece.clone());
            }
        }
        if missing.is_empty() { Ok(pieces) } else { Err(Need::Pieces(missing)) }
    }

    fn plan(&mut self, pieces: Vec<PieceHead>) {
        for piece in &pieces {
            self.marks.plan(&piece.stream, piece.next());
            self.forget_below(&piece.stream, piece.next());
        }
        self.ordinal += 1;
        self.planned.push_back(Planned { ordinal: self.ordinal, pieces });
        self.lap = Lap::default();
    }

    fn mark(&self, stream: &StreamName) -> Result<Version, Need> {
        self.marks.next(stream).ok_or_else(|| Need::Marks(vec![stream.clone()]))
    }

    fn piece(&self, stream: &StreamName, first: Version) -> Option<&PieceHead> {
        self.pieces.get(stream)?.get(&first)
    }

    fn forget_below(&mut self, stream: &StreamName, next: Version) {
        let Some(kept) = self.pieces.get_mut(stream) else { return };
        let later = kept.split_off(&next);
        self.pieces_count -= mem::replace(kept, later).len();
        if kept.is_empty() {
            self.pieces.remove(stream);
        }
    }

    /// Keeps memory bounded: what is forgotten is read again from the events table.
    fn forget_some(&mut self) {
        if self.pieces_count > PIECES_KEPT {
            self.pieces.clear();
            self.pieces_count = 0;
        }
    }
}

/// What the first commit of a stream that is not placed says.
enum Next {
    /// It can be placed: its pieces.
    Ready(Vec<PieceHead>),
    /// One of its streams has to be brought forward first.
    Behind(Goal),
}

/// Finds out when steps go round in a circle.
#[derive(Debug, Default)]
struct Lap {
    milestone: Option<StreamName>,
    steps: u64,
}

impl Lap {
    fn returns_to(&mut self, stream: &StreamName) -> bool {
        if self.milestone.as_ref() == Some(stream) {
            return true;
        }
        self.steps += 1;
        if self.steps.is_power_of_two() {
            self.milestone = Some(stream.clone());
        }
        false
    }
}

/// The versions from `from` until before `to`.
fn span(stream: &StreamName, from: Version, to: Version) -> Span {
    Span { stream: stream.clone(), from, to: to.previous() }
}

fn doubt(stream: &StreamName, version: Version, what: &str) -> Need {
    Need::Doubt(Error::corrupt(format!(
        "the events table can't be put in order: stream {stream} at version {version} {what}"
    )))
}

/// Checks what a piece says of itself.
fn check(piece: &PieceHead) -> Result<()> {
    let PieceHead { stream, first, .. } = piece;
    let is_of = |part: &Part| {
        part.stream == *stream && part.first <= *first && piece.next() <= part.last().next()
    };
    if piece.types.is_empty() || *first == Version::ZERO {
        return Err(Error::corrupt(format!("stream {stream} has no event at version {first}")));
    }
    if !piece.parts.is_empty() && !piece.parts.iter().any(is_of) {
        return Err(Error::corrupt(format!(
            "the commit of stream {stream} at version {first} names other parts"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
