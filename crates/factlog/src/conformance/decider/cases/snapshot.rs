//! Snapshots: what is written, what is used, and what never changes by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::conformance::decider::ledger::{Account, Ledger, Move, executor, id};
use crate::conformance::decider::{DeciderBench, name, snapshots};
use crate::conformance::{Faults, FaultyState, FaultyStore};
use crate::decider::{Executor, Moment, Options, SnapshotPolicy, Snapshots, StateAt};
use crate::limits::{SNAPSHOTS_WAITING_MAX, STATE_VALUE_BYTES_MAX};
use crate::state::{Key, State, Write, Written};
use crate::{Clock, Memory, Store, Timestamp};

use Move::{Deposit, DepositEach};
use SnapshotPolicy::{EveryEvents, LoadTime, Never};

fn key(stream: &str) -> Key {
    Key::new(format!("snapshot/ledger/{stream}").as_str().parse().unwrap(), "").unwrap()
}

async fn value(state: &dyn State, stream: &str) -> Option<Vec<u8>> {
    state.get(&key(stream)).await.unwrap().map(|item| item.value.to_vec())
}

async fn put(state: &dyn State, stream: &str, value: Vec<u8>) {
    let written = state.write(vec![Write::put(key(stream), value)]).await.unwrap();
    assert!(matches!(written, Written::Done(_)));
}

/// Leaves so many deposits in the stream, and a snapshot after the last.
async fn snapshot(store: Arc<dyn Store>, state: Arc<dyn State>, stream: &str, deposits: u64) {
    let (snapshots, mut snapshotter) = snapshots(state, 1, EveryEvents(1));
    let executor = executor(store, Options::default().with_snapshots(snapshots));
    let amounts = (1..=deposits).collect();
    executor.execute(&name(stream), id(1), &DepositEach(amounts)).await.unwrap();
    snapshotter.write_waiting().await;
    assert_eq!(executor.metrics().snapshots_written, 1);
}

/// The state as it is made without snapshots.
async fn from_scratch(bench: &DeciderBench, stream: &str) -> StateAt<Account> {
    bench.executor().state(&name(stream)).await.unwrap()
}

/// Loads the stream in a new process, which must answer what a fold from scratch does, asked for its state now
/// or at its last version; tells how many snapshots it used, ignored, and how many events it read.
async fn load(bench: &DeciderBench, schema: u32, stream: &str) -> [u64; 3] {
    let expected = from_scratch(bench, stream).await;
    let (now, past) =
        (bench.with_snapshots(schema, Never).0, bench.with_snapshots(schema, Never).0);
    assert_eq!(now.state(&name(stream)).await.unwrap(), expected);
    let last = Moment::Version(expected.version);
    assert_eq!(past.state_at(&name(stream), last).await.unwrap(), expected);
    let [now, past] = [now.metrics(), past.metrics()]
        .map(|found| [found.snapshots_used, found.snapshots_ignored, found.events_loaded]);
    assert_eq!(now, past);
    now
}

pub async fn loading_with_a_snapshot_takes_two_requests_and_only_newer_events(
    bench: &mut DeciderBench,
) {
    snapshot(bench.store(), bench.state(), "a-1", 50).await;
    bench.executor().execute(&name("a-1"), id(2), &DepositEach(vec![1, 2])).await.unwrap();
    assert_eq!(load(bench, 1, "a-1").await, [1, 0, 2]);

    let faults = Faults::new(0, 0);
    let store = Arc::new(FaultyStore::new(bench.store(), Arc::clone(&faults)));
    let state = Arc::new(FaultyState::new(bench.state(), Arc::clone(&faults)));
    let (snapshots, _snapshotter) = snapshots(state, 1, EveryEvents(1));
    let executor = executor(store, Options::default().with_snapshots(snapshots));
    executor.state(&name("a-1")).await.unwrap();
    assert_eq!(faults.calls(), 2);
    executor.execute(&name("a-1"), id(3), &Deposit(1)).await.unwrap();
    assert_eq!(faults.calls(), 3, "the state is in the cache");
}

pub async fn deleting_all_snapshots_changes_nothing(bench: &mut DeciderBench) {
    snapshot(bench.store(), bench.state(), "a-1", 50).await;
    assert_eq!(load(bench, 1, "a-1").await, [1, 0, 0]);
    let deleted = bench.state().write(vec![Write::delete(key("a-1"))]).await.unwrap();
    assert!(matches!(deleted, Written::Done(_)));
    assert_eq!(load(bench, 1, "a-1").await, [0, 0, 50]);
}

pub async fn a_damaged_snapshot_is_not_used(bench: &mut DeciderBench) {
    snapshot(bench.store(), bench.state(), "a-1", 3).await;
    let whole = value(&*bench.state(), "a-1").await.unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        put(&*bench.state(), "a-1", flipped).await;
        assert_eq!(load(bench, 1, "a-1").await, [0, 1, 3], "byte {at} is flipped");
    }
    for length in [0, 1, 9, whole.len() / 2, whole.len() - 1] {
        put(&*bench.state(), "a-1", whole[..length].to_vec()).await;
        assert_eq!(load(bench, 1, "a-1").await, [0, 1, 3], "cut to {length} bytes");
    }
    put(&*bench.state(), "a-1", whole).await;
    assert_eq!(load(bench, 1, "a-1").await, [1, 0, 0]);
}

/// Puts in place of the stream's snapshot one that was taken of a stream of that name in another store.
async fn put_foreign(bench: &DeciderBench, deposits: u64) {
    let other = Arc::new(Memory::default());
    snapshot(Arc::clone(&other) as _, Arc::new(other.state()), "a-1", deposits).await;
    put(&*bench.state(), "a-1", value(&other.state(), "a-1").await.unwrap()).await;
}

pub async fn a_snapshot_of_another_schema_stream_or_history_is_not_used(bench: &mut DeciderBench) {
    snapshot(bench.store(), bench.state(), "a-1", 3).await;
    snapshot(bench.store(), bench.state(), "a-2", 3).await;
    assert_eq!(load(bench, 2, "a-1").await, [0, 1, 3]);
    let other_stream = value(&*bench.state(), "a-2").await.unwrap();
    put(&*bench.state(), "a-1", other_stream).await;
    assert_eq!(load(bench, 1, "a-1").await, [0, 1, 3]);
    // Beyond the stream's end, as after a store was restored; and at its end, with other events.
    for deposits in [4, 2] {
        put_foreign(bench, deposits).await;
        assert_eq!(load(bench, 1, "a-1").await, [0, 1, 3]);
    }
    put(&*bench.state(), "a-3", value(&*bench.state(), "a-2").await.unwrap()).await;
    assert_eq!(load(bench, 1, "a-3").await, [0, 1, 0]);
}

pub async fn a_snapshot_of_another_history_is_replaced(bench: &mut DeciderBench) {
    snapshot(bench.store(), bench.state(), "a-1", 3).await;
    put_foreign(bench, 9).await;
    let (executor, mut snapshotter) = bench.with_snapshots(1, EveryEvents(2));
    executor.state(&name("a-1")).await.unwrap();
    snapshotter.write_waiting().await;
    assert_eq!(load(bench, 1, "a-1").await, [1, 0, 0]);
}

pub async fn an_older_program_leaves_the_snapshot_of_a_newer_one(bench: &mut DeciderBench) {
    let (older, mut of_older) = bench.with_snapshots(1, EveryEvents(1));
    let (newer, mut of_newer) = bench.with_snapshots(2, EveryEvents(1));
    newer.execute(&name("a-1"), id(1), &Deposit(1)).await.unwrap();
    of_newer.write_waiting().await;
    older.execute(&name("a-1"), id(2), &Deposit(1)).await.unwrap();
    of_older.write_waiting().await;
    assert_eq!(load(bench, 2, "a-1").await, [1, 0, 1]);
    assert!(older.metrics().snapshots_skipped > 0);
    newer.execute(&name("a-1"), id(3), &Deposit(1)).await.unwrap();
    of_newer.write_waiting().await;
    assert_eq!(load(bench, 2, "a-1").await, [1, 0, 0]);
}

pub async fn a_state_that_is_too_large_is_not_kept(bench: &mut DeciderBench) {
    let (executor, mut snapshotter) = bench.with_snapshots(1, EveryEvents(1));
    let note = Move::Note("x".repeat(STATE_VALUE_BYTES_MAX));
    executor.execute(&name("a-1"), id(1), &note).await.unwrap();
    snapshotter.write_waiting().await;
    assert_eq!(executor.metrics().snapshots_too_large, 1);
    assert_eq!(load(bench, 1, "a-1").await, [0, 0, 1]);
    executor.execute(&name("a-1"), id(2), &Move::Note("short".into())).await.unwrap();
    snapshotter.write_waiting().await;
    assert_eq!(load(bench, 1, "a-1").await, [1, 0, 0]);
}

pub async fn snapshots_are_due_after_so_many_events(bench: &mut DeciderBench) {
    let snapshots = snapshots(bench.state(), 1, EveryEvents(5));
    let (executor, mut snapshotter) = (caching(bench, &snapshots.0), snapshots.1);
    for (number, written) in (1..).zip([0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2]) {
        executor.execute(&name("a-1"), id(number), &Deposit(1)).await.unwrap();
        snapshotter.write_waiting().await;
        assert_eq!(executor.metrics().snapshots_written, written, "after {number} events");
    }
    // Events of others count when they are loaded.
    bench.executor().execute(&name("a-2"), id(1), &DepositEach(vec![1; 4])).await.unwrap();
    for (number, written) in [(2, 2), (3, 3)] {
        caching(bench, &snapshots.0).state(&name("a-2")).await.unwrap();
        snapshotter.write_waiting().await;
        assert_eq!(executor.metrics().snapshots_written, written);
        bench.executor().execute(&name("a-2"), id(number), &Deposit(1)).await.unwrap();
    }
}

fn caching(bench: &DeciderBench, snapshots: &Snapshots<Account>) -> Executor<Ledger> {
    bench.executor_with(Options::default().with_snapshots(snapshots.clone()))
}

/// A clock that goes on by a second whenever it is read.
#[derive(Debug, Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.0.fetch_add(1_000_000_000, Ordering::SeqCst))
    }
}

pub async fn snapshots_are_due_after_a_long_load(bench: &mut DeciderBench) {
    bench.executor().execute(&name("a-1"), id(1), &Deposit(1)).await.unwrap();
    for (longest_ms, written) in [(1_000, 0), (999, 1)] {
        let policy = LoadTime(Duration::from_millis(longest_ms), Arc::<Ticking>::default());
        let (executor, mut snapshotter) = bench.with_snapshots(1, policy);
        for _ in ["it is written", "there is nothing new to write"] {
            executor.state(&name("a-1")).await.unwrap();
            snapshotter.write_waiting().await;
            assert_eq!(executor.metrics().snapshots_written, written);
        }
    }
}

pub async fn commands_are_executed_although_snapshots_fail(bench: &mut DeciderBench) {
    let state = Arc::new(FaultyState::new(bench.state(), Faults::new(1_000, 0)));
    let (snapshots, mut snapshotter) = snapshots(state, 1, EveryEvents(1));
    let options = Options::default().with_states_cached(0).with_snapshots(snapshots);
    let executor = bench.executor_with(options);
    for number in 0..5 {
        executor.execute(&name("a-1"), id(number), &Deposit(1)).await.unwrap();
        snapshotter.write_waiting().await;
    }
    let metrics = executor.metrics();
    assert!(metrics.snapshots_failed >= 10 && metrics.snapshots_written == 0, "{metrics:?}");
    assert_eq!(executor.state(&name("a-1")).await.unwrap(), from_scratch(bench, "a-1").await);
}

pub async fn snapshots_that_come_while_too_many_wait_are_not_written(bench: &mut DeciderBench) {
    let (executor, snapshotter) = bench.with_snapshots(1, EveryEvents(1));
    for number in 0..SNAPSHOTS_WAITING_MAX + 1 {
        let stream = name(&format!("a-{number}"));
        executor.execute(&stream, id(1), &Deposit(1)).await.unwrap();
    }
    let metrics = || executor.metrics();
    assert_eq!((metrics().snapshots_skipped, metrics().snapshots_written), (1, 0));
    // Spawned, it ends when nobody is left to hand over snapshots.
    let state = bench.state();
    drop(executor);
    snapshotter.run().await;
    assert!(value(&*state, "a-99").await.is_some());
    assert!(value(&*state, "a-100").await.is_none());
}
