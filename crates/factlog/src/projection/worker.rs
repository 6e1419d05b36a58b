//! A worker drives a projection: all lanes of the generations that its definition builds, and the
//! effects.
//!
//! ```text
//!   read the record --> which generations run --> lanes, effects, and a look at the record now and then
//!        ^                                                            |
//!        +------------- the first to see a change ends all -----------+
//! ```
//!
//! A worker may be dropped at any time, and any number of them may run the same projection: see
//! `lane.rs`. It waits for events, for time or for a call, as its [`Trigger`] says; an error that
//! may pass is tried again after [`RETRY`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use futures::future::{BoxFuture, FutureExt, select, select_all, try_join_all};

use super::effects::Effects;
use super::lane::{Lane, Stop};
use super::record::Registered;
use super::{
    Failure, Generation, Projection, ProjectionInfo, ProjectionState, Projections, Trigger,
};
use crate::{Error, Position, ReadLog, RecordedEvent, Result, Timer};

/// How often the record is looked at, for changes by other processes.
const LOOK: Duration = Duration::from_secs(1);
/// How long a worker waits after an error that may pass.
const RETRY: Duration = Duration::from_secs(1);

/// Drives a projection.
#[derive(Clone, Debug)]
pub struct Worker {
    projections: Arc<Projections>,
    projection: Arc<Projection>,
}

impl Worker {
    /// A worker for the projection.
    #[must_use]
    pub fn new(projections: &Arc<Projections>, projection: Projection) -> Self {
        Self { projections: Arc::clone(projections), projection: Arc::new(projection) }
    }

    /// Registers the projection if it is new, brings it to the head of the log as it is now, and
    /// ends.
    ///
    /// # Errors
    /// `Invalid` if no generation is built by its definition (rebuild it), or if it can't be
    /// registered; whatever keeps the log from being read or the state from being written.
    pub async fn catch_up(&self) -> Result<ProjectionInfo> {
        let head = self.projections.store.head().await?;
        loop {
            let registered = self.registered().await?;
            match self.catch_up_once(&registered, head).await {
                Ok(()) => return self.projections.info(&self.projection.name).await,
                Err(Stop::Changed) => {}
                Err(Stop::Error(error)) => return Err(error),
            }
        }
    }

    /// Registers the projection if it is new, and drives it until it is retired.
    ///
    /// # Errors
    /// As [`catch_up`](Worker::catch_up), but for errors that may pass.
    pub async fn run(&self, timer: &dyn Timer) -> Result<()> {
        loop {
            match self.run_once(timer).await {
                Ok(()) => return Ok(()),
                Err(Stop::Changed) => {}
                Err(Stop::Error(error)) if error.is_retryable() => timer.sleep(RETRY).await,
                Err(Stop::Error(error)) => return Err(error),
            }
        }
    }

    /// Applies an event that was parked to the documents as they are now, and takes it off the list
    /// of failures.
    ///
    /// # Errors
    /// `NotFound` if no event of this position is parked; why it still can't be applied; else as
    /// [`catch_up`](Worker::catch_up).
    pub async fn retry(&self, position: Position) -> Result<()> {
        let name = &self.projection.name;
        loop {
            let failures = self.projections.failures(name, position.previous()).await?;
            let is_parked =
                failures.first().map(|failure: &Failure| failure.position) == Some(position);
            if !is_parked {
                let message = format!("projection {name} has not parked the event at {position}");
                return Err(Error::not_found(message));
            }
            let event = self.event(position).await?;
            match self.retry_once(&event).await {
                Ok(()) => return Ok(()),
                Err(Stop::Changed) => {}
                Err(Stop::Error(error)) => return Err(error),
            }
        }
    }

    async fn registered(&self) -> Result<Registered> {
        let Projection { name, definition, .. } = &*self.projection;
        definition.validate()?;
        let found = self.projections.registered(name).await;
        let is_new = matches!(&found, Err(error) if *error.kind() == crate::ErrorKind::NotFound);
        if is_new {
            self.projections.create(name, definition).await?;
        }
        let registered = if is_new { self.projections.registered(name).await } else { found }?;
        let record = &registered.record;
        let is_ours = record.generations().any(|generation| generation.definition == *definition);
        if is_ours || record.retired {
            return Ok(registered);
        }
        Err(Error::invalid(format!(
            "no generation of projection {name} is built by version {} with these indexes and lanes: rebuild it",
            definition.version
        )))
    }

    async fn lanes(&self, registered: &Registered) -> Result<Vec<Lane>> {
        let mut lanes = Vec::new();
        for generation in registered.record.running(&self.projection.definition) {
            for number in 0..generation.definition.lanes {
                let Self { projections, projection } = self;
                let revision = registered.revision;
                lanes
                    .push(Lane::open(projections, projection, generation, revision, number).await?);
            }
        }
        Ok(lanes)
    }

    async fn catch_up_once(&self, registered: &Registered, head: Position) -> Result<(), Stop> {
        let mut lanes = self.lanes(registered).await?;
        try_join_all(lanes.iter_mut().map(|lane| lane.catch_up(head))).await?;
        if self.switch(registered, head).await? {
            return Err(Stop::Changed);
        }
        match self.effects(registered) {
            Some(effects) => effects.await,
            None => Ok(()),
        }
    }

    /// Makes the generation that is built live if it has reached the position, and is to go live by
    /// itself.
    async fn switch(&self, registered: &Registered, head: Position) -> Result<bool, Stop> {
        let Projection { name, definition, .. } = &*self.projection;
        let record = &registered.record;
        let mut running = record.running(definition);
        let building =
            running.find(|generation| record.state_of(generation) == ProjectionState::Building);
        match building {
            Some(next) if next.switch == super::Switch::WhenCaughtUp => {
                self.projections.try_switch(name, registered.revision, next, head).await
            }
            _ => Ok(false),
        }
    }

    /// The effects, if there are any and the live generation is ours.
    fn effects<'a>(
        &'a self,
        registered: &'a Registered,
    ) -> Option<BoxFuture<'a, Result<(), Stop>>> {
        let effect = self.projection.effect.as_deref()?;
        let live = self.live(registered)?;
        let Self { projections, projection } = self;
        let registered = registered.revision;
        Some(Box::pin(async move {
            Effects { projections, projection, generation: live, registered }.catch_up(effect).await
        }))
    }

    fn live<'a>(&'a self, registered: &'a Registered) -> Option<&'a Generation> {
        let record = &registered.record;
        let mut running = record.running(&self.projection.definition);
        running.find(|generation| record.state_of(generation) == ProjectionState::Live)
    }

    async fn run_once(&self, timer: &dyn Timer) -> Result<(), Stop> {
        let registered = self.registered().await?;
        if registered.record.retired {
            return Ok(());
        }
        let mut tasks: Vec<BoxFuture<'_, Result<Infallible, Stop>>> = Vec::new();
        for lane in self.lanes(&registered).await? {
            tasks.push(self.follow(lane, &registered, timer).boxed());
        }
        if self.projection.effect.is_some() && self.live(&registered).is_some() {
            tasks.push(self.follow_effects(&registered, timer).boxed());
        }
        tasks.push(self.watch(&registered, timer).boxed());
        let (Err(stop), ..) = select_all(tasks).await;
        Err(stop)
    }

    async fn follow(
        &self,
        mut lane: Lane,
        registered: &Registered,
        timer: &dyn Timer,
    ) -> Result<Infallible, Stop> {
        loop {
            let triggered = self.projections.triggered.listen();
            let head = self.projections.store.head().await?;
            lane.catch_up(head).await?;
            if self.switch(registered, head).await? {
                return Err(Stop::Changed);
            }
            match self.projection.trigger {
                Trigger::Events => drop(self.projections.store.wait_past(head).await?),
                Trigger::Every(interval) => drop(select(triggered, timer.sleep(interval)).await),
                Trigger::Hand => triggered.await,
            }
        }
    }

    async fn follow_effects(
        &self,
        registered: &Registered,
        timer: &dyn Timer,
    ) -> Result<Infallible, Stop> {
        loop {
            let moved = self.projections.moved.listen();
            if let Some(effects) = self.effects(registered) {
                effects.await?;
            }
            select(moved, timer.sleep(LOOK)).await;
        }
    }

    async fn watch(&self, registered: &Registered, timer: &dyn Timer) -> Result<Infallible, Stop> {
        loop {
            let changed = self.projections.changed.listen();
            let found = self.projections.registered(&self.projection.name).await?;
            if found.revision != registered.revision {
                return Err(Stop::Changed);
            }
            select(changed, timer.sleep(LOOK)).await;
        }
    }

    async fn event(&self, position: Position) -> Result<RecordedEvent> {
        let read = ReadLog::new().from(position).to(position);
        let event = self.projections.store.read_log(read).try_next().await?;
        event.ok_or_else(|| Error::corrupt(format!("the log has no event at {position}")))
    }

    async fn retry_once(&self, event: &RecordedEvent) -> Result<(), Stop> {
        let registered = self.registered().await?;
        for mut lane in self.lanes(&registered).await? {
            let listed = registered.record.generations().next().map(|generation| generation.number);
            if Some(lane.generation.number) == listed && lane.takes(event) {
                return lane.retry(event).await;
            }
        }
        let name = &self.projection.name;
        Err(Error::unavailable(format!("projection {name} is not running: start it first")).into())
    }
}
