//! The functions that everything waits for, one by one: `cargo bench -p factlog-embedded`.
//!
//! Appends are answered before the sync here, so that the disk is not what is measured.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that can't go on ends")]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use factlog::{
    Append, Event, EventId, EventType, Expected, Filter, ReadLog, Store as _, StoreExt, StreamName,
    SystemClock, Timestamp,
};
use factlog_embedded::{Durability, Options, Store};
use futures::executor::{block_on, block_on_stream};

const STREAMS: u64 = 1_000;
const STREAM_EVENTS: u64 = 100;

fn name(stream: u64) -> StreamName {
    StreamName::new(format!("bench-{stream}")).unwrap()
}

fn append(stream: u64, first: u64, count: u64) -> Append {
    let event_type = EventType::new("Measured").unwrap();
    let data = Bytes::from_static(&[b'x'; 256]);
    let event = |n| Event::new(EventId::from_u64_pair(stream, n), event_type.clone(), data.clone());
    Append::to(name(stream), Expected::Any, (first..first + count).map(event).collect())
}

fn hot(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let options = Options::default().with_durability(Durability::LostOnPowerFailure);
    let store = Store::open(directory.path(), options, SystemClock).unwrap();
    for stream in 0..STREAMS {
        block_on(store.append(append(stream, 0, STREAM_EVENTS))).unwrap();
    }

    criterion.bench_function("load a stream of 100 events", |bench| {
        let stream = name(STREAMS / 2);
        bench.iter(|| block_on(store.load(&stream)).unwrap());
    });
    criterion.bench_function("head of a stream", |bench| {
        let stream = name(STREAMS / 2);
        bench.iter(|| block_on(store.stream_head(&stream)).unwrap());
    });
    let mut replay = criterion.benchmark_group("replay");
    replay.throughput(Throughput::Elements(STREAMS * STREAM_EVENTS)).sample_size(20);
    for (what, filter) in [
        ("everything", Filter::all()),
        ("by stream prefix", Filter::all().with_stream_prefix("bench-1")),
        ("by category", Filter::all().with_category("bench")),
    ] {
        replay.bench_function(what, |bench| {
            bench.iter(|| {
                let read = ReadLog::new().with_filter(filter.clone());
                block_on_stream(store.read_log(read)).map(Result::unwrap).count()
            });
        });
    }
    replay.finish();
    criterion.bench_function("append one event, answered before the sync", |bench| {
        let mut number = 1_000_000;
        bench.iter(|| {
            number += 1;
            block_on(store.append(append(STREAMS, number, 1))).unwrap()
        });
    });
    criterion.bench_function("match a filter", |bench| {
        let filter = Filter::all().with_category("bench").with_type_pattern("^Meas").unwrap();
        let now = Timestamp::default();
        bench.iter(|| filter.matches_parts("bench-77", "Measured", now, now));
    });
}

criterion_group!(benches, hot);
criterion_main!(benches);
