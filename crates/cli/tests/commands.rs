//! Each command, each exit code.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use common::{Factlog, errors, signal};
use serde_json::json;

/// A store with three loans.
fn loans() -> Factlog {
    Factlog::holding(&[
        ("loan-1", "Submitted", r#"{"amount":100}"#),
        ("loan-2", "Submitted", r#"{"amount":200}"#),
        ("loan-1", "Approved", r#"{"by":"Ada"}"#),
        ("cart-1", "Opened", "{}"),
        ("loan-1", "Paid", r#"{"amount":100}"#),
    ])
}

fn positions(lines: &[serde_json::Value]) -> Vec<u64> {
    lines.iter().map(|line| line["position"].as_u64().unwrap()).collect()
}

#[test]
fn append_answers_with_stream_version_and_position() {
    let factlog = Factlog::new();
    let first = factlog.append("loan-1", "Submitted", "{}");
    assert_eq!(first, json!({"stream": "loan-1", "version": 1, "position": 1}));
    let second = factlog.append("loan-1", "Approved", "{}");
    assert_eq!(second, json!({"stream": "loan-1", "version": 2, "position": 2}));
}

#[test]
fn read_gives_ranges_and_directions_of_a_stream() {
    let factlog = loans();
    for (arguments, versions) in [
        (&["read", "loan-1"][..], &[1, 2, 3][..]),
        (&["read", "loan-1", "--from", "2"], &[2, 3]),
        (&["read", "loan-1", "--to", "2"], &[1, 2]),
        (&["read", "loan-1", "--backward", "--limit", "2"], &[3, 2]),
        (&["read", "loan-1", "--until", "2001-01-01"], &[]),
        (&["read", "loan-1", "--since", "1h"], &[1, 2, 3]),
    ] {
        let lines = factlog.lines(arguments);
        let found: Vec<_> = lines.iter().map(|line| line["version"].as_u64().unwrap()).collect();
        assert_eq!(found, versions, "{arguments:?}");
    }
}

#[test]
fn log_filters_by_all_that_it_promises() {
    let factlog = loans();
    for (arguments, found) in [
        (&["log"][..], &[1, 2, 3, 4, 5][..]),
        (&["log", "--category", "loan"], &[1, 2, 3, 5]),
        (&["log", "--category", "loan", "--category", "cart"], &[1, 2, 3, 4, 5]),
        (&["log", "--type", "Submitted"], &[1, 2]),
        (&["log", "--type", "Submitted", "--prefix", "loan-2"], &[2]),
        (&["log", "--stream-regex", "^(cart|loan-2)"], &[2, 4]),
        (&["log", "--type-regex", "^[OP]"], &[4, 5]),
        (&["log", "--from", "2", "--to", "4"], &[2, 3, 4]),
        (&["log", "--backward", "-n", "2"], &[5, 4]),
        (&["log", "--recorded-since", "1h"], &[1, 2, 3, 4, 5]),
        (&["log", "--recorded-until", "2001-01-01"], &[]),
    ] {
        assert_eq!(positions(&factlog.lines(arguments)), found, "{arguments:?}");
    }
}

#[test]
fn follow_prints_what_another_command_appends() {
    let factlog = loans();
    let mut child =
        factlog.command(&["log", "--follow", "--from", "5", "-n", "3"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["position"], 5, "what was there comes first");
    factlog.append("loan-9", "Submitted", "{}");
    assert_eq!(next()["stream"], "loan-9");
    factlog.append("loan-9", "Approved", "{}");
    assert_eq!(next()["type"], "Approved");
    assert!(child.wait().unwrap().success(), "it ends behind its limit");
}

#[test]
fn follow_ends_when_it_is_asked_to() {
    let factlog = loans();
    for name in ["INT", "TERM"] {
        let mut child = factlog.command(&["log", "--follow"]).spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap()).lines().take(5);
        assert_eq!(printed.count(), 5, "it has printed what is there");
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
    }
}

#[test]
fn streams_are_listed_in_the_order_of_their_creation() {
    let factlog = loans();
    let names = |arguments: &[&str]| -> Vec<String> {
        let lines = factlog.lines(arguments);
        lines.iter().map(|line| line["stream"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["streams"]), ["loan-1", "loan-2", "cart-1"]);
    assert_eq!(names(&["streams", "--category", "loan"]), ["loan-1", "loan-2"]);
    assert_eq!(names(&["streams", "--backward", "-n", "1"]), ["cart-1"]);
    assert_eq!(names(&["streams", "--created-until", "2001-01-01"]), [""; 0]);
    assert_eq!(factlog.lines(&["streams"])[0]["version"], 3);
}

#[test]
fn stat_and_verify_count_what_is_there() {
    let factlog = loans();
    let stat = factlog.lines(&["stat"]).remove(0);
    assert_eq!((&stat["events"], &stat["streams"]), (&json!(5), &json!(3)));
    let verified = factlog.lines(&["verify"]).remove(0);
    assert_eq!((&verified["events"], &verified["streams"]), (&json!(5), &json!(3)));
}

#[test]
fn several_events_are_appended_at_once_or_not_at_all() {
    let factlog = Factlog::new();
    let good = b"{\"type\":\"A\",\"data\":1}\n{\"type\":\"B\",\"data\":2}\n";
    let output = factlog.run_with(&["append", "s-1", "--events", "-"], good);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let bad = b"{\"type\":\"C\"}\n{\"type\":\"\"}\n";
    let output = factlog.run_with(&["append", "s-1", "--events", "-"], bad);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("line 2"), "{}", errors(&output));
    assert_eq!(factlog.lines(&["read", "s-1"]).len(), 2);
}

#[test]
fn data_comes_from_an_argument_a_file_or_standard_input() {
    let factlog = Factlog::new();
    let file = factlog.directory.path().join("item.json");
    std::fs::write(&file, "{\"from\":\"file\"}\n").unwrap();
    factlog.append("s-1", "T", &format!("@{}", file.display()));
    factlog.run_with(&["append", "s-1", "T", "-"], b"{\"from\":\"stdin\"}\n");
    factlog.run_with(&["append", "s-1", "T", "-", "--raw"], b"\xff\x00\n");
    let lines = factlog.lines(&["read", "s-1"]);
    assert_eq!(lines[0]["data"]["from"], "file");
    assert_eq!(lines[1]["data"]["from"], "stdin");
    assert_eq!(lines[2]["data_base64"], "/wAK");
}

#[test]
fn each_kind_of_failure_has_its_exit_code_and_says_why() {
    let factlog = loans();
    let large = format!("\"{}\"", "x".repeat(8 << 20));
    std::fs::write(factlog.directory.path().join("large"), large).unwrap();
    let large = format!("@{}", factlog.directory.path().join("large").display());
    for (arguments, code, says) in [
        (&["append", "loan-1", "T", "{}", "--expect", "2"][..], 4, "is at version 3"),
        (&["append", "loan-1", "T", "{}", "--expect", "none"], 4, "is at version 3"),
        (&["append", "new-1", "T", "{}", "--expect", "exists"], 4, "is at version 0"),
        (&["append", "loan-1", "T", "{"], 2, "not JSON"),
        (&["append", "loan-1", "T", "{}", "--expect", "some"], 2, "--expect"),
        (&["append", "loan-1", "T", "{}", "--id", "7"], 2, "--id"),
        (&["append", "", "T", "{}"], 2, "empty"),
        (&["append", "loan-1", "T", &large], 7, "limit"),
        (&["read", "loan-7"], 3, "loan-7"),
        (&["log", "--stream-regex", "("], 2, "regular expression"),
        (&["log", "--since", "someday"], 2, "someday"),
        (&["import", "/nowhere.jsonl"], 3, "nowhere"),
        (&["--store", "/nowhere/store", "log"], 3, "no store"),
        (&["--store", "memory:x", "log"], 2, "memory"),
        (&["--store", "dynamodb:x", "log"], 2, "region"),
        (&["sing"], 2, "sing"),
    ] {
        let output = factlog.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(says), "{arguments:?}: {}", errors(&output));
    }
    assert_eq!(factlog.lines(&["stat"])[0]["events"], 5, "nothing was written");
}

#[test]
fn a_damaged_store_is_refused_with_the_place() {
    let factlog = loans();
    let segment = factlog.store().join("segment-0000000001.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    for command in ["log", "verify"] {
        let output = factlog.run(&[command]);
        assert_eq!(output.status.code(), Some(5), "{command}: {}", errors(&output));
        for says in ["segment-0000000001.log", "offset", "position"] {
            assert!(errors(&output).contains(says), "{}", errors(&output));
        }
    }
}

#[test]
fn a_repeated_append_with_the_same_id_is_answered_the_same() {
    let factlog = Factlog::new();
    let id = "01890000-0000-7000-8000-000000000001";
    let append = ["append", "s-1", "T", "{}", "--id", id, "--expect", "none"];
    let first = factlog.lines(&append);
    assert_eq!(factlog.lines(&append), first);
    assert_eq!(factlog.lines(&["stat"])[0]["events"], 1);
}

#[test]
fn a_reader_that_has_enough_ends_the_command_quietly() {
    let factlog = Factlog::new();
    let lines: String = (0..20_000)
        .map(|number| format!("{{\"stream\":\"s-{number}\",\"type\":\"T\",\"data\":{number}}}\n"))
        .collect();
    factlog.run_with(&["import", "-"], lines.as_bytes());
    let mut child = factlog.command(&["log"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), errors(&output)), (Some(0), String::new()));
}

#[test]
fn another_process_is_waited_for_and_then_named() {
    let factlog = loans();
    let lock = std::fs::File::open(factlog.store().join("LOCK")).unwrap();
    lock.lock().unwrap();
    let output = factlog.run(&["stat"]);
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    assert!(errors(&output).contains("open in another process"), "{}", errors(&output));
    drop(lock);
    assert!(factlog.run(&["stat"]).status.success());
}

#[test]
fn the_memory_store_is_a_store() {
    let factlog = Factlog::new();
    let lines = factlog.lines(&["--store", "memory:", "append", "s-1", "T", "{}"]);
    assert_eq!(lines[0]["version"], 1);
    assert!(!factlog.store().exists());
}

#[test]
fn completions_and_help_are_there() {
    let factlog = Factlog::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = factlog.run(&["completions", shell]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("import"), "{shell}");
    }
    let help = factlog.run(&["--help"]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes"));
}

#[test]
fn the_demo_shows_a_conflict_and_loses_nothing() {
    let factlog = Factlog::new();
    let kept = factlog.directory.path().join("bank");
    let output = factlog.run(&["demo", "--keep", kept.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", errors(&output));
    assert!(text.contains("expected version"), "a conflict is shown: {text}");
    let events = factlog.lines(&["--store", kept.to_str().unwrap(), "stat"])[0]["events"].clone();
    assert!(text.contains(&format!("{events} events are there")), "{events}: {text}");
}
