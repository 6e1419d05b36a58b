//! What a projection is: a name, a filter, a handler, and how it is run.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Documents;
use crate::limits::PROJECTION_LANES_MAX;
use crate::view::{Index, View, validate};
use crate::{Error, Filter, ProjectionName, RecordedEvent, Result};

/// Turns an event into changes of documents.
///
/// It is called again for the same event whenever documents that it asked for had to be fetched
/// first, and after a stop; so it does nothing but ask and change [`Documents`], and the same event
/// on the same documents makes the same changes. An error, or a panic, is dealt with as
/// [`OnPoison`] says; none of the event's changes are kept.
pub trait Handler: Send + Sync + 'static {
    /// Applies one event.
    ///
    /// # Errors
    /// Whatever keeps the event from being applied, and each error of the documents.
    fn handle(&self, event: &RecordedEvent, documents: &mut Documents<'_>) -> Result<()>;

    /// Events with the same key go the same [lane](Definition::lanes), in their order. By default
    /// their stream.
    fn lane_key<'a>(&self, event: &'a RecordedEvent) -> Cow<'a, str> {
        event.stream.as_str().into()
    }
}

impl<F> Handler for F
where
    F: Fn(&RecordedEvent, &mut Documents<'_>) -> Result<()> + Send + Sync + 'static,
{
    fn handle(&self, event: &RecordedEvent, documents: &mut Documents<'_>) -> Result<()> {
        self(event, documents)
    }
}

/// Something to do in the world for an event: send a mail, call a service.
///
/// It is called only while the generation is live, after the event's changes were written, at least
/// once: again if the worker stops between the call and its checkpoint, or if it fails. It has its
/// own checkpoint, that the next generation goes on from, so that a rebuild does nothing twice.
#[async_trait]
pub trait Effect: Send + Sync + 'static {
    /// Does it.
    ///
    /// # Errors
    /// Whatever kept it from being done: it is recorded, and tried again at the next occasion; no
    /// later event's comes before.
    async fn run(&self, event: &RecordedEvent, view: &View) -> Result<()>;
}

/// What becomes of a projection when an event can't be applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPoison {
    /// It fails: it stands before that event until it is started again.
    #[default]
    Stop,
    /// The event is kept in the list of failures, to be [retried](super::Worker::retry), and the
    /// projection goes on.
    Park,
}

/// When new events are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// At once.
    #[default]
    Events,
    /// When so much time has passed, or by hand.
    Every(Duration),
    /// [By hand](super::Projections::trigger).
    Hand,
}

/// The part of a projection that makes its documents what they are. A generation is built by one
/// definition; workers with another leave it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Definition {
    /// Tells handlers apart: to be raised when the handler changes what it makes of the same
    /// events.
    pub version: u32,
    /// The indexes of the view.
    pub indexes: Vec<Index>,
    /// So many workers share the events, each with its own checkpoint, by [`Handler::lane_key`]. A
    /// document belongs to the lane that made it: an event of another lane that asks for it is
    /// poison.
    pub lanes: u16,
}

impl Default for Definition {
    fn default() -> Self {
        Self { version: 1, indexes: Vec::new(), lanes: 1 }
    }
}

impl Definition {
    /// Checks it.
    ///
    /// # Errors
    /// `Invalid` for indexes that can't be declared, or lanes out of bounds or with a unique index.
    pub fn validate(&self) -> Result<()> {
        validate(&self.indexes)?;
        if self.lanes == 0 || self.lanes > PROJECTION_LANES_MAX {
            let lanes = self.lanes;
            let message =
                format!("a projection has {lanes} lanes, it may have 1 to {PROJECTION_LANES_MAX}");
            return Err(Error::invalid(message));
        }
        let unique = self.indexes.iter().find(|index| index.unique);
        match unique {
            // Which of two documents comes first would depend on which lane is ahead.
            Some(index) if self.lanes > 1 => Err(Error::invalid(format!(
                "index {} is unique: the projection has to have one lane",
                index.field
            ))),
            _ => Ok(()),
        }
    }
}

/// A projection, to be run by a [`Worker`](super::Worker).
#[derive(Clone)]
#[non_exhaustive]
pub struct Projection {
    /// Its name and its view's.
    pub name: ProjectionName,
    /// What makes its documents what they are.
    pub definition: Definition,
    /// The events that it is made of.
    pub filter: Filter,
    /// Applies them.
    pub handler: Arc<dyn Handler>,
    /// What becomes of it when an event can't be applied.
    pub on_poison: OnPoison,
    /// When it looks for new events.
    pub trigger: Trigger,
    /// What is done for an event once it is live.
    pub effect: Option<Arc<dyn Effect>>,
}

impl Projection {
    /// A projection of all events.
    #[must_use]
    pub fn new(name: ProjectionName, handler: impl Handler) -> Self {
        Self {
            name,
            definition: Definition::default(),
            filter: Filter::all(),
            handler: Arc::new(handler),
            on_poison: OnPoison::default(),
            trigger: Trigger::default(),
            effect: None,
        }
    }

    /// Only of these events.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// With this index, too.
    #[must_use]
    pub fn with_index(mut self, index: Index) -> Self {
        self.definition.indexes.push(index);
        self
    }

    /// Its handler is of this version.
    #[must_use]
    pub fn with_version(mut self, version: u32) -> Self {
        self.definition.version = version;
        self
    }

    /// In so many lanes.
    #[must_use]
    pub fn with_lanes(mut self, lanes: u16) -> Self {
        self.definition.lanes = lanes;
        self
    }

    /// It deals so with an event that can't be applied.
    #[must_use]
    pub fn on_poison(mut self, on_poison: OnPoison) -> Self {
        self.on_poison = on_poison;
        self
    }

    /// It looks for new events then.
    #[must_use]
    pub fn with_trigger(mut self, trigger: Trigger) -> Self {
        self.trigger = trigger;
        self
    }

    /// Once live, this is done for each event.
    #[must_use]
    pub fn with_effect(mut self, effect: impl Effect) -> Self {
        self.effect = Some(Arc::new(effect));
        self
    }
}

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, definition, filter, on_poison, trigger, .. } = self;
        let mut shown = f.debug_struct("Projection");
        shown.field("name", name).field("definition", definition).field("filter", filter);
        shown.field("on_poison", on_poison).field("trigger", trigger).finish_non_exhaustive()
    }
}
