//! Reads of the log: range, direction, limit, filter.

use futures::TryStreamExt;

use crate::conformance::bench::*;
use crate::limits::FILTER_TERMS_MAX;
use crate::{
    Append, Direction, ErrorKind, Event, Expected, Filter, Position, ReadLog, RecordedEvent,
    TimeRange, Timestamp,
};

use Direction::{Backward, Forward};
use Expected::Any;

/// Streams of three categories take turns; types take turns otherwise; the writers' times run
/// against the recorded times. Positions are ids.
async fn mixed_log(bench: &mut Bench) -> Vec<RecordedEvent> {
    let streams = ["loan-1", "loan-22", "account-1", "loans", "a-loan-1", "account-日本", "loan-1"];
    let types = ["Opened", "Closed", "Opened again", "Frozen"];
    for id in 0..40_usize {
        let time = Timestamp::from_unix_nanos(1_000_000_000 * (1_000 - id as i64));
        let mut event = event(id as u128 + 1).with_time(time);
        event.event_type = types[id % types.len()].parse().unwrap();
        let stream = name(streams[id % streams.len()]);
        bench.send(Append::to(stream, Any, vec![event])).await.unwrap();
    }
    bench.log().await
}

pub async fn a_range_of_the_log_has_both_ends(bench: &mut Bench) {
    for ids in [1..=1, 2..=3, 4..=6] {
        bench.append(&format!("s-{}", ids.start()), Any, ids).await.unwrap();
    }
    const ALL: u64 = u64::MAX;
    let table: [(u64, u64, Direction, u64, &[u64]); 19] = [
        (1, ALL, Forward, ALL, &[1, 2, 3, 4, 5, 6]),
        (1, ALL, Backward, ALL, &[6, 5, 4, 3, 2, 1]),
        (0, 6, Forward, ALL, &[1, 2, 3, 4, 5, 6]),
        (3, 5, Forward, ALL, &[3, 4, 5]),
        (3, 5, Backward, ALL, &[5, 4, 3]),
        (5, 5, Backward, ALL, &[5]),
        (6, 9, Forward, ALL, &[6]),
        (5, 9, Backward, ALL, &[6, 5]),
        (7, ALL, Forward, ALL, &[]),
        (7, ALL, Backward, ALL, &[]),
        (ALL, ALL, Backward, ALL, &[]),
        (0, 0, Forward, ALL, &[]),
        (0, 0, Backward, ALL, &[]),
        (4, 2, Forward, ALL, &[]),
        (4, 2, Backward, ALL, &[]),
        (1, ALL, Forward, 0, &[]),
        (1, ALL, Backward, 1, &[6]),
        (2, ALL, Forward, 2, &[2, 3]),
        (2, 5, Backward, 100, &[5, 4, 3, 2]),
    ];
    for (from, to, direction, limit, expected) in table {
        let read = ReadLog::new().from(Position::new(from)).to(Position::new(to)).limit(limit);
        let read = if direction == Backward { read.backward() } else { read };
        let events = bench.read_log(read).await;
        let of = format!("{from} to {to}, {direction:?}, limit {limit}");
        assert_eq!(positions(&events), expected, "{of}");
        let by_position =
            |event: &RecordedEvent| event.id.as_u128() == event.position.number().into();
        assert!(events.iter().all(by_position), "{of}");
    }
}

pub async fn an_empty_log_reads_as_empty(bench: &mut Bench) {
    assert_eq!(bench.log().await, []);
    assert_eq!(bench.read_log(ReadLog::new().backward().limit(1)).await, []);
    assert_eq!(bench.store().head().await.unwrap(), Position::ZERO);
}

pub async fn the_head_is_the_position_of_the_last_event(bench: &mut Bench) {
    for (ids, head) in [(1..=1, 1), (2..=5, 5), (6..=7, 7)] {
        bench.append("s-1", Any, ids).await.unwrap();
        assert_eq!(bench.settled().await, Position::new(head));
        assert_eq!(bench.store().head().await.unwrap(), Position::new(head));
    }
}

type Passes = Box<dyn Fn(&RecordedEvent) -> bool>;

/// Filters, and what passes them.
fn filters(log: &[RecordedEvent]) -> Vec<(Filter, Passes)> {
    let event_type = |text: &str| text.parse().unwrap();
    let stream = |event: &RecordedEvent| event.stream.as_str().to_owned();
    let times = TimeRange { since: Some(log[30].time), until: Some(log[10].time) };
    let recorded = TimeRange { since: Some(log[5].recorded), until: Some(log[25].recorded) };
    let all = Filter::all;
    vec![
        (all(), Box::new(|_| true)),
        (all().with_category("loan"), Box::new(|e| e.stream.category() == "loan")),
        (all().with_category("loans"), Box::new(move |e| stream(e) == "loans")),
        (all().with_category("loan-1"), Box::new(|_| false)),
        (
            all().with_category("account").with_category("a"),
            Box::new(|e| ["account", "a"].contains(&e.stream.category())),
        ),
        (all().with_stream_prefix("loan-1"), Box::new(move |e| stream(e) == "loan-1")),
        (all().with_stream_prefix("a"), Box::new(move |e| stream(e).starts_with('a'))),
        (all().with_stream_prefix(""), Box::new(|_| true)),
        (
            all().with_stream_prefix("loan-").with_stream_prefix("account-日"),
            Box::new(move |e| stream(e).starts_with("loan-") || stream(e) == "account-日本"),
        ),
        (
            all().with_stream_pattern("^a.*[0-9]$").unwrap(),
            Box::new(move |e| ["account-1", "a-loan-1"].contains(&&*stream(e))),
        ),
        (
            all().with_stream_pattern("22").unwrap().with_stream_pattern("日").unwrap(),
            Box::new(move |e| ["loan-22", "account-日本"].contains(&&*stream(e))),
        ),
        (all().with_type(event_type("Opened")), Box::new(|e| e.event_type.as_str() == "Opened")),
        (all().with_type(event_type("opened")), Box::new(|_| false)),
        (
            all().with_type(event_type("Frozen")).with_type(event_type("Closed")),
            Box::new(|e| ["Frozen", "Closed"].contains(&e.event_type.as_str())),
        ),
        (
            all().with_type_pattern("^Op").unwrap(),
            Box::new(|e| e.event_type.as_str().starts_with("Op")),
        ),
        (
            all().with_type(event_type("Opened")).with_type_pattern("again").unwrap(),
            Box::new(|_| false),
        ),
        (all().with_time(times), Box::new(move |e| times.contains(e.time))),
        (all().with_recorded(recorded), Box::new(move |e| recorded.contains(e.recorded))),
        (
            all().with_category("loan").with_type(event_type("Closed")),
            Box::new(|e| e.stream.category() == "loan" && e.event_type.as_str() == "Closed"),
        ),
        (
            all()
                .with_category("loan")
                .with_category("account")
                .with_stream_prefix("loan-2")
                .with_type_pattern("e")
                .unwrap()
                .with_time(times)
                .with_recorded(recorded),
            Box::new(move |e| {
                stream(e) == "loan-22"
                    && e.event_type.as_str().contains('e')
                    && times.contains(e.time)
                    && recorded.contains(e.recorded)
            }),
        ),
        (all().with_category("nothing").with_stream_prefix("loan"), Box::new(|_| false)),
    ]
}

pub async fn a_filter_lets_pass_what_meets_a_condition_of_every_kind(bench: &mut Bench) {
    let log = mixed_log(bench).await;
    for (filter, passes) in filters(&log) {
        let expected: Vec<_> = log.iter().filter(|event| passes(event)).cloned().collect();
        assert_eq!(bench.filtered(filter.clone()).await, expected, "{filter:?}");
    }
}

pub async fn filter_range_direction_and_limit_work_together(bench: &mut Bench) {
    let log = mixed_log(bench).await;
    for (filter, passes) in filters(&log) {
        let mut expected: Vec<_> =
            log[4..35].iter().filter(|event| passes(event)).cloned().collect();
        let read = ReadLog::new().from(Position::new(5)).to(Position::new(35)).limit(3);
        let read = read.with_filter(filter.clone());
        let forward: Vec<_> = expected.iter().take(3).cloned().collect();
        assert_eq!(bench.read_log(read.clone()).await, forward, "{filter:?}");
        expected.reverse();
        expected.truncate(3);
        assert_eq!(bench.read_log(read.backward()).await, expected, "{filter:?} backward");
    }
}

pub async fn a_filter_has_a_limit_of_terms(bench: &mut Bench) {
    bench.append("loan-1", Any, [1]).await.unwrap();
    let many = |count| {
        let terms = (0..count - 1).map(|n| format!("category{n}"));
        terms.fold(Filter::all().with_category("loan"), Filter::with_category)
    };
    assert_eq!(ids(&bench.filtered(many(FILTER_TERMS_MAX)).await), [1]);
    let read = ReadLog::new().with_filter(many(FILTER_TERMS_MAX + 1));
    let error = first_error(bench.store().read_log(read)).await;
    assert_eq!(error.kind(), &ErrorKind::TooLarge, "{error}");
}

pub async fn a_malformed_pattern_is_invalid(_bench: &mut Bench) {
    for pattern in ["(", "[z-a]", r"\p{None}", "a{1000}{1000}{1000}"] {
        for result in
            [Filter::all().with_stream_pattern(pattern), Filter::all().with_type_pattern(pattern)]
        {
            assert_eq!(result.unwrap_err().kind(), &ErrorKind::Invalid, "{pattern}");
        }
    }
}

pub async fn a_read_of_the_log_sees_what_was_there_when_it_began(bench: &mut Bench) {
    bench.append("s-1", Any, 1..=20).await.unwrap();
    bench.settled().await;
    let filter = Filter::all().with_category("s");
    let requests = [
        ReadLog::new(),
        ReadLog::new().backward(),
        ReadLog::new().with_filter(filter.clone()),
        ReadLog::new().with_filter(filter).to(Position::new(1_000)),
    ];
    let mut reads = requests.map(|request| bench.store().read_log(request));
    for read in &mut reads {
        assert!(read.try_next().await.unwrap().is_some());
    }
    bench.append("s-1", Any, 21..=30).await.unwrap();
    bench.settled().await;
    for read in reads {
        assert_eq!(collect(read).await.len(), 19);
    }
}

pub async fn every_read_of_the_log_is_the_same_for_ever(bench: &mut Bench) {
    let mut before = Vec::new();
    for id in 1..=20 {
        bench.append(&format!("s-{}", id % 3), Any, [id * 10, id * 10 + 1]).await.unwrap();
        let log = bench.log().await;
        assert_eq!(log[..before.len()], before);
        before = log;
    }
}

pub async fn a_type_may_be_as_long_as_its_limit(bench: &mut Bench) {
    let longest = "日".repeat(crate::limits::EVENT_TYPE_BYTES_MAX / "日".len());
    let event = Event { event_type: longest.parse().unwrap(), ..event(1) };
    bench.send(Append::to(name("s-1"), Any, vec![event.clone()])).await.unwrap();
    let found = bench.filtered(Filter::all().with_type(event.event_type.clone())).await;
    assert_eq!(found[0].event_type, event.event_type);
}

pub async fn waiting_past_a_position_ends_when_the_head_is_beyond(bench: &mut Bench) {
    bench.append("s-1", Any, 1..=3).await.unwrap();
    let head = bench.settled().await;
    let store = bench.store();
    for behind in [0, 1, 2] {
        assert_eq!(store.wait_past(Position::new(behind)).await.unwrap(), head);
    }

    let mut next = store.wait_past(head);
    let mut later = store.wait_past(head.plus(2));
    assert!(poll_once(&mut next).is_none() && poll_once(&mut later).is_none());
    bench.append("s-2", Any, [4]).await.unwrap();
    assert_eq!(next.await.unwrap(), head.next());
    assert!(poll_once(&mut later).is_none(), "the head is not beyond yet");
    bench.append("s-1", Any, 5..=7).await.unwrap();
    assert!(later.await.unwrap() > head.plus(2));
}
