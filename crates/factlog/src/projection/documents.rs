//! What a handler sees and changes: the documents as they are at its event.
//!
//! The handler asks and never waits. What it asks for and is not in memory is noted, and answered
//! with an error; the handler ends, the documents are fetched, and it is called again. So a handler
//! is a plain function, may follow from one document to the next, and costs one call where
//! everything is in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::batch::Batch;
use super::indexed::Indexed;
use crate::view::{Document, validate_key};
use crate::{Error, RecordedEvent, Result};

/// The documents of a projection at one event. Changes are seen by later questions of the same
/// call, and kept if it succeeds.
#[derive(Debug)]
pub struct Documents<'a> {
    batch: &'a mut Batch,
    event: &'a RecordedEvent,
    pub(super) touched: BTreeMap<String, Touched>,
    /// Documents that have to be fetched before the handler can be called again.
    pub(super) misses: Vec<String>,
}

/// A document that was asked for.
#[derive(Debug)]
pub(super) struct Touched {
    /// As the events before have left it.
    pub(super) old: Option<Arc<Indexed>>,
    pub(super) new: New,
}

/// What this event makes of a document.
#[derive(Debug)]
pub(super) enum New {
    Same,
    Put(Document),
    Deleted,
}

impl Touched {
    fn data(&self) -> Option<&Map<String, Value>> {
        match &self.new {
            New::Same => self.old.as_ref().map(|old| &old.document.data),
            New::Put(document) => Some(&document.data),
            New::Deleted => None,
        }
    }
}

impl<'a> Documents<'a> {
    pub(super) fn new(batch: &'a mut Batch, event: &'a RecordedEvent) -> Self {
        Self { batch, event, touched: BTreeMap::new(), misses: Vec::new() }
    }

    /// The document with this key.
    ///
    /// # Errors
    /// `Invalid` for a key that no document can have; an error to be handed on if it has to be
    /// fetched first.
    pub fn get(&mut self, key: &str) -> Result<Option<&Map<String, Value>>> {
        Ok(self.touch(key)?.data())
    }

    /// The document with this key, to be changed; an empty one if there is none.
    ///
    /// # Errors
    /// As [`get`](Documents::get).
    pub fn edit(&mut self, key: &str) -> Result<&mut Map<String, Value>> {
        let (lane, event) = (self.batch.lane(), self.event);
        let Touched { old, new } = self.touch(key)?;
        if !matches!(new, New::Put(_)) {
            let mut document = match (old, &new) {
                (Some(old), New::Same) => old.document.clone(),
                _ => Document::new(key.to_owned(), lane),
            };
            document.changed_by(event);
            *new = New::Put(document);
        }
        match new {
            New::Put(document) => Ok(&mut document.data),
            New::Same | New::Deleted => unreachable!("it was put there"),
        }
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
        let touched = self.touch(key)?;
        let was_there = touched.data().is_some();
        if was_there {
            touched.new = New::Deleted;
        }
        Ok(was_there)
    }

    fn touch(&mut self, key: &str) -> Result<&mut Touched> {
        if !self.touched.contains_key(key) {
            let old = self.known(key)?;
            self.touched.insert(key.to_owned(), Touched { old, new: New::Same });
        }
        Ok(self.touched.get_mut(key).expect("it was put there"))
    }

    /// The document as the events before have left it.
    fn known(&mut self, key: &str) -> Result<Option<Arc<Indexed>>> {
        validate_key(key)?;
        if let Some(known) = self.batch.known(key)? {
            let (lane, ours) = (known.as_ref().map(|known| known.document.lane), self.batch.lane());
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
