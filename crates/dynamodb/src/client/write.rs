//! Writes on conditions: of one item, or of several at once.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem,
};
use factlog::{Error, Result};

use super::Client;
use crate::cost::Cost;
use crate::error::failed;
use crate::item::{Item, item_bytes};
use crate::limits::APPEND_ATTEMPTS_MAX;
use crate::units;

/// Reasons of a cancelled transaction that pass.
const IN_PASSING: [&str; 3] =
    ["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"];

/// What a write does to one item.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) table: String,
    pub(crate) change: Change,
    pub(crate) condition: Condition,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Puts the item.
    Put(Item),
    /// Deletes the item with this key.
    Delete(Item),
    /// Only checks the item with this key; in a transaction.
    Keep(Item),
}

/// What must hold of an item, by one of its attributes.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Any,
    /// There is no item: it would have this attribute.
    Absent(String),
    /// There is an item: it has this attribute.
    Present(String),
    /// The attribute has this value.
    Equal(String, AttributeValue),
    /// The attribute has a value below this one, or there is no item.
    AbsentOrLess(String, AttributeValue),
}

/// What became of a write on conditions.
#[derive(Debug)]
pub(crate) enum Written {
    Done,
    /// Conditions do not hold: the numbers of their actions, and what stands there.
    Refused(Vec<(usize, Option<Item>)>),
}

impl Action {
    /// The bytes of the item, or of the key where there is no more.
    pub(crate) fn bytes(&self) -> usize {
        let (Change::Put(item) | Change::Delete(item) | Change::Keep(item)) = &self.change;
        item_bytes(item)
    }
}

impl Condition {
    /// The expression, the attribute that it calls `#a`, and the value that it calls `:v`.
    fn parts(self) -> Option<(&'static str, String, Option<AttributeValue>)> {
        match self {
            Self::Any => None,
            Self::Absent(name) => Some(("attribute_not_exists(#a)", name, None)),
            Self::Present(name) => Some(("attribute_exists(#a)", name, None)),
            Self::Equal(name, value) => Some(("#a = :v", name, Some(value))),
            Self::AbsentOrLess(name, value) => {
                Some(("attribute_not_exists(#a) OR #a < :v", name, Some(value)))
            }
        }
    }
}

/// Sets the condition of a request, whichever it is.
macro_rules! with_condition {
    ($request:expr, $condition:expr) => {{
        let mut request = $request;
        if let Some((expression, name, value)) = $condition.parts() {
            request = request
                .condition_expression(expression)
                .expression_attribute_names("#a", name)
                .return_values_on_condition_check_failure(OnFailure::AllOld);
            if let Some(value) = value {
                request = request.expression_attribute_values(":v", value);
            }
        }
        request
    }};
}

impl Client {
    /// Writes all or nothing; again, as long as other transactions are in the way.
    ///
    /// # Errors
    /// `Unavailable` if it is not known whether it was written.
    pub(crate) async fn write(&self, actions: Vec<Action>) -> Result<Written> {
        for attempt in 1..=APPEND_ATTEMPTS_MAX {
            self.pause(attempt).await;
            if let Some(written) = self.write_once(actions.clone()).await? {
                return Ok(written);
            }
        }
        Err(Error::unavailable(format!(
            "writing {} items gave way to other transactions {APPEND_ATTEMPTS_MAX} times",
            actions.len()
        )))
    }

    /// `None` if another transaction or a limit of the service was in the way, and nothing was written.
    async fn write_once(&self, mut actions: Vec<Action>) -> Result<Option<Written>> {
        match actions.pop() {
            Some(Action { table, change: Change::Put(item), condition }) if actions.is_empty() => {
                self.put(table, item, condition).await
            }
            // One on a condition is a transaction: it leaves nothing behind by which a second attempt
            // would know that the first has happened, and a transaction has a token for that.
            Some(Action { table, change: Change::Delete(key), condition: Condition::Any })
                if actions.is_empty() =>
            {
                self.delete(table, key).await
            }
            last => {
                actions.extend(last);
                self.transact(actions).await
            }
        }
    }

    async fn put(
        &self,
        table: String,
        item: Item,
        condition: Condition,
    ) -> Result<Option<Written>> {
        let request = self.dynamodb.put_item().table_name(&table).set_item(Some(item));
        let request = with_condition!(request, condition)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await;
        self.meter.wrote(answer.as_ref().ok().and_then(|answer| answer.consumed_capacity()));
        match answer {
            Ok(_) => Ok(Some(Written::Done)),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Some(self.refused(refused.item.clone())))
                }
                Some(PutItemError::TransactionConflictException(_)) => Ok(None),
                _ => Err(failed(&format!("writing to table {table}"), error)),
            },
        }
    }

    async fn delete(&self, table: String, key: Item) -> Result<Option<Written>> {
        let request = self.dynamodb.delete_item().table_name(&table).set_key(Some(key));
        let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        self.meter.wrote(answer.as_ref().ok().and_then(|answer| answer.consumed_capacity()));
        match answer {
            Ok(_) => Ok(Some(Written::Done)),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::TransactionConflictException(_)) => Ok(None),
                _ => Err(failed(&format!("deleting from table {table}"), error)),
            },
        }
    }

    /// A single write that found this item in its way. DynamoDB charges the item's units and does not report them.
    fn refused(&self, there: Option<Item>) -> Written {
        let units = units::write_units(there.as_ref().map_or(0, item_bytes));
        self.meter.add(Cost { write_units: units as f64, ..Cost::default() });
        Written::Refused(vec![(0, there)])
    }

    async fn transact(&self, actions: Vec<Action>) -> Result<Option<Written>> {
        let units: usize =
            actions.iter().map(|action| 2 * units::write_units(action.bytes())).sum();
        let actions = actions.into_iter().map(in_transaction).collect::<Result<Vec<_>>>()?;
        let request = self.dynamodb.transact_write_items().set_transact_items(Some(actions));
        let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        // Computed by DynamoDB's rules, since DynamoDB Local reports too little for transactions.
        let write_units = if answer.is_ok() { units as f64 } else { 0.0 };
        self.meter.add(Cost { requests: 1, read_units: 0.0, write_units });
        let Err(error) = answer else { return Ok(Some(Written::Done)) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        {
            let reasons = cancelled.cancellation_reasons();
            let refused = refused(reasons);
            if !refused.is_empty() {
                return Ok(Some(Written::Refused(refused)));
            }
            let in_passing = |reason: &CancellationReason| {
                reason.code().is_some_and(|code| IN_PASSING.contains(&code))
            };
            if reasons.iter().any(in_passing) {
                return Ok(None);
            }
        }
        Err(failed("writing a transaction", error))
    }
}

/// The numbers of the actions whose conditions do not hold, and what stands there.
fn refused(reasons: &[CancellationReason]) -> Vec<(usize, Option<Item>)> {
    let reasons = reasons.iter().enumerate();
    let refused = reasons.filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    refused.map(|(number, reason)| (number, reason.item().cloned())).collect()
}

fn in_transaction(action: Action) -> Result<TransactWriteItem> {
    let Action { table, change, condition } = action;
    let item = TransactWriteItem::builder();
    let incomplete = |e| Error::internal("an action of a transaction is incomplete").with_source(e);
    Ok(match change {
        Change::Put(put) => {
            let put = Put::builder().table_name(table).set_item(Some(put));
            item.put(with_condition!(put, condition).build().map_err(incomplete)?).build()
        }
        Change::Delete(key) => {
            let delete = Delete::builder().table_name(table).set_key(Some(key));
            item.delete(with_condition!(delete, condition).build().map_err(incomplete)?).build()
        }
        Change::Keep(key) => {
            let check = ConditionCheck::builder().table_name(table).set_key(Some(key));
            let check = with_condition!(check, condition).build().map_err(incomplete)?;
            item.condition_check(check).build()
        }
    })
}
