//! The state table as the contract's [`State`]: an item of the state is an item of the table.
//!
//! | attribute | |
//! |---|---|
//! | `partition` (S), `sort` (B) | the key; a byte stands before the sort key, since DynamoDB allows no empty one |
//! | `value` (B), `revision` (N) | what is kept, and the number of the write that put it there |
//!
//! A revision is a number of 64 bits drawn at random, so that no two writes have the same, whoever makes them. It
//! tells its own write: one that is refused by an item of its own revision has happened, and only its answer was lost.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use bytes::Bytes;
use factlog::limits::STATE_WRITE_ITEMS_MIN;
use factlog::state::{
    self, Change, Condition, ItemStream, Key, Revision, Scan, State, Write, Written,
};
use factlog::{Direction, Error, Result};
use futures::TryStreamExt;
use futures::stream::{iter, try_unfold};

use crate::client::{self, Action, Query};
use crate::error::may_have_happened;
use crate::item::{Item, Malformed, as_binary, as_number, as_text, binary, number, required, text};
use crate::shared::Shared;

/// The table's keys.
pub(crate) const KEYS: (&str, &str) = ("partition", "sort");
const VALUE: &str = "value";
const REVISION: &str = "revision";

/// The byte before each sort key.
const BEFORE_SORT: u8 = b'/';

/// Items of the state that a query answers at once: few at first, for who wants few.
const SCAN_ITEMS: (i32, i32) = (64, 1_024);

/// The state that is kept with the events.
#[derive(Clone, Debug)]
pub(crate) struct TableState {
    shared: Shared,
}

impl TableState {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared }
    }

    fn table(&self) -> String {
        self.shared.tables.state.clone()
    }

    /// Writes; a refusal by its own revision is its success.
    async fn write_actions(
        &self,
        actions: Vec<Action>,
        revision: Revision,
    ) -> Result<client::Written> {
        let own = |item: &Item| decode(item).is_ok_and(|item| item.revision == revision);
        match self.shared.client.write(actions).await? {
            client::Written::Refused(found)
                if found.iter().any(|(_, item)| item.as_ref().is_some_and(own)) =>
            {
                Ok(client::Written::Done)
            }
            written => Ok(written),
        }
    }

    fn action(&self, write: &Write, revision: Revision) -> Action {
        let change = match &write.change {
            Change::Put(value) => client::Change::Put(encode(&write.key, value, revision)),
            Change::Delete => client::Change::Delete(key(&write.key)),
            Change::Keep => client::Change::Keep(key(&write.key)),
        };
        let condition = match write.condition {
            Condition::Any => client::Condition::Any,
            Condition::Absent => client::Condition::Absent(REVISION.to_owned()),
            Condition::Revision(at) => {
                client::Condition::Equal(REVISION.to_owned(), number(at.number()))
            }
        };
        Action { table: self.table(), change, condition }
    }
}

#[async_trait]
impl State for TableState {
    async fn get(&self, of: &Key) -> Result<Option<state::Item>> {
        self.shared.check_open()?;
        let item = self.shared.client.get(&self.shared.tables.state, key(of)).await?;
        item.as_ref().map(decode).transpose()
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<state::Item>>> {
        self.shared.check_open()?;
        let distinct: HashSet<&Key> = keys.iter().collect();
        let distinct: Vec<Item> = distinct.into_iter().map(key).collect();
        let items =
            self.shared.client.batch_get(&self.shared.tables.state, &distinct, true).await?;
        let items = items.iter().map(|item| decode(item).map(|item| (item.key.clone(), item)));
        let items: HashMap<Key, state::Item> = items.collect::<Result<_>>()?;
        Ok(keys.iter().map(|key| items.get(key).cloned()).collect())
    }

    fn scan(&self, scan: Scan) -> ItemStream {
        let start = (scan, None, SCAN_ITEMS.0);
        let shared = self.shared.clone();
        let pages = try_unfold(Some(start), move |at| {
            let shared = shared.clone();
            async move {
                let Some((mut scan, start, most)) = at else { return Ok(None) };
                shared.check_open()?;
                scan.validate()?;
                if scan.is_empty() {
                    return Ok(None);
                }
                let limit = i32::try_from(scan.limit).unwrap_or(most).min(most);
                let page = shared.client.query(query(&shared, &scan, limit, start)).await?;
                let mut items = page.items.iter().map(decode).collect::<Result<Vec<_>>>()?;
                // Both ends of a query's range are in it; that of a scan is not.
                items.retain(|item| scan.before.as_ref() != Some(item.key.sort()));
                items.truncate(usize::try_from(scan.limit).unwrap_or(usize::MAX));
                scan.limit -= items.len() as u64;
                let more = page.next.filter(|_| scan.limit > 0);
                let most = (2 * most).min(SCAN_ITEMS.1);
                Ok(Some((iter(items.into_iter().map(Ok)), more.map(|at| (scan, Some(at), most)))))
            }
        });
        Box::pin(pages.try_flatten())
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        self.shared.check_open()?;
        Write::validate(&writes, self.write_items_max())?;
        let revision = Revision::new(self.shared.client.draw());
        let actions = writes.iter().map(|write| self.action(write, revision)).collect();
        let written = self.write_actions(actions, revision).await;
        let written = written.map_err(|error| match may_have_happened(&error) {
            true => error.and_may_have_happened(),
            false => error,
        })?;
        let client::Written::Refused(found) = written else { return Ok(Written::Done(revision)) };
        let Some((which, found)) = found.into_iter().next() else {
            return Err(Error::internal("a write is refused, and no key is said to be the reason"));
        };
        let found = found.as_ref().map(decode).transpose()?;
        match writes.into_iter().nth(which) {
            Some(write) => Ok(Written::Refused { key: write.key, found }),
            None => Err(Error::internal("a write is refused by a key that it does not have")),
        }
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        self.shared.check_open()?;
        Write::validate_each(&writes)?;
        let revision = Revision::new(self.shared.client.draw());
        let changes = writes.iter().map(|write| self.action(write, revision).change).collect();
        let written = self.shared.client.batch_write(&self.shared.tables.state, changes).await;
        written.map_err(Error::and_may_have_happened)
    }

    fn write_items_max(&self) -> usize {
        STATE_WRITE_ITEMS_MIN
    }
}

fn query(shared: &Shared, scan: &Scan, limit: i32, start: Option<Item>) -> Query {
    let partition = text(scan.partition.as_str());
    let to = match &scan.before {
        Some(before) => sort(before),
        // Behind all sort keys: they begin with a lower byte.
        None => binary([BEFORE_SORT + 1]),
    };
    Query {
        range: (Some(sort(&scan.from)), Some(to)),
        backward: scan.direction == Direction::Backward,
        limit: Some(limit),
        start,
        ..Query::new(&shared.tables.state, KEYS, partition)
    }
}

fn sort(bytes: &Bytes) -> aws_sdk_dynamodb::types::AttributeValue {
    binary([&[BEFORE_SORT], &bytes[..]].concat())
}

fn key(key: &Key) -> Item {
    let partition = (KEYS.0.to_owned(), text(key.partition().as_str()));
    Item::from([partition, (KEYS.1.to_owned(), sort(key.sort()))])
}

fn encode(of: &Key, value: &Bytes, revision: Revision) -> Item {
    let mut item = key(of);
    item.insert(VALUE.to_owned(), binary(&value[..]));
    item.insert(REVISION.to_owned(), number(revision.number()));
    item
}

fn decode(item: &Item) -> Result<state::Item> {
    let parts = || -> Result<_, Malformed> {
        let partition = required(item, KEYS.0, as_text)?.parse()?;
        let sort = required(item, KEYS.1, as_binary)?.get(1..).unwrap_or_default();
        let key = Key::new(partition, Bytes::copy_from_slice(sort))?;
        let value = Bytes::copy_from_slice(required(item, VALUE, as_binary)?);
        let revision = Revision::new(required(item, REVISION, as_number)?);
        Ok(state::Item::new(key, value, revision))
    };
    parts().map_err(|e| Error::corrupt(format!("an item of the state table: {e}")))
}
