//! What a reader asks for: a range, a direction, a limit.
//!
//! A range is the same whatever the direction; the direction says which end comes first.

use crate::{Filter, Position, RecordedEvent, StreamName, TimeRange, Timestamp, Version};

/// Which end of a range comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// The oldest first.
    #[default]
    Forward,
    /// The newest first.
    Backward,
}

/// A read of one stream. By default all of it, forward.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadStream {
    /// The stream; one without events reads as empty.
    pub stream: StreamName,
    /// The lowest version of the range, itself included.
    pub from: Version,
    /// The highest version of the range, itself included.
    pub to: Version,
    /// Which end comes first.
    pub direction: Direction,
    /// Most events to answer.
    pub limit: u64,
    /// Only events whose writer's time is in this range.
    pub time: TimeRange,
    /// Only events recorded in this range.
    pub recorded: TimeRange,
}

impl ReadStream {
    /// All events of the stream, forward.
    #[must_use]
    pub fn new(stream: StreamName) -> Self {
        Self {
            stream,
            from: Version::FIRST,
            to: Version::MAX,
            direction: Direction::Forward,
            limit: u64::MAX,
            time: TimeRange::ALL,
            recorded: TimeRange::ALL,
        }
    }

    /// From this version on, itself included.
    #[must_use]
    pub fn from(mut self, version: Version) -> Self {
        self.from = version;
        self
    }

    /// Up to this version, itself included.
    #[must_use]
    pub fn to(mut self, version: Version) -> Self {
        self.to = version;
        self
    }

    /// The newest first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// At most so many events.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Only events whose writer's time is in the range.
    #[must_use]
    pub fn with_time(mut self, range: TimeRange) -> Self {
        self.time = range;
        self
    }

    /// Only events that were recorded in the range: the stream as it was then.
    #[must_use]
    pub fn with_recorded(mut self, range: TimeRange) -> Self {
        self.recorded = range;
        self
    }

    /// Whether an event of the stream is in the times asked for.
    #[must_use]
    pub fn matches(&self, event: &RecordedEvent) -> bool {
        self.time.contains(event.time) && self.recorded.contains(event.recorded)
    }
}

/// A read of the log. By default all of it, forward.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadLog {
    /// The lowest position of the range, itself included.
    pub from: Position,
    /// The highest position of the range, itself included.
    pub to: Position,
    /// Which end comes first.
    pub direction: Direction,
    /// Most events to answer.
    pub limit: u64,
    /// Which events to answer.
    pub filter: Filter,
}

impl Default for ReadLog {
    fn default() -> Self {
        Self {
            from: Position::FIRST,
            to: Position::MAX,
            direction: Direction::Forward,
            limit: u64::MAX,
            filter: Filter::all(),
        }
    }
}

impl ReadLog {
    /// All events of the log, forward.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From this position on, itself included.
    #[must_use]
    pub fn from(mut self, position: Position) -> Self {
        self.from = position;
        self
    }

    /// Up to this position, itself included.
    #[must_use]
    pub fn to(mut self, position: Position) -> Self {
        self.to = position;
        self
    }

    /// The newest first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// At most so many events.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Only events that pass the filter.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }
}

/// A page of the list of streams, in the order in which they were created. By default the first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListStreams {
    /// Only streams of this category.
    pub category: Option<String>,
    /// Only streams whose first event was recorded in this range.
    pub created: TimeRange,
    /// The oldest or the newest first.
    pub direction: Direction,
    /// Most streams to answer, at least 1 and at most [`STREAM_PAGE_MAX`](crate::limits::STREAM_PAGE_MAX).
    pub limit: usize,
    /// Where the page before this one ended.
    pub after: Option<PageToken>,
}

impl Default for ListStreams {
    fn default() -> Self {
        Self {
            category: None,
            created: TimeRange::ALL,
            direction: Direction::Forward,
            limit: 100,
            after: None,
        }
    }
}

impl ListStreams {
    /// The first page of all streams, the oldest first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only streams of this category.
    #[must_use]
    pub fn with_category(mut self, category: impl Into<String>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// Only streams whose first event was recorded in the range.
    #[must_use]
    pub fn with_created(mut self, range: TimeRange) -> Self {
        self.created = range;
        self
    }

    /// The newest first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// At most so many streams on the page.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The page after this one.
    #[must_use]
    pub fn after(mut self, token: PageToken) -> Self {
        self.after = Some(token);
        self
    }

    /// Checks the request against its limits. Each store calls it first.
    ///
    /// # Errors
    /// `Invalid` if the limit is 0 or above [`STREAM_PAGE_MAX`](crate::limits::STREAM_PAGE_MAX).
    pub fn validate(&self) -> crate::Result<()> {
        let max = crate::limits::STREAM_PAGE_MAX;
        if self.limit == 0 || self.limit > max {
            let limit = self.limit;
            let message = format!("a page of {limit} streams was asked for, it holds 1 to {max}");
            return Err(crate::Error::invalid(message));
        }
        Ok(())
    }
}

/// Where a page of streams ended: opaque, to be given back to the same store with the same request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(String);

impl PageToken {
    /// A store's own text for the place.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One page of streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamPage {
    /// The streams of the page.
    pub streams: Vec<StreamInfo>,
    /// Where the page ended; `None` after the last page.
    pub next: Option<PageToken>,
}

impl StreamPage {
    /// A page of these streams.
    #[must_use]
    pub fn new(streams: Vec<StreamInfo>, next: Option<PageToken>) -> Self {
        Self { streams, next }
    }
}

/// A stream in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its name.
    pub stream: StreamName,
    /// When its first event was recorded.
    pub created: Timestamp,
    /// Its version when the page was made; `None` where the list does not know it.
    pub version: Option<Version>,
}

impl StreamInfo {
    /// A stream in a listing.
    #[must_use]
    pub fn new(stream: StreamName, created: Timestamp, version: Option<Version>) -> Self {
        Self { stream, created, version }
    }
}
