//! Durable appends by concurrent writers, beside the device.
//!
//! A writer is a task that waits for each answer before it sends the next append. The tasks run on a
//! thread a processor, as those of a server would.

use std::cell::RefCell;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use factlog::{
    Append, Error, Event, EventId, EventType, Expected, Result, Store as _, StreamName, Version,
};
use factlog_embedded::Store;
use futures::TryStreamExt;
use futures::executor::block_on;
use futures::stream::FuturesUnordered;
use hdrhistogram::Histogram;

use super::device::Device;
use super::{DATA_BYTES, Figure, Home, median};
use crate::exit::Failure;

/// What some writers do at once.
#[derive(Clone, Copy, Debug)]
struct Load {
    writers: usize,
    /// Events of one append.
    batch: usize,
    one_stream: bool,
}

impl Load {
    fn name(&self) -> String {
        let Self { writers, batch, one_stream } = self;
        let streams = if *one_stream { "one stream" } else { "a stream each" };
        let plural = if *writers == 1 { "" } else { "s" };
        match batch {
            1 => format!("appends, {writers} writer{plural}, {streams}"),
            _ => format!("events in batches of {batch}, {writers} writer{plural}"),
        }
    }
}

const LOADS: [Load; 9] = [
    Load { writers: 1, batch: 1, one_stream: false },
    Load { writers: 16, batch: 1, one_stream: false },
    Load { writers: 64, batch: 1, one_stream: false },
    Load { writers: 256, batch: 1, one_stream: false },
    Load { writers: 1, batch: 1, one_stream: true },
    Load { writers: 16, batch: 1, one_stream: true },
    Load { writers: 64, batch: 1, one_stream: true },
    Load { writers: 256, batch: 1, one_stream: true },
    Load { writers: 16, batch: 100, one_stream: false },
];

pub(super) fn measure(home: &Home, round: Duration, rounds: u32) -> Result<Vec<Figure>, Failure> {
    let device = Device::prepare(&home.0)?;
    let store = home.store("appends")?;
    let mut figures = Vec::new();
    for (number, load) in LOADS.into_iter().enumerate() {
        let mut latency = latencies()?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for turn in 0..rounds {
            let events = load.writers * load.batch;
            let writes = device.writes_a_second(events * DATA_BYTES, round)?;
            theirs.push(writes * events as f64);
            let run = Run { store: &store, load, number: number as u64 * 1_000 + u64::from(turn) };
            ours.push(run.events_a_second(round, &mut latency)?);
        }
        let mut figure = Figure::new(load.name(), median(ours), "events/s");
        figure.device = Some(median(theirs));
        let micros = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
        figure.latency = Some([micros(0.5), micros(0.99), micros(0.999)]);
        figures.push(figure);
    }
    block_on(store.close())?;
    Ok(figures)
}

/// One load for one round.
struct Run<'a> {
    store: &'a Store,
    load: Load,
    /// Tells its events and streams from those of all other runs.
    number: u64,
}

impl Run<'_> {
    fn events_a_second(&self, round: Duration, latency: &mut Histogram<u64>) -> Result<f64> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let started = Instant::now();
        let until = started + round;
        let counted: Vec<_> = thread::scope(|scope| {
            let share = |thread| (thread..self.load.writers).step_by(threads);
            let run = |thread| scope.spawn(move || self.write_all(share(thread), until));
            let running: Vec<_> = (0..threads.min(self.load.writers)).map(run).collect();
            running.into_iter().map(ScopedJoinHandle::join).collect()
        });
        let took = started.elapsed();
        let mut appends = 0;
        for outcome in counted {
            let counted =
                outcome.map_err(|_| Error::internal("a thread of the bench panicked"))??;
            appends += counted.len();
            latency.add(counted).map_err(|e| Error::internal(e.to_string()))?;
        }
        Ok((appends * self.load.batch as u64) as f64 / took.as_secs_f64())
    }

    /// Some writers, on one thread: how long each of their appends took.
    fn write_all(
        &self,
        writers: impl Iterator<Item = usize>,
        until: Instant,
    ) -> Result<Histogram<u64>> {
        let latency = RefCell::new(latencies()?);
        let writers = writers.map(|writer| self.write(writer as u64, until, &latency));
        let writers: FuturesUnordered<_> = writers.collect();
        block_on(writers.try_collect::<()>())?;
        Ok(latency.into_inner())
    }

    /// One writer until the time is over.
    async fn write(
        &self,
        writer: u64,
        until: Instant,
        latency: &RefCell<Histogram<u64>>,
    ) -> Result<()> {
        let Load { batch, one_stream, .. } = self.load;
        let own = if one_stream { 0 } else { writer };
        let stream = StreamName::new(format!("bench-{}-{own}", self.number))?;
        let event_type = EventType::new("Measured")?;
        let data = Bytes::from(vec![b'x'; DATA_BYTES]);
        let (mut version, mut appends) = (Version::ZERO, 0);
        let mut now = Instant::now();
        while now < until {
            let event = |index: usize| {
                let low = (writer << 40) | (appends * batch as u64 + index as u64);
                let id = EventId::from_u64_pair(self.number, low);
                Event::new(id, event_type.clone(), data.clone())
            };
            let expected = if one_stream { Expected::Any } else { Expected::Exact(version) };
            let append = Append::to(stream.clone(), expected, (0..batch).map(event).collect());
            version = self.store.append(append).await?.version();
            let before = std::mem::replace(&mut now, Instant::now());
            latency.borrow_mut().saturating_record(nanos_of(now - before));
            appends += 1;
        }
        Ok(())
    }
}

fn latencies() -> Result<Histogram<u64>> {
    Histogram::new_with_max(60_000_000_000, 3).map_err(|e| Error::internal(e.to_string()))
}

fn nanos_of(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
