//! What the writer, the readers and the index's thread have in common.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, TryLockError};

use factlog::{Clock, Error, Result};

use crate::index::Index;
use crate::index::part::Landmark;
use crate::queue::Queue;
use crate::segment::Segments;
use crate::store::WriteBy;
use crate::writer::Writer;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) segments: Arc<Segments>,
    pub(crate) index: Index,
    pub(crate) queue: Queue,
    writer: Mutex<Writer>,
    /// The last event that readers may see, and the address behind it. Only the writer moves it.
    tail: RwLock<Landmark>,
    /// Notified when the tail has moved and when the store closes.
    pub(crate) grown: event_listener::Event,
    /// Why the writer takes no more appends, if a failure is the reason.
    stopped: OnceLock<String>,
    /// Set once the store is closed.
    closed: OnceLock<()>,
}

impl Shared {
    pub(crate) fn new(
        segments: Arc<Segments>,
        index: Index,
        writer: Writer,
        clock: Box<dyn Clock>,
        write_by: WriteBy,
    ) -> Self {
        let tail = writer.end();
        Self {
            segments,
            index,
            queue: Queue::after(tail, clock, write_by),
            writer: Mutex::new(writer),
            tail: RwLock::new(tail),
            grown: event_listener::Event::new(),
            stopped: OnceLock::new(),
            closed: OnceLock::new(),
        }
    }

    /// What writes the log, for whoever's turn it is.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What writes the log, unless it is at work.
    pub(crate) fn idle_writer(&self) -> Option<MutexGuard<'_, Writer>> {
        match self.writer.try_lock() {
            Ok(writer) => Some(writer),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn tail(&self) -> Landmark {
        *self.tail.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self, tail: Landmark) {
        *self.tail.write().unwrap_or_else(PoisonError::into_inner) = tail;
        self.grown.notify(usize::MAX);
    }

    /// Takes no more appends; reads go on. The first reason stays.
    pub(crate) fn stop(&self, why: &str) {
        let _ = self.stopped.set(why.to_owned());
        self.queue.close(why);
    }

    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped.get().cloned()
    }

    pub(crate) fn close(&self) {
        let _ = self.closed.set(());
        self.queue.close("the store is closed");
        self.grown.notify(usize::MAX);
    }

    /// The tail, unless the store is closed.
    pub(crate) fn open_tail(&self) -> Result<Landmark> {
        match self.closed.get() {
            Some(()) => Err(Error::closed("the store is closed")),
            None => Ok(self.tail()),
        }
    }
}
