//! What a stream was.

use crate::conformance::decider::ledger::{Ledger, Move, Moved, balance, id};
use crate::conformance::decider::{DeciderBench, name};
use crate::decider::SnapshotPolicy::{EveryEvents, Never};
use crate::decider::{Executor, Moment, Origin, When};
use crate::{Clock, StoreExt, Timestamp, Version};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_nanos(seconds * 1_000_000_000)
}

/// Deposits 1, 2, 3, 4: recorded a second apart, the third with a writer's time before all others.
async fn deposits(bench: &DeciderBench) -> Executor<Ledger> {
    let executor = bench.executor();
    for (number, time) in [(1, 10), (2, 20), (3, 5), (4, 30)] {
        bench.clock.advance_ms(1_000);
        let origin = Origin::new(id(number.into())).with_time(at(time));
        executor.execute(&name("a-1"), origin, &Move::Deposit(number)).await.unwrap();
    }
    executor
}

pub async fn a_stream_has_its_state_at_a_version(bench: &mut DeciderBench) {
    let executor = deposits(bench).await;
    for (version, expected, is_at) in [(0, 0, 0), (1, 1, 1), (3, 6, 3), (4, 10, 4), (9, 10, 4)] {
        let moment = Moment::Version(Version::new(version));
        let state = executor.state_at(&name("a-1"), moment).await.unwrap();
        assert_eq!((balance(&state), state.version), (expected, Version::new(is_at)));
    }
}

pub async fn a_stream_has_its_state_at_a_time(bench: &mut DeciderBench) {
    let executor = deposits(bench).await;
    let last = bench.clock.now().unix_nanos();
    let recorded =
        |ago_ms: i64| Moment::Recorded(Timestamp::from_unix_nanos(last - ago_ms * 1_000_000));
    for (moment, expected, version) in [
        (recorded(3_001), 0, 0),
        (recorded(3_000), 1, 1),
        (recorded(1_500), 3, 2),
        (recorded(0), 10, 4),
        (Moment::Time(at(4)), 0, 0),
        (Moment::Time(at(5)), 3, 3),
        (Moment::Time(at(10)), 4, 3),
        (Moment::Time(at(25)), 6, 3),
        (Moment::Time(at(30)), 10, 4),
    ] {
        let state = executor.state_at(&name("a-1"), moment).await.unwrap();
        let found = (balance(&state), state.version.number());
        assert_eq!(found, (expected, version), "{moment:?}");
    }
}

pub async fn it_is_known_when_something_was_so(bench: &mut DeciderBench) {
    let executor = deposits(bench).await;
    executor.execute(&name("a-1"), id(5), &Move::Withdraw(8)).await.unwrap();
    let (stream, events) = (name("a-1"), bench.store().load(&name("a-1")).await.unwrap());
    let version = |when: Option<When>| {
        let when = when?;
        let event = &events[usize::try_from(when.version.number()).unwrap() - 1];
        assert_eq!((when.recorded, when.time), (event.recorded, event.time));
        Some(when.version.number())
    };
    let low = |balance: u64| balance < 4;
    let first = executor.first_time(&stream, |state, _| low(state.balance)).await.unwrap();
    let last = executor.last_time(&stream, |state, _| low(state.balance)).await.unwrap();
    assert_eq!((version(first), version(last)), (Some(1), Some(5)));
    let first_high = executor.first_time(&stream, |state, _| !low(state.balance)).await.unwrap();
    let last_high = executor.last_time(&stream, |state, _| !low(state.balance)).await.unwrap();
    assert_eq!((version(first_high), version(last_high)), (Some(3), Some(4)));
    let withdrawn = |event: &Moved| matches!(event, Moved::Withdrawn { .. });
    let first = executor.first_time(&stream, |_, event| withdrawn(event)).await.unwrap();
    assert_eq!(version(first), Some(5));
    assert_eq!(executor.first_time(&stream, |state, _| state.balance > 10).await.unwrap(), None);
}

/// A stream with its snapshot after the second event of four, of which the second was written before the
/// first; recorded a second apart.
async fn with_a_snapshot_in_the_middle(bench: &DeciderBench) {
    let (snapshotting, mut snapshotter) = bench.with_snapshots(1, EveryEvents(2));
    let plain = bench.executor();
    for (executor, number, time) in
        [(&snapshotting, 1, 20), (&snapshotting, 2, 10), (&plain, 3, 30), (&plain, 4, 40)]
    {
        bench.clock.advance_ms(1_000);
        let origin = Origin::new(id(number.into())).with_time(at(time));
        executor.execute(&name("a-1"), origin, &Move::Deposit(number)).await.unwrap();
    }
    snapshotter.write_waiting().await;
    assert_eq!(snapshotting.metrics().snapshots_written, 1);
}

pub async fn the_past_begins_at_a_snapshot_that_is_before_it(bench: &mut DeciderBench) {
    with_a_snapshot_in_the_middle(bench).await;
    let last = bench.clock.now().unix_nanos();
    let version = |version| Moment::Version(Version::new(version));
    let recorded =
        |ago_ms: i64| Moment::Recorded(Timestamp::from_unix_nanos(last - ago_ms * 1_000_000));
    // What is read are the events after the snapshot, or all up to that moment.
    for (schema, moment, used, read) in [
        (1, version(9), 1, 2),
        (1, version(4), 1, 2),
        (1, version(3), 1, 1),
        (1, version(2), 1, 0),
        (1, version(1), 0, 1),
        (1, version(0), 0, 0),
        (1, recorded(0), 1, 2),
        (1, recorded(1_999), 1, 0),
        (1, recorded(2_000), 1, 0),
        (1, recorded(2_001), 0, 1),
        (1, recorded(9_000), 0, 0),
        (1, Moment::Time(at(30)), 0, 3),
        (1, Moment::Time(at(10)), 0, 1),
        (2, version(4), 0, 4),
        (2, recorded(0), 0, 4),
    ] {
        let (executor, _) = bench.with_snapshots(schema, Never);
        let state = executor.state_at(&name("a-1"), moment).await.unwrap();
        assert_eq!(state, bench.executor().state_at(&name("a-1"), moment).await.unwrap());
        let metrics = executor.metrics();
        let found = (metrics.snapshots_used, metrics.events_loaded);
        assert_eq!(found, (used, read), "schema {schema}, {moment:?}");
    }
}

pub async fn the_last_time_is_looked_for_after_a_snapshot_first(bench: &mut DeciderBench) {
    with_a_snapshot_in_the_middle(bench).await;
    for (balance, version, read) in
        [(10, Some(4), 2), (6, Some(3), 2), (3, Some(2), 4), (2, None, 4)]
    {
        let (executor, _) = bench.with_snapshots(1, Never);
        let last = executor.last_time(&name("a-1"), |state, _| state.balance == balance).await;
        let last = last.unwrap().map(|when| when.version.number());
        assert_eq!((last, executor.metrics().events_loaded), (version, read), "{balance}");
    }
}
