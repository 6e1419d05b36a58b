//! What indexes demand of documents.

use serde_json::json;

use crate::conformance::view::*;
use crate::projection::{Documents, OnPoison, ProjectionState};
use crate::view::{Condition, Index, Kind};

/// A document for each stream, as its last event says; an event of the type `Handed` takes the mail
/// from one to the other.
fn people() -> Projection {
    let handler = |event: &RecordedEvent, documents: &mut Documents<'_>| {
        if event.event_type.as_str() == "Handed" {
            let mail = documents.edit("person-1")?.remove("mail").unwrap_or_default();
            documents.edit("person-0")?.insert("mail".into(), mail);
            return Ok(());
        }
        documents.put(event.stream.as_str(), data(event)?)
    };
    let projection = Projection::new("people".parse().unwrap(), handler);
    projection.with_index(Index::new("mail", Kind::String).unique())
}

async fn owner(bench: &ViewBench, mail: &str) -> Vec<String> {
    let query = Query::new().with(Condition::equal("mail", mail));
    let found = all(&bench.view(&people().name).await, query).await;
    found.into_iter().map(|document| document.key).collect()
}

pub async fn a_unique_value_has_one_document(bench: &mut ViewBench) {
    let long = "x".repeat(2_000);
    for mail in ["a@b", long.as_str()] {
        bench.append("person-1", "Changed", json!({"mail": mail})).await;
        bench.append("person-2", "Changed", json!({"mail": mail})).await;
    }
    bench.append("person-3", "Changed", json!({"mail": "c@d"})).await;
    let info = bench.catch_up(&people().on_poison(OnPoison::Park)).await;
    // The second event of person 2 stands: person 1 has given up the mail by then, and taken the
    // long one.
    assert_eq!(info.generations[0].progress.parked, 2);
    let failures = bench.projections().failures(&people().name, Position::ZERO).await.unwrap();
    assert!(failures[0].message.contains("document person-1 has"), "{failures:?}");
    assert_eq!(owner(bench, &long).await, ["person-1"]);
    assert_eq!(owner(bench, "c@d").await, ["person-3"]);
}

pub async fn a_unique_value_is_handed_on_by_one_event_and_by_two(bench: &mut ViewBench) {
    bench.append("person-1", "Changed", json!({"mail": "a@b"})).await;
    bench.append("person-1", "Handed", json!({})).await;
    let info = bench.catch_up(&people()).await;
    assert_eq!(info.state, ProjectionState::Live, "{info:?}");
    assert_eq!(owner(bench, "a@b").await, ["person-0"]);
    bench.append("person-0", "Changed", json!({})).await;
    bench.append("person-9", "Changed", json!({"mail": "a@b"})).await;
    let info = bench.catch_up(&people()).await;
    assert_eq!(info.state, ProjectionState::Live, "{info:?}");
    assert_eq!(owner(bench, "a@b").await, ["person-9"]);
    bench.append("person-0", "Changed", json!({"mail": "a@b"})).await;
    let info = bench.catch_up(&people()).await;
    assert_eq!(info.state, ProjectionState::Failed, "fetched, not remembered: it is taken");
}

pub async fn a_value_of_another_kind_is_poison(bench: &mut ViewBench) {
    bench.append("loan-1", "Changed", json!({"amount": "much"})).await;
    let info = bench.catch_up(&model::projection()).await;
    assert_eq!(info.state, ProjectionState::Failed);
    let message = &info.generations[0].failure.as_ref().unwrap().message;
    assert!(message.contains("index amount is of kind number"), "{message}");
}
