//! One atomic write: of several keys, on conditions.

use std::collections::HashSet;

use bytes::Bytes;

use super::{Item, Key, Revision};
use crate::limits::{STATE_VALUE_BYTES_MAX, STATE_WRITE_BYTES_MAX};
use crate::{Error, Result};

/// What a write does to one key, if a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Write {
    /// The key.
    pub key: Key,
    /// What becomes of its item.
    pub change: Change,
    /// What must hold of it.
    pub condition: Condition,
}

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This value is put in its place.
    Put(Bytes),
    /// It is taken away, if there is one.
    Delete,
    /// It stays: the write only checks.
    Keep,
}

/// What must hold of a key for a write to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Anything.
    #[default]
    Any,
    /// There is no item.
    Absent,
    /// There is an item, of this revision.
    Revision(Revision),
}

impl Condition {
    /// Whether it holds of a key whose item has this revision; `None`: there is no item.
    #[must_use]
    pub fn holds_at(self, actual: Option<Revision>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => actual.is_none(),
            Self::Revision(revision) => actual == Some(revision),
        }
    }
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a write may be refused"]
pub enum Written {
    /// All of it is done; every item that it put has this revision.
    Done(Revision),
    /// Nothing was done, because a condition does not hold: look at what is there, decide again.
    Refused {
        /// The key; one of them, if the conditions of several do not hold.
        key: Key,
        /// What is under it.
        found: Option<Item>,
    },
}

impl Write {
    /// Puts the value under the key.
    #[must_use]
    pub fn put(key: Key, value: impl Into<Bytes>) -> Self {
        Self { key, change: Change::Put(value.into()), condition: Condition::Any }
    }

    /// Deletes the item under the key, if there is one.
    #[must_use]
    pub fn delete(key: Key) -> Self {
        Self { key, change: Change::Delete, condition: Condition::Any }
    }

    /// Changes nothing, and holds up all else unless the condition holds.
    #[must_use]
    pub fn check(key: Key, condition: Condition) -> Self {
        Self { key, change: Change::Keep, condition }
    }

    /// Only if this holds of the key.
    #[must_use]
    pub fn expecting(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// The bytes that count towards [`STATE_WRITE_BYTES_MAX`].
    #[must_use]
    pub fn size(&self) -> usize {
        let value = if let Change::Put(value) = &self.change { value.len() } else { 0 };
        self.key.size() + value
    }

    /// Checks all that can be known of a [`write`](super::State::write) without a store. Each
    /// store calls it first, with its [`write_items_max`](super::State::write_items_max).
    ///
    /// # Errors
    /// `Invalid` without any write, with a key named twice or a check of nothing; `TooLarge`
    /// over a limit.
    pub fn validate(writes: &[Self], items_max: usize) -> Result<()> {
        if writes.is_empty() {
            return Err(Error::invalid("a write has no key"));
        }
        let bytes = writes.iter().map(Self::size).sum();
        for (what, count, limit) in
            [("keys", writes.len(), items_max), ("bytes", bytes, STATE_WRITE_BYTES_MAX)]
        {
            if count > limit {
                let message = format!("a write has {count} {what}, the limit is {limit}");
                return Err(Error::too_large(message));
            }
        }
        check_keys_and_values(writes)
    }

    /// The same for a [`write_each`](super::State::write_each).
    ///
    /// # Errors
    /// `Invalid` with a condition, a check or a key named twice; `TooLarge` with a value over its limit.
    pub fn validate_each(writes: &[Self]) -> Result<()> {
        if let Some(write) = writes.iter().find(|write| write.condition != Condition::Any) {
            let message = format!("key {} has a condition, and is written without", write.key);
            return Err(Error::invalid(message));
        }
        check_keys_and_values(writes)
    }
}

fn check_keys_and_values(writes: &[Write]) -> Result<()> {
    if let Some(key) = named_twice(writes) {
        return Err(Error::invalid(format!("a write names key {key} twice")));
    }
    for Write { key, change, condition } in writes {
        match change {
            Change::Keep if *condition == Condition::Any => {
                return Err(Error::invalid(format!("a write keeps key {key} and checks nothing")));
            }
            Change::Put(value) if value.len() > STATE_VALUE_BYTES_MAX => {
                let length = value.len();
                return Err(Error::too_large(format!(
                    "the value of key {key} has {length} bytes, the limit is {STATE_VALUE_BYTES_MAX}"
                )));
            }
            Change::Put(_) | Change::Delete | Change::Keep => {}
        }
    }
    Ok(())
}

fn named_twice(writes: &[Write]) -> Option<&Key> {
    if writes.is_sorted_by(|one, next| one.key < next.key) {
        return None;
    }
    let mut seen = HashSet::with_capacity(writes.len());
    writes.iter().map(|write| &write.key).find(|key| !seen.insert(*key))
}
