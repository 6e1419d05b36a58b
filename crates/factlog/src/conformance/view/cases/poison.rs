//! Events that can't be applied.

use serde_json::json;

use crate::ErrorKind;
use crate::conformance::view::faults::{Faulty, poll_times};
use crate::conformance::view::{random::Random, *};
use crate::projection::{Documents, OnPoison, ProjectionState, Switch};
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
    cure_and_retry(bench, &projection, 2).await;
    assert_eq!(*worker.retry(Position::new(2)).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// Has a cure appended, retries the event, and demands that it is applied and nothing is left of its failure.
async fn cure_and_retry(bench: &mut ViewBench, projection: &Projection, position: u64) {
    bench.append("cure", "Happened", json!({})).await;
    bench.catch_up(projection).await;
    let (projections, before) = (bench.projections(), count(bench, 1).await);
    let worker = Worker::new(&projections, projection.clone());
    worker.retry(Position::new(position)).await.unwrap();
    assert_eq!(count(bench, 1).await, json!(before.as_u64().unwrap() + 1));
    assert_eq!(projections.failures(&projection.name, Position::ZERO).await.unwrap(), []);
    let info = projections.info(&projection.name).await.unwrap();
    assert_eq!((info.generations[0].progress.parked, info.generations[0].lag), (0, 0));
}

pub async fn a_poison_event_is_skipped_and_can_be_retried(bench: &mut ViewBench) {
    append_a_poison_event_between_two(bench).await;
    let (projections, name) = (bench.projections(), counter().name);
    bench.catch_up(&counter()).await;
    let skip = async |position| projections.skip(&name, Position::new(position)).await;
    for other in [1, 3] {
        assert_eq!(*skip(other).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(projections.info(&name).await.unwrap().state, ProjectionState::Failed);

    bench.clock.advance_ms(5);
    skip(2).await.unwrap();
    let info = projections.info(&name).await.unwrap();
    let progress = &info.generations[0].progress;
    assert_eq!((info.state, progress.position.number()), (ProjectionState::Building, 2));
    assert_eq!((progress.events, progress.parked), (2, 1));
    assert_eq!(*skip(2).await.unwrap_err().kind(), ErrorKind::NotFound, "it is done once");
    let info = bench.catch_up(&counter()).await;
    assert_eq!((info.state, info.generations[0].lag), (ProjectionState::Live, 0));
    assert_eq!(count(bench, 1).await, json!(2), "all but the poison");
    let failures = projections.failures(&name, Position::ZERO).await.unwrap();
    let [failure] = &failures[..] else { panic!("one is listed: {failures:?}") };
    assert_eq!((failure.position.number(), failure.message.as_str()), (2, "it is poison"));
    assert!(failure.skipped.is_some_and(|skipped| skipped > failure.at), "{failure:?}");
    cure_and_retry(bench, &counter(), 2).await;
}

pub async fn a_rebuild_meets_a_skipped_event_again(bench: &mut ViewBench) {
    append_a_poison_event_between_two(bench).await;
    let (projections, name) = (bench.projections(), counter().name);
    for generation in [1, 2] {
        let info = bench.catch_up(&counter()).await;
        let stands = info.generations.last().unwrap();
        assert_eq!((stands.number, stands.state), (generation, ProjectionState::Failed));
        projections.skip(&name, Position::new(2)).await.unwrap();
        let info = bench.catch_up(&counter()).await;
        assert_eq!(info.generations[0].number, generation, "it is live");
        assert_eq!(info.generations[0].progress.parked, 1);
        assert_eq!(count(bench, generation).await, json!(2));
        projections.rebuild(&name, Switch::WhenCaughtUp).await.unwrap();
    }
}

pub async fn what_is_paused_stays_so_when_an_event_is_skipped(bench: &mut ViewBench) {
    append_a_poison_event_between_two(bench).await;
    let (projections, name) = (bench.projections(), counter().name);
    bench.catch_up(&counter()).await;
    projections.pause(&name).await.unwrap();
    projections.skip(&name, Position::new(2)).await.unwrap();
    assert_eq!(bench.catch_up(&counter()).await.state, ProjectionState::Paused);
    projections.start(&name).await.unwrap();
    assert_eq!(bench.catch_up(&counter()).await.generations[0].lag, 0);
}

pub async fn an_event_is_skipped_in_the_lane_that_it_goes(bench: &mut ViewBench) {
    for stream in 0..8 {
        let said = if stream % 2 == 0 { json!({"poison": true}) } else { json!({}) };
        bench.append(&format!("s-{stream}"), "Happened", said).await;
    }
    let in_lanes = |has_cure: bool| {
        let handler = move |event: &RecordedEvent, documents: &mut Documents<'_>| {
            if data(event)?.contains_key("poison") && !has_cure {
                return Err(crate::Error::invalid("it is poison"));
            }
            documents.edit(event.stream.as_str()).map(drop)
        };
        Projection::new("in-lanes".parse().unwrap(), handler).with_lanes(4)
    };
    let (projections, name) = (bench.projections(), in_lanes(false).name);
    let mut skipped = Vec::new();
    let info = loop {
        let info = bench.catch_up(&in_lanes(false)).await;
        let Some(failure) = &info.generations[0].failure else { break info };
        projections.skip(&name, failure.position).await.unwrap();
        skipped.push(failure.position);
    };
    skipped.sort_unstable();
    assert_eq!(skipped, [1, 3, 5, 7].map(Position::new));
    let progress = &info.generations[0].progress;
    assert_eq!((progress.events, progress.parked, progress.documents), (8, 4, 4));
    let worker = Worker::new(&projections, in_lanes(true));
    for position in skipped {
        worker.retry(position).await.unwrap();
    }
    let progress = &projections.info(&name).await.unwrap().generations[0].progress;
    assert_eq!((progress.parked, progress.documents), (0, 8));
}

pub async fn an_event_is_skipped_whole_or_not_at_all(bench: &mut ViewBench) {
    append_a_poison_event_between_two(bench).await;
    let (projections, name) = (bench.projections(), counter().name);
    let skipped = Position::new(2);
    for round in 0..40 {
        let mut random = Random::new(round);
        let zombie = bench.projections_on(Faulty::new(bench.state(), round, 0));
        let zombie = Worker::new(&zombie, counter());
        let mut zombie: BoxFuture<'_, _> = Box::pin(zombie.catch_up());
        let has_ended = poll_times(&mut zombie, random.below(20)).is_some();
        assert_eq!(bench.catch_up(&counter()).await.state, ProjectionState::Failed);

        let state = Faulty::new(bench.state(), round, 1 + random.below(10));
        let _answer = bench.projections_on(state).skip(&name, skipped).await;
        if !has_ended {
            zombie.await.unwrap();
        }
        let info = projections.info(&name).await.unwrap();
        let parked = projections.failures(&name, Position::ZERO).await.unwrap().len();
        let has_failed = info.state == ProjectionState::Failed;
        let progress = &info.generations[0].progress;
        assert_eq!((has_failed, progress.parked), (parked == 0, parked as u64), "{info:?}");
        assert_eq!(has_failed, progress.position < skipped, "{info:?}");

        if has_failed {
            projections.skip(&name, skipped).await.unwrap();
        }
        let generation = bench.catch_up(&counter()).await.generations.remove(0);
        assert_eq!((generation.lag, generation.progress.parked), (0, 1));
        assert_eq!(count(bench, generation.number).await, json!(2));
        projections.reset(&name).await.unwrap();
    }
}

pub async fn what_was_started_again_meanwhile_is_skipped_or_applied(bench: &mut ViewBench) {
    append_a_poison_event_between_two(bench).await;
    let (projections, name) = (bench.projections(), counter().name);
    let cured = || Projection {
        handler: Arc::new(|event: &RecordedEvent, documents: &mut Documents<'_>| {
            documents.edit(event.stream.as_str()).map(drop)
        }),
        ..counter()
    };
    for polls in 0..12 {
        assert_eq!(bench.catch_up(&counter()).await.state, ProjectionState::Failed);
        let slow = bench.projections_on(Faulty::new(bench.state(), 0, 0));
        let mut skip: BoxFuture<'_, _> = Box::pin(slow.skip(&name, Position::new(2)));
        let answer = poll_times(&mut skip, polls);
        projections.start(&name).await.unwrap();
        bench.catch_up(&cured()).await;
        let answer = match answer {
            Some(answer) => answer,
            None => skip.await,
        };
        if let Err(error) = &answer {
            assert_eq!(*error.kind(), ErrorKind::NotFound, "{error}");
        }
        let info = bench.catch_up(&cured()).await;
        let progress = &info.generations[0].progress;
        assert_eq!((info.state, progress.events), (ProjectionState::Live, 3));
        assert_eq!(progress.parked, u64::from(answer.is_ok()), "after {polls} polls");
        projections.reset(&name).await.unwrap();
    }
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
