//! The heads of the streams that were written lately, with those that nobody can read yet.
//!
//! Two generations keep it bounded: when the young one is full it becomes the old one, and the old one
//! is forgotten. What is forgotten is asked of the index again: so nothing is forgotten before the
//! index has it (see [`Heads::age`]).

use factlog::{EventId, StreamName};
use rustc_hash::FxHashMap;

use crate::index::part::Head;
use crate::limits::HEADS_KEPT;

#[derive(Debug, Default)]
pub(crate) struct Heads {
    young: FxHashMap<Box<str>, Head>,
    old: FxHashMap<Box<str>, Head>,
    /// How often something was forgotten: as long as it stays, a stream that is not here was not written.
    forgotten: u64,
}

impl Heads {
    pub(crate) fn find(&self, stream: &StreamName) -> Option<Head> {
        let name = stream.as_str();
        self.young.get(name).or_else(|| self.old.get(name)).copied()
    }

    pub(crate) fn set(&mut self, stream: &StreamName, head: Head) {
        match self.young.get_mut(stream.as_str()) {
            Some(known) => *known = head,
            None => drop(self.young.insert(stream.as_str().into(), head)),
        }
    }

    /// Lets the young ones grow old if they are many. The index has to have all that was set before
    /// the last call.
    pub(crate) fn age(&mut self) {
        if self.young.len() >= HEADS_KEPT {
            self.old = std::mem::take(&mut self.young);
            self.forgotten += 1;
        }
    }

    /// Forgets all of them: the index has what holds.
    pub(crate) fn clear(&mut self) {
        *self = Self { forgotten: self.forgotten + 1, ..Self::default() };
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

/// A hash of the ids of events, in order; it lies on disk and never changes.
pub(crate) fn hash_ids(ids: impl Iterator<Item = EventId>) -> u64 {
    ids.fold(0, |hash, id| {
        let (high, low) = id.as_u64_pair();
        mix(mix(hash ^ high) ^ low)
    })
}

/// One round of a multiplicative hash: the odd number is 2^64 divided by the golden ratio.
fn mix(word: u64) -> u64 {
    (word.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
