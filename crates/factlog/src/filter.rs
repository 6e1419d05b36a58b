//! Which events of the log a reader wants.

use regex::{Regex, RegexBuilder};

use crate::limits::{FILTER_REGEX_BYTES_MAX, FILTER_TERMS_MAX};
use crate::{Error, EventType, RecordedEvent, Result, StreamName, TimeRange, Timestamp};

/// Which events of the log a reader wants: all that pass *every kind* of condition given. Within
/// one kind, one match is enough: of two categories either, of a category and a type both.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    stream_prefixes: Vec<String>,
    stream_patterns: Vec<Regex>,
    categories: Vec<String>,
    types: Vec<EventType>,
    type_patterns: Vec<Regex>,
    time: TimeRange,
    recorded: TimeRange,
}

impl Filter {
    /// Every event.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Events of streams whose name starts so.
    #[must_use]
    pub fn with_stream_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.stream_prefixes.push(prefix.into());
        self
    }

    /// Events of streams whose name the regular expression finds a match in (syntax of the
    /// `regex` crate; anchor with `^` and `$`).
    ///
    /// # Errors
    /// `Invalid` if the expression is malformed or compiles to more than
    /// [`FILTER_REGEX_BYTES_MAX`] bytes.
    pub fn with_stream_pattern(mut self, pattern: &str) -> Result<Self> {
        self.stream_patterns.push(compile(pattern)?);
        Ok(self)
    }

    /// Events of streams of this category.
    #[must_use]
    pub fn with_category(mut self, category: impl Into<String>) -> Self {
        self.categories.push(category.into());
        self
    }

    /// Events of this type.
    #[must_use]
    pub fn with_type(mut self, event_type: EventType) -> Self {
        self.types.push(event_type);
        self
    }

    /// Events whose type the regular expression finds a match in.
    ///
    /// # Errors
    /// `Invalid` if the expression is malformed or compiles to more than
    /// [`FILTER_REGEX_BYTES_MAX`] bytes.
    pub fn with_type_pattern(mut self, pattern: &str) -> Result<Self> {
        self.type_patterns.push(compile(pattern)?);
        Ok(self)
    }

    /// Events whose writer's time is in the range.
    #[must_use]
    pub fn with_time(mut self, range: TimeRange) -> Self {
        self.time = range;
        self
    }

    /// Events that were recorded in the range.
    #[must_use]
    pub fn with_recorded(mut self, range: TimeRange) -> Self {
        self.recorded = range;
        self
    }

    /// The categories asked for; empty for all.
    #[must_use]
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// The event types asked for; empty for all.
    #[must_use]
    pub fn types(&self) -> &[EventType] {
        &self.types
    }

    /// The recorded times asked for.
    #[must_use]
    pub fn recorded(&self) -> TimeRange {
        self.recorded
    }

    /// Whether it lets every event pass.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.terms() == 0 && self.time == TimeRange::ALL && self.recorded == TimeRange::ALL
    }

    /// Checks the filter against its limits. Each store calls it before it reads.
    ///
    /// # Errors
    /// `TooLarge` with more than [`FILTER_TERMS_MAX`] terms.
    pub fn validate(&self) -> Result<()> {
        match self.terms() {
            terms if terms > FILTER_TERMS_MAX => Err(Error::too_large(format!(
                "a filter has {terms} terms, the limit is {FILTER_TERMS_MAX}"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether the event passes.
    #[must_use]
    pub fn matches(&self, event: &RecordedEvent) -> bool {
        let RecordedEvent { stream, event_type, time, recorded, .. } = event;
        self.matches_parts(stream.as_str(), event_type.as_str(), *time, *recorded)
    }

    /// Whether an event with these parts passes: for stores that decide before they build one.
    #[must_use]
    pub fn matches_parts(
        &self,
        stream: &str,
        event_type: &str,
        time: Timestamp,
        recorded: Timestamp,
    ) -> bool {
        self.may_match(stream, event_type, recorded) && self.time.contains(time)
    }

    /// Whether an event with these parts can pass, whatever the writer's time is: for stores that know
    /// where events are before they have them.
    #[must_use]
    pub fn may_match(&self, stream: &str, event_type: &str, recorded: Timestamp) -> bool {
        one_of(&self.types, |term| term.as_str() == event_type)
            && one_of(&self.categories, |term| term == StreamName::category_of(stream))
            && one_of(&self.stream_prefixes, |term| stream.starts_with(term.as_str()))
            && one_of(&self.stream_patterns, |term| term.is_match(stream))
            && one_of(&self.type_patterns, |term| term.is_match(event_type))
            && self.recorded.contains(recorded)
    }

    fn terms(&self) -> usize {
        self.stream_prefixes.len()
            + self.stream_patterns.len()
            + self.categories.len()
            + self.types.len()
            + self.type_patterns.len()
    }
}

fn one_of<T>(terms: &[T], matches: impl Fn(&T) -> bool) -> bool {
    terms.is_empty() || terms.iter().any(matches)
}

fn compile(pattern: &str) -> Result<Regex> {
    RegexBuilder::new(pattern).size_limit(FILTER_REGEX_BYTES_MAX).build().map_err(|e| {
        Error::invalid(format!("{pattern:?} is not a regular expression that can be used: {e}"))
    })
}
