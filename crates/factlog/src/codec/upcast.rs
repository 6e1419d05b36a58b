//! What changed from one version of a schema to the next, told as rules over JSON.
//!
//! Rules apply in the order in which they were given, each to the events that have its type then: a
//! type is renamed first and its fields under the new name, or the other way round.

use std::fmt;

use serde_json::{Map, Value};

/// An event on its way: its type and data.
pub(super) type Fact = (String, Value);

type Rule = Box<dyn Fn(Value) -> Vec<Fact> + Send + Sync>;

/// Brings events of one version of a schema to the next.
#[derive(Default)]
pub struct Upcast {
    /// For events of this type, what they become.
    rules: Vec<(String, Rule)>,
}

impl Upcast {
    /// A version in which nothing has changed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The type has another name.
    #[must_use]
    pub fn rename_type(self, from: &str, to: impl Into<String>) -> Self {
        let to = to.into();
        self.split(from, move |data| vec![(to.clone(), data)])
    }

    /// A field has another name. Where there is none of the old name, nothing changes.
    #[must_use]
    pub fn rename_field(
        self,
        event_type: &str,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> Self {
        let (from, to) = (from.into(), to.into());
        self.fields(event_type, move |fields| {
            if let Some(value) = fields.remove(&from) {
                fields.insert(to.clone(), value);
            }
        })
    }

    /// A field is new: events without it have this value.
    #[must_use]
    pub fn fill(self, event_type: &str, field: impl Into<String>, value: impl Into<Value>) -> Self {
        let (field, value) = (field.into(), value.into());
        self.fields(event_type, move |fields| {
            fields.entry(field.clone()).or_insert_with(|| value.clone());
        })
    }

    /// The data have another form.
    #[must_use]
    pub fn map(
        self,
        event_type: &str,
        change: impl Fn(Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        let same = event_type.to_owned();
        self.split(event_type, move |data| vec![(same.clone(), change(data))])
    }

    /// What was one event is several now (or none), each a type and its data.
    #[must_use]
    pub fn split(
        mut self,
        event_type: &str,
        into: impl Fn(Value) -> Vec<(String, Value)> + Send + Sync + 'static,
    ) -> Self {
        self.rules.push((event_type.to_owned(), Box::new(into)));
        self
    }

    fn fields(
        self,
        event_type: &str,
        change: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static,
    ) -> Self {
        self.map(event_type, move |mut data| {
            if let Value::Object(fields) = &mut data {
                change(fields);
            }
            data
        })
    }

    /// Whether a rule is for this type.
    pub(super) fn concerns(&self, event_type: &str) -> bool {
        self.rules.iter().any(|(of, _)| of == event_type)
    }

    pub(super) fn apply(&self, facts: Vec<Fact>) -> Vec<Fact> {
        self.rules.iter().fold(facts, |facts, (of, rule)| {
            let apply = |(event_type, data)| {
                if event_type == *of { rule(data) } else { vec![(event_type, data)] }
            };
            facts.into_iter().flat_map(apply).collect()
        })
    }
}

impl fmt::Debug for Upcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules.iter().map(|(event_type, _)| event_type)).finish()
    }
}
