//! A store in DynamoDB: appends, loads, the sequencer, the log, and what an event takes of each.
//!
//! ```text
//!   appends, loads      no sequencer: what is appended waits
//!   sequencing          all of it is placed
//!   replay              all of it is read along the log
//!   lag                 a sequencer beside 16 writers, and a subscriber that says when it has each event
//! ```

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;
use bytes::Bytes;
use factlog::{
    Append, Clock, Error, Event, EventId, EventType, Expected, Filter, ReadLog, Result, Store as _,
    StoreExt, StreamName, Subscription, SystemClock, Version,
};
use factlog_dynamodb::{Cost, Layout, Meter, Options, Store, Tables};
use futures::TryStreamExt;
use futures::future::{try_join, try_join_all};
use hdrhistogram::Histogram;

use super::{DATA_BYTES, Figure};
use crate::exit::Failure;
use crate::{backend, scratch};

/// Writers at once.
const WRITERS: [u64; 3] = [1, 16, 64];

/// Writers beside the sequencer.
const LAG_WRITERS: u64 = 16;

/// Streams that are loaded, and the commits of each, of one event.
const STREAMS: u64 = 32;
const COMMITS: u64 = 20;

pub(super) async fn measure(
    config: &SdkConfig,
    name: &str,
    round: Duration,
) -> Result<Vec<Figure>, Failure> {
    let layout = match Tables::describe(&Client::new(config), name).await?.layout {
        Some(layout) => layout,
        None => Layout::native(),
    };
    scratch::with_tables(config, (name, "bench"), layout, async |name| {
        let open = async |options| Store::open(name, config, options, SystemClock).await;
        let store = open(Options::new(backend::seed()).without_sequencer()).await?;
        let bench = Bench { store, round };
        let mut figures = bench.appends().await?;
        figures.extend(bench.loads().await?);
        figures.extend(bench.sequencing().await?);
        figures.extend(bench.replay().await?);
        let store = open(Options::new(backend::seed())).await?;
        let lag = Bench { store, round }.lag().await;
        Ok::<_, Failure>(figures.into_iter().chain(lag?).collect())
    })
    .await
}

struct Bench {
    store: Store,
    round: Duration,
}

impl Bench {
    async fn appends(&self) -> Result<Vec<Figure>, Failure> {
        let mut figures = Vec::new();
        for writers in WRITERS {
            let (store, latency) = (self.store.metered(), RefCell::new(histogram()?));
            let (run, started) = (
                Run { store: &store, until: Instant::now() + self.round, number: writers },
                Instant::now(),
            );
            let each = (0..writers).map(|writer| {
                run.write(writer, |took| {
                    latency.borrow_mut().saturating_record(nanos(took));
                })
            });
            let appends: u64 = try_join_all(each).await?.iter().sum();
            let rate = appends as f64 / started.elapsed().as_secs_f64();
            let plural = if writers == 1 { "" } else { "s" };
            let mut figure = Figure::new(
                format!("appends, {writers} writer{plural}, a stream each"),
                rate,
                "appends/s",
            );
            figure.latency = Some(percentiles(&latency.into_inner()));
            figures.push(figure);
            let cost = store.meter().total();
            let what = format!("an append of {DATA_BYTES} bytes, {writers} writer{plural}");
            figures.push(Figure::new(what, cost.write_units / appends as f64, "write units"));
        }
        Ok(figures)
    }

    async fn loads(&self) -> Result<Vec<Figure>, Failure> {
        let fill = async |stream| {
            for version in 0..COMMITS {
                let expected = Expected::Exact(Version::new(version));
                self.store.append(append(&name(0, stream)?, expected, version)?).await?;
            }
            Ok::<_, Error>(())
        };
        try_join_all((0..STREAMS).map(fill)).await?;
        let (store, latency) = (self.store.metered(), RefCell::new(histogram()?));
        let started = Instant::now();
        let read = async |reader: u64| {
            let (mut loads, mut now) = (0, Instant::now());
            while now < started + self.round {
                let events = store.load(&name(0, (reader + loads) % STREAMS)?).await?;
                assert_eq!(events.len() as u64, COMMITS, "a stream is read whole");
                let before = std::mem::replace(&mut now, Instant::now());
                latency.borrow_mut().saturating_record(nanos(now - before));
                loads += 1;
            }
            Ok::<u64, Error>(loads)
        };
        let loads: u64 = try_join_all((0..16).map(read)).await?.iter().sum();
        let rate = loads as f64 / started.elapsed().as_secs_f64();
        let mut figure =
            Figure::new(format!("loads of {COMMITS} commits, 16 readers"), rate, "loads/s");
        figure.latency = Some(percentiles(&latency.into_inner()));
        let units = store.meter().total().read_units / loads as f64;
        Ok(vec![figure, Figure::new(format!("a load of {COMMITS} commits"), units, "read units")])
    }

    /// Places all that waits.
    async fn sequencing(&self) -> Result<Vec<Figure>, Failure> {
        let (store, started) = (self.store.metered(), Instant::now());
        store.catch_up().await?;
        let (seconds, cost) = (started.elapsed().as_secs_f64(), store.meter().total());
        let events = store.head().await?.number() as f64;
        Ok(vec![
            Figure::new("sequencing of what waits", events / seconds, "events/s"),
            Figure::new(
                "sequencing of an event that waits",
                cost.write_units / events,
                "write units",
            ),
            Figure::new(
                "sequencing of an event that waits",
                cost.read_units / events,
                "read units",
            ),
        ])
    }

    async fn replay(&self) -> Result<Vec<Figure>, Failure> {
        let (store, started) = (self.store.metered(), Instant::now());
        let count = async |count, _| Ok(count + 1.0);
        let events: f64 = store.read_log(ReadLog::new()).try_fold(0.0, count).await?;
        let rate = events / started.elapsed().as_secs_f64();
        let units = store.meter().total().read_units / events;
        Ok(vec![
            Figure::new("full replay", rate, "events/s"),
            Figure::new("an event of a full replay", units, "read units"),
        ])
    }
}

impl Bench {
    /// How long it takes from an append to a subscriber, while the sequencer places what comes.
    async fn lag(&self) -> Result<Vec<Figure>, Failure> {
        let (store, after) = (self.store.metered(), self.store.head().await?);
        let (expected, seen) = (Cell::new(u64::MAX), Cell::new(0));
        let lag = RefCell::new(histogram()?);
        let run = Run { store: &store, until: Instant::now() + self.round, number: 1_000 };
        let write = async {
            let each = (0..LAG_WRITERS).map(|writer| run.write(writer, |_| {}));
            let appends: u64 = try_join_all(each).await?.iter().sum();
            // The one more is what the subscriber ends with, whatever it has seen by now.
            expected.set(appends + 1);
            store.append(append(&name(run.number, LAG_WRITERS)?, Expected::NoStream, 0)?).await
        };
        let follow = async {
            let mut events = store.subscribe(after, Filter::all());
            while seen.get() < expected.get()
                && let Some(said) = events.try_next().await?
            {
                if let Subscription::Event(event) = said {
                    seen.set(seen.get() + 1);
                    let late = SystemClock.now().unix_nanos() - event.recorded.unix_nanos();
                    lag.borrow_mut().saturating_record(u64::try_from(late).unwrap_or(0));
                }
            }
            Ok::<_, Error>(())
        };
        let before = self.spent_by_sequencer();
        try_join(write, follow).await?;
        let spent = self.spent_by_sequencer() - before;
        let (latency, events) = (percentiles(&lag.into_inner()), seen.get() as f64);
        let mut figure = Figure::new("lag of a subscriber, 16 writers", latency[0] / 1e3, "ms");
        figure.latency = Some(latency);
        let what = "sequencing of an event, 16 writers";
        Ok(vec![figure, Figure::new(what, spent.write_units / events, "write units")])
    }

    fn spent_by_sequencer(&self) -> Cost {
        self.store.sequencer_meter().map(Meter::total).unwrap_or_default()
    }
}

/// What some writers do until the time is over.
struct Run<'a> {
    store: &'a Store,
    until: Instant,
    /// Tells its events and streams from those of all other runs.
    number: u64,
}

impl Run<'_> {
    /// One writer, an event an append; how often it was answered. Calls back with the time of each.
    async fn write(&self, writer: u64, mut took: impl FnMut(Duration)) -> Result<u64> {
        let (stream, mut appends, mut now) = (name(self.number, writer)?, 0, Instant::now());
        while now < self.until {
            let expected = Expected::Exact(Version::new(appends));
            self.store.append(append(&stream, expected, appends)?).await?;
            took(now.elapsed());
            (now, appends) = (Instant::now(), appends + 1);
        }
        Ok(appends)
    }
}

fn name(run: u64, stream: u64) -> Result<StreamName> {
    StreamName::new(format!("bench-{}", EventId::from_u64_pair(run, stream)))
}

/// An append of one event, which is told from all others by its stream and number.
fn append(stream: &StreamName, expected: Expected, number: u64) -> Result<Append> {
    let id = EventId::new_v5(&EventId::NAMESPACE_OID, format!("{stream} {number}").as_bytes());
    let event = Event::new(id, EventType::new("Measured")?, Bytes::from(vec![b'x'; DATA_BYTES]));
    Ok(Append::to(stream.clone(), expected, vec![event]))
}

fn histogram() -> Result<Histogram<u64>, Failure> {
    Ok(Histogram::new_with_max(60_000_000_000, 3).map_err(std::io::Error::other)?)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The 50th, 99th and 99.9th, in microseconds.
fn percentiles(latency: &Histogram<u64>) -> [f64; 3] {
    [0.5, 0.99, 0.999].map(|quantile| latency.value_at_quantile(quantile) as f64 / 1e3)
}
