//! Reads of one stream: range, direction, limit, times.

use crate::conformance::bench::*;
use crate::{Direction, Expected, ReadStream, RecordedEvent, TimeRange, Timestamp, Version};

use Direction::{Backward, Forward};
use Expected::{Any, NoStream};

/// Six events in `s-1`, in commits of one, two and three, with other streams between.
async fn six_events(bench: &mut Bench) {
    bench.append("r-1", NoStream, 100..=109).await.unwrap();
    for ids in [1..=1, 2..=3, 4..=6] {
        bench.append("s-1", Any, ids).await.unwrap();
        bench.append("t-1", Any, 200..=201).await.unwrap();
    }
}

fn read(from: u64, to: u64, direction: Direction, limit: u64) -> ReadStream {
    let read = ReadStream::new(name("s-1"));
    let read = read.from(Version::new(from)).to(Version::new(to)).limit(limit);
    if direction == Backward { read.backward() } else { read }
}

pub async fn a_range_has_both_ends_and_the_direction_says_which_comes_first(bench: &mut Bench) {
    six_events(bench).await;
    const ALL: u64 = u64::MAX;
    let table: [(u64, u64, Direction, u64, &[u64]); 21] = [
        (1, ALL, Forward, ALL, &[1, 2, 3, 4, 5, 6]),
        (1, ALL, Backward, ALL, &[6, 5, 4, 3, 2, 1]),
        (0, 6, Forward, ALL, &[1, 2, 3, 4, 5, 6]),
        (0, 6, Backward, ALL, &[6, 5, 4, 3, 2, 1]),
        (2, 4, Forward, ALL, &[2, 3, 4]),
        (2, 4, Backward, ALL, &[4, 3, 2]),
        (3, 3, Forward, ALL, &[3]),
        (6, 9, Forward, ALL, &[6]),
        (5, 9, Backward, ALL, &[6, 5]),
        (7, ALL, Forward, ALL, &[]),
        (7, ALL, Backward, ALL, &[]),
        (ALL, ALL, Forward, ALL, &[]),
        (0, 0, Forward, ALL, &[]),
        (4, 2, Forward, ALL, &[]),
        (4, 2, Backward, ALL, &[]),
        (1, ALL, Forward, 0, &[]),
        (1, ALL, Backward, 1, &[6]),
        (1, ALL, Forward, 1, &[1]),
        (3, ALL, Forward, 2, &[3, 4]),
        (2, 5, Backward, 3, &[5, 4, 3]),
        (2, 5, Backward, 100, &[5, 4, 3, 2]),
    ];
    for (from, to, direction, limit, expected) in table {
        let events = bench.read_stream(read(from, to, direction, limit)).await;
        let of = format!("{from} to {to}, {direction:?}, limit {limit}");
        assert_eq!(versions(&events), expected, "{of}");
        let by_version =
            |event: &RecordedEvent| event.id.as_u128() == event.version.number().into();
        assert!(events.iter().all(by_version), "{of}");
    }
}

pub async fn a_stream_without_events_reads_as_empty(bench: &mut Bench) {
    six_events(bench).await;
    for missing in ["s-2", "s", "s-1 ", "S-1", "s-10"] {
        assert_eq!(bench.stream(missing).await, []);
        let backward = ReadStream::new(name(missing)).backward().limit(1);
        assert_eq!(bench.read_stream(backward).await, []);
        assert_eq!(bench.store().stream_head(&name(missing)).await.unwrap(), Version::ZERO);
    }
}

pub async fn the_head_of_a_stream_is_the_version_of_its_last_event(bench: &mut Bench) {
    for (id, head) in (1..).zip(1..=5) {
        bench.append("s-1", Any, [id]).await.unwrap();
        assert_eq!(bench.store().stream_head(&name("s-1")).await.unwrap(), Version::new(head));
    }
}

pub async fn a_stream_reads_the_same_as_its_part_of_the_log(bench: &mut Bench) {
    six_events(bench).await;
    let log = bench.log().await;
    for stream in ["r-1", "s-1", "t-1"] {
        let part: Vec<_> = log.iter().filter(|event| event.stream == name(stream)).collect();
        assert_eq!(bench.stream(stream).await.iter().collect::<Vec<_>>(), part);
    }
}

pub async fn times_bound_a_read_of_a_stream(bench: &mut Bench) {
    for id in 1..=8 {
        bench.clock.advance_ms(1_000);
        // The writers' times run against the recorded times.
        let seconds = i64::try_from(100 - id).unwrap();
        let time = Timestamp::from_unix_nanos(seconds * 1_000_000_000).at_offset(90).unwrap();
        let append = crate::Append::to(name("s-1"), Any, vec![event(id).with_time(time)]);
        bench.send(append).await.unwrap();
    }
    let events = bench.stream("s-1").await;
    let recorded = |n: usize| Some(events[n].recorded);
    let time = |n: usize| Some(events[n].time);
    let range = |since, until| TimeRange { since, until };
    let table = [
        (TimeRange::ALL, range(recorded(2), recorded(4))),
        (TimeRange::ALL, range(None, recorded(0))),
        (TimeRange::ALL, range(recorded(7), None)),
        (TimeRange::ALL, range(recorded(5), recorded(4))),
        (range(time(6), time(3)), TimeRange::ALL),
        (range(time(0), None), TimeRange::ALL),
        (range(None, time(7)), TimeRange::ALL),
        (range(None, Some(Timestamp::from_unix_nanos(i64::MIN))), TimeRange::ALL),
        (range(time(5), time(2)), range(recorded(3), None)),
    ];
    for (time, recorded) in table {
        let matching =
            |event: &&RecordedEvent| time.contains(event.time) && recorded.contains(event.recorded);
        let expected: Vec<_> = events.iter().filter(matching).cloned().collect();
        let read = ReadStream::new(name("s-1")).with_time(time).with_recorded(recorded);
        assert_eq!(bench.read_stream(read.clone()).await, expected);
        let last: Vec<_> = expected.into_iter().rev().take(2).collect();
        assert_eq!(bench.read_stream(read.backward().limit(2)).await, last);
    }
}

pub async fn a_read_of_a_stream_sees_what_was_there_when_it_began(bench: &mut Bench) {
    six_events(bench).await;
    bench.settled().await;
    let mut reads = [
        (bench.store().read_stream(ReadStream::new(name("s-1"))), [1, 2, 3, 4, 5, 6]),
        (bench.store().read_stream(ReadStream::new(name("s-1")).backward()), [6, 5, 4, 3, 2, 1]),
    ];
    for (read, expected) in &mut reads {
        let first = futures::TryStreamExt::try_next(read).await.unwrap().unwrap();
        assert_eq!(first.version.number(), expected[0]);
    }
    bench.append("s-1", Any, 300..=310).await.unwrap();
    for (read, expected) in reads {
        assert_eq!(versions(&collect(read).await), expected[1..]);
    }
}
