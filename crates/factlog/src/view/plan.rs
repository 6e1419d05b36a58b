//! Chooses the index that leads a query, and the conditions that are left to check.

use serde_json::Value;

use super::encoding::{self, Interval};
use super::query::{all, validate_conditions};
use super::{Condition, Document, Index, KEY, Kind, Query, Values, index};
use crate::limits::DOCUMENT_KEY_BYTES_MAX;
use crate::{Error, Result};

/// What leads: an index by its number, or the documents' own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    Key,
    Index(usize),
}

/// How a query is answered.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) lead: Lead,
    /// What is asked of the leading field.
    pub(crate) interval: Interval,
    /// What else must hold.
    pub(crate) checks: Vec<Check>,
}

/// A condition, ready to be checked.
#[derive(Debug)]
pub(crate) struct Check {
    field: String,
    kind: Kind,
    interval: Interval,
}

impl Plan {
    /// # Errors
    /// `Invalid` if no index leads, or a condition is of another kind than the index that would.
    pub(crate) fn new(indexes: &[Index], query: &Query) -> Result<Self> {
        query.validate()?;
        Self::of(indexes, &query.conditions, query.order.as_deref())
    }

    pub(crate) fn of(
        indexes: &[Index],
        conditions: &[Condition],
        order: Option<&str>,
    ) -> Result<Self> {
        validate_conditions(conditions)?;
        let lead_of = |field: &str| match indexes.iter().position(|index| index.field == field) {
            _ if field == KEY => Some(Lead::Key),
            found => found.map(Lead::Index),
        };
        let leads = |condition: &Condition| lead_of(&condition.field).is_some();
        let is_equality = |condition: &&Condition| matches!(condition.values, Values::Equal(_));
        let field = order.or_else(|| {
            let mut candidates = conditions.iter().filter(|condition| leads(condition));
            let equality = candidates.clone().find(is_equality);
            equality.or_else(|| candidates.next()).map(|condition| condition.field.as_str())
        });
        let field = match field {
            Some(field) => field,
            None if conditions.is_empty() => KEY,
            None => return Err(missing(conditions)),
        };
        let lead = lead_of(field).ok_or_else(|| {
            Error::invalid(format!("documents are to be ordered by {field}, which has no index"))
        })?;
        let kind = lead.kind(indexes);
        let (mut interval, mut checks) = (None, Vec::new());
        for condition in conditions {
            let check = Check::new(condition)?;
            if condition.field == field && check.kind != kind {
                let found = check.kind;
                let message =
                    format!("index {field} is of kind {kind}, a condition on it of kind {found}");
                return Err(Error::invalid(message));
            }
            if condition.field == field && interval.is_none() {
                interval = Some(check.interval);
            } else {
                checks.push(check);
            }
        }
        Ok(Self { lead, interval: interval.unwrap_or_else(|| all(kind)), checks })
    }
}

impl Lead {
    fn kind(self, indexes: &[Index]) -> Kind {
        match self {
            Self::Key => Kind::String,
            Self::Index(number) => indexes[number].kind,
        }
    }

    /// The encodings that the document has here, sorted.
    pub(crate) fn encodings(self, indexes: &[Index], document: &Document) -> Result<Vec<Vec<u8>>> {
        match self {
            Self::Key => Ok(vec![encoding::string(&document.key)]),
            Self::Index(number) => indexes[number].encodings(&document.data),
        }
    }
}

impl Check {
    fn new(condition: &Condition) -> Result<Self> {
        let (kind, interval) = condition.values.interval()?;
        Ok(Self { field: condition.field.clone(), kind, interval })
    }

    pub(crate) fn holds_of(&self, document: &Document) -> bool {
        if self.field == KEY {
            return self.interval.contains(&encoding::string(&document.key));
        }
        let holds = |value: &Value| {
            self.kind.encode(value).is_some_and(|encoding| self.interval.contains(&encoding))
        };
        match index::at(&document.data, &self.field) {
            Some(Value::Array(values)) => values.iter().any(holds),
            Some(value) => holds(value),
            None => false,
        }
    }
}

fn missing(conditions: &[Condition]) -> Error {
    let fields: Vec<_> = conditions.iter().map(|condition| condition.field.as_str()).collect();
    Error::invalid(format!("no index leads the query: declare one on {}", fields.join(" or ")))
}

/// The range of documents' keys that an interval of their encodings is. A key has no zero byte, so
/// that its encoding is the tag, the key and the end mark; an end behind that of a key is right
/// behind the key.
pub(crate) fn keys(interval: &Interval) -> (Vec<u8>, Option<Vec<u8>>) {
    let end = |bytes: &[u8]| {
        let text = &bytes[1..bytes.len().min(DOCUMENT_KEY_BYTES_MAX + 2)];
        match text.iter().position(|byte| *byte == 0) {
            Some(at) if text.get(at + 1) == Some(&encoding::END) => text[..at].to_vec(),
            Some(at) => text[..=at].to_vec(),
            None => text.to_vec(),
        }
    };
    let is_last = interval.before == all(Kind::String).before;
    (end(&interval.from), (!is_last).then(|| end(&interval.before)))
}
