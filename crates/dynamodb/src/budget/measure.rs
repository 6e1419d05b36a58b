//! What calls cost as DynamoDB reports it.

use std::time::{Duration, Instant};

use factlog::{
    Append, Error, Event, EventType, Expected, Filter, Position, ReadLog, ReadStream, Result,
    Store as _, StoreExt, StreamName, Version,
};
use futures::{StreamExt, TryStreamExt, stream as streams};

use super::computed::standing;
use super::workload::{LOADED, MANY, ONE, SMALL, events, stream};
use super::{Call, Spent};
use crate::cost::Cost;
use crate::limits::{QUERIES_AT_ONCE, SEQUENCER_POLL};
use crate::sequencer::frontier::Frontier;
use crate::sequencer::io::{Heart, Heartbeat};
use crate::sequencer::{Options, Sequencer};
use crate::store::Store;
use crate::worker::Worker;

/// Commits that are sequenced one by one.
const ONE_BY_ONE: u64 = 10;

/// Looks at the stream until a commit has to show up: a minute.
const LOOKS_MAX: u32 = 240;

/// How long it is measured what waiting costs, the first looks included, which come faster.
const WAITED: Duration = Duration::from_secs(4);

/// Measures all calls on a store that is empty and has no sequencer, here or elsewhere. It writes events and does not
/// remove them.
///
/// # Errors
/// `Invalid` if the store is not empty; those of the calls.
pub async fn measure(store: &Store) -> Result<Vec<Spent>> {
    if store.head().await? != Position::ZERO {
        return Err(Error::invalid(
            "what calls cost is measured on an empty store, and this one has events",
        ));
    }
    let mut all = appends_and_loads(store).await?;
    all.extend(sequencing(store).await?);
    all.extend(measure_reads(store).await?);
    Ok(all)
}

/// Measures the calls that only read, on whatever the log has: [`Call::Head`], [`Call::ReadLog`] and [`Call::ReadNothing`] from the
/// first position of the last page, and [`Call::Wait`], which takes some seconds and is left out where the log grows.
///
/// # Errors
/// Those of the calls.
pub async fn measure_reads(store: &Store) -> Result<Vec<Spent>> {
    let head = store.head().await?;
    let last_page = store.shared.tail().await?.map_or(Position::FIRST, |page| page.first);
    let hundred = ReadLog::new().from(last_page).limit(MANY);
    let none = Filter::all().with_type(EventType::new("NoEventIsOfThisType")?);
    let nothing = hundred.clone().with_filter(none);
    let read = async |store: Store, read| {
        store.read_log(read).try_fold(0, async |count, _| Ok(count + 1)).await
    };
    let mut all = vec![
        Spent::once(Call::Head, cost(store, async |store| store.head().await).await?),
        Spent::once(Call::ReadLog, cost(store, async |store| read(store, hundred).await).await?),
        Spent::once(
            Call::ReadNothing,
            cost(store, async |store| read(store, nothing).await).await?,
        ),
    ];
    let (metered, started) = (store.metered(), Instant::now());
    if tokio::time::timeout(WAITED, metered.wait_past(head)).await.is_err() {
        let (cost, times) = (metered.meter().total(), started.elapsed().as_secs_f64());
        all.push(Spent { call: Call::Wait, cost, times });
    }
    Ok(all)
}

/// What the work costs, done through a handle of its own.
async fn cost<T>(store: &Store, work: impl AsyncFnOnce(Store) -> Result<T>) -> Result<Cost> {
    let metered = store.metered();
    let meter = metered.meter().clone();
    work(metered).await?;
    Ok(meter.total())
}

async fn appends_and_loads(store: &Store) -> Result<Vec<Spent>> {
    let (first, loaded) = (stream(1)?, stream(2)?);
    let append = async |stream: &StreamName, expected, events: Vec<Event>| {
        let append = Append::to(stream.clone(), expected, events);
        cost(store, async |store| store.append(append).await).await
    };
    let at = |version| Expected::Exact(Version::new(version));
    let mut calls = vec![
        (Call::AppendFirst, append(&first, Expected::NoStream, events(1, ONE, 1)?).await?),
        (Call::AppendLoaded, append(&first, at(1), events(1, ONE, 2)?).await?),
    ];
    store.shared.ends.forget(&first);
    calls.push((Call::AppendUnloaded, append(&first, at(2), events(1, ONE, 3)?).await?));
    calls.push((
        Call::AppendTen,
        append(&stream(3)?, Expected::NoStream, events(10, SMALL, 4)?).await?,
    ));
    for version in 0..LOADED {
        append(&loaded, at(version), events(1, SMALL, version)?).await?;
    }
    store.shared.ends.forget(&loaded);
    calls.push((Call::Load, cost(store, async |store| store.load(&loaded).await).await?));
    let on = ReadStream::new(loaded).from(Version::new(LOADED).next());
    let on = cost(store, async |store| store.read_stream(on).try_collect::<Vec<_>>().await).await?;
    calls.push((Call::ReadOn, on));
    Ok(calls.into_iter().map(|(call, cost)| Spent::once(call, cost)).collect())
}

async fn sequencing(store: &Store) -> Result<Vec<Spent>> {
    let worker = Worker::new(store.shared.metered()).await?;
    let mut placed = LOADED + 3 + 10;
    let mut sequencer =
        Placing { sequencer: Sequencer::new(worker.clone(), Options::default()), worker };
    sequencer.until(placed).await?;
    let mut one_by_one = Cost::default();
    let append = async |number| {
        store
            .append(Append::to(stream(number)?, Expected::NoStream, events(1, SMALL, number)?))
            .await
    };
    for number in 0..ONE_BY_ONE {
        append(100 + number).await?;
        placed += 1;
        one_by_one += sequencer.until(placed).await?;
    }
    let waiting = streams::iter(0..MANY).map(|number| append(1_000 + number));
    waiting.buffer_unordered(QUERIES_AT_ONCE).try_collect::<Vec<_>>().await?;
    let many = sequencer.until(placed + MANY).await?;
    Ok(vec![
        Spent { call: Call::SequenceOne, cost: one_by_one, times: ONE_BY_ONE as f64 },
        Spent { call: Call::SequenceMany, cost: many, times: MANY as f64 },
        sequencer.standing().await?,
    ])
}

struct Placing {
    sequencer: Sequencer<Worker>,
    worker: Worker,
}

impl Placing {
    /// Sequences until so many events have their place; what that cost.
    async fn until(&mut self, placed: u64) -> Result<Cost> {
        let before = self.worker.meter().total();
        for _ in 0..LOOKS_MAX {
            self.sequencer.catch_up().await?;
            if self.sequencer.progress().placed >= placed {
                return Ok(self.worker.meter().total() - before);
            }
            tokio::time::sleep(SEQUENCER_POLL).await;
        }
        Err(Error::unavailable("DynamoDB Streams do not say what was appended a minute ago"))
    }

    /// What a sequencer costs that only stays.
    async fn standing(&self) -> Result<Spent> {
        let spent = || self.worker.meter().total();
        let before = spent();
        self.worker.lease().await?;
        let renewed = spent();
        let (current, next) = (self.sequencer.progress().current, self.sequencer.progress().next);
        self.worker.beat(&Heartbeat { current, next, frontier: Frontier::none() }).await?;
        let beaten = spent();
        self.worker.release().await?;
        Ok(standing(renewed - before, beaten - renewed))
    }
}
