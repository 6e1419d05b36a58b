//! Runs the effects of a live generation, behind its documents.
//!
//! ```text
//!   log         1  2  3  4  5  6  7  8
//!   documents   ------------->|                 the slowest lane's checkpoint
//!   effects     ------>|                        their own, that outlives generations
//!                       4  5: now
//! ```
//!
//! Before each effect the record is read: only the generation that is live goes on. After each, its
//! checkpoint is written on condition of the one before, so that of two workers one gives up.

use std::sync::Arc;

use futures::TryStreamExt;

use super::lane::Stop;
use super::{Effect, EffectCheckpoint, Failure, Generation, Projection, Projections, checkpoint};
use crate::state::{Condition, Revision, Write, Written};
use crate::{Position, ReadLog, Result};

/// The effects of a generation.
#[derive(Debug)]
pub(super) struct Effects<'a> {
    pub(super) projections: &'a Arc<Projections>,
    pub(super) projection: &'a Projection,
    pub(super) generation: &'a Generation,
    /// The record by which the generation is live.
    pub(super) registered: Revision,
}

impl Effects<'_> {
    /// Runs the effects of all events whose documents are written; ends before one that fails.
    pub(super) async fn catch_up(&self, effect: &dyn Effect) -> Result<(), Stop> {
        let Self { projections, projection, generation, .. } = self;
        let end = projections.progress(&projection.name, generation).await?.position;
        let (done, mut revision) = self.checkpoint().await?;
        if done.position >= end {
            return Ok(());
        }
        let view = projections.view_of(&projection.name, generation)?;
        let read = ReadLog::new().from(done.position.next()).to(end);
        let mut events = projections.store.read_log(read.with_filter(projection.filter.clone()));
        while let Some(event) = events.try_next().await? {
            self.check_live().await?;
            if let Err(error) = effect.run(&event, &view).await {
                let failure = Failure::new(&event, &error, projections.clock.now());
                return self
                    .put(event.position.previous(), Some(failure), revision)
                    .await
                    .map(drop);
            }
            revision = self.put(event.position, None, revision).await?;
        }
        self.put(end, None, revision).await.map(drop)
    }

    async fn checkpoint(&self) -> Result<(EffectCheckpoint, Revision), Stop> {
        let item =
            self.projections.state.get(&EffectCheckpoint::key(&self.projection.name)?).await?;
        // It was put when the first generation went live.
        let item = item.ok_or(Stop::Changed)?;
        Ok((checkpoint::decode(&item)?, item.revision))
    }

    async fn check_live(&self) -> Result<(), Stop> {
        let found = self.projections.registered(&self.projection.name).await?;
        if found.revision == self.registered { Ok(()) } else { Err(Stop::Changed) }
    }

    async fn put(
        &self,
        position: Position,
        failure: Option<Failure>,
        revision: Revision,
    ) -> Result<Revision, Stop> {
        let place = EffectCheckpoint::key(&self.projection.name)?;
        let value = checkpoint::encode(&EffectCheckpoint { position, failure });
        let write = Write::put(place, value).expecting(Condition::Revision(revision));
        match self.projections.state.write(vec![write]).await? {
            Written::Done(revision) => Ok(revision),
            Written::Refused { .. } => Err(Stop::Changed),
        }
    }
}
