//! The faults that other tests inject are what they say.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, KeysAndAttributes,
    Put, PutRequest, ScalarAttributeType, TransactWriteItem, WriteRequest,
};
use common::{Fault, Local};

/// A table with a key `id`, and a client that does not try again by itself.
struct Table {
    local: Local,
    client: Client,
    name: String,
}

impl Table {
    async fn new() -> Self {
        let local = Local::new();
        let config = aws_sdk_dynamodb::config::Builder::from(local.config());
        let client = Client::from_conf(config.retry_config(RetryConfig::disabled()).build());
        let name = format!("{}-events", local.name());
        let id = AttributeDefinition::builder()
            .attribute_name("id")
            .attribute_type(ScalarAttributeType::N);
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
        client
            .create_table()
            .table_name(&name)
            .attribute_definitions(id.build().unwrap())
            .key_schema(key.build().unwrap())
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
        local.faults().none();
        Self { local, client, name }
    }

    async fn put(&self, id: u32) -> Result<(), Option<String>> {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item(id)));
        put.send().await.map(|_| ()).map_err(|e| e.code().map(str::to_owned))
    }

    async fn ids(&self) -> Vec<u32> {
        let items = self.client.scan().table_name(&self.name).send().await.unwrap().items.unwrap();
        let mut ids: Vec<u32> =
            items.iter().map(|item| item["id"].as_n().unwrap().parse().unwrap()).collect();
        ids.sort_unstable();
        ids
    }
}

fn item(id: u32) -> HashMap<String, AttributeValue> {
    HashMap::from([("id".into(), AttributeValue::N(id.to_string()))])
}

#[tokio::test]
async fn a_fault_happens_before_or_after_the_write() {
    let table = Table::new().await;
    for (id, fault, code, written) in [
        (1, Fault::Refused, None, false),
        (2, Fault::TimedOut, None, false),
        (3, Fault::AnswerLost, None, true),
        (4, Fault::ConnectionLost, None, true),
        (5, Fault::Error("ThrottlingException"), Some("ThrottlingException"), false),
        (6, Fault::Error("RequestLimitExceeded"), Some("RequestLimitExceeded"), false),
        (7, Fault::Error("InternalServerError"), Some("InternalServerError"), false),
        (8, Fault::ErrorAfter("InternalServerError"), Some("InternalServerError"), true),
    ] {
        table.local.faults().at(1, fault);
        assert_eq!(table.put(id).await, Err(code.map(str::to_owned)), "{fault:?}");
        assert_eq!(table.ids().await.contains(&id), written, "{fault:?}");
        assert_eq!(table.local.faults().hits(), 1);
    }
}

#[tokio::test]
async fn a_time_out_is_told_from_a_broken_connection() {
    let table = Table::new().await;
    for (fault, timeout) in [(Fault::AnswerLost, true), (Fault::ConnectionLost, false)] {
        table.local.faults().at(1, fault);
        let put = table.client.put_item().table_name(&table.name).set_item(Some(item(1)));
        let Err(SdkError::DispatchFailure(failure)) = put.send().await else { panic!("{fault:?}") };
        assert_eq!((failure.is_timeout(), failure.is_io()), (timeout, !timeout));
    }
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_the_plan_sees_both_counts() {
    let table = Table::new().await;
    let faults = table.local.faults();
    faults.at_nth("PutItem", 2, Fault::Refused);
    assert_eq!(table.put(1).await, Ok(()));
    assert_eq!(table.ids().await, [1]);
    assert_eq!(table.put(2).await, Err(None));
    assert_eq!(table.put(2).await, Ok(()));
    assert_eq!(faults.requests(), [("PutItem".into(), 3), ("Scan".into(), 1)].into());
    faults.each("PutItem", Fault::Refused);
    assert_eq!((table.put(3).await, table.put(3).await), (Err(None), Err(None)));
    assert_eq!(table.ids().await, [1, 2]);
    assert_eq!(faults.hits(), 2);
}

#[tokio::test]
async fn the_sdk_tries_again_at_once() {
    let table = Table::new().await;
    let faults = table.local.faults();
    faults.plan(|it| (it.number < 3).then_some(Fault::Error("ThrottlingException")));
    let client = table.local.client();
    client.put_item().table_name(&table.name).set_item(Some(item(1))).send().await.unwrap();
    assert_eq!(faults.requests()["PutItem"], 3);
}

#[tokio::test]
async fn a_cancelled_transaction_gives_its_reasons() {
    let table = Table::new().await;
    let items = (1..=3).map(|id| {
        let put = Put::builder().table_name(&table.name).set_item(Some(item(id)));
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    });
    let write = table.client.transact_write_items().set_transact_items(Some(items.collect()));
    table.local.faults().at(1, Fault::Cancelled("TransactionConflict"));
    let error = write.send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        panic!("{error:?}")
    };
    let codes: Vec<_> =
        cancelled.cancellation_reasons().iter().map(|r| r.code().unwrap()).collect();
    assert_eq!(codes, ["TransactionConflict", "None", "None"]);
    assert!(table.ids().await.is_empty());
}

#[tokio::test]
async fn a_batch_is_done_in_part() {
    let table = Table::new().await;
    let put = |id| PutRequest::builder().set_item(Some(item(id))).build().unwrap();
    let writes = (1..=5).map(|id| WriteRequest::builder().put_request(put(id)).build()).collect();
    table.local.faults().each("BatchWriteItem", Fault::Partial);
    let write = table.client.batch_write_item().request_items(&table.name, writes);
    let rest = write.send().await.unwrap().unprocessed_items.unwrap().remove(&table.name).unwrap();
    assert_eq!(table.ids().await, [1, 2, 3]);
    assert_eq!(rest.len(), 2);
    let write = table.client.batch_write_item().request_items(&table.name, rest);
    assert_eq!(write.send().await.unwrap().unprocessed_items.unwrap()[&table.name].len(), 1);
    assert_eq!(table.ids().await, [1, 2, 3, 4]);

    table.local.faults().each("BatchGetItem", Fault::Partial);
    let keys = (1..=4).map(item).collect();
    let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
    let get = table.client.batch_get_item().request_items(&table.name, keys.unwrap());
    let got = get.send().await.unwrap();
    assert_eq!(got.responses.unwrap()[&table.name].len(), 2);
    let rest = &got.unprocessed_keys.unwrap()[&table.name];
    assert_eq!((rest.keys().len(), rest.consistent_read()), (2, Some(true)));
    let get = table
        .client
        .batch_get_item()
        .request_items(&table.name, KeysAndAttributes::builder().keys(item(1)).build().unwrap());
    assert!(get.send().await.unwrap().unprocessed_keys.unwrap().is_empty());
}

#[tokio::test]
async fn tables_are_gone_when_the_name_is_dropped() {
    let Table { local, client, .. } = Table::new().await;
    drop(local);
    assert!(client.list_tables().send().await.unwrap().table_names().is_empty());
}
