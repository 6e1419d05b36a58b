//! Reads: of a stream, strongly consistent, from the events table; of the log, through its pages.

mod fetch;
mod log;
mod stream;

use factlog::{Error, EventStream, Position, RecordedEvent, Result, StreamName, Version};
use futures::TryStreamExt;
use futures::stream as streams;

use crate::commit::Piece;
use crate::shared::Shared;

pub(crate) use log::read_log;
pub(crate) use stream::read_stream;

/// These events of a stream, all of them in memory.
pub(crate) async fn stream_range(
    shared: &Shared,
    stream: &StreamName,
    from: Version,
    to: Version,
) -> Result<Vec<RecordedEvent>> {
    let read = factlog::ReadStream::new(stream.clone()).from(from).to(to);
    stream::pages(shared.clone(), read).try_concat().await
}

/// A read that only fails.
pub(crate) fn refused(error: Error) -> EventStream {
    Box::pin(streams::iter([Err(error)]))
}

/// The events of a piece, the first of them at this position, or at none that is known.
fn events(piece: Piece, position: Position) -> impl DoubleEndedIterator<Item = RecordedEvent> {
    let Piece { stream, first, events, recorded, .. } = piece;
    events.into_iter().enumerate().map(move |(number, event)| {
        let number = number as u64;
        let position = match position {
            Position::ZERO => Position::ZERO,
            first => first.plus(number),
        };
        RecordedEvent::new(event, stream.clone(), first.plus(number), position, recorded)
    })
}
