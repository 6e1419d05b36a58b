//! A throttled request is sent again after a pause, up to a bound, and is no matter of the others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::{AsyncSleep, Sleep};
use factlog::{Append, Event, EventId, Expected, Store as _};
use factlog_dynamodb::limits::{ATTEMPTS_MAX, PAUSE_FIRST, PAUSE_MAX};
use factlog_dynamodb::{CreateTables, Options, Store, Tables};
use futures::future::join_all;

use crate::common::{Fault, Local};

const THROTTLED: Fault = Fault::Error("ThrottlingException");

/// Notes what the SDK has slept; a time limit that was kept is none of it.
#[derive(Clone, Debug, Default)]
struct Slept(Arc<Mutex<Vec<Duration>>>);

impl AsyncSleep for Slept {
    fn sleep(&self, duration: Duration) -> Sleep {
        let slept = self.clone();
        Sleep::new(async move {
            tokio::time::sleep(duration).await;
            slept.0.lock().unwrap().push(duration);
        })
    }
}

impl Slept {
    fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A store with the pauses of production.
async fn open() -> (Local, Store, Slept) {
    let (local, slept) = (Local::new(), Slept::default());
    Tables::create(&local.client(), local.name(), &CreateTables::default()).await.unwrap();
    let config = local.config().to_builder().sleep_impl(slept.clone()).build();
    let options = Options::new(7).without_sequencer();
    let clock = factlog::conformance::TestClock::default();
    let store = Store::open(local.name(), &config, options, clock).await.unwrap();
    slept.take();
    (local, store, slept)
}

async fn append(store: &Store, stream: usize) -> factlog::Result<()> {
    let event = Event::new(EventId::from_u128(stream as u128), "E".parse().unwrap(), "{}");
    let stream = format!("s-{stream}").parse().unwrap();
    store.append(Append::to(stream, Expected::NoStream, vec![event])).await.map(drop)
}

#[tokio::test]
async fn one_throttled_request_holds_up_no_other() {
    let (local, store, slept) = open().await;
    local.faults().at(1, THROTTLED);
    append(&store, 0).await.unwrap();
    assert!(matches!(slept.take()[..], [pause] if pause <= PAUSE_FIRST));
    for stream in 1..=20 {
        append(&store, stream).await.unwrap();
    }
    assert_eq!(
        slept.take(),
        Vec::<Duration>::new(),
        "requests that were not throttled have waited"
    );
}

#[tokio::test]
async fn throttling_that_lasts_is_told_after_a_bound() {
    let (local, store, slept) = open().await;
    local.faults().each("PutItem", THROTTLED);
    let error = append(&store, 1).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(local.faults().requests()["PutItem"], ATTEMPTS_MAX as usize);
    let pauses = slept.take();
    assert_eq!(pauses.len(), ATTEMPTS_MAX as usize - 1);
    let ceilings = (0..).map(|doublings| (PAUSE_FIRST * 2_u32.pow(doublings)).min(PAUSE_MAX));
    assert!(pauses.iter().zip(ceilings).all(|(pause, ceiling)| *pause <= ceiling), "{pauses:?}");
}

#[tokio::test]
async fn each_request_has_its_attempts_until_all_together_are_too_many() {
    let (local, store, _) = open().await;
    let attempts = ATTEMPTS_MAX as usize;
    // As many as 100 tasks that append to a hot partition: what else the process does goes on.
    let all_throttled = async |count| {
        local.faults().each("PutItem", THROTTLED);
        for answer in join_all((1..=count).map(|stream| append(&store, stream))).await {
            assert!(answer.unwrap_err().is_retryable());
        }
        local.faults().requests()["PutItem"]
    };
    assert_eq!(all_throttled(100).await, 100 * attempts);
    local.faults().at(1, THROTTLED);
    append(&store, 0).await.unwrap();
    // A service in trouble is not asked eight times as much.
    assert!(all_throttled(600).await < 600 * attempts);
}
