//! Sequencers in a world that a seed makes: everything that DynamoDB and machines may do to them happens, and at the end
//! every commit is placed exactly once.
//!
//! - [`world`]: the tables and the stream, with their faults; [`shards`] is what the stream keeps.
//! - [`io`]: the sequencer's view of it, where any call may fail, before or after it took effect, or take effect late.
//! - [`writers`]: commits of every kind. [`reader`]: follows the log all the time, and must never see it change.
//! - [`executor`]: time and tasks, on one thread. [`story`]: one seed from the beginning to the end.
//!
//! `FACTLOG_SEQUENCER_SEEDS` says how many seeds (10,000), `FACTLOG_SEQUENCER_SEED` runs a single one.

mod executor;
mod io;
mod reader;
mod rng;
mod shards;
mod story;
mod world;
mod writers;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use world::{Counts, Defect};

/// How many kinds of things stories count: each has to happen.
const KINDS: usize = 17;

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_commit_is_placed_exactly_once_whatever_happens() {
    if let Some(seed) = number_from("FACTLOG_SEQUENCER_SEED") {
        println!("{:?}", story::tell(seed, None));
        return;
    }
    let seeds = number_from("FACTLOG_SEQUENCER_SEEDS").unwrap_or(10_000);
    let next = AtomicU64::new(0);
    let told = thread::scope(|scope| {
        let work = || {
            let mut sum = Counts::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds {
                    return sum;
                }
                match catch_unwind(AssertUnwindSafe(|| story::tell(seed, None))) {
                    Ok(told) => sum.add(&told),
                    Err(_) => {
                        panic!("seed {seed} failed: FACTLOG_SEQUENCER_SEED={seed} replays it")
                    }
                }
            }
        };
        let threads = thread::available_parallelism().map_or(2, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut sum = Counts::default();
        for thread in threads {
            sum.add(&thread.join().expect("a seed failed; its number stands above"));
        }
        sum
    });
    println!("{seeds} seeds: {told:?}");
    // What the stories are about did happen.
    if seeds >= 1_000 {
        for (what, count) in &told.0 {
            assert!(*count > seeds / 200, "{what}: only {count} times in {seeds} seeds");
        }
        assert_eq!(told.0.len(), KINDS, "kinds of things that happened");
    }
}

#[test]
fn a_seed_replays() {
    for seed in 0..20 {
        assert_eq!(story::tell(seed, None), story::tell(seed, None), "seed {seed}");
    }
}

/// Runs seeds until one sees that the world, or a sequencer on it, is broken.
fn is_caught(defect: Defect) {
    let caught = (0..300).find(|&seed| catch_unwind(|| story::tell(seed, Some(defect))).is_err());
    assert!(caught.is_some(), "no seed has seen {defect:?}");
}

macro_rules! caught {
    ($($name:ident: $defect:ident),* $(,)?) => {
        $(#[test] fn $name() { is_caught(Defect::$defect); })*
    };
}

caught! {
    watermarks_that_are_not_flushed_are_noticed: FlushSkipped,
    watermarks_that_are_read_stale_are_noticed: StaleWatermarks,
    a_watermark_that_is_lowered_is_noticed: WatermarksLowered,
    a_page_that_is_written_over_another_is_noticed: PagesOverwritten,
    holes_that_are_not_filled_are_noticed: HolesNotFilled,
    a_commit_placed_in_parts_is_noticed: PartsIgnored,
    a_loss_that_is_not_noticed_is_noticed: LossHidden,
    a_scan_that_finds_nothing_is_noticed: ScanEmpty,
    a_trimmed_place_that_is_not_reported_is_noticed: TrimHidden,
}
