//! Read-your-writes: waits until a view has what was just written.

use std::time::Duration;

use futures::TryStreamExt;
use futures::future::{Either, select};

use super::{ProjectionState, Projections};
use crate::{
    Error, Filter, Position, ProjectionName, ReadLog, ReadStream, RecordedEvent, Result,
    StreamName, TimeRange, Timer, Version,
};

/// How often the checkpoint is looked at, for what other processes write.
const LOOK: Duration = Duration::from_millis(20);

/// What a view is waited for to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// All events up to this position.
    Position(Position),
    /// The event of this version of the stream, and all before it in the log.
    Version(StreamName, Version),
}

impl Projections {
    /// Waits until the live generation (or the one that is built, without a live one) has reached
    /// this, at most for so long. Answers the position that it has reached.
    ///
    /// # Errors
    /// `Unavailable` when the time is up, with how far the view is; `Invalid` if it can't get there
    /// before somebody does something: it failed; `NotFound` if there is no such projection or it
    /// is retired.
    pub async fn wait(
        &self,
        name: &ProjectionName,
        reached: &Reached,
        limit: Duration,
        timer: &dyn Timer,
    ) -> Result<Position> {
        let waiting = Box::pin(self.reach(name, reached, timer));
        match select(waiting, timer.sleep(limit)).await {
            Either::Left((position, _)) => position,
            Either::Right(_) => {
                let info = self.info(name).await?;
                let position =
                    info.generations.first().map(|generation| generation.progress.position);
                let position = position.unwrap_or_default();
                let ms = limit.as_millis();
                Err(Error::unavailable(format!(
                    "view {name} is at position {position} after {ms} ms, not yet at {reached:?}"
                )))
            }
        }
    }

    async fn reach(
        &self,
        name: &ProjectionName,
        reached: &Reached,
        timer: &dyn Timer,
    ) -> Result<Position> {
        let mut target = None;
        loop {
            let moved = self.moved.listen();
            if target.is_none() {
                target = self.position_of(reached).await?;
            }
            let record = self.registered(name).await?.record;
            let Some(generation) = record.generations().next() else {
                return Err(Error::not_found(format!("projection {name} is retired")));
            };
            let position = self.progress(name, generation).await?.position;
            if target.is_some_and(|target| target <= position) {
                return Ok(position);
            }
            if record.state_of(generation) == ProjectionState::Failed {
                let failure = generation.failure.as_ref().map(|failure| failure.message.as_str());
                return Err(Error::invalid(format!(
                    "projection {name} failed after position {position}: {}",
                    failure.unwrap_or_default()
                )));
            }
            select(moved, timer.sleep(LOOK)).await;
        }
    }

    /// Where it is in the log; `None` if it is not there yet.
    async fn position_of(&self, reached: &Reached) -> Result<Option<Position>> {
        match reached {
            Reached::Position(position) => Ok(Some(*position)),
            Reached::Version(_, Version::ZERO) => Ok(Some(Position::ZERO)),
            Reached::Version(stream, version) => {
                let read = ReadStream::new(stream.clone()).from(*version).to(*version);
                match self.store.read_stream(read).try_next().await? {
                    // The store places events after the append.
                    Some(event) if event.position == Position::ZERO => self.placed(&event).await,
                    event => Ok(event.map(|event| event.position)),
                }
            }
        }
    }

    /// Where the log has an event that was read without its position; `None` if it has no place yet.
    async fn placed(&self, event: &RecordedEvent) -> Result<Option<Position>> {
        let recorded = TimeRange { since: Some(event.recorded), until: None };
        let filter = Filter::all().with_stream_prefix(event.stream.as_str());
        let read = ReadLog::new().with_filter(filter.with_recorded(recorded));
        let mut events = self.store.read_log(read);
        while let Some(found) = events.try_next().await? {
            if (&found.stream, found.version) == (&event.stream, event.version) {
                return Ok(Some(found.position));
            }
        }
        Ok(None)
    }
}
