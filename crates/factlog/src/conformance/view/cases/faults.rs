//! Workers that are killed, fail, meet each other, and come back.

use crate::conformance::view::faults::{Faulty, poll_times};
use crate::conformance::view::{random::Random, *};
use crate::projection::Switch;

pub async fn whatever_is_killed_when_documents_are_the_fold(bench: &mut ViewBench) {
    let mut random = Random::new(5);
    for round in 0..40 {
        bench.append_some(&mut random, 25).await;
        // A worker on a state that fails now and then, dropped at some await.
        let state = Faulty::new(bench.state(), round, 1 + random.below(20));
        let worker = Worker::new(&bench.projections_on(state), model::projection());
        let mut polled: BoxFuture<'_, _> = Box::pin(worker.catch_up());
        let _answer = poll_times(&mut polled, random.below(40));
        drop(polled);
        if round % 5 == 4 {
            bench.catch_up(&model::projection()).await;
            bench.check(&bench.view(&model::name()).await).await;
            bench.projections().rebuild(&model::name(), Switch::WhenCaughtUp).await.unwrap();
        }
    }
}

pub async fn workers_at_once_make_the_same_documents(bench: &mut ViewBench) {
    let mut random = Random::new(6);
    for round in 0..10 {
        bench.append_some(&mut random, 100).await;
        let workers: Vec<_> = (0..3)
            .map(|number| {
                let state = Faulty::new(bench.state(), round * 3 + number, 0);
                Worker::new(&bench.projections_on(state), model::projection())
            })
            .collect();
        let mut running: Vec<BoxFuture<'_, _>> = Vec::new();
        for worker in &workers {
            running.push(Box::pin(worker.catch_up()));
        }
        while !running.is_empty() {
            let number = usize::try_from(random.below(running.len() as u64)).unwrap();
            if let Some(answer) = poll_times(&mut running[number], random.below(4)) {
                assert_eq!(answer.unwrap().generations[0].lag, 0);
                drop(running.remove(number));
            }
        }
        bench.check(&bench.view(&model::name()).await).await;
    }
}

pub async fn a_worker_back_from_the_dead_changes_nothing(bench: &mut ViewBench) {
    let mut random = Random::new(7);
    for round in 0..40 {
        bench.append_some(&mut random, 10).await;
        let state = Faulty::new(bench.state(), round, 0);
        let zombie = Worker::new(&bench.projections_on(state), model::projection());
        let mut zombie: BoxFuture<'_, _> = Box::pin(zombie.catch_up());
        let has_ended = poll_times(&mut zombie, round % 12).is_some();
        bench.append_some(&mut random, 10).await;
        bench.catch_up(&model::projection()).await;
        let view = bench.view(&model::name()).await;
        bench.check(&view).await;
        let before = all(&view, Query::new()).await;
        if !has_ended {
            assert_eq!(zombie.await.unwrap().generations[0].lag, 0);
        }
        let after = all(&bench.view(&model::name()).await, Query::new()).await;
        assert_eq!(after, before);
        bench.check(&bench.view(&model::name()).await).await;
    }
}
