//! Effects: behind the documents, only while live, at least once.

use std::sync::Mutex;

use async_trait::async_trait;

use crate::conformance::view::faults::{Faulty, poll_times};
use crate::conformance::view::{random::Random, *};
use crate::projection::{Effect, ProjectionState, Switch};

/// Notes the positions of the events for which it was run; fails for those of the list, once each.
#[derive(Clone, Debug, Default)]
struct Notes {
    done: Arc<Mutex<Vec<u64>>>,
    fails_at: Arc<Mutex<Vec<u64>>>,
}

impl Notes {
    fn done(&self) -> Vec<u64> {
        self.done.lock().unwrap().clone()
    }
}

#[async_trait]
impl Effect for Notes {
    async fn run(&self, event: &RecordedEvent, view: &View) -> Result<()> {
        let position = event.position;
        assert!(view.position().await? >= position, "its documents are written");
        let mut fails_at = self.fails_at.lock().unwrap();
        if let Some(index) = fails_at.iter().position(|other| *other == position.number()) {
            fails_at.remove(index);
            return Err(crate::Error::unavailable("not now"));
        }
        self.done.lock().unwrap().push(position.number());
        Ok(())
    }
}

pub async fn effects_are_done_only_while_live_and_never_twice_by_a_rebuild(bench: &mut ViewBench) {
    let (notes, projections) = (Notes::default(), bench.projections());
    let projection = model::projection().with_effect(notes.clone());
    let mut random = Random::new(19);
    bench.append_some(&mut random, 10).await;
    bench.catch_up(&projection).await;
    assert_eq!(notes.done(), [0; 0], "what was there when it went live has no effect");
    bench.append_some(&mut random, 5).await;
    bench.catch_up(&projection).await;
    assert_eq!(notes.done(), (11..=15).collect::<Vec<_>>());
    projections.rebuild(&projection.name, Switch::ByHand).await.unwrap();
    bench.append_some(&mut random, 5).await;
    bench.catch_up(&projection).await;
    projections.switch(&projection.name).await.unwrap();
    bench.append_some(&mut random, 5).await;
    bench.catch_up(&projection).await;
    projections.reset(&projection.name).await.unwrap();
    bench.append_some(&mut random, 5).await;
    bench.catch_up(&projection).await;
    assert_eq!(notes.done(), (11..=30).collect::<Vec<_>>());
    projections.pause(&projection.name).await.unwrap();
    bench.append_some(&mut random, 5).await;
    bench.catch_up(&projection).await;
    assert_eq!(notes.done().len(), 20);
}

pub async fn an_effect_that_fails_is_tried_again_before_the_next(bench: &mut ViewBench) {
    let notes = Notes::default();
    let projection = model::projection().with_effect(notes.clone());
    bench.catch_up(&projection).await;
    bench.append_some(&mut Random::new(20), 5).await;
    notes.fails_at.lock().unwrap().push(3);
    let info = bench.catch_up(&projection).await;
    assert_eq!((info.state, info.generations[0].lag), (ProjectionState::Live, 0));
    let effects = info.effects.unwrap();
    let failure = effects.failure.unwrap();
    assert_eq!((effects.position.number(), failure.position.number()), (2, 3));
    assert_eq!(failure.message, "not now");
    let info = bench.catch_up(&projection).await;
    assert_eq!(notes.done(), [1, 2, 3, 4, 5]);
    assert_eq!(info.effects.unwrap().failure, None);
}

pub async fn effects_are_done_at_least_once_whatever_is_killed_when(bench: &mut ViewBench) {
    let notes = Notes::default();
    let projection = model::projection().with_effect(notes.clone());
    bench.catch_up(&projection).await;
    let mut random = Random::new(21);
    for round in 0..30 {
        bench.append_some(&mut random, 4).await;
        let state = Faulty::new(bench.state(), round, 10 + random.below(20));
        let worker = Worker::new(&bench.projections_on(state), projection.clone());
        let mut polled: BoxFuture<'_, _> = Box::pin(worker.catch_up());
        let _answer = poll_times(&mut polled, random.below(40));
    }
    bench.catch_up(&projection).await;
    let mut done = notes.done();
    done.sort_unstable();
    done.dedup();
    assert_eq!(done, (1..=120).collect::<Vec<_>>());
}
