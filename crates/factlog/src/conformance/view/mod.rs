//! The suite of [views](crate::view) and [projections](crate::projection), for any store and the
//! state beside it.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use factlog::Memory;
//! use factlog::conformance::TestClock;
//!
//! fn open(clock: TestClock) -> Arc<Memory> {
//!     Arc::new(Memory::new(clock))
//! }
//!
//! factlog::view_tests!(open);
//! ```
//!
//! What `open` answers is the store's own [`StateFixture`]. What the documents have to be is said
//! by a fold over the whole log in a few lines (`model.rs`); what kills, fails and delays is a
//! wrapper around the state (`faults.rs`).

pub mod cases;
mod faults;
mod model;
mod random;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::state::StateFixture;
use super::{TestClock, bench};
use crate::projection::{Projection, ProjectionInfo, Projections, Worker};
use crate::state::{Scan, State};
use crate::view::{Document, Places, Query, View, entries};
use crate::{
    Event, Expected, Position, ProjectionName, ReadLog, RecordedEvent, Result, Store, StoreExt,
    Timer,
};

/// Runs one case on a fresh store: what a test made by [`view_tests!`](crate::view_tests) does.
///
/// # Panics
/// If the case fails, or does not come to an end.
pub fn run<F: StateFixture>(
    open: impl FnOnce(TestClock) -> F + Send + 'static,
    case: impl AsyncFnOnce(&mut ViewBench) + Send + 'static,
) {
    bench::to_its_end(|| {
        let clock = TestClock::default();
        let fixture = Box::new(open(clock.clone()));
        let mut bench = ViewBench { fixture, clock, appended: 0 };
        futures::executor::block_on(case(&mut bench));
    });
}

/// A fresh store and its state: what the cases know of the API.
#[derive(Debug)]
pub struct ViewBench {
    fixture: Box<dyn StateFixture>,
    clock: TestClock,
    /// How many events were appended; their ids.
    appended: u64,
}

impl ViewBench {
    fn store(&self) -> Arc<dyn Store> {
        self.fixture.store()
    }

    fn state(&self) -> Arc<dyn State> {
        self.fixture.state()
    }

    fn projections(&self) -> Arc<Projections> {
        self.projections_on(self.state())
    }

    fn projections_on(&self, state: Arc<dyn State>) -> Arc<Projections> {
        Arc::new(Projections::new(self.store(), state, self.clock.clone()))
    }

    /// Appends an event, and waits until it is in the log.
    async fn append(&mut self, stream: &str, event_type: &str, data: Value) {
        self.send(stream, event_type, data).await;
        self.placed().await;
    }

    async fn append_some(&mut self, random: &mut random::Random, count: usize) {
        for _ in 0..count {
            let (stream, event_type, data) = model::event(random);
            self.send(&stream, event_type, data).await;
        }
        self.placed().await;
    }

    async fn send(&mut self, stream: &str, event_type: &str, data: Value) {
        self.appended += 1;
        self.clock.advance_ms(1);
        let id = uuid::Uuid::from_u128(self.appended.into());
        let event_type = event_type.parse().expect("the suite names types well");
        let event = Event::new(id, event_type, data.to_string());
        let append = self.store().append_to(&bench::name(stream), Expected::Any, vec![event]).await;
        append.expect("events can be appended");
    }

    /// Waits until the log has all that was appended.
    async fn placed(&self) {
        let (mut head, all) = (Position::ZERO, Position::new(self.appended));
        while head < all {
            head = self.store().wait_past(head).await.expect("the log grows");
        }
    }

    /// Brings a projection to the head of the log.
    async fn catch_up(&self, projection: &Projection) -> ProjectionInfo {
        let worker = Worker::new(&self.projections(), projection.clone());
        worker.catch_up().await.expect("it catches up")
    }

    async fn view(&self, name: &ProjectionName) -> View {
        self.projections().view(name).await.expect("it is live")
    }

    async fn log(&self, to: Position) -> Vec<RecordedEvent> {
        let read = ReadLog::new().to(to);
        self.store().read_log(read).try_collect().await.expect("the log can be read")
    }

    /// Demands that the view of the model's projection is the fold over the log up to its position,
    /// and that its indexes and counts are those of its documents.
    async fn check(&self, view: &View) {
        let documents = all(view, Query::new()).await;
        let position = view.position().await.expect("it has a position");
        let fold = model::fold(&self.log(position).await);
        let data = documents.iter().map(|document| (document.key.clone(), document.data.clone()));
        assert_eq!(data.collect::<BTreeMap<_, _>>(), fold, "at {position}");
        assert_eq!(view.len().await.expect("it has a length"), documents.len() as u64);
        self.check_indexes(view, &documents).await;
    }

    async fn check_indexes(&self, view: &View, documents: &[Document]) {
        let places =
            Places::new(&model::name(), view.generation(), view.indexes()).expect("it has places");
        let mut expected = BTreeMap::new();
        let mut counts = BTreeMap::<_, u64>::new();
        for document in documents {
            for entry in entries(view.indexes(), &document.data).expect("documents have entries") {
                let index = &view.indexes()[entry.index];
                let key = &document.key;
                let (place, value) = match index.unique {
                    true => (places.owner(&entry), key.clone()),
                    false => (places.entry(&entry, key), String::new()),
                };
                expected.insert(place.expect("it is short"), value.into_bytes());
                if index.counted {
                    let place = places.count(&entry, document.lane).expect("it is short");
                    *counts.entry(place).or_default() += 1;
                }
            }
        }
        expected.extend(
            counts.into_iter().map(|(place, count)| (place, count.to_string().into_bytes())),
        );
        let mut found = BTreeMap::new();
        for partition in places.indexes.iter().chain(&places.counts) {
            let items: Vec<_> = self
                .state()
                .scan(Scan::new(partition.clone()))
                .try_collect()
                .await
                .expect("it can be scanned");
            found.extend(items.into_iter().map(|item| (item.key, item.value.to_vec())));
        }
        assert_eq!(found, expected);
    }
}

/// All documents that a query finds, over all pages.
async fn all(view: &View, mut query: Query) -> Vec<Document> {
    let mut documents = Vec::new();
    loop {
        let page = view.query(&query).await.expect("it can be queried");
        documents.extend(page.documents);
        match page.next {
            Some(token) => query = query.after(token),
            None => return documents,
        }
    }
}

fn keys(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| document.key.as_str()).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn data(event: &RecordedEvent) -> Result<Map<String, Value>> {
    serde_json::from_slice(&event.data)
        .map_err(|e| crate::Error::invalid(format!("no JSON object: {e}")))
}

/// A timer by which a millisecond passes each time that it is asked.
#[derive(Clone, Copy, Debug)]
struct Asked;

impl Timer for Asked {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut left = duration.as_millis();
        Box::pin(std::future::poll_fn(move |context| {
            if left == 0 {
                return std::task::Poll::Ready(());
            }
            left -= 1;
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        }))
    }
}

/// Makes a `#[test]` of each case of views and projections. The argument is called with a
/// [`TestClock`](crate::conformance::TestClock) and answers a
/// [`StateFixture`](crate::conformance::state::StateFixture) with a fresh, empty store.
#[macro_export]
macro_rules! view_tests {
    ($open:expr) => {
        mod view_cases {
            #[allow(unused_imports)]
            use super::*;
            $crate::view_cases!([$crate::view_test_fns!] [$open]);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! view_test_fns {
    ([$open:expr] $($subject:ident: $($case:ident)+;)+) => {
        $(mod $subject {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[test]
                fn $case() {
                    $crate::conformance::view::run($open, $crate::conformance::view::cases::$case);
                }
            )+
        })+
    };
}
