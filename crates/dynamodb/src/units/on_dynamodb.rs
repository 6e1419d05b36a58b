//! Units from the sizes of items, held against what DynamoDB Local reports: it is right for all requests but transactions.

#[path = "../../tests/common/mod.rs"]
mod common;

use aws_sdk_dynamodb::types::AttributeValue;
use factlog::{Append, Event, Expected, Store as _, SystemClock, Timestamp, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{read_units, write_units};
use crate::backoff::Pauses;
use crate::client::{Action, Change, Client, Condition, Written};
use crate::cost::Cost;
use crate::item::{Item, item_bytes};
use crate::layout::{Layout, PartToWrite};
use crate::tables::{CreateTables, Tables};
use crate::{Options, Store};
use common::Local;

/// Cases of each layout.
const CASES: u32 = 24;

/// An events table in a layout.
struct Table {
    client: Client,
    name: String,
    layout: Layout,
}

impl Table {
    /// What the work reports, and what it answers.
    async fn cost<T>(&self, work: impl AsyncFnOnce(&Client) -> factlog::Result<T>) -> (Cost, T) {
        let client = self.client.metered();
        let answer = work(&client).await.unwrap();
        (client.meter.total(), answer)
    }

    /// Writes these commits to a stream, reads them in every way, and compares what is reported with what is computed.
    async fn check(&self, stream: Uuid, commits: &[Vec<Event>]) {
        let items = self.items(stream, commits);
        for item in &items {
            let (table, change) = (self.name.clone(), Change::Put(item.clone()));
            let action = Action { table, change, condition: Condition::Any };
            let (cost, written) = self.cost(async |client| client.write(vec![action]).await).await;
            assert!(matches!(written, Written::Done));
            let of_index = usize::from(self.layout.is_indexed(item));
            assert_eq!(
                cost.write_units,
                (write_units(item_bytes(item)) + of_index) as f64,
                "put {item:?}"
            );
        }
        let (partition, sort) = self.layout.keys();
        let key = |item: &Item| {
            [partition, sort].map(|name| (name.to_owned(), item[name].clone())).into()
        };
        let query =
            crate::client::Query::new(&self.name, (partition, sort), items[0][partition].clone());
        let (cost, page) = self.cost(async |client| client.query(query).await).await;
        assert_eq!(page.items.len(), items.len());
        let all: usize = items.iter().map(item_bytes).sum();
        assert_eq!(cost.read_units, read_units(all) as f64, "query of {all} bytes");
        let (cost, _) =
            self.cost(async |client| client.get(&self.name, key(&items[0])).await).await;
        assert_eq!(cost.read_units, read_units(item_bytes(&items[0])) as f64, "get {:?}", items[0]);
        let keys: Vec<Item> = items.iter().map(key).collect();
        let each: usize = items.iter().map(|item| read_units(item_bytes(item))).sum();
        for (consistent, price) in [(true, 1.0), (false, 0.5)] {
            let get = async |client: &Client| client.batch_get(&self.name, &keys, consistent).await;
            let (cost, found) = self.cost(get).await;
            assert_eq!(found.len(), items.len());
            assert_eq!(cost.read_units, each as f64 * price, "batch of {each} units");
        }
    }

    fn items(&self, stream: Uuid, commits: &[Vec<Event>]) -> Vec<Item> {
        let stream = format!("measured-{stream}").parse().unwrap();
        let (mut items, mut first) = (Vec::new(), Version::FIRST);
        for events in commits {
            let (recorded, parts) = (Timestamp::default(), &[]);
            let part = PartToWrite {
                stream: &stream,
                first,
                events,
                recorded,
                index_time: recorded,
                parts,
                large_events: false,
            };
            items.extend(self.layout.encode(part).unwrap().items);
            first = first.plus(events.len() as u64);
        }
        items
    }

    /// Scans the whole table.
    async fn scan(&self) {
        let mut start: Option<Item> = None;
        loop {
            let (cost, page) = self.cost(async |client| client.scan(&self.name, start).await).await;
            let bytes: usize = page.items.iter().map(item_bytes).sum();
            assert_eq!(cost.read_units, read_units(bytes) as f64, "scan of {bytes} bytes");
            start = page.next;
            if start.is_none() {
                return;
            }
        }
    }
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        (-1e9..1e9).prop_map(|number: f64| json!(number)),
        (0..40_u32, 1..1_000_u64).prop_map(|(zeros, n)| json!(n * 10_u64.pow(zeros % 16))),
        "[a-zé]{0,60}".prop_map(|text| json!(text)),
        any::<bool>().prop_map(|flag| json!(flag)),
        Just(Value::Null),
    ];
    let lists = vec(leaf.clone(), 0..4).prop_map(Value::from);
    let maps = prop::collection::btree_map("[a-z]{1,8}", prop_oneof![leaf, lists], 0..8);
    let json = maps.prop_map(|map| serde_json::to_vec(&map).unwrap());
    let text = (0..9_000_usize, any::<u8>()).prop_map(|(length, seed)| {
        let letters = (0..length).map(|at| {
            char::from_digit(10 + u32::try_from((at * at + usize::from(seed)) % 26).unwrap(), 36)
                .unwrap()
        });
        serde_json::to_vec(&json!({ "text": letters.collect::<String>() })).unwrap()
    });
    prop_oneof![2 => json, 2 => text, 1 => vec(any::<u8>(), 0..3_000)]
}

fn commits() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let event = (any::<u128>(), "[A-Z][a-z]{0,20}", data(), data()).prop_map(
        |(id, kind, data, metadata)| {
            Event::new(Uuid::from_u128(id), kind.parse().unwrap(), data).with_metadata(metadata)
        },
    );
    vec(vec(event, 1..4), 1..5)
}

#[track_caller]
fn check(layout: &str) {
    let local = Local::new();
    let mut options = CreateTables::default();
    let layout: Layout = layout.parse().unwrap();
    options.layout = Some(layout.clone());
    let runtime = Runtime::new().unwrap();
    runtime.block_on(Tables::create(&local.client(), local.name(), &options)).unwrap();
    let client = Client::new(local.config(), Pauses::default(), 0);
    let table = Table { client, name: format!("{}-events", local.name()), layout };
    let mut runner = TestRunner::new(ProptestConfig {
        cases: CASES,
        max_shrink_iters: 64,
        ..Default::default()
    });
    let checked = runner.run(&(any::<u128>(), commits()), |(stream, commits)| {
        runtime.block_on(table.check(Uuid::from_u128(stream), &commits));
        Ok(())
    });
    checked.unwrap();
    runtime.block_on(table.scan());
}

#[test]
fn native() {
    check("native");
}

#[test]
fn castore() {
    check("castore");
}

#[test]
fn castore_single_table() {
    check("castore-single-table");
}

#[test]
fn custom() {
    check("custom:stream=StreamId,version=EventId,type=EventName,data=Payload");
}

/// DynamoDB Local reports too little for transactions: it says 12 here, and AWS charges 20.
#[tokio::test]
async fn ten_puts_of_a_kilobyte_in_one_transaction_are_20_units() {
    let local = Local::new();
    Tables::create(&local.client(), local.name(), &CreateTables::default()).await.unwrap();
    let client = Client::new(local.config(), Pauses::default(), 0);
    let put = |number: u64| {
        let mut item =
            Layout::native().key(&format!("order-{number}").parse().unwrap(), Version::FIRST);
        let filler = 1_024 - item_bytes(&item) - "text".len();
        item.insert("text".to_owned(), AttributeValue::S("x".repeat(filler)));
        let (table, condition) = (format!("{}-events", local.name()), Condition::Any);
        Action { table, change: Change::Put(item), condition }
    };
    client.write((0..10).map(put).collect()).await.unwrap();
    assert_eq!(client.meter.total(), Cost { requests: 1, read_units: 0.0, write_units: 20.0 });
}

/// A write that is refused is charged for what stood in its way, and its answer does not say so.
#[tokio::test]
async fn a_refused_write_costs_the_units_of_what_stands_there() {
    let local = Local::new();
    Tables::create(&local.client(), local.name(), &CreateTables::default()).await.unwrap();
    let options = || Options::new(0).without_sequencer();
    let open =
        async || Store::open(local.name(), local.config(), options(), SystemClock).await.unwrap();
    let (one, other) = (open().await, open().await);
    let append = |bytes: usize, id: u128| {
        let event = Event::new(Uuid::from_u128(id), "Placed".parse().unwrap(), noise(bytes));
        Append::to("order-1".parse().unwrap(), Expected::NoStream, vec![event])
    };
    one.append(append(2_800, 1)).await.unwrap();
    other.append(append(100, 2)).await.unwrap_err();
    assert_eq!(other.meter().total().write_units, 3.0);
}

/// Bytes that do not compress.
fn noise(bytes: usize) -> Vec<u8> {
    let draws = crate::backoff::Backoff::new(Pauses::default(), 1);
    (0..bytes).map(|_| draws.draw().to_le_bytes()[0]).collect()
}
