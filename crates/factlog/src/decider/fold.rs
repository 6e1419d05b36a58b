//! From events to a state: the one place where events are read and evolved.

use std::fmt;

use super::Decider;
use super::commands::Commands;
use crate::codec::{EventCodec, Metadata};
use crate::{EventId, RecordedEvent, Result, Version};

/// What the events of a stream up to a version make.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Folded<S> {
    pub(crate) state: S,
    pub(crate) version: Version,
    /// The id of the event of that version (nil at version 0): proves that the state belongs to the stream.
    pub(crate) event: EventId,
    pub(crate) commands: Commands,
}

/// How events become states.
pub(crate) struct Fold<D: Decider> {
    pub(super) decider: D,
    pub(super) codec: Box<dyn EventCodec<Event = D::Event>>,
    /// Most commands that a state remembers.
    pub(super) commands_kept: usize,
}

impl<D: Decider> Fold<D> {
    pub(super) fn initial(&self) -> Folded<D::State> {
        Folded {
            state: self.decider.initial(),
            version: Version::ZERO,
            event: EventId::nil(),
            commands: Commands::new(self.commands_kept),
        }
    }

    pub(super) fn apply(
        &self,
        folded: Folded<D::State>,
        event: &RecordedEvent,
    ) -> Result<Folded<D::State>> {
        self.apply_seen(folded, event, |_, _| ())
    }

    /// The same, and shows each event with the state after it: one stored event may mean several today.
    pub(super) fn apply_seen(
        &self,
        mut folded: Folded<D::State>,
        event: &RecordedEvent,
        mut see: impl FnMut(&D::State, &D::Event),
    ) -> Result<Folded<D::State>> {
        for decoded in self.codec.decode(event)? {
            folded.state = self.decider.evolve(folded.state, &decoded);
            see(&folded.state, &decoded);
        }
        folded.version = event.version;
        folded.event = event.id;
        if let Some(command) = Metadata::of(event).command {
            folded.commands.note(command, event.version);
        }
        Ok(folded)
    }
}

impl<D: Decider> fmt::Debug for Fold<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").field("commands_kept", &self.commands_kept).finish_non_exhaustive()
    }
}
