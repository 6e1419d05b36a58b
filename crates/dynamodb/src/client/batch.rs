//! Many items by their keys, whatever their partitions. DynamoDB answers a part of a batch when it is
//! short of capacity or the answer grows too large; the rest is asked for again.

use aws_sdk_dynamodb::types::{
    DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity, WriteRequest,
};
use factlog::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};

use super::{Change, Client};
use crate::error::failed;
use crate::item::Item;
use crate::limits::{ATTEMPTS_MAX, BATCH_GET_KEYS_MAX, BATCH_WRITE_ITEMS_MAX, BATCHES_AT_ONCE};

impl Client {
    /// The items with these keys, as many as there are, in no order. No key may come twice.
    pub(crate) async fn batch_get(
        &self,
        table: &str,
        keys: &[Item],
        consistent: bool,
    ) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH_GET_KEYS_MAX) {
            let (mut left, mut rounds) = (keys.to_vec(), Rounds::default());
            while !left.is_empty() {
                self.pause(rounds.attempt()).await;
                let before = left.len();
                left = self.batch_get_once(table, left, consistent, &mut items).await?;
                rounds.went("reading", table, before, left.len())?;
            }
        }
        Ok(items)
    }

    /// Puts and deletes each for itself. No key may come twice.
    pub(crate) async fn batch_write(&self, table: &str, changes: Vec<Change>) -> Result<()> {
        let requests = changes.into_iter().map(request).collect::<Result<Vec<_>>>()?;
        let batches: Vec<_> = requests
            .chunks(BATCH_WRITE_ITEMS_MAX)
            .map(|batch| self.batch_write_all(table, batch.to_vec()))
            .collect();
        stream::iter(batches).buffer_unordered(BATCHES_AT_ONCE).try_collect().await
    }

    async fn batch_write_all(&self, table: &str, mut left: Vec<WriteRequest>) -> Result<()> {
        let mut rounds = Rounds::default();
        while !left.is_empty() {
            self.pause(rounds.attempt()).await;
            let before = left.len();
            left = self.batch_write_once(table, left).await?;
            rounds.went("writing to", table, before, left.len())?;
        }
        Ok(())
    }

    /// Gets what it can, and answers the keys that are left.
    async fn batch_get_once(
        &self,
        table: &str,
        keys: Vec<Item>,
        consistent: bool,
        items: &mut Vec<Item>,
    ) -> Result<Vec<Item>> {
        let asked = keys.len();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistent);
        let keys =
            keys.build().map_err(|e| Error::internal("a batch has no keys").with_source(e))?;
        let request = self.dynamodb.batch_get_item().request_items(table, keys);
        let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let answer = answer.map_err(|error| failed(&format!("reading table {table}"), error))?;
        let reported = answer.consumed_capacity.unwrap_or_default();
        items.extend(answer.responses.unwrap_or_default().into_values().flatten());
        let unprocessed = answer.unprocessed_keys.unwrap_or_default();
        let left: Vec<Item> = unprocessed.into_values().flat_map(|keys| keys.keys).collect();
        let answered = asked.saturating_sub(left.len()) as f64;
        self.meter.read(&reported, if consistent { answered } else { answered / 2.0 });
        Ok(left)
    }

    /// Writes what it can, and answers what is left.
    async fn batch_write_once(
        &self,
        table: &str,
        requests: Vec<WriteRequest>,
    ) -> Result<Vec<WriteRequest>> {
        let request = self.dynamodb.batch_write_item().request_items(table, requests);
        let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let answer = answer.map_err(|error| failed(&format!("writing to table {table}"), error))?;
        self.meter.wrote(answer.consumed_capacity());
        Ok(answer.unprocessed_items.unwrap_or_default().into_values().flatten().collect())
    }
}

/// The times that a batch was sent without getting further.
#[derive(Debug, Default)]
struct Rounds {
    in_vain: u32,
    begun: bool,
}

impl Rounds {
    /// The number of the attempt, for the pause before it.
    fn attempt(&mut self) -> u32 {
        if std::mem::replace(&mut self.begun, true) { self.in_vain + 2 } else { 1 }
    }

    fn went(&mut self, doing: &str, table: &str, before: usize, left: usize) -> Result<()> {
        self.in_vain = if left < before { 0 } else { self.in_vain + 1 };
        if self.in_vain < ATTEMPTS_MAX {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "{doing} table {table} failed: a batch of {left} items was left out {ATTEMPTS_MAX} times"
        )))
    }
}

fn request(change: Change) -> Result<WriteRequest> {
    let incomplete = |e| Error::internal("a write of a batch is incomplete").with_source(e);
    let request = WriteRequest::builder();
    Ok(match change {
        Change::Put(item) => {
            let put = PutRequest::builder().set_item(Some(item)).build().map_err(incomplete)?;
            request.put_request(put).build()
        }
        Change::Delete(key) | Change::Keep(key) => {
            let delete = DeleteRequest::builder().set_key(Some(key)).build().map_err(incomplete)?;
            request.delete_request(delete).build()
        }
    })
}
