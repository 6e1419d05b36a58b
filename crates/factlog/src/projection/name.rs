//! The name of a projection and of its view.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::PROJECTION_NAME_BYTES_MAX;
use crate::{Error, Result};

/// The name of a projection and of its view: 1 to [`PROJECTION_NAME_BYTES_MAX`] letters, digits,
/// `-`, `_` and `.`, so that it can also be a file's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectionName(String);

impl ProjectionName {
    /// Checks the text and makes a name of it.
    ///
    /// # Errors
    /// `Invalid` if it is empty, too long, or has another character.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty()
            || text.len() > PROJECTION_NAME_BYTES_MAX
            || !text.chars().all(is_allowed)
        {
            return Err(Error::invalid(format!(
                "{text:?} is no name of a projection: 1 to {PROJECTION_NAME_BYTES_MAX} letters, digits, '-', '_' and '.'"
            )));
        }
        Ok(Self(text))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectionName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl fmt::Display for ProjectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ProjectionName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProjectionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::serde::parse(deserializer)
    }
}
