//! What a stream was: its state at a version or time, and when something was so.
//!
//! These questions fold the stream from its beginning, in bounded memory: events are pulled one by one.

use std::ops::ControlFlow;

use futures::TryStreamExt;

use super::executor::StateAt;
use super::metrics::count;
use super::{Decider, Executor};
use crate::{ReadStream, RecordedEvent, Result, StreamName, TimeRange, Timestamp, Version};

/// Up to where a stream is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// The events up to this version, itself included.
    Version(Version),
    /// The events that were recorded up to this time: what the store knew then.
    Recorded(Timestamp),
    /// The events whose writer's time is not later than this, in the order of the stream: what was so
    /// then, as far as is known today. Writers' times need not be in order, so it may leave out events
    /// in the middle.
    Time(Timestamp),
}

/// When something was so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct When {
    /// The version of the event that made it so.
    pub version: Version,
    /// When that event was recorded.
    pub recorded: Timestamp,
    /// The writer's time of that event.
    pub time: Timestamp,
}

impl<D: Decider> Executor<D> {
    /// The stream's state as it was. Its version is that of the last event in it; beyond the
    /// stream's end it is the latest.
    ///
    /// # Errors
    /// As [`state`](Executor::state).
    pub async fn state_at(&self, stream: &StreamName, moment: Moment) -> Result<StateAt<D::State>> {
        let read = ReadStream::new(stream.clone());
        let until = |time| TimeRange { since: None, until: Some(time) };
        let read = match moment {
            Moment::Version(version) => read.to(version),
            Moment::Recorded(time) => read.with_recorded(until(time)),
            Moment::Time(time) => read.with_time(until(time)),
        };
        self.replay(read, |_, _, _| ControlFlow::Continue(())).await
    }

    /// When this was so for the first time: of the state after an event, or of the event.
    ///
    /// # Errors
    /// As [`state`](Executor::state).
    pub async fn first_time(
        &self,
        stream: &StreamName,
        holds: impl Fn(&D::State, &D::Event) -> bool,
    ) -> Result<Option<When>> {
        let mut first = None;
        self.replay(ReadStream::new(stream.clone()), |state, event, recorded| {
            if !holds(state, event) {
                return ControlFlow::Continue(());
            }
            first.get_or_insert(When::of(recorded));
            ControlFlow::Break(())
        })
        .await?;
        Ok(first)
    }

    /// When this was so for the last time.
    ///
    /// # Errors
    /// As [`state`](Executor::state).
    pub async fn last_time(
        &self,
        stream: &StreamName,
        holds: impl Fn(&D::State, &D::Event) -> bool,
    ) -> Result<Option<When>> {
        let mut last = None;
        self.replay(ReadStream::new(stream.clone()), |state, event, recorded| {
            if holds(state, event) {
                last = Some(When::of(recorded));
            }
            ControlFlow::Continue(())
        })
        .await?;
        Ok(last)
    }

    /// Folds what is read, until the visitor has seen enough; ends with the stored event that it saw last.
    async fn replay(
        &self,
        read: ReadStream,
        mut visit: impl FnMut(&D::State, &D::Event, &RecordedEvent) -> ControlFlow<()>,
    ) -> Result<StateAt<D::State>> {
        let (store, fold) = (&self.shared.store, &self.shared.fold);
        let mut events = store.read_stream(read);
        let mut folded = fold.initial();
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue()
            && let Some(event) = events.try_next().await?
        {
            count(&self.shared.counters.events_loaded);
            folded = fold.apply_seen(folded, &event, |state, decoded| {
                if flow.is_continue() {
                    flow = visit(state, decoded, &event);
                }
            })?;
        }
        Ok(StateAt { state: folded.state, version: folded.version })
    }
}

impl When {
    fn of(event: &RecordedEvent) -> Self {
        Self { version: event.version, recorded: event.recorded, time: event.time }
    }
}
