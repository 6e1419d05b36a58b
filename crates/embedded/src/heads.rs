//! The heads of the streams that were written lately, for the writer alone.
//!
//! Two generations keep it bounded: when the young one is full it becomes the old one, and the old one
//! is forgotten. What is forgotten is asked of the index again.

use factlog::{EventId, StreamName};
use rustc_hash::FxHashMap;

use crate::index::part::Head;
use crate::limits::HEADS_KEPT;

#[derive(Debug, Default)]
pub(crate) struct Heads {
    young: FxHashMap<Box<str>, Head>,
    old: FxHashMap<Box<str>, Head>,
}

impl Heads {
    pub(crate) fn find(&self, stream: &StreamName) -> Option<Head> {
        let name = stream.as_str();
        self.young.get(name).or_else(|| self.old.get(name)).copied()
    }

    pub(crate) fn set(&mut self, stream: &StreamName, head: Head) {
        if let Some(known) = self.young.get_mut(stream.as_str()) {
            *known = head;
            return;
        }
        if self.young.len() >= HEADS_KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(stream.as_str().into(), head);
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
