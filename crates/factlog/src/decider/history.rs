//! What a stream was: its state at a version or time, and when something was so.
//!
//! These questions fold the stream in bounded memory: events are pulled one by one. They begin at the stream's
//! snapshot where it is not later than what is asked for, else at the first event.

use std::ops::ControlFlow;

use futures::TryStreamExt;

use super::executor::StateAt;
use super::fold::Folded;
use super::metrics::count;
use super::{Decider, Executor};
use crate::{
    EventStream, ReadStream, RecordedEvent, Result, StreamName, TimeRange, Timestamp, Version,
};

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
        let (read, is_whole) = match moment {
            Moment::Version(version) => (read.to(version), true),
            Moment::Recorded(time) => (read.with_recorded(until(time)), true),
            Moment::Time(time) => (read.with_time(until(time)), false),
        };
        // A snapshot has all events before its version: those that are left out, too.
        let resumed = if is_whole { self.resume(&read).await? } else { None };
        let (known, events) = match resumed {
            Some(resumed) => resumed,
            None => (self.shared.fold.initial(), self.shared.store.read_stream(read)),
        };
        let folded = self.replay(known, events, |_, _, _| ControlFlow::Continue(())).await?;
        Ok(StateAt { state: folded.state, version: folded.version })
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
        let events = self.shared.store.read_stream(ReadStream::new(stream.clone()));
        self.replay(self.shared.fold.initial(), events, |state, event, recorded| {
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
        let mut read = ReadStream::new(stream.clone());
        if let Some((known, events)) = self.resume(&read).await? {
            read = read.to(known.version);
            let last = self.last(known, events, &holds).await?;
            if last.is_some() {
                return Ok(last);
            }
        }
        let events = self.shared.store.read_stream(read);
        self.last(self.shared.fold.initial(), events, &holds).await
    }

    async fn last(
        &self,
        known: Folded<D::State>,
        events: EventStream,
        holds: impl Fn(&D::State, &D::Event) -> bool,
    ) -> Result<Option<When>> {
        let mut last = None;
        self.replay(known, events, |state, event, recorded| {
            if holds(state, event) {
                last = Some(When::of(recorded));
            }
            ControlFlow::Continue(())
        })
        .await?;
        Ok(last)
    }

    /// The stream's snapshot and what is read after it, if the event that it ends with is read: then all before
    /// it would be, too.
    async fn resume(&self, read: &ReadStream) -> Result<Option<(Folded<D::State>, EventStream)>> {
        let Some(snapshots) = &self.shared.options.snapshots else { return Ok(None) };
        let snapshot = snapshots.find(&read.stream, self.shared.options.commands_kept).await;
        let Some(snapshot) = snapshot else { return Ok(None) };
        let is_before = snapshot.version <= read.to;
        let events = if is_before { self.read_after(read.clone(), &snapshot).await? } else { None };
        snapshots.looked_at(events.is_some());
        Ok(events.map(|events| (snapshot, events)))
    }

    /// Folds events after what is known, until the visitor has seen enough.
    async fn replay(
        &self,
        mut folded: Folded<D::State>,
        mut events: EventStream,
        mut visit: impl FnMut(&D::State, &D::Event, &RecordedEvent) -> ControlFlow<()>,
    ) -> Result<Folded<D::State>> {
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue()
            && let Some(event) = events.try_next().await?
        {
            count(&self.shared.counters.events_loaded);
            folded = self.shared.fold.apply_seen(folded, &event, |state, decoded| {
                if flow.is_continue() {
                    flow = visit(state, decoded, &event);
                }
            })?;
        }
        Ok(folded)
    }
}

impl When {
    fn of(event: &RecordedEvent) -> Self {
        Self { version: event.version, recorded: event.recorded, time: event.time }
    }
}
