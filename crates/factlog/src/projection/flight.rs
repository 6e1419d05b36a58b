//! A write that is on its way while the next one is prepared.
//!
//! Futures do nothing unless they are polled: so it is polled when it starts, and along with whatever is
//! awaited [meanwhile](Flight::meanwhile).

use std::fmt;
use std::pin::pin;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, poll_fn};

/// At most one write, with what is to be known when it has landed.
pub(super) struct Flight<T, L>(Option<(BoxFuture<'static, T>, Option<T>, L)>);

impl<T, L> Flight<T, L> {
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Starts one. The one before has landed.
    pub(super) async fn start(&mut self, write: BoxFuture<'static, T>, luggage: L) {
        debug_assert!(self.0.is_none(), "one write at a time");
        self.0 = Some((write, None, luggage));
        self.meanwhile(std::future::ready(())).await;
    }

    /// Does something while the write is on its way.
    pub(super) async fn meanwhile<A>(&mut self, work: impl Future<Output = A>) -> A {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.advance(context);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Waits until the write has landed; `None` if there is none.
    pub(super) async fn land(&mut self) -> Option<(T, L)> {
        poll_fn(|context| {
            self.advance(context);
            let is_done = self.0.as_ref().is_none_or(|(_, answer, _)| answer.is_some());
            if is_done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.0.take().and_then(|(_, answer, luggage)| Some((answer?, luggage)))
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        if let Some((write, answer @ None, _)) = &mut self.0
            && let Poll::Ready(written) = write.as_mut().poll(context)
        {
            *answer = Some(written);
        }
    }
}

impl<T, L> fmt::Debug for Flight<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("is_none", &self.0.is_none()).finish()
    }
}
