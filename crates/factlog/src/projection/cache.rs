//! What a lane remembers of the state between its writes: documents, owners of unique values,
//! counts.
//!
//! All of it is as the lane's last write left it, and stays so: whoever else writes the lane moves
//! its checkpoint, and the lane is given up with all that it remembers. What began with nothing and
//! forgot nothing also knows what is not there. What a write puts that is still on its way can't be read yet,
//! and is forgotten only after it has landed.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quick_cache::unsync::Cache as Bounded;
use quick_cache::{Lifecycle, Weighter};

use super::batch::Indexed;
use crate::limits::PROJECTION_CACHE_BYTES;
use crate::view::Entry;

/// So many owners and counts are remembered.
const ENTRIES_MAX: usize = 100_000;
/// What a document is taken to weigh beside its text.
const DOCUMENT_BYTES: usize = 400;

type Slot = Option<Arc<Indexed>>;

/// What a lane remembers of the state.
#[derive(Debug)]
pub(super) struct Cache {
    documents: Bounded<String, Slot, Weight, RandomState, Forgets>,
    /// Fetched for the events in hand: kept until they are done, however many there are.
    fetched: HashMap<String, Slot>,
    /// What the write on its way makes of them.
    sent: HashMap<String, Slot>,
    /// Which document has a value of a unique index.
    owners: HashMap<Entry, Option<String>>,
    /// How many documents have a value of a counted index.
    counts: HashMap<Entry, u64>,
    /// Whether what is not here is not in the state either.
    is_complete: bool,
    /// Set when a document is forgotten.
    forgot: Arc<AtomicBool>,
}

impl Cache {
    /// `is_empty`: the state has nothing of this generation yet.
    pub(super) fn new(is_empty: bool) -> Self {
        let forgot = Arc::new(AtomicBool::new(false));
        let forgets = Forgets(Arc::clone(&forgot));
        let items =
            usize::try_from(PROJECTION_CACHE_BYTES).unwrap_or(usize::MAX) / 2 / DOCUMENT_BYTES;
        let documents =
            Bounded::with(items, PROJECTION_CACHE_BYTES, Weight, RandomState::new(), forgets);
        let (fetched, sent) = (HashMap::new(), HashMap::new());
        let (owners, counts) = (HashMap::new(), HashMap::new());
        Self { documents, fetched, sent, owners, counts, is_complete: is_empty, forgot }
    }

    /// The document, or that there is none; `None` if that is not known.
    pub(super) fn document(&self, key: &str) -> Option<Option<&Arc<Indexed>>> {
        let found = self.sent.get(key).or_else(|| self.fetched.get(key));
        let found = found.or_else(|| self.documents.get(key));
        found.map(Option::as_ref).or(self.is_complete.then_some(None))
    }

    /// The document that has the value, or that there is none; `None` if that is not known.
    pub(super) fn owner(&self, entry: &Entry) -> Option<Option<&str>> {
        let found = self.owners.get(entry).map(Option::as_deref);
        found.or(self.is_complete.then_some(None))
    }

    pub(super) fn count(&self, entry: &Entry) -> Option<u64> {
        self.counts.get(entry).copied().or(self.is_complete.then_some(0))
    }

    pub(super) fn fetched(&mut self, key: String, document: Slot) {
        self.fetched.insert(key, document);
    }

    pub(super) fn own(&mut self, entry: Entry, owner: Option<String>) {
        self.owners.insert(entry, owner);
    }

    pub(super) fn counted(&mut self, entry: Entry, count: u64) {
        self.counts.insert(entry, count);
    }

    /// The document is on its way to the state.
    pub(super) fn sent(&mut self, key: String, document: Slot) {
        self.fetched.remove(&key);
        self.sent.insert(key, document);
    }

    /// What was sent is in the state.
    pub(super) fn landed(&mut self) {
        for (key, document) in self.sent.drain() {
            self.documents.insert(key, document);
        }
        self.is_complete &= !self.forgot.load(Ordering::Relaxed);
        self.trim();
    }

    /// The events in hand are done.
    pub(super) fn settle(&mut self) {
        for (key, document) in std::mem::take(&mut self.fetched) {
            self.documents.insert(key, document);
        }
    }

    /// Forgets owners and counts beyond the bound.
    fn trim(&mut self) {
        if self.owners.len() > ENTRIES_MAX || self.counts.len() > ENTRIES_MAX {
            self.owners.clear();
            self.counts.clear();
            self.is_complete = false;
        }
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<String, Slot> for Weight {
    fn weight(&self, key: &String, document: &Slot) -> u64 {
        let text = document.as_ref().map_or(0, |document| 2 * document.size_max + DOCUMENT_BYTES);
        (key.len() + text + 64) as u64
    }
}

#[derive(Debug)]
struct Forgets(Arc<AtomicBool>);

impl Lifecycle<String, Slot> for Forgets {
    type RequestState = ();

    fn begin_request(&self) -> Self::RequestState {}

    fn on_evict(&self, _: &mut Self::RequestState, _: String, _: Slot) {
        self.0.store(true, Ordering::Relaxed);
    }
}
