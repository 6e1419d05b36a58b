//! Being asked to end: by Ctrl-C (SIGINT), or by whoever runs the process as a service (SIGTERM).

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Failure;

/// What was asked of the process since this was made: no signal falls between two waits.
#[derive(Debug)]
pub(crate) struct Interrupt {
    by_terminal: Signal,
    by_service: Signal,
}

impl Interrupt {
    /// From now on a signal no longer ends the process by itself.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            by_terminal: signal(SignalKind::interrupt())?,
            by_service: signal(SignalKind::terminate())?,
        })
    }

    /// Waits until the process is asked to end.
    pub(crate) async fn came(&mut self) {
        tokio::select! {
            _ = self.by_terminal.recv() => {}
            _ = self.by_service.recv() => {}
        }
    }

    /// What the work comes to, or `Interrupted` if the process is asked to end before: then the work is
    /// dropped where it stands.
    pub(crate) async fn ends<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            done = work => Ok(done),
            () = self.came() => Err(Failure::Interrupted),
        }
    }
}
