//! Projections that a file declares and the queries of their views, from the command line.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use common::{Factlog, data, errors, parse, signal};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

const LOANS: &str = r#"
name = "loans"

[[index]]
field = "status"
type = "string"
counted = true

[[index]]
field = "amount"
type = "number"

[[on]]
types = ["Submitted", "Approved", "Paid"]
key = ".stream"
merge.status = ".type"
merge.amount = ".data.amount // empty"
increment.events = "1"
"#;

/// A store with three loans.
fn loans() -> Factlog {
    Factlog::holding(&[
        ("loan-1", "Submitted", r#"{"amount":100}"#),
        ("loan-2", "Submitted", r#"{"amount":200}"#),
        ("loan-1", "Approved", r#"{"by":"Ada"}"#),
        ("loan-3", "Submitted", r#"{"amount":50}"#),
        ("loan-2", "Approved", r#"{"by":"Ada"}"#),
    ])
}

/// Writes a declaration, and answers its path.
fn file(factlog: &Factlog, text: &str) -> String {
    named(factlog, "declaration.toml", text)
}

fn named(factlog: &Factlog, name: &str, text: &str) -> String {
    let path = factlog.directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn create(factlog: &Factlog, text: &str) -> Value {
    factlog.lines(&["projection", "create", &file(factlog, text)]).remove(0)
}

fn catch_up(factlog: &Factlog) -> Vec<Value> {
    factlog.lines(&["projection", "start", "--until-caught-up"])
}

#[track_caller]
fn refused(factlog: &Factlog, arguments: &[&str], code: i32, says: &[&str]) {
    let output = factlog.run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", errors(&output));
    for says in says {
        assert!(errors(&output).contains(says), "{says:?} is not in {}", errors(&output));
    }
}

/// Keys and data of documents.
fn documents(factlog: &Factlog, arguments: &[&str]) -> Vec<(String, Value)> {
    let lines = factlog.lines(&[&["view", "query", "loans"], arguments].concat());
    let pair = |line: Value| (line["key"].as_str().unwrap().to_owned(), line["data"].clone());
    lines.into_iter().map(pair).collect()
}

fn keys(factlog: &Factlog, arguments: &[&str]) -> Vec<String> {
    documents(factlog, arguments).into_iter().map(|(key, _)| key).collect()
}

/// What is listed of the projection, each generation as `number state position`.
fn listed(factlog: &Factlog) -> Vec<String> {
    let lines = factlog.lines(&["projection", "list", "loans"]);
    let words = |line: &Value| {
        format!("{} {} {}", line["generation"], line["state"].as_str().unwrap(), line["position"])
    };
    lines.iter().map(words).collect()
}

#[test]
fn a_declaration_becomes_documents_that_are_queried_and_counted() {
    let factlog = loans();
    let created = create(&factlog, LOANS);
    assert_eq!((&created["state"], &created["lag"]), (&json!("building"), &json!(5)));
    refused(&factlog, &["view", "get", "loans", "loan-1"], 6, &["is being built"]);
    let started = catch_up(&factlog).remove(0);
    assert_eq!((&started["state"], &started["position"]), (&json!("live"), &json!(5)));
    assert_eq!((&started["documents"], &started["lag"]), (&json!(3), &json!(0)));

    let found = factlog.lines(&["view", "get", "loans", "loan-1"]).remove(0);
    let expected = json!({
        "key": "loan-1",
        "data": {"status": "Approved", "amount": 100, "events": 2},
        "from": {"loan-1": 2},
        "position": 3,
    });
    assert_eq!(found, expected);
    for (arguments, expected) in [
        (&[][..], &["loan-1", "loan-2", "loan-3"][..]),
        (&["--where", "status = Approved"], &["loan-1", "loan-2"]),
        (&["--where", "status=Approved", "--where", "amount > 100"], &["loan-2"]),
        (&["-w", "status ^= S"], &["loan-3"]),
        (&["--where", "amount >= 50", "--where", "amount < 200"], &["loan-3", "loan-1"]),
        (&["--where", "$key ^= loan-2"], &["loan-2"]),
        (&["--sort", "amount"], &["loan-3", "loan-1", "loan-2"]),
        (&["--sort", "amount", "--reverse"], &["loan-2", "loan-1", "loan-3"]),
        (&["--sort", "$key", "--where", "events = 2"], &["loan-1", "loan-2"]),
    ] {
        assert_eq!(keys(&factlog, arguments), expected, "{arguments:?}");
    }
    for (arguments, expected) in [
        (&[][..], json!([{"documents": 3}])),
        (&["--where", "status = Approved"], json!([{"documents": 2}])),
        (&["--where", "amount >= 100"], json!([{"documents": 2}])),
        (
            &["--by", "status"],
            json!([{"status": "Approved", "documents": 2}, {"status": "Submitted", "documents": 1}]),
        ),
    ] {
        let counted = factlog.lines(&[&["view", "count", "loans"], arguments].concat());
        assert_eq!(Value::from(counted), expected, "{arguments:?}");
    }
    for (arguments, says) in [
        (&["query", "loans", "--where", "events = 2"][..], "no index leads"),
        (&["query", "loans", "--where", "amount = many"], "no number"),
        (&["query", "loans", "--where", "amount"], "operators"),
        (&["query", "loans", "--sort", "events"], "no index"),
        (&["query", "loans", "--page", "0"], "page"),
        (&["query", "loans", "--after", "7f"], "token"),
        (&["count", "loans", "--by", "amount"], "counted"),
    ] {
        refused(&factlog, &[&["view"], arguments].concat(), 2, &[says]);
    }
}

#[test]
fn pages_follow_one_another_by_their_tokens() {
    let factlog = loans();
    create(&factlog, LOANS);
    catch_up(&factlog);
    let query = ["view", "query", "loans", "--sort", "amount", "--page", "2"];
    let first = factlog.run(&query);
    let told = errors(&first);
    let token = told.trim().strip_prefix("next page: --after ").unwrap();
    let second = factlog.run(&[&query[..], &["--after", token]].concat());
    assert_eq!(errors(&second), "", "there is no third page");
    let pages = [parse(&first.stdout), parse(&second.stdout)];
    assert_eq!(pages.each_ref().map(Vec::len), [2, 1]);
    let all = factlog.lines(&[&query[..], &["--all"]].concat());
    assert_eq!(pages.concat(), all);
}

#[test]
fn tables_are_for_people() {
    let factlog = loans();
    create(&factlog, LOANS);
    catch_up(&factlog);
    for (arguments, says) in [
        (&["projection", "list"][..], "loans                1  live          5"),
        (&["view", "query", "loans"], "$key    amount  events  status"),
        (&["view", "get", "loans", "loan-2"], "$from      loan-2@2"),
        (&["view", "count", "loans", "--by", "status"], "Submitted"),
    ] {
        let output = factlog.run(&[&["--format", "table"], arguments].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(says), "{says:?} is not in\n{text}{}", errors(&output));
    }
}

#[test]
fn a_bad_file_is_refused_with_each_line_and_reason_and_nothing_is_registered() {
    let factlog = loans();
    for (text, says) in [
        ("name = 'a'\n[[on]]\nkey = '.stream'\nmerge.a = '.type |'\n", "line 4: merge.a of rule 1"),
        ("name = 'a'\n[[on]]\nmerge.a = '.type'\n", "line 2: [[on]] has no key"),
        ("name = 'a'\nkey = \n", "line 2: not TOML"),
        ("name = 'a b'\n[[on]]\nkey = '.stream'\ndelete = true\n", "line 1: \"a b\" is no name"),
    ] {
        refused(
            &factlog,
            &["projection", "create", &file(&factlog, text)],
            2,
            &["declaration.toml is no declaration", says],
        );
    }
    assert_eq!(factlog.lines(&["projection", "list"]), [] as [Value; 0]);
    create(&factlog, LOANS);
    let again = ["projection", "create", &file(&factlog, LOANS)];
    refused(&factlog, &again, 2, &["there already"]);
    let other = file(&factlog, &LOANS.replace("\"loans\"", "\"others\""));
    let rebuild = ["projection", "rebuild", "loans", "--file", &other];
    refused(&factlog, &rebuild, 2, &["declares projection others"]);
}

#[test]
fn a_declaration_may_be_yaml_by_its_name_or_from_standard_input() {
    let yaml = "# What became of loans.\n\
        name: loans\n\
        index:\n  - {field: status, type: string, counted: true}\n\
        on:\n  - types: [Submitted, Approved]\n    key: .stream\n    merge.status: .type\n";
    let factlog = loans();
    for name in ["loans.yaml", "loans.yml"] {
        let bad = named(&factlog, name, &yaml.replace(".type\n", "now\n"));
        let says = &[name, "line 8: merge.status of rule 1", "at any time"][..];
        refused(&factlog, &["projection", "create", &bad], 2, says);
    }
    let yaml_as_toml = named(&factlog, "loans.toml", yaml);
    refused(&factlog, &["projection", "create", &yaml_as_toml], 2, &["line 2: not TOML"]);
    assert_eq!(factlog.lines(&["projection", "list"]), [] as [Value; 0]);

    factlog.lines(&["projection", "create", &named(&factlog, "loans.yaml", yaml)]);
    catch_up(&factlog);
    assert_eq!(keys(&factlog, &["--where", "status = Submitted"]), ["loan-3"]);
    let shown = factlog.run(&["projection", "show", "loans"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), yaml);

    for (text, submitted) in [(yaml.replace("Submitted, ", ""), 0), (LOANS.to_owned(), 1)] {
        let rebuild = ["projection", "rebuild", "loans", "--file", "-"];
        let output = factlog.run_with(&rebuild, text.as_bytes());
        assert!(output.status.success(), "{}", errors(&output));
        catch_up(&factlog);
        assert_eq!(keys(&factlog, &["--where", "status = Submitted"]).len(), submitted);
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let factlog = loans();
    for command in ["pause", "resume", "reset", "rebuild", "switch", "retire", "failures", "retry"]
        .into_iter()
        .chain(["sweep", "show", "skip", "list", "start"])
    {
        refused(&factlog, &["projection", command, "loans"], 3, &["there is no projection loans"]);
    }
    refused(&factlog, &["projection", "start"], 3, &["no projection to run"]);
    refused(&factlog, &["projection", "create", "/nowhere.toml"], 3, &["/nowhere.toml"]);
    for query in [&["get", "loans", "loan-1"][..], &["query", "loans"], &["count", "loans"]] {
        refused(&factlog, &[&["view"], query].concat(), 3, &["there is no projection loans"]);
    }
    create(&factlog, LOANS);
    catch_up(&factlog);
    refused(&factlog, &["view", "get", "loans", "loan-7"], 3, &["loan-7"]);
    refused(&factlog, &["projection", "switch", "loans"], 3, &["builds no generation"]);
    refused(&factlog, &["projection", "retry", "loans", "3"], 3, &["has not parked"]);
}

#[test]
fn the_memory_store_keeps_no_projections() {
    let factlog = Factlog::new();
    for arguments in
        [&["projection", "list"][..], &["projection", "start"], &["view", "count", "a"]]
    {
        let arguments = [&["--store", "memory:"], arguments].concat();
        refused(&factlog, &arguments, 2, &["forgotten at the end"]);
    }
}

#[test]
fn an_event_that_cannot_be_applied_stops_the_projection_until_its_file_is_mended() {
    let factlog = loans();
    let sum = "name = 'loans'\n[[on]]\nkey = '\"all\"'\nincrement.sum = '.data.amount'\n";
    create(&factlog, sum);
    let says = &["event 3 (loan-1@2 Approved)", "increment.sum of rule 1"];
    refused(&factlog, &["projection", "start", "--until-caught-up"], 8, says);
    assert_eq!(listed(&factlog), ["1 failed 2"]);
    let failures = factlog.lines(&["projection", "failures", "loans"]);
    assert_eq!(failures.len(), 1);
    let failure = &failures[0];
    assert_eq!((&failure["position"], &failure["state"]), (&json!(3), &json!("failed")));
    assert_eq!((&failure["stream"], &failure["type"]), (&json!("loan-1"), &json!("Approved")));
    refused(&factlog, &["projection", "retry", "loans"], 8, says);
    refused(&factlog, &["projection", "start"], 8, says);

    let mended = file(&factlog, &format!("{sum}when = '.data.amount'\n"));
    factlog.lines(&["projection", "rebuild", "loans", "--file", &mended]);
    assert_eq!(listed(&factlog), ["2 building 0", "1 retired 2"]);
    catch_up(&factlog);
    assert_eq!(documents(&factlog, &[]), [("all".to_owned(), json!({"sum": 350}))]);
    assert_eq!(factlog.lines(&["projection", "failures", "loans"]), [] as [Value; 0]);
    let shown = factlog.run(&["projection", "show", "loans"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("when = "));
}

#[test]
fn an_event_that_cannot_be_applied_is_skipped_and_kept_until_it_is_tried_again() {
    let factlog = loans();
    let sum = |guard: &str| {
        format!("name: loans\non:\n  - key: '\"all\"'\n    increment.sum: .data.amount{guard}\n")
    };
    factlog.lines(&["projection", "create", &named(&factlog, "loans.yaml", &sum(""))]);
    refused(&factlog, &["projection", "skip", "loans"], 3, &["has not failed"]);
    refused(&factlog, &["projection", "start", "--until-caught-up"], 8, &["event 3"]);
    refused(&factlog, &["projection", "skip", "loans", "5"], 3, &["not stand before event 5"]);
    let skipped = factlog.lines(&["projection", "skip", "loans"]).remove(0);
    assert_eq!((&skipped["state"], &skipped["position"]), (&json!("building"), &json!(3)));
    assert_eq!(skipped["parked"], 1);
    refused(&factlog, &["projection", "start", "--until-caught-up"], 8, &["event 5"]);
    factlog.lines(&["projection", "skip", "loans", "5"]);
    assert_eq!(catch_up(&factlog).remove(0)["state"], "live");
    assert_eq!(documents(&factlog, &[]), [("all".to_owned(), json!({"sum": 350}))]);
    let failures = factlog.lines(&["projection", "failures", "loans"]);
    let kept: Vec<_> = failures.iter().map(|line| (&line["position"], &line["state"])).collect();
    assert_eq!(kept, [(&json!(3), &json!("skipped")), (&json!(5), &json!("skipped"))]);
    assert!(failures[0]["message"].as_str().unwrap().contains("increment.sum"), "{failures:?}");

    refused(&factlog, &["projection", "retry", "loans"], 8, &["event 3", "event 5"]);
    let mended = named(&factlog, "loans.yaml", &sum(" // 0"));
    factlog.lines(&["projection", "rebuild", "loans", "--file", &mended]);
    catch_up(&factlog);
    assert_eq!(factlog.lines(&["projection", "failures", "loans"]), [] as [Value; 0]);
}

#[test]
fn parked_events_are_listed_and_tried_again() {
    let factlog = Factlog::new();
    for (event_type, data) in [("Set", "\"many\""), ("Add", "1"), ("Add", "\"few\"")] {
        factlog.append("loan-1", event_type, data);
    }
    create(
        &factlog,
        "name = 'loans'\non_poison = 'park'\n\
         [[on]]\ntypes = ['Set']\nkey = '.stream'\nmerge.sum = '.data'\n\
         [[on]]\ntypes = ['Add']\nkey = '.stream'\nincrement.sum = '.data'\n",
    );
    let started = catch_up(&factlog).remove(0);
    assert_eq!((&started["state"], &started["parked"]), (&json!("live"), &json!(2)));
    let positions = || -> Vec<Value> {
        let lines = factlog.lines(&["projection", "failures", "loans"]);
        lines.iter().map(|line| line["position"].clone()).collect()
    };
    assert_eq!(positions(), [2, 3]);
    refused(&factlog, &["projection", "retry", "loans"], 8, &["event 2", "event 3"]);

    factlog.append("loan-1", "Set", "10");
    catch_up(&factlog);
    let retry = factlog.run(&["projection", "retry", "loans"]);
    assert_eq!(parse(&retry.stdout), [json!({"applied": 1, "still_parked": 1})]);
    assert_eq!((retry.status.code(), positions()), (Some(8), vec![json!(3)]));
    assert_eq!(documents(&factlog, &[]), [("loan-1".to_owned(), json!({"sum": 11}))]);
}

#[test]
fn the_next_generation_is_built_beside_the_live_one_and_switched_to_at_once() {
    let factlog = loans();
    create(&factlog, LOANS);
    catch_up(&factlog);
    let before = documents(&factlog, &[]);
    let next =
        file(&factlog, &LOANS.replace("increment.events = \"1\"", "merge.last = \".position\""));
    factlog.lines(&["projection", "rebuild", "loans", "--file", &next, "--by-hand"]);
    refused(&factlog, &["projection", "switch", "loans"], 6, &["behind"]);
    assert_eq!(documents(&factlog, &[]), before);
    catch_up(&factlog);
    assert_eq!(listed(&factlog), ["1 live 5", "2 building 5"]);
    assert_eq!(documents(&factlog, &[]), before);
    factlog.lines(&["projection", "switch", "loans"]);
    assert_eq!(listed(&factlog), ["2 live 5", "1 retired 5"]);
    assert_eq!(documents(&factlog, &[])[0].1["last"], 3);
    factlog.lines(&["projection", "sweep", "loans"]);
    assert_eq!(listed(&factlog), ["2 live 5"]);

    let rebuilt = documents(&factlog, &[]);
    factlog.lines(&["projection", "rebuild", "loans"]);
    catch_up(&factlog);
    assert_eq!(listed(&factlog)[0], "3 live 5");
    assert_eq!(documents(&factlog, &[]), rebuilt, "a rebuild equals what was there");
}

#[test]
fn a_reset_clears_and_builds_again() {
    let factlog = loans();
    create(&factlog, LOANS);
    catch_up(&factlog);
    let before = documents(&factlog, &[]);
    factlog.lines(&["projection", "reset", "loans"]);
    refused(&factlog, &["view", "query", "loans"], 6, &["is being built"]);
    catch_up(&factlog);
    assert_eq!(documents(&factlog, &[]), before);
}

#[test]
fn what_is_paused_stands_still_until_it_is_resumed_or_started_by_name() {
    let factlog = loans();
    create(&factlog, LOANS);
    catch_up(&factlog);
    for go_on in [
        &["projection", "resume", "loans"][..],
        &["projection", "start", "loans", "--until-caught-up"],
    ] {
        factlog.lines(&["projection", "pause", "loans"]);
        let stood = catch_up(&factlog).remove(0);
        factlog.append("loan-9", "Submitted", "{}");
        assert_eq!(stood["state"], "paused");
        assert_eq!(catch_up(&factlog).remove(0)["position"], stood["position"]);
        factlog.lines(go_on);
        let went = catch_up(&factlog).remove(0);
        assert_eq!((&went["state"], &went["lag"]), (&json!("live"), &json!(0)));
        assert!(went["position"].as_u64() > stood["position"].as_u64());
    }
}

#[test]
fn what_is_retired_is_over_and_may_be_declared_again() {
    let factlog = loans();
    create(&factlog, LOANS);
    catch_up(&factlog);
    factlog.lines(&["projection", "retire", "loans"]);
    refused(&factlog, &["view", "query", "loans"], 3, &["retired"]);
    refused(&factlog, &["projection", "reset", "loans"], 3, &["retired"]);
    refused(&factlog, &["projection", "start", "loans"], 3, &["no projection to run"]);
    factlog.lines(&["projection", "sweep", "loans"]);
    assert_eq!(factlog.lines(&["projection", "list"])[0]["state"], "retired");
    create(&factlog, LOANS);
    catch_up(&factlog);
    assert_eq!(keys(&factlog, &[]).len(), 3);
}

#[test]
fn one_that_runs_lets_others_append_query_and_change_it() {
    let factlog = loans();
    create(&factlog, LOANS);
    let mut child = factlog.command(&["projection", "start"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = |says: &dyn Fn(&Value) -> bool| loop {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if says(&line) {
            return line;
        }
    };
    until(&|line| line["position"] == 5);
    assert_eq!(keys(&factlog, &["--where", "status = Approved"]).len(), 2);
    factlog.append("loan-3", "Approved", "{}");
    let line = until(&|line| line["position"] == 6);
    assert_eq!(line["state"], "live");
    assert_eq!(keys(&factlog, &["--where", "status = Approved"]).len(), 3);
    factlog.lines(&["projection", "pause", "loans"]);
    until(&|line| line["state"] == "paused");
    factlog.lines(&["projection", "resume", "loans"]);
    factlog.lines(&["projection", "rebuild", "loans"]);
    until(&|line| line["generation"] == 2 && line["state"] == "live" && line["position"] == 6);
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
}

#[test]
fn two_that_run_let_one_another_rest() {
    let factlog = loans();
    create(&factlog, LOANS);
    let both = [(); 2].map(|()| factlog.command(&["projection", "start"]).spawn().unwrap());
    let opened = || std::fs::metadata(factlog.store().join("LOCK")).unwrap().modified().unwrap();
    // Nobody opens the store for a second, some time.
    let (began, mut last, mut quiet_since) = (Instant::now(), opened(), Instant::now());
    while quiet_since.elapsed() < Duration::from_secs(1) {
        assert!(began.elapsed() < Duration::from_secs(60), "they open the store again and again");
        std::thread::sleep(Duration::from_millis(20));
        if opened() != last {
            (last, quiet_since) = (opened(), Instant::now());
        }
    }
    assert_eq!(listed(&factlog), ["1 live 5"]);
    for mut child in both {
        signal(&child, "INT");
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }
}

/// The events of a file, by a reader of its own.
fn events(name: &str) -> Vec<Value> {
    let mut text = Vec::new();
    GzDecoder::new(std::fs::File::open(data(name)).unwrap()).read_to_end(&mut text).unwrap();
    parse(&text)
}

fn import(factlog: &Factlog, name: &str) {
    let output = factlog.run(&["import", data(name).to_str().unwrap()]);
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn permits_are_counted_as_the_lines_of_their_file_say() {
    let factlog = Factlog::new();
    import(&factlog, "permits.jsonl.gz");
    create(
        &factlog,
        "name = 'permits'\n\
         [[index]]\nfield = 'last'\ntype = 'string'\ncounted = true\n\
         [[index]]\nfield = 'events'\ntype = 'number'\n\
         [[on]]\nkey = '.stream'\nmerge.last = '.type'\nincrement.events = '1'\n",
    );
    catch_up(&factlog);
    let mut permits: BTreeMap<String, (String, u64)> = BTreeMap::new();
    for event in events("permits.jsonl.gz") {
        let permit = permits.entry(event["stream"].as_str().unwrap().to_owned()).or_default();
        permit.0 = event["type"].as_str().unwrap().to_owned();
        permit.1 += 1;
    }
    let mut by_last: BTreeMap<&str, u64> = BTreeMap::new();
    permits.values().for_each(|(last, _)| *by_last.entry(last).or_default() += 1);
    let counted = factlog.lines(&["view", "count", "permits", "--by", "last"]);
    let counted: BTreeMap<&str, u64> = counted
        .iter()
        .map(|line| (line["last"].as_str().unwrap(), line["documents"].as_u64().unwrap()))
        .collect();
    assert_eq!(counted, by_last);
    let long = permits.values().filter(|(_, events)| *events >= 10).count();
    let found = factlog.lines(&["view", "count", "permits", "--where", "events >= 10"]);
    assert_eq!(found, [json!({"documents": long})]);
    let all = factlog.lines(&["view", "query", "permits", "--all"]);
    let all: BTreeMap<String, (String, u64)> = all
        .iter()
        .map(|line| {
            let (key, data) = (line["key"].as_str().unwrap(), &line["data"]);
            let last = data["last"].as_str().unwrap().to_owned();
            (key.to_owned(), (last, data["events"].as_u64().unwrap()))
        })
        .collect();
    assert_eq!(all, permits);
}

#[test]
fn loans_are_counted_as_the_lines_of_their_file_say() {
    let factlog = Factlog::new();
    import(&factlog, "loan-applications.jsonl.gz");
    create(
        &factlog,
        "name = 'workload'\n\
         [[index]]\nfield = 'loans'\ntype = 'number'\n\
         [[on]]\ntypes = ['A_SUBMITTED', 'A_APPROVED', 'A_DECLINED']\n\
         key = '.metadata.\"org:resource\"'\nincrement.loans = '1'\n",
    );
    catch_up(&factlog);
    let mut workload: BTreeMap<String, u64> = BTreeMap::new();
    for event in events("loan-applications.jsonl.gz") {
        let types = ["A_SUBMITTED", "A_APPROVED", "A_DECLINED"];
        if types.contains(&event["type"].as_str().unwrap()) {
            let resource = event["metadata"]["org:resource"].as_str().unwrap();
            *workload.entry(resource.to_owned()).or_default() += 1;
        }
    }
    let sorted =
        factlog.lines(&["view", "query", "workload", "--sort", "loans", "--reverse", "--all"]);
    let found: BTreeMap<String, u64> = sorted
        .iter()
        .map(|line| {
            (line["key"].as_str().unwrap().to_owned(), line["data"]["loans"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(found, workload);
    let counts: Vec<_> =
        sorted.iter().map(|line| line["data"]["loans"].as_u64().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
    let documents = factlog.lines(&["view", "count", "workload"]);
    assert_eq!(documents, [json!({"documents": workload.len()})]);
}
