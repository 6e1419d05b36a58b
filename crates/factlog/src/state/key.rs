//! Where an item is kept.

use bytes::Bytes;

use super::Partition;
use crate::limits::STATE_SORT_BYTES_MAX;
use crate::{Error, Result};

/// The key of an item: its partition, and its place in there.
///
/// Keys are ordered by partition, then by sort key, both bytewise. Items that are scanned
/// together share a partition; a partition of a DynamoDB table takes about 1,000 writes a second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    partition: Partition,
    sort: Bytes,
}

impl Key {
    /// The key with this sort key, of 0 to [`STATE_SORT_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// `Invalid` if the sort key is longer.
    pub fn new(partition: Partition, sort: impl Into<Bytes>) -> Result<Self> {
        let sort = sort.into();
        let length = sort.len();
        if length > STATE_SORT_BYTES_MAX {
            return Err(Error::invalid(format!(
                "a sort key in partition {partition} has {length} bytes, the limit is {STATE_SORT_BYTES_MAX}"
            )));
        }
        Ok(Self { partition, sort })
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The place in the partition.
    #[must_use]
    pub fn sort(&self) -> &Bytes {
        &self.sort
    }

    /// The bytes that count towards [`STATE_WRITE_BYTES_MAX`](crate::limits::STATE_WRITE_BYTES_MAX).
    #[must_use]
    pub fn size(&self) -> usize {
        self.partition.as_str().len() + self.sort.len()
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.partition, self.sort.escape_ascii())
    }
}
