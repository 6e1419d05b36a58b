//! A projection over a large log, and queries of its view.
//!
//! Each event makes a document of its own, which is the most that a projection can have to write:
//! of documents that many events change, only the last form of a batch is written.

use std::sync::Arc;
use std::time::Instant;

use factlog::projection::{Documents, Projection, Projections, Worker};
use factlog::view::{Condition, Index, Kind, Query, View};
use factlog::{
    Append, Error, Event, EventId, EventType, Expected, ProjectionName, RecordedEvent, Result,
    Store as _, StreamName, SystemClock,
};
use factlog_embedded::Store;
use futures::executor::block_on;

use super::{Figure, Home, Latency, scatter};
use crate::exit::Failure;

/// Events of each append while the store is filled, each to a stream of its own.
const APPEND_EVENTS: usize = 1_000;

/// Orders of each customer, on average.
const ORDERS: u64 = 10;

/// Queries that are timed.
const QUERIES: u64 = 20_000;

pub(super) fn measure(home: &Home, events: u64) -> Result<Vec<Figure>, Failure> {
    let store = home.store("views")?;
    load(&store, events)?;
    let state = Arc::new(store.state()?);
    let store = Arc::new(store);
    let projections = Arc::new(Projections::new(Arc::clone(&store) as _, state as _, SystemClock));
    let name = ProjectionName::new("orders")?;
    let projection = Projection::new(name.clone(), place)
        .with_index(Index::new("customer", Kind::String))
        .with_index(Index::new("amount", Kind::Number));
    let started = Instant::now();
    let built = block_on(Worker::new(&projections, projection).catch_up())?;
    let took = started.elapsed().as_secs_f64();
    assert_eq!(built.generations[0].progress.documents, events, "each event makes a document");
    let what = "projection rebuild, a document with two indexes for each event";
    let mut figures = vec![Figure::new(what, events as f64 / took, "events/s")];
    let view = block_on(projections.view(&name))?;
    figures.push(queries(&view, events)?);
    block_on(store.close())?;
    Ok(figures)
}

fn load(store: &Store, events: u64) -> Result<()> {
    let placed = EventType::new("OrderPlaced")?;
    for first in (0..events).step_by(APPEND_EVENTS) {
        let numbers = first..events.min(first + APPEND_EVENTS as u64);
        let append = numbers.map(|number| {
            let (customer, amount) = (customer(number, events), number % 10_007);
            let data = format!(
                r#"{{"customer":"{customer}","amount":{amount},"status":"open","item":"item-{}"}}"#,
                number % 1_000
            );
            let event = Event::new(EventId::from_u64_pair(0, number), placed.clone(), data);
            Ok((StreamName::new(format!("order-{number}"))?, event))
        });
        let append = append.collect::<Result<Vec<_>>>()?.into_iter();
        let append = append.fold(Append::default(), |append, (stream, event)| {
            append.and(stream, Expected::NoStream, vec![event])
        });
        block_on(store.append(append))?;
    }
    Ok(())
}

/// Whose order it is.
fn customer(order: u64, orders: u64) -> String {
    format!("customer-{}", scatter(order) % (orders / ORDERS).max(1))
}

fn place(event: &RecordedEvent, documents: &mut Documents<'_>) -> Result<()> {
    let data = serde_json::from_slice(&event.data)
        .map_err(|e| Error::invalid("the data is not an object").with_source(e))?;
    documents.put(event.stream.as_str(), data)
}

fn queries(view: &View, documents: u64) -> Result<Figure, Failure> {
    let mut latency = Latency::new()?;
    for number in 0..QUERIES {
        let customer = customer(scatter(number) % documents, documents);
        let query = Query::new().with(Condition::equal("customer", customer)).limit(20);
        let page = latency.time(|| block_on(view.query(&query)))?;
        assert!(!page.documents.is_empty(), "a customer is taken from an order");
    }
    Ok(latency.figure(format!("query by index, about {ORDERS} of {documents} documents")))
}
