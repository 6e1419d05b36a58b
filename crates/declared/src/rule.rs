//! What a file does with an event: each rule that is for it, in the order of the file.
//!
//! ```text
//!   event --types, when--> key --> for each key:  upsert | merge | increment | append | delete
//! ```
//!
//! The key's expression may answer several texts, each a document, or none. A field's expression
//! answers one value, or none to leave the field alone.

use factlog::projection::{Documents, Handler};
use factlog::{Error, EventType, RecordedEvent, Result};
use jaq_json::Val;
use serde_json::{Map, Number, Value};

use crate::expression::{self, Expression};
use crate::limits::RULE_DOCUMENTS_MAX;

/// One `[[on]]` of a file.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Events of these types; empty for all.
    pub(crate) types: Vec<EventType>,
    /// Only if this holds.
    pub(crate) when: Option<Expression>,
    /// Names the documents.
    pub(crate) key: Expression,
    /// What becomes of each, in this order.
    pub(crate) changes: Vec<Change>,
}

/// What becomes of a document.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) operation: Operation,
    /// What is written; of a deletion nothing.
    pub(crate) fields: Vec<Field>,
}

/// How fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The document is these fields and no others.
    Upsert,
    /// These fields are put into it, as RFC 7396 says.
    Merge,
    /// Numbers are added to those that are there, or to 0.
    Increment,
    /// Values are put behind the list that is there, or an empty one.
    Append,
    /// The document is taken away.
    Delete,
}

/// A field of a document, and what it gets.
#[derive(Debug)]
pub(crate) struct Field {
    /// Names from the outermost to its own.
    pub(crate) path: Vec<String>,
    pub(crate) value: Expression,
}

/// All rules of a file.
#[derive(Clone, Debug)]
pub(crate) struct Rules(pub(crate) std::sync::Arc<[Rule]>);

impl Handler for Rules {
    fn handle(&self, event: &RecordedEvent, documents: &mut Documents<'_>) -> Result<()> {
        let mut input = None;
        for rule in self.0.iter().filter(|rule| rule.is_for(event)) {
            let input = match &input {
                Some(input) => input,
                None => input.insert(expression::input(event)?),
            };
            rule.apply(input, documents)?;
        }
        Ok(())
    }
}

impl Rule {
    fn is_for(&self, event: &RecordedEvent) -> bool {
        self.types.is_empty() || self.types.contains(&event.event_type)
    }

    fn apply(&self, event: &Val, documents: &mut Documents<'_>) -> Result<()> {
        if let Some(when) = &self.when
            && !when.holds(event)?
        {
            return Ok(());
        }
        for key in self.key.all(event, "", RULE_DOCUMENTS_MAX)? {
            let Value::String(key) = &key else {
                return Err(self.key.failed(format!("answers {key}, and a key is a text")));
            };
            for change in &self.changes {
                change.apply(event, key, documents)?;
            }
        }
        Ok(())
    }
}

impl Change {
    fn apply(&self, event: &Val, key: &str, documents: &mut Documents<'_>) -> Result<()> {
        let mut values = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            if let Some(value) = field.value.one(event, key)? {
                values.push((field, value));
            }
        }
        match self.operation {
            Operation::Delete => drop(documents.delete(key)?),
            Operation::Upsert => documents.put(key, object(values)?)?,
            Operation::Merge => documents.merge(key, &object(values)?)?,
            Operation::Increment => {
                let document = documents.edit(key)?;
                for (field, value) in values {
                    let there = field.place(document)?;
                    *there = add(there, &value).map_err(|why| field.value.failed(why))?;
                }
            }
            Operation::Append => {
                let document = documents.edit(key)?;
                for (field, value) in values {
                    match field.place(document)? {
                        Value::Array(list) => list.push(value),
                        there if there.is_null() => *there = vec![value].into(),
                        there => {
                            let why = format!("is to be put behind {there}, which is no list");
                            return Err(field.value.failed(why));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn object(values: Vec<(&Field, Value)>) -> Result<Map<String, Value>> {
    let mut object = Map::new();
    for (field, value) in values {
        *field.place(&mut object)? = value;
    }
    Ok(object)
}

impl Field {
    /// Where it is in the document; `null` if it was not there.
    fn place<'a>(&self, document: &'a mut Map<String, Value>) -> Result<&'a mut Value> {
        let (name, outer) =
            self.path.split_last().ok_or_else(|| Error::internal("a field without a name"))?;
        let mut object = document;
        for name in outer {
            let inner = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
            object = inner.as_object_mut().ok_or_else(|| {
                self.value.failed(format!("is to be put into {name:?}, which is no object"))
            })?;
        }
        Ok(object.entry(name).or_insert(Value::Null))
    }
}

/// The sum: exact for whole numbers of 64 bits.
fn add(there: &Value, more: &Value) -> Result<Value, String> {
    let zero = Value::from(0);
    let there = if there.is_null() { &zero } else { there };
    if let (Some(there), Some(more)) = (there.as_i64(), more.as_i64()) {
        let sum = there.checked_add(more);
        return sum.map(Value::from).ok_or_else(|| format!("makes {there} too large a number"));
    }
    let (Some(a), Some(b)) = (there.as_f64(), more.as_f64()) else {
        return Err(format!("answers {more}, which can't be added to {there}"));
    };
    let sum = Number::from_f64(a + b).ok_or_else(|| format!("makes {there} too large a number"))?;
    Ok(sum.into())
}
