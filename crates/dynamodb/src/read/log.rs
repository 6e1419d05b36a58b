//! Reads of the log: pages, what of them can pass the filter, and the items of that.
//!
//! ```text
//!   log table      page 1..40         page 41..97         ...     consistent, checked for gaps
//!                  │ │    │           │
//!   filter         x │    x           x                           by stream, category, type, recorded time
//!   events table     get              ...                         in batches, a few of them at once
//! ```
//!
//! Only the writer's time has to be looked for in the events themselves.

use std::collections::VecDeque;

use factlog::{
    Direction, Error, EventStream, EventType, Position, ReadLog, RecordedEvent, Result, TimeRange,
};
use futures::stream::{BoxStream, iter, try_unfold};
use futures::{StreamExt, TryStreamExt};

use super::events;
use super::fetch::{self, Wanted};
use crate::item::Item;
use crate::limits::{BATCH_GET_KEYS_MAX, BATCHES_AT_ONCE, PAGES_FIRST, PAGES_MAX};
use crate::log::page::Page;
use crate::shared::Shared;

/// The events of the read, one by one.
pub(crate) fn read_log(shared: Shared, read: ReadLog) -> EventStream {
    let limit = usize::try_from(read.limit).unwrap_or(usize::MAX);
    let backward = read.direction == Direction::Backward;
    let asked = read.clone();
    let matches = move |event: &RecordedEvent| {
        (asked.from..=asked.to).contains(&event.position) && asked.filter.matches(event)
    };
    let for_fetch = shared.clone();
    let batches = wanted(shared, read).map_ok(move |batch| {
        let shared = for_fetch.clone();
        async move { fetch::pieces(&shared, &batch).await }
    });
    let pieces = batches.try_buffered(BATCHES_AT_ONCE);
    let all = pieces.map_ok(move |pieces| {
        let matches = matches.clone();
        let events = pieces.into_iter().flat_map(move |(position, piece)| {
            let events = events(piece, position);
            let events: Box<dyn Iterator<Item = _> + Send> =
                if backward { Box::new(events.rev()) } else { Box::new(events) };
            events
        });
        iter(events.filter(move |event| matches(event)).map(Ok))
    });
    Box::pin(all.try_flatten().take(limit))
}

/// The items that the read needs, in batches.
fn wanted(shared: Shared, read: ReadLog) -> BoxStream<'static, Result<Vec<Wanted>>> {
    let (found, pages) = (VecDeque::new(), PAGES_FIRST);
    let walk = Walk { shared, read, next: None, expected: None, found, pages, begun: false };
    Box::pin(try_unfold(Some(walk), |walk| async move {
        let Some(mut walk) = walk else { return Ok(None) };
        let batch = walk.batch().await?;
        let more = !batch.is_empty();
        Ok(more.then_some((batch, Some(walk))))
    }))
}

/// A walk over the pages of the log.
struct Walk {
    shared: Shared,
    read: ReadLog,
    /// Where the next query begins.
    next: Option<Item>,
    /// Where the next page has to begin, or backward to end.
    expected: Option<Position>,
    /// Items of pages that were read.
    found: VecDeque<Wanted>,
    /// Pages that the next query answers: few at first, for who wants few events.
    pages: i32,
    begun: bool,
}

impl Walk {
    fn backward(&self) -> bool {
        self.read.direction == Direction::Backward
    }

    /// The next items that can pass the filter; none at the end.
    async fn batch(&mut self) -> Result<Vec<Wanted>> {
        let most = usize::try_from(self.read.limit).unwrap_or(usize::MAX).min(BATCH_GET_KEYS_MAX);
        while self.found.len() < most && (!self.begun || self.next.is_some()) {
            if !self.begin().await? {
                break;
            }
            let (from, to, backward) = (self.read.from, self.read.to, self.backward());
            let (limit, start) = (Some(self.pages), self.next.take());
            let (pages, next) = self.shared.pages(from, to, backward, limit, start).await?;
            self.next = next;
            self.pages = (2 * self.pages).min(PAGES_MAX);
            for page in pages {
                self.take(&page)?;
            }
        }
        let count = most.min(self.found.len());
        Ok(self.found.drain(..count).collect())
    }

    /// Fixes the range before the first query; answers whether there is anything to read.
    async fn begin(&mut self) -> Result<bool> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(true);
        }
        let head = self.shared.head().await?;
        self.read.to = self.read.to.min(head);
        let recorded = self.read.filter.recorded();
        if recorded != TimeRange::ALL {
            self.narrow(recorded).await?;
        }
        self.read.from = self.read.from.max(Position::FIRST);
        if self.read.limit == 0 || self.read.from > self.read.to {
            return Ok(false);
        }
        // The keys of pages are their first positions; the events before `from` are left out later.
        if self.read.from > Position::FIRST
            && let Some(page) = self.shared.page_at(self.read.from).await?
        {
            self.read.from = page.first;
        }
        self.expected = (!self.backward()).then_some(self.read.from);
        Ok(true)
    }

    /// Leaves out the pages before the first event that was recorded in the range.
    async fn narrow(&mut self, recorded: TimeRange) -> Result<()> {
        if let Some(since) = recorded.since {
            let first = self.shared.first_page_recorded_since(since, self.read.to).await?;
            self.read.from = self.read.from.max(first);
        }
        Ok(())
    }

    fn take(&mut self, page: &Page) -> Result<()> {
        let (at, following) =
            if self.backward() { (page.next(), page.first) } else { (page.first, page.next()) };
        if let Some(expected) = self.expected.replace(following).filter(|expected| *expected != at)
        {
            return Err(Error::corrupt(format!(
                "the log has a gap: a page was expected at position {expected}, the next is at {at}"
            )));
        }
        let mut wanted = Vec::new();
        let mut position = page.first;
        for entry in &page.entries {
            let passes = |event_type: &EventType| {
                let stream = entry.stream.as_str();
                self.read.filter.may_match(stream, event_type.as_str(), entry.recorded)
            };
            if position <= self.read.to && entry.types.iter().any(passes) {
                wanted.push(Wanted { stream: entry.stream.clone(), first: entry.first, position });
            }
            position = position.plus(entry.types.len() as u64);
        }
        if self.backward() {
            wanted.reverse();
        }
        self.found.extend(wanted);
        Ok(())
    }
}
