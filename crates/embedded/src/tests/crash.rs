//! Crashes, failed calls and full disks, at every call that changes the disk.

use factlog::ErrorKind;

use super::world::World;
use crate::disk::simulated::{Fault, SECTOR_BYTES};
use crate::frame::COMMIT_BYTES;

const STEPS: usize = 12;

/// How many seeds each call is tried with: more of them from the environment.
fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("FACTLOG_CRASH_SEEDS").ok().and_then(|text| text.parse().ok());
    0..count.unwrap_or(4)
}

/// Works, closes and opens again, as long as the disk lets it.
fn work(world: &mut World) {
    for round in 0..2 {
        let Ok(store) = world.open() else { return };
        for step in 0..STEPS {
            let failed = world.append(&store, round * STEPS + step).is_err();
            if failed && step % 2 == 0 {
                break;
            }
        }
        drop(store);
    }
}

fn calls_of_work() -> u64 {
    let mut world = World::new(0);
    work(&mut world);
    assert_eq!(world.acknowledged.len(), 2 * STEPS, "without a fault all appends succeed");
    world.disk.calls()
}

#[test]
fn a_crash_at_any_call_loses_nothing_that_was_acknowledged() {
    for call in 1..=calls_of_work() {
        for seed in seeds() {
            let mut world = World::new(seed * 1_000 + call);
            world.disk.fail_at(call, Fault::Crash);
            work(&mut world);
            world.disk.restart();
            world.check();
            world.disk.restart();
            world.check();
        }
    }
}

#[test]
fn a_second_crash_during_recovery_loses_nothing() {
    for call in 1..=calls_of_work() {
        for second in 1..=4 {
            let mut world = World::new(call * 31 + second);
            world.disk.fail_at(call, Fault::Crash);
            work(&mut world);
            world.disk.restart();
            world.disk.fail_at(world.disk.calls() + second, Fault::Crash);
            drop(world.open());
            world.disk.restart();
            world.check();
        }
    }
}

#[test]
fn a_call_that_fails_ends_in_an_error_and_loses_nothing() {
    for fault in [Fault::Fail, Fault::Full] {
        for call in 1..=calls_of_work() {
            let mut world = World::new(call);
            world.disk.fail_at(call, fault);
            work(&mut world);
            // What the device never got may vanish with the machine: only what was acknowledged counts.
            world.disk.restart();
            world.check();
        }
    }
}

#[test]
fn after_a_failed_sync_the_store_takes_no_appends_and_says_so() {
    let mut world = World::new(5);
    let store = world.open().unwrap();
    world.append(&store, 1).unwrap();
    // An append is a write and a sync.
    world.disk.fail_at(world.disk.calls() + 2, Fault::Fail);
    let first = world.append(&store, 2).unwrap_err();
    assert_eq!((first.kind(), first.may_have_happened()), (&ErrorKind::Closed, true), "{first}");
    let calls = world.disk.calls();
    let next = world.append(&store, 3).unwrap_err();
    assert_eq!((next.kind(), next.may_have_happened()), (&ErrorKind::Closed, false), "{next}");
    assert!(next.to_string().contains("syncing segment-0000000001.log failed"), "{next}");
    assert_eq!(world.disk.calls(), calls, "a sync that failed is not tried again");
    assert_eq!(super::world::read_all(&store).len(), 2, "what was acknowledged can still be read");
    drop(store);
    assert_eq!(world.disk.calls(), calls, "closing does not try it again either");
    world.disk.restart();
    world.check();
}

#[test]
fn a_store_that_is_only_read_changes_nothing_on_disk() {
    let mut world = World::new(8);
    let store = world.open().unwrap();
    world.append(&store, 1).unwrap();
    drop(store);
    let calls = world.disk.calls();
    let store = world.open().unwrap();
    assert_eq!(super::world::read_all(&store).len(), 2);
    drop(store);
    assert_eq!(world.disk.calls(), calls);
}

#[test]
fn a_mark_that_the_device_never_got_is_not_damage() {
    for seed in 0..12 {
        let mut world = World::new(seed);
        let store = world.open().unwrap();
        // The mark is to lie in two sectors, of which the next append writes only the second.
        let straddles = |world: &World| {
            let end = world.disk.used("segment-0000000001.log");
            end % SECTOR_BYTES > SECTOR_BYTES - COMMIT_BYTES
        };
        let mut steps = 0..;
        while steps.start == 0 || !straddles(&world) {
            world.append(&store, steps.next().unwrap()).unwrap();
        }
        // Closing writes the mark and syncs it.
        world.disk.fail_at(world.disk.calls() + 2, Fault::Fail);
        drop(store);
        let store = world.open().unwrap();
        world.append(&store, 1).unwrap();
        drop(store);
        world.disk.restart();
        world.check();
    }
}

#[test]
fn a_log_that_fills_its_segment_to_the_last_byte_goes_on_in_the_next() {
    let mark = COMMIT_BYTES as u64;
    for left in [0, 1, mark - 1, mark, mark + 1] {
        for has_next in [false, true] {
            let mut world = World::new(left);
            let store = world.open().unwrap();
            world.fill_segment(&store, left);
            if has_next {
                world.append(&store, 1).unwrap();
            }
            drop(store);
            for _ in 0..2 {
                world.check();
            }
        }
    }
}

#[test]
fn appends_larger_than_a_segment_are_read_on_and_opened_again() {
    let mut world = World::new(9);
    for round in 0..3 {
        let store = world.open().unwrap();
        world.append(&store, 1).unwrap();
        // Segments made for them, which they fill.
        for bytes in [3 << 20, 8 << 20] {
            world.append_large(&store, bytes);
        }
        assert_eq!(super::world::read_all(&store).len(), 4 + 6 * round);
        drop(store);
        world.check();
    }
}

#[test]
fn a_full_disk_refuses_appends_until_there_is_room() {
    let mut world = World::new(6);
    let store = world.open().unwrap();
    world.disk.set_full(true);
    let refused =
        (0..2_000).find_map(|_| world.append(&store, 23).err()).expect("the disk is full");
    assert!(refused.is_retryable() && !refused.may_have_happened(), "{refused}");
    assert!(refused.to_string().contains("making segment-0000000002.log"), "{refused}");
    world.disk.set_full(false);
    for step in 0..5 {
        world.append(&store, step).expect("there is room again");
    }
    drop(store);
    world.check();
}

#[test]
fn an_index_that_fell_behind_or_is_gone_is_made_from_the_log() {
    let mut world = World::new(7);
    for round in 0..3 {
        let store = world.open().unwrap();
        for step in 0..STEPS {
            world.append(&store, round * STEPS + step).unwrap();
        }
        store.flush_index().unwrap();
    }
    for kept in (0..=world.table.count()).rev() {
        world.table.keep(kept);
        world.check();
    }
}
