//! The values that indexes and conditions know: of one kind each, ordered within it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::encoding;
use crate::{Error, Result, Timestamp};

/// What the values of an index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `false` before `true`.
    Boolean,
    /// By size, whole numbers and fractions together; exact for all that JSON numbers of 64 bits
    /// hold.
    Number,
    /// By the instant; in the document a text as RFC 3339 writes it.
    Time,
    /// By the bytes of UTF-8.
    String,
}

/// A value of an index, or one to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A boolean.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// A point in time.
    Time(Timestamp),
    /// A text.
    String(String),
}

impl Kind {
    /// Reads a value of this kind from text, as a command line has it.
    ///
    /// # Errors
    /// `Invalid` if it is none.
    pub fn parse(self, text: &str) -> Result<Scalar> {
        let json = match self {
            Self::Boolean | Self::Number => serde_json::from_str(text).ok(),
            Self::Time | Self::String => Some(Value::from(text)),
        };
        json.and_then(|json| self.scalar(&json))
            .ok_or_else(|| Error::invalid(format!("{text:?} is no {self}")))
    }

    /// The JSON value as one of this kind; `None` if it is of another.
    #[must_use]
    pub fn scalar(self, json: &Value) -> Option<Scalar> {
        match (self, json) {
            (Self::Boolean, Value::Bool(value)) => Some(Scalar::Boolean(*value)),
            (Self::Number, Value::Number(value)) => Some(Scalar::Number(value.clone())),
            (Self::Time, Value::String(text)) => text.parse().ok().map(Scalar::Time),
            (Self::String, Value::String(text)) => Some(Scalar::String(text.clone())),
            _ => None,
        }
    }

    /// Its [encoding], without a detour.
    pub(crate) fn encode(self, json: &Value) -> Option<Vec<u8>> {
        match (self, json) {
            (Self::Boolean, Value::Bool(value)) => Some(encoding::boolean(*value)),
            (Self::Number, Value::Number(value)) => Some(encoding::number(value)),
            (Self::Time, Value::String(text)) => text.parse().ok().map(encoding::time),
            (Self::String, Value::String(text)) => Some(encoding::string(text)),
            _ => None,
        }
    }
}

impl Scalar {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Boolean(_) => Kind::Boolean,
            Self::Number(_) => Kind::Number,
            Self::Time(_) => Kind::Time,
            Self::String(_) => Kind::String,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Boolean(value) => encoding::boolean(*value),
            Self::Number(value) => encoding::number(value),
            Self::Time(value) => encoding::time(*value),
            Self::String(value) => encoding::string(value),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Time => "time",
            Self::String => "string",
        })
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Time(value) => value.fmt(f),
            Self::String(value) => f.write_str(value),
        }
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<Timestamp> for Scalar {
    fn from(value: Timestamp) -> Self {
        Self::Time(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}
