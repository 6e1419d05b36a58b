//! Cancellation: a future or a stream that is dropped halfway harms nothing.

use futures::StreamExt;

use crate::conformance::bench::*;
use crate::{Expected, Filter, ListStreams, Position, ReadLog, ReadStream, StoreExt, Version};

use Expected::{Any, NoStream};

pub async fn an_append_that_was_never_polled_does_nothing(bench: &mut Bench) {
    let store = bench.store();
    for id in 1..=10 {
        drop(store.append(to("s-1", Any, [id])));
    }
    bench.append("t-1", NoStream, [100]).await.unwrap();
    assert_eq!(ids(&bench.log().await), [100]);
    assert_eq!(store.stream_head(&name("s-1")).await.unwrap(), Version::ZERO);
}

pub async fn an_append_that_is_dropped_halfway_happens_whole_or_not_at_all(bench: &mut Bench) {
    let store = bench.store();
    for round in 0..30 {
        let id = round * 10;
        let (a, b) = (format!("a-{round}"), format!("b-{round}"));
        let append = to(&a, NoStream, [id, id + 1]).and(name(&b), exact(0), events([id + 2]));
        let mut polled = store.append(append.clone());
        let answer = poll_once(&mut polled);
        drop(polled);

        let at_a = store.stream_head(&name(&a)).await.unwrap().number();
        let at_b = store.stream_head(&name(&b)).await.unwrap().number();
        // The append may land between the two questions, and never by halves.
        assert!(matches!((at_a, at_b), (0, 0 | 1) | (2, 1)), "{a} at {at_a}, {b} at {at_b}");

        let again = bench.send(append).await.unwrap();
        if let Some(first) = answer {
            assert_same_answer(&first.unwrap(), &again);
        }
        assert_eq!(ids(&bench.stream(&a).await), [id, id + 1]);
        assert_eq!(ids(&bench.stream(&b).await), [id + 2]);
    }
    assert_eq!(bench.log().await.len(), 90, "nothing is written twice");
}

pub async fn many_dropped_appends_leave_no_gap(bench: &mut Bench) {
    let store = bench.store();
    for id in 0..50 {
        let _answer = poll_once(&mut store.append(to("s-1", Any, [id])));
    }
    for id in 100..110 {
        bench.append("s-1", Any, [id]).await.unwrap();
    }
    let log = bench.log().await;
    assert_eq!(positions(&log), (1..=log.len() as u64).collect::<Vec<_>>());
    assert_eq!(versions(&log), positions(&log));
    let kept: Vec<_> = ids(&log).into_iter().filter(|id| *id >= 100).collect();
    assert_eq!(kept, (100..110).collect::<Vec<_>>());
}

pub async fn reads_and_waits_may_be_dropped_at_any_time(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=30).await.unwrap();
    let head = bench.settled().await;
    let store = bench.store();
    for taken in [0, 1, 7, 30] {
        let mut log = store.read_log(ReadLog::new()).take(taken);
        while log.next().await.is_some() {}
        let mut stream = store.read_stream(ReadStream::new(name("s-1")).backward()).take(taken);
        while stream.next().await.is_some() {}
        let mut live = store.subscribe(Position::ZERO, Filter::all()).take(taken);
        while live.next().await.is_some() {}
        let mut live = store.subscribe_to(name("s-1"), Version::ZERO).take(taken);
        while live.next().await.is_some() {}
    }
    let _answer = poll_once(&mut store.list_streams(ListStreams::new()));
    let _answer = poll_once(&mut store.head());
    for _ in 0..100 {
        assert!(poll_once(&mut store.wait_past(head)).is_none());
    }
    bench.append("s-1", exact(30), [31]).await.unwrap();
    assert_eq!(ids(&bench.stream("s-1").await), (1..=31).collect::<Vec<_>>());
}

pub async fn a_subscription_that_is_dropped_can_be_taken_up_again(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=20).await.unwrap();
    bench.settled().await;
    let store = bench.store();
    let mut done = Position::ZERO;
    let mut seen = Vec::new();
    while done < Position::new(20) {
        let items = store.subscribe(done, Filter::all());
        for item in items.take(3).collect::<Vec<_>>().await {
            if let crate::Subscription::Event(event) = item.unwrap() {
                done = event.position;
                seen.push(event.id.as_u128());
            }
        }
    }
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
}
