//! The state when the disk below its journal crashes, tears, fails and flips bits.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use factlog::state::{Key, Revision, Scan, State as _, Write, Written};
use factlog::{Error, ErrorKind, Result};
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::disk::Disk;
use crate::disk::simulated::{Fault, SECTOR_BYTES, SimulatedDisk};
use crate::state::record::RECORD_BYTES;
use crate::state::{Bounds, State};

const STEPS: usize = 7;
const IDENTITY: u64 = 7;
const JOURNAL: &str = "journal-0000000001.log";
/// So small that parts are sealed, written to the tree and forgotten again and again; each before the next
/// write, so that the calls to the disk come in one order.
const BOUNDS: Bounds = Bounds { part_bytes: 3_500, parts_waiting: 0 };

/// What each key has: the number of the step that wrote it.
type Contents = BTreeMap<Vec<u8>, usize>;

fn key(number: usize) -> Key {
    Key::new("p".parse().unwrap(), vec![u8::try_from(number).unwrap()]).unwrap()
}

/// A state on a simulated disk, with a record of what was acknowledged.
struct World {
    disk: SimulatedDisk,
    directory: tempfile::TempDir,
    /// What is durable.
    certain: Contents,
    /// Steps that may be lost, from the end, each whole.
    uncertain: Vec<usize>,
    /// Which step a revision was seen to be of.
    made: HashMap<Revision, usize>,
}

fn open_on(disk: &SimulatedDisk, path: &Path) -> Result<State> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    State::open_on(&disk, path, IDENTITY, BOUNDS)
}

/// What a step does to the contents: it puts two keys and deletes one.
fn apply(contents: &mut Contents, step: usize) {
    contents.insert(key(step % 5).sort().to_vec(), step);
    contents.insert(key(step % 3 + 5).sort().to_vec(), step);
    contents.remove(&key((step + 2) % 5).sort()[..]);
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            disk: SimulatedDisk::new(seed),
            directory: tempfile::tempdir().unwrap(),
            certain: Contents::new(),
            uncertain: Vec::new(),
            made: HashMap::new(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Opens the state and checks that it has all that is certain and a part of what is not.
    fn open(&mut self) -> Result<State> {
        let state = open_on(&self.disk, self.path())?;
        let contents = self.contents(&state)?;
        let mut possible = self.certain.clone();
        let mut uncertain = std::mem::take(&mut self.uncertain).into_iter();
        while contents != possible {
            let step = uncertain.next();
            let step = step.unwrap_or_else(|| panic!("{contents:?} is not {:?}", self.certain));
            apply(&mut possible, step);
        }
        // From here on what is there is there.
        self.certain = contents;
        Ok(state)
    }

    fn contents(&mut self, state: &State) -> Result<Contents> {
        let scan = Scan::new(key(0).partition().clone());
        let items: Vec<_> = block_on(state.scan(scan).try_collect())?;
        let contents = items.into_iter().map(|item| {
            let step = usize::from_be_bytes(item.value[..8].try_into().unwrap());
            assert_eq!(*self.made.entry(item.revision).or_insert(step), step, "a revision again");
            (item.key.sort().to_vec(), step)
        });
        Ok(contents.collect())
    }

    fn write(&mut self, state: &State, step: usize) -> Result<(), Error> {
        let value = [&step.to_be_bytes()[..], &[7; 300]].concat();
        let puts = [key(step % 5), key(step % 3 + 5)].map(|key| Write::put(key, value.clone()));
        let writes = puts.into_iter().chain([Write::delete(key((step + 2) % 5))]).collect();
        let durable = !step.is_multiple_of(4);
        let written = if durable {
            block_on(state.write(writes))
                .map(|written| assert!(matches!(written, Written::Done(_))))
        } else {
            block_on(state.write_each(writes))
        };
        match &written {
            Err(error) if !error.may_have_happened() => {}
            Ok(()) if durable => {
                self.uncertain.drain(..).for_each(|step| apply(&mut self.certain, step));
                apply(&mut self.certain, step);
            }
            Ok(()) | Err(_) => self.uncertain.push(step),
        }
        written
    }

    /// Works, closes and opens again, as long as the disk lets it.
    fn work(&mut self) {
        for round in 0..2 {
            let Ok(state) = self.open() else { return };
            for step in round * STEPS..(round + 1) * STEPS {
                if self.write(&state, step).is_err() && step % 2 == 0 {
                    break;
                }
            }
            if state.close().is_ok() {
                self.uncertain.drain(..).for_each(|step| apply(&mut self.certain, step));
            }
        }
    }

    /// Opens the state after anything, and sees that it takes writes.
    fn check(&mut self, step: usize) {
        let state = self.open().expect("a state opens after a crash");
        self.write(&state, step).expect("a recovered state takes writes");
        state.close().expect("a recovered state closes");
    }
}

fn calls_of_work() -> u64 {
    let mut world = World::new(0);
    world.work();
    assert!(world.uncertain.is_empty() && world.certain.values().any(|step| *step > STEPS));
    assert!(!world.disk.has(JOURNAL), "parts are sealed and forgotten");
    world.disk.calls()
}

/// Does it with each call to the disk, several at once: the tree's own syncs take their time.
fn with_each_call(check: impl Fn(u64) + Sync) {
    let (calls, next) = (calls_of_work(), AtomicU64::new(1));
    let work = || {
        std::iter::repeat_with(|| next.fetch_add(1, Relaxed))
            .take_while(|call| *call <= calls)
            .for_each(&check);
    };
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(work))));
}

#[test]
fn a_crash_at_any_call_loses_nothing_of_the_state_that_was_acknowledged() {
    with_each_call(|call| {
        for seed in 0..2 {
            let mut world = World::new(seed * 1_000 + call);
            world.disk.fail_at(call, Fault::Crash);
            world.work();
            world.disk.restart();
            world.disk.fail_at(world.disk.calls() + 1 + call % 3, Fault::Crash);
            drop(world.open());
            world.disk.restart();
            world.check(100);
            world.disk.restart();
            world.check(101);
        }
    });
}

#[test]
fn a_call_that_fails_ends_in_an_error_and_loses_nothing_of_the_state() {
    with_each_call(|call| {
        for fault in [Fault::Fail, Fault::Full] {
            let mut world = World::new(call);
            world.disk.fail_at(call, fault);
            world.work();
            world.disk.restart();
            world.check(100);
        }
    });
}

#[test]
fn after_a_failed_sync_the_state_takes_no_writes_and_says_so() {
    let mut world = World::new(5);
    let state = world.open().unwrap();
    world.write(&state, 1).unwrap();
    // A write is a write and a sync of the journal.
    world.disk.fail_at(world.disk.calls() + 2, Fault::Fail);
    let first = world.write(&state, 2).unwrap_err();
    assert_eq!((first.kind(), first.may_have_happened()), (&ErrorKind::Closed, true), "{first}");
    let calls = world.disk.calls();
    let next = world.write(&state, 3).unwrap_err();
    assert_eq!((next.kind(), next.may_have_happened()), (&ErrorKind::Closed, false), "{next}");
    assert!(next.to_string().contains("syncing journal-0000000001.log"), "{next}");
    assert_eq!(world.contents(&state).unwrap(), world.certain, "reads go on");
    assert_eq!(state.close().unwrap_err().kind(), &ErrorKind::Closed);
    assert_eq!(world.disk.calls(), calls, "a sync that failed is not tried again");
    world.disk.restart();
    world.check(100);
}

#[test]
fn a_state_that_is_only_read_changes_nothing_on_disk() {
    let mut world = World::new(8);
    let state = world.open().unwrap();
    world.write(&state, 1).unwrap();
    state.close().unwrap();
    let calls = world.disk.calls();
    for _ in 0..2 {
        world.open().unwrap().close().unwrap();
    }
    assert_eq!(world.disk.calls(), calls);
}

#[test]
fn a_mark_that_the_device_never_got_is_not_damage() {
    for seed in 0..12 {
        let mut world = World::new(seed);
        let bounds = Bounds { part_bytes: u64::MAX, ..BOUNDS };
        let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
        let open = |world: &World| State::open_on(&disk, world.path(), IDENTITY, bounds).unwrap();
        let state = open(&world);
        // The mark is to lie in two sectors, of which the next write writes only the second.
        let mut steps = 1..;
        while world.disk.used(JOURNAL) % SECTOR_BYTES <= SECTOR_BYTES - RECORD_BYTES {
            world.write(&state, steps.next().unwrap()).unwrap();
        }
        // Closing syncs, writes the mark and syncs it.
        world.disk.fail_at(world.disk.calls() + 3, Fault::Fail);
        state.close().unwrap_err();
        let state = open(&world);
        world.write(&state, 1).unwrap();
        drop(state);
        world.disk.restart();
        world.check(100);
    }
}

#[test]
fn a_full_disk_refuses_writes_to_the_state_until_there_is_room() {
    let mut world = World::new(6);
    let state = world.open().unwrap();
    world.disk.set_full(true);
    let refused = (1..50).find_map(|step| world.write(&state, step).err()).expect("it is full");
    assert!(refused.is_retryable() && !refused.may_have_happened(), "{refused}");
    assert!(refused.to_string().contains("making journal-0000000002.log"), "{refused}");
    world.disk.set_full(false);
    for step in 50..60 {
        world.write(&state, step).expect("there is room again");
    }
    drop(state);
    world.check(100);
}

#[test]
fn a_bit_of_the_journal_that_flips_is_refused_or_harmless() {
    let mut world = World::new(1);
    let state = world.open().unwrap();
    for step in 1..4 {
        world.write(&state, step).unwrap();
    }
    state.close().unwrap();
    for offset in (0..world.disk.used(JOURNAL)).step_by(3) {
        let bit = u8::try_from(offset % 8).unwrap();
        world.disk.flip(JOURNAL, offset, bit);
        let opened = world.disk.forked();
        let before = opened.bytes_of(JOURNAL);
        let refused = open_on(&opened, world.path());
        match refused {
            Err(error) => {
                let message = error.to_string();
                assert_eq!(error.kind(), &ErrorKind::Corrupt, "offset {offset}: {error}");
                assert!(message.contains(JOURNAL) && message.contains("offset"), "{message}");
                assert!(message.contains(world.path().to_str().unwrap()), "{message}");
                assert_eq!(opened.bytes_of(JOURNAL), before, "nothing is changed");
            }
            Ok(state) => {
                assert_eq!(world.contents(&state).unwrap(), world.certain, "offset {offset}");
            }
        }
        world.disk.flip(JOURNAL, offset, bit);
    }
}

#[test]
fn a_state_without_its_tree_or_its_journal_is_refused() {
    let mut world = World::new(2);
    world.work();
    let gone = SimulatedDisk::new(0);
    let error = open_on(&gone, world.path()).unwrap_err();
    assert!(error.kind() == &ErrorKind::Corrupt && error.to_string().contains("journal is gone"));
    std::fs::remove_dir_all(world.path().join("tree")).unwrap();
    let error = world.open().unwrap_err();
    assert!(error.kind() == &ErrorKind::Corrupt && error.to_string().contains("tree is gone"));
}
