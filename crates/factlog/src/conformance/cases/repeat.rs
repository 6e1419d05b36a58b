//! Repeated appends: sending again what may have happened is safe.

use crate::conformance::bench::*;
use crate::{Append, Expected};

use Expected::{Any, NoStream, StreamExists};

pub async fn a_repeated_append_is_answered_as_it_was_the_first_time(bench: &mut Bench) {
    for (case, (at, expected)) in (0..).zip(while_it_is_the_last_commit()) {
        let (stream, id) = (format!("s-{case}"), case * 10);
        if at > 0 {
            bench.append(&stream, NoStream, [id, id + 1]).await.unwrap();
        }
        let append = to(&stream, expected, [id + 4, id + 5]);
        let first = bench.send(append.clone()).await.unwrap();
        bench.append("another-1", Any, [1_000 + case]).await.unwrap();
        let before = bench.log().await;
        for _ in 0..2 {
            let again = bench.send(append.clone()).await.unwrap();
            assert_same_answer(&first, &again);
        }
        assert_eq!(bench.log().await, before, "{at} {expected}: nothing is written twice");
    }
}

fn while_it_is_the_last_commit() -> [(u64, Expected); 6] {
    [(0, exact(0)), (0, NoStream), (0, Any), (2, exact(2)), (2, Any), (2, StreamExists)]
}

pub async fn with_a_known_version_a_repeat_is_recognised_for_ever(bench: &mut Bench) {
    let appends = [to("s-1", NoStream, 1..=2), to("s-1", exact(2), [3])];
    let mut firsts = Vec::new();
    for append in &appends {
        firsts.push(bench.send(append.clone()).await.unwrap());
    }
    for id in 100..200 {
        bench.append("s-1", Any, [id]).await.unwrap();
    }
    let before = bench.log().await;
    for (append, first) in appends.iter().zip(&firsts) {
        assert_same_answer(first, &bench.send(append.clone()).await.unwrap());
    }
    assert_eq!(bench.log().await, before);
}

pub async fn without_a_version_a_repeat_is_written_anew_after_another_commit(bench: &mut Bench) {
    bench.append("s-1", NoStream, [1]).await.unwrap();
    for (id, expected) in [(10, Any), (20, StreamExists)] {
        let append = to("s-1", expected, [id]);
        let first = bench.send(append.clone()).await.unwrap();
        bench.append("s-1", Any, [id + 1]).await.unwrap();
        let again = bench.send(append).await.unwrap();
        assert_eq!(again.version(), first.version().plus(2), "{expected}");
    }
    assert_eq!(ids(&bench.stream("s-1").await), [1, 10, 11, 10, 20, 21, 20]);
}

pub async fn part_of_the_last_commit_is_no_repeat_of_it(bench: &mut Bench) {
    bench.append("s-1", Any, 1..=3).await.unwrap();
    let answer = bench.append("s-1", Any, 2..=3).await.unwrap();
    assert_eq!(answer.version().number(), 5);
    assert_eq!(ids(&bench.stream("s-1").await), [1, 2, 3, 2, 3]);
}

pub async fn a_repeat_over_several_streams_is_answered_as_it_was_the_first_time(bench: &mut Bench) {
    for (case, (at, expected)) in (0..).zip(while_it_is_the_last_commit()) {
        let (stream, id) = (format!("s-{case}"), case * 10);
        if at > 0 {
            bench.append(&stream, NoStream, [id, id + 1]).await.unwrap();
        }
        let other = name(&format!("t-{case}"));
        let append =
            to(&stream, expected, [id + 4]).and(other, expected_of_new(expected), events([id + 5]));
        let first = bench.send(append.clone()).await.unwrap();
        let before = bench.log().await;
        assert_same_answer(&first, &bench.send(append).await.unwrap());
        assert_eq!(bench.log().await, before);
    }
}

/// The same sort of expectation, for a stream that does not exist.
fn expected_of_new(expected: Expected) -> Expected {
    if expected.version().is_some() { NoStream } else { Any }
}

pub async fn a_repeat_over_several_streams_is_written_anew_if_one_has_moved(bench: &mut Bench) {
    let append = to("a-1", Any, [1]).and(name("b-1"), Any, events([2]));
    bench.send(append.clone()).await.unwrap();
    bench.append("b-1", Any, [3]).await.unwrap();
    bench.send(append).await.unwrap();
    assert_eq!(ids(&bench.stream("a-1").await), [1, 1]);
    assert_eq!(ids(&bench.stream("b-1").await), [2, 3, 2]);
}

pub async fn a_repeat_is_recognised_although_its_checks_no_longer_hold(bench: &mut Bench) {
    bench.append("checked-1", NoStream, [1]).await.unwrap();
    let append = to("s-1", NoStream, [2]).check(name("checked-1"), exact(1));
    let first = bench.send(append.clone()).await.unwrap();
    bench.append("checked-1", exact(1), [3]).await.unwrap();
    let before = bench.log().await;
    assert_same_answer(&first, &bench.send(append).await.unwrap());
    assert_eq!(bench.log().await, before);
}

pub async fn a_repeat_is_known_by_its_ids_and_what_stands_stays(bench: &mut Bench) {
    let append = |data: &'static str| {
        let mut event = event(1);
        event.data = data.into();
        Append::to(name("s-1"), NoStream, vec![event])
    };
    let first = bench.send(append("first")).await.unwrap();
    assert_same_answer(&first, &bench.send(append("second")).await.unwrap());
    assert_eq!(bench.stream("s-1").await[0].data, "first");
}

pub async fn events_that_stand_otherwise_are_a_conflict(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=3).await.unwrap();
    bench.append("other-1", NoStream, [9]).await.unwrap();
    let before = bench.log().await;
    let otherwise = [
        ("in another order", to("s-1", NoStream, [2, 1, 3])),
        ("one more than stands", to("s-1", NoStream, 1..=4)),
        ("at another version", to("s-1", exact(1), 1..=3)),
        ("one of them another", to("s-1", exact(0), [1, 2, 7])),
        ("of another stream", to("s-1", exact(0), [9])),
    ];
    for (how, append) in otherwise {
        assert_conflict(bench.send(append).await, "s-1", 3);
        assert_eq!(bench.log().await, before, "{how}");
    }
}

pub async fn an_append_of_which_one_stream_stands_is_a_conflict(bench: &mut Bench) {
    bench.append("a-1", NoStream, [1]).await.unwrap();
    let append = to("a-1", NoStream, [1]).and(name("b-1"), NoStream, events([2]));
    assert_conflict(bench.send(append).await, "a-1", 1);
    assert_eq!(bench.stream("b-1").await, []);
    assert_eq!(ids(&bench.log().await), [1]);
}
