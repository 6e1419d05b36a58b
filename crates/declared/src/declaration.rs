//! A file, checked as a whole before anything of it runs. In TOML:
//!
//! ```toml
//! name = "loans"              # of the projection and its view
//! on_poison = "stop"          # or "park": what becomes of it when an event can't be applied
//!
//! [filter]                    # which events are looked at; all, without it
//! categories = ["loan"]
//! stream_prefixes = ["loan-17"]
//!
//! [[index]]                   # what can be queried, counted and sorted by
//! field = "status"
//! type = "string"             # or number, time, boolean
//! counted = true              # also: unique, list
//!
//! [[on]]                      # a rule; all that are for an event are applied, in this order
//! types = ["A_SUBMITTED"]     # events of any type, without it
//! when = ".data.amount > 0"
//! key = ".stream"             # names the document
//! upsert.status = ".type"     # the document is these fields: replaced, if it was there
//! merge.city = ".data.city"   # these fields of it are set, null takes one away
//! increment.events = "1"
//! append.types = ".type"
//!
//! [[on]]
//! types = ["A_CANCELLED"]
//! key = ".stream"
//! delete = true
//! ```
//!
//! In YAML, `index` and `on` are lists of mappings, all else has the same names:
//!
//! ```yaml
//! name: loans
//! index:
//!   - field: status
//!     type: string
//! on:
//!   - types: [A_SUBMITTED]
//!     when: .data.amount > 0
//!     key: .stream
//!     upsert.status: .type        # or a mapping `upsert:` with `status: .type`
//!     increment.events: 1         # numbers, booleans and null stand for themselves, in TOML too
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use factlog::projection::{OnPoison, Projection};
use factlog::view::{Index, Kind};
use factlog::{EventType, Filter, ProjectionName, Result};
use toml::Spanned;

use crate::File;
use crate::expression::Expression;
use crate::limits::{FILE_BYTES_MAX, RULE_FIELDS_MAX, RULES_MAX};
use crate::problems::Problems;
use crate::rule::{Change, Field, Operation, Rule, Rules};
use crate::table::{self, Table};
use crate::tree::{Node, Value};

/// The operations that write fields, in the order in which a rule does them.
const WRITES: [(&str, Operation); 4] = [
    ("upsert", Operation::Upsert),
    ("merge", Operation::Merge),
    ("increment", Operation::Increment),
    ("append", Operation::Append),
];

/// A projection that a file declares.
#[derive(Clone, Debug)]
pub struct Declaration {
    name: ProjectionName,
    on_poison: OnPoison,
    filter: Filter,
    indexes: Vec<Index>,
    rules: Rules,
}

impl Declaration {
    /// Reads a file and checks all of it.
    ///
    /// # Errors
    /// `Invalid` with all that is wrong with it, each on a line with its line in the file.
    pub fn parse(file: &File) -> Result<Self> {
        let mut problems = Problems::new(file);
        let bytes = file.text().len();
        if bytes > FILE_BYTES_MAX {
            let message = format!("the file has {bytes} bytes, the limit is {FILE_BYTES_MAX}");
            problems.add(&(0..0), message);
            return problems.none_or(None);
        }
        // If it can't be read, what is said of the rest would only follow from that.
        let declared = file.syntax().read(file.text(), &mut problems).and_then(|names| {
            let file = Table::new("the file", names.span(), names.into_inner());
            read(file, &mut problems)
        });
        problems.none_or(declared)
    }

    /// The projection's name.
    #[must_use]
    pub fn name(&self) -> &ProjectionName {
        &self.name
    }

    /// The projection, to be run by a [`Worker`](factlog::projection::Worker). The version tells
    /// files of one name apart: [`Declarations`](crate::Declarations) counts them.
    #[must_use]
    pub fn projection(&self, version: u32) -> Projection {
        let mut projection = Projection::new(self.name.clone(), self.rules.clone())
            .with_version(version)
            .with_filter(self.filter.clone())
            .on_poison(self.on_poison);
        projection.definition.indexes.clone_from(&self.indexes);
        projection
    }
}

fn read(mut file: Table, problems: &mut Problems<'_>) -> Option<Declaration> {
    let name = file.needed("name", problems).and_then(|name| {
        let checked = name.get_ref().parse::<ProjectionName>();
        checked.map_err(|e| problems.add(&name.span(), e.to_string())).ok()
    });
    let on_poison = match file.text("on_poison", problems) {
        Some(text) if text.get_ref() == "park" => OnPoison::Park,
        Some(text) if text.get_ref() != "stop" => {
            let message = format!("on_poison is \"stop\" or \"park\", not {:?}", text.get_ref());
            problems.add(&text.span(), message);
            OnPoison::Stop
        }
        _ => OnPoison::Stop,
    };
    let mut filter = file
        .table("filter", problems)
        .map_or(Filter::all(), |filter| read_filter(filter, problems));
    let indexes = file.tables("index", problems);
    let indexes = indexes.into_iter().filter_map(|index| read_index(index, problems)).collect();
    let rules = file.tables("on", problems);
    if rules.is_empty() {
        let on = problems.syntax.tables("on");
        problems.add(&(0..0), format!("the file has no {on}: no event changes a document"));
    }
    if rules.len() > RULES_MAX {
        let (count, on) = (rules.len(), problems.syntax.tables("on"));
        let message = format!("the file has {count} of {on}, the limit is {RULES_MAX}");
        problems.add(&rules[RULES_MAX].span, message);
    }
    let rules: Vec<Option<Rule>> = rules
        .into_iter()
        .enumerate()
        .map(|(number, rule)| read_rule(number + 1, rule, problems))
        .collect();
    file.end("name, on_poison, filter, index, on", problems);
    // A rule that can't be read may write anything.
    let rules: Vec<Rule> = rules.into_iter().collect::<Option<_>>()?;
    let indexes = check_indexes(indexes, &rules, problems);
    if rules.iter().all(|rule| !rule.types.is_empty()) {
        let types: BTreeSet<_> = rules.iter().flat_map(|rule| &rule.types).collect();
        filter = types.into_iter().fold(filter, |filter, one| filter.with_type(one.clone()));
    }
    if let Err(error) = filter.validate() {
        problems.add(&(0..0), error.to_string());
    }
    Some(Declaration { name: name?, on_poison, filter, indexes, rules: Rules(Arc::from(rules)) })
}

fn read_filter(mut table: Table, problems: &mut Problems<'_>) -> Filter {
    let categories = table.texts("categories", problems).into_iter().map(Spanned::into_inner);
    let filter = categories.fold(Filter::all(), Filter::with_category);
    let prefixes = table.texts("stream_prefixes", problems).into_iter().map(Spanned::into_inner);
    let filter = prefixes.fold(filter, Filter::with_stream_prefix);
    table.end("categories, stream_prefixes", problems);
    filter
}

fn read_index(mut table: Table, problems: &mut Problems<'_>) -> Option<Spanned<Index>> {
    let span = table.span.clone();
    let field = table.needed("field", problems);
    let kind = table.needed("type", problems).and_then(|kind| match kind.get_ref().as_str() {
        "boolean" => Some(Kind::Boolean),
        "number" => Some(Kind::Number),
        "string" => Some(Kind::String),
        "time" => Some(Kind::Time),
        other => {
            let message =
                format!("the type of an index is string, number, time or boolean, not {other:?}");
            problems.add(&kind.span(), message);
            None
        }
    });
    let [unique, each, counted] =
        ["unique", "list", "counted"].map(|name| table.boolean(name, problems));
    table.end("field, type, unique, list, counted", problems);
    let field = field?;
    let mut index = Index::new(field.get_ref(), kind?);
    (index.unique, index.each, index.counted) = (unique, each, counted);
    Some(Spanned::new(span, index))
}

fn read_rule(number: usize, mut table: Table, problems: &mut Problems<'_>) -> Option<Rule> {
    let span = table.span.clone();
    let mut types = Vec::new();
    for text in table.texts("types", problems) {
        match text.get_ref().parse::<EventType>() {
            Ok(event_type) => types.push(event_type),
            Err(error) => problems.add(&text.span(), error.to_string()),
        }
    }
    let place = |what: &str| format!("{what} of rule {number}");
    let when = table.take("when").and_then(|when| table::code("when", when, problems));
    let when = when.map(|when| expression(place("when"), &when, problems));
    let key = table.needed("key", problems);
    let key = key.and_then(|key| expression(place("key"), &key, problems));
    let is_deletion = table.boolean("delete", problems);
    let mut changes = Vec::new();
    let mut is_whole = true;
    for (name, operation) in WRITES {
        let Some(written) = table.table(name, problems) else { continue };
        let mut fields = Vec::new();
        is_whole &= read_fields((number, name), &mut Vec::new(), written, &mut fields, problems);
        changes.push(Change { operation, fields });
    }
    if changes.is_empty() != is_deletion {
        let message = if is_deletion {
            "a rule deletes a document or writes fields, not both"
        } else {
            "a rule without upsert, merge, increment, append or delete changes nothing"
        };
        problems.add(&span, message);
    }
    if is_deletion {
        changes.push(Change { operation: Operation::Delete, fields: Vec::new() });
    }
    let fields: usize = changes.iter().map(|change| change.fields.len()).sum();
    if fields > RULE_FIELDS_MAX {
        problems
            .add(&span, format!("a rule writes {fields} fields, the limit is {RULE_FIELDS_MAX}"));
    }
    table.end("types, when, key, upsert, merge, increment, append, delete", problems);
    let when = when.map_or(Some(None), |when| when.map(Some))?;
    is_whole.then_some(Rule { types, when, key: key?, changes })
}

/// Reads fields, those in tables as paths; answers whether all could be read.
fn read_fields(
    (number, operation): (usize, &str),
    outer: &mut Vec<String>,
    table: Table,
    fields: &mut Vec<Field>,
    problems: &mut Problems<'_>,
) -> bool {
    let mut is_whole = true;
    for (name, value) in table.rest() {
        outer.push(name);
        let path = outer.join(".");
        if matches!(value.get_ref(), Node::Table(_)) {
            if let Some(inner) = table::table(&path, value, problems) {
                is_whole &= read_fields((number, operation), outer, inner, fields, problems);
            }
        } else {
            let place = format!("{operation}.{path} of rule {number}");
            let value = field_value(place, value, problems);
            is_whole &= value.is_some();
            fields.extend(value.map(|value| Field { path: outer.clone(), value }));
        }
        outer.pop();
    }
    is_whole
}

fn field_value(place: String, value: Value, problems: &mut Problems<'_>) -> Option<Expression> {
    let code = table::code(&place, value, problems)?;
    expression(place, &code, problems)
}

fn expression(
    place: String,
    code: &Spanned<String>,
    problems: &mut Problems<'_>,
) -> Option<Expression> {
    let made = Expression::new(place, code.get_ref());
    made.map_err(|why| problems.add(&code.span(), why)).ok()
}

/// The indexes, if documents can be in them.
fn check_indexes(
    indexes: Vec<Spanned<Index>>,
    rules: &[Rule],
    problems: &mut Problems<'_>,
) -> Vec<Index> {
    let changes = rules.iter().flat_map(|rule| &rule.changes);
    let written: Vec<_> = changes
        .flat_map(|change| {
            change.fields.iter().map(|field| (change.operation, field.path.join(".")))
        })
        .collect();
    let mut checked: Vec<Index> = Vec::new();
    for index in indexes {
        let span = index.span();
        let index = index.into_inner();
        if let Some(why) = misfit(&index, &written) {
            problems.add(&span, format!("index {} {why}", index.field));
        }
        checked.push(index);
        let definition = factlog::projection::Definition::default();
        let definition = checked.iter().cloned().fold(definition, |mut definition, index| {
            definition.indexes.push(index);
            definition
        });
        if let Err(error) = definition.validate() {
            problems.add(&span, error.to_string());
            checked.pop();
        }
    }
    checked
}

/// Why no document can be in the index, if that can be seen.
fn misfit(index: &Index, written: &[(Operation, String)]) -> Option<String> {
    let Index { field, kind, each, .. } = index;
    let is_within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
    };
    if let Some((_, inner)) = written.iter().find(|(_, path)| is_within(path, field)) {
        return Some(format!("is on an object: {inner} is written into it"));
    }
    let writes = |path: &str| path == field || is_within(field, path);
    if !written.iter().any(|(_, path)| writes(path)) {
        return Some("is on a field that no rule writes".to_owned());
    }
    let operations =
        written.iter().filter(|(_, path)| path == field).map(|(operation, _)| operation);
    for operation in operations {
        match operation {
            Operation::Append if !each => return Some("is on a list: say list = true".to_owned()),
            Operation::Increment if *each || *kind != Kind::Number => {
                return Some("is on a field that is incremented: its type is number".to_owned());
            }
            _ => {}
        }
    }
    None
}
