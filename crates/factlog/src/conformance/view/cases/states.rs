//! Pausing, resetting, retiring; running and waiting.

use futures::future::{Either, join, select};
use serde_json::json;

use crate::conformance::view::{random::Random, *};
use crate::projection::ProjectionState::{Building, Live, Paused, Retired};
use crate::projection::{Reached, Trigger};
use crate::{ErrorKind, Version};

pub async fn a_paused_projection_stands_still_and_goes_on(bench: &mut ViewBench) {
    let mut random = Random::new(8);
    let (projection, projections) = (model::projection(), bench.projections());
    bench.append_some(&mut random, 20).await;
    bench.catch_up(&projection).await;
    projections.pause(&projection.name).await.unwrap();
    bench.append_some(&mut random, 20).await;
    let info = bench.catch_up(&projection).await;
    assert_eq!((info.state, info.generations[0].lag), (Paused, 20));
    bench.check(&bench.view(&projection.name).await).await;
    projections.start(&projection.name).await.unwrap();
    let info = bench.catch_up(&projection).await;
    assert_eq!((info.state, info.generations[0].lag), (Live, 0));
    let states: Vec<_> = info.transitions.iter().map(|transition| transition.state).collect();
    assert_eq!(states, [Building, Live, Paused, Live]);
}

pub async fn a_reset_projection_is_built_again_from_the_start(bench: &mut ViewBench) {
    let (projection, projections) = (model::projection(), bench.projections());
    bench.append_some(&mut Random::new(9), 50).await;
    bench.catch_up(&projection).await;
    let before = all(&bench.view(&projection.name).await, Query::new()).await;
    projections.reset(&projection.name).await.unwrap();
    let error = projections.view(&projection.name).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(projections.info(&projection.name).await.unwrap().generations[0].lag, 50);
    bench.catch_up(&projection).await;
    let view = bench.view(&projection.name).await;
    assert_eq!(all(&view, Query::new()).await, before);
    bench.check(&view).await;
}

pub async fn a_retired_projection_is_swept_and_can_begin_anew(bench: &mut ViewBench) {
    let (projection, projections) = (model::projection(), bench.projections());
    bench.append_some(&mut Random::new(10), 50).await;
    bench.catch_up(&projection).await;
    let view = bench.view(&projection.name).await;
    projections.retire(&projection.name).await.unwrap();
    assert_eq!(bench.catch_up(&projection).await.state, Retired);
    let error = projections.view(&projection.name).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotFound, "{error}");
    let mut steps = 1;
    while !projections.sweep(&projection.name, 7).await.unwrap() {
        steps += 1;
    }
    assert!(steps > 5, "{steps} steps of 7 items");
    assert_eq!(all(&view, Query::new()).await, []);
    bench.check_indexes(&view, &[]).await;
    projections.create(&projection.name, &projection.definition).await.unwrap();
    let info = bench.catch_up(&projection).await;
    assert_eq!((info.state, info.generations[0].number), (Live, 2));
    bench.check(&bench.view(&projection.name).await).await;
}

pub async fn the_list_says_state_position_and_lag(bench: &mut ViewBench) {
    let projections = bench.projections();
    assert_eq!(projections.list().await.unwrap(), []);
    bench.append_some(&mut Random::new(11), 10).await;
    let names = ["b", "a"].map(|name| name.parse::<ProjectionName>().unwrap());
    let of = |name: &ProjectionName| Projection { name: name.clone(), ..model::projection() };
    bench.catch_up(&of(&names[0])).await;
    bench.append_some(&mut Random::new(12), 5).await;
    projections.create(&names[1], &of(&names[1]).definition).await.unwrap();
    let listed = projections.list().await.unwrap();
    let listed = listed.iter().map(|info| {
        let generation = &info.generations[0];
        (info.name.as_str(), info.state, generation.progress.position.number(), generation.lag)
    });
    assert_eq!(listed.collect::<Vec<_>>(), [("a", Building, 0, 15), ("b", Live, 10, 5)]);
    let error = projections.pause(&"c".parse().unwrap()).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotFound);
}

/// Runs the worker beside the scenario, which must come to its end first.
async fn beside<T>(worker: &Worker, scenario: impl Future<Output = T>) -> T {
    match select(Box::pin(worker.run(&Asked)), Box::pin(scenario)).await {
        Either::Left((end, _)) => panic!("the worker ended: {end:?}"),
        Either::Right((answer, _)) => answer,
    }
}

async fn wait(projections: &Projections, reached: Reached, ms: u64) -> Result<Position> {
    projections.wait(&model::name(), &reached, Duration::from_millis(ms), &Asked).await
}

async fn reached(projections: &Projections, position: u64) -> Result<Position> {
    wait(projections, Reached::Position(Position::new(position)), 1_000_000).await
}

pub async fn a_running_worker_follows_the_log_until_it_is_retired(bench: &mut ViewBench) {
    let projections = bench.projections();
    let worker = Worker::new(&projections, model::projection());
    let mut random = Random::new(13);
    projections.create(&model::name(), &model::projection().definition).await.unwrap();
    beside(&worker, async {
        for round in 1..=5 {
            bench.append_some(&mut random, 10).await;
            reached(&projections, round * 10).await.unwrap();
        }
        projections.rebuild(&model::name(), crate::projection::Switch::WhenCaughtUp).await.unwrap();
        while projections.view(&model::name()).await.map_or(1, |view| view.generation()) < 2 {
            Asked.sleep(Duration::from_millis(1)).await;
        }
        bench.check(&bench.view(&model::name()).await).await;
    })
    .await;
    let retire = async {
        reached(&projections, 50).await.unwrap();
        projections.retire(&model::name()).await.unwrap();
    };
    let (end, ()) = join(worker.run(&Asked), retire).await;
    end.unwrap();
}

pub async fn a_trigger_by_hand_and_one_by_the_clock_catch_up(bench: &mut ViewBench) {
    let projections = bench.projections();
    let mut random = Random::new(14);
    let by_hand = model::projection().with_trigger(Trigger::Hand);
    let worker = Worker::new(&projections, by_hand);
    bench.append_some(&mut random, 10).await;
    projections.create(&model::name(), &model::projection().definition).await.unwrap();
    beside(&worker, async {
        reached(&projections, 10).await.unwrap();
        bench.append_some(&mut random, 10).await;
        let not_yet = Reached::Position(Position::new(20));
        let error = wait(&projections, not_yet, 500).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unavailable, "{error}");
        projections.trigger();
        reached(&projections, 20).await.unwrap();
    })
    .await;
    let every = Trigger::Every(Duration::from_secs(1));
    let worker = Worker::new(&projections, model::projection().with_trigger(every));
    beside(&worker, async {
        for round in 3..6 {
            bench.append_some(&mut random, 10).await;
            reached(&projections, round * 10).await.unwrap();
        }
    })
    .await;
}

pub async fn a_view_is_waited_for_by_position_and_by_version(bench: &mut ViewBench) {
    let projections = bench.projections();
    let worker = Worker::new(&projections, model::projection());
    projections.create(&model::name(), &model::projection().definition).await.unwrap();
    let version = |number| Reached::Version(bench::name("loan-1"), Version::new(number));
    beside(&worker, async {
        bench.append("loan-1", "Changed", json!({"amount": 1})).await;
        bench.append("loan-1", "Changed", json!({"amount": 2})).await;
        let position = wait(&projections, version(2), 1_000_000).await.unwrap();
        assert_eq!(position, Position::new(2));
        let error = wait(&projections, version(3), 100).await.unwrap_err();
        assert!(error.to_string().contains("is at position 2 after 100 ms"), "{error}");
    })
    .await;
    bench.append("loan-1", "Changed", json!({"amount": "much"})).await;
    bench.catch_up(&model::projection()).await;
    let error = wait(&projections, version(3), 1_000_000).await.unwrap_err();
    assert!(error.to_string().contains("index amount is of kind number"), "{error}");
}
