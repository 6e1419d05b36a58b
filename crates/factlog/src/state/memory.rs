//! The state in memory: the executable specification, as [`Memory`](crate::Memory) is for events.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;

use super::{Change, Item, ItemStream, Key, Partition, Revision, Scan, State, Write, Written};
use crate::{Direction, Error, Result};

/// A state in memory. A clone shares its items.
#[derive(Clone, Debug, Default)]
pub struct MemoryState {
    items: Arc<RwLock<Items>>,
}

#[derive(Debug, Default)]
struct Items {
    partitions: BTreeMap<Partition, BTreeMap<Bytes, Item>>,
    /// How many writes were done; the revision of the last.
    writes: u64,
    closed: bool,
}

impl MemoryState {
    /// From now on each call is answered with `Closed`: the store that it belongs to is closed.
    pub(crate) fn close(&self) -> Result<()> {
        self.items.write().map_err(|_| poisoned())?.closed = true;
        Ok(())
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Items>> {
        let items = self.items.read().map_err(|_| poisoned())?;
        if items.closed { Err(closed()) } else { Ok(items) }
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, Items>> {
        let items = self.items.write().map_err(|_| poisoned())?;
        if items.closed { Err(closed()) } else { Ok(items) }
    }
}

fn poisoned() -> Error {
    Error::internal("a thread panicked while it held the state in memory")
}

fn closed() -> Error {
    Error::closed("the store is closed")
}

impl Items {
    fn get(&self, key: &Key) -> Option<&Item> {
        self.partitions.get(key.partition())?.get(key.sort())
    }

    fn first(&self, scan: &Scan) -> Option<&Item> {
        if scan.is_empty() {
            return None;
        }
        let from = Bound::Included(&scan.from);
        let before = scan.before.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut range = self.partitions.get(&scan.partition)?.range::<Bytes, _>((from, before));
        let found = match scan.direction {
            Direction::Forward => range.next(),
            Direction::Backward => range.next_back(),
        };
        found.map(|(_, item)| item)
    }

    fn write(&mut self, writes: Vec<Write>) -> Written {
        for Write { key, condition, .. } in &writes {
            let found = self.get(key);
            if !condition.holds_at(found.map(|item| item.revision)) {
                return Written::Refused { key: key.clone(), found: found.cloned() };
            }
        }
        self.writes += 1;
        let revision = Revision::new(self.writes);
        for Write { key, change, .. } in writes {
            let items = self.partitions.entry(key.partition().clone()).or_default();
            match change {
                Change::Put(value) => {
                    items.insert(key.sort().clone(), Item::new(key, value, revision));
                }
                Change::Delete => drop(items.remove(key.sort())),
                Change::Keep => {}
            }
        }
        Written::Done(revision)
    }
}

#[async_trait]
impl State for MemoryState {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        Ok(self.read()?.get(key).cloned())
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        let items = self.read()?;
        Ok(keys.iter().map(|key| items.get(key).cloned()).collect())
    }

    fn scan(&self, scan: Scan) -> ItemStream {
        let state = self.clone();
        Box::pin(stream::try_unfold(scan, move |mut scan| {
            let next = scan.validate().and_then(|()| {
                let Some(item) = state.read()?.first(&scan).cloned() else { return Ok(None) };
                scan.limit -= 1;
                Ok(Some((item.clone(), scan.past(item.key.sort()))))
            });
            std::future::ready(next)
        }))
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        Write::validate(&writes, self.write_items_max())?;
        Ok(self.write()?.write(writes))
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        Write::validate_each(&writes)?;
        let Written::Done(_) = self.write()?.write(writes) else {
            return Err(Error::internal("a write without conditions was refused"));
        };
        Ok(())
    }
}
