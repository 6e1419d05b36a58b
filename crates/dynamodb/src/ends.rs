//! Where streams are, as far as this process has seen it.
//!
//! That no item stands at v+1 proves only that no commit *starts* there: v may lie in the middle of a
//! commit. So an append that expects v has to know that a commit ended at v. Once true that stays true, so
//! it may come from a load or an append in this process as well as from a fresh query.

use std::sync::Arc;

use factlog::{EventId, StreamName, Timestamp, Version};
use quick_cache::sync::Cache;

use crate::commit::{Part, Piece};
use crate::limits::ENDS_KEPT;

/// The end of a stream: its last commit, as far as its last piece tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// The version that the stream is at.
    pub(crate) version: Version,
    /// The version of the first event of the last commit in this stream.
    pub(crate) first: Version,
    /// The ids of the events from `ids_from` to the end.
    pub(crate) ids: Arc<[EventId]>,
    /// When the last commit was recorded.
    pub(crate) recorded: Timestamp,
}

impl End {
    /// The end that the last piece of a stream tells.
    pub(crate) fn of(piece: &Piece) -> Self {
        let part = |part: &&Part| part.stream == piece.stream;
        let first = piece.parts.iter().find(part).map_or(piece.first, |part| part.first);
        Self {
            version: piece.next().previous(),
            first,
            ids: piece.events.iter().map(|event| event.id).collect(),
            recorded: piece.recorded,
        }
    }

    /// How many events the last commit has in this stream.
    pub(crate) fn commit_events(&self) -> u64 {
        self.version.next().number() - self.first.number()
    }
}

/// The ends that this process knows, those of the streams that it used lately.
#[derive(Debug)]
pub(crate) struct Ends(Cache<StreamName, End>);

impl Default for Ends {
    fn default() -> Self {
        Self(Cache::new(ENDS_KEPT))
    }
}

impl Ends {
    pub(crate) fn find(&self, stream: &StreamName) -> Option<End> {
        self.0.get(stream)
    }

    /// Forgets where the stream is, as a process that never saw it.
    pub(crate) fn forget(&self, stream: &StreamName) {
        self.0.remove(stream);
    }

    /// Takes note of an end. A later one that is known already stays.
    pub(crate) fn note(&self, stream: &StreamName, end: End) {
        if self.find(stream).is_none_or(|known| known.version <= end.version) {
            self.0.insert(stream.clone(), end);
        }
    }
}
