//! Loading the state of a stream: a long one from its snapshot, against a short one from its events.

use std::sync::Arc;

use bytes::Bytes;
use factlog::codec::Json;
use factlog::decider::{Decider, Executor, Options, SnapshotPolicy, Snapshots};
use factlog::{Event, EventId, EventType, Expected, Result, StoreExt, StreamName};
use futures::executor::block_on;
use serde::{Deserialize, Serialize};

use super::{Figure, Home, Latency};
use crate::exit::Failure;

/// Events of the streams, and their names.
const STREAMS: [(&str, u64); 2] = [("account-short", 50), ("account-long", 10_000)];

/// Loads of each stream that are timed.
const LOADS: u64 = 2_000;

/// An account that is only ever paid into.
struct Savings;

#[derive(Serialize, Deserialize)]
enum Saved {
    Deposited { amount: u64 },
}

impl Decider for Savings {
    type State = u64;
    type Command = u64;
    type Event = Saved;
    type Error = String;

    fn initial(&self) -> u64 {
        0
    }

    fn evolve(&self, balance: u64, Saved::Deposited { amount }: &Saved) -> u64 {
        balance + amount
    }

    fn decide(&self, _: &u64, amount: &u64) -> Result<Vec<Saved>, String> {
        Ok(vec![Saved::Deposited { amount: *amount }])
    }
}

pub(super) fn measure(home: &Home) -> Result<Vec<Figure>, Failure> {
    let store = Arc::new(home.store("deciders")?);
    let (deposited, data) = (EventType::new("Deposited")?, Bytes::from(r#"{"amount":1}"#));
    for (number, (name, events)) in (0_u64..).zip(STREAMS) {
        let event = |event| {
            Event::new(EventId::from_u64_pair(number, event), deposited.clone(), data.clone())
        };
        let events = (0..events).map(event).collect();
        block_on(store.append_to(&StreamName::new(name)?, Expected::NoStream, events))?;
    }
    let policy = SnapshotPolicy::EveryEvents(1_000);
    let (snapshots, mut snapshotter) =
        Snapshots::new(Arc::new(store.state()?), "savings", 1, policy)?;
    let options = Options::default().with_states_cached(0).with_snapshots(snapshots);
    let executor = Executor::new(Arc::clone(&store) as _, Savings, Json::new(), options);
    let mut figures = Vec::new();
    for (name, events) in STREAMS {
        let stream = StreamName::new(name)?;
        let load = || {
            let state = block_on(executor.state(&stream))?;
            assert_eq!(state.state, events, "all events are in the state");
            Ok::<_, Failure>(())
        };
        load()?;
        block_on(snapshotter.write_waiting());
        let mut latency = Latency::new()?;
        for _ in 0..LOADS {
            latency.time(load)?;
        }
        let from = if executor.metrics().snapshots_used > 0 { "a snapshot" } else { "its events" };
        figures.push(latency.figure(format!("load of {events} events, from {from}")));
    }
    let [(_, short), (_, long)] = STREAMS;
    let what = format!("load of {long} events with a snapshot, against {short}");
    figures.push(Figure::new(what, figures[1].value / figures[0].value, "times"));
    block_on(factlog::Store::close(&*store))?;
    Ok(figures)
}
