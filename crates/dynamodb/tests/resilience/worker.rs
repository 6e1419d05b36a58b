//! The sequencer beside a store, whatever becomes of its requests: it goes on, and each event is placed once.
//!
//! ```text
//!   begin   it takes the lease, finds its place, and places an event that waits and one that comes
//!   stay    it renews the lease, looks which shards there are, says that it lives
//!   end     it gives the lease back
//! ```
//!
//! Each fault befalls each request of each of the three, once passing, once lasting until the worker has failed. Another
//! process appends and looks at the log. The clock stands still but where a test moves it: who comes after a
//! worker takes the lease at once, if that one has given it back, or not at all.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use factlog::{Append, Clock as _, Event, EventId, Expected, Position, Store as _};
use factlog_dynamodb::{Layout, Options, Store};
use futures::future::{Either, select};
use tokio::time::{sleep, timeout};

use crate::common::{self, Fault, Faults, Request};
use crate::faults::{CASES, PATIENCE, befall};
use crate::trial::Place;

/// Faults of a lasting kind after which the worker has failed at least once: the SDK gives up before.
const FAILED: usize = 20;

/// More than half of the lease's time, so that it is renewed, and more than all of it.
const RENEWED_MS: i64 = 6_000;
const OVER_MS: i64 = 11_000;

/// More than the time after which the lease of another is asked for again.
const ASKED_MS: i64 = 1_100;

/// More than the time between two looks at the shards, and two heartbeats.
const HEARTBEAT_MS: i64 = 121_000;

/// A process with a sequencer, and the faults before it.
struct Process {
    store: Store,
    faults: Faults,
}

impl Process {
    async fn start(place: &Place, seed: u64) -> Self {
        let faults = Faults::default();
        let config = common::config(place.local.name(), faults.clone());
        let millis = Duration::from_millis;
        let options = Options::new(seed).with_pauses(millis(1), millis(2));
        let options = options.with_sequencer_poll(millis(5));
        let store = Store::open(place.local.name(), &config, options, place.clock.clone()).await;
        Self { store: store.unwrap(), faults }
    }

    /// Waits until its sequencer has looked at the stream after now.
    async fn looked(&self, place: &Place) {
        place.clock.advance_ms(1);
        let now = place.clock.now();
        until(|| self.store.progress().is_some_and(|progress| progress.current >= now)).await;
    }

    /// Its sequencer asks for the lease, and does nothing else, since another has it.
    async fn asks_in_vain(&self, place: &Place) {
        self.faults.none();
        place.clock.advance_ms(ASKED_MS);
        until(|| !self.faults.requests().is_empty()).await;
        place.clock.advance_ms(ASKED_MS);
        until(|| self.faults.requests()["GetItem"] > 1).await;
        assert_eq!(self.faults.requests().len(), 1, "{:?}", self.faults.requests());
        assert_eq!(self.store.progress(), None);
    }
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, so).await.unwrap();
}

/// The head of the log, as it is to be, and the number of the last process.
struct Story {
    place: Place,
    head: u64,
    processes: u64,
}

impl Story {
    async fn new() -> Self {
        Self { place: Place::new(Layout::native()).await, head: 0, processes: 100 }
    }

    async fn start(&mut self) -> Process {
        self.processes += 1;
        Process::start(&self.place, self.processes).await
    }

    async fn append(&mut self) {
        self.head += 1;
        let event = Event::new(EventId::from_u128(self.head.into()), "E".parse().unwrap(), "{}");
        let append = Append::to("worker-a".parse().unwrap(), Expected::Any, vec![event]);
        self.place.calm.append(append).await.unwrap();
    }

    /// Waits until all that was appended is placed.
    async fn placed(&self) {
        let before = Position::new(self.head - 1);
        let head = timeout(PATIENCE, self.place.calm.wait_past(before)).await;
        assert_eq!(head.expect("an event is not placed").unwrap(), Position::new(self.head));
    }

    async fn append_and_place(&mut self) {
        self.append().await;
        self.placed().await;
    }
}

/// A fault that befalls the worker.
#[derive(Clone, Copy, Debug)]
struct Blow {
    fault: Fault,
    befalls: &'static [&'static str],
    lasting: bool,
    /// The number of the request.
    n: usize,
}

impl Blow {
    /// Falls on requests of the process from here on, but for those of this operation.
    fn falls(self, process: &Process, but: &'static str) {
        let Self { fault, befalls, lasting, n } = self;
        let can = move |request: Request<'_>| {
            let name = &request.operation;
            name != &but && (befalls.is_empty() || befalls.contains(name))
        };
        befall(&process.faults, fault, can, lasting, n);
    }
}

/// Tries each kind of blow for n = 1, 2, … as long as it finds a request to fall on.
async fn each_blow(mut blow: impl AsyncFnMut(Blow) -> bool) {
    for (fault, befalls, can_last) in CASES {
        for lasting in [false, true].into_iter().filter(|lasting| !lasting || can_last) {
            let mut n = 1;
            while blow(Blow { fault, befalls, lasting, n }).await {
                n += 1;
            }
        }
    }
}

/// Goes through with it; faults end when the worker has failed. Answers whether there were any.
async fn through(process: &Process, work: impl Future<Output = ()>) -> bool {
    let failed = async {
        while process.faults.hits() < FAILED {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let any = match select(pin!(work), pin!(failed)).await {
        Either::Left(_) => process.faults.hits() > 0,
        Either::Right(((), work)) => {
            process.faults.none();
            work.await;
            true
        }
    };
    process.faults.none();
    any
}

#[tokio::test]
async fn a_worker_that_begins() {
    let mut story = Story::new().await;
    each_blow(async |blow| {
        story.append().await;
        let process = story.start().await;
        blow.falls(&process, "");
        let any = through(&process, async {
            story.placed().await;
            story.append_and_place().await;
        });
        let any = any.await;
        process.store.close().await.unwrap();
        any
    })
    .await;
    story.place.agrees().await;
}

#[tokio::test]
async fn a_worker_that_stays() {
    let mut story = Story::new().await;
    let process = story.start().await;
    story.append_and_place().await;
    each_blow(async |blow| {
        process.looked(&story.place).await;
        blow.falls(&process, "GetRecords");
        through(&process, async {
            for ms in [RENEWED_MS, HEARTBEAT_MS] {
                story.place.clock.advance_ms(ms);
                process.looked(&story.place).await;
            }
            story.append_and_place().await;
        })
        .await
    })
    .await;
    process.store.close().await.unwrap();
    story.place.agrees().await;
}

#[tokio::test]
async fn a_worker_that_ends() {
    let mut story = Story::new().await;
    each_blow(async |blow| {
        // It takes the lease that the one before it has given back.
        let process = story.start().await;
        story.append_and_place().await;
        blow.falls(&process, "");
        let closed = timeout(PATIENCE, process.store.close()).await.unwrap();
        let any = process.faults.hits() > 0;
        process.faults.none();
        if let Err(error) = closed {
            assert!(blow.lasting && error.is_retryable(), "{blow:?}: {error}");
            process.store.close().await.unwrap();
        }
        any
    })
    .await;
    story.place.agrees().await;
}

#[tokio::test]
async fn processes_agree_on_one_worker() {
    let mut story = Story::new().await;
    let first = story.start().await;
    story.append_and_place().await;
    first.looked(&story.place).await;

    let second = story.start().await;
    for _ in 0..3 {
        second.asks_in_vain(&story.place).await;
        story.append_and_place().await;
    }

    // The first does not renew its lease in time: the second takes it.
    first.faults.plan(|_| Some(Fault::TimedOut));
    story.place.clock.advance_ms(OVER_MS);
    story.append_and_place().await;
    second.looked(&story.place).await;
    first.faults.none();
    until(|| first.store.progress().is_none()).await;
    first.asks_in_vain(&story.place).await;
    story.append_and_place().await;

    // The second gives it back.
    second.store.close().await.unwrap();
    story.place.clock.advance_ms(ASKED_MS);
    story.append_and_place().await;
    first.looked(&story.place).await;

    // The first is killed: the third has to wait until its lease is over.
    drop(first);
    let third = story.start().await;
    third.asks_in_vain(&story.place).await;
    story.place.clock.advance_ms(OVER_MS);
    story.append_and_place().await;
    third.store.close().await.unwrap();
    story.place.agrees().await;
}

#[tokio::test]
async fn a_lease_that_was_being_taken_is_given_back() {
    let mut story = Story::new().await;
    let process = story.start().await;
    process.faults.plan(|it| match (it.operation, it.nth) {
        ("PutItem", 1) => Some(Fault::AnswerLost),
        ("PutItem", _) => Some(Fault::Refused),
        _ => None,
    });
    until(|| process.faults.hits() > 1).await;
    process.store.close().await.unwrap();
    let next = story.start().await;
    story.append_and_place().await;
    next.store.close().await.unwrap();
    story.place.agrees().await;
}
