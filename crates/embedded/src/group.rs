//! The appends that go to the log with one write, and what becomes of them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use factlog::{Append, Error, ErrorKind, Position, Result, Timestamp};

use crate::frame::{self, COMMIT_BYTES, CommitFrame, Placed};
use crate::index::part::Head;
use crate::writer::PAGE_BYTES;

/// The events' frames of an append, complete but for what their places decide.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) frames: Vec<u8>,
    /// Bytes of each frame.
    lengths: Vec<u32>,
}

impl Encoded {
    pub(crate) fn new(append: &Append) -> Self {
        let count = append.event_count();
        let mut frames = Vec::with_capacity(count * frame::EVENT_BYTES_MIN + append.size());
        let mut lengths = Vec::with_capacity(count);
        for part in append.streams() {
            for event in &part.events {
                let length = frame::encode_event(event, &part.stream, &mut frames);
                lengths.push(u32::try_from(length).expect("an append has less than 4 GiB"));
            }
        }
        Self { frames, lengths }
    }

    /// Bytes that the append takes in the log.
    pub(crate) fn bytes(&self) -> usize {
        COMMIT_BYTES + self.frames.len()
    }
}

/// What goes into one write: whole commits, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) bytes: Vec<u8>,
    pub(crate) appends: usize,
    pub(crate) events: usize,
    /// The last event.
    pub(crate) last: Position,
    /// When all of them were recorded.
    pub(crate) recorded: Timestamp,
    pub(crate) fate: Arc<Fate>,
}

impl Group {
    /// An empty group, with room for as many bytes as another has, and for the page that ends them.
    pub(crate) fn like(other: &Self) -> Self {
        let room = other.bytes.len() + other.bytes.len() / 8 + PAGE_BYTES;
        Self { bytes: Vec::with_capacity(room), ..Self::default() }
    }

    /// Gives an append its place behind the others, its first event this position, and moves the heads
    /// of its streams to where they are after it.
    pub(crate) fn place(
        &mut self,
        append: &Append,
        encoded: &Encoded,
        first: Position,
        heads: &mut [Head],
    ) {
        let count = encoded.lengths.len();
        let commit = CommitFrame {
            body: u32::try_from(encoded.frames.len()).expect("an append has less than 4 GiB"),
            events: u32::try_from(count).expect("an append has at most 10,000 events"),
            group_back: u32::try_from(self.bytes.len()).expect("a group has less than 4 GiB"),
            first,
        };
        self.bytes.extend_from_slice(&commit.encode());
        let mut offset = self.bytes.len();
        self.bytes.extend_from_slice(&encoded.frames);
        let (mut position, mut lengths) = (first, encoded.lengths.iter());
        for (part, head) in append.streams().iter().zip(heads) {
            if part.events.is_empty() {
                continue;
            }
            let mut version = head.version;
            for (event, length) in part.events.iter().zip(lengths.by_ref()) {
                version = version.next();
                let recorded = self.recorded;
                let takes_recorded = event.time.is_none();
                let placed = Placed { position, version, recorded, takes_recorded };
                let end = offset + *length as usize;
                frame::place_event(&mut self.bytes[offset..end], placed);
                offset = end;
                position = position.next();
            }
            *head = Head::after(version, part.events.iter().map(|event| event.id));
        }
        self.appends += 1;
        self.events += count;
        self.last = position.previous();
    }

    /// Says in all commits that what is known to be synced ends so many bytes before the group.
    pub(crate) fn set_back(&mut self, back: u64) {
        let mut offset = 0;
        while let Some(mut commit) = self.bytes.get(offset..).and_then(CommitFrame::decode) {
            commit.group_back = u32::try_from(back + offset as u64)
                .expect("less than 4 GiB are written between two syncs");
            self.bytes[offset..offset + COMMIT_BYTES].copy_from_slice(&commit.encode());
            offset += COMMIT_BYTES + commit.body as usize;
        }
    }
}

/// What becomes of a group: unknown until it is written and synced, then the same for all its appends.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    decided: OnceLock<Result<(), Failure>>,
    /// Those who wait for it.
    waiting: Mutex<Vec<Waker>>,
}

/// Why a group is not durable.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    message: String,
    /// Whether it may stand in the log all the same.
    may_have_happened: bool,
}

impl Failure {
    /// Nothing of the group stands in the log.
    pub(crate) fn refused(error: &Error) -> Self {
        let (kind, message) = (error.kind().clone(), error.to_string());
        Self { kind, message, may_have_happened: false }
    }

    /// Nobody knows whether the group stands in the log.
    pub(crate) fn unknown(why: &str) -> Self {
        Self { kind: ErrorKind::Closed, message: why.to_owned(), may_have_happened: true }
    }
}

impl Fate {
    /// Decides, and wakes all who wait.
    pub(crate) fn decide(&self, outcome: Result<(), Failure>) {
        let _ = self.decided.set(outcome);
        self.wake_all();
    }

    /// Wakes one after the other; whoever is awake helps. A thread that is woken often takes the place of the
    /// one that wakes it, at once: it would find one of its tasks ready, deal with it and sleep again, for
    /// each of its tasks. So the first task wakes the others, of its own thread without a call to the system.
    fn wake_all(&self) {
        loop {
            let Some(waker) = self.lock().pop() else { return };
            waker.wake();
        }
    }

    /// Waits for an append of the group, or for one that was answered because of one of them.
    pub(crate) fn wait(self: Arc<Self>) -> Waiting {
        Waiting { fate: self, number: None }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the fate of a group.
#[derive(Debug)]
pub(crate) struct Waiting {
    fate: Arc<Fate>,
    /// Its place among those who wait.
    number: Option<usize>,
}

impl Future for Waiting {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.fate.decided.get().is_none() {
            let fate = Arc::clone(&self.fate);
            let mut waiting = fate.lock();
            if fate.decided.get().is_none() {
                match self.number.and_then(|number| waiting.get_mut(number)) {
                    Some(waker) => waker.clone_from(context.waker()),
                    None => {
                        self.number = Some(waiting.len());
                        waiting.push(context.waker().clone());
                    }
                }
                return Poll::Pending;
            }
        }
        self.fate.wake_all();
        Poll::Ready(match self.fate.decided.get() {
            None | Some(Ok(())) => Ok(()),
            Some(Err(failure)) => {
                let error = Error::new(failure.kind.clone(), failure.message.clone());
                Err(if failure.may_have_happened { error.and_may_have_happened() } else { error })
            }
        })
    }
}
