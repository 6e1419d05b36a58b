//! What the writer, the readers and the index's thread have in common.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use factlog::{Clock, Error, Result};

use crate::index::Index;
use crate::index::part::Landmark;
use crate::queue::Queue;
use crate::segment::Segments;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) segments: Arc<Segments>,
    pub(crate) index: Index,
    pub(crate) queue: Queue,
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
        tail: Landmark,
        clock: Box<dyn Clock>,
    ) -> Self {
        Self {
            segments,
            index,
            queue: Queue::after(tail, clock),
            tail: RwLock::new(tail),
            grown: event_listener::Event::new(),
            stopped: OnceLock::new(),
            closed: OnceLock::new(),
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
