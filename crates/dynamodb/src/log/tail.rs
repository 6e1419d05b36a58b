//! The end of the log: the head, and waiting for it to move.
//!
//! Pages are written by sequencers that may run anywhere, so whoever waits has to ask. One waiter of the
//! process asks for all of them, at growing intervals up to [`POLL_MAX`]: it queries from the first position
//! that is not there yet, not consistently, which costs half a read unit while nothing is. A sequencer in the same
//! process says at once that it has written.

use std::sync::atomic::{AtomicU64, Ordering};

use event_listener::Event;
use factlog::{Position, Result};
use futures::future::{Either, select};
use tokio::sync::Mutex;

use crate::limits::{POLL_FIRST, POLL_MAX};
use crate::shared::Shared;

/// What the process knows of the end of the log.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// The highest position that was seen.
    head: AtomicU64,
    /// Notified when the head has moved and when the store closes.
    pub(crate) moved: Event,
    /// Held by the waiter that asks.
    asking: Mutex<()>,
}

impl Tail {
    pub(crate) fn head(&self) -> Position {
        Position::new(self.head.load(Ordering::Acquire))
    }

    /// Takes note of a position that is in the log.
    pub(crate) fn note(&self, position: Position) {
        if self.head.fetch_max(position.number(), Ordering::AcqRel) < position.number() {
            self.moved.notify(usize::MAX);
        }
    }
}

impl Shared {
    /// The position of the last event of the log, asked for.
    pub(crate) async fn head(&self) -> Result<Position> {
        let Some(page) = self.tail().await? else { return Ok(Position::ZERO) };
        let head = page.next().previous();
        self.tail.note(head);
        self.times.note(page.recorded_max);
        Ok(head)
    }

    /// Waits until the head is beyond the position. `going_on` says why it never will be.
    pub(crate) async fn wait_past(
        &self,
        position: Position,
        going_on: impl Fn() -> Result<()>,
    ) -> Result<Position> {
        let mut pause = POLL_FIRST;
        loop {
            let moved = self.tail.moved.listen();
            self.check_open()?;
            going_on()?;
            if self.tail.head() > position {
                return Ok(self.tail.head());
            }
            let ask = std::pin::pin!(async move {
                let _asking = self.tail.asking.lock().await;
                tokio::time::sleep(pause).await;
                self.look().await
            });
            match select(moved, ask).await {
                Either::Left(_) => {}
                Either::Right((looked, _)) => looked?,
            }
            pause = (pause * 2).min(POLL_MAX);
        }
    }

    /// Looks for pages behind the head that is known.
    async fn look(&self) -> Result<()> {
        if self.has_page_since(self.tail.head().next()).await? {
            self.head().await?;
        }
        Ok(())
    }
}
