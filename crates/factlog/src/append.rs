//! One atomic write: to several streams, of several events, on conditions.

use std::collections::HashSet;
use std::fmt;

use crate::limits::{APPEND_BYTES_MAX, APPEND_EVENTS_MAX, APPEND_STREAMS_MAX};
use crate::{Error, Event, Position, Result, StreamName, Timestamp, Version};

/// What must hold of a stream for an append to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    #[default]
    Any,
    /// The stream has no event yet.
    NoStream,
    /// The stream has at least one event.
    StreamExists,
    /// The stream is at this version.
    Exact(Version),
}

impl Expected {
    /// Whether it holds of a stream at this version.
    #[must_use]
    pub fn holds_at(self, actual: Version) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual == Version::ZERO,
            Self::StreamExists => actual > Version::ZERO,
            Self::Exact(version) => actual == version,
        }
    }

    /// The one version at which it holds, where there is only one.
    #[must_use]
    pub fn version(self) -> Option<Version> {
        match self {
            Self::Any | Self::StreamExists => None,
            Self::NoStream => Some(Version::ZERO),
            Self::Exact(version) => Some(version),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no stream"),
            Self::StreamExists => f.write_str("a stream that exists"),
            Self::Exact(version) => write!(f, "version {version}"),
        }
    }
}

/// What an append does to one stream. Without events it only checks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamName,
    /// What must hold of it.
    pub expected: Expected,
    /// The events to append to it, in order.
    pub events: Vec<Event>,
}

/// One atomic write over one or more streams: all of it happens, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Append {
    streams: Vec<StreamAppend>,
}

impl Append {
    /// Appends the events to one stream.
    #[must_use]
    pub fn to(stream: StreamName, expected: Expected, events: Vec<Event>) -> Self {
        Self { streams: vec![StreamAppend { stream, expected, events }] }
    }

    /// Also appends the events to another stream. Events take positions in the order given.
    #[must_use]
    pub fn and(mut self, stream: StreamName, expected: Expected, events: Vec<Event>) -> Self {
        self.streams.push(StreamAppend { stream, expected, events });
        self
    }

    /// Also checks a stream that it does not write.
    #[must_use]
    pub fn check(self, stream: StreamName, expected: Expected) -> Self {
        self.and(stream, expected, Vec::new())
    }

    /// What it does to each stream, in the order given.
    #[must_use]
    pub fn streams(&self) -> &[StreamAppend] {
        &self.streams
    }

    /// The same, to be taken apart.
    #[must_use]
    pub fn into_streams(self) -> Vec<StreamAppend> {
        self.streams
    }

    /// Its events over all streams.
    #[must_use]
    pub fn event_count(&self) -> usize {
        self.streams.iter().map(|part| part.events.len()).sum()
    }

    /// The bytes that count towards [`APPEND_BYTES_MAX`].
    #[must_use]
    pub fn size(&self) -> usize {
        let part_size = |part: &StreamAppend| -> usize {
            let name = part.stream.as_str().len();
            part.events.iter().map(|event| name + event.size()).sum()
        };
        self.streams.iter().map(part_size).sum()
    }

    /// Checks all that can be known without a store. Each store calls it first.
    ///
    /// # Errors
    /// `Invalid` without any event or with a stream named twice; `TooLarge` over a limit.
    pub fn validate(&self) -> Result<()> {
        let events = self.event_count();
        if events == 0 {
            return Err(Error::invalid("an append has no event"));
        }
        for (what, count, limit) in [
            ("events", events, APPEND_EVENTS_MAX),
            ("streams", self.streams.len(), APPEND_STREAMS_MAX),
            ("bytes", self.size(), APPEND_BYTES_MAX),
        ] {
            if count > limit {
                let message = format!("an append has {count} {what}, the limit is {limit}");
                return Err(Error::too_large(message));
            }
        }
        if let [_one] = self.streams.as_slice() {
        } else {
            let mut seen = HashSet::with_capacity(self.streams.len());
            if let Some(twice) = self.streams.iter().find(|part| !seen.insert(&part.stream)) {
                let message = format!("an append names stream {} twice", twice.stream);
                return Err(Error::invalid(message));
            }
        }
        self.streams.iter().flat_map(|part| &part.events).try_for_each(Event::check)
    }
}

/// What a successful append left behind. A repeated append is answered with the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// For each stream that was written, in the order given, the version of its last new event.
    pub versions: Vec<(StreamName, Version)>,
    /// The position of its last event; `None` where the store places events after the append.
    pub position: Option<Position>,
    /// When it was recorded.
    pub recorded: Timestamp,
}

impl Appended {
    /// The answer to an append.
    #[must_use]
    pub fn new(
        versions: Vec<(StreamName, Version)>,
        position: Option<Position>,
        recorded: Timestamp,
    ) -> Self {
        Self { versions, position, recorded }
    }

    /// The version of the last new event of the first stream that was written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.versions.first().map_or(Version::ZERO, |(_, version)| *version)
    }
}
