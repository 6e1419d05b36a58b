//! What a scan asks for: a range of one partition, a direction, a limit.
//!
//! A range is half-open. That is enough for every kind of end, because bytes have a next: the sort
//! keys after `k` are those from `k` with a zero byte behind it.

use bytes::Bytes;

use super::Partition;
use crate::limits::STATE_SORT_BYTES_MAX;
use crate::{Direction, Error, Result};

/// A scan of one partition. By default all of it, forward.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// The partition; one without items reads as empty.
    pub partition: Partition,
    /// The lowest sort key of the range, itself included.
    pub from: Bytes,
    /// The end of the range, itself excluded; `None` for the end of the partition.
    pub before: Option<Bytes>,
    /// Whether the lowest sort key (forward) or the highest comes first.
    pub direction: Direction,
    /// Most items to answer.
    pub limit: u64,
}

impl Scan {
    /// All items of the partition, forward.
    #[must_use]
    pub fn new(partition: Partition) -> Self {
        let (from, before) = (Bytes::new(), None);
        Self { partition, from, before, direction: Direction::Forward, limit: u64::MAX }
    }

    /// Only sort keys that begin with this. It replaces both ends of the range.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<Bytes>) -> Self {
        self.from = prefix.into();
        self.before = after_all_with(&self.from);
        self
    }

    /// From this sort key on, itself included.
    #[must_use]
    pub fn from(mut self, sort: impl Into<Bytes>) -> Self {
        self.from = sort.into();
        self
    }

    /// From this sort key on, itself excluded.
    #[must_use]
    pub fn after(self, sort: &[u8]) -> Self {
        self.from(next(sort))
    }

    /// Up to this sort key, itself included.
    #[must_use]
    pub fn to(self, sort: &[u8]) -> Self {
        self.before(next(sort))
    }

    /// Up to this sort key, itself excluded.
    #[must_use]
    pub fn before(mut self, sort: impl Into<Bytes>) -> Self {
        self.before = Some(sort.into());
        self
    }

    /// What is left of it behind this sort key, in its direction: the next page.
    #[must_use]
    pub fn past(self, sort: &Bytes) -> Self {
        match self.direction {
            Direction::Forward => self.after(sort),
            Direction::Backward => self.before(sort.clone()),
        }
    }

    /// The highest sort key first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// At most so many items.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Whether nothing can be in it: its ends meet or cross, or its limit is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limit == 0 || self.before.as_ref().is_some_and(|before| *before <= self.from)
    }

    /// Checks the ends. Each store calls it first.
    ///
    /// # Errors
    /// `Invalid` for an end that is longer than a key and the byte behind it.
    pub fn validate(&self) -> Result<()> {
        let longest = self.from.len().max(self.before.as_ref().map_or(0, Bytes::len));
        if longest > STATE_SORT_BYTES_MAX + 1 {
            return Err(Error::invalid(format!(
                "a scan of partition {} has an end of {longest} bytes, a sort key has at most {STATE_SORT_BYTES_MAX}",
                self.partition
            )));
        }
        Ok(())
    }
}

/// The sort key right behind this one.
fn next(sort: &[u8]) -> Bytes {
    [sort, &[0]].concat().into()
}

/// The lowest bytes above all that begin with the prefix; `None` if there are none.
fn after_all_with(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end.into())
}
