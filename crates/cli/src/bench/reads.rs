//! Reading a large store: streams, the whole log, parts of it; and opening it.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use factlog::{
    Append, Event, EventId, EventType, Expected, Filter, Position, ReadLog, Result, Store as _,
    StoreExt, StreamName,
};
use factlog_embedded::Store;
use futures::TryStreamExt;
use futures::executor::block_on;

use super::{DATA_BYTES, Figure, Home, Latency, scatter};
use crate::exit::Failure;

/// Events of each stream.
const STREAM_EVENTS: u64 = 100;

/// Reads of streams that are timed.
const READS: u64 = 20_000;

/// One event in so many is of the rare type.
const RARE: u64 = 1_000;

pub(super) fn measure(home: &Home, events: u64) -> Result<Vec<Figure>, Failure> {
    let streams = (events / STREAM_EVENTS).max(1);
    let store = home.store("reads")?;
    let started = Instant::now();
    load(&store, streams, false)?;
    let mut figures = vec![Figure::new(
        "load by one writer, a stream of 100 events an append",
        (streams * STREAM_EVENTS) as f64 / started.elapsed().as_secs_f64(),
        "events/s",
    )];
    let disk = store.stat()?.disk_bytes as f64;
    figures.push(stream_reads(&store, "hot stream of 100 events", |_| streams / 2)?);
    figures
        .push(stream_reads(&store, "random stream of 100 events", |read| scatter(read) % streams)?);
    figures.push(replay(&store, "full replay", &ReadLog::new(), Some(streams * STREAM_EVENTS))?);
    figures.push(replay(&store, "full replay, backward", &ReadLog::new().backward(), None)?);
    let rare = Filter::all().with_type(EventType::new("Rare")?);
    let prefix = Filter::all().with_stream_prefix("read-1");
    let category = Filter::all().with_category("read");
    for (what, filter) in [
        ("replay of a category (all)", category),
        ("replay of a stream prefix (a ninth)", prefix),
        ("replay of a rare type (1 in 1,000)", rare),
    ] {
        figures.push(replay(&store, what, &ReadLog::new().with_filter(filter), None)?);
    }
    let crashed = home.0.join("crashed");
    copy(&home.0.join("reads"), &crashed)?;
    figures.push(opening(home, "open after a crash", "crashed")?);
    block_on(store.close())?;
    figures.push(opening(home, "open after closing", "reads")?);
    drop(store);
    let on_disk = disk / (streams * STREAM_EVENTS) as f64;
    figures.push(Figure::new("on disk for an event of 256 bytes", on_disk, "bytes"));
    let interleaved = home.store("interleaved")?;
    load(&interleaved, streams, true)?;
    let what = "random stream of 100 events, each from another commit";
    figures.push(stream_reads(&interleaved, what, |read| scatter(read) % streams)?);
    block_on(interleaved.close())?;
    Ok(figures)
}

fn name(stream: u64) -> Result<StreamName> {
    StreamName::new(format!("read-{stream}"))
}

/// Fills a store: either stream after stream, or an event of each stream in turn.
fn load(store: &Store, streams: u64, interleaved: bool) -> Result<()> {
    let (common, rare) = (EventType::new("Measured")?, EventType::new("Rare")?);
    let data = Bytes::from(vec![b'x'; DATA_BYTES]);
    let event = |number: u64| {
        let event_type = if number.is_multiple_of(RARE) { &rare } else { &common };
        Event::new(EventId::from_u64_pair(0, number), event_type.clone(), data.clone())
    };
    for append in 0..streams {
        let numbers = append * STREAM_EVENTS..(append + 1) * STREAM_EVENTS;
        let append = if interleaved {
            let parts = numbers.map(|number| Ok((name(number % streams)?, event(number))));
            let parts: Vec<(StreamName, Event)> = parts.collect::<Result<_>>()?;
            by_stream(parts)
        } else {
            Append::to(name(append)?, Expected::NoStream, numbers.map(event).collect())
        };
        block_on(store.append(append))?;
    }
    Ok(())
}

fn by_stream(parts: Vec<(StreamName, Event)>) -> Append {
    let mut streams: Vec<(StreamName, Vec<Event>)> = Vec::new();
    for (stream, event) in parts {
        match streams.iter_mut().find(|(name, _)| *name == stream) {
            Some((_, events)) => events.push(event),
            None => streams.push((stream, vec![event])),
        }
    }
    streams.into_iter().fold(Append::default(), |append, (stream, events)| {
        append.and(stream, Expected::Any, events)
    })
}

fn stream_reads(store: &Store, what: &str, stream: impl Fn(u64) -> u64) -> Result<Figure, Failure> {
    let mut latency = Latency::new()?;
    for read in 0..READS {
        let stream = name(stream(read))?;
        let events = latency.time(|| block_on(store.load(&stream)))?;
        assert_eq!(events.len() as u64, STREAM_EVENTS, "a stream is read whole");
    }
    Ok(latency.figure(what))
}

/// Events a second of the best of three replays, the first of which warms up.
fn replay(
    store: &Store,
    what: &str,
    read: &ReadLog,
    expected: Option<u64>,
) -> Result<Figure, Failure> {
    let mut best: f64 = 0.0;
    for _ in 0..3 {
        let started = Instant::now();
        let count = block_on(async {
            let mut events = store.read_log(read.clone());
            let mut count: u64 = 0;
            while let Some(event) = events.try_next().await? {
                count += 1;
                if expected.is_some() {
                    assert_eq!(event.position, Position::new(count), "positions have no gaps");
                }
            }
            Ok::<u64, factlog::Error>(count)
        })?;
        assert!(expected.is_none_or(|expected| expected == count), "all events are replayed");
        best = best.max(count as f64 / started.elapsed().as_secs_f64());
    }
    Ok(Figure::new(what, best, "events/s"))
}

fn opening(home: &Home, what: &str, store: &str) -> Result<Figure, Failure> {
    let started = Instant::now();
    let store = home.store(store)?;
    let took: Duration = started.elapsed();
    drop(store);
    Ok(Figure::new(what, took.as_secs_f64() * 1e3, "ms"))
}

/// Copies a directory as it is: of an open store, that is what a crash would leave.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
