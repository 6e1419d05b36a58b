//! The projections of a store, by name: what a command line calls.
//!
//! Each call that changes something is one conditional write of the [record](super::Record);
//! workers see it at their next write, or when they next look.

use std::sync::Arc;

use event_listener::Event as Notice;
use futures::TryStreamExt;
use serde::Serialize;

use super::lane::Stop;
use super::record::{self, Registered};
use super::{
    Checkpoint, Definition, EffectCheckpoint, Failure, Generation, ProjectionState, Record, Switch,
    Transition, checkpoint,
};
use crate::limits::{FAILURE_PAGE_MAX, RECORD_TRIES_MAX};
use crate::state::{Condition, Item, Revision, Scan, State, Write, Written};
use crate::view::{Places, View};
use crate::{Clock, Error, Position, ProjectionName, Result, Store};

/// The projections of a store.
#[derive(Debug)]
pub struct Projections {
    pub(super) store: Arc<dyn Store>,
    pub(super) state: Arc<dyn State>,
    pub(super) clock: Arc<dyn Clock>,
    /// Notified when a worker of this process has moved a checkpoint.
    pub(super) moved: Notice,
    /// Notified when a record was changed from this process.
    pub(super) changed: Notice,
    /// Notified by hand.
    pub(super) triggered: Notice,
}

/// A projection as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProjectionInfo {
    /// Its name.
    pub name: ProjectionName,
    /// The state of the live generation; without one, of that which is built.
    pub state: ProjectionState,
    /// The head of the log.
    pub head: Position,
    /// Its generations: the live one, the one that is built, those to be swept.
    pub generations: Vec<GenerationInfo>,
    /// How far the effects are, where there are any.
    pub effects: Option<EffectCheckpoint>,
    /// The last changes of state, the newest last.
    pub transitions: Vec<Transition>,
}

/// A generation as it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GenerationInfo {
    /// Its number.
    pub number: u64,
    /// Its state.
    pub state: ProjectionState,
    /// What builds it.
    pub definition: Definition,
    /// How far it is: the slowest lane's position, and what all lanes have done.
    pub progress: Checkpoint,
    /// Positions between it and the head of the log.
    pub lag: u64,
    /// The event that it stands before.
    pub failure: Option<Failure>,
}

impl Projections {
    /// Those of a store and the state beside it.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, state: Arc<dyn State>, clock: impl Clock) -> Self {
        let (moved, changed, triggered) = (Notice::new(), Notice::new(), Notice::new());
        Self { store, state, clock: Arc::new(clock), moved, changed, triggered }
    }

    /// Registers a projection, to be built from position 0; one that is there already is left as it
    /// is. One that was retired begins anew.
    ///
    /// # Errors
    /// `Invalid` for a definition that can't be; `Unavailable`, `Corrupt` or `Closed`.
    pub async fn create(&self, name: &ProjectionName, definition: &Definition) -> Result<()> {
        definition.validate()?;
        let found = self.state.get(&record::key(name)?).await?;
        let registered = found.as_ref().map(Registered::decode).transpose()?;
        let revision = registered.as_ref().map(|registered| registered.revision);
        let record = registered.map(|registered| registered.record).unwrap_or_default();
        if record.newest > 0 && !record.retired {
            return Ok(());
        }
        let mut next = record.clone();
        next.build(definition.clone(), Switch::WhenCaughtUp);
        let effects = Write::delete(EffectCheckpoint::key(name)?);
        // If it is refused, another was faster.
        self.put(name, revision, &record, next, vec![effects]).await?;
        Ok(())
    }

    /// All projections, by name.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt` or `Closed`.
    pub async fn list(&self) -> Result<Vec<ProjectionInfo>> {
        let records: Vec<Item> =
            self.state.scan(Scan::new(record::partition()?)).try_collect().await?;
        let mut projections = Vec::with_capacity(records.len());
        for item in records {
            let name = String::from_utf8_lossy(item.key.sort()).parse()?;
            projections.push(self.info_of(name, Registered::decode(&item)?.record).await?);
        }
        Ok(projections)
    }

    /// One projection.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name; else as [`list`](Projections::list).
    pub async fn info(&self, name: &ProjectionName) -> Result<ProjectionInfo> {
        let record = self.registered(name).await?.record;
        self.info_of(name.clone(), record).await
    }

    /// Its record.
    ///
    /// # Errors
    /// As [`info`](Projections::info).
    pub async fn record(&self, name: &ProjectionName) -> Result<Record> {
        Ok(self.registered(name).await?.record)
    }

    /// The generation that is live now, to be queried.
    ///
    /// # Errors
    /// `NotFound` if there is no such projection, or it is retired; `Unavailable` while its first
    /// generation is built.
    pub async fn view(&self, name: &ProjectionName) -> Result<View> {
        let record = self.registered(name).await?.record;
        match (record.live, record.building) {
            (Some(live), _) => self.view_of(name, &live),
            (None, Some(next)) => Err(Error::unavailable(format!(
                "view {name} can't be read yet: generation {} is being built",
                next.number
            ))),
            (None, None) => Err(Error::not_found(format!("projection {name} is retired"))),
        }
    }

    /// A generation by its number, also one that is being built.
    ///
    /// # Errors
    /// `NotFound` if it is not there.
    pub async fn view_at(&self, name: &ProjectionName, generation: u64) -> Result<View> {
        let record = self.registered(name).await?.record;
        let mut all = record.generations().chain(&record.superseded);
        let found = all.find(|other| other.number == generation);
        let missing =
            || Error::not_found(format!("projection {name} has no generation {generation}"));
        self.view_of(name, found.ok_or_else(missing)?)
    }

    pub(super) fn view_of(&self, name: &ProjectionName, generation: &Generation) -> Result<View> {
        let indexes = generation.definition.indexes.clone();
        View::new(Arc::clone(&self.state), name.clone(), generation.number, indexes)
    }

    /// Holds all generations where they are.
    ///
    /// # Errors
    /// `NotFound` if there is no such projection; `Unavailable`, `Corrupt` or `Closed`.
    pub async fn pause(&self, name: &ProjectionName) -> Result<()> {
        self.change(name, |record| record.paused = true).await
    }

    /// Lets what is paused or failed go on from where it is; what failed tries the same event
    /// again.
    ///
    /// # Errors
    /// As [`pause`](Projections::pause).
    pub async fn start(&self, name: &ProjectionName) -> Result<()> {
        self.change(name, Record::start).await
    }

    /// Clears it: its documents are gone at once, and it is built again from position 0. Effects
    /// are not done again.
    ///
    /// # Errors
    /// As [`pause`](Projections::pause); `NotFound` if it is retired.
    pub async fn reset(&self, name: &ProjectionName) -> Result<()> {
        let definition = self.definition(name).await?;
        let reset = |record: &mut Record| {
            record.superseded.extend(record.live.take());
            record.build(definition.clone(), Switch::WhenCaughtUp);
        };
        self.change(name, reset).await
    }

    /// Builds the next generation beside the one that is live, by the same definition.
    ///
    /// # Errors
    /// As [`reset`](Projections::reset).
    pub async fn rebuild(&self, name: &ProjectionName, switch: Switch) -> Result<()> {
        let definition = self.definition(name).await?;
        self.rebuild_as(name, &definition, switch).await
    }

    /// Builds the next generation beside the one that is live, by another definition.
    ///
    /// # Errors
    /// As [`pause`](Projections::pause); `Invalid` for a definition that can't be.
    pub async fn rebuild_as(
        &self,
        name: &ProjectionName,
        definition: &Definition,
        switch: Switch,
    ) -> Result<()> {
        definition.validate()?;
        self.change(name, |record| record.build(definition.clone(), switch)).await
    }

    /// Makes the generation that was built live, if it is no further behind than the one that is.
    ///
    /// # Errors
    /// `NotFound` if none is built; `Unavailable` if it is behind: try again.
    pub async fn switch(&self, name: &ProjectionName) -> Result<()> {
        let registered = self.registered(name).await?;
        let next = registered.record.building.clone();
        let missing = || Error::not_found(format!("projection {name} builds no generation"));
        let next = next.ok_or_else(missing)?;
        match self.try_switch(name, registered.revision, &next, Position::ZERO).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::unavailable(format!(
                "generation {} of projection {name} is behind the one that is live",
                next.number
            ))),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Changed) => {
                Err(Error::unavailable(format!("projection {name} was changed meanwhile")))
            }
        }
    }

    /// Ends it. Its documents can no longer be queried, and can be [swept](Projections::sweep).
    ///
    /// # Errors
    /// As [`pause`](Projections::pause).
    pub async fn retire(&self, name: &ProjectionName) -> Result<()> {
        self.change(name, Record::retire).await
    }

    /// Deletes up to so many items of generations that are over; answers whether none is left.
    ///
    /// # Errors
    /// As [`pause`](Projections::pause).
    pub async fn sweep(&self, name: &ProjectionName, items_max: usize) -> Result<bool> {
        let record = self.registered(name).await?.record;
        let Some(over) = record.superseded.first() else { return Ok(true) };
        let places = Places::new(name, over.number, &over.definition.indexes)?;
        let scans = places.all().map(|partition| Scan::new(partition.clone()));
        let mut left = items_max;
        for scan in scans.chain([Checkpoint::scan(name, over.number)?]) {
            let scan = scan.limit(left as u64);
            let items: Vec<Item> = self.state.scan(scan).try_collect().await?;
            left -= items.len();
            let deletes: Vec<_> = items.into_iter().map(|item| Write::delete(item.key)).collect();
            if !deletes.is_empty() {
                self.state.write_each(deletes).await?;
            }
            if left == 0 {
                return Ok(false);
            }
        }
        let number = over.number;
        self.change(name, |record| record.superseded.retain(|other| other.number != number))
            .await?;
        Ok(record.superseded.len() == 1)
    }

    /// The events that the live generation has parked (or the one that is built, without a live
    /// one), after a position, at most [`FAILURE_PAGE_MAX`].
    ///
    /// # Errors
    /// As [`pause`](Projections::pause).
    pub async fn failures(&self, name: &ProjectionName, after: Position) -> Result<Vec<Failure>> {
        let record = self.registered(name).await?.record;
        let Some(generation) = record.generations().next() else { return Ok(Vec::new()) };
        let places = Places::new(name, generation.number, &[])?;
        let scan = Scan::new(places.parked).after(&after.number().to_be_bytes());
        let scan = scan.limit(FAILURE_PAGE_MAX as u64);
        let items: Vec<Item> = self.state.scan(scan).try_collect().await?;
        items.iter().map(checkpoint::decode).collect()
    }

    /// Has all workers of this process look for new events.
    pub fn trigger(&self) {
        self.triggered.notify(usize::MAX);
    }

    async fn definition(&self, name: &ProjectionName) -> Result<Definition> {
        let record = self.registered(name).await?.record;
        let generation = record.generations().next();
        let definition = generation.map(|generation| generation.definition.clone());
        definition.ok_or_else(|| Error::not_found(format!("projection {name} is retired")))
    }

    pub(super) async fn registered(&self, name: &ProjectionName) -> Result<Registered> {
        let item = self.state.get(&record::key(name)?).await?;
        let item =
            item.ok_or_else(|| Error::not_found(format!("there is no projection {name}")))?;
        Registered::decode(&item)
    }

    /// What all lanes of a generation have done, and where the slowest is.
    pub(super) async fn progress(
        &self,
        name: &ProjectionName,
        generation: &Generation,
    ) -> Result<Checkpoint> {
        let scan = Checkpoint::scan(name, generation.number)?;
        let items: Vec<Item> = self.state.scan(scan).try_collect().await?;
        let lanes: Vec<_> = items.iter().map(Checkpoint::decode).collect::<Result<_>>()?;
        let has_begun = lanes.len() == usize::from(generation.definition.lanes);
        let slowest = lanes.iter().map(|lane| lane.position).min().filter(|_| has_begun);
        Ok(Checkpoint {
            position: slowest.unwrap_or_default(),
            documents: lanes.iter().map(|lane| lane.documents).sum(),
            events: lanes.iter().map(|lane| lane.events).sum(),
            parked: lanes.iter().map(|lane| lane.parked).sum(),
            at: lanes.iter().map(|lane| lane.at).max().unwrap_or_default(),
            rate: lanes.iter().fold(0.0, |sum, lane| sum + lane.rate),
        })
    }

    async fn info_of(&self, name: ProjectionName, record: Record) -> Result<ProjectionInfo> {
        let head = self.store.head().await?;
        let mut generations = Vec::new();
        for generation in record.generations().chain(&record.superseded) {
            let progress = self.progress(&name, generation).await?;
            let Generation { number, definition, failure, .. } = generation.clone();
            let lag = head.number().saturating_sub(progress.position.number());
            let state = record.state_of(generation);
            generations.push(GenerationInfo { number, state, definition, progress, lag, failure });
        }
        let effects = self.state.get(&EffectCheckpoint::key(&name)?).await?;
        let effects = effects.as_ref().map(checkpoint::decode).transpose()?;
        let state = record.generations().next().map(|generation| record.state_of(generation));
        let state = state.unwrap_or(ProjectionState::Retired);
        let transitions = record.transitions;
        Ok(ProjectionInfo { name, state, head, generations, effects, transitions })
    }

    /// Makes the generation live if it has reached this position, and that of the live one. The
    /// effects begin there, if there were none before.
    pub(super) async fn try_switch(
        &self,
        name: &ProjectionName,
        registered: Revision,
        next: &Generation,
        reached: Position,
    ) -> Result<bool, Stop> {
        let position = self.progress(name, next).await?.position;
        let live = self.registered(name).await?.record.live;
        let behind = match &live {
            Some(live) => self.progress(name, live).await?.position,
            None => Position::ZERO,
        };
        if position < reached.max(behind) {
            return Ok(false);
        }
        let effects = EffectCheckpoint::key(name)?;
        let begins = match self.state.get(&effects).await? {
            Some(_) => vec![],
            None => {
                let begin = EffectCheckpoint { position, failure: None };
                let put = Write::put(effects, checkpoint::encode(&begin));
                vec![put.expecting(Condition::Absent)]
            }
        };
        self.change_from(name, registered, Record::switch, begins).await?;
        Ok(true)
    }

    /// Changes the record, again if others change it at the same time.
    async fn change(&self, name: &ProjectionName, change: impl Fn(&mut Record)) -> Result<()> {
        for _ in 0..RECORD_TRIES_MAX {
            let Registered { record, revision } = self.registered(name).await?;
            let mut next = record.clone();
            change(&mut next);
            if self.put(name, Some(revision), &record, next, Vec::new()).await? {
                return Ok(());
            }
        }
        Err(Self::changed_too_often(name))
    }

    pub(super) fn changed_too_often(name: &ProjectionName) -> Error {
        Error::unavailable(format!(
            "the record of projection {name} was changed {RECORD_TRIES_MAX} times by others meanwhile"
        ))
    }

    /// Changes the record if it is still of this revision, together with other writes.
    pub(super) async fn change_from(
        &self,
        name: &ProjectionName,
        revision: Revision,
        change: impl Fn(&mut Record),
        also: Vec<Write>,
    ) -> Result<(), Stop> {
        let found = self.registered(name).await?;
        let mut next = found.record.clone();
        change(&mut next);
        let is_put = found.revision == revision
            && self.put(name, Some(revision), &found.record, next, also).await?;
        if is_put { Ok(()) } else { Err(Stop::Changed) }
    }

    /// Puts the record, if it is still of this revision; answers whether it was.
    pub(super) async fn put(
        &self,
        name: &ProjectionName,
        revision: Option<Revision>,
        before: &Record,
        mut next: Record,
        also: Vec<Write>,
    ) -> Result<bool> {
        next.note(before, self.clock.now());
        let condition = revision.map_or(Condition::Absent, Condition::Revision);
        let put = Write::put(record::key(name)?, record::encode(&next)).expecting(condition);
        let writes = [vec![put], also].concat();
        let is_done = matches!(self.state.write(writes).await?, Written::Done(_));
        if is_done {
            self.changed.notify(usize::MAX);
        }
        Ok(is_done)
    }
}
