//! What a lane remembers of the state between its writes: documents, owners of unique values,
//! counts.
//!
//! All of it is as the lane's last write left it, and stays so: whoever else writes the lane moves
//! its checkpoint, and the lane is given up with all that it remembers. What began with nothing also
//! knows what is not in the state ([`Forgotten`]). What a write puts that is still on its way can't be
//! read yet, and is forgotten only after it has landed.
//!
//! Documents are kept as they lie in the state, a third of what they take when they are read; those
//! that the events in hand look at are kept both ways.

use std::collections::HashMap;
use std::hash::{Hash, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::unsync::Cache as Bounded;
use quick_cache::{Lifecycle, Weighter};

use super::forgotten::Forgotten;
use super::indexed::Indexed;
use crate::Result;
use crate::limits::PROJECTION_CACHE_BYTES;
use crate::view::{Document, Entry, Index};

/// So many owners and counts are remembered.
const ENTRIES_MAX: usize = 100_000;
/// What a document takes beside its key and its text.
const DOCUMENT_BYTES: usize = 160;

/// What a lane remembers of the state.
#[derive(Debug)]
pub(super) struct Cache {
    documents: Bounded<String, Option<Bytes>, Weight, RandomState, Forgets>,
    /// Those that were read for the events in hand.
    read: HashMap<String, Option<Arc<Indexed>>>,
    /// What the write on its way makes of them.
    sent: HashMap<String, Option<Bytes>>,
    /// Which document has a value of a unique index.
    owners: HashMap<Entry, Option<String>>,
    /// How many documents have a value of a counted index.
    counts: HashMap<Entry, u64>,
    /// What the state has and is not here; `None` where that is not known.
    forgotten: Option<Forgotten>,
}

impl Cache {
    /// `is_empty`: the state has nothing of this generation yet.
    pub(super) fn new(is_empty: bool) -> Self {
        let bytes = usize::try_from(PROJECTION_CACHE_BYTES).unwrap_or(usize::MAX);
        let items = bytes / 2 / DOCUMENT_BYTES;
        let hasher = RandomState::new();
        let documents = Bounded::with(items, PROJECTION_CACHE_BYTES, Weight, hasher, Forgets);
        let (read, sent) = (HashMap::new(), HashMap::new());
        let (owners, counts) = (HashMap::new(), HashMap::new());
        let forgotten = is_empty.then(Forgotten::default);
        Self { documents, read, sent, owners, counts, forgotten }
    }

    /// The document, or that there is none; `None` if that is not known.
    pub(super) fn document(
        &mut self,
        key: &str,
        indexes: &[Index],
    ) -> Result<Option<Option<Arc<Indexed>>>> {
        if let Some(read) = self.read.get(key) {
            return Ok(Some(read.clone()));
        }
        match self.sent.get(key).or_else(|| self.documents.get(key)) {
            Some(Some(bytes)) => {
                let document = Document::decode(key.to_owned(), bytes)?;
                let read = Some(Indexed::new(document, indexes)?);
                self.read.insert(key.to_owned(), read.clone());
                Ok(Some(read))
            }
            Some(None) => Ok(Some(None)),
            None => Ok(self.is_absent(key).then_some(None)),
        }
    }

    /// The document that has the value, or that there is none; `None` if that is not known.
    pub(super) fn owner(&self, entry: &Entry) -> Option<Option<&str>> {
        let found = self.owners.get(entry).map(Option::as_deref);
        found.or_else(|| self.is_absent(entry).then_some(None))
    }

    pub(super) fn count(&self, entry: &Entry) -> Option<u64> {
        self.counts.get(entry).copied().or_else(|| self.is_absent(entry).then_some(0))
    }

    /// Whether the state does not have what is not here.
    fn is_absent(&self, key: &(impl Hash + ?Sized)) -> bool {
        self.forgotten.as_ref().is_some_and(|forgotten| !forgotten.may_have(key))
    }

    /// The document as it was found in the state, until the events in hand are done at least.
    pub(super) fn fetched(
        &mut self,
        key: String,
        bytes: Option<Bytes>,
        indexes: &[Index],
    ) -> Result<()> {
        let document = bytes.as_ref().map(|bytes| Document::decode(key.clone(), bytes));
        let read = document.transpose()?.map(|document| Indexed::new(document, indexes));
        self.read.insert(key.clone(), read.transpose()?);
        self.keep(key, bytes);
        Ok(())
    }

    pub(super) fn own(&mut self, entry: Entry, owner: Option<String>) {
        self.owners.insert(entry, owner);
    }

    pub(super) fn counted(&mut self, entry: Entry, count: u64) {
        self.counts.insert(entry, count);
    }

    /// The document is on its way to the state.
    pub(super) fn sent(&mut self, key: String, document: Option<Bytes>) {
        self.read.remove(&key);
        self.sent.insert(key, document);
    }

    /// What was sent is in the state.
    pub(super) fn landed(&mut self) {
        let mut sent = std::mem::take(&mut self.sent);
        for (key, document) in sent.drain() {
            self.keep(key, document);
        }
        self.sent = sent;
        self.trim();
    }

    fn keep(&mut self, key: String, document: Option<Bytes>) {
        let evicted = self.documents.insert_with_lifecycle(key, document);
        if let Some(forgotten) = &mut self.forgotten {
            evicted.iter().for_each(|key| forgotten.insert(key));
        }
    }

    /// The events in hand are done.
    pub(super) fn settle(&mut self) {
        self.read.clear();
    }

    /// Forgets owners and counts beyond the bound.
    fn trim(&mut self) {
        if self.owners.len() <= ENTRIES_MAX && self.counts.len() <= ENTRIES_MAX {
            return;
        }
        let owned = self.owners.drain().filter_map(|(entry, owner)| owner.map(|_| entry));
        let counted = self.counts.drain().filter_map(|(entry, count)| (count > 0).then_some(entry));
        let entries = owned.chain(counted);
        match &mut self.forgotten {
            Some(forgotten) => entries.for_each(|entry| forgotten.insert(&entry)),
            None => drop(entries),
        }
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<String, Option<Bytes>> for Weight {
    fn weight(&self, key: &String, document: &Option<Bytes>) -> u64 {
        (key.len() + document.as_ref().map_or(0, Bytes::len) + DOCUMENT_BYTES) as u64
    }
}

/// Tells the keys of documents that are evicted.
#[derive(Debug)]
struct Forgets;

impl Lifecycle<String, Option<Bytes>> for Forgets {
    type RequestState = Vec<String>;

    fn begin_request(&self) -> Self::RequestState {
        Vec::new()
    }

    fn on_evict(&self, evicted: &mut Self::RequestState, key: String, document: Option<Bytes>) {
        if document.is_some() {
            evicted.push(key);
        }
    }
}
