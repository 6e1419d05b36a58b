//! Appends on their way to the writer: bounded, first come first served.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use factlog::{Append, Appended, Error, Result};
use futures::channel::oneshot;

use crate::frame::{self, COMMIT_BYTES};
use crate::limits::QUEUE_BYTES_MAX;

/// An append as its caller prepared it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) append: Append,
    /// Its events' frames, behind the room for the commit's.
    pub(crate) frames: Vec<u8>,
    /// Bytes of each event's frame.
    pub(crate) lengths: Vec<u32>,
    pub(crate) answer: oneshot::Sender<Result<Appended>>,
}

impl Request {
    /// Checks and encodes an append, all that can be done without the writer.
    pub(crate) fn new(append: Append, answer: oneshot::Sender<Result<Appended>>) -> Result<Self> {
        append.validate()?;
        let count = append.event_count();
        let head_bytes = COMMIT_BYTES + count * frame::EVENT_BYTES_MIN;
        let mut frames = Vec::with_capacity(head_bytes + append.size());
        frames.resize(COMMIT_BYTES, 0);
        let mut lengths = Vec::with_capacity(count);
        for part in append.streams() {
            for event in &part.events {
                let length = frame::encode_event(event, &part.stream, &mut frames);
                lengths.push(u32::try_from(length).expect("an append has less than 4 GiB"));
            }
        }
        Ok(Self { append, frames, lengths, answer })
    }
}

/// Appends that wait.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Notified when as many appends are there as the writer waits for, and when the queue closes.
    arrived: Condvar,
    /// Notified when the writer has taken appends away.
    taken: event_listener::Event,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<Request>,
    /// Bytes of frames of all requests.
    bytes: usize,
    /// How many appends the writer waits for; 0 while it is at work.
    wanted: usize,
    /// Why no append is taken in any more.
    closed: Option<String>,
}

impl Queue {
    /// Puts an append at the end; waits while there is no room.
    pub(crate) async fn push(&self, request: Request) -> Result<()> {
        let bytes = request.frames.len();
        loop {
            let taken = {
                let mut state = self.lock();
                if let Some(why) = &state.closed {
                    return Err(Error::closed(why.clone()));
                }
                if state.bytes == 0 || state.bytes + bytes <= QUEUE_BYTES_MAX {
                    state.bytes += bytes;
                    state.requests.push(request);
                    if state.wanted > 0 && state.requests.len() >= state.wanted {
                        state.wanted = 0;
                        drop(state);
                        self.arrived.notify_one();
                    }
                    return Ok(());
                }
                self.taken.listen()
            };
            taken.await;
        }
    }

    /// Takes all appends away. Waits for the first one, and then, no longer than `patience`, until
    /// there are as many as expected. `None` when the queue is closed and empty.
    pub(crate) fn take(&self, expected: usize, patience: Duration) -> Option<Vec<Request>> {
        let mut state = self.lock();
        while state.requests.is_empty() {
            if state.closed.is_some() {
                return None;
            }
            state.wanted = 1;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let deadline = Instant::now() + patience;
        while state.requests.len() < expected && state.closed.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.wanted = expected;
            let waited = self.arrived.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wanted = 0;
        drop(state);
        Some(self.take_all())
    }

    /// Takes all appends away that are there.
    pub(crate) fn take_all(&self) -> Vec<Request> {
        let mut state = self.lock();
        state.bytes = 0;
        let requests = std::mem::take(&mut state.requests);
        drop(state);
        self.taken.notify(usize::MAX);
        requests
    }

    /// How many appends wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().requests.len()
    }

    /// Takes no more appends in, for this reason; what waits is still done. The first reason stays.
    pub(crate) fn close(&self, why: &str) {
        let mut state = self.lock();
        state.closed.get_or_insert_with(|| why.to_owned());
        state.wanted = 0;
        drop(state);
        self.arrived.notify_one();
        self.taken.notify(usize::MAX);
    }

    /// Why no append is taken in any more.
    pub(crate) fn closed(&self) -> Option<String> {
        self.lock().closed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
