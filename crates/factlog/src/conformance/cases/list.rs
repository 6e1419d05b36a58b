//! Lists of streams: order, category, created range, pages.

use std::collections::HashSet;

use crate::conformance::bench::*;
use crate::limits::STREAM_PAGE_MAX;
use crate::{ErrorKind, Expected, ListStreams, PageToken, StreamInfo, TimeRange};

use Expected::{Any, NoStream};

const NAMES: [&str; 9] =
    ["loan-9", "account-1", "loan-1", "loans", "-", "loan-日本", "account", "loan", "account-0"];

/// These streams in this order, and then more events in some of them.
async fn create(bench: &mut Bench) {
    for (id, stream) in (1..).zip(NAMES) {
        bench.append(stream, NoStream, [id]).await.unwrap();
    }
    for (id, stream) in (100..).zip(["loan-1", "loan-9", "loan-1"]) {
        bench.append(stream, Any, [id]).await.unwrap();
    }
}

fn names(streams: &[StreamInfo]) -> Vec<&str> {
    streams.iter().map(|info| info.stream.as_str()).collect()
}

pub async fn streams_are_listed_in_the_order_of_their_creation(bench: &mut Bench) {
    assert_eq!(bench.list(ListStreams::new()).await, []);
    create(bench).await;
    let several = to("z-1", Any, [200]).and(name("y-1"), Any, events([201])).and(
        name("loan"),
        Any,
        events([202]),
    );
    bench.send(several.check(name("only-checked"), NoStream)).await.unwrap();

    let mut expected = NAMES.to_vec();
    expected.extend(["z-1", "y-1"]);
    let listed = bench.list(ListStreams::new()).await;
    assert_eq!(names(&listed), expected);
    for info in &listed {
        let events = bench.stream(info.stream.as_str()).await;
        assert_eq!(info.created, events[0].recorded, "{}", info.stream);
        let version = events.last().map(|event| event.version);
        assert!(info.version.is_none() || info.version == version, "{info:?}");
    }
    expected.reverse();
    assert_eq!(names(&bench.list(ListStreams::new().backward()).await), expected);
}

pub async fn a_category_is_listed_alone(bench: &mut Bench) {
    create(bench).await;
    for category in ["loan", "account", "loans", "", "loan-1", "nothing"] {
        let mut expected: Vec<_> =
            NAMES.into_iter().filter(|stream| name(stream).category() == category).collect();
        let list = ListStreams::new().with_category(category).limit(2);
        assert_eq!(names(&bench.list(list.clone()).await), expected, "{category:?}");
        expected.reverse();
        assert_eq!(names(&bench.list(list.backward()).await), expected, "{category:?}");
    }
}

pub async fn a_list_is_bounded_by_the_time_of_creation(bench: &mut Bench) {
    create(bench).await;
    let all = bench.list(ListStreams::new()).await;
    let created = |n: usize| Some(all[n].created);
    for (since, until) in
        [(created(2), created(5)), (None, created(0)), (created(8), None), (created(5), created(2))]
    {
        let range = TimeRange { since, until };
        let mut expected: Vec<_> =
            all.iter().filter(|info| range.contains(info.created)).cloned().collect();
        let list = ListStreams::new().with_created(range).limit(3);
        assert_eq!(bench.list(list.clone()).await, expected);
        expected.reverse();
        assert_eq!(bench.list(list.clone().backward()).await, expected);
        expected.retain(|info| info.stream.category() == "loan");
        assert_eq!(bench.list(list.backward().with_category("loan")).await, expected);
    }
}

pub async fn pages_hold_at_most_their_limit_and_tell_whether_more_follows(bench: &mut Bench) {
    create(bench).await;
    bench.settled().await;
    for limit in 1..=NAMES.len() + 1 {
        let mut request = ListStreams::new().limit(limit);
        for (number, expected) in (1..).zip(NAMES.chunks(limit)) {
            let page = bench.store().list_streams(request.clone()).await.unwrap();
            assert_eq!(names(&page.streams), expected);
            let more = number * limit < NAMES.len();
            assert_eq!(page.next.is_some(), more, "page {number} of {limit} streams");
            request.after = page.next;
        }
    }
}

pub async fn paging_misses_no_stream_and_repeats_none_while_new_ones_appear(bench: &mut Bench) {
    create(bench).await;
    for backward in [false, true] {
        let before = bench.list(ListStreams::new()).await;
        let mut request = ListStreams::new().limit(2);
        if backward {
            request = request.backward();
        }
        let mut seen = Vec::new();
        // The list is bounded, so that it ends although a stream is created for every page.
        for id in 0..before.len() as u128 {
            let page = bench.store().list_streams(request.clone()).await.unwrap();
            seen.extend(page.streams.into_iter().map(|info| info.stream));
            let Some(token) = page.next else { break };
            request = request.after(token);
            let new = format!("new-{backward}-{id}");
            bench.append(&new, NoStream, [1_000 + id]).await.unwrap();
            bench.settled().await;
        }
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "none twice: {seen:?}");
        let mut expected: Vec<_> = before.into_iter().map(|info| info.stream).collect();
        if backward {
            expected.reverse();
        }
        assert_eq!(seen[..expected.len()], expected);
    }
}

pub async fn a_page_out_of_bounds_is_invalid(bench: &mut Bench) {
    create(bench).await;
    for limit in [0, STREAM_PAGE_MAX + 1, usize::MAX] {
        let result = bench.store().list_streams(ListStreams::new().limit(limit)).await;
        assert_eq!(result.unwrap_err().kind(), &ErrorKind::Invalid, "limit {limit}");
    }
    assert_eq!(names(&bench.list(ListStreams::new().limit(STREAM_PAGE_MAX)).await), NAMES);
}

pub async fn a_token_that_no_store_made_is_invalid(bench: &mut Bench) {
    create(bench).await;
    for token in ["", "no token", "-1", "\0", "💥"] {
        let request = ListStreams::new().after(PageToken::new(token));
        let result = bench.store().list_streams(request).await;
        assert_eq!(result.unwrap_err().kind(), &ErrorKind::Invalid, "{token:?}");
    }
}
