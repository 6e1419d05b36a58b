//! The sequencer: gives every commit its place in the log, exactly once and for ever. A state machine without I/O.
//!
//! ```text
//!   DynamoDB Streams                                                      log table
//!    shard a  r r r r  ─┐                                            ┌──────┬──────┬──────┐
//!    shard b  r r r    ─┼─> arrivals ──> placer ──> planned commits ──> │ page │ page │ page │ taken once
//!    scan     p p p    ─┘  (in turn)    │      ↑                     └──────┴──────┴──────┘
//!                                 needs │      │ answers                          │ then
//!                                       ↓      │                                  ↓
//!                              watermarks, events table                       watermarks
//! ```
//!
//! [`Machine::next`] says what to do; the answer goes to the method named with the step. A step that got no answer is asked for
//! again, so a caller may fail, or be dropped, anywhere.
//!
//! **Placed exactly once.** A page is written at the position that follows the last page which this machine knows, and
//! only if there is none. Whoever wins knew all pages before; whoever loses reads what has won and drops from its plan
//! what is placed. What a machine knows of a stream is the highest of the watermark in the table and the entries of the pages that it has seen.
//! The table is exact for all pages but the last, since **nobody writes a page before the watermarks of the one before it are
//! flushed**, be they its own or not. A write whose outcome is unknown is resolved by reading the log at its position.
//!
//! **Nothing lost.** Of what DynamoDB Streams says only the keys and the promise count that each write shows up, at least
//! once, within 24 hours. Order, gaps and the rest of a commit come from the events table (see [`super::placer`]). A page carries its
//! frontier: how far each shard is placed. Where streams may have forgotten something, the shards' oldest
//! records become the starting points *first*, and then the whole events table is scanned: what was written before that moment the scan
//! sees, what is written after it the shards say. Until all of the scan is placed every page says that it is *owed*; a
//! machine that opens such a log scans again. Something may be lost if
//!
//! - the log is new: the table may have been filled before there were streams;
//! - a shard has gone that was not finished, or one has come whose parent nobody has seen;
//! - the stream says that a place is trimmed;
//! - the time before which all is known to be placed is over [`STREAMS_TRUSTED_MS`] ago. Heartbeats keep that time
//!   while there is nothing to place, and the frontier with it, since an idle stream changes its shards, too.
//!
//! **Several at once.** All of the above holds whoever runs and whenever. A machine that has slept long opens the log anew. The
//! frontier of another machine's page is joined with our own; if its writer owes a scan it is left alone, since only that writer
//! knows what for.

use std::collections::{BTreeSet, VecDeque};
use std::mem;

use factlog::{Error, Position, Result, StreamName, Timestamp, Version};

use super::frontier::{Frontier, Sequence, ShardId};
use super::io::{Heartbeat, Records, ScanToken, Scanned, Shard, Span};
use super::placer::{Need, Placer};
use super::progress::Progress;
use super::reading::{Note, Reading};
use crate::commit::PieceHead;
use crate::limits::{
    DESCRIBE_MS, HEARTBEAT_MS, PAGE_ENTRIES_MAX, PAGE_NAME_BYTES_MAX, PLANNED_MAX,
    STREAMS_TRUSTED_MS,
};
use crate::log::page::{Entry, Page};

/// What is to be done next, and which method takes the answer.
#[derive(Debug)]
pub(super) enum Step {
    /// Read the heartbeat, and after it the last page: [`Machine::opened`].
    Open,
    /// Describe the stream: [`Machine::described`].
    Describe,
    /// Read these shards, each after a record: [`Machine::records`] for each.
    ReadRecords(Vec<(ShardId, Option<Sequence>)>),
    /// Scan the events table on: [`Machine::scanned`].
    Scan(Option<ScanToken>),
    /// Read these watermarks: [`Machine::watermarks`].
    ReadWatermarks(Vec<StreamName>),
    /// Read these pieces: [`Machine::pieces`] for each.
    ReadPieces(Vec<Span>),
    /// Read the pages from this position on: [`Machine::pages`].
    ReadPages(Position),
    /// Write this page: [`Machine::wrote`].
    WritePage(Page),
    /// Raise these watermarks: [`Machine::flushed`], when all are.
    Flush(Vec<(StreamName, Version)>),
    /// Write the heartbeat: [`Machine::beaten`].
    Beat(Heartbeat),
    /// Nothing is to be done: ask again in a while.
    Wait,
}

/// A reason to bring a stream forward, and what is true when that is done.
#[derive(Debug)]
struct Arrival {
    /// The stream, and the version after the piece that arrived.
    goal: Option<(StreamName, Version)>,
    note: Note,
}

#[derive(Debug)]
pub(super) struct Machine {
    state: State,
    /// The next position of the log, and its latest recorded time.
    next: Position,
    recorded_max: Timestamp,
    reading: Reading,
    scan: Scan,
    /// In the order in which they are dealt with.
    arrivals: VecDeque<Arrival>,
    /// What is true when so many commits were written.
    notes: VecDeque<(u64, Note)>,
    placer: Placer,
    /// The page that was or is being written: nobody knows whether it is there.
    writing: Option<Page>,
    /// Why the placer can't go on, unless there are pages that it doesn't know.
    doubt: Option<Error>,
    /// Whether it begins with a scan, whatever the log says of the stream.
    distrusts: bool,
    /// When the present step was asked for.
    now: Timestamp,
    described: Option<Timestamp>,
    beaten: Option<Timestamp>,
    progress: Progress,
    /// Most entries of a page, unless a single commit has more.
    page_entries_max: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open,
}

/// The scan of the events table.
#[derive(Debug, PartialEq, Eq)]
enum Scan {
    /// There is none.
    No,
    /// It goes on after this piece.
    After(Option<ScanToken>),
    /// The shards have their turn before it goes on.
    Pauses(Option<ScanToken>),
    /// All is read; not all is placed.
    Ended,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            state: State::Closed,
            next: Position::FIRST,
            recorded_max: Timestamp::default(),
            reading: Reading::from(Frontier::none(), Timestamp::default()),
            scan: Scan::No,
            arrivals: VecDeque::new(),
            notes: VecDeque::new(),
            placer: Placer::default(),
            writing: None,
            doubt: None,
            distrusts: false,
            now: Timestamp::default(),
            described: None,
            beaten: None,
            progress: Progress::default(),
            page_entries_max: PAGE_ENTRIES_MAX,
        }
    }
}

impl Machine {
    /// A machine that knows nothing yet.
    pub(super) fn new(page_entries_max: usize) -> Self {
        Self { page_entries_max, ..Self::default() }
    }

    /// What is to be done now.
    ///
    /// # Errors
    /// `Corrupt` if the log contradicts the events table.
    pub(super) fn next(&mut self, now: Timestamp) -> Result<Step> {
        self.now = now;
        if self.state == State::Open && elapsed_ms(self.reading.current(), now) > STREAMS_TRUSTED_MS
        {
            self.close();
        }
        if self.state == State::Closed {
            return Ok(Step::Open);
        }
        if self.writing.is_some() || self.doubt.is_some() {
            return Ok(Step::ReadPages(self.next));
        }
        if !self.placer.marks.is_flushed() {
            return Ok(Step::Flush(self.placer.marks.unflushed()));
        }
        if let Some(step) = self.deal_with_arrivals() {
            return Ok(step);
        }
        self.settle();
        if !self.placer.planned.is_empty() {
            let page = self.cut();
            self.writing = Some(page.clone());
            return Ok(Step::WritePage(page));
        }
        Ok(self.read_on())
    }

    /// From the next step on it trusts neither the stream nor what was said of it before: it scans the events table.
    pub(super) fn distrust(&mut self) {
        self.close();
        self.distrusts = true;
    }

    /// Whether all that has arrived is placed, and the watermarks say so.
    pub(super) fn is_settled(&self) -> bool {
        self.state == State::Open
            && self.arrivals.is_empty()
            && self.placer.planned.is_empty()
            && self.placer.marks.is_flushed()
    }

    /// What it has done so far.
    pub(super) fn progress(&self) -> Progress {
        Progress { next: self.next, current: self.reading.current(), ..self.progress }
    }

    /// Takes pieces in that somebody else has read from the stream, in place of those that were offered before. The
    /// frontier says nothing of them.
    ///
    /// # Errors
    /// `Corrupt` if a piece contradicts itself.
    pub(super) fn offer(&mut self, pieces: Vec<PieceHead>) -> Result<()> {
        self.arrivals.retain(|arrival| !matches!(arrival.note, Note::Offered));
        pieces.into_iter().try_for_each(|piece| self.arrive(Some(piece), Note::Offered))
    }

    pub(super) fn opened(&mut self, heartbeat: Option<Heartbeat>, tail: Option<&Page>) {
        self.next = tail.map_or(Position::FIRST, Page::next);
        self.recorded_max = tail.map_or(self.recorded_max, |page| page.recorded_max);
        for entry in tail.into_iter().flat_map(|page| &page.entries) {
            self.placer.marks.place(&entry.stream, entry.next());
        }
        let stated = tail.map_or_else(Frontier::none, |page| page.frontier.clone());
        let current = heartbeat.as_ref().map(|heartbeat| heartbeat.current);
        let mut frontier = match heartbeat {
            Some(heartbeat) if heartbeat.next == self.next => heartbeat.frontier,
            _ => stated,
        };
        let trusted = |&time: &Timestamp| elapsed_ms(time, self.now) <= STREAMS_TRUSTED_MS;
        let current = current.filter(trusted);
        frontier.owed |= current.is_none() || mem::take(&mut self.distrusts);
        self.reading = Reading::from(frontier, current.unwrap_or(self.now));
        self.state = State::Open;
    }

    pub(super) fn described(&mut self, shards: Vec<Shard>) {
        self.described = Some(self.now);
        let owed = self.reading.frontier.owed && self.scan == Scan::No;
        if owed || !self.reading.describe(shards.clone()) {
            self.begin_anew(shards);
        }
    }

    /// Takes a shard's answer.
    ///
    /// # Errors
    /// `Corrupt` if a piece contradicts itself.
    pub(super) fn records(&mut self, shard: &ShardId, records: Records) -> Result<()> {
        let (records, last) = match records {
            Records::More(records) => (records, None),
            Records::Current(records) => {
                self.reading.waits(shard);
                (records, Some(Note::Current { shard: shard.clone(), at: self.now }))
            }
            Records::Ended(records) => {
                self.reading.ended(shard);
                self.described = None;
                (records, Some(Note::Ended { shard: shard.clone() }))
            }
            Records::Trimmed => {
                self.lose();
                return Ok(());
            }
        };
        for record in records {
            let (shard, sequence, created) = (shard.clone(), record.sequence, record.created);
            self.reading.read(&shard, sequence.clone());
            self.arrive(record.piece, Note::Read { shard, sequence, created })?;
        }
        last.into_iter().try_for_each(|note| self.arrive(None, note))
    }

    /// Takes what the scan has found.
    ///
    /// # Errors
    /// `Corrupt` if a piece contradicts itself.
    pub(super) fn scanned(&mut self, scanned: Scanned) -> Result<()> {
        self.reading.wake();
        scanned.pieces.into_iter().try_for_each(|piece| self.arrive(Some(piece), Note::Scanned))?;
        if scanned.next.is_some() {
            self.scan = Scan::Pauses(scanned.next);
            return Ok(());
        }
        self.scan = Scan::Ended;
        self.arrive(None, Note::ScanEnded)
    }

    pub(super) fn watermarks(&mut self, streams: &[StreamName], marks: &[Version]) {
        for (stream, &mark) in streams.iter().zip(marks) {
            self.placer.marks.keep(stream, mark);
        }
    }

    /// Takes pieces of the events table.
    ///
    /// # Errors
    /// `Corrupt` if a piece contradicts itself.
    pub(super) fn pieces(&mut self, span: &Span, pieces: Vec<PieceHead>) -> Result<()> {
        if pieces.first().is_none_or(|piece| piece.first != span.from) {
            let Span { stream, from, .. } = span;
            self.doubt = Some(Error::corrupt(format!(
                "the events table has no commit of stream {stream} at version {from}, but later ones"
            )));
        }
        self.progress.filled += pieces.len() as u64;
        pieces.into_iter().try_for_each(|piece| self.placer.keep(piece))
    }

    pub(super) fn wrote(&mut self, won: bool) {
        match self.writing.take() {
            Some(page) if won => self.own(&page),
            writing => self.writing = writing,
        }
    }

    /// Takes the pages that follow those it knows.
    ///
    /// # Errors
    /// `Corrupt` if they don't follow, or if there are none and only they could have explained what the placer has met.
    pub(super) fn pages(&mut self, pages: &[Page]) -> Result<()> {
        let (writing, doubt) = (self.writing.take(), self.doubt.take());
        if let Some(doubt) = doubt.filter(|_| pages.is_empty()) {
            return Err(doubt);
        }
        for page in pages {
            if page.first != self.next {
                let (first, next) = (page.first, self.next);
                let message = format!("the log has a page at position {first}, expected {next}");
                return Err(Error::corrupt(message));
            }
            if writing.as_ref() == Some(page) { self.own(page) } else { self.give_way(page)? }
        }
        Ok(())
    }

    pub(super) fn flushed(&mut self) {
        self.placer.marks.flushed();
    }

    pub(super) fn beaten(&mut self) {
        self.beaten = Some(self.now);
    }

    fn arrive(&mut self, piece: Option<PieceHead>, note: Note) -> Result<()> {
        let goal = piece.as_ref().map(|piece| (piece.stream.clone(), piece.next()));
        self.arrivals.push_back(Arrival { goal, note });
        piece.map_or(Ok(()), |piece| self.placer.keep(piece))
    }

    /// Plans commits until nothing waits any more, something is needed, or there are enough.
    fn deal_with_arrivals(&mut self) -> Option<Step> {
        while self.placer.planned.len() < PLANNED_MAX
            && let Some(arrival) = self.arrivals.front()
        {
            if let Some((stream, to)) = &arrival.goal {
                let known = self.placer.marks.next(stream);
                if let Err(need) = self.placer.bring(stream, *to) {
                    return Some(self.step_for(need));
                }
                self.progress.duplicates += u64::from(known >= Some(*to));
            }
            let note = self.arrivals.pop_front().map(|arrival| (self.placer.ordinal, arrival.note));
            self.notes.extend(note);
        }
        None
    }

    /// Meets a need, and those of the arrivals that follow.
    fn step_for(&mut self, need: Need) -> Step {
        let goals = self.arrivals.iter().filter_map(|arrival| arrival.goal.as_ref());
        match need {
            Need::Marks(streams) => {
                let ahead = goals.map(|(stream, _)| stream.clone());
                let unknown = |stream: &StreamName| self.placer.marks.next(stream).is_none();
                let streams: BTreeSet<StreamName> = streams.into_iter().chain(ahead).collect();
                Step::ReadWatermarks(streams.into_iter().filter(unknown).collect())
            }
            Need::Pieces(spans) => {
                let ahead = self.placer.look_ahead(goals);
                let spans: BTreeSet<Span> = spans.into_iter().chain(ahead).collect();
                Step::ReadPieces(spans.into_iter().collect())
            }
            Need::Doubt(error) => {
                self.doubt = Some(error);
                Step::ReadPages(self.next)
            }
        }
    }

    /// The next page: as many of the planned commits as it holds.
    fn cut(&self) -> Page {
        let (mut entries, mut name_bytes, mut ordinal) = (Vec::new(), 0, 0);
        for planned in &self.placer.planned {
            let bytes: usize = planned.pieces.iter().map(name_bytes_of).sum();
            let too_many = entries.len() + planned.pieces.len() > self.page_entries_max;
            if !entries.is_empty() && (too_many || name_bytes + bytes > PAGE_NAME_BYTES_MAX) {
                break;
            }
            name_bytes += bytes;
            ordinal = planned.ordinal;
            entries.extend(entries_of(&planned.pieces));
        }
        let mut frontier = self.reading.frontier.clone();
        for (_, note) in self.notes.iter().take_while(|(after, _)| *after <= ordinal) {
            note.apply(&mut frontier);
        }
        let recorded = entries.iter().map(|entry| entry.recorded).max();
        let recorded_max = recorded.map_or(self.recorded_max, |time| time.max(self.recorded_max));
        Page { first: self.next, entries, frontier, recorded_max }
    }

    /// The page is this machine's own, and stands in the log.
    fn own(&mut self, page: &Page) {
        let commits = page.entries.iter().filter(|entry| entry.ends_commit).count();
        self.placer.planned.drain(..commits);
        for entry in &page.entries {
            self.placer.marks.place(&entry.stream, entry.next());
        }
        self.follow(page);
        self.progress.pages += 1;
        self.progress.placed += page.next().number() - page.first.number();
    }

    /// The page is another machine's.
    fn give_way(&mut self, page: &Page) -> Result<()> {
        let placed = page.entries.iter().map(|entry| (entry.stream.clone(), entry.next()));
        self.placer.give_way(placed)?;
        if !page.frontier.owed {
            self.reading.join(&page.frontier);
        }
        self.follow(page);
        self.progress.lost += 1;
        Ok(())
    }

    fn follow(&mut self, page: &Page) {
        self.next = page.next();
        self.recorded_max = page.recorded_max.max(self.recorded_max);
        self.settle();
    }

    /// What all written commits make true is true.
    fn settle(&mut self) {
        let planned = self.placer.planned.front();
        let written = planned.map_or(self.placer.ordinal, |planned| planned.ordinal - 1);
        while let Some((_, note)) = self.notes.pop_front_if(|(after, _)| *after <= written) {
            self.reading.settle(&note);
            if matches!(note, Note::ScanEnded) {
                self.scan = Scan::No;
                self.beaten = None;
            }
        }
    }

    /// All that is known is placed: read on.
    fn read_on(&mut self) -> Step {
        let due = |last: Option<Timestamp>, ms| last.is_none_or(|t| elapsed_ms(t, self.now) >= ms);
        if due(self.described, DESCRIBE_MS) {
            return Step::Describe;
        }
        if !self.reading.frontier.owed && due(self.beaten, HEARTBEAT_MS) {
            let (current, frontier) = (self.reading.current(), self.reading.frontier.clone());
            return Step::Beat(Heartbeat { current, next: self.next, frontier });
        }
        if let Scan::After(token) = &self.scan {
            return Step::Scan(token.clone());
        }
        let wanted = self.reading.wanted();
        if let Scan::Pauses(token) = &mut self.scan {
            self.scan = Scan::After(token.take());
            if wanted.is_empty() {
                return self.read_on();
            }
        }
        if wanted.is_empty() {
            self.reading.wake();
            return Step::Wait;
        }
        Step::ReadRecords(wanted)
    }

    /// Streams may have forgotten something: the next description begins anew.
    fn lose(&mut self) {
        self.reading.frontier.owed = true;
        self.scan = Scan::No;
        self.described = None;
        self.forget_arrivals();
    }

    /// Reads the oldest that these shards have, and scans the events table for what they may have lost.
    fn begin_anew(&mut self, shards: Vec<Shard>) {
        self.reading = Reading::anew(shards, self.now);
        self.forget_arrivals();
        self.scan = Scan::After(None);
        self.progress.scans += 1;
    }

    /// All but what was offered will arrive again.
    fn forget_arrivals(&mut self) {
        self.arrivals.retain(|arrival| matches!(arrival.note, Note::Offered));
        self.notes.clear();
        self.placer.start_over();
    }

    /// Forgets everything but what was offered and what it has done.
    fn close(&mut self) {
        self.forget_arrivals();
        let arrivals = mem::take(&mut self.arrivals);
        let anew = Self::new(self.page_entries_max);
        *self = Self { now: self.now, progress: self.progress, arrivals, ..anew };
    }
}

fn entries_of(pieces: &[PieceHead]) -> impl Iterator<Item = Entry> {
    pieces.iter().enumerate().map(|(index, piece)| Entry {
        stream: piece.stream.clone(),
        first: piece.first,
        types: piece.types.clone(),
        recorded: piece.recorded,
        ends_commit: index + 1 == pieces.len(),
    })
}

fn name_bytes_of(piece: &PieceHead) -> usize {
    piece.stream.as_str().len() + piece.types.iter().map(|name| name.as_str().len()).sum::<usize>()
}

fn elapsed_ms(since: Timestamp, now: Timestamp) -> i64 {
    now.unix_nanos().saturating_sub(since.unix_nanos()) / 1_000_000
}
