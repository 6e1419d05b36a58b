//! The commands on a store in DynamoDB, against DynamoDB Local.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::Deref;
use std::process::Stdio;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_http_client::Builder;
use common::{Factlog, data, endpoint, errors, parse, signal};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

/// A store of its own in DynamoDB Local, with tables as long as it lives.
struct Store(Factlog);

impl Deref for Store {
    type Target = Factlog;

    fn deref(&self) -> &Factlog {
        &self.0
    }
}

impl Store {
    fn new() -> Self {
        let store = Self(Factlog::on_dynamodb());
        store.lines(&["tables", "create", store.name()]);
        store
    }

    /// Sets the watermark of a stream, past all conditions.
    fn set_watermark(&self, stream: &str, next: u64) {
        let credentials = Credentials::new(self.name(), "secret", None, None, "tests");
        let config = Config::builder().behavior_version(BehaviorVersion::latest());
        let config = config.region(Region::new("eu-central-1")).endpoint_url(endpoint());
        let config =
            config.credentials_provider(credentials).http_client(Builder::new().build_http());
        let put = Client::from_conf(config.build()).put_item();
        let put = put.table_name(format!("{}-state", self.name()));
        let put = put.item("partition", AttributeValue::S(format!("watermark/{stream}")));
        let put = put.item("sort", AttributeValue::B(Blob::new(b"/")));
        let put = put.item("next", AttributeValue::N(next.to_string()));
        tokio::runtime::Runtime::new().unwrap().block_on(put.send()).unwrap();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.run(&["tables", "destroy", self.name(), "--yes", self.name()]);
    }
}

#[test]
fn events_are_appended_read_listed_and_counted() {
    let store = Store::new();
    let first =
        store.lines(&["append", "loan-1", "Submitted", r#"{"amount":1}"#, "--expect", "none"]);
    assert_eq!(first, [json!({"stream": "loan-1", "version": 1})]);
    store.lines(&["append", "loan-1", "Approved", "--expect", "1"]);
    store.lines(&["append", "cart-1", "Opened"]);
    store.refused(&["append", "loan-1", "Paid", "--expect", "1"], 4, "version 2");
    store.refused(&["read", "loan-2"], 3, "loan-2");

    let read = store.lines(&["read", "loan-1", "--backward"]);
    assert_eq!(read.iter().map(|it| &it["type"]).collect::<Vec<_>>(), ["Approved", "Submitted"]);
    assert_eq!(read[1]["data"], json!({"amount": 1}));
    let log = store.lines(&["log"]);
    assert_eq!(log.iter().map(|it| &it["position"]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(store.lines(&["log", "--category", "cart"]).len(), 1);
    let streams = store.lines(&["streams"]);
    let streams: Vec<_> = streams.iter().map(|it| (&it["stream"], &it["version"])).collect();
    assert_eq!(streams, [(&json!("loan-1"), &json!(2)), (&json!("cart-1"), &json!(1))]);
    assert_eq!(store.lines(&["stat"])[0]["events"], 3);
    assert_eq!(store.lines(&["verify"])[0]["differences"], 0);
    store.refused(&["--store", "dynamodb:nowhere", "log"], 3, "`factlog tables create nowhere`");
}

#[test]
fn follow_prints_what_another_command_appends() {
    let store = Store::new();
    store.lines(&["append", "loan-1", "Submitted"]);
    let mut child = store.command(&["log", "--follow"]).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&printed.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["type"], "Submitted");
    store.lines(&["append", "loan-1", "Approved"]);
    assert_eq!(next()["type"], "Approved");
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn sequence_places_says_how_far_it_is_and_ends_when_interrupted() {
    let store = Store::new();
    store.lines(&["append", "loan-1", "Submitted"]);
    let mut child = store.command(&["sequence"]).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let says = loop {
        let line: Value = serde_json::from_str(&printed.next().unwrap().unwrap()).unwrap();
        if line.get("head").is_some() {
            break line;
        }
    };
    assert_eq!(says["head"], 1);
    assert!(says["lag_ms"].is_u64(), "{says}");
    signal(&child, "INT");
    let mut rest = String::new();
    child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*rest), (Some(0), ""));
}

#[test]
fn repair_mends_a_watermark_that_verify_names() {
    let store = Store::new();
    for stream in ["loan-1", "loan-2", "loan-1"] {
        store.lines(&["append", stream, "Paid"]);
    }
    store.lines(&["log"]);
    store.set_watermark("loan-1", 9);
    let told = "the watermark of stream loan-1 says 9 is next, the log says 3 (factlog repair)";
    store.refused(&["verify"], 5, told);
    assert_eq!(store.lines(&["repair"])[0]["watermarks_mended"], 1);
    assert_eq!(store.lines(&["verify"])[0]["differences"], 0);
    store.lines(&["append", "loan-1", "Paid"]);
    assert_eq!(store.lines(&["log"]).len(), 4);
}

/// Of each stream, its events in their order: all that has to come back.
fn by_stream(text: &[u8]) -> BTreeMap<String, Vec<Value>> {
    let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for mut line in parse(text) {
        for place in ["position", "version", "recorded", "id"] {
            line.as_object_mut().unwrap().remove(place);
        }
        streams.entry(line["stream"].as_str().unwrap().to_owned()).or_default().push(line);
    }
    streams
}

#[test]
fn an_import_that_is_killed_and_run_again_writes_each_event_once() {
    let store = Store::new();
    let permits = data("permits.jsonl.gz");
    let mut text = Vec::new();
    GzDecoder::new(std::fs::File::open(permits).unwrap()).read_to_end(&mut text).unwrap();
    let end = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2_999).unwrap().0;
    let text = &text[..=end];
    let file = store.directory.path().join("permits.jsonl");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();

    // It has no more than the first half, takes that, and waits for the rest when it is killed: in the middle.
    let mut child = store.command(&["import", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(&text[..text.len() / 2]).unwrap();
    while store.run(&["stat"]).status.success() && store.lines(&["stat"])[0]["events"] == 0 {}
    child.kill().unwrap();
    child.wait().unwrap();
    let first = store.lines(&["import", file]).remove(0);
    let count = |line: &Value, name: &str| line[name].as_u64().unwrap();
    assert_eq!(count(&first, "written") + count(&first, "already_there"), 3_000, "{first}");
    assert!(count(&first, "already_there") > 0, "{first}");
    let again = store.lines(&["import", file]).remove(0);
    assert_eq!((count(&again, "written"), count(&again, "already_there")), (0, 3_000), "{again}");
    let exported = store.run(&["export"]);
    assert!(by_stream(&exported.stdout) == by_stream(text), "the export is the input");
    assert_eq!(store.lines(&["verify"])[0]["events"], 3_000);
}

#[test]
fn a_large_event_needs_a_place_and_comes_back_from_there() {
    let store = Store::new();
    let file = store.directory.path().join("large.json");
    // No two alike, lest it be compressed.
    let numbers: Vec<_> = (0..80_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    std::fs::write(&file, serde_json::to_vec(&numbers).unwrap()).unwrap();
    let data = format!("@{}", file.display());
    store.refused(&["append", "scan-1", "Scanned", &data], 7, "`--large-events`");
    let place = store.directory.path().join("objects");
    let place = place.to_str().unwrap();
    store.lines(&["append", "scan-1", "Scanned", &data, "--large-events", place]);
    let read = store.lines(&["read", "scan-1", "--large-events", place]);
    assert_eq!(read[0]["data"], json!(numbers));
    assert_eq!(store.lines(&["log", "--large-events", place])[0]["data"], read[0]["data"]);
    let without = store.run(&["read", "scan-1"]);
    assert_ne!(without.status.code(), Some(0));
    assert!(errors(&without).contains("scan-1"), "{}", errors(&without));
}

#[test]
fn projections_are_built_followed_and_queried() {
    let store = Store::new();
    for (stream, event_type) in [("loan-1", "Submitted"), ("loan-2", "Submitted")] {
        store.lines(&["append", stream, event_type]);
    }
    let file = store.directory.path().join("loans.toml");
    let text = "name = 'loans'\n[[index]]\nfield = 'status'\ntype = 'string'\n\
                [[on]]\nkey = '.stream'\nmerge.status = '.type'\n";
    std::fs::write(&file, text).unwrap();
    store.lines(&["projection", "create", file.to_str().unwrap()]);
    store.refused(&["view", "query", "loans"], 6, "is being built");
    let started = store.lines(&["projection", "start", "--until-caught-up"]).remove(0);
    assert_eq!((&started["state"], &started["position"]), (&json!("live"), &json!(2)));
    let submitted = ["view", "count", "loans", "--where", "status = Submitted"];
    assert_eq!(store.lines(&submitted), [json!({"documents": 2})]);

    let mut child = store.command(&["projection", "start"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = |says: &dyn Fn(&Value) -> bool| loop {
        let line = lines.next().unwrap().unwrap();
        if says(&serde_json::from_str(&line).unwrap()) {
            break;
        }
    };
    until(&|line| line["position"] == 2);
    store.lines(&["append", "loan-1", "Approved"]);
    until(&|line| line["position"] == 3);
    assert_eq!(store.lines(&submitted), [json!({"documents": 1})]);
    store.lines(&["projection", "rebuild", "loans"]);
    until(&|line| line["generation"] == 2 && line["state"] == "live");
    store.lines(&["projection", "pause", "loans"]);
    until(&|line| line["state"] == "paused");
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    let found = store.lines(&["view", "get", "loans", "loan-1"]).remove(0);
    assert_eq!(found["data"], json!({"status": "Approved"}));
}
