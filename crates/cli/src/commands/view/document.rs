//! Documents as they are printed: one line of JSON each, or a table of their fields.

use std::collections::BTreeMap;

use factlog::view::Document;
use factlog::{Position, StreamName};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::exit::Failure;
use crate::output::{Output, shortened};

/// Widest cell of a table.
const CELL_CHARS_MAX: usize = 40;

/// One document: its fields beneath each other, or a line of JSON.
pub(super) fn one(document: &Document, output: &mut Output) -> Result<(), Failure> {
    if output.is_json() {
        return line(document, output);
    }
    let from = document.sources.iter().map(|(stream, version)| format!("{stream}@{version}"));
    let from = from.collect::<Vec<_>>().join(" ");
    let fields = document.data.iter().map(|(field, value)| (field.as_str(), text(value)));
    let position = document.position.to_string();
    let head = [("$key", document.key.clone()), ("$from", from), ("$position", position)];
    Ok(output.object(head.into_iter().chain(fields))?)
}

/// Documents: a row each, with a column for each field that one of them has, or a line of JSON.
pub(super) fn several(documents: &[Document], output: &mut Output) -> Result<(), Failure> {
    if output.is_json() {
        return documents.iter().try_for_each(|document| line(document, output));
    }
    let mut titles = vec!["$key"];
    for field in documents.iter().flat_map(|document| document.data.keys()) {
        if !titles.contains(&field.as_str()) {
            titles.push(field);
        }
    }
    let cell = |document: &Document, title: &str| match document.data.get(title) {
        Some(value) => shortened(&text(value), CELL_CHARS_MAX),
        None => String::new(),
    };
    let row = |document: &Document| {
        let cells = titles[1..].iter().map(|title| cell(document, title));
        std::iter::once(document.key.clone()).chain(cells).collect()
    };
    Ok(output.table(&titles, &documents.iter().map(row).collect::<Vec<_>>())?)
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    data: &'a Map<String, Value>,
    /// The streams that it was built from, with the version of each.
    from: BTreeMap<&'a StreamName, u64>,
    position: Position,
}

fn line(document: &Document, output: &mut Output) -> Result<(), Failure> {
    let Document { key, data, sources, position, .. } = document;
    let from = sources.iter().map(|(stream, version)| (stream, version.number())).collect();
    Ok(output.json(&Line { key, data, from, position: *position })?)
}

/// A value without the quotes of a text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
