//! What calls cost keeps within the budgets, and in each layout is what the sizes of items say.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use common::Local;
use factlog::{Append, Event, Expected, Position, Store as _, StoreExt, SystemClock};
use factlog_dynamodb::budget::{BUDGETS, Call, Spent, Unit, computed, measure, sample};
use factlog_dynamodb::{CreateTables, Layout, Options, Store, Tables};
use uuid::Uuid;

async fn open(local: &Local, layout: &Layout, options: Options) -> Store {
    let mut create = CreateTables::default();
    create.layout = Some(layout.clone());
    Tables::create(&local.client(), local.name(), &create).await.unwrap();
    Store::open(local.name(), local.config(), options, SystemClock).await.unwrap()
}

async fn measured(layout: &Layout) -> Vec<Spent> {
    let local = Local::new();
    measure(&open(&local, layout, Options::new(1).without_sequencer()).await).await.unwrap()
}

fn figure(spent: &[Spent], call: Call, unit: Unit) -> f64 {
    let of_call = spent.iter().find(|spent| spent.call == call);
    of_call.unwrap_or_else(|| panic!("{call} has no figure")).figure(unit)
}

#[tokio::test]
async fn native_keeps_within_the_budgets() {
    let native = Layout::native();
    let over: Vec<_> = [computed(&native).unwrap(), measured(&native).await]
        .iter()
        .flat_map(|spent| BUDGETS.map(|line| (line, figure(spent, line.call, line.unit))))
        .filter(|(line, figure)| *figure > line.most)
        .collect();
    assert!(over.is_empty(), "{over:#?}");
}

/// What only waiting takes depends on the time that passes.
#[tokio::test]
async fn in_each_layout_what_is_measured_is_what_the_sizes_of_items_say() {
    for layout in [
        "native",
        "castore",
        "castore-single-table",
        "custom:stream=StreamId,version=EventId,type=EventName,data=Payload",
    ] {
        let layout: Layout = layout.parse().unwrap();
        let (computed, measured) = (computed(&layout).unwrap(), measured(&layout).await);
        for line in BUDGETS.iter().filter(|line| line.call != Call::Wait) {
            let [computed, measured] =
                [&computed, &measured].map(|s| figure(s, line.call, line.unit));
            assert!(
                (computed - measured).abs() < 1e-9,
                "{layout}: {line:?}: {computed} computed, {measured} measured"
            );
        }
    }
}

#[tokio::test]
async fn a_handle_reports_its_own_calls_alone() {
    let local = Local::new();
    let store = open(&local, &Layout::native(), Options::new(1)).await;
    let (one, other) = (store.metered(), store.metered());
    let placed = Event::new(Uuid::from_u128(1), "Placed".parse().unwrap(), "{}");
    let append = Append::to("order-1".parse().unwrap(), Expected::NoStream, vec![placed]);
    one.append(append).await.unwrap();
    let cost = one.meter().total();
    assert_eq!((cost.requests, cost.read_units, cost.write_units), (1, 0.0, 1.0));
    assert_eq!(other.meter().total().requests, 0);
    let stream = "order-1".parse().unwrap();
    assert_eq!(other.load(&stream).await.unwrap().len(), 1);
    let cost = other.meter().total();
    assert_eq!((cost.requests, cost.read_units, cost.write_units), (1, 1.0, 0.0));
    assert_eq!(one.meter().total().requests, 1);
    store.wait_past(Position::ZERO).await.unwrap();
    let sequencer = store.sequencer_meter().unwrap().total();
    assert!(sequencer.write_units >= 2.0, "the lease and a page: {sequencer:?}");
    let without = open(&local, &Layout::native(), Options::new(2).without_sequencer()).await;
    assert!(without.sequencer_meter().is_none());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_sample_counts_what_was_appended() {
    let local = Local::new();
    let store = open(&local, &Layout::native(), Options::new(1)).await;
    assert_eq!(sample(&store, 10).await.unwrap().commits, 0);
    let event = |id: u128| Event::new(Uuid::from_u128(id), "Placed".parse().unwrap(), "{}");
    for number in 0..3 {
        let stream = format!("order-{number}").parse().unwrap();
        let events = vec![event(2 * number), event(2 * number + 1)];
        store.append(Append::to(stream, Expected::NoStream, events)).await.unwrap();
    }
    let both = Append::to("order-0".parse().unwrap(), Expected::Any, vec![event(10)]);
    store
        .append(both.and("order-1".parse().unwrap(), Expected::Any, vec![event(11)]))
        .await
        .unwrap();
    let appended = store.meter().total().write_units;
    store.wait_past(Position::new(7)).await.unwrap();
    let sample = sample(&store, 100).await.unwrap();
    assert_eq!((sample.commits, sample.events, sample.read_units), (4, 8, 5));
    assert_eq!(sample.write_units as f64, appended);
    assert!(sample.bytes > 5 * 50 && sample.bytes < 5 * 512, "{sample:?}");
    assert!(sample.page_write_units >= 1);
    store.close().await.unwrap();
}
