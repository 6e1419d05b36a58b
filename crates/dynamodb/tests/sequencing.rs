//! The sequencer on DynamoDB Local: as a function of a stream, and what `verify` and `repair` say and do.
#![allow(clippy::unwrap_used, reason = "what can't be set up fails its test")]

mod common;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use common::Local;
use factlog::conformance::TestClock;
use factlog::{Event, Expected, Position, ReadLog, Store as _, StoreExt, StreamName, Version};
use factlog_dynamodb::{CreateTables, Difference, Options, Store, Tables};
use futures::TryStreamExt;

/// A store without a sequencer, and its tables.
async fn open(local: &Local) -> Store {
    Tables::create(&local.client(), local.name(), &CreateTables::default()).await.unwrap();
    let options = Options::new(7).without_sequencer();
    Store::open(local.name(), local.config(), options, TestClock::default()).await.unwrap()
}

fn stream(number: u64) -> StreamName {
    StreamName::new(format!("cart-{number}")).unwrap()
}

async fn append(store: &Store, number: u64, id: u128) {
    let event = Event::new(uuid::Uuid::from_u128(id), "Happened".parse().unwrap(), "{}");
    store.append_to(&stream(number), Expected::Any, vec![event]).await.unwrap();
}

async fn items(local: &Local) -> Vec<HashMap<String, AttributeValue>> {
    let table = format!("{}-events", local.name());
    local.client().scan().table_name(table).send().await.unwrap().items.unwrap_or_default()
}

#[tokio::test]
async fn items_that_come_several_times_and_late_are_placed_once() {
    let local = Local::new();
    let store = open(&local).await;
    for id in 0..10 {
        append(&store, u64::try_from(id % 3).unwrap(), id).await;
    }
    let all = items(&local).await;
    // The last ones first, each twice: what comes before them in their streams is placed with them.
    for item in all.iter().rev().flat_map(|item| [item, item]) {
        store.place(std::slice::from_ref(item)).await.unwrap();
    }
    store.catch_up().await.unwrap();
    let log: Vec<_> = store.read_log(ReadLog::new()).try_collect().await.unwrap();
    assert_eq!(log.len(), 10);
    for (number, head) in (0..).zip([4, 3, 3]) {
        let of_stream = log.iter().filter(|event| event.stream == stream(number));
        assert!(of_stream.map(|event| event.version.number()).eq(1..=head));
    }
    assert_eq!(store.verify(|_| {}).await.unwrap().differences, []);
}

#[tokio::test]
async fn what_was_appended_before_there_was_a_log_is_placed_by_a_scan() {
    let local = Local::new();
    let store = open(&local).await;
    for id in 0..25 {
        append(&store, u64::try_from(id % 5).unwrap(), id).await;
    }
    let before = store.verify(|_| {}).await.unwrap();
    assert_eq!((before.events, before.waiting, before.differences), (0, 25, vec![]));
    let repaired = store.repair(|_| {}).await.unwrap();
    assert_eq!((repaired.placed, repaired.watermarks), (25, 0));
    assert_eq!((repaired.verified.events, repaired.verified.waiting), (25, 0));
    assert_eq!(store.head().await.unwrap(), Position::new(25));
}

#[tokio::test]
async fn a_wrong_watermark_is_named_and_mended() {
    let local = Local::new();
    let store = open(&local).await;
    for id in 0..3 {
        append(&store, 1, id).await;
        append(&store, 2, 100 + id).await;
        store.catch_up().await.unwrap();
    }
    append(&store, 3, 200).await;
    store.catch_up().await.unwrap();
    for wrong in [2, 9] {
        set_watermark(&local, &stream(1), wrong).await;
        let (log, watermark) = (Version::new(4), Version::new(wrong));
        let expected = Difference::Watermark { stream: stream(1), log, watermark };
        assert_eq!(store.verify(|_| {}).await.unwrap().differences, [expected]);
        let repaired = store.repair(|_| {}).await.unwrap();
        assert_eq!((repaired.watermarks, repaired.placed), (1, 0));
        assert_eq!(repaired.verified.differences, []);
    }
}

async fn set_watermark(local: &Local, stream: &StreamName, next: u64) {
    let put = local.client().put_item().table_name(format!("{}-state", local.name()));
    let put = put.item("partition", AttributeValue::S(format!("watermark/{stream}")));
    let put = put.item("sort", AttributeValue::B(b"/".to_vec().into()));
    put.item("next", AttributeValue::N(next.to_string())).send().await.unwrap();
}

#[tokio::test]
async fn what_the_events_table_has_lost_is_named_with_its_position() {
    let local = Local::new();
    let store = open(&local).await;
    for id in 0..3 {
        append(&store, 1, id).await;
    }
    store.catch_up().await.unwrap();
    let delete = local.client().delete_item().table_name(format!("{}-events", local.name()));
    let delete = delete.key("stream", AttributeValue::S("cart-1".to_owned()));
    delete.key("version", AttributeValue::N("2".to_owned())).send().await.unwrap();

    let stream = stream(1);
    let differences = store.verify(|_| {}).await.unwrap().differences;
    let (version, position) = (Version::new(2), Position::new(2));
    let missing = Difference::Missing { stream: stream.clone(), version, position };
    let gap = Difference::VersionGap { stream, expected: version, found: Version::new(3) };
    assert!(differences.contains(&missing) && differences.contains(&gap), "{differences:?}");
    assert!(differences.iter().all(|difference| !difference.can_be_repaired()));
}
