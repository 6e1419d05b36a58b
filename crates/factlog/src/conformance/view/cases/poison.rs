//! Events that can't be applied.

use serde_json::json;

use crate::ErrorKind;
use crate::conformance::view::*;
use crate::projection::{Documents, OnPoison, ProjectionState};
use crate::view::{Index, Kind};

/// Counts the events of each stream; an event that says so is poison, after it has changed a
/// document. Whether a cure was found stands in a document.
fn counter() -> Projection {
    let handler = |event: &RecordedEvent, documents: &mut Documents<'_>| {
        let said = data(event)?;
        let is_cured = documents.get("cure")?.is_some();
        let document = documents.edit(event.stream.as_str())?;
        let count = document.get("count").and_then(Value::as_u64).unwrap_or_default();
        document.insert("count".into(), (count + 1).into());
        if said.contains_key("panic") {
            panic!("it panics");
        }
        if said.contains_key("poison") && !is_cured {
            return Err(crate::Error::invalid("it is poison"));
        }
        Ok(())
    };
    Projection::new("counter".parse().unwrap(), handler)
}

async fn count(bench: &ViewBench, generation: u64) -> Value {
    let view = bench.projections().view_at(&counter().name, generation).await.unwrap();
    view.get("s-1")
        .await
        .unwrap()
        .map(|document| document.data["count"].clone())
        .unwrap_or_default()
}

async fn append_a_poison_event_between_two(bench: &mut ViewBench) {
    for said in [json!({}), json!({"poison": true}), json!({})] {
        bench.append("s-1", "Happened", said).await;
    }
}

pub async fn a_poison_event_stops_the_projection_until_it_is_started(bench: &mut ViewBench) {
    append_a_poison_event_between_two(bench).await;
    for _ in ["once", "and again"] {
        let info = bench.catch_up(&counter()).await;
        assert_eq!(info.state, ProjectionState::Failed);
        let generation = &info.generations[0];
        assert_eq!(generation.progress.position, Position::new(1));
        let failure = generation.failure.as_ref().unwrap();
        assert_eq!((failure.position.number(), failure.stream.as_str()), (2, "s-1"));
        assert_eq!(
            (failure.event_type.as_str(), failure.message.as_str()),
            ("Happened", "it is poison")
        );
        assert_eq!(failure.at, info.transitions.last().unwrap().at);
        assert_eq!(count(bench, 1).await, json!(1), "nothing of the event, all before it");
        bench.projections().start(&counter().name).await.unwrap();
        assert_eq!(
            bench.projections().info(&counter().name).await.unwrap().state,
            ProjectionState::Building
        );
    }
    let cured = Projection {
        handler: Arc::new(|_: &RecordedEvent, documents: &mut Documents<'_>| {
            documents.edit("cure").map(drop)
        }),
        ..counter()
    };
    let info = bench.catch_up(&cured).await;
    assert_eq!((info.state, info.generations[0].lag), (ProjectionState::Live, 0));
}

pub async fn a_poison_event_is_parked_and_can_be_retried(bench: &mut ViewBench) {
    append_a_poison_event_between_two(bench).await;
    let projection = counter().on_poison(OnPoison::Park);
    let info = bench.catch_up(&projection).await;
    assert_eq!((info.state, info.generations[0].progress.parked), (ProjectionState::Live, 1));
    assert_eq!(count(bench, 1).await, json!(2));
    let projections = bench.projections();
    let failures = projections.failures(&projection.name, Position::ZERO).await.unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].position.number(), failures[0].message.as_str()), (2, "it is poison"));

    let worker = Worker::new(&projections, projection.clone());
    let error = worker.retry(Position::new(2)).await.unwrap_err();
    assert_eq!(error.to_string(), "it is poison");
    assert_eq!(projections.failures(&projection.name, Position::ZERO).await.unwrap(), failures);
    bench.append("cure", "Happened", json!({})).await;
    bench.catch_up(&projection).await;
    worker.retry(Position::new(2)).await.unwrap();
    assert_eq!(count(bench, 1).await, json!(3));
    assert_eq!(projections.failures(&projection.name, Position::ZERO).await.unwrap(), []);
    let info = projections.info(&projection.name).await.unwrap();
    assert_eq!((info.generations[0].progress.parked, info.generations[0].lag), (0, 0));
    assert_eq!(*worker.retry(Position::new(2)).await.unwrap_err().kind(), ErrorKind::NotFound);
}

pub async fn what_does_not_fit_into_one_write_is_poison_that_says_so(bench: &mut ViewBench) {
    let handler = |event: &RecordedEvent, documents: &mut Documents<'_>| {
        let said = data(event)?;
        let number = |name: &str| usize::try_from(said[name].as_u64().unwrap_or_default());
        let (count, size) = (number("documents").unwrap_or(0), number("bytes").unwrap_or(0));
        for number in 0..count {
            let document = documents.edit(&format!("d-{}-{number}", event.version))?;
            document.insert("text".into(), "x".repeat(size).into());
            document.insert("number".into(), number.into());
        }
        Ok(())
    };
    let projection = Projection::new("large".parse().unwrap(), handler);
    let projection =
        projection.with_index(Index::new("number", Kind::Number)).on_poison(OnPoison::Park);
    let items_max = bench.state().write_items_max();
    let (fits, too_many) = (items_max / 2 - 5, items_max / 2);
    for (documents, bytes) in
        [(fits, 1), (too_many, 1), (1, 400 << 10), (20, 300 << 10), (1, 300 << 10)]
    {
        bench.append("s-1", "Happened", json!({"documents": documents, "bytes": bytes})).await;
    }
    let info = bench.catch_up(&projection).await;
    assert_eq!(info.state, ProjectionState::Live);
    let failures = bench.projections().failures(&projection.name, Position::ZERO).await.unwrap();
    let positions: Vec<_> = failures.iter().map(|failure| failure.position.number()).collect();
    assert_eq!(positions, [2, 3, 4], "{failures:?}");
    for (failure, says) in
        failures.iter().zip(["one write has room for", "the limit is", "one write has room for"])
    {
        assert!(failure.message.contains(says), "{}", failure.message);
    }
    assert_eq!(info.generations[0].progress.documents, fits as u64 + 1);
}

pub async fn a_panic_is_poison(bench: &mut ViewBench) {
    bench.append("s-1", "Happened", json!({"panic": true})).await;
    let info = bench.catch_up(&counter()).await;
    let message = &info.generations[0].failure.as_ref().unwrap().message;
    assert_eq!(message, "the handler panicked: it panics");
}
