//! Castore's own adapters and factlog on one table: each reads, lists and continues what the other wrote.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use common::{Local, endpoint};
use factlog::conformance::TestClock;
use factlog::{
    Append, ErrorKind, Event, EventId, Expected, ListStreams, Position, ReadLog, RecordedEvent,
    Store as _, StoreExt, StreamName, TimeRange, Version,
};
use factlog_dynamodb::{CreateTables, Layout, Options, Store, Tables};
use futures::TryStreamExt;
use serde_json::{Value, json};

/// The category, which the single table calls event store.
const CATEGORY: &str = "loan";

/// Castore's adapter in a process of its own.
struct Castore {
    layout: &'static str,
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Castore {
    fn start(local: &Local, layout: &'static str, table: &str) -> Self {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/castore");
        let mut command = Command::new("node");
        command.args(["castore.mjs", layout, table, CATEGORY]).current_dir(directory);
        command.env("FACTLOG_DYNAMODB_ENDPOINT", endpoint()).env("AWS_REGION", "eu-central-1");
        command.env("AWS_ACCESS_KEY_ID", local.name()).env("AWS_SECRET_ACCESS_KEY", "secret");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { layout, process, input, output }
    }

    fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.input, "{command}").unwrap();
        let answer = self.output.next().expect("Castore's process has ended").unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    #[track_caller]
    fn done(&mut self, command: &Value) -> Value {
        let mut answer = self.ask(command);
        assert_eq!(answer.get("error"), None, "{command}");
        answer["ok"].take()
    }

    /// The aggregate of a stream.
    fn aggregate(&self, stream: &str) -> String {
        let of_category = stream.strip_prefix(CATEGORY).and_then(|rest| rest.strip_prefix('-'));
        let single = self.layout == "castore-single-table";
        of_category.filter(|_| single).unwrap_or(stream).to_owned()
    }

    /// An event as Castore takes it.
    fn event(&self, stream: &str, version: u64, payload: &Value) -> Value {
        json!({
            "aggregateId": self.aggregate(stream), "version": version, "type": "Paid",
            "timestamp": format!("2025-06-01T00:00:{version:02}.123Z"),
            "payload": payload, "metadata": {"by": "castore"},
        })
    }

    fn events(&mut self, stream: &str, options: Value) -> Vec<Value> {
        let mut command = options;
        command["get"] = self.aggregate(stream).into();
        serde_json::from_value(self.done(&command)["events"].take()).unwrap()
    }

    /// The aggregates of a list, page by page.
    fn list(&mut self, options: &Value) -> Vec<String> {
        let (mut options, mut found) = (options.clone(), Vec::new());
        loop {
            let page = self.done(&json!({ "list": options }));
            let aggregates = page["aggregateIds"].as_array().unwrap();
            found
                .extend(aggregates.iter().map(|it| it["aggregateId"].as_str().unwrap().to_owned()));
            match page.get("nextPageToken") {
                Some(token) => options["pageToken"] = token.clone(),
                None => return found,
            }
        }
    }
}

impl Drop for Castore {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// One table from both sides.
struct Both {
    store: Store,
    castore: Castore,
    clock: TestClock,
    // Dropped last: the tables go with it.
    _local: Local,
}

impl Both {
    async fn new(layout: &'static str) -> Self {
        let local = Local::new();
        let mut options = CreateTables::default();
        options.layout = Some(layout.parse().unwrap());
        Tables::create(&local.client(), local.name(), &options).await.unwrap();
        let table = format!("{}-events", local.name());
        Self::open(Castore::start(&local, layout, &table), local).await
    }

    async fn open(castore: Castore, local: Local) -> Self {
        let clock = TestClock::default();
        let store = open(&local, clock.clone()).await;
        Self { store, castore, clock, _local: local }
    }

    /// The log, once it has this many events: no more and no fewer.
    async fn log(&self, events: u64) -> Vec<RecordedEvent> {
        log(&self.store, events).await
    }

    /// Everything agrees in the end.
    async fn close(self) {
        let verified = self.store.verify(|_| ()).await.unwrap();
        assert_eq!((verified.waiting, &*verified.differences), (0, &[][..]));
        self.store.close().await.unwrap();
    }
}

async fn open(local: &Local, clock: TestClock) -> Store {
    let options = Options::new(7).with_sequencer_poll(Duration::from_millis(5));
    Store::open(local.name(), local.config(), options, clock).await.unwrap()
}

async fn log(store: &Store, events: u64) -> Vec<RecordedEvent> {
    store.wait_past(Position::new(events - 1)).await.unwrap();
    store.catch_up().await.unwrap();
    let log: Vec<_> = store.read_log(ReadLog::new()).try_collect().await.unwrap();
    assert_eq!(log.len() as u64, events);
    for (event, position) in log.iter().zip(1..) {
        assert_eq!(event.position.number(), position);
    }
    log
}

fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

fn event(id: u128, data: &str) -> Event {
    Event::new(EventId::from_u128(id), "Paid".parse().unwrap(), data.to_owned())
}

/// Of each stream of the log, its versions in the order of the log.
fn versions(log: &[RecordedEvent], name: &str) -> Vec<u64> {
    let of_stream = log.iter().filter(|event| event.stream.as_str() == name);
    of_stream.map(|event| event.version.number()).collect()
}

async fn castore_reads_what_factlog_appends(layout: &'static str) {
    let mut both = Both::new(layout).await;
    let odd = r#"{ "z": [1, -2.5, 1.50, 1e3, null, true, {}], "a": "\u0041ü🦀\n", "ä": {"": 0} }"#;
    let odd_here = odd.replace(r#"{"": 0}"#, r#"{"b":{}}"#);
    let one = event(1, r#"{"amount":100}"#).with_metadata(r#"{"by":"factlog"}"#);
    both.store.append(Append::to(stream("loan-1"), Expected::NoStream, vec![one])).await.unwrap();
    both.clock.advance_ms(1_500);
    let several = vec![event(2, &odd_here), event(3, ""), event(4, "\"text\""), event(5, odd)];
    let append = Append::to(stream("loan-1"), Expected::Exact(Version::new(1)), several);
    let append = append.and(stream("loan-a-2"), Expected::NoStream, vec![event(6, "[]")]);
    both.store.append(append).await.unwrap();

    let castore = &mut both.castore;
    let found = castore.events("loan-1", json!({}));
    let common = |version: u64, timestamp: &str| {
        let id = castore.aggregate("loan-1");
        json!({"aggregateId": id, "version": version, "type": "Paid", "timestamp": timestamp})
    };
    let [early, late] = ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:01.500000Z"];
    let with = |mut event: Value, payload: Value| {
        event["payload"] = payload;
        event
    };
    let mut first = with(common(1, early), json!({"amount": 100}));
    first["metadata"] = json!({"by": "factlog"});
    assert_eq!(found[0], first);
    let plain = json!({"z": [1, -2.5, 1.5, 1000, null, true, {}], "a": "Aü🦀\n", "ä": {"b": {}}});
    assert_eq!(found[1], with(common(2, late), plain));
    assert_eq!(found[2], common(3, late));
    assert_eq!(found[3], with(common(4, late), json!("text")));
    // DynamoDB has no empty names: Castore gets the bytes.
    let bytes: serde_json::Map<_, _> =
        odd.bytes().enumerate().map(|(index, byte)| (index.to_string(), byte.into())).collect();
    assert_eq!(found[4], with(common(5, late), bytes.into()));
    assert_eq!(found.len(), 5);
    assert_eq!(castore.events("loan-a-2", json!({}))[0]["payload"], json!([]));
    let part = castore.events("loan-1", json!({"minVersion": 2, "maxVersion": 4, "reverse": true}));
    let part: Vec<_> = part.iter().map(|event| event["version"].as_u64().unwrap()).collect();
    assert_eq!(part, [4, 3, 2]);

    let loaded = both.store.load(&stream("loan-1")).await.unwrap();
    assert_eq!((&*loaded[1].data, &*loaded[4].data), (odd_here.as_bytes(), odd.as_bytes()));
    both.log(6).await;
    both.close().await;
}

async fn factlog_reads_what_castore_pushes(layout: &'static str) {
    let mut both = Both::new(layout).await;
    let castore = &mut both.castore;
    for version in 1..=3 {
        let event = castore.event("loan-1", version, &json!({"amount": version}));
        castore.done(&json!({ "push": event }));
    }
    let group =
        [castore.event("loan-1", 4, &json!(null)), castore.event("loan-2", 1, &json!("two"))];
    castore.done(&json!({ "group": group }));

    let loaded = both.store.load(&stream("loan-1")).await.unwrap();
    let found: Vec<_> = loaded
        .iter()
        .map(|event| (event.version.number(), event.recorded.to_string(), &*event.data))
        .collect();
    let recorded = |version: u64| format!("2025-06-01T00:00:{version:02}.123Z");
    let data: [&[u8]; 4] = [br#"{"amount":1}"#, br#"{"amount":2}"#, br#"{"amount":3}"#, b"null"];
    let expected = (1..).zip(data).map(|(version, data)| (version, recorded(version), data));
    assert_eq!(found, expected.collect::<Vec<_>>());
    for event in &loaded {
        assert_eq!(
            (event.event_type.as_str(), &*event.metadata),
            ("Paid", &br#"{"by":"castore"}"#[..])
        );
    }
    let log = both.log(5).await;
    assert_eq!(versions(&log, "loan-1"), [1, 2, 3, 4]);
    assert_eq!(versions(&log, "loan-2"), [1]);
    // Whoever reads, and wherever, sees one id.
    let placed = log.iter().filter(|event| event.stream.as_str() == "loan-1").map(|it| it.id);
    assert_eq!(placed.collect::<Vec<_>>(), loaded.iter().map(|it| it.id).collect::<Vec<_>>());
    both.close().await;
}

async fn versions_are_taken_once_whoever_comes_first(layout: &'static str) {
    let mut both = Both::new(layout).await;
    let append = |expected, id| Append::to(stream("loan-1"), expected, vec![event(id, "1")]);
    both.store.append(append(Expected::NoStream, 1)).await.unwrap();
    let castore = &mut both.castore;
    let late = castore.event("loan-1", 1, &json!(2));
    let refused = castore.ask(&json!({ "push": late }))["error"]["message"].take();
    assert!(refused.as_str().unwrap().contains("already exist"), "{refused}");
    let beside = castore.event("loan-2", 1, &json!(2));
    let refused = castore.ask(&json!({ "group": [beside, late] }))["error"]["message"].take();
    assert!(refused.as_str().unwrap().contains("already exist"), "{refused}");
    assert_eq!(castore.events("loan-2", json!({})), [json!(null); 0]);

    let next = castore.event("loan-1", 2, &json!(2));
    castore.done(&json!({ "push": next }));
    // This process believes that the stream is at version 1.
    let exact = |version| Expected::Exact(Version::new(version));
    let error = both.store.append(append(exact(1), 3)).await.unwrap_err();
    let actual = Version::new(2);
    assert_eq!(*error.kind(), ErrorKind::Conflict { stream: stream("loan-1"), actual });
    both.store.append(append(exact(2), 3)).await.unwrap();
    both.store.append(append(Expected::Any, 4)).await.unwrap();
    let found = both.castore.events("loan-1", json!({}));
    assert_eq!(found.iter().map(|it| &it["payload"]).collect::<Vec<_>>(), [1, 2, 1, 1]);
    assert_eq!(versions(&both.log(4).await, "loan-1"), [1, 2, 3, 4]);
    both.close().await;
}

async fn both_list_the_same(layout: &'static str) {
    let mut both = Both::new(layout).await;
    // In turn: 0 and 2 are Castore's, of 2025; 1, 3 and 4 are factlog's, a second apart, of 2026.
    for number in 0..5_u64 {
        let name = format!("loan-{number}");
        if matches!(number, 0 | 2) {
            let mut event = both.castore.event(&name, 1, &json!({}));
            event["timestamp"] = format!("2025-06-01T00:00:0{number}.000Z").into();
            both.castore.done(&json!({ "push": event }));
        } else {
            let append =
                Append::to(stream(&name), Expected::NoStream, vec![event(number.into(), "{}")]);
            both.store.append(append).await.unwrap();
            both.clock.advance_ms(1_000);
        }
    }
    both.log(5).await;
    let [second, third] = ["2026-01-01T00:00:01.000Z", "2026-01-01T00:00:02.000Z"];
    let range = |since: Option<&str>, until: Option<&str>| {
        let time = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        TimeRange { since: time(since), until: time(until) }
    };
    for (castores, range, numbers) in [
        (json!({}), range(None, None), &[0, 2, 1, 3, 4][..]),
        (json!({"initialEventAfter": second}), range(Some(second), None), &[3, 4]),
        (json!({"initialEventBefore": second}), range(None, Some(second)), &[0, 2, 1, 3]),
        (
            json!({"initialEventAfter": second, "initialEventBefore": third}),
            range(Some(second), Some(third)),
            &[3, 4],
        ),
    ] {
        let forward: Vec<_> = numbers.iter().map(|number| format!("loan-{number}")).collect();
        let backward: Vec<_> = forward.iter().rev().cloned().collect();
        for (reverse, names) in [(false, forward), (true, backward)] {
            let mut options = castores.clone();
            options["limit"] = 2.into();
            options["reverse"] = reverse.into();
            let aggregates: Vec<_> = names.iter().map(|it| both.castore.aggregate(it)).collect();
            // Castore compares text, and factlog's has more digits: it sorts before Castore's of one millisecond.
            if options.get("initialEventAfter").is_some() {
                options["initialEventAfter"] = second.trim_end_matches('Z').into();
            }
            assert_eq!(both.castore.list(&options), aggregates, "{options}");
            let list = ListStreams::new().with_category(CATEGORY).with_created(range).limit(2);
            let list = if reverse { list.backward() } else { list };
            let streams: Vec<_> = both.store.streams(list).try_collect().await.unwrap();
            let found: Vec<_> = streams.iter().map(|it| it.stream.as_str()).collect();
            assert_eq!(found, names, "{options}");
        }
    }
    both.close().await;
}

async fn a_table_full_of_castores_events_is_taken_over(layout: &'static str) {
    let local = Local::new();
    let theirs = format!("{}-theirs", local.name());
    make(&local, &theirs, "aggregateId", "version").await;
    let mut castore = Castore::start(&local, layout, &theirs);
    for (stream, version) in (1..=6).flat_map(|s| (1..=5).map(move |version| (s, version))) {
        let event = castore.event(&format!("loan-{stream}"), version, &json!([stream, version]));
        castore.done(&json!({ "push": event }));
    }
    let mut options = CreateTables::default();
    options.layout = Some(layout.parse().unwrap());
    options.events_table = Some(theirs);
    options.alter_events_table = true;
    Tables::create(&local.client(), local.name(), &options).await.unwrap();

    let mut both = Both::open(castore, local).await;
    let before = both.log(30).await;
    let castore = &mut both.castore;
    let more = castore.event("loan-1", 6, &json!("more"));
    castore.done(&json!({ "push": more }));
    let append = Append::to(stream("loan-1"), Expected::StreamExists, vec![event(1, "0")]);
    both.log(31).await;
    both.store.append(append).await.unwrap();
    let after = both.log(32).await;
    assert!(after.starts_with(&before), "no position changes");
    assert_eq!(versions(&after, "loan-1"), [1, 2, 3, 4, 5, 6, 7]);
    for number in 2..=6 {
        assert_eq!(versions(&after, &format!("loan-{number}")), [1, 2, 3, 4, 5]);
    }
    assert_eq!(both.castore.list(&json!({})).len(), 6);
    both.close().await;
}

macro_rules! layouts {
    ($($module:ident $layout:literal)*) => {$(
        layouts!(@ $module $layout castore_reads_what_factlog_appends factlog_reads_what_castore_pushes
            versions_are_taken_once_whoever_comes_first both_list_the_same
            a_table_full_of_castores_events_is_taken_over);
    )*};
    (@ $module:ident $layout:literal $($case:ident)*) => {
        mod $module {$(
            #[tokio::test]
            async fn $case() {
                super::$case($layout).await;
            }
        )*}
    };
}

layouts!(legacy "castore" single_table "castore-single-table");

/// A table without a stream and without an index.
async fn make(local: &Local, table: &str, partition: &str, sort: &str) {
    let keys = [
        (partition, ScalarAttributeType::S, KeyType::Hash),
        (sort, ScalarAttributeType::N, KeyType::Range),
    ];
    let mut create = local.client().create_table().table_name(table);
    for (name, attribute_type, key_type) in keys {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(key_type);
        create = create
            .attribute_definitions(attribute.attribute_type(attribute_type).build().unwrap())
            .key_schema(key.build().unwrap());
    }
    create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
}

#[tokio::test]
async fn a_table_with_names_of_its_own_is_taken_over() {
    let local = Local::new();
    let (client, theirs) = (local.client(), format!("{}-theirs", local.name()));
    make(&local, &theirs, "StreamId", "EventId").await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    for (version, payload) in [(1, text(r#"{"a": 1}"#)), (2, text("")), (3, text("no JSON"))] {
        let put = client.put_item().table_name(&theirs).item("StreamId", text("order-1"));
        let put = put.item("EventId", AttributeValue::N(version.to_string()));
        let put = put.item("EventName", text("Opened")).item("Payload", payload);
        put.send().await.unwrap();
    }
    let layout =
        "custom:stream=StreamId,version=EventId,type=EventName,data=Payload,data-format=string";
    let mut options = CreateTables::default();
    options.layout = Some(layout.parse::<Layout>().unwrap());
    options.events_table = Some(theirs.clone());
    options.alter_events_table = true;
    Tables::create(&client, local.name(), &options).await.unwrap();

    let store = open(&local, TestClock::default()).await;
    let append =
        Append::to(stream("order-1"), Expected::Exact(Version::new(3)), vec![event(9, "[1 ]")]);
    store.append(append).await.unwrap();
    let log = log(&store, 4).await;
    let data: Vec<_> = log.iter().map(|event| String::from_utf8_lossy(&event.data)).collect();
    assert_eq!(data, [r#"{"a": 1}"#, "", "no JSON", "[1 ]"]);
    let get = client.get_item().table_name(&theirs).key("StreamId", text("order-1"));
    let item =
        get.key("EventId", AttributeValue::N("4".into())).send().await.unwrap().item.unwrap();
    assert_eq!((&item["EventName"], &item["Payload"]), (&text("Paid"), &text("[1 ]")));
    let verified = store.verify(|_| ()).await.unwrap();
    assert_eq!((verified.waiting, &*verified.differences), (0, &[][..]));
    store.close().await.unwrap();
}
