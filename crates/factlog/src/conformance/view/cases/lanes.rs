//! Lanes: several checkpoints, one view.

use serde_json::json;

use crate::conformance::view::{random::Random, *};
use crate::projection::{Documents, OnPoison, ProjectionState};
use crate::view::{Condition, Count, Index, Kind};

/// The last event of each stream; an event that names another document changes that.
fn last(lanes: u16) -> Projection {
    let handler = |event: &RecordedEvent, documents: &mut Documents<'_>| {
        let said = data(event)?;
        let key = said.get("other").and_then(Value::as_str).unwrap_or(event.stream.as_str());
        documents.edit(key)?.extend(said.clone());
        Ok(())
    };
    let projection = Projection::new(format!("last-{lanes}").parse().unwrap(), handler);
    projection.with_index(Index::new("open", Kind::Boolean).counted()).with_lanes(lanes)
}

pub async fn lanes_together_make_the_fold(bench: &mut ViewBench) {
    let mut random = Random::new(22);
    for _ in 0..100 {
        let (stream, open) = (format!("s-{}", random.below(30)), random.below(2) == 0);
        bench.append(&stream, "Happened", json!({"open": open})).await;
    }
    let mut answers = Vec::new();
    for lanes in [1, 4] {
        let info = bench.catch_up(&last(lanes)).await;
        assert_eq!((info.state, info.generations[0].lag), (ProjectionState::Live, 0));
        let view = bench.view(&last(lanes).name).await;
        let documents = all(&view, Query::new()).await;
        assert_eq!(view.len().await.unwrap(), documents.len() as u64);
        let data =
            documents.into_iter().map(|document| (document.key, document.data, document.sources));
        let data: Vec<_> = data.collect();
        let Count::Exact(count) = view.count(&[Condition::equal("open", true)]).await.unwrap()
        else {
            panic!("a counted index counts exactly");
        };
        answers.push((data, count, view.groups("open").await.unwrap()));
    }
    assert_eq!(answers[0], answers[1]);
    let unique = last(2).with_index(Index::new("n", Kind::Number).unique());
    assert!(unique.definition.validate().unwrap_err().to_string().contains("one lane"));
}

pub async fn a_document_of_another_lane_is_poison(bench: &mut ViewBench) {
    for number in 0..20 {
        bench.append(&format!("s-{number}"), "Happened", json!({"other": "shared"})).await;
    }
    let projection = last(4).on_poison(OnPoison::Park);
    let info = bench.catch_up(&projection).await;
    let progress = &info.generations[0].progress;
    assert_eq!((progress.documents, progress.events), (1, 20));
    let shared = bench.view(&projection.name).await.get("shared").await.unwrap().unwrap();
    assert_eq!(progress.parked + shared.sources.len() as u64, 20, "of one lane, or parked");
    let failures = bench.projections().failures(&projection.name, Position::ZERO).await.unwrap();
    assert!(!failures.is_empty() && failures[0].message.contains("is of lane"), "{failures:?}");
}
