//! What a view is asked, and what it answers.

use std::ops::Bound;

use super::encoding::{self, Interval, past};
use super::{Document, Kind, Scalar};
use crate::limits::{QUERY_CONDITIONS_MAX, QUERY_PAGE_MAX};
use crate::{Direction, Error, PageToken, Result};

/// The name of a document's key in conditions and orders: as if each view had a unique index of
/// strings on it.
pub const KEY: &str = "$key";

/// Asks for the documents that meet all conditions, a page at a time, in an order.
///
/// One index leads: that of the order, else of the first equality, else of the first condition that
/// has one. It gives the documents in its order, and the other conditions, on whatever field, are
/// checked against each. A query without an index to lead it is refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query {
    /// What holds of each document.
    pub conditions: Vec<Condition>,
    /// The field by which they are ordered, which has an index; only documents with that field are
    /// found. `None`: by whatever leads.
    pub order: Option<String>,
    /// Whether the lowest comes first.
    pub direction: Direction,
    /// Most documents on the page, 1 to [`QUERY_PAGE_MAX`].
    pub limit: usize,
    /// Where the page before this one ended.
    pub after: Option<PageToken>,
}

impl Default for Query {
    fn default() -> Self {
        let (conditions, direction) = (Vec::new(), Direction::Forward);
        Self { conditions, order: None, direction, limit: 100, after: None }
    }
}

impl Query {
    /// All documents, by key, a hundred a page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only those of which this holds, too.
    #[must_use]
    pub fn with(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// By this field.
    #[must_use]
    pub fn order_by(mut self, field: impl Into<String>) -> Self {
        self.order = Some(field.into());
        self
    }

    /// The highest first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// At most so many documents on the page.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The page after this one.
    #[must_use]
    pub fn after(mut self, token: PageToken) -> Self {
        self.after = Some(token);
        self
    }

    pub(crate) fn validate(&self) -> Result<()> {
        if self.limit == 0 || self.limit > QUERY_PAGE_MAX {
            let limit = self.limit;
            return Err(Error::invalid(format!(
                "a page of {limit} documents was asked for, it holds 1 to {QUERY_PAGE_MAX}"
            )));
        }
        validate_conditions(&self.conditions)
    }
}

pub(crate) fn validate_conditions(conditions: &[Condition]) -> Result<()> {
    if conditions.len() > QUERY_CONDITIONS_MAX {
        let count = conditions.len();
        let message =
            format!("a query has {count} conditions, the limit is {QUERY_CONDITIONS_MAX}");
        return Err(Error::invalid(message));
    }
    conditions.iter().try_for_each(|condition| super::index::validate_field(&condition.field))
}

/// What holds of a field of a document. Of a list it holds if it holds of one element.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Condition {
    /// The path to the field, or [`KEY`].
    pub field: String,
    /// The values that pass, of one kind.
    pub values: Values,
}

/// A set of values of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// This one.
    Equal(Scalar),
    /// From one to another.
    Between(Bound<Scalar>, Bound<Scalar>),
    /// The texts that begin so.
    Prefix(String),
}

impl Condition {
    /// The field has one of these values.
    #[must_use]
    pub fn new(field: impl Into<String>, values: Values) -> Self {
        Self { field: field.into(), values }
    }

    /// The field has this value.
    #[must_use]
    pub fn equal(field: impl Into<String>, value: impl Into<Scalar>) -> Self {
        Self::new(field, Values::Equal(value.into()))
    }

    /// The field has this value or a higher one.
    #[must_use]
    pub fn from(field: impl Into<String>, value: impl Into<Scalar>) -> Self {
        Self::new(field, Values::Between(Bound::Included(value.into()), Bound::Unbounded))
    }

    /// The field has a lower value.
    #[must_use]
    pub fn before(field: impl Into<String>, value: impl Into<Scalar>) -> Self {
        Self::new(field, Values::Between(Bound::Unbounded, Bound::Excluded(value.into())))
    }

    /// The field has a value from the one, included, to the other, excluded.
    #[must_use]
    pub fn within(
        field: impl Into<String>,
        from: impl Into<Scalar>,
        before: impl Into<Scalar>,
    ) -> Self {
        let (from, before) = (Bound::Included(from.into()), Bound::Excluded(before.into()));
        Self::new(field, Values::Between(from, before))
    }

    /// The field is a text that begins so.
    #[must_use]
    pub fn prefix(field: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self::new(field, Values::Prefix(prefix.into()))
    }
}

impl Values {
    /// The kind that they are of, and their encodings.
    pub(crate) fn interval(&self) -> Result<(Kind, Interval)> {
        match self {
            Self::Equal(value) => Ok((value.kind(), Interval::beginning(value.encode()))),
            Self::Prefix(prefix) => {
                Ok((Kind::String, Interval::beginning(encoding::beginning(prefix))))
            }
            Self::Between(from, to) => {
                let kind = kind_of_both(from, to)?;
                let all = all(kind);
                let from = match from {
                    Bound::Included(value) => value.encode(),
                    Bound::Excluded(value) => past(&value.encode()),
                    Bound::Unbounded => all.from,
                };
                let before = match to {
                    Bound::Included(value) => past(&value.encode()),
                    Bound::Excluded(value) => value.encode(),
                    Bound::Unbounded => all.before,
                };
                Ok((kind, Interval { from, before }))
            }
        }
    }
}

/// The encodings of all values of a kind.
pub(crate) fn all(kind: Kind) -> Interval {
    let any = match kind {
        Kind::Boolean => false.into(),
        Kind::Number => 0.into(),
        Kind::Time => crate::Timestamp::default().into(),
        Kind::String => Scalar::from(""),
    };
    Interval::beginning(any.encode()[..1].to_vec())
}

fn kind_of_both(from: &Bound<Scalar>, to: &Bound<Scalar>) -> Result<Kind> {
    let kind = |bound: &Bound<Scalar>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value.kind()),
        Bound::Unbounded => None,
    };
    match (kind(from), kind(to)) {
        (Some(from), Some(to)) if from != to => {
            Err(Error::invalid(format!("a range goes from a {from} to a {to}")))
        }
        (from, to) => from.or(to).ok_or_else(|| Error::invalid("a range has no end")),
    }
}

/// One page of documents.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// The documents, in the order that was asked for. A page may have fewer than its limit, even
    /// none, and be followed by another: when other conditions than the leading one keep out most.
    pub documents: Vec<Document>,
    /// Where the page ended; `None` after the last page.
    pub next: Option<PageToken>,
}

/// How many documents there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Exact(u64),
    /// So many were found when the count reached its limit.
    AtLeast(u64),
}
