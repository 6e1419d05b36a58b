//! Watermarks, as far as this sequencer knows them: for each stream the next version to place.
//!
//! ```text
//!   planned     by commits that wait for a page: ahead of the log       never forgotten
//!   unflushed   by pages that were written or found: ahead of the table  never forgotten
//!   kept        as the table said, or was told                           bounded, forgotten at will
//! ```
//!
//! The highest of the three counts.

use std::collections::{BTreeMap, HashMap};
use std::mem;

use factlog::{StreamName, Version};

use crate::limits::WATERMARKS_KEPT;

#[derive(Debug, Default)]
pub(super) struct Marks {
    planned: HashMap<StreamName, Version>,
    unflushed: BTreeMap<StreamName, Version>,
    kept: HashMap<StreamName, Version>,
    /// What was kept before `kept` was last full.
    kept_before: HashMap<StreamName, Version>,
}

impl Marks {
    /// The next version of the stream to plan, if it is known.
    pub(super) fn next(&self, stream: &StreamName) -> Option<Version> {
        let marks = [&self.planned, &self.kept, &self.kept_before].map(|marks| marks.get(stream));
        marks.into_iter().chain([self.unflushed.get(stream)]).flatten().max().copied()
    }

    /// A commit up to this version waits for a page.
    pub(super) fn plan(&mut self, stream: &StreamName, next: Version) {
        self.planned.insert(stream.clone(), next);
    }

    /// A page has the stream up to this version.
    pub(super) fn place(&mut self, stream: &StreamName, next: Version) {
        let mark = self.unflushed.entry(stream.clone()).or_default();
        *mark = next.max(*mark);
        if self.planned.get(stream).is_some_and(|&planned| planned <= next) {
            self.planned.remove(stream);
        }
    }

    /// The table has this watermark.
    pub(super) fn keep(&mut self, stream: &StreamName, next: Version) {
        if self.kept.len() >= WATERMARKS_KEPT {
            self.kept_before = mem::take(&mut self.kept);
        }
        let mark = self.kept.entry(stream.clone()).or_default();
        *mark = next.max(*mark);
    }

    /// What the table is yet to be told.
    pub(super) fn unflushed(&self) -> Vec<(StreamName, Version)> {
        self.unflushed.iter().map(|(stream, &next)| (stream.clone(), next)).collect()
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.unflushed.is_empty()
    }

    /// The table was told all of it.
    pub(super) fn flushed(&mut self) {
        for (stream, next) in mem::take(&mut self.unflushed) {
            self.keep(&stream, next);
        }
    }
}
