//! Building the next generation beside the one that is live.

use crate::ErrorKind;
use crate::conformance::view::{random::Random, *};
use crate::projection::{ProjectionState, Switch};
use crate::view::{Index, Kind};

pub async fn a_rebuild_equals_what_was_built_event_by_event(bench: &mut ViewBench) {
    let (projection, projections) = (model::projection(), bench.projections());
    let mut random = Random::new(15);
    for _ in 0..60 {
        bench.append_some(&mut random, 1).await;
        bench.catch_up(&projection).await;
    }
    let before = all(&bench.view(&projection.name).await, Query::new()).await;
    projections.rebuild(&projection.name, Switch::WhenCaughtUp).await.unwrap();
    let info = bench.catch_up(&projection).await;
    assert_eq!((info.state, info.generations[0].number), (ProjectionState::Live, 2));
    let view = bench.view(&projection.name).await;
    assert_eq!(all(&view, Query::new()).await, before, "versions and positions too");
    bench.check(&view).await;
}

pub async fn queries_read_the_live_generation_until_the_switch(bench: &mut ViewBench) {
    let (projection, projections) = (model::projection(), bench.projections());
    let mut random = Random::new(16);
    bench.append_some(&mut random, 40).await;
    bench.catch_up(&projection).await;
    projections.rebuild(&projection.name, Switch::ByHand).await.unwrap();
    for _ in 0..3 {
        assert_eq!(bench.view(&projection.name).await.generation(), 1);
        bench.append_some(&mut random, 10).await;
        let info = bench.catch_up(&projection).await;
        let states: Vec<_> = info.generations.iter().map(|generation| generation.state).collect();
        assert_eq!(states, [ProjectionState::Live, ProjectionState::Building]);
        bench.check(&bench.view(&projection.name).await).await;
        bench.check(&projections.view_at(&projection.name, 2).await.unwrap()).await;
    }
    projections.switch(&projection.name).await.unwrap();
    assert_eq!(bench.view(&projection.name).await.generation(), 2);
    while !projections.sweep(&projection.name, 10).await.unwrap() {}
    let error = projections.view_at(&projection.name, 1).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotFound);
    bench.append_some(&mut random, 10).await;
    bench.catch_up(&projection).await;
    bench.check(&bench.view(&projection.name).await).await;
}

pub async fn a_switch_waits_for_a_generation_that_is_behind(bench: &mut ViewBench) {
    let (projection, projections) = (model::projection(), bench.projections());
    bench.append_some(&mut Random::new(17), 10).await;
    bench.catch_up(&projection).await;
    let nothing = projections.switch(&projection.name).await.unwrap_err();
    assert_eq!(*nothing.kind(), ErrorKind::NotFound);
    projections.rebuild(&projection.name, Switch::ByHand).await.unwrap();
    let behind = projections.switch(&projection.name).await.unwrap_err();
    assert_eq!(*behind.kind(), ErrorKind::Unavailable, "{behind}");
    assert_eq!(bench.view(&projection.name).await.generation(), 1);
}

pub async fn another_definition_is_built_beside_and_takes_over(bench: &mut ViewBench) {
    let (old, projections) = (model::projection(), bench.projections());
    bench.append_some(&mut Random::new(18), 30).await;
    bench.catch_up(&old).await;
    let new = model::projection().with_version(2).with_index(Index::new("paid", Kind::Number));
    let unknown = Worker::new(&projections, new.clone()).catch_up().await.unwrap_err();
    assert_eq!(*unknown.kind(), ErrorKind::Invalid, "{unknown}");
    projections.rebuild_as(&new.name, &new.definition, Switch::WhenCaughtUp).await.unwrap();
    let info = bench.catch_up(&old).await;
    assert_eq!(info.generations[1].lag, 30, "the old handler leaves the new generation alone");
    bench.catch_up(&new).await;
    let view = bench.view(&new.name).await;
    bench.check(&view).await;
    assert!(!all(&view, Query::new().order_by("paid")).await.is_empty());
    let head = bench.store().head().await.unwrap();
    assert_eq!(view.position().await.unwrap(), head);
}
