//! Subscriptions: catch-up, then live.

use std::sync::Arc;
use std::thread;

use futures::executor::block_on;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::conformance::bench::*;
use crate::limits::{FILTER_TERMS_MAX, SUBSCRIPTION_WINDOW};
use crate::{
    Append, ErrorKind, Expected, Filter, Position, Result, StoreExt, Subscription, Version,
};

use Expected::{Any, NoStream};
use Subscription::{CaughtUp, Checkpoint, Event};

type Items<'a> = BoxStream<'a, Result<Subscription>>;

/// The ids of the events up to the next time that the subscriber has caught up, and how far it is.
async fn until_caught_up(items: &mut Items<'_>) -> (Vec<u128>, Position) {
    let mut ids = Vec::new();
    loop {
        match items.next().await.expect("a subscription stays").unwrap() {
            Event(event) => ids.push(event.id.as_u128()),
            Checkpoint(_) => {}
            CaughtUp(position) => return (ids, position),
        }
    }
}

/// The ids of the next events.
async fn next_events(items: &mut Items<'_>, count: usize) -> Vec<u128> {
    let events = items.try_filter_map(async |item| {
        Ok(if let Event(event) = item { Some(event.id.as_u128()) } else { None })
    });
    events.take(count).try_collect().await.unwrap()
}

async fn refused(mut items: Items<'_>) -> ErrorKind {
    let error = items.try_next().await.expect_err("the subscription is refused");
    assert!(items.next().await.is_none(), "after an error it ends");
    error.kind().clone()
}

pub async fn the_log_is_caught_up_with_and_then_followed(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=3).await.unwrap();
    bench.append("s-2", NoStream, 4..=5).await.unwrap();
    bench.settled().await;
    let store = bench.store();
    let mut items = store.subscribe(Position::ZERO, Filter::all());
    assert_eq!(until_caught_up(&mut items).await, ((1..=5).collect(), Position::new(5)));
    for round in 0..3 {
        assert!(poll_once(&mut items.next()).is_none(), "nothing happens: it waits");
        let first = 10 * (round + 1);
        bench.append("s-1", Any, first..=first + 1).await.unwrap();
        assert_eq!(next_events(&mut items, 2).await, [first, first + 1]);
        let head = bench.settled().await;
        assert_eq!(until_caught_up(&mut items).await, (vec![], head));
    }
}

pub async fn a_subscription_begins_after_its_checkpoint(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=5).await.unwrap();
    let head = bench.settled().await;
    let store = bench.store();
    for after in 0..=5 {
        let mut items = store.subscribe(Position::new(after), Filter::all());
        let expected = (u128::from(after) + 1..=5).collect();
        assert_eq!(until_caught_up(&mut items).await, (expected, head));
    }
}

pub async fn a_subscription_from_the_head_says_first_that_it_has_caught_up(bench: &mut Bench) {
    let store = bench.store();
    for ids in [1..=2, 3..=5] {
        let head = bench.settled().await;
        let mut items = store.subscribe(head, Filter::all());
        assert_eq!(items.try_next().await.unwrap(), Some(CaughtUp(head)));
        bench.append("s-1", Any, ids.clone()).await.unwrap();
        assert_eq!(next_events(&mut items, ids.clone().count()).await, ids.collect::<Vec<_>>());
    }
}

pub async fn a_subscription_that_starts_beyond_the_head_is_invalid(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=2).await.unwrap();
    let head = bench.settled().await;
    let store = bench.store();
    for after in [head.next(), Position::MAX] {
        let items = store.subscribe(after, Filter::all());
        assert_eq!(refused(items).await, ErrorKind::Invalid, "after {after}");
    }
    for (stream, after) in [("s-1", 3), ("s-1", u64::MAX), ("missing-1", 1)] {
        let items = store.subscribe_to(name(stream), Version::new(after));
        assert_eq!(refused(items).await, ErrorKind::Invalid, "{stream} after {after}");
    }
}

pub async fn a_subscription_with_too_large_a_filter_is_refused_at_once(bench: &mut Bench) {
    let terms = (0..=FILTER_TERMS_MAX).map(|n| format!("category{n}"));
    let filter = terms.fold(Filter::all(), Filter::with_category);
    let store = bench.store();
    assert_eq!(refused(store.subscribe(Position::ZERO, filter)).await, ErrorKind::TooLarge);
}

pub async fn a_filtered_subscription_says_how_far_it_is(bench: &mut Bench) {
    bench.append("wanted-1", NoStream, [1]).await.unwrap();
    let mut others = SUBSCRIPTION_WINDOW * 2;
    while others > 0 {
        let count = others.min(bench.limits().append_events as u64);
        bench
            .append("other-1", Any, (others - count..others).map(|n| 1_000 + u128::from(n)))
            .await
            .unwrap();
        others -= count;
    }
    bench.append("wanted-1", Any, [2]).await.unwrap();
    let head = bench.settled().await;

    let store = bench.store();
    let mut items = store.subscribe(Position::ZERO, Filter::all().with_category("wanted"));
    let (mut wanted, mut reports) = (Vec::new(), Vec::new());
    loop {
        match items.try_next().await.unwrap().unwrap() {
            Event(event) => wanted.push(event.id.as_u128()),
            Checkpoint(position) => reports.push(position),
            CaughtUp(position) => break reports.push(position),
        }
    }
    assert_eq!(wanted, [1, 2]);
    assert_eq!(reports.pop(), Some(head));
    assert_eq!(reports, [1, 2].map(|windows| Position::new(windows * SUBSCRIPTION_WINDOW)));

    bench.append("other-1", Any, [9]).await.unwrap();
    assert_eq!(until_caught_up(&mut items).await, (vec![], head.next()));
    bench.append("wanted-2", NoStream, [3]).await.unwrap();
    assert_eq!(until_caught_up(&mut items).await, (vec![3], head.plus(2)));
}

pub async fn a_stream_is_caught_up_with_and_then_followed(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=3).await.unwrap();
    bench.append("s-2", NoStream, 4..=5).await.unwrap();
    let head = bench.settled().await;
    let store = bench.store();
    for after in 0..=3 {
        let mut items = store.subscribe_to(name("s-1"), Version::new(after));
        let expected = (u128::from(after) + 1..=3).collect();
        assert_eq!(until_caught_up(&mut items).await, (expected, head));
    }
    let mut items = store.subscribe_to(name("s-1"), Version::ZERO);
    assert_eq!(next_events(&mut items, 3).await, [1, 2, 3]);
    bench.append("s-2", Any, [6]).await.unwrap();
    bench.append("s-1", Any, 7..=8).await.unwrap();
    assert_eq!(next_events(&mut items, 2).await, [7, 8]);
}

pub async fn a_stream_can_be_followed_before_it_exists(bench: &mut Bench) {
    let store = bench.store();
    let mut items = store.subscribe_to(name("s-1"), Version::ZERO);
    assert_eq!(until_caught_up(&mut items).await, (vec![], Position::ZERO));
    bench.append("other-1", NoStream, [1]).await.unwrap();
    assert!(poll_once(&mut items.next()).is_none(), "another stream is no news");
    bench.append("s-1", NoStream, 2..=3).await.unwrap();
    assert_eq!(next_events(&mut items, 2).await, [2, 3]);
    bench.settled().await;
    assert_eq!(until_caught_up(&mut items).await.0, [0; 0]);
}

pub async fn all_subscribers_see_the_same_however_slow_they_are(bench: &mut Bench) {
    const EVENTS: u128 = 200;
    let store = bench.store();
    let live: Vec<_> = (0..3)
        .map(|reader| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                block_on(async {
                    let mut items = store.subscribe(Position::ZERO, Filter::all());
                    let mut seen = Vec::new();
                    while seen.len() < EVENTS as usize {
                        seen.extend(next_events(&mut items, 1 + reader * 7).await);
                    }
                    seen
                })
            })
        })
        .collect();
    let mut slow = store.subscribe(Position::ZERO, Filter::all());
    assert_eq!(slow.try_next().await.unwrap(), Some(CaughtUp(Position::ZERO)));
    for id in 0..EVENTS + 30 {
        bench.append(&format!("s-{}", id % 5), Any, [id]).await.unwrap();
    }
    let expected: Vec<_> = (0..EVENTS).collect();
    assert_eq!(next_events(&mut slow, EVENTS as usize).await, expected);
    for reader in live {
        assert_eq!(reader.join().unwrap()[..EVENTS as usize], expected);
    }
}

pub async fn a_subscriber_sees_an_append_over_several_streams_in_its_order(bench: &mut Bench) {
    let store = bench.store();
    let mut items = store.subscribe(Position::ZERO, Filter::all());
    assert!(matches!(items.try_next().await.unwrap(), Some(CaughtUp(_))));
    let append: Append = to("b-1", Any, 1..=2).and(name("a-1"), Any, events([3]));
    bench.send(append).await.unwrap();
    assert_eq!(next_events(&mut items, 3).await, [1, 2, 3]);
}
