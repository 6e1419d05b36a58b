//! The record of a projection: which generations it has, and the state of each.
//!
//! ```text
//!   partition "projections", sort key NAME
//!
//!              +--------------------------------- rebuild, reset: the next number ------+
//!              v                                                                        |
//!   create -> building -- caught up, or switch --> live -- the next is switched to --> superseded -- sweep --> gone
//!               |  ^                                | ^
//!      failed   v  | start, skip                    v |                paused: the whole projection
//! ```
//!
//! One item says it all, so that a switch is one conditional write, and a worker that checks this
//! one revision with each of its own writes knows that nothing was decided meanwhile.

use serde::{Deserialize, Serialize};

use super::Definition;
use crate::limits::PROJECTION_TRANSITIONS_MAX;
use crate::state::{Item, Key, Partition, Revision};
use crate::{Error, EventType, Position, ProjectionName, RecordedEvent, Result, StreamName};
use crate::{Timestamp, Version};

/// The state of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectionState {
    /// It reads the log, and nobody its documents.
    Building,
    /// Queries read its documents.
    Live,
    /// It stands still until it is started.
    Paused,
    /// It stands before an event that it can't apply, until it is started.
    Failed,
    /// It is over; its documents can be swept.
    Retired,
}

/// When a generation that is being built goes live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// As soon as it has caught up with the log.
    #[default]
    WhenCaughtUp,
    /// [When it is told to](super::Projections::switch).
    ByHand,
}

/// An event that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// Its place in the log.
    pub position: Position,
    /// Its stream.
    pub stream: StreamName,
    /// Its place there.
    pub version: Version,
    /// Its type.
    pub event_type: EventType,
    /// Why it could not be applied.
    pub message: String,
    /// When that was seen.
    pub at: Timestamp,
    /// The lane that it went.
    #[serde(default)]
    pub lane: u16,
    /// When somebody decided to [go on without it](super::Projections::skip).
    pub skipped: Option<Timestamp>,
}

impl Failure {
    pub(super) fn new(event: &RecordedEvent, error: &Error, at: Timestamp) -> Self {
        let RecordedEvent { position, stream, version, event_type, .. } = event.clone();
        let message = error.to_string();
        Self { position, stream, version, event_type, message, at, lane: 0, skipped: None }
    }
}

/// One build of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Generation {
    /// Counted from 1 in each projection; never used again.
    pub number: u64,
    /// What builds it.
    pub definition: Definition,
    /// When it goes live.
    pub switch: Switch,
    /// The event that it stands before.
    pub failure: Option<Failure>,
}

/// A change of a generation's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Of which generation.
    pub generation: u64,
    /// What it became.
    pub state: ProjectionState,
}

/// What is known of a projection, but for how far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The generation that queries read.
    pub live: Option<Generation>,
    /// The one that is being built.
    pub building: Option<Generation>,
    /// Those that are over, and whose documents are still there.
    pub superseded: Vec<Generation>,
    /// Whether all stand still.
    pub paused: bool,
    /// Whether it is over.
    pub retired: bool,
    /// The last transitions, at most [`PROJECTION_TRANSITIONS_MAX`].
    pub transitions: Vec<Transition>,
    /// The number of the newest generation.
    pub newest: u64,
}

impl Record {
    /// The generations that are not over.
    pub fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.live.iter().chain(&self.building)
    }

    /// The state of a generation.
    #[must_use]
    pub fn state_of(&self, generation: &Generation) -> ProjectionState {
        let is = |other: &Option<Generation>| {
            other.as_ref().is_some_and(|other| other.number == generation.number)
        };
        match (is(&self.live), is(&self.building)) {
            (false, false) => ProjectionState::Retired,
            _ if generation.failure.is_some() => ProjectionState::Failed,
            _ if self.paused => ProjectionState::Paused,
            (true, _) => ProjectionState::Live,
            (false, true) => ProjectionState::Building,
        }
    }

    /// The generations that a worker with this definition drives on.
    pub(super) fn running<'a>(
        &'a self,
        definition: &'a Definition,
    ) -> impl Iterator<Item = &'a Generation> {
        let runs = [ProjectionState::Building, ProjectionState::Live];
        let ours =
            self.generations().filter(move |generation| generation.definition == *definition);
        ours.filter(move |generation| runs.contains(&self.state_of(generation)))
    }

    /// Begins to build the next generation; one that was being built is over.
    pub(super) fn build(&mut self, definition: Definition, switch: Switch) {
        self.newest += 1;
        let next = Generation { number: self.newest, definition, switch, failure: None };
        self.superseded.extend(self.building.replace(next));
        self.retired = false;
    }

    /// Makes the one that is being built live.
    pub(super) fn switch(&mut self) {
        if let Some(next) = self.building.take() {
            self.superseded.extend(self.live.replace(next));
        }
    }

    /// Ends all generations.
    pub(super) fn retire(&mut self) {
        let over = self.live.take().into_iter().chain(self.building.take());
        self.superseded.extend(over);
        self.retired = true;
    }

    pub(super) fn fail(&mut self, generation: u64, failure: &Failure) {
        let all = self.live.iter_mut().chain(&mut self.building);
        for generation in all.filter(|other| other.number == generation) {
            generation.failure = Some(failure.clone());
        }
    }

    /// Lets the generations that stand before this event go on; answers which, and why they stood there.
    pub(super) fn skip(&mut self, position: Position) -> Vec<(u64, Failure)> {
        let all = self.live.iter_mut().chain(&mut self.building);
        all.filter_map(|generation| {
            let failure = generation.failure.take_if(|failure| failure.position == position)?;
            Some((generation.number, failure))
        })
        .collect()
    }

    pub(super) fn start(&mut self) {
        self.paused = false;
        for generation in self.live.iter_mut().chain(&mut self.building) {
            generation.failure = None;
        }
    }

    /// Takes note of what is another state than before.
    pub(super) fn note(&mut self, before: &Self, at: Timestamp) {
        let all = self.live.iter().chain(&self.building).chain(&self.superseded);
        let states: Vec<_> =
            all.map(|generation| (generation.number, self.state_of(generation))).collect();
        let earlier = before.generations().chain(&before.superseded);
        let earlier: Vec<_> =
            earlier.map(|generation| (generation.number, before.state_of(generation))).collect();
        let changed = states.into_iter().filter(|state| !earlier.contains(state));
        let changed = changed.map(|(generation, state)| Transition { at, generation, state });
        self.transitions.extend(changed);
        let surplus = self.transitions.len().saturating_sub(PROJECTION_TRANSITIONS_MAX);
        self.transitions.drain(..surplus);
    }
}

/// A record, with the write that put it.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) record: Record,
    pub(super) revision: Revision,
}

impl Registered {
    pub(super) fn decode(item: &Item) -> Result<Self> {
        let record = serde_json::from_slice(&item.value).map_err(|e| {
            let message =
                format!("the record of a projection is not what was written: {}", item.key);
            Error::corrupt(message).with_source(e)
        })?;
        Ok(Self { record, revision: item.revision })
    }
}

pub(super) fn encode(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("records can be written as JSON")
}

/// Where the records of all projections lie.
pub(super) fn partition() -> Result<Partition> {
    Partition::new("projections")
}

pub(super) fn key(name: &ProjectionName) -> Result<Key> {
    Key::new(partition()?, name.as_str().to_owned())
}
