//! A sequencer that runs beside the calls of a store, as a task of the process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_listener::Event;
use factlog::{Error, ErrorKind, Result, Timestamp};
use tokio::task::JoinHandle;

use super::Worker;
use crate::cost::Meter;
use crate::sequencer::{Options, Progress, Sequencer};

/// The task, and what it says of itself.
#[derive(Debug)]
pub(crate) struct Task {
    task: Mutex<Option<JoinHandle<()>>>,
    worker: Worker,
    said: Arc<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// What it has done; nothing while another process has the lease, and not even that before it knows.
    progress: Mutex<Option<Option<Progress>>>,
    /// Why its last look failed; it goes on if that may pass, else it has stopped.
    failure: Mutex<Option<(ErrorKind, String)>>,
    /// Notified whenever it has said something, and when it stops.
    looked: Event,
}

impl Task {
    /// Starts it on the runtime that this is called on.
    pub(crate) fn start(worker: Worker, poll: Duration) -> Self {
        let said = Arc::new(Said::default());
        let (says, works) = (Arc::clone(&said), worker.clone());
        let task = tokio::spawn(async move {
            let mut sequencer = Sequencer::new(works, Options::default().with_poll(poll));
            let Err(error) = sequencer.run(|looked| says.look(&looked)).await;
            says.look(&Err(error));
        });
        Self { task: Mutex::new(Some(task)), worker, said }
    }

    /// What it has cost.
    pub(crate) fn meter(&self) -> &Meter {
        self.worker.meter()
    }

    /// What it has done; `None` while another process sequences.
    pub(crate) fn progress(&self) -> Option<Progress> {
        self.said.progress().flatten()
    }

    /// Why it has stopped, if it has.
    pub(crate) fn check(&self) -> Result<()> {
        match self.said.failure() {
            Some(error) if !error.is_retryable() => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until all that happened before this time is placed; false if another process sequences.
    ///
    /// # Errors
    /// Why a look failed meanwhile.
    pub(crate) async fn placed_until(&self, time: Timestamp) -> Result<bool> {
        loop {
            let looked = self.said.looked.listen();
            self.check()?;
            match self.said.progress() {
                Some(None) => return Ok(false),
                Some(Some(progress)) if progress.current >= time => return Ok(true),
                Some(Some(_)) | None => looked.await,
            }
            self.said.failure().map_or(Ok(()), Err)?;
        }
    }

    /// Ends it at whatever it is, and gives the lease back.
    pub(crate) async fn stop(&self) -> Result<()> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
            self.said.look(&Err(Error::closed("the store is closed")));
        }
        self.worker.release().await
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl Said {
    fn progress(&self) -> Option<Option<Progress>> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> Option<Error> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let (kind, why) = failure.as_ref()?;
        Some(Error::new(kind.clone(), format!("the sequencer does not get on: {why}")))
    }

    fn look(&self, looked: &Result<Option<Progress>>) {
        let failed = |error: &Error| (error.kind().clone(), error.to_string());
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) =
            looked.as_ref().err().map(failed);
        if let Ok(progress) = looked {
            *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(*progress);
        }
        self.looked.notify(usize::MAX);
    }
}
