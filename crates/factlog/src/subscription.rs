//! Catch-up, then live: a reader that stays.
//!
//! A subscription is a loop over the contract's own reads. It takes the head, reads up to it in
//! windows, says how far it is, and waits until the head has moved:
//!
//! ```text
//!   after                      head            head'
//!     |  window  |  window  |    |               |
//!     +----------+----------+----+- wait_past ---+- ...
//!                ^          ^    ^               ^
//!           Checkpoint Checkpoint CaughtUp     CaughtUp
//! ```
//!
//! Nothing can slip between the catch-up and the wait: the head is taken *before* the read, and
//! the wait answers at once if the log has grown since. A subscriber that is slow holds back only
//! itself; one that is dropped leaves nothing behind.

use futures::stream::BoxStream;
use futures::{TryStreamExt, stream};

use crate::limits::SUBSCRIPTION_WINDOW;
use crate::{
    Error, EventStream, Filter, Position, ReadLog, ReadStream, RecordedEvent, Result, Store,
    StreamName, Version,
};

/// What a subscription yields.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subscription {
    /// An event.
    Event(RecordedEvent),
    /// All events up to this position were yielded or did not pass the filter.
    Checkpoint(Position),
    /// The same, and that this was the head of the log: what follows is live.
    CaughtUp(Position),
}

/// Follows the log through a filter.
pub(crate) struct LogSubscription<'a, S: ?Sized> {
    store: &'a S,
    filter: Filter,
    /// The last position that was dealt with.
    done: Position,
    /// The head as it was last asked for; `None` before the first time.
    head: Option<Position>,
    /// The window that is being read: its events, and its last position.
    window: Option<(EventStream, Position)>,
}

impl<'a, S: Store + ?Sized> LogSubscription<'a, S> {
    pub(crate) fn new(store: &'a S, after: Position, filter: Filter) -> Self {
        Self { store, filter, done: after, head: None, window: None }
    }

    pub(crate) fn into_stream(self) -> BoxStream<'a, Result<Subscription>> {
        Box::pin(stream::try_unfold(self, |mut this| async move {
            let item = this.next().await?;
            Ok(Some((item, this)))
        }))
    }

    async fn next(&mut self) -> Result<Subscription> {
        loop {
            if let Some((events, end)) = &mut self.window {
                if let Some(event) = events.try_next().await? {
                    self.done = event.position;
                    return Ok(Subscription::Event(event));
                }
                self.done = *end;
                self.window = None;
                return Ok(self.progress());
            }
            match self.head {
                None => {
                    self.filter.validate()?;
                    let head = self.store.head().await?;
                    self.head = Some(head);
                    if self.done > head {
                        let done = self.done;
                        return Err(Error::invalid(format!(
                            "a subscription was to start after position {done}, the log ends at {head}"
                        )));
                    }
                    if self.done == head {
                        return Ok(self.progress());
                    }
                }
                Some(head) if self.done == head => {
                    self.head = Some(self.store.wait_past(head).await?);
                }
                Some(head) => {
                    let end = head.min(self.done.plus(SUBSCRIPTION_WINDOW));
                    let read = ReadLog::new().from(self.done.next()).to(end);
                    let events = self.store.read_log(read.with_filter(self.filter.clone()));
                    self.window = Some((events, end));
                }
            }
        }
    }

    fn progress(&self) -> Subscription {
        match self.head {
            Some(head) if head == self.done => Subscription::CaughtUp(head),
            _ => Subscription::Checkpoint(self.done),
        }
    }
}

/// Follows one stream.
pub(crate) struct StreamSubscription<'a, S: ?Sized> {
    store: &'a S,
    stream: StreamName,
    /// The last version that was yielded.
    done: Version,
    /// The head of the log before the current read.
    head: Option<Position>,
    /// The read of what is new in the stream; `None` while waiting.
    reading: Option<EventStream>,
    /// Whether anything was yielded since the last time it had caught up.
    moved: bool,
}

impl<'a, S: Store + ?Sized> StreamSubscription<'a, S> {
    pub(crate) fn new(store: &'a S, stream: StreamName, after: Version) -> Self {
        Self { store, stream, done: after, head: None, reading: None, moved: true }
    }

    pub(crate) fn into_stream(self) -> BoxStream<'a, Result<Subscription>> {
        Box::pin(stream::try_unfold(self, |mut this| async move {
            let item = this.next().await?;
            Ok(Some((item, this)))
        }))
    }

    async fn next(&mut self) -> Result<Subscription> {
        loop {
            if let Some(events) = &mut self.reading {
                if let Some(event) = events.try_next().await? {
                    self.done = event.version;
                    self.moved = true;
                    return Ok(Subscription::Event(event));
                }
                self.reading = None;
                if std::mem::take(&mut self.moved) {
                    return Ok(Subscription::CaughtUp(self.head.unwrap_or_default()));
                }
            }
            let head = match self.head {
                None => self.check_start().await?,
                Some(head) => self.store.wait_past(head).await?,
            };
            self.head = Some(head);
            let read = ReadStream::new(self.stream.clone()).from(self.done.next());
            self.reading = Some(self.store.read_stream(read));
        }
    }

    async fn check_start(&mut self) -> Result<Position> {
        let head = self.store.head().await?;
        let at = self.store.stream_head(&self.stream).await?;
        if self.done > at {
            let Self { stream, done, .. } = self;
            return Err(Error::invalid(format!(
                "a subscription to stream {stream} was to start after version {done}, the stream is at {at}"
            )));
        }
        Ok(head)
    }
}
