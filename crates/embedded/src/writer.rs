//! The one thread that writes the log: group commit.
//!
//! ```text
//!   append ──┐             ┌───────────── the writer ─────────────┐
//!   append ──┼──> queue ──>│ decide, place │ write │ sync │ publish │──> answers
//!   append ──┘             └──────────────────────────────────────┘
//! ```
//!
//! All appends that wait go into one write and one sync, and are answered together. While a sync
//! runs the next group gathers. After a group is answered its callers are likely to come back at once: the
//! writer expects as many as it has just answered together with those that already wait, and gives them a
//! moment, a fraction of what a sync takes. Without that, two half groups would take turns for ever.
//!
//! An append is decided against all those before it, also those of its own group; it is answered after the
//! sync, also when the answer is a conflict, since what it conflicts with must be durable first.
//!
//! A write or a sync that fails ends the writing: nothing is known of the bytes since the last sync,
//! and a second try would prove nothing. All further appends are refused until the store is opened
//! again and recovery has looked at what is really there.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use factlog::{
    Append, Appended, Clock, Error, Expected, Position, Result, StreamAppend, Timestamp, Version,
};
use futures::channel::oneshot;

use crate::Durability;
use crate::disk::File;
use crate::frame::{self, COMMIT_BYTES, CommitFrame, Placed};
use crate::heads::{Heads, hash_ids};
use crate::index::Commit;
use crate::index::part::{Head, Landmark};
use crate::limits::{GROUP_APPENDS_MAX, GROUP_BYTES_MAX, UNSYNCED_BYTES_MAX};
use crate::queue::Request;
use crate::read;
use crate::segment::{Segment, io_error};
use crate::shared::Shared;

/// The share of a sync's time that the writer waits for callers to come back.
const PATIENCE: u32 = 2;
/// The share of a segment that is full when the next one is made.
const PREPARE_AT: u64 = 4;
const PATIENCE_MAX: Duration = Duration::from_micros(200);

#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    clock: Box<dyn Clock>,
    durability: Durability,
    /// Asks for the segment after this one to be made ahead of need.
    prepare: Option<Sender<Segment>>,
    heads: Heads,
    segment: Segment,
    /// Whether the segment after it was asked for.
    prepared: bool,
    file: Arc<dyn File>,
    /// The last event written, and the address where the next write begins.
    end: Landmark,
    /// The address up to which all is synced.
    synced: u64,
    /// Whether the log ends with a mark.
    clean: bool,
    group: Group,
    /// How many appends the next group is likely to have.
    expected: usize,
    /// How long a sync took lately.
    sync_time: Duration,
}

/// What goes into one write.
#[derive(Debug, Default)]
struct Group {
    bytes: Vec<u8>,
    commits: Vec<Commit>,
    answers: Vec<(oneshot::Sender<Result<Appended>>, Result<Appended>)>,
    /// The last event of the group.
    last: Position,
    recorded: Option<Timestamp>,
}

/// What becomes of an append.
enum Decision {
    /// It is written; the heads of its streams are these.
    Write(Vec<Head>),
    /// It is answered as it is.
    Answer(Result<Appended>),
    /// It may repeat an append of this very group, which has to be readable first.
    AfterGroup,
}

impl Writer {
    /// A writer that goes on after the last event, in the segment that has the address behind it.
    pub(crate) fn new(
        shared: Arc<Shared>,
        clock: Box<dyn Clock>,
        durability: Durability,
        prepare: Option<Sender<Segment>>,
        clean: bool,
    ) -> Result<Self> {
        let end = shared.tail();
        let segment = shared
            .segments
            .at(end.address)
            .ok_or_else(|| Error::internal("the log ends behind its last segment"))?;
        let file = shared.segments.file(&segment)?;
        Ok(Self {
            shared,
            clock,
            durability,
            prepare,
            heads: Heads::default(),
            segment,
            prepared: false,
            file,
            end,
            synced: end.address,
            clean,
            group: Group::default(),
            expected: 1,
            sync_time: Duration::ZERO,
        })
    }

    /// Writes until the queue is closed and empty, then marks the end of the log as clean.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let patience = (self.sync_time / PATIENCE).min(PATIENCE_MAX);
            let Some(requests) = shared.queue.take(self.expected, patience) else { break };
            self.commit(requests);
        }
        if shared.stopped().is_none()
            && !self.clean
            && let Err(error) = self.mark_clean()
        {
            shared.stop(&error.to_string());
        }
    }

    fn commit(&mut self, requests: Vec<Request>) {
        for request in requests {
            let full = self.group.bytes.len() + request.frames.len() > GROUP_BYTES_MAX
                || self.group.answers.len() >= GROUP_APPENDS_MAX;
            if full && !self.group.bytes.is_empty() {
                self.finish_group();
            }
            match self.decide(&request.append) {
                Decision::AfterGroup => {
                    self.finish_group();
                    match self.decide(&request.append) {
                        Decision::Write(heads) => self.place(request, heads),
                        Decision::Answer(answer) => self.answer(request, answer),
                        Decision::AfterGroup => {
                            let why = "an append of a finished group can't be read";
                            self.answer(request, Err(Error::internal(why)));
                        }
                    }
                }
                Decision::Write(heads) => self.place(request, heads),
                Decision::Answer(answer) => self.answer(request, answer),
            }
        }
        self.finish_group();
    }

    fn answer(&mut self, request: Request, answer: Result<Appended>) {
        self.group.answers.push((request.answer, answer));
    }

    // ---- deciding --------------------------------------------------------------------------

    fn decide(&self, append: &Append) -> Decision {
        self.try_decide(append).unwrap_or_else(|error| Decision::Answer(Err(error)))
    }

    fn try_decide(&self, append: &Append) -> Result<Decision> {
        if let Some(why) = self.shared.queue.closed().filter(|_| self.shared.stopped().is_some()) {
            return Err(Error::closed(why));
        }
        let heads: Vec<Head> =
            append.streams().iter().map(|part| self.head(part)).collect::<Result<_>>()?;
        if append.streams().iter().zip(&heads).all(|(part, head)| may_stand(part, *head)) {
            for (part, head) in append.streams().iter().zip(&heads) {
                let readable = self.shared.index.head(&part.stream)?.unwrap_or_default();
                if !part.events.is_empty() && readable.version < last_version(part, *head) {
                    return Ok(Decision::AfterGroup);
                }
            }
            if let Some(answer) = self.repeated(append, &heads)? {
                return Ok(Decision::Answer(Ok(answer)));
            }
        }
        for (part, head) in append.streams().iter().zip(&heads) {
            if !part.expected.holds_at(head.version) {
                let stream = part.stream.clone();
                return Err(Error::conflict(stream, part.expected, head.version));
            }
        }
        Ok(Decision::Write(heads))
    }

    fn head(&self, part: &StreamAppend) -> Result<Head> {
        match self.heads.find(&part.stream) {
            Some(head) => Ok(head),
            None => Ok(self.shared.index.head(&part.stream)?.unwrap_or_default()),
        }
    }

    /// The first answer to an append all of whose events already stand where it would have put them.
    fn repeated(&self, append: &Append, heads: &[Head]) -> Result<Option<Appended>> {
        let mut versions = Vec::new();
        let mut last = (Position::ZERO, Timestamp::default());
        for (part, head) in append.streams().iter().zip(heads) {
            if part.events.is_empty() {
                continue;
            }
            let end = last_version(part, *head);
            let first = Version::new(end.number() - part.events.len() as u64 + 1);
            let standing = read::events_at(&self.shared, &part.stream, first, end)?;
            let same = standing.len() == part.events.len()
                && standing.iter().zip(&part.events).all(|(there, new)| there.id == new.id);
            if !same {
                return Ok(None);
            }
            if let Some(event) = standing.last() {
                last = last.max((event.position, event.recorded));
                versions.push((part.stream.clone(), event.version));
            }
        }
        Ok(Some(Appended::new(versions, Some(last.0), last.1)))
    }

    // ---- placing ---------------------------------------------------------------------------

    /// Gives an append its place in the group.
    fn place(&mut self, request: Request, heads: Vec<Head>) {
        let room = (self.group.bytes.len() + request.frames.len()) as u64;
        if self.end.address + room > self.segment.end() {
            self.finish_group();
            if let Err(error) = self.next_segment(request.frames.len() as u64) {
                return self.answer(request, Err(error));
            }
        }
        let recorded = self.recorded();
        let Request { append, mut frames, lengths, answer } = request;
        let first = self.last().next();
        let heads = place_frames(&append, &mut frames, &lengths, first, recorded, heads);
        let start = self.group.bytes.len();
        let group_start = self.end.address;
        let back = group_start + start as u64 - self.synced;
        let commit = CommitFrame {
            body: u32::try_from(frames.len() - COMMIT_BYTES)
                .expect("an append has less than 4 GiB"),
            events: u32::try_from(lengths.len()).expect("an append has at most 10,000 events"),
            group_back: u32::try_from(back).expect("less than 4 GiB are written between two syncs"),
            first,
        };
        frames[..COMMIT_BYTES].copy_from_slice(&commit.encode());
        self.group.bytes.extend_from_slice(&frames);
        self.group.last = first.plus(lengths.len() as u64).previous();
        for (part, head) in append.streams().iter().zip(&heads) {
            self.heads.set(&part.stream, *head);
        }
        let written =
            append.streams().iter().zip(&heads).filter(|(part, _)| !part.events.is_empty());
        let versions = written.map(|(part, head)| (part.stream.clone(), head.version)).collect();
        let appended = Appended::new(versions, Some(self.group.last), recorded);
        self.group.answers.push((answer, Ok(appended)));
        let address = group_start + (start + COMMIT_BYTES) as u64;
        let mut streams = append.into_streams();
        for event in streams.iter_mut().flat_map(|part| &mut part.events) {
            (event.data, event.metadata) = Default::default();
        }
        self.group.commits.push(Commit { first, recorded, address, streams, heads, lengths });
    }

    /// The last event, of the group if it has one.
    fn last(&self) -> Position {
        self.group.last.max(self.end.position)
    }

    /// One time for the whole group, never before the last one.
    fn recorded(&mut self) -> Timestamp {
        let last = self.end.recorded;
        *self.group.recorded.get_or_insert_with(|| self.clock.now().max(last))
    }

    // ---- writing ---------------------------------------------------------------------------

    /// Writes and syncs the group, then lets all know.
    fn finish_group(&mut self) {
        if self.group.bytes.is_empty() {
            return self.send_answers();
        }
        if let Err(error) = self.write_group() {
            self.shared.stop(&format!(
                "the store takes no more appends since {error}; open it again to see what is there"
            ));
            return self.send_failure();
        }
        self.end = Landmark {
            position: self.group.last,
            address: self.end.address + self.group.bytes.len() as u64,
            recorded: self.group.recorded.unwrap_or(self.end.recorded),
        };
        self.shared.index.hand_over(self.group.commits.drain(..));
        self.shared.publish(self.end);
        self.send_answers();
        self.prepare_next();
        if let Err(error) = self.shared.index.make_room() {
            // Memory is bounded: what can't be indexed can't be taken in. Nothing is lost by that.
            self.refuse_waiting(&error);
        }
    }

    fn write_group(&mut self) -> Result<()> {
        self.clean = false;
        let at = self.shared.segments.place(self.end.address);
        let offset = self.end.address - self.segment.base;
        self.file
            .write_at(&self.group.bytes, offset)
            .map_err(|e| io_error(&format!("writing {at}"), e))?;
        let end = self.end.address + self.group.bytes.len() as u64;
        if self.durability == Durability::Durable || end - self.synced > UNSYNCED_BYTES_MAX {
            self.sync(end)?;
        }
        Ok(())
    }

    fn sync(&mut self, end: u64) -> Result<()> {
        let started = Instant::now();
        self.file.sync().map_err(|e| io_error(&format!("syncing {}", self.segment.name()), e))?;
        self.sync_time = started.elapsed();
        self.synced = end;
        Ok(())
    }

    fn send_answers(&mut self) {
        // Those who wait already are counted before those who are answered can come back.
        self.expected = self.group.answers.len() + self.shared.queue.len();
        self.group.clear_bytes();
        for (sender, answer) in self.group.answers.drain(..) {
            // A caller that no longer waits does not want to know.
            let _ = sender.send(answer);
        }
    }

    fn send_failure(&mut self) {
        self.group.clear_bytes();
        self.group.commits.clear();
        let why = self.shared.stopped().unwrap_or_default();
        for (sender, answer) in self.group.answers.drain(..) {
            let mut error = Error::closed(why.clone());
            if answer.is_ok() {
                error = error.and_may_have_happened();
            }
            let _ = sender.send(Err(error));
        }
    }

    fn refuse_waiting(&mut self, error: &Error) {
        for request in self.shared.queue.take_all() {
            let refused = Error::new(error.kind().clone(), error.to_string());
            let _ = request.answer.send(Err(refused));
        }
    }

    /// Goes on in the next segment. What is in this one is synced first.
    fn next_segment(&mut self, room: u64) -> Result<()> {
        if let Some(why) = self.shared.stopped() {
            return Err(Error::closed(why));
        }
        if self.synced < self.end.address
            && let Err(error) = self.sync(self.end.address)
        {
            self.shared.stop(&error.to_string());
            return Err(error);
        }
        let next = self.shared.segments.next(&self.segment, room)?;
        self.file = self.shared.segments.file(&next)?;
        self.segment = next;
        self.end.address = next.start();
        self.synced = next.start();
        self.prepared = false;
        Ok(())
    }

    /// Asks for the next segment when a part of this one is full: a small store stays small.
    fn prepare_next(&mut self) {
        let used = self.end.address - self.segment.base;
        if !self.prepared && used > self.segment.bytes / PREPARE_AT {
            self.prepared = true;
            if let Some(prepare) = &self.prepare {
                // The thread that prepares has ended only if the store has: then none is needed.
                let _ = prepare.send(self.segment);
            }
        }
    }

    /// Ends the log with a mark: a commit without events, which proves that all before it is durable.
    fn mark_clean(&mut self) -> Result<()> {
        if self.synced < self.end.address {
            self.sync(self.end.address)?;
        }
        if self.end.address + COMMIT_BYTES as u64 > self.segment.end() {
            return Ok(());
        }
        let first = self.end.position.next();
        let mark = CommitFrame { body: 0, events: 0, group_back: 0, first };
        let offset = self.end.address - self.segment.base;
        let write = || {
            self.file.write_at(&mark.encode(), offset)?;
            self.file.sync()
        };
        write().map_err(|e| io_error(&format!("closing {}", self.segment.name()), e))
    }
}

impl Group {
    fn clear_bytes(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(GROUP_BYTES_MAX);
        self.last = Position::ZERO;
        self.recorded = None;
    }
}

/// Completes the frames of an append, and says where its streams are after it.
fn place_frames(
    append: &Append,
    frames: &mut [u8],
    lengths: &[u32],
    first: Position,
    recorded: Timestamp,
    mut heads: Vec<Head>,
) -> Vec<Head> {
    let (mut offset, mut position) = (COMMIT_BYTES, first);
    let mut lengths = lengths.iter();
    for (part, head) in append.streams().iter().zip(&mut heads) {
        if part.events.is_empty() {
            continue;
        }
        let mut version = head.version;
        for (event, length) in part.events.iter().zip(lengths.by_ref()) {
            version = version.next();
            let takes_recorded = event.time.is_none();
            let placed = Placed { position, version, recorded, takes_recorded };
            let end = offset + *length as usize;
            frame::place_event(&mut frames[offset..end], placed);
            offset = end;
            position = position.next();
        }
        let commit_events = u32::try_from(part.events.len()).expect("at most 10,000 events");
        *head = Head { version, commit_events, commit_ids: ids_of(part) };
    }
    heads
}

/// The version of the last event of the part, if it already stands.
fn last_version(part: &StreamAppend, head: Head) -> Version {
    match part.expected.version() {
        Some(before) => before.plus(part.events.len() as u64),
        None => head.version,
    }
}

/// Whether the events of the part may already stand where it would have put them, by what its
/// stream's head tells. A part that only checks says nothing against it.
fn may_stand(part: &StreamAppend, head: Head) -> bool {
    let count = part.events.len();
    if count == 0 {
        return true;
    }
    let is_last_commit = head.commit_events as usize == count;
    let ends_at_head = last_version(part, head) == head.version;
    match part.expected {
        Expected::Any | Expected::StreamExists => is_last_commit && head.commit_ids == ids_of(part),
        Expected::NoStream | Expected::Exact(_) => {
            last_version(part, head) <= head.version
                && !(ends_at_head && is_last_commit && head.commit_ids != ids_of(part))
        }
    }
}

fn ids_of(part: &StreamAppend) -> u64 {
    hash_ids(part.events.iter().map(|event| event.id))
}
