//! Reads of one stream: queries of its partition, a page at a time.
//!
//! An item is keyed by the version of its *first* event. A read from version 5 may have to begin with
//! the item of versions 3 to 7, which lies before the range of keys:
//!
//! ```text
//!   items       1..2      3......7      8..9
//!   from 5                    5────────────>      query >= 5 answers 8; then the item before it is asked for
//! ```
//!
//! Mostly a reader goes on where a commit ended, and the first query finds an item there. What is appended
//! during the read is not part of it: before a second page the end of the stream is asked for.

use factlog::{
    Direction, Error, EventStream, Position, ReadStream, RecordedEvent, Result, StreamName, Version,
};
use futures::stream::{BoxStream, try_unfold};
use futures::{StreamExt, TryStreamExt};

use super::events;
use crate::client::{Page, Query};
use crate::commit::Piece;
use crate::ends::End;
use crate::item::{Item, number};
use crate::shared::Shared;

/// The events of the read, one by one.
pub(crate) fn read_stream(shared: Shared, read: ReadStream) -> EventStream {
    let limit = usize::try_from(read.limit).unwrap_or(usize::MAX);
    let events = pages(shared, read).map_ok(|page| futures::stream::iter(page).map(Ok));
    Box::pin(events.try_flatten().take(limit))
}

/// The events of the read, a page of the table at a time.
pub(super) fn pages(
    shared: Shared,
    read: ReadStream,
) -> BoxStream<'static, Result<Vec<RecordedEvent>>> {
    let empty = read.limit == 0 || read.from > read.to || read.to == Version::ZERO;
    let state =
        (!empty).then(|| Reading { shared, left: read.limit, read, next: None, begun: false });
    Box::pin(try_unfold(state, |state| async move {
        let Some(mut reading) = state else { return Ok(None) };
        let page = reading.page().await?;
        let more = reading.next.is_some() && reading.left > 0;
        Ok(Some((page, more.then_some(reading))))
    }))
}

struct Reading {
    shared: Shared,
    read: ReadStream,
    /// Events that may still be answered.
    left: u64,
    /// Where the next page begins.
    next: Option<Item>,
    begun: bool,
}

impl Reading {
    async fn page(&mut self) -> Result<Vec<RecordedEvent>> {
        let backward = self.read.direction == Direction::Backward;
        let mut page =
            self.query(self.read.from.max(Version::FIRST), backward, self.limit()).await?;
        let first = !std::mem::replace(&mut self.begun, true);
        self.next = page.next.take();
        let mut pieces = self.shared.decode_all(page.items).await?;
        let lowest = if backward { pieces.last() } else { pieces.first() };
        let starts_inside = lowest.is_none_or(|piece| piece.first > self.read.from);
        let at_the_low_end = if backward { self.next.is_none() } else { first };
        if at_the_low_end && starts_inside && !self.starts_where_a_commit_does() {
            let before = self.piece_before(&pieces, backward).await?;
            let at = if backward { pieces.len() } else { 0 };
            pieces.splice(at..at, before);
        }
        self.note_end(&pieces, first, backward);
        if first && !backward && self.next.is_some() && self.read.to == Version::MAX {
            self.read.to = self.shared.end(&self.read.stream).await?.version;
        }
        check_order(&self.read.stream, &pieces, backward)?;
        Ok(self.take_events(pieces, backward))
    }

    async fn query(&self, from: Version, backward: bool, limit: Option<i32>) -> Result<Page> {
        let to = (self.read.to < Version::MAX).then(|| number(self.read.to.number()));
        let from = (from > Version::FIRST).then(|| number(from.number()));
        let (range, start) = ((from, to), self.next.clone());
        let all = self.shared.query_of(&self.read.stream);
        self.shared.client.query(Query { range, backward, limit, start, ..all }).await
    }

    /// Most items that are needed: each has an event at least.
    fn limit(&self) -> Option<i32> {
        let all = self.read.time == factlog::TimeRange::ALL
            && self.read.recorded == factlog::TimeRange::ALL;
        i32::try_from(self.left).ok().filter(|_| all)
    }

    fn starts_where_a_commit_does(&self) -> bool {
        let before = self.read.from.previous();
        let ended = |end: End| end.version == before;
        before == Version::ZERO || self.shared.ends.find(&self.read.stream).is_some_and(ended)
    }

    /// The piece that begins before the range, if it reaches into it.
    async fn piece_before(&self, pieces: &[Piece], backward: bool) -> Result<Option<Piece>> {
        let lowest = if backward { pieces.last() } else { pieces.first() };
        let below = lowest.map_or(self.read.from, |piece| piece.first).min(self.read.from);
        let mut before = self.read.clone();
        before.to = below.previous().min(self.read.to);
        let query =
            Self { shared: self.shared.clone(), read: before, left: 1, next: None, begun: true };
        let page = query.query(Version::FIRST, true, Some(1)).await?;
        let piece = self.shared.decode_all(page.items).await?.pop();
        Ok(piece.filter(|piece| piece.next() > self.read.from))
    }

    /// A read up to the end of the stream, or back from it, tells where the stream is.
    fn note_end(&self, pieces: &[Piece], first: bool, backward: bool) {
        let to_the_end =
            self.read.to == Version::MAX && if backward { first } else { self.next.is_none() };
        let last = if backward { pieces.first() } else { pieces.last() };
        if let Some(last) = last.filter(|_| to_the_end) {
            self.shared.ends.note(&self.read.stream, End::of(last));
        }
    }

    fn take_events(&mut self, pieces: Vec<Piece>, backward: bool) -> Vec<RecordedEvent> {
        let all = pieces.into_iter().flat_map(|piece| {
            let events = events(piece, Position::ZERO);
            let events: Box<dyn Iterator<Item = _>> =
                if backward { Box::new(events.rev()) } else { Box::new(events) };
            events
        });
        let read = &self.read;
        let asked = |event: &RecordedEvent| {
            (read.from..=read.to).contains(&event.version) && read.matches(event)
        };
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let events: Vec<_> = all.filter(asked).take(left).collect();
        self.left -= events.len() as u64;
        events
    }
}

/// Versions have no gaps: an item that is missing or stands twice is damage, not an answer.
fn check_order(stream: &StreamName, pieces: &[Piece], backward: bool) -> Result<()> {
    let pairs = pieces.windows(2).map(|pair| match pair {
        [one, two] if backward => (two, one),
        [one, two] => (one, two),
        _ => unreachable!("windows of two"),
    });
    match pairs.into_iter().find(|(one, two)| one.next() != two.first) {
        None => Ok(()),
        Some((one, two)) => Err(Error::corrupt(format!(
            "stream {stream} goes on with version {} after version {}",
            two.first,
            one.next().previous()
        ))),
    }
}
