//! What is kept under a key.

use std::fmt;

use bytes::Bytes;

use super::Key;

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item {
    /// Where it is kept.
    pub key: Key,
    /// At most [`STATE_VALUE_BYTES_MAX`](crate::limits::STATE_VALUE_BYTES_MAX) bytes.
    pub value: Bytes,
    /// Which write put it there.
    pub revision: Revision,
}

impl Item {
    /// An item.
    #[must_use]
    pub fn new(key: Key, value: Bytes, revision: Revision) -> Self {
        Self { key, value, revision }
    }
}

/// The number of a write, given by the store. Two revisions are the same write or they are not: their
/// order means nothing. An item that has the revision that it had was not written in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision with this number: for stores.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
