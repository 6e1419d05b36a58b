//! TOML, read by the crate `toml`, which finds all that is wrong with its syntax.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problems::Problems;
use crate::tree::{Names, Node, Value};

pub(super) fn read(text: &str, problems: &mut Problems<'_>) -> Option<Spanned<Names>> {
    let (file, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add(&error.span().unwrap_or(0..0), format!("not TOML: {}", error.message()));
    }
    errors.is_empty().then(|| Spanned::new(0..0, names(file.into_inner())))
}

fn names(table: DeTable<'_>) -> Names {
    let name = |name: Spanned<_>| Spanned::new(name.span(), String::from(name.into_inner()));
    table.into_iter().map(|(one, inner)| (name(one), value(inner))).collect()
}

fn value(value: Spanned<DeValue<'_>>) -> Value {
    let span = value.span();
    let node = match value.into_inner() {
        DeValue::String(text) => Node::Text(text.into()),
        DeValue::Boolean(value) => Node::Boolean(value),
        DeValue::Integer(number) => Node::Literal("a number", number.to_string()),
        DeValue::Float(number) => Node::Literal("a number", number.to_string()),
        DeValue::Datetime(_) => Node::Other("a time"),
        DeValue::Array(elements) => Node::List(elements.into_iter().map(self::value).collect()),
        DeValue::Table(table) => Node::Table(names(table)),
    };
    Spanned::new(span, node)
}
