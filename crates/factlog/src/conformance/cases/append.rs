//! Appends: what is expected, what is written, what is refused.

use crate::conformance::bench::*;
use crate::{Append, ErrorKind, Expected, StreamName, Timestamp, Version};

use Expected::{Any, NoStream, StreamExists};

pub async fn versions_and_positions_count_from_1_without_gaps(bench: &mut Bench) {
    let first = bench.append("a-1", NoStream, [1]).await.unwrap();
    bench.append("a-2", NoStream, 2..=4).await.unwrap();
    let last = bench.append("a-1", exact(1), 5..=6).await.unwrap();

    assert_eq!(first.version(), Version::FIRST);
    assert_eq!(last.versions, [(name("a-1"), Version::new(3))]);
    assert!(last.position.is_none_or(|position| position.number() == 6));
    let log = bench.log().await;
    assert_eq!(ids(&log), [1, 2, 3, 4, 5, 6]);
    assert_eq!(positions(&log), [1, 2, 3, 4, 5, 6]);
    assert_eq!(versions(&log), [1, 1, 2, 3, 2, 3]);
    assert_eq!(ids(&bench.stream("a-1").await), [1, 5, 6]);
    assert_eq!(positions(&bench.stream("a-1").await), [1, 5, 6]);
}

pub async fn an_append_happens_only_if_what_it_expects_holds(bench: &mut Bench) {
    let table = [
        (0, Any, true),
        (0, NoStream, true),
        (0, StreamExists, false),
        (0, exact(0), true),
        (0, exact(1), false),
        (3, Any, true),
        (3, NoStream, false),
        (3, StreamExists, true),
        (3, exact(0), false),
        (3, exact(2), false),
        (3, exact(3), true),
        (3, exact(4), false),
        (3, Expected::Exact(Version::MAX), false),
    ];
    for (case, (at, expected, holds)) in (0_u128..).zip(table) {
        let (stream, id) = (format!("s-{case}"), case * 10);
        for earlier in 1..=at {
            bench.append(&stream, Any, [id + u128::from(earlier)]).await.unwrap();
        }
        let before = bench.log().await;
        let answer = bench.append(&stream, expected, [id + 8, id + 9]).await;
        if holds {
            assert_eq!(answer.unwrap().version(), Version::new(at + 2), "{at} {expected}");
        } else {
            assert_conflict(answer, &stream, at);
            assert_eq!(bench.log().await, before, "{at} {expected}");
        }
    }
}

pub async fn a_check_must_hold_of_a_stream_that_is_not_written(bench: &mut Bench) {
    bench.append("there-1", NoStream, 1..=2).await.unwrap();
    let table = [
        ("there-1", exact(2), None),
        ("there-1", StreamExists, None),
        ("there-1", Any, None),
        ("there-1", exact(1), Some(2)),
        ("there-1", NoStream, Some(2)),
        ("missing-1", NoStream, None),
        ("missing-1", exact(0), None),
        ("missing-1", StreamExists, Some(0)),
        ("missing-1", exact(1), Some(0)),
    ];
    for (id, (checked, expected, conflict)) in (10..).zip(table) {
        let before = bench.log().await;
        let append = to("written-1", Any, [id]).check(name(checked), expected);
        let answer = bench.send(append).await;
        match conflict {
            None => assert_eq!(answer.unwrap().versions.len(), 1, "only what was written"),
            Some(actual) => {
                assert_conflict(answer, checked, actual);
                assert_eq!(bench.log().await, before);
            }
        }
    }
    assert_eq!(bench.store().stream_head(&name("missing-1")).await.unwrap(), Version::ZERO);
    assert_eq!(bench.store().stream_head(&name("there-1")).await.unwrap(), Version::new(2));
}

pub async fn an_append_writes_several_streams_in_the_order_given(bench: &mut Bench) {
    bench.append("b-1", NoStream, [1]).await.unwrap();
    let append = to("c-1", NoStream, 2..=3).and(name("a-1"), NoStream, events([4])).and(
        name("b-1"),
        exact(1),
        events([5]),
    );
    let answer = bench.send(append).await.unwrap();

    let expected = [("c-1", 2), ("a-1", 1), ("b-1", 2)];
    assert_eq!(answer.versions, expected.map(|(stream, at)| (name(stream), Version::new(at))));
    assert_eq!(ids(&bench.log().await), [1, 2, 3, 4, 5]);
    assert_eq!(versions(&bench.log().await), [1, 1, 2, 1, 2]);
    assert_eq!(ids(&bench.stream("b-1").await), [1, 5]);
    assert!(bench.log().await[1..].iter().all(|event| event.recorded == answer.recorded));
}

pub async fn one_conflict_keeps_all_streams_as_they_are(bench: &mut Bench) {
    bench.append("b-1", NoStream, [1]).await.unwrap();
    let before = bench.log().await;
    for conflict_first in [true, false] {
        let (mut names, mut expected) = (["b-1", "a-1"], [exact(7), NoStream]);
        if !conflict_first {
            names.reverse();
            expected.reverse();
        }
        let append = to(names[0], expected[0], [2]).and(name(names[1]), expected[1], events([3]));
        assert_conflict(bench.send(append).await, "b-1", 1);
        assert_eq!(bench.log().await, before);
        assert_eq!(bench.stream("a-1").await, []);
    }
}

pub async fn an_append_that_makes_no_sense_is_invalid(bench: &mut Bench) {
    let stream = |text| name(text);
    let nonsense = [
        Append::default(),
        to("a-1", Any, []),
        to("a-1", Any, []).check(stream("b-1"), Any),
        to("a-1", Any, [1]).and(stream("a-1"), Any, events([2])),
        to("a-1", Any, [1]).check(stream("a-1"), NoStream),
    ];
    for append in nonsense {
        assert_refused(bench.send(append).await, &ErrorKind::Invalid);
    }
    assert_eq!(bench.log().await, []);
}

pub async fn what_is_just_within_the_limits_is_written(bench: &mut Bench) {
    let limits = bench.limits();
    let counts = [
        of_events(limits.append_events),
        of_streams(limits.append_streams),
        of_bytes(limits.append_bytes, limits.data_bytes),
        of_data(limits.data_bytes),
        of_metadata(limits.metadata_bytes),
    ];
    for append in counts {
        let written = append.clone();
        let answer = bench.send(append).await.unwrap();
        for (part, (stream, _)) in written.streams().iter().zip(&answer.versions) {
            let read = bench.stream(stream.as_str()).await;
            assert_eq!(read.len(), part.events.len());
            let same = read.iter().zip(&part.events).all(|(read, event)| {
                (&read.data, &read.metadata) == (&event.data, &event.metadata)
            });
            assert!(same, "stream {stream} reads as it was written");
        }
    }
}

pub async fn what_is_just_over_a_limit_is_too_large(bench: &mut Bench) {
    let limits = bench.limits();
    let excesses = [
        of_events(limits.append_events + 1),
        of_streams(limits.append_streams + 1),
        of_checks(limits.append_streams + 1),
        of_bytes(limits.append_bytes + 1, limits.data_bytes),
        of_data(limits.data_bytes + 1),
        of_metadata(limits.metadata_bytes + 1),
    ];
    for append in excesses {
        assert_refused(bench.send(append).await, &ErrorKind::TooLarge);
    }
    assert_eq!(bench.log().await, []);
}

pub async fn data_and_metadata_come_back_byte_for_byte(bench: &mut Bench) {
    let binary: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let table = [
        (vec![], ""),
        (vec![0], "{}"),
        (binary, r#"{"who":"Ada"}"#),
        (vec![0xff, 0xfe, 0xc0], r#""ü – 日本""#),
        (large, r#"{"size":"large"}"#),
        (b"{\"json\":  true}\n".to_vec(), "  [1, 2]  "),
    ];
    for (id, (data, metadata)) in (1..).zip(&table) {
        let mut event = event(id).with_metadata(metadata.as_bytes());
        event.data = data.clone().into();
        bench.send(Append::to(name("a-1"), Any, vec![event])).await.unwrap();
    }
    for events in [bench.stream("a-1").await, bench.log().await] {
        for (event, (data, metadata)) in events.iter().zip(&table) {
            assert_eq!((&*event.data, &*event.metadata), (&**data, metadata.as_bytes()));
        }
        assert_eq!(events.len(), table.len());
    }
}

pub async fn an_event_keeps_its_time_and_offset_or_takes_the_recorded_time(bench: &mut Bench) {
    let times = ["2011-10-01T00:38:44.880+02:00", "1969-12-31T23:59:59.999999-03:30"];
    let times = times.map(|text| text.parse::<Timestamp>().unwrap());
    let own = [event(1).with_time(times[0]), event(2).with_time(times[1]), event(3)];
    let answer = bench.send(Append::to(name("a-1"), Any, own.to_vec())).await.unwrap();

    let read = bench.stream("a-1").await;
    assert_eq!(read[0].time, times[0]);
    assert_eq!(read[0].time.offset_minutes(), 120);
    assert_eq!(read[1].time, times[1]);
    assert_eq!(read[2].time, answer.recorded);
    assert!(read.iter().all(|event| event.recorded == answer.recorded));
}

pub async fn the_recorded_time_never_decreases_although_the_clock_does(bench: &mut Bench) {
    for (id, step_ms) in (1..).zip([0, 5_000, -60_000, 1, 0, 120_000]) {
        bench.clock.advance_ms(step_ms);
        let answer = bench.append(&format!("s-{}", id % 2), Any, [id]).await.unwrap();
        let last = bench.log().await.pop().unwrap();
        assert_eq!(last.recorded, answer.recorded);
    }
    let log = bench.log().await;
    assert!(log.is_sorted_by_key(|event| event.recorded), "{log:?}");
}

pub async fn every_valid_name_is_a_stream_of_its_own(bench: &mut Bench) {
    let longest = "x".repeat(crate::limits::STREAM_NAME_BYTES_MAX);
    let names = [
        "a",
        "a-",
        "a-1",
        "a-1-1",
        "a-10",
        "a--1",
        "-",
        "--",
        " ",
        " a-1",
        "a-1 ",
        "A-1",
        "日本-語",
        "日本",
        "ü-1",
        "u\u{308}-1",
        "a/1",
        "a#1",
        "a:1",
        "a\\1",
        "'\"%?*",
        "😀-😀",
        "\u{85}",
        &longest,
    ];
    for (id, stream) in (1..).zip(names) {
        bench.append(stream, NoStream, [id]).await.unwrap();
    }
    for (id, stream) in (1..).zip(names) {
        assert_eq!(ids(&bench.stream(stream).await), [id], "{stream:?}");
        assert_eq!(bench.store().stream_head(&name(stream)).await.unwrap(), Version::FIRST);
    }
    let streams: Vec<_> = bench.log().await.into_iter().map(|event| event.stream).collect();
    assert_eq!(streams, names.map(name));
}

fn of_events(count: usize) -> Append {
    to("events-1", Any, (0..count as u128).map(|n| 1_000_000 + n))
}

fn of_streams(count: usize) -> Append {
    let streams = (0..count).map(|n| (name(&format!("streams-{n}")), 2_000_000 + n as u128));
    streams.fold(Append::default(), |append, (stream, id)| append.and(stream, Any, events([id])))
}

fn of_checks(count: usize) -> Append {
    let checked = |n| -> StreamName { name(&format!("checked-{n}")) };
    (1..count).fold(to("a-1", Any, [1]), |append, n| append.check(checked(n), Any))
}

fn of_data(bytes: usize) -> Append {
    let mut event = event(3_000_000);
    event.data = vec![b'd'; bytes].into();
    Append::to(name("data-1"), Any, vec![event])
}

fn of_metadata(bytes: usize) -> Append {
    let metadata = format!("\"{}\"", "m".repeat(bytes - 2));
    Append::to(name("metadata-1"), Any, vec![event(4_000_000).with_metadata(metadata)])
}

/// An append that counts so many bytes, none of its events over its own limit.
fn of_bytes(bytes: usize, data_bytes_max: usize) -> Append {
    let stream = name("bytes-1");
    let count = bytes.div_ceil(data_bytes_max);
    let mut events = events((0..count as u128).map(|n| 5_000_000 + n));
    let mut rest = bytes;
    for (following, event) in (0..count).rev().zip(&mut events) {
        let overhead = stream.as_str().len() + event.event_type.as_str().len();
        let share = rest / (following + 1);
        event.data = vec![b'b'; share - overhead].into();
        rest -= share;
    }
    let append = Append::to(stream, Any, events);
    assert_eq!(append.size(), bytes);
    append
}
