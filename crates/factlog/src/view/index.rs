//! Indexes that a view declares, and the entries that a document has in them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::encoding::{self, is_long};
use super::{KEY, Kind};
use crate::limits::{FIELD_BYTES_MAX, INDEXES_MAX};
use crate::{Error, Result};

/// An index of a view: documents by the value of one field.
///
/// A document without the field, or with `null` there, has no entry. A value of another kind
/// is an error of the event that brought it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Index {
    /// The path to the field: names joined by dots. It also names the index.
    pub field: String,
    /// What the values are.
    pub kind: Kind,
    /// The field is a list, and each of its elements an entry.
    #[serde(default)]
    pub each: bool,
    /// No two documents have the same value.
    #[serde(default)]
    pub unique: bool,
    /// How many documents have a value is kept, for each value: counts are read, not made. Each
    /// value that changes costs one more item of a write.
    #[serde(default)]
    pub counted: bool,
}

impl Index {
    /// An index of single values.
    #[must_use]
    pub fn new(field: impl Into<String>, kind: Kind) -> Self {
        Self { field: field.into(), kind, each: false, unique: false, counted: false }
    }

    /// The field is a list, and each of its elements an entry.
    #[must_use]
    pub fn of_each(mut self) -> Self {
        self.each = true;
        self
    }

    /// No two documents have the same value.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// How many documents have a value is kept, for each value.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// The encodings of the values that a document has here, sorted, each once.
    pub(crate) fn encodings(&self, document: &Map<String, Value>) -> Result<Vec<Vec<u8>>> {
        let Some(value) = at(document, &self.field) else { return Ok(Vec::new()) };
        let wrong = |value: &Value| {
            let (found, Self { field, kind, .. }) = (name(value), self);
            Error::invalid(format!(
                "index {field} is of kind {kind}, the document has {found} there"
            ))
        };
        let encode = |value| self.kind.encode(value).ok_or_else(|| wrong(value));
        match value {
            Value::Array(values) if self.each => {
                let values = values.iter().filter(|value| !value.is_null());
                let mut encodings = values.map(encode).collect::<Result<Vec<_>>>()?;
                encodings.sort_unstable();
                encodings.dedup();
                Ok(encodings)
            }
            value if self.each => Err(wrong(value)),
            value => Ok(vec![encode(value)?]),
        }
    }
}

/// One entry of a document: the number of the index, and what it holds of the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    pub(crate) index: usize,
    pub(crate) held: Bytes,
}

/// All entries of a document, sorted.
pub(crate) fn entries(indexes: &[Index], document: &Map<String, Value>) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(indexes.len());
    for (number, index) in indexes.iter().enumerate() {
        for encoding in index.encodings(document)? {
            if index.counted && is_long(&encoding) {
                return Err(Error::too_large(format!(
                    "index {} is counted, and the document has a value of {} bytes there, the limit is {}",
                    index.field,
                    encoding.len(),
                    crate::limits::INDEX_VALUE_BYTES_MAX
                )));
            }
            entries.push(Entry { index: number, held: encoding::held(encoding) });
        }
    }
    Ok(entries)
}

/// What stands in a document under a path; `None` also for `null`.
pub(crate) fn at<'a>(document: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    let mut names = field.split('.');
    let first = document.get(names.next()?)?;
    let found = names.try_fold(first, |value, name| value.as_object()?.get(name))?;
    (!found.is_null()).then_some(found)
}

fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Checks what can be declared.
pub(crate) fn validate(indexes: &[Index]) -> Result<()> {
    if indexes.len() > INDEXES_MAX {
        let count = indexes.len();
        return Err(Error::invalid(format!(
            "a view has {count} indexes, the limit is {INDEXES_MAX}"
        )));
    }
    for (number, Index { field, each, unique, .. }) in indexes.iter().enumerate() {
        validate_field(field)?;
        if indexes[..number].iter().any(|other| other.field == *field) {
            return Err(Error::invalid(format!("a view has two indexes on {field}")));
        }
        if field == KEY {
            return Err(Error::invalid(format!(
                "{KEY} is the key of a document, and needs no index"
            )));
        }
        if *each && *unique {
            let message =
                format!("index {field} is of each element of a list, and can't be unique");
            return Err(Error::invalid(message));
        }
    }
    Ok(())
}

/// Checks a path.
pub(crate) fn validate_field(field: &str) -> Result<()> {
    if field.len() > FIELD_BYTES_MAX {
        let bytes = field.len();
        let message = format!("a field has {bytes} bytes, the limit is {FIELD_BYTES_MAX}: {field}");
        return Err(Error::invalid(message));
    }
    if field.split('.').any(str::is_empty) || field.contains(char::is_control) {
        return Err(Error::invalid(format!("{field:?} is not a path of names joined by dots")));
    }
    Ok(())
}
