//! The thread that writes sealed parts of the state to disk.
//!
//! ```text
//!   waiting ──> flush ──> flushed: the files of the journal that the writer may take away
//!       ^         └─────> failed:  told to the next write that needs the room, then tried again
//!       writer
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use factlog::{Error, Result};

use super::items::Items;
use crate::merge::Merger;

/// Writes sealed parts to disk. Dropping it waits until it is done with the one at hand.
#[derive(Debug)]
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    parts: Mutex<Parts>,
    /// Notified when any of them changes.
    changed: Condvar,
}

/// Sealed parts, each by the number of the journal's file that has its writes.
#[derive(Debug, Default)]
struct Parts {
    waiting: Vec<u64>,
    flushed: Vec<u64>,
    /// Why the last flush failed. Nothing is tried until somebody was told.
    failed: Option<Error>,
    closed: bool,
}

impl Flusher {
    pub(crate) fn start(items: Items) -> Result<Self> {
        let merger = Merger::start(&items.tree);
        let merger = merger.map_err(|e| items.failed_to("starting a thread of", e.into()))?;
        let shared = Arc::<Shared>::default();
        let (for_thread, for_errors) = (Arc::clone(&shared), items.clone());
        let work = move || for_thread.run(&items, &merger);
        let thread = thread::Builder::new().name("factlog-flush".to_owned()).spawn(work);
        let thread = thread.map_err(|e| for_errors.failed_to("starting a thread of", e.into()))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Hands over a sealed part.
    pub(crate) fn hand_over(&self, file: u64) {
        self.shared.lock().waiting.push(file);
        self.shared.changed.notify_all();
    }

    /// Waits until no more than so many parts wait.
    ///
    /// # Errors
    /// Why they can't be written. It is tried again.
    pub(crate) fn wait(&self, waiting_max: usize) -> Result<()> {
        let full = |parts: &mut Parts| parts.waiting.len() > waiting_max && parts.failed.is_none();
        let mut parts = self.shared.wait_while(full);
        if parts.waiting.len() <= waiting_max {
            return Ok(());
        }
        let failed = parts.failed.take();
        self.shared.changed.notify_all();
        failed.map_or(Ok(()), Err)
    }

    /// The files whose parts are on disk since this was last asked.
    pub(crate) fn flushed(&self) -> Vec<u64> {
        std::mem::take(&mut self.shared.lock().flushed)
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        // What a thread that panicked has not written stands in the journal.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn run(&self, items: &Items, merger: &Merger) {
        loop {
            let idle = |parts: &mut Parts| {
                !parts.closed && (parts.waiting.is_empty() || parts.failed.is_some())
            };
            let parts = self.wait_while(idle);
            if parts.closed {
                return;
            }
            let count = parts.waiting.len();
            drop(parts);
            let merge = || merger.ask(&items.tree).map_err(|e| items.failed_to("merging", e));
            let flush = AssertUnwindSafe(|| items.flush().and_then(|()| merge()));
            let outcome = catch_unwind(flush)
                .unwrap_or_else(|_| Err(Error::internal("writing the state to disk panicked")));
            let mut parts = self.lock();
            match outcome {
                Ok(()) => {
                    let flushed: Vec<_> = parts.waiting.drain(..count).collect();
                    parts.flushed.extend(flushed);
                }
                Err(error) => parts.failed = Some(error),
            }
            self.changed.notify_all();
        }
    }

    fn wait_while(&self, condition: impl FnMut(&mut Parts) -> bool) -> MutexGuard<'_, Parts> {
        self.changed.wait_while(self.lock(), condition).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
