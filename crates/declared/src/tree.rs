//! What a file says, whatever its syntax: values, each with its place in the text.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::Syntax;

/// A value with its place.
pub(crate) type Value = Spanned<Node>;

/// What stands in a table: names, each with its own place.
pub(crate) type Names = BTreeMap<Spanned<String>, Value>;

/// A value.
#[derive(Debug)]
pub(crate) enum Node {
    Text(String),
    Boolean(bool),
    /// A number or null: what messages call it, and how it is written, which is jq for itself.
    Literal(&'static str, String),
    List(Vec<Value>),
    Table(Names),
    /// What no declaration has a use for, as messages call it.
    Other(&'static str),
}

impl Node {
    /// What messages call it.
    pub(crate) fn what(&self, syntax: Syntax) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => syntax.table(),
            Self::Literal(what, _) | Self::Other(what) => what,
        }
    }
}
