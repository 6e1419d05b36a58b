//! Follows the log while it grows, and knows what has to stand in it.

use std::collections::BTreeMap;

use bytes::Bytes;
use factlog::{Position, StreamName, Timestamp, Version};

use super::world::World;
use crate::commit::PieceHead;
use crate::log::page::{Entry, Page};

#[derive(Debug)]
pub(super) struct Reader {
    /// All that it has read.
    seen: BTreeMap<Position, Bytes>,
    next: Position,
    recorded_max: Timestamp,
    entries: Vec<Entry>,
}

impl Default for Reader {
    fn default() -> Self {
        let (seen, entries) = (BTreeMap::new(), Vec::new());
        Self { seen, next: Position::FIRST, recorded_max: Timestamp::default(), entries }
    }
}

impl Reader {
    /// Reads what is new. What it has read before must be there as it was, and nothing before or between.
    pub(super) fn read(&mut self, world: &World) {
        let before = world.log.range(..self.next);
        assert!(before.eq(self.seen.iter()), "what was read has changed before {}", self.next);
        for (&first, bytes) in world.log.range(self.next..) {
            let page = Page::decode(first, bytes).unwrap();
            assert_eq!(first, self.next, "a page follows the one before it");
            let recorded = page.entries.iter().map(|entry| entry.recorded).max();
            self.recorded_max = recorded.unwrap().max(self.recorded_max);
            assert_eq!(
                page.recorded_max, self.recorded_max,
                "the latest time of the page at {first}"
            );
            self.next = page.next();
            self.seen.insert(first, bytes.clone());
            self.entries.extend(page.entries);
        }
    }

    /// How many pieces it has read.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// Every commit stands in the log exactly once and whole, each stream in its order; the watermarks are exact.
    pub(super) fn check(&self, world: &World) {
        let key = |pieces: &[PieceHead]| (pieces[0].stream.clone(), pieces[0].first);
        let mut commits: BTreeMap<_, _> =
            world.commits.iter().map(|pieces| (key(pieces), pieces)).collect();
        let mut marks: BTreeMap<StreamName, Version> = BTreeMap::new();
        for placed in self.entries.split_inclusive(|entry| entry.ends_commit) {
            let key = (placed[0].stream.clone(), placed[0].first);
            let commit = commits.remove(&key);
            let commit =
                commit.unwrap_or_else(|| panic!("no commit, or one placed twice: {key:?}"));
            assert!(
                placed.iter().map(piece_of).eq(commit.iter().map(key_of)),
                "not whole: {key:?}"
            );
            for entry in placed {
                let mark = marks.entry(entry.stream.clone()).or_insert(Version::FIRST);
                assert_eq!(*mark, entry.first, "stream {} in its order", entry.stream);
                *mark = entry.next();
            }
        }
        assert!(commits.is_empty(), "not placed: {:?}", commits.keys());
        assert_eq!(world.marks, marks, "the watermarks are exact");
    }
}

fn piece_of(entry: &Entry) -> (&StreamName, Version, &[factlog::EventType], Timestamp) {
    (&entry.stream, entry.first, &entry.types, entry.recorded)
}

fn key_of(piece: &PieceHead) -> (&StreamName, Version, &[factlog::EventType], Timestamp) {
    (&piece.stream, piece.first, &piece.types, piece.recorded)
}
