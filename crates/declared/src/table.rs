//! Reads the tables of a file name by name; what is of another type, unknown or missing is a
//! problem.

use std::ops::Range;

use toml::Spanned;

use crate::Syntax;
use crate::problems::Problems;
use crate::tree::{Names, Node, Value};

/// A table whose names are taken out one by one.
pub(crate) struct Table {
    /// What messages call it.
    what: String,
    pub(crate) span: Range<usize>,
    left: Names,
}

impl Table {
    pub(crate) fn new(what: impl Into<String>, span: Range<usize>, left: Names) -> Self {
        Self { what: what.into(), span, left }
    }

    /// The value under a name.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name)
    }

    pub(crate) fn text(
        &mut self,
        name: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<String>> {
        let value = self.take(name)?;
        text(name, value, problems)
    }

    pub(crate) fn needed(
        &mut self,
        name: &str,
        problems: &mut Problems<'_>,
    ) -> Option<Spanned<String>> {
        if self.left.contains_key(name) {
            return self.text(name, problems);
        }
        problems.add(&self.span, format!("{} has no {name}", self.what));
        None
    }

    pub(crate) fn boolean(&mut self, name: &str, problems: &mut Problems<'_>) -> bool {
        let Some(value) = self.take(name) else { return false };
        match value.get_ref() {
            Node::Boolean(value) => *value,
            other => {
                misfit(&value.span(), name, "true or false", other, problems);
                false
            }
        }
    }

    pub(crate) fn texts(
        &mut self,
        name: &str,
        problems: &mut Problems<'_>,
    ) -> Vec<Spanned<String>> {
        let elements = self.list(name, "a list of texts", problems);
        let path = format!("each of {name}");
        elements.into_iter().filter_map(|element| text(&path, element, problems)).collect()
    }

    /// The tables of a list.
    pub(crate) fn tables(&mut self, name: &str, problems: &mut Problems<'_>) -> Vec<Table> {
        let (form, what) = match problems.syntax {
            Syntax::Toml => (format!("written as [[{name}]]"), format!("[[{name}]]")),
            Syntax::Yaml => ("a list of mappings".to_owned(), format!("an entry of {name}")),
        };
        let elements = self.list(name, &form, problems);
        elements.into_iter().filter_map(|element| table(&what, element, problems)).collect()
    }

    pub(crate) fn table(&mut self, name: &str, problems: &mut Problems<'_>) -> Option<Table> {
        let value = self.take(name)?;
        table(name, value, problems)
    }

    /// All that is left, in the order of the file.
    pub(crate) fn rest(self) -> Vec<(String, Value)> {
        let left = self.left.into_iter();
        let mut rest: Vec<_> = left.map(|(name, value)| (name.into_inner(), value)).collect();
        rest.sort_by_key(|(_, value)| value.span().start);
        rest
    }

    /// Nothing else may stand here.
    pub(crate) fn end(self, known: &str, problems: &mut Problems<'_>) {
        for name in self.left.keys() {
            let message = format!("{} has no {:?}: it may have {known}", self.what, name.get_ref());
            problems.add(&name.span(), message);
        }
    }

    fn list(&mut self, name: &str, form: &str, problems: &mut Problems<'_>) -> Vec<Value> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let span = value.span();
        match value.into_inner() {
            Node::List(elements) => elements,
            other => {
                misfit(&span, name, form, &other, problems);
                Vec::new()
            }
        }
    }
}

/// The value as a text.
pub(crate) fn text(
    path: &str,
    value: Value,
    problems: &mut Problems<'_>,
) -> Option<Spanned<String>> {
    let span = value.span();
    match value.into_inner() {
        Node::Text(text) => Some(Spanned::new(span, text)),
        other => {
            misfit(&span, path, "a text in quotes", &other, problems);
            None
        }
    }
}

/// The value as the text of an expression, in which numbers, booleans and null stand for themselves.
pub(crate) fn code(
    path: &str,
    value: Value,
    problems: &mut Problems<'_>,
) -> Option<Spanned<String>> {
    let literal = match value.get_ref() {
        Node::Literal(_, code) => code.clone(),
        Node::Boolean(value) => value.to_string(),
        _ => return text(path, value, problems),
    };
    Some(Spanned::new(value.span(), literal))
}

/// The value as a table.
pub(crate) fn table(path: &str, value: Value, problems: &mut Problems<'_>) -> Option<Table> {
    let span = value.span();
    match value.into_inner() {
        Node::Table(left) => Some(Table::new(path, span, left)),
        other => {
            misfit(&span, path, problems.syntax.table(), &other, problems);
            None
        }
    }
}

fn misfit(span: &Range<usize>, path: &str, form: &str, found: &Node, problems: &mut Problems<'_>) {
    let found = found.what(problems.syntax);
    problems.add(span, format!("{path} is {form}, not {found}"));
}
