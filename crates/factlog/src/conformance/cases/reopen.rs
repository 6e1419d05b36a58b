//! Reopening: for stores that keep their data.

use crate::conformance::bench::*;
use crate::{Expected, Filter, ListStreams, Position, ReadLog, StoreExt, Version};

use Expected::{Any, NoStream, StreamExists};

pub async fn what_was_appended_is_there_after_reopening(bench: &mut Bench) {
    bench.reopen().await;
    assert_eq!(bench.log().await, []);
    let mut id = 0;
    for round in 0..4 {
        for stream in ["a-1", "b-1", "c-日本"] {
            bench.append(stream, Any, id..id + round + 1).await.unwrap();
            id += 10;
        }
        let log = bench.log().await;
        let streams = bench.list(ListStreams::new()).await;
        bench.reopen().await;
        assert_eq!(bench.log().await, log);
        assert_eq!(bench.list(ListStreams::new()).await, streams);
        for stream in ["a-1", "b-1", "c-日本"] {
            let part: Vec<_> =
                log.iter().filter(|event| event.stream == name(stream)).cloned().collect();
            assert_eq!(bench.stream(stream).await, part);
            let filter = Filter::all().with_category(name(stream).category());
            assert_eq!(bench.filtered(filter).await, part);
        }
    }
}

pub async fn versions_and_positions_continue_after_reopening(bench: &mut Bench) {
    for (id, at) in (1..).zip(0..6) {
        let answer = bench.append("s-1", exact(at), [id]).await.unwrap();
        assert_eq!(answer.version(), Version::new(at + 1));
        bench.reopen().await;
        assert_eq!(bench.store().stream_head(&name("s-1")).await.unwrap(), Version::new(at + 1));
        assert_eq!(bench.settled().await, bench.store().head().await.unwrap());
        assert_conflict(bench.append("s-1", NoStream, [100]).await, "s-1", at + 1);
    }
    assert_eq!(positions(&bench.log().await), [1, 2, 3, 4, 5, 6]);
}

pub async fn repeats_are_recognised_after_reopening(bench: &mut Bench) {
    bench.append("z-1", NoStream, [1]).await.unwrap();
    let appends = [
        to("a-1", NoStream, 10..=11),
        to("b-1", exact(0), 20..=22).and(name("c-1"), Any, events([23])),
        to("d-1", Any, [30, 31]),
        to("z-1", StreamExists, [40]),
        to("e-1", Any, [50]).check(name("f-1"), NoStream),
    ];
    let mut firsts = Vec::new();
    for append in &appends {
        firsts.push(bench.send(append.clone()).await.unwrap());
    }
    bench.append("a-1", Any, [12]).await.unwrap();
    let log = bench.log().await;
    for _ in 0..2 {
        bench.reopen().await;
        for (append, first) in appends.iter().zip(&firsts) {
            assert_same_answer(first, &bench.send(append.clone()).await.unwrap());
        }
        assert_eq!(bench.log().await, log);
    }
    bench.append("d-1", Any, [32]).await.unwrap();
    bench.reopen().await;
    let anew = bench.send(appends[2].clone()).await.unwrap();
    assert_eq!(anew.version(), Version::new(5), "another commit came between");
}

pub async fn the_recorded_time_never_decreases_over_reopening(bench: &mut Bench) {
    let first = bench.append("s-1", Any, [1]).await.unwrap();
    bench.clock.advance_ms(-3_600_000);
    bench.reopen().await;
    let second = bench.append("s-2", Any, [2]).await.unwrap();
    assert!(second.recorded >= first.recorded);
    let log = bench.log().await;
    assert_eq!([log[0].recorded, log[1].recorded], [first.recorded, second.recorded]);
}

pub async fn page_tokens_stay_good_over_reopening(bench: &mut Bench) {
    for id in 0..7 {
        bench.append(&format!("s-{id}"), NoStream, [id]).await.unwrap();
    }
    for backward in [false, true] {
        let mut request = ListStreams::new().limit(2);
        if backward {
            request = request.backward();
        }
        let expected = bench.list(request.clone()).await;
        let mut seen = Vec::new();
        loop {
            let page = bench.store().list_streams(request.clone()).await.unwrap();
            seen.extend(page.streams);
            let Some(token) = page.next else { break };
            request = request.after(token);
            bench.reopen().await;
        }
        assert_eq!(seen, expected);
    }
}

pub async fn a_subscription_is_taken_up_after_reopening(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=3).await.unwrap();
    let done = bench.settled().await;
    bench.append("s-1", Any, 4..=5).await.unwrap();
    bench.settled().await;
    bench.reopen().await;
    let store = bench.store();
    let items = store.subscribe(done, Filter::all());
    let items: Vec<_> = futures::StreamExt::collect(futures::StreamExt::take(items, 3)).await;
    let positions: Vec<_> = items
        .into_iter()
        .map(|item| match item.unwrap() {
            crate::Subscription::Event(event) => event.position,
            crate::Subscription::Checkpoint(at) | crate::Subscription::CaughtUp(at) => at,
        })
        .collect();
    assert_eq!(positions, [4, 5, 5].map(Position::new));
}

pub async fn a_store_that_was_closed_by_hand_opens_again(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=3).await.unwrap();
    bench.store().close().await.unwrap();
    bench.reopen().await;
    let backward = bench.read_log(ReadLog::new().backward().limit(2)).await;
    assert_eq!(ids(&backward), [3, 2]);
}
