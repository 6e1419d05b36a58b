//! Queries and scans, a page at a time.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use factlog::Result;

use super::Client;
use crate::error::failed;
use crate::item::Item;
use crate::limits::SCAN_ITEMS_MAX;

/// A page of a query or a scan.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// Where the next page begins; `None` after the last.
    pub(crate) next: Option<Item>,
}

/// A query of one partition.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) table: String,
    /// The partition key's name and value.
    pub(crate) partition: (String, AttributeValue),
    /// The sort key's name.
    pub(crate) sort: String,
    /// The lowest and the highest sort key, both included.
    pub(crate) range: (Option<AttributeValue>, Option<AttributeValue>),
    pub(crate) index: Option<String>,
    pub(crate) backward: bool,
    /// Most items of a page.
    pub(crate) limit: Option<i32>,
    pub(crate) consistent: bool,
    pub(crate) start: Option<Item>,
}

impl Query {
    /// All of a partition, consistently.
    pub(crate) fn new(table: &str, keys: (&str, &str), partition: AttributeValue) -> Self {
        Self {
            table: table.to_owned(),
            partition: (keys.0.to_owned(), partition),
            sort: keys.1.to_owned(),
            range: (None, None),
            index: None,
            backward: false,
            limit: None,
            consistent: true,
            start: None,
        }
    }
}

impl Client {
    /// One page of a query.
    pub(crate) async fn query(&self, query: Query) -> Result<Page> {
        let Query { table, partition, sort, range: (from, to), .. } = query;
        let range = match (&from, &to) {
            (None, None) => "",
            (Some(_), None) => " AND #sort >= :from",
            (None, Some(_)) => " AND #sort <= :to",
            (Some(_), Some(_)) => " AND #sort BETWEEN :from AND :to",
        };
        let mut names = HashMap::from([("#partition".to_owned(), partition.0)]);
        if !range.is_empty() {
            names.insert("#sort".to_owned(), sort);
        }
        let mut values = HashMap::from([(":partition".to_owned(), partition.1)]);
        values.extend(from.map(|value| (":from".to_owned(), value)));
        values.extend(to.map(|value| (":to".to_owned(), value)));
        let request = self
            .dynamodb
            .query()
            .table_name(&table)
            .set_index_name(query.index)
            .key_condition_expression(format!("#partition = :partition{range}"))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .scan_index_forward(!query.backward)
            .set_limit(query.limit)
            .consistent_read(query.consistent)
            .set_exclusive_start_key(query.start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await;
        let answer = answer.map_err(|error| failed(&format!("querying table {table}"), error))?;
        let least = if query.consistent { 1.0 } else { 0.5 };
        self.meter.read(answer.consumed_capacity(), least);
        Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    }

    /// The item with this key, strongly consistent.
    pub(crate) async fn get(&self, table: &str, key: Item) -> Result<Option<Item>> {
        let request = self.dynamodb.get_item().table_name(table).set_key(Some(key));
        let request = request.consistent_read(true);
        let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let answer = answer.map_err(|error| failed(&format!("reading table {table}"), error))?;
        self.meter.read(answer.consumed_capacity(), 1.0);
        Ok(answer.item)
    }

    /// One page of a scan of a whole table, strongly consistent.
    pub(crate) async fn scan(&self, table: &str, start: Option<Item>) -> Result<Page> {
        let request = self.dynamodb.scan().table_name(table).consistent_read(true);
        let request = request.set_exclusive_start_key(start).limit(SCAN_ITEMS_MAX);
        let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let answer = answer.map_err(|error| failed(&format!("scanning table {table}"), error))?;
        self.meter.read(answer.consumed_capacity(), 1.0);
        Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    }
}
