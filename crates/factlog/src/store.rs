//! The contract: what every store does, and what can be built on that.

use std::fmt::Debug;

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;

use crate::subscription::{LogSubscription, StreamSubscription};
use crate::{
    Append, Appended, Event, Expected, Filter, ListStreams, Position, ReadLog, ReadStream,
    RecordedEvent, Result, StreamInfo, StreamName, StreamPage, Subscription, Version,
};

/// Events as they are read, one by one. Pulled, never pushed: a reader that waits holds back the
/// read, and memory stays bounded. After an error it ends. Dropping it ends the read.
pub type EventStream = BoxStream<'static, Result<RecordedEvent>>;

/// An event store.
///
/// The promises that hold for every store:
///
/// - **Append** is atomic over all its events and all its streams. It is *durable* when it is
///   answered, and every read that begins after the answer sees it.
/// - **Repeating an append is safe.** If its events (by id, in order) already stand where it would
///   have put them, it is answered as it was the first time: with `Exact` and `NoStream` for ever,
///   with `Any` and `StreamExists` while it is the last commit of each of its streams.
/// - **Order.** Versions of a stream and positions of the log have no gaps. Every reader sees the same
///   order for ever; nothing ever appears behind a position that was handed out.
/// - **Reads** see what was there when they were asked for, and no more.
/// - **Cancellation.** Dropping the future of an append that was not yet polled does nothing. Once
///   polled, the append may happen all the same: repeat it to know. All other calls change nothing and
///   may be dropped at any time.
/// - **Back-pressure.** Appends wait their turn when the store has too many in hand; readers pull.
/// - After [`close`](Store::close), and while a store can't go on, each call is answered with `Closed`.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Writes events to one or more streams, if what it expects of them holds.
    ///
    /// # Errors
    /// `Conflict` with the actual version, `Invalid` or `TooLarge` without writing anything;
    /// `Unavailable` or `Closed` with [`may_have_happened`](crate::Error::may_have_happened).
    async fn append(&self, append: Append) -> Result<Appended>;

    /// Reads one stream. A stream without events reads as empty. Where the store places events after the append,
    /// they come without their positions.
    fn read_stream(&self, read: ReadStream) -> EventStream;

    /// Reads the log.
    fn read_log(&self, read: ReadLog) -> EventStream;

    /// Lists streams in the order in which they were created, a page at a time.
    ///
    /// # Errors
    /// `Invalid` for a limit out of bounds or a token that this store did not make.
    async fn list_streams(&self, list: ListStreams) -> Result<StreamPage>;

    /// The version that the stream is at: 0 if it has no event.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt` or `Closed`.
    async fn stream_head(&self, stream: &StreamName) -> Result<Version>;

    /// The position of the last event of the log: 0 if it has none.
    ///
    /// # Errors
    /// `Unavailable` or `Closed`.
    async fn head(&self) -> Result<Position>;

    /// Waits until the head is beyond this position, and answers the head.
    ///
    /// # Errors
    /// `Closed` if the store closes meanwhile.
    async fn wait_past(&self, position: Position) -> Result<Position>;

    /// Finishes what was begun and lets go of everything. Closing twice is harmless.
    ///
    /// # Errors
    /// Whatever kept it from closing cleanly; no acknowledged event is lost by that.
    async fn close(&self) -> Result<()>;
}

/// Events for which [`StoreExt::load`] makes room at first: most streams are short.
const LOAD_EVENTS: usize = 128;

/// What can be built on every [`Store`].
#[async_trait]
pub trait StoreExt: Store {
    /// Appends events to one stream.
    ///
    /// # Errors
    /// As [`Store::append`].
    async fn append_to(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<Event>,
    ) -> Result<Appended> {
        self.append(Append::to(stream.clone(), expected, events)).await
    }

    /// Reads a whole stream into memory.
    ///
    /// # Errors
    /// As the read.
    async fn load(&self, stream: &StreamName) -> Result<Vec<RecordedEvent>> {
        let mut read = self.read_stream(ReadStream::new(stream.clone()));
        let mut events = Vec::with_capacity(LOAD_EVENTS);
        while let Some(event) = read.try_next().await? {
            events.push(event);
        }
        Ok(events)
    }

    /// All streams that pass the request, over all pages; its `limit` is the size of a page.
    fn streams(&self, list: ListStreams) -> BoxStream<'_, Result<StreamInfo>> {
        let pages = futures::stream::try_unfold(Some(list), move |request| async move {
            let Some(request) = request else { return Ok(None) };
            let page = self.list_streams(request.clone()).await?;
            let following = page.next.map(|token| request.after(token));
            let streams = futures::stream::iter(page.streams.into_iter().map(Ok));
            Ok::<_, crate::Error>(Some((streams, following)))
        });
        Box::pin(pages.try_flatten())
    }

    /// Follows the log: first all events after the checkpoint, then each new one as it comes.
    /// `after` is the last position that the reader has dealt with, 0 for none.
    fn subscribe(&self, after: Position, filter: Filter) -> BoxStream<'_, Result<Subscription>> {
        LogSubscription::new(self, after, filter).into_stream()
    }

    /// Follows one stream, which need not exist yet: first all events after the version, then each
    /// new one as it comes.
    fn subscribe_to(
        &self,
        stream: StreamName,
        after: Version,
    ) -> BoxStream<'_, Result<Subscription>> {
        StreamSubscription::new(self, stream, after).into_stream()
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
