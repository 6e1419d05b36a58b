//! A batch as one write.

use std::collections::HashMap;

use bytes::Bytes;

use super::{Batch, Change};
use crate::Result;
use crate::projection::cost::Cost;
use crate::projection::indexed::missing;
use crate::state::{Condition, Key, Write};
use crate::view::Entry;

impl Batch {
    /// The counts that have to be fetched before the batch can be sent.
    pub(crate) fn unknown_counts(&self) -> Vec<Entry> {
        let unknown = self.counts.keys().filter(|entry| self.cache.count(entry).is_none());
        unknown.cloned().collect()
    }

    /// What brings the state from before the batch to behind it. From now on it is on its way, what was
    /// new is what is known, and another batch begins.
    pub(crate) fn send(&mut self) -> Result<Vec<Write>> {
        let mut writes = std::mem::take(&mut self.parked);
        self.send_documents(&mut writes)?;
        self.send_counts(&mut writes)?;
        for (entry, owner) in self.owners.drain() {
            self.cache.own(entry, owner);
        }
        (self.cost, self.growth) = (Cost::default(), 0);
        Ok(writes)
    }

    /// Documents, and their entries that differ.
    fn send_documents(&mut self, writes: &mut Vec<Write>) -> Result<()> {
        let Self { places, indexes, .. } = self;
        let mut owners = HashMap::new();
        for (key, Change { before, after, .. }) in self.changed.drain() {
            let place = places.document(&key)?;
            let encoded = after.as_ref().map(|after| after.document.encode());
            if before.is_some() || after.is_some() {
                let is_contested = self.has_others && before.is_none();
                let condition = if is_contested { Condition::Absent } else { Condition::Any };
                writes.push(becomes(place, encoded.clone()).expecting(condition));
            }
            for entry in missing(before.as_ref(), after.as_ref()) {
                if indexes[entry.index].unique {
                    // Whoever takes the value comes before whoever gives it up.
                    owners.entry(entry.clone()).or_insert(None);
                } else {
                    writes.push(Write::delete(places.entry(entry, &key)?));
                }
            }
            for entry in missing(after.as_ref(), before.as_ref()) {
                if indexes[entry.index].unique {
                    owners.insert(entry.clone(), Some(key.clone()));
                } else {
                    writes.push(Write::put(places.entry(entry, &key)?, ""));
                }
            }
            self.cache.sent(key, encoded);
        }
        for (entry, owner) in owners {
            writes.push(becomes(places.owner(&entry)?, owner));
        }
        Ok(())
    }

    fn send_counts(&mut self, writes: &mut Vec<Write>) -> Result<()> {
        for (entry, by) in self.counts.drain().filter(|(_, by)| *by != 0) {
            let count = self.cache.count(&entry).unwrap_or_default().saturating_add_signed(by);
            let place = self.places.count(&entry, self.lane)?;
            writes.push(becomes(place, (count > 0).then(|| count.to_string())));
            self.cache.counted(entry, count);
        }
        Ok(())
    }
}

/// Puts a value, or takes it away.
fn becomes(place: Key, value: Option<impl Into<Bytes>>) -> Write {
    match value {
        Some(value) => Write::put(place, value),
        None => Write::delete(place),
    }
}
