//! The items: a log-structured merge tree, the newest part of it in memory.
//!
//! The tree has no journal of its own; that is [`Journal`](super::journal::Journal). When the part
//! in memory is full it is sealed and goes to disk on a thread of its own ([`Flusher`](super::flush::Flusher)).

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use factlog::state::{Item, Key, Scan};
use factlog::{Direction, Error, Result};
use lsm_tree::{AbstractTree, AnyTree, Guard, SeqNo, SequenceNumberCounter};

use super::record;
use crate::limits::{STATE_CACHE_BYTES, STATE_PAGE_BYTES, STATE_PAGE_ITEMS};
use crate::tree;

/// Readers see the newest; nobody reads what it hides.
pub(crate) const NEWEST: SeqNo = SeqNo::MAX;

/// The items of a state.
#[derive(Clone)]
pub(crate) struct Items {
    pub(crate) tree: AnyTree,
    /// The number of the next write. The tree, too, takes numbers of it for its own.
    numbers: SequenceNumberCounter,
    /// The directory, for messages.
    shown: Arc<str>,
}

impl Items {
    /// Opens the tree in a directory, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let numbers = SequenceNumberCounter::new(1);
        let visible = SequenceNumberCounter::default();
        let config = tree::config(path, numbers.clone(), visible, STATE_CACHE_BYTES);
        let shown: Arc<str> = path.display().to_string().into();
        let tree = config.open().map_err(|e| failed_to("opening the state", &shown, e))?;
        let items = Self { tree, numbers, shown };
        items.reach(items.written());
        Ok(items)
    }

    /// The item under the key.
    pub(crate) fn find(&self, key: &Key) -> Result<Option<Item>> {
        let stored = self.tree.get(record::encode_key(key.partition(), key.sort()), NEWEST);
        let stored = stored.map_err(|e| self.failed_to("reading", e))?;
        stored.map(|stored| record::decode_item(key.clone(), &stored)).transpose()
    }

    /// The first items of a scan, and whether there may be more.
    pub(crate) fn page(&self, scan: &Scan) -> Result<(Vec<Item>, bool)> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        if scan.is_empty() {
            return Ok((page, false));
        }
        let limit = usize::try_from(scan.limit).unwrap_or(usize::MAX).min(STATE_PAGE_ITEMS);
        let start = record::encode_key(&scan.partition, &[]);
        let from = [&start, &scan.from[..]].concat();
        let before = match &scan.before {
            Some(before) => [&start, &before[..]].concat(),
            // The byte behind the partition's name is a zero.
            None => [scan.partition.as_str().as_bytes(), &[1]].concat(),
        };
        let mut entries = self.tree.range(from..before, NEWEST, None);
        while page.len() < limit && bytes < STATE_PAGE_BYTES {
            let entry = match scan.direction {
                Direction::Forward => entries.next(),
                Direction::Backward => entries.next_back(),
            };
            let Some(entry) = entry else { return Ok((page, false)) };
            let (key, stored) = entry.into_inner().map_err(|e| self.failed_to("reading", e))?;
            let key = Key::new(scan.partition.clone(), key[start.len()..].to_vec())?;
            bytes += key.sort().len() + stored.len();
            page.push(record::decode_item(key, &stored)?);
        }
        Ok((page, true))
    }

    /// Makes the changes of a record, which is durable or may be lost.
    pub(crate) fn apply(&self, number: u64, body: &[u8]) {
        let mut stored = Vec::new();
        for (key, value) in record::changes(body) {
            match value {
                Some(value) => {
                    record::encode_value(number, value, &mut stored);
                    let _ = self.tree.insert(key, &stored, number);
                }
                None => {
                    let _ = self.tree.remove(key, number);
                }
            }
        }
    }

    /// A number that no write has.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.next()
    }

    /// Numbers up to this one are taken.
    pub(crate) fn reach(&self, number: u64) {
        self.numbers.fetch_max(number + 1);
    }

    /// All writes up to this number are in the files. There may be more.
    pub(crate) fn written(&self) -> u64 {
        self.tree.get_highest_persisted_seqno().unwrap_or_default()
    }

    /// Bytes of the part in memory that is being filled.
    pub(crate) fn part_bytes(&self) -> u64 {
        self.tree.active_memtable().size()
    }

    /// Begins another part.
    pub(crate) fn seal(&self) {
        self.tree.rotate_memtable();
    }

    /// Writes all sealed parts to disk.
    pub(crate) fn flush(&self) -> Result<()> {
        let lock = self.tree.get_flush_lock();
        self.tree.flush(&lock, NEWEST).map_err(|e| self.failed_to("writing", e))?;
        Ok(())
    }

    pub(crate) fn failed_to(&self, doing: &str, e: lsm_tree::Error) -> Error {
        failed_to(&format!("{doing} the state"), &self.shown, e)
    }
}

impl Debug for Items {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Items").field("path", &self.shown).finish_non_exhaustive()
    }
}

fn failed_to(doing: &str, shown: &str, e: lsm_tree::Error) -> Error {
    let message = format!("{doing} in {shown} failed: {e}");
    match e {
        lsm_tree::Error::Io(_) => Error::unavailable(message).with_source(e),
        _ => Error::corrupt(message).with_source(e),
    }
}
