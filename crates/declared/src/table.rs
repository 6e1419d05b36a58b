//! Reads the tables of a file name by name; what is of another type, unknown or missing is a
//! problem.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problems::Problems;

/// A value with its place in the file.
pub(crate) type Value<'a> = Spanned<DeValue<'a>>;

/// A table whose names are taken out one by one.
pub(crate) struct Table<'a> {
    /// What messages call it.
    what: String,
    pub(crate) span: Range<usize>,
    left: DeTable<'a>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(what: impl Into<String>, span: Range<usize>, left: DeTable<'a>) -> Self {
        Self { what: what.into(), span, left }
    }

    /// The value under a name.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value<'a>> {
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
            DeValue::Boolean(value) => *value,
            other => {
                let found = other.type_str();
                problems.add(&value.span(), format!("{name} is true or false, not a TOML {found}"));
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

    /// The tables of `[[name]]`.
    pub(crate) fn tables(&mut self, name: &str, problems: &mut Problems<'_>) -> Vec<Table<'a>> {
        let form = format!("written as [[{name}]]");
        let elements = self.list(name, &form, problems);
        let what = format!("[[{name}]]");
        elements.into_iter().filter_map(|element| table(&what, element, problems)).collect()
    }

    pub(crate) fn table(&mut self, name: &str, problems: &mut Problems<'_>) -> Option<Table<'a>> {
        let value = self.take(name)?;
        table(name, value, problems)
    }

    /// All that is left, in the order of the file.
    pub(crate) fn rest(self) -> Vec<(String, Value<'a>)> {
        let mut rest: Vec<_> = self
            .left
            .into_iter()
            .map(|(name, value)| (name.into_inner().into_owned(), value))
            .collect();
        rest.sort_by_key(|(_, value)| value.span().start);
        rest
    }

    /// Nothing else may stand here.
    pub(crate) fn end(self, known: &str, problems: &mut Problems<'_>) {
        for (name, _) in &self.left {
            let message = format!("{} has no {:?}: it may have {known}", self.what, name.get_ref());
            problems.add(&name.span(), message);
        }
    }

    fn list(&mut self, name: &str, form: &str, problems: &mut Problems<'_>) -> Vec<Value<'a>> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(elements) => elements.into_iter().collect(),
            other => {
                let found = other.type_str();
                problems.add(&span, format!("{name} is {form}, not a TOML {found}"));
                Vec::new()
            }
        }
    }
}

/// The value as a text.
pub(crate) fn text(
    path: &str,
    value: Value<'_>,
    problems: &mut Problems<'_>,
) -> Option<Spanned<String>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::String(text) => Some(Spanned::new(span, text.into_owned())),
        other => {
            let found = other.type_str();
            problems.add(&span, format!("{path} is a text in quotes, not a TOML {found}"));
            None
        }
    }
}

/// The value as a table.
pub(crate) fn table<'a>(
    path: &str,
    value: Value<'a>,
    problems: &mut Problems<'_>,
) -> Option<Table<'a>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(left) => Some(Table::new(path, span, left)),
        other => {
            let found = other.type_str();
            problems.add(&span, format!("{path} is a table, not a TOML {found}"));
            None
        }
    }
}
