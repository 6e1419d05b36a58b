//! What a change of a document costs in one write to the state: items and bytes, never too few.

use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use super::indexed::{Indexed, missing};
use crate::view::{Entry, Places};

/// Items and bytes of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

impl Cost {
    /// An item under the key of this partition and sort key.
    pub(super) fn item(partition: &str, sort: usize, value: usize) -> Self {
        Self { items: 1, bytes: partition.len() + sort + value }
    }

    /// Of a document and its entries, from what lies in the state to what shall.
    pub(super) fn of_change(
        places: &Places,
        key: &str,
        before: Option<&Arc<Indexed>>,
        after: Option<&Arc<Indexed>>,
    ) -> Self {
        let value = after.map_or(0, |after| after.size_max);
        let mut cost = Self::item(places.documents.as_str(), key.len(), value);
        for entry in differences(before, after) {
            // The key stands behind the value, or in the value of the item.
            let sort = entry.held.len() + key.len();
            cost += Self::item(places.indexes[entry.index].as_str(), sort, 0);
        }
        cost
    }

    pub(super) fn fits(self, limit: Self) -> bool {
        self.items <= limit.items && self.bytes <= limit.bytes
    }
}

/// The entries that only one of them has.
fn differences<'a>(
    before: Option<&'a Arc<Indexed>>,
    after: Option<&'a Arc<Indexed>>,
) -> impl Iterator<Item = &'a Entry> {
    missing(before, after).chain(missing(after, before))
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Cost {
    fn sub_assign(&mut self, other: Self) {
        self.items -= other.items;
        self.bytes -= other.bytes;
    }
}
