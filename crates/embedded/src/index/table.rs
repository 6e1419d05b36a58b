//! Where the index lies when it is not in memory: sorted keys and values, written in batches.

use std::fmt::Debug;
use std::path::Path;

use factlog::{Direction, Error, Result};
use lsm_tree::{AbstractTree, AnyTree, Guard, SeqNo, SequenceNumberCounter};

use crate::limits::INDEX_CACHE_BYTES;
use crate::merge::Merger;
use crate::tree;

/// Bytes of a key or a value.
pub(crate) type Text = Vec<u8>;

/// Sorted keys and values on a disk.
pub(crate) trait Table: Debug + Send + Sync + 'static {
    /// The value of the key.
    fn find(&self, key: &[u8]) -> Result<Option<Text>>;

    /// Shows all entries with `from <= key < to` in the direction, until `visit` answers false.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<()>;

    /// Adds entries, sorted by key, each key once; all of them or none. A new value hides the old one.
    fn ingest(&self, entries: &mut dyn Iterator<Item = (Text, Text)>) -> Result<()>;
}

/// A log-structured merge tree. The log of events is its journal: batches go straight into its
/// sorted files, and what a crash took is read from the log again.
pub(crate) struct LsmTable {
    tree: AnyTree,
    merger: Merger,
}

impl LsmTable {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let config = tree::config(path, seqno.clone(), visible.clone(), INDEX_CACHE_BYTES);
        let tree = config.open().map_err(|e| failed_to("opening the index", e))?;
        let next = tree.get_highest_seqno().map_or(0, |highest| highest + 1);
        seqno.fetch_max(next);
        visible.fetch_max(next);
        let merger = Merger::start(&tree).map_err(|e| failed_to("starting a thread", e.into()))?;
        Ok(Self { tree, merger })
    }
}

impl Debug for LsmTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LsmTable").field("tables", &self.tree.table_count()).finish()
    }
}

impl Table for LsmTable {
    fn find(&self, key: &[u8]) -> Result<Option<Text>> {
        let value =
            self.tree.get(key, SeqNo::MAX).map_err(|e| failed_to("reading the index", e))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<()> {
        let mut entries = self.tree.range(from..to, SeqNo::MAX, None);
        loop {
            let entry = match direction {
                Direction::Forward => entries.next(),
                Direction::Backward => entries.next_back(),
            };
            let Some(entry) = entry else { return Ok(()) };
            let (key, value) = entry.into_inner().map_err(|e| failed_to("reading the index", e))?;
            if !visit(&key, &value) {
                return Ok(());
            }
        }
    }

    fn ingest(&self, entries: &mut dyn Iterator<Item = (Text, Text)>) -> Result<()> {
        let write = || {
            let mut ingestion = self.tree.ingestion()?;
            for (key, value) in entries {
                ingestion.write(key, value)?;
            }
            ingestion.finish()?;
            self.merger.ask(&self.tree)
        };
        write().map_err(|e| failed_to("writing the index", e))
    }
}

fn failed_to(doing: &str, e: lsm_tree::Error) -> Error {
    let message = format!("{doing} failed: {e}; it is rebuilt from the log if it is taken away");
    match e {
        lsm_tree::Error::Io(_) => Error::unavailable(message).with_source(e),
        _ => Error::corrupt(message).with_source(e),
    }
}
