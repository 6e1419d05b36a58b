//! What a handler sees and changes: the documents as they are at its event.
//!
//! The handler asks and never waits. What it asks for and is not in memory is noted, and answered
//! with an error; the handler ends, the documents are fetched, and it is called again. So a handler
//! is a plain function, may follow from one document to the next, and costs one call where
//! everything is in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::batch::{Batch, Indexed};
use crate::view::{Document, validate_key};
use crate::{Error, RecordedEvent, Result};

/// The documents of a projection at one event. Changes are seen by later questions of the same
/// call, and kept if it succeeds.
#[derive(Debug)]
pub struct Documents<'a> {
    batch: &'a Batch,
    event: &'a RecordedEvent,
    pub(super) changes: BTreeMap<String, Option<Document>>,
    /// Documents that have to be fetched before the handler can be called again.
    pub(super) misses: Vec<String>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(batch: &'a Batch, event: &'a RecordedEvent) -> Self {
        Self { batch, event, changes: BTreeMap::new(), misses: Vec::new() }
    }

    /// The document with this key.
    ///
    /// # Errors
    /// `Invalid` for a key that no document can have; an error to be handed on if it has to be
    /// fetched first.
    pub fn get(&mut self, key: &str) -> Result<Option<&Map<String, Value>>> {
        if self.changes.contains_key(key) {
            return Ok(self
                .changes
                .get(key)
                .and_then(Option::as_ref)
                .map(|document| &document.data));
        }
        Ok(self.known(key)?.map(|known| &known.document.data))
    }

    /// The document with this key, to be changed; an empty one if there is none.
    ///
    /// # Errors
    /// As [`get`](Documents::get).
    pub fn edit(&mut self, key: &str) -> Result<&mut Map<String, Value>> {
        if !matches!(self.changes.get(key), Some(Some(_))) {
            let lane = self.batch.lane();
            let mut document = match self.known(key)? {
                Some(known) if !self.changes.contains_key(key) => known.document.clone(),
                _ => Document::new(key.to_owned(), lane),
            };
            document.changed_by(self.event);
            self.changes.insert(key.to_owned(), Some(document));
        }
        let changed = self.changes.get_mut(key).and_then(Option::as_mut);
        Ok(&mut changed.expect("it was put there").data)
    }

    /// Puts a document, in place of what was there.
    ///
    /// # Errors
    /// As [`get`](Documents::get).
    pub fn put(&mut self, key: &str, data: Map<String, Value>) -> Result<()> {
        *self.edit(key)? = data;
        Ok(())
    }

    /// Merges a patch into the document, or into an empty one, as RFC 7396 says: objects field by
    /// field, `null` takes a field away.
    ///
    /// # Errors
    /// As [`get`](Documents::get).
    pub fn merge(&mut self, key: &str, patch: &Map<String, Value>) -> Result<()> {
        merge(self.edit(key)?, patch);
        Ok(())
    }

    /// Deletes the document; answers whether there was one.
    ///
    /// # Errors
    /// As [`get`](Documents::get).
    pub fn delete(&mut self, key: &str) -> Result<bool> {
        let was_there = self.get(key)?.is_some();
        if was_there {
            self.changes.insert(key.to_owned(), None);
        }
        Ok(was_there)
    }

    /// The document as the events before have left it.
    fn known(&mut self, key: &str) -> Result<Option<&'a Arc<Indexed>>> {
        validate_key(key)?;
        if let Some(known) = self.batch.known(key) {
            let (lane, ours) = (known.map(|known| known.document.lane), self.batch.lane());
            return match lane {
                Some(lane) if lane != ours => Err(Error::invalid(format!(
                    "document {key} is of lane {lane}, the event of lane {ours}"
                ))),
                _ => Ok(known),
            };
        }
        self.misses.push(key.to_owned());
        Err(Error::unavailable(format!("document {key} has to be fetched first")))
    }
}

fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.remove(name)),
            Value::Object(inner) => {
                let field = target.entry(name).or_insert_with(|| Value::Object(Map::new()));
                if !field.is_object() {
                    *field = Value::Object(Map::new());
                }
                if let Value::Object(field) = field {
                    merge(field, inner);
                }
            }
            value => drop(target.insert(name.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_is_merged_as_rfc_7396_says() {
        for (target, patch, merged) in [
            (json!({"a": 1, "b": 2}), json!({"a": 3, "b": null, "c": 4}), json!({"a": 3, "c": 4})),
            (
                json!({"a": {"b": 1}}),
                json!({"a": {"c": null, "d": [1]}}),
                json!({"a": {"b": 1, "d": [1]}}),
            ),
            (json!({"a": "text"}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}})),
        ] {
            let [Value::Object(mut target), Value::Object(patch)] = [target, patch] else {
                panic!()
            };
            merge(&mut target, &patch);
            assert_eq!(Value::Object(target), merged);
        }
    }
}
