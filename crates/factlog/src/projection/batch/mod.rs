//! Many events in memory, to become one write.
//!
//! ```text
//!   event 7 --handler--> changes --+          document   before (in the state)   after
//!   event 8 --handler--> changes --+-------->  loan-1     {open}                  {closed}
//!   event 9 --handler--> changes --+           loan-2     none                    {open}
//!                                                                 |
//!            one write:  documents, entries that differ, owners, counts   <-- commit
//! ```
//!
//! Of a document that many events change, only the last form is written, and of its entries in the
//! indexes only those that differ from what lies in the state. An event is taken in whole or not at
//! all: its handler runs on a copy, then unique values are checked as they stand after the event,
//! then what it costs. If that is too much for the write, the batch is committed first and the
//! event applied again; if it is too much for a write of its own, it is poison.
//!
//! What an event does depends on the events before it and on nothing else, not on where batches
//! end: so documents are the same whether they were built in one go or with a thousand stops.

mod send;

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

use super::cache::Cache;
use super::cost::Cost;
use super::documents::{New, Touched};
use super::indexed::{Indexed, missing};
use super::{Documents, Handler};
use crate::limits::{STATE_VALUE_BYTES_MAX, STATE_WRITE_BYTES_MAX};
use crate::state::Write;
use crate::view::{Document, Entry, Index, Places};
use crate::{Error, RecordedEvent, Result};

/// Left for the checkpoint, the check of the record, and their keys.
const RESERVED: Cost = Cost { items: 2, bytes: 4 << 10 };
/// What a count takes, beside its key.
const COUNT_BYTES: usize = 24;

/// What became of an event.
pub(super) enum Applied {
    /// It is in the batch.
    Done,
    /// First these documents and owners of unique values have to be fetched.
    Missing(Missing),
    /// First the batch has to be committed.
    Full,
    /// It can't be applied.
    Poison(Error),
}

/// What has to be fetched.
#[derive(Debug, Default)]
pub(super) struct Missing {
    pub(super) documents: Vec<String>,
    pub(super) owners: Vec<Entry>,
}

/// Many events in memory.
#[derive(Debug)]
pub(super) struct Batch {
    indexes: Vec<Index>,
    pub(super) places: Places,
    lane: u16,
    /// Other lanes write documents of the same view.
    has_others: bool,
    pub(super) cache: Cache,
    changed: HashMap<String, Change>,
    /// Owners of unique values that are not those in the cache.
    owners: HashMap<Entry, Option<String>>,
    /// By how much the counts differ from those in the cache.
    counts: HashMap<Entry, i64>,
    parked: Vec<Write>,
    cost: Cost,
    limit: Cost,
    /// Documents more than in the state, or fewer.
    growth: i64,
}

#[derive(Debug)]
struct Change {
    before: Option<Arc<Indexed>>,
    after: Option<Arc<Indexed>>,
    cost: Cost,
}

/// One document of an event: as the event finds it and as it leaves it.
struct Step {
    key: String,
    old: Option<Arc<Indexed>>,
    new: Option<Arc<Indexed>>,
}

impl Batch {
    pub(super) fn new(
        (indexes, places): (Vec<Index>, Places),
        (lane, lanes): (u16, u16),
        items_max: usize,
        cache: Cache,
    ) -> Self {
        let items = items_max - RESERVED.items;
        let limit = Cost { items, bytes: STATE_WRITE_BYTES_MAX - RESERVED.bytes };
        Self {
            indexes,
            places,
            lane,
            has_others: lanes > 1,
            cache,
            changed: HashMap::new(),
            owners: HashMap::new(),
            counts: HashMap::new(),
            parked: Vec::new(),
            cost: Cost::default(),
            limit,
            growth: 0,
        }
    }

    pub(super) fn lane(&self) -> u16 {
        self.lane
    }

    /// A document as it was found in the state.
    pub(super) fn fetched(&mut self, key: String, bytes: Option<Bytes>) -> Result<()> {
        self.cache.fetched(key, bytes, &self.indexes)
    }

    pub(super) fn growth(&self) -> i64 {
        self.growth
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cost == Cost::default()
    }

    /// The document, or that there is none, as the last event left it; `None` if it has to be
    /// fetched.
    pub(super) fn known(&mut self, key: &str) -> Result<Option<Option<Arc<Indexed>>>> {
        match self.changed.get(key) {
            Some(change) => Ok(Some(change.after.clone())),
            None => self.cache.document(key, &self.indexes),
        }
    }

    fn owner(&self, entry: &Entry) -> Option<Option<&str>> {
        match self.owners.get(entry) {
            Some(owner) => Some(owner.as_deref()),
            None => self.cache.owner(entry),
        }
    }

    /// Applies an event, or says what is in the way.
    pub(super) fn apply(&mut self, handler: &dyn Handler, event: &RecordedEvent) -> Applied {
        let touched = match self.handle(handler, event) {
            Ok(touched) => touched,
            Err(applied) => return applied,
        };
        let steps = match self.steps(touched) {
            Ok(steps) => steps,
            Err(error) => return Applied::Poison(error),
        };
        let unowned = match self.check_owners(&steps) {
            Ok(unowned) => unowned,
            Err(error) => return Applied::Poison(error),
        };
        if !unowned.is_empty() {
            return Applied::Missing(Missing { documents: Vec::new(), owners: unowned });
        }
        self.take_in(steps)
    }

    /// The documents that an event will ask for first, as far as they are not known.
    pub(super) fn foresee(&mut self, handler: &dyn Handler, event: &RecordedEvent) -> Vec<String> {
        match self.handle(handler, event) {
            Err(Applied::Missing(missing)) => missing.documents,
            _ => Vec::new(),
        }
    }

    fn handle(
        &mut self,
        handler: &dyn Handler,
        event: &RecordedEvent,
    ) -> Result<BTreeMap<String, Touched>, Applied> {
        let mut documents = Documents::new(self, event);
        let handled = catch_unwind(AssertUnwindSafe(|| handler.handle(event, &mut documents)));
        if !documents.misses.is_empty() {
            let missing = Missing { documents: documents.misses, owners: Vec::new() };
            return Err(Applied::Missing(missing));
        }
        match handled {
            Ok(Ok(())) => Ok(documents.touched),
            Ok(Err(error)) => Err(Applied::Poison(error)),
            Err(panic) => Err(Applied::Poison(panicked(&*panic))),
        }
    }

    fn steps(&self, touched: BTreeMap<String, Touched>) -> Result<Vec<Step>> {
        let mut steps = Vec::with_capacity(touched.len());
        for (key, Touched { old, new }) in touched {
            let new = match new {
                New::Same => continue,
                New::Put(document) => Some(self.indexed(&key, document)?),
                New::Deleted => None,
            };
            steps.push(Step { key, old, new });
        }
        Ok(steps)
    }

    fn indexed(&self, key: &str, document: Document) -> Result<Arc<Indexed>> {
        let indexed = Indexed::new(document, &self.indexes)
            .map_err(|e| Error::new(e.kind().clone(), format!("document {key}: {e}")))?;
        let size = indexed.size_max;
        if size > STATE_VALUE_BYTES_MAX {
            return Err(Error::too_large(format!(
                "document {key} takes up to {size} bytes, the limit is {STATE_VALUE_BYTES_MAX}"
            )));
        }
        Ok(indexed)
    }

    /// Checks that no unique value has two documents after these steps; answers the values of which
    /// it is not known who has them.
    fn check_owners(&self, steps: &[Step]) -> Result<Vec<Entry>> {
        let is_unique = |entry: &&Entry| self.indexes[entry.index].unique;
        let (mut taken, mut unknown) = (HashMap::new(), Vec::new());
        for Step { key, old, new } in steps {
            for entry in missing(new.as_ref(), old.as_ref()).filter(is_unique) {
                let given_up = steps.iter().find(|step| {
                    missing(step.old.as_ref(), step.new.as_ref()).any(|other| other == entry)
                });
                let owner = match self.owner(entry) {
                    _ if taken.contains_key(entry) => taken.get(entry).copied(),
                    _ if given_up.is_some() => None,
                    Some(owner) => owner,
                    None => {
                        unknown.push(entry.clone());
                        None
                    }
                };
                if let Some(owner) = owner {
                    let field = &self.indexes[entry.index].field;
                    return Err(Error::invalid(format!(
                        "index {field} is unique, and document {key} has the value that document {owner} has"
                    )));
                }
                taken.insert(entry, key.as_str());
            }
        }
        Ok(unknown)
    }

    fn take_in(&mut self, steps: Vec<Step>) -> Applied {
        let mut cost = self.cost;
        let mut costs = Vec::with_capacity(steps.len());
        for Step { key, old, new } in &steps {
            let change = self.changed.get(key);
            let before = change.map_or(old.as_ref(), |change| change.before.as_ref());
            let now = Cost::of_change(&self.places, key, before, new.as_ref());
            cost -= change.map(|change| change.cost).unwrap_or_default();
            cost += now;
            costs.push(now);
            for entry in
                missing(old.as_ref(), new.as_ref()).chain(missing(new.as_ref(), old.as_ref()))
            {
                if self.indexes[entry.index].counted && !self.counts.contains_key(entry) {
                    cost += self.cost_of_count(entry);
                }
            }
        }
        if !cost.fits(self.limit) {
            return if self.is_empty() {
                Applied::Poison(self.too_large(cost))
            } else {
                Applied::Full
            };
        }
        for (step, now) in steps.into_iter().zip(costs) {
            self.keep(step, now);
        }
        Applied::Done
    }

    /// Costs of counts are added once for each count, when it is first changed.
    fn keep(&mut self, Step { key, old, new }: Step, now: Cost) {
        for (entries, by) in [
            (missing(old.as_ref(), new.as_ref()).collect::<Vec<_>>(), -1),
            (missing(new.as_ref(), old.as_ref()).collect(), 1),
        ] {
            for entry in entries {
                let Index { unique, counted, .. } = self.indexes[entry.index];
                if counted {
                    if !self.counts.contains_key(entry) {
                        self.cost += self.cost_of_count(entry);
                    }
                    *self.counts.entry(entry.clone()).or_default() += by;
                }
                let taken = by > 0;
                // A value that was given up may have been taken by a document that came before.
                let is_ours = taken || self.owner(entry).flatten() == Some(key.as_str());
                if unique && (is_ours || self.owner(entry).is_none()) {
                    self.owners.insert(entry.clone(), taken.then(|| key.clone()));
                }
            }
        }
        self.growth += i64::from(new.is_some()) - i64::from(old.is_some());
        let change = self.changed.entry(key);
        let change = change.or_insert(Change { before: old, after: None, cost: Cost::default() });
        self.cost -= change.cost;
        self.cost += now;
        (change.after, change.cost) = (new, now);
    }

    fn cost_of_count(&self, entry: &Entry) -> Cost {
        let partition = self.places.counts[entry.index].as_str();
        Cost::item(partition, entry.held.len(), COUNT_BYTES)
    }

    fn too_large(&self, cost: Cost) -> Error {
        let Cost { items, bytes } = cost;
        let limit = self.limit;
        Error::too_large(format!(
            "the event's changes take up to {items} items and {bytes} bytes, one write has room for {} and {}",
            limit.items, limit.bytes
        ))
    }

    /// Adds the failure of an event; answers whether there was room.
    pub(super) fn park(&mut self, failure: &Write) -> bool {
        let mut cost = self.cost;
        cost += Cost { items: 1, bytes: failure.size() };
        let fits = cost.fits(self.limit);
        if fits {
            self.cost = cost;
            self.parked.push(failure.clone());
        }
        fits
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::invalid(format!("the handler panicked: {}", text.unwrap_or("without a text")))
}
