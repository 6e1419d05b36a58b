//! Each operation, what is refused and where, and that a declared projection is what a handler
//! written by hand would make.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::sync::Arc;

use factlog::projection::{Documents, Projection, ProjectionState, Projections, Switch, Worker};
use factlog::view::{Query, View};
use factlog::{ErrorKind, Event, Expected, Memory, RecordedEvent, StoreExt, SystemClock};
use factlog_declared::{Declaration, Declarations, File, Syntax};
use futures::executor::block_on;
use serde_json::{Value, json};

/// A store with these events: stream, type, data.
async fn store(events: &[(&str, &str, Value)]) -> (Arc<Projections>, Declarations) {
    let store = Arc::new(Memory::default());
    for (number, (stream, event_type, data)) in events.iter().enumerate() {
        let id = uuid::Uuid::from_u128(number as u128 + 1);
        let event = Event::new(id, event_type.parse().unwrap(), data.to_string());
        store.append_to(&stream.parse().unwrap(), Expected::Any, vec![event]).await.unwrap();
    }
    let state = Arc::new(store.state());
    let declarations = Declarations::new(Arc::clone(&state) as _);
    (Arc::new(Projections::new(store, state, SystemClock)), declarations)
}

async fn all(view: &View) -> Value {
    let page = view.query(&Query::new()).await.unwrap();
    let documents = page.documents.into_iter().map(|document| (document.key, document.data.into()));
    Value::Object(documents.collect())
}

async fn documents(projections: &Arc<Projections>, projection: Projection) -> Value {
    let name = projection.name.clone();
    Worker::new(projections, projection).catch_up().await.unwrap();
    all(&projections.view(&name).await.unwrap()).await
}

fn loans() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("loan-1", "Submitted", json!({"amount": 100, "tags": ["a", "b"]})),
        ("loan-2", "Submitted", json!({"amount": 50.5, "tags": ["b"]})),
        ("loan-1", "Approved", json!({"amount": 80, "tags": []})),
    ]
}

#[test]
fn each_operation_changes_documents_as_it_says() {
    for (rules, expected) in [
        (
            "[[on]]\nkey = '.stream'\nupsert.last = '.type'\nupsert.at.version = '.version'",
            json!({"loan-1": {"last": "Approved", "at": {"version": 2}}, "loan-2": {"last": "Submitted", "at": {"version": 1}}}),
        ),
        (
            "[[on]]\ntypes = ['Submitted']\nkey = '.stream'\nupsert.a = '.data.amount'\n\
             [[on]]\ntypes = ['Approved']\nkey = '.stream'\nmerge.b = '$key'\nmerge.a = 'null'",
            json!({"loan-1": {"b": "loan-1"}, "loan-2": {"a": 50.5}}),
        ),
        (
            "[[on]]\nkey = '\"all\"'\nincrement.sum = '.data.amount'\nincrement.n.events = '1'",
            json!({"all": {"sum": 230.5, "n": {"events": 3}}}),
        ),
        (
            "[[on]]\nkey = '.stream'\nappend.types = '.type'",
            json!({"loan-1": {"types": ["Submitted", "Approved"]}, "loan-2": {"types": ["Submitted"]}}),
        ),
        (
            "[[on]]\nkey = '.stream'\nupsert.type = '.type'\n\
             [[on]]\ntypes = ['Approved']\nkey = '.stream'\ndelete = true",
            json!({"loan-2": {"type": "Submitted"}}),
        ),
        (
            "[[on]]\nwhen = '.data.amount > 60'\nkey = '.data.tags[]'\nincrement.count = '1'",
            json!({"a": {"count": 1}, "b": {"count": 1}}),
        ),
    ] {
        let file = File::toml(format!("name = 'loans'\n{rules}"));
        let declaration = Declaration::parse(&file).unwrap();
        block_on(async {
            let (projections, _) = store(&loans()).await;
            assert_eq!(
                documents(&projections, declaration.projection(1)).await,
                expected,
                "{rules}"
            );
        });
    }
}

#[test]
fn it_makes_what_a_handler_by_hand_makes() {
    let by_hand = |event: &RecordedEvent, documents: &mut Documents<'_>| {
        let data: Value = serde_json::from_slice(&event.data).unwrap();
        let document = documents.edit(event.stream.as_str())?;
        document.insert("status".into(), event.event_type.as_str().into());
        document.insert("amount".into(), data["amount"].clone());
        Ok(())
    };
    let declared = File::toml(
        "name = 'declared'\n[[on]]\nkey = '.stream'\nmerge.status = '.type'\nmerge.amount = '.data.amount'",
    );
    block_on(async {
        let (projections, declarations) = store(&loans()).await;
        let by_hand = Projection::new("by-hand".parse().unwrap(), by_hand);
        let declared = declarations.create(&projections, &declared).await.unwrap();
        assert_eq!(documents(&projections, declared).await, documents(&projections, by_hand).await);
    });
}

#[track_caller]
fn refused(file: &File, problems: &[&str]) {
    let error = Declaration::parse(file).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Invalid);
    for problem in problems {
        let (error, text) = (error.to_string(), file.text());
        assert!(error.contains(problem), "{problem:?} is not in\n{error}\nof\n{text}");
    }
}

#[test]
fn a_bad_file_is_refused_with_every_line_and_reason() {
    let toml = "[[on]]\nkey = '.stream'\nmerge.a = '.type'\n";
    let yaml = "on:\n- key: .stream\n  merge.a: .type\n";
    let index = "name = 'a'\n[[index]]\nfield = 'a'\ntype = 'string'\n[[on]]\nkey = '.stream'\n";
    let indexed = "name: a\nindex:\n- field: a\n  type: string\non:\n- key: .stream\n";
    for (toml, yaml, problems) in [
        (
            "name = 'a b'",
            "name: a b",
            &["line 1: \"a b\" is no name", "line 1: the file has no {on}"][..],
        ),
        (
            &format!("nam = 'a'\n{toml}"),
            &format!("nam: a\n{yaml}"),
            &["line 1: the file has no name", "line 1: the file has no \"nam\""],
        ),
        (
            &format!("name = 7\n{toml}"),
            &format!("name: 7\n{yaml}"),
            &["line 1: name is a text in quotes, not a number"],
        ),
        (
            &format!("name = 'a'\nfilter.categories = [true]\n{toml}"),
            &format!("name: a\nfilter.categories: [true]\n{yaml}"),
            &["line 2: each of categories is a text in quotes, not true or false"],
        ),
        (
            &format!("name = 'a'\nfilter = 'a'\nindex = 'b'\n{toml}"),
            &format!("name: a\nfilter: a\nindex: b\n{yaml}"),
            &["line 2: filter is a {table}, not a text", "line 3: index is {list}, not a text"],
        ),
        (
            &format!("name = 'a'\non_poison = 'skip'\n{toml}"),
            &format!("name: a\non_poison: skip\n{yaml}"),
            &["line 2: on_poison is \"stop\" or \"park\""],
        ),
        (
            "name = 'a'\n[[on]]\nmerge.a = '1'",
            "name: a\non:\n- merge.a: 1",
            &["{first}: {each} has no key"],
        ),
        (
            "name = 'a'\n[[on]]\nkey = '.stream'\nwen = '.a'",
            "name: a\non:\n- key: .stream\n  wen: .a",
            &[
                "line 4: {each} has no \"wen\": it may have types, when",
                "{first}: a rule without upsert",
            ],
        ),
        (
            "name = 'a'\n[[on]]\nkey = '.s'\ndelete = true\nmerge.a = '1'",
            "name: a\non:\n- key: .s\n  delete: true\n  merge.a: 1",
            &["{first}: a rule deletes a document or writes"],
        ),
        (
            "name = 'a'\n[[on]]\nkey = '.s'\ndelete = 'yes'",
            "name: a\non:\n- key: .s\n  delete: yes",
            &["line 4: delete is true or false, not a text"],
        ),
        (
            "name = 'a'\n[[on]]\nkey = '.stream |'\nmerge.a = 'nothing(1)'\nmerge.b = 'now'\nmerge.c = '.a + \"'",
            "name: a\non:\n- {key: .stream |,\n   merge.a: nothing(1),\n   merge.b: now,\n   merge.c: .a + \"}",
            &[
                "line 3: key of rule 1",
                "at its end",
                "line 4: merge.a of rule 1",
                "unknown filter nothing at character 1",
                "line 5: merge.b",
                "the same for an event at any time",
                "line 6: merge.c",
            ],
        ),
        (
            "name = 'a'\n[[on]]\nkey = '.stream'\nmerge.a = ['.b']",
            "name: a\non:\n- key: .stream\n  merge.a: [.b]",
            &["line 4: merge.a of rule 1 is a text in quotes, not a list"],
        ),
        (
            &format!("name = 'a'\n[[index]]\nfield = 'b'\ntype = 'string'\n{toml}"),
            &format!("name: a\nindex:\n- field: b\n  type: string\n{yaml}"),
            &["{first}: index b is on a field that no rule writes"],
        ),
        (
            &format!("name = 'a'\n[[index]]\nfield = 'a'\ntype = 'text'\n{toml}"),
            &format!("name: a\nindex:\n- field: a\n  type: text\n{yaml}"),
            &["line 4: the type of an index is string, number, time or boolean"],
        ),
        (
            &format!("{index}append.a = '.type'"),
            &format!("{indexed}  append.a: .type"),
            &["{first}: index a is on a list"],
        ),
        (
            &format!("{index}increment.a = 1"),
            &format!("{indexed}  increment.a: 1"),
            &["{first}: index a is on a field that is incremented"],
        ),
        (
            &format!("{index}merge.a.b = '1'"),
            &format!("{indexed}  merge: {{a: {{b: 1}}}}"),
            &["{first}: index a is on an object"],
        ),
    ] {
        let words = [
            ("{on}", "[[on]]", "on"),
            ("{each}", "[[on]]", "an entry of on"),
            ("{list}", "written as [[index]]", "a list of mappings"),
            ("{table}", "table", "mapping"),
            // Where a table of a list begins.
            ("{first}", "line 2", "line 3"),
        ];
        let said = |problem: &&str, syntax| {
            words.iter().fold((*problem).to_owned(), |problem, (word, toml, yaml)| {
                problem.replace(word, if syntax == Syntax::Toml { toml } else { yaml })
            })
        };
        for (text, syntax) in [(toml, Syntax::Toml), (yaml, Syntax::Yaml)] {
            let problems: Vec<_> = problems.iter().map(|problem| said(problem, syntax)).collect();
            let problems: Vec<_> = problems.iter().map(String::as_str).collect();
            refused(&File::new(text, syntax), &problems);
        }
    }
}

#[test]
fn what_is_not_of_its_syntax_or_no_plain_data_is_refused_with_its_line() {
    refused(&File::toml("name = "), &["line 1: not TOML"]);
    refused(&File::toml("name = 'a'\nname = 'b'"), &["line 2: not TOML: duplicate key"]);
    let deep = format!("name: {}", "[".repeat(1_000));
    for (yaml, problems) in [
        ("name: a\non: [", &["line 2: not YAML"][..]),
        ("name: a: b", &["line 1: not YAML"]),
        ("on:\n\t- a", &["line 2: not YAML"]),
        (&deep, &["line 1: not YAML"]),
        ("", &["line 1: the file has no name", "line 1: the file has no on"]),
        ("# nothing\n---\n", &["line 1: the file has no name"]),
        ("- a", &["line 1: the file is a mapping, not a list"]),
        ("name: a\nname: b", &["line 2: \"name\" stands here twice"]),
        ("name: a\n'name': b", &["line 2: \"name\" stands here twice"]),
        (
            "on:\n- merge: {a: .b}\n  merge.a: .c\n  merge.a.b: .d",
            &["line 3: \"merge.a\" stands here twice", "line 4: \"merge.a.b\" stands here twice"],
        ),
        (
            "? [a]\n: b\n? .c\n: d\n: e",
            &["line 1: a name is", "line 3: a name is", "line 5: a name is"],
        ),
        ("name: a\n---\nname: b", &["line 3: a second document"]),
        (
            "name: &a b\non:\n- &rule\n  key: *a\n- *rule\n- <<: *other\n- !rule {key: !!str .stream}",
            &[
                "line 1: an anchor",
                "line 4: an anchor",
                "line 4: an alias",
                "line 5: an alias",
                "line 6: an alias",
                "line 7: the tag !rule",
                "line 7: the tag !!str",
            ],
        ),
        (
            "name:\non:\n- key: ~\n  merge.a:",
            &["line 1: name is a text in quotes, not empty", "line 3: key", "line 4: merge.a"],
        ),
    ] {
        refused(&File::yaml(yaml), problems);
    }
}

#[test]
fn in_yaml_words_are_texts_and_literals_stand_for_themselves() {
    let file = File::yaml(
        "%YAML 1.2\n---\nname: loans\non:\n\
         - types: [on, No, y, '1.0', 12:30]\n  key: .stream\n  delete: True\n\
         - types: [Submitted]\n  when: true\n  key: \"\\\"all\\\"\"\n  merge:\n    'a.b': -1.5\n    no: false\n\
        \x20   gone: null\n    x.y: |\n      .data.amount\n      | . * 2\n  merge.x.z: .data.tags[0] # the first\n  increment.n: 1\n",
    );
    let expected = json!({"all": {"a.b": -1.5, "no": false, "x": {"y": 101.0, "z": "b"}, "n": 2}});
    block_on(async {
        let (projections, _) = store(&loans()).await;
        let projection = Declaration::parse(&file).unwrap().projection(1);
        assert_eq!(documents(&projections, projection).await, expected);
    });
}

#[test]
fn the_syntax_of_a_text_is_seen_from_its_first_line() {
    for (text, syntax) in [
        ("", Syntax::Toml),
        ("# name: a\n\nname = 'a: b'", Syntax::Toml),
        ("[[on]] # a: b", Syntax::Toml),
        ("'name'='a'", Syntax::Toml),
        ("\u{feff}name: a = b", Syntax::Yaml),
        ("# name = a\n---\n[a]", Syntax::Yaml),
        ("%YAML 1.2", Syntax::Yaml),
        ("{name: a}", Syntax::Yaml),
        ("on:\n- key: .stream", Syntax::Yaml),
    ] {
        assert_eq!(Syntax::guess(text), syntax, "{text}");
    }
}

#[test]
fn an_expression_that_fails_is_poison_and_is_named() {
    let file = File::toml("name = 'a'\n[[on]]\nkey = '.stream'\nincrement.n = '.data.tags'");
    block_on(async {
        let (projections, declarations) = store(&loans()).await;
        let projection = declarations.create(&projections, &file).await.unwrap();
        let info = Worker::new(&projections, projection).catch_up().await.unwrap();
        assert_eq!(info.state, ProjectionState::Failed);
        let message = &info.generations[0].failure.as_ref().unwrap().message;
        assert!(message.contains("increment.n of rule 1: \".data.tags\""), "{message}");
    });
}

#[test]
fn the_next_file_is_built_beside_the_live_one_and_both_are_run() {
    let old = File::toml("name = 'a'\n[[on]]\nkey = '.stream'\nmerge.old = 1");
    let new = File::yaml("name: a\non:\n- {key: .stream, merge.new: 1}");
    block_on(async {
        let (projections, declarations) = store(&loans()).await;
        let first = declarations.create(&projections, &old).await.unwrap();
        let name = first.name.clone();
        Worker::new(&projections, first).catch_up().await.unwrap();
        let again = declarations.create(&projections, &old).await.unwrap_err();
        assert!(again.to_string().contains("there already"), "{again}");

        declarations.rebuild(&projections, &new, Switch::ByHand).await.unwrap();
        let record = projections.record(&name).await.unwrap();
        let both = declarations.projections(&name, &record).await.unwrap();
        assert_eq!(both.iter().map(|one| one.definition.version).collect::<Vec<_>>(), [1, 2]);
        for (version, file) in [(1, &old), (2, &new)] {
            assert_eq!(declarations.file(&name, version).await.unwrap().as_ref(), Some(file));
        }
        for projection in both {
            Worker::new(&projections, projection).catch_up().await.unwrap();
        }
        let live = all(&projections.view(&name).await.unwrap()).await;
        assert_eq!(live["loan-1"], json!({"old": 1}));
        projections.switch(&name).await.unwrap();
        let live = all(&projections.view(&name).await.unwrap()).await;
        assert_eq!(live["loan-1"], json!({"new": 1}));
    });
}
