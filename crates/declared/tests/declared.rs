//! Each operation, what is refused and where, and that a declared projection is what a handler
//! written by hand would make.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::sync::Arc;

use factlog::projection::{Documents, Projection, ProjectionState, Projections, Switch, Worker};
use factlog::view::{Query, View};
use factlog::{Event, Expected, Memory, RecordedEvent, StoreExt, SystemClock};
use factlog_declared::{Declaration, Declarations};
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
        let declaration = Declaration::parse(&format!("name = 'loans'\n{rules}")).unwrap();
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
    let declared = "name = 'declared'\n[[on]]\nkey = '.stream'\nmerge.status = '.type'\nmerge.amount = '.data.amount'";
    block_on(async {
        let (projections, declarations) = store(&loans()).await;
        let by_hand = Projection::new("by-hand".parse().unwrap(), by_hand);
        let declared = declarations.create(&projections, declared).await.unwrap();
        assert_eq!(documents(&projections, declared).await, documents(&projections, by_hand).await);
    });
}

#[test]
fn a_bad_file_is_refused_with_every_line_and_reason() {
    let rule = "[[on]]\nkey = '.stream'\nmerge.a = '.type'\n";
    for (text, problems) in [
        ("name = ", &["line 1: not TOML"][..]),
        ("name = 'a b'", &["line 1: \"a b\" is no name", "line 1: the file has no [[on]]"]),
        (
            &format!("nam = 'a'\n{rule}"),
            &["line 1: the file has no name", "line 1: the file has no \"nam\""],
        ),
        (&format!("name = 7\n{rule}"), &["line 1: name is a text in quotes, not a TOML integer"]),
        (
            &format!("name = 'a'\non_poison = 'skip'\n{rule}"),
            &["line 2: on_poison is \"stop\" or \"park\""],
        ),
        ("name = 'a'\n[[on]]\nmerge.a = '1'", &["line 2: [[on]] has no key"]),
        ("name = 'a'\n[[on]]\nkey = '.stream'", &["line 2: a rule without upsert"]),
        (
            "name = 'a'\n[[on]]\nkey = '.s'\ndelete = true\nmerge.a = '1'",
            &["line 2: a rule deletes a document or writes"],
        ),
        (
            "name = 'a'\n[[on]]\nkey = '.stream |'\nmerge.a = 'nothing(1)'\nmerge.b = 'now'\nmerge.c = '.a + \"'",
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
            &format!("name = 'a'\n[[index]]\nfield = 'b'\ntype = 'string'\n{rule}"),
            &["line 2: index b is on a field that no rule writes"],
        ),
        (
            &format!("name = 'a'\n[[index]]\nfield = 'a'\ntype = 'text'\n{rule}"),
            &["line 4: the type of an index is string, number, time or boolean"],
        ),
        (
            "name = 'a'\n[[index]]\nfield = 'a'\ntype = 'string'\n[[on]]\nkey = '.stream'\nappend.a = '.type'",
            &["line 2: index a is on a list"],
        ),
        (
            "name = 'a'\n[[index]]\nfield = 'a'\ntype = 'string'\n[[on]]\nkey = '.stream'\nincrement.a = '1'",
            &["line 2: index a is on a field that is incremented"],
        ),
        (
            "name = 'a'\n[[index]]\nfield = 'a'\ntype = 'string'\n[[on]]\nkey = '.stream'\nmerge.a.b = '1'",
            &["line 2: index a is on an object"],
        ),
    ] {
        let error = Declaration::parse(text).unwrap_err().to_string();
        for problem in problems {
            assert!(error.contains(problem), "{problem:?} is not in\n{error}\nof\n{text}");
        }
    }
}

#[test]
fn an_expression_that_fails_is_poison_and_is_named() {
    let text = "name = 'a'\n[[on]]\nkey = '.stream'\nincrement.n = '.data.tags'";
    block_on(async {
        let (projections, declarations) = store(&loans()).await;
        let projection = declarations.create(&projections, text).await.unwrap();
        let info = Worker::new(&projections, projection).catch_up().await.unwrap();
        assert_eq!(info.state, ProjectionState::Failed);
        let message = &info.generations[0].failure.as_ref().unwrap().message;
        assert!(message.contains("increment.n of rule 1: \".data.tags\""), "{message}");
    });
}

#[test]
fn the_next_file_is_built_beside_the_live_one_and_both_are_run() {
    let file = |field: &str| format!("name = 'a'\n[[on]]\nkey = '.stream'\nmerge.{field} = '1'");
    block_on(async {
        let (projections, declarations) = store(&loans()).await;
        let first = declarations.create(&projections, &file("old")).await.unwrap();
        let name = first.name.clone();
        Worker::new(&projections, first).catch_up().await.unwrap();
        let again = declarations.create(&projections, &file("old")).await.unwrap_err();
        assert!(again.to_string().contains("there already"), "{again}");

        declarations.rebuild(&projections, &file("new"), Switch::ByHand).await.unwrap();
        let record = projections.record(&name).await.unwrap();
        let both = declarations.projections(&name, &record).await.unwrap();
        assert_eq!(both.iter().map(|one| one.definition.version).collect::<Vec<_>>(), [1, 2]);
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
