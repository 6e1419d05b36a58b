//! Import and export: each event once, in order, byte for byte, whatever happens meanwhile.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use common::{Factlog, data, errors, parse};
use flate2::read::GzDecoder;
use serde_json::Value;
use serde_json::value::RawValue;

/// A line as it is in a file: the parts that have to come back byte for byte.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
struct Event {
    stream: String,
    #[serde(rename = "type")]
    event_type: String,
    time: Option<String>,
    data: Option<Box<Raw>>,
    metadata: Option<Box<Raw>>,
}

/// Raw JSON that compares byte for byte.
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
struct Raw(Box<RawValue>);

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Raw {}

fn events(text: &[u8]) -> Vec<Event> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn unzipped(path: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut text).unwrap();
    text
}

fn summary(output: &std::process::Output) -> Value {
    parse(&output.stdout).remove(0)
}

fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap()
}

#[test]
fn the_loan_applications_come_back_as_they_went_in() {
    let factlog = Factlog::new();
    let file = data("loan-applications.jsonl.gz");
    let path = file.to_str().unwrap();
    let first = summary(&factlog.run(&["import", path]));
    assert_eq!((count(&first, "written"), count(&first, "streams")), (262_200, 13_087));
    let second = summary(&factlog.run(&["import", path]));
    assert_eq!((count(&second, "written"), count(&second, "already_there")), (0, 262_200));
    let stat = factlog.lines(&["stat"]).remove(0);
    assert_eq!((count(&stat, "events"), count(&stat, "streams")), (262_200, 13_087));
    let exported = factlog.run(&["export"]);
    assert!(events(&exported.stdout) == events(&unzipped(&file)), "the export is the input");
    let mut versions: HashMap<String, u64> = HashMap::new();
    for (index, line) in parse(&exported.stdout).iter().enumerate() {
        assert_eq!(count(line, "position"), index as u64 + 1);
        let version = versions.entry(line["stream"].as_str().unwrap().to_owned()).or_default();
        *version += 1;
        assert_eq!(count(line, "version"), *version);
    }
    assert!(factlog.run(&["verify"]).status.success());
}

#[test]
fn an_import_that_is_killed_again_and_again_writes_each_event_once() {
    let file = data("loan-applications.jsonl.gz");
    let all = events(&unzipped(&file));
    for seed in 0_u64..3 {
        let factlog = Factlog::new();
        let mut random = seed * 2_654_435_761 + 1;
        for _ in 0..5 {
            let mut child = factlog.command(&["import", file.to_str().unwrap()]).spawn().unwrap();
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // The moment is the seed's; wherever it falls, the outcome has to be the same.
            std::thread::sleep(Duration::from_millis(20 + (random >> 33) % 700));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let last = factlog.run(&["import", file.to_str().unwrap()]);
        assert!(last.status.success(), "{}", errors(&last));
        assert_eq!(count(&factlog.lines(&["stat"])[0], "events"), 262_200);
        assert!(events(&factlog.run(&["export"]).stdout) == all, "the export is the input");
        let verified = factlog.run(&["verify"]);
        assert!(verified.status.success(), "{}", errors(&verified));
    }
}

#[test]
fn an_export_can_be_imported_in_every_compression() {
    let factlog = Factlog::new();
    let permits = data("permits.jsonl.gz");
    factlog.run(&["import", permits.to_str().unwrap()]);
    let plain = factlog.run(&["export"]).stdout;
    for name in ["copy.jsonl", "copy.jsonl.gz", "copy.jsonl.zst"] {
        let path = factlog.directory.path().join(name);
        let path = path.to_str().unwrap();
        assert!(factlog.run(&["export", path]).status.success());
        let other = Factlog::new();
        let imported = other.run(&["import", path]);
        assert_eq!(count(&summary(&imported), "written"), 8_577, "{name}");
        let copy = other.run(&["export"]).stdout;
        assert!(events(&copy) == events(&plain), "{name}");
        let ids = |text: &[u8]| -> Vec<Value> {
            parse(text).into_iter().map(|mut line| line["id"].take()).collect()
        };
        assert!(ids(&copy) == ids(&plain), "ids are kept: {name}");
    }
}

const MIXED: &str = r#"{"stream":"s-1","type":"A","data":1}
{"stream":"s-1","type":"A","data":
{"stream":"s-1","type":"A","data":1}

{"stream":"s-2","type":"","data":1}
{"stream":"s-2","type":"B"}
"#;

#[test]
fn a_bad_line_is_named_and_good_ones_are_kept() {
    let factlog = Factlog::new();
    let skipped = factlog.run_with(&["import", "-", "--on-error", "skip"], MIXED.as_bytes());
    assert_eq!(skipped.status.code(), Some(0), "{}", errors(&skipped));
    let found = summary(&skipped);
    assert_eq!((count(&found, "written"), count(&found, "bad")), (3, 2));
    assert!(errors(&skipped).contains("line 2: ") && errors(&skipped).contains("line 5: "));
    let stopped = Factlog::new();
    let output = stopped.run_with(&["import", "-"], MIXED.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("line 2: "), "{}", errors(&output));
    assert_eq!(count(&stopped.lines(&["stat"])[0], "events"), 1, "the line before it is kept");
}

#[test]
fn a_repaired_line_is_added_and_nothing_twice() {
    let factlog = Factlog::new();
    factlog.run_with(&["import", "-", "--on-error", "skip"], MIXED.as_bytes());
    let repaired = MIXED.replace("\"data\":\n", "\"data\":2}\n").replace("\"\",", "\"C\",");
    let output = factlog.run_with(&["import", "-"], repaired.as_bytes());
    let found = summary(&output);
    assert_eq!((count(&found, "written"), count(&found, "already_there")), (2, 3), "{found}");
    let again = summary(&factlog.run_with(&["import", "-"], repaired.as_bytes()));
    assert_eq!((count(&again, "written"), count(&again, "already_there")), (0, 5), "{again}");
}

#[test]
fn equal_lines_are_different_events_and_equal_ids_are_one() {
    let factlog = Factlog::new();
    let line = "{\"stream\":\"s-1\",\"type\":\"Ticked\"}\n";
    let identified =
        "{\"stream\":\"s-2\",\"type\":\"T\",\"id\":\"01890000-0000-7000-8000-000000000001\"}\n";
    let text = [line, identified, line, line, identified].concat();
    let first = summary(&factlog.run_with(&["import", "-"], text.as_bytes()));
    assert_eq!((count(&first, "written"), count(&first, "already_there")), (4, 1), "{first}");
    let again = summary(&factlog.run_with(&["import", "-"], text.as_bytes()));
    assert_eq!(count(&again, "written"), 0, "{again}");
    assert_eq!(factlog.lines(&["read", "s-1"]).len(), 3);
}

#[test]
fn events_of_others_in_the_stream_do_not_mislead_an_import() {
    let factlog = Factlog::new();
    let lines: Vec<String> = (0..50)
        .map(|n| format!("{{\"stream\":\"s-{}\",\"type\":\"T\",\"data\":{}}}\n", n % 3, n % 4))
        .collect();
    let text = lines.concat();
    factlog.append("s-0", "T", "0");
    factlog.run_with(&["import", "-"], lines[..20].concat().as_bytes());
    factlog.append("s-1", "T", "1");
    factlog.append("s-2", "T", "2");
    let rest = summary(&factlog.run_with(&["import", "-"], text.as_bytes()));
    assert_eq!((count(&rest, "written"), count(&rest, "already_there")), (30, 20), "{rest}");
    let again = summary(&factlog.run_with(&["import", "-"], text.as_bytes()));
    assert_eq!((count(&again, "written"), count(&again, "already_there")), (0, 50), "{again}");
    assert_eq!(count(&factlog.lines(&["stat"])[0], "events"), 53);
}
