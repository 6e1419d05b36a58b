//! Reading: a plan for each request, then events pulled one by one.
//!
//! ```text
//!   a stream             places of its events from the index  ─> gather
//!   the log, all of it   landmark from the index              ─> scan
//!   by category or type  places on those lists from the index ─> gather
//!   by anything else     landmark from the index              ─> scan, each event tested
//! ```
//!
//! A read sees the log up to the tail as it was when it was asked for. Files are read on the thread
//! that pulls, in pieces of bounded size: from the page cache that takes microseconds. After each
//! [`PULLS_MAX`] events a read steps aside once, so that it never holds an executor's thread.

mod gather;
mod scan;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use factlog::{
    Direction, EventStream, Position, ReadLog, ReadStream, RecordedEvent, Result, StreamName,
    TimeRange, Timestamp, Version,
};
use futures::Stream;

use crate::frame::EVENT_BYTES_MIN;
use crate::index::part::{Landmark, List};
use crate::limits::LANDMARK_BYTES;
use crate::segment::Segment;
use crate::shared::Shared;
use gather::{Gather, ListPlaces, StreamPlaces};
use scan::{BackwardScan, Scan};

/// Events that a read yields before it lets other tasks run.
const PULLS_MAX: u32 = 1_024;

/// Events that are read as they are asked for.
pub(crate) type Events = Box<dyn Iterator<Item = Result<RecordedEvent>> + Send>;

/// Reads a stream.
pub(crate) fn stream(shared: &Arc<Shared>, read: ReadStream) -> EventStream {
    let plan = shared.open_tail().and_then(|_| {
        let head = shared.index.head(&read.stream)?.unwrap_or_default();
        let range = (read.from.max(Version::FIRST), read.to.min(head.version));
        let places =
            StreamPlaces::new(Arc::clone(shared), read.stream.clone(), range, read.direction);
        let (limit, all) =
            (read.limit, (read.time, read.recorded) == (TimeRange::ALL, TimeRange::ALL));
        let events = Gather::new(Arc::clone(shared), places, limit);
        let wanted = move |event: &Result<RecordedEvent>| match event {
            Ok(event) => read.matches(event),
            Err(_) => true,
        };
        let events: Events = if all { Box::new(events) } else { Box::new(events.filter(wanted)) };
        Ok((events, limit))
    });
    pulled(plan)
}

/// Reads the log.
pub(crate) fn log(shared: &Arc<Shared>, read: ReadLog) -> EventStream {
    pulled(plan_log(shared, read))
}

/// The events that a read of the log asks for, and its limit.
pub(crate) fn plan_log(shared: &Arc<Shared>, read: ReadLog) -> Result<(Events, u64)> {
    read.filter.validate()?;
    let tail = shared.open_tail()?;
    let ReadLog { from, to, direction, limit, filter, .. } = read;
    let (from, to) = bounds(shared, tail, (from, to), filter.recorded())?;
    if from > to {
        return Ok((Box::new(std::iter::empty()), limit));
    }
    let mut names: Vec<String> = filter.types().iter().map(ToString::to_string).collect();
    let mut list = List::Type;
    if names.is_empty() {
        (names, list) = (filter.categories().to_vec(), List::Category);
    }
    if names.is_empty() {
        let shared = Arc::clone(shared);
        let events: Events = match direction {
            Direction::Forward => Box::new(Scan::new(shared, tail, (from, to), filter)),
            Direction::Backward => Box::new(BackwardScan::new(shared, tail, (from, to), filter)),
        };
        return Ok((events, limit));
    }
    let start = start_of(shared, from)?.address;
    let places = ListPlaces::new(Arc::clone(shared), list, names, (start, tail.address), direction);
    let events = Gather::new(Arc::clone(shared), places, u64::MAX);
    let wanted = move |event: &Result<RecordedEvent>| match event {
        Ok(event) => (from..=to).contains(&event.position) && filter.matches(event),
        Err(_) => true,
    };
    let beyond = move |event: &Result<RecordedEvent>| match (event, direction) {
        (Ok(event), Direction::Forward) => event.position > to,
        (Ok(event), Direction::Backward) => event.position < from,
        (Err(_), _) => false,
    };
    Ok((Box::new(events.take_while(move |event| !beyond(event)).filter(wanted)), limit))
}

/// The positions that a read of this range of positions and of recorded time can have.
fn bounds(
    shared: &Shared,
    tail: Landmark,
    (from, to): (Position, Position),
    recorded: TimeRange,
) -> Result<(Position, Position)> {
    let (mut from, mut to) = (from.max(Position::FIRST), to.min(tail.position));
    if let Some(since) = recorded.since {
        from = from.max(shared.index.position_before(since, tail.position)?);
    }
    if let Some(until) = recorded.until {
        let behind = Timestamp::from_unix_nanos(until.unix_nanos().saturating_add(1));
        let landmark = shared.index.position_before(behind, tail.position)?;
        to = to.min(landmark.plus(LANDMARK_BYTES / EVENT_BYTES_MIN as u64 + 1));
    }
    Ok((from, to))
}

/// A place at or before the position from which frames can be read.
fn start_of(shared: &Shared, position: Position) -> Result<Landmark> {
    let first = shared.segments.all().first().map_or(0, Segment::start);
    let start = Landmark { position: Position::FIRST, address: first, ..Landmark::default() };
    Ok(shared.index.landmark(position)?.unwrap_or(start))
}

/// All events of the stream in the range of versions, which has to be small.
pub(crate) fn events_at(
    shared: &Arc<Shared>,
    stream: &StreamName,
    from: Version,
    to: Version,
) -> Result<Vec<RecordedEvent>> {
    let direction = Direction::Forward;
    let places = StreamPlaces::new(Arc::clone(shared), stream.clone(), (from, to), direction);
    Gather::new(Arc::clone(shared), places, u64::MAX).collect()
}

fn pulled(plan: Result<(Events, u64)>) -> EventStream {
    let (events, left) = plan.unwrap_or_else(|error| (Box::new(std::iter::once(Err(error))), 1));
    Box::pin(Pulled { events: Some(events), left, pulls: 0 })
}

/// An iterator as a stream, which ends at its limit or after the first error.
struct Pulled {
    events: Option<Events>,
    /// Events that it may still yield.
    left: u64,
    /// Events since it last stepped aside.
    pulls: u32,
}

impl Stream for Pulled {
    type Item = Result<RecordedEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.pulls == PULLS_MAX {
            self.pulls = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.pulls += 1;
        if self.left == 0 {
            self.events = None;
        }
        let Some(events) = &mut self.events else { return Poll::Ready(None) };
        let event = events.next();
        match &event {
            Some(Ok(_)) => self.left -= 1,
            Some(Err(_)) | None => self.events = None,
        }
        Poll::Ready(event)
    }
}
