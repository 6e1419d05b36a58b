//! Documents as the events make them.

use serde_json::json;

use crate::conformance::view::{random::Random, *};
use crate::projection::{Documents, ProjectionState};
use crate::{Filter, Version};

pub async fn documents_are_a_fold_over_the_log(bench: &mut ViewBench) {
    let projection = model::projection();
    let mut random = Random::new(1);
    for _ in 0..5 {
        bench.append_some(&mut random, 60).await;
        let info = bench.catch_up(&projection).await;
        assert_eq!(info.state, ProjectionState::Live);
        assert_eq!(info.generations[0].lag, 0);
        bench.check(&bench.view(&projection.name).await).await;
    }
}

pub async fn a_document_knows_the_versions_that_it_was_built_from(bench: &mut ViewBench) {
    let projection = model::projection();
    bench.append("loan-1", "Changed", json!({"amount": 1})).await;
    bench.append("payment-1", "Linked", json!({"of": "loan-1"})).await;
    bench.append("payment-1", "Paid", json!({})).await;
    bench.append("loan-1", "Changed", json!({"amount": 2})).await;
    bench.append("payment-1", "Paid", json!({})).await;
    bench.append("loan-2", "Changed", json!({"amount": 3})).await;
    bench.catch_up(&projection).await;
    let loan = bench.view(&projection.name).await.get("loan-1").await.unwrap().unwrap();
    assert_eq!(loan.position, Position::new(5));
    let sources = [("loan-1", 2), ("payment-1", 3)];
    let sources = sources.map(|(stream, version)| (bench::name(stream), Version::new(version)));
    assert_eq!(loan.sources, sources);
    assert_eq!(loan.data["paid"], json!(2));
}

pub async fn one_event_changes_many_documents_and_sees_its_own_changes(bench: &mut ViewBench) {
    let handler = |event: &RecordedEvent, documents: &mut Documents<'_>| {
        for number in 0..20 {
            documents.edit(&format!("d-{number:02}"))?.insert("n".into(), number.into());
        }
        documents.merge("d-00", &object(json!({"n": null, "m": 1})))?;
        assert_eq!(documents.get("d-00")?, Some(&object(json!({"m": 1}))));
        assert!(documents.delete("d-01")? && documents.get("d-01")?.is_none());
        documents.put("d-02", data(event)?)
    };
    let projection = Projection::new("many".parse().unwrap(), handler);
    bench.append("s-1", "Happened", json!({"x": 1})).await;
    bench.append("s-1", "Happened", json!({"x": 2})).await;
    bench.catch_up(&projection).await;
    let documents = all(&bench.view(&projection.name).await, Query::new()).await;
    assert_eq!(documents.len(), 19);
    assert_eq!(documents[0].data, object(json!({"m": 1})));
    assert_eq!((keys(&documents)[1], &documents[1].data), ("d-02", &object(json!({"x": 2}))));
}

pub async fn events_that_do_not_pass_the_filter_move_the_position_only(bench: &mut ViewBench) {
    let projection = model::projection().with_filter(Filter::all().with_category("loan"));
    bench.append("loan-1", "Changed", json!({"amount": 1})).await;
    bench.append("other-1", "Changed", json!({"amount": 1})).await;
    let info = bench.catch_up(&projection).await;
    let progress = &info.generations[0].progress;
    assert_eq!((progress.position.number(), progress.events, progress.documents), (2, 1, 1));
}
