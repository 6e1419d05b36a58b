//! Flipped bits: a closed store either has all its events or refuses to say otherwise.

use factlog::{ErrorKind, ReadLog, Store as _};
use futures::TryStreamExt;
use futures::executor::block_on;

use super::world::{World, read_all};

const SEGMENT: &str = "segment-0000000001.log";

/// A closed store with some appends, and the bytes of its log that are in use.
fn closed(index: bool) -> (World, usize) {
    let mut world = World::new(1);
    let store = world.open().unwrap();
    for step in 0..10 {
        world.append(&store, step).unwrap();
    }
    if index {
        store.flush_index().unwrap();
    }
    drop(store);
    let bytes = world.disk.bytes_of(SEGMENT);
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    (world, used)
}

fn names_a_place(message: &str) -> bool {
    message.contains(SEGMENT) && message.contains("offset")
}

#[test]
fn a_bit_that_flips_anywhere_is_refused_or_harmless() {
    for index in [false, true] {
        let (world, used) = closed(index);
        let all = read_all(&world.open().unwrap());
        for offset in 0..used + 64 {
            let bit = u8::try_from(offset % 8).unwrap();
            world.disk.flip(SEGMENT, offset, bit);
            match world.open() {
                Err(error) => {
                    assert_eq!(error.kind(), &ErrorKind::Corrupt, "offset {offset}: {error}");
                    assert!(names_a_place(&error.to_string()), "offset {offset}: {error}");
                }
                Ok(store) => {
                    match block_on(store.read_log(ReadLog::new()).try_collect::<Vec<_>>()) {
                        Ok(events) => assert_eq!(events, all, "offset {offset} changed the log"),
                        Err(error) => {
                            assert_eq!(
                                error.kind(),
                                &ErrorKind::Corrupt,
                                "offset {offset}: {error}"
                            );
                            assert!(names_a_place(&error.to_string()), "offset {offset}: {error}");
                            assert!(store.verify(|_, _| ()).is_err(), "verify finds it too");
                        }
                    }
                }
            }
            world.disk.flip(SEGMENT, offset, bit);
        }
    }
}

#[test]
fn damage_is_refused_with_segment_offset_and_position() {
    let (world, used) = closed(false);
    world.disk.flip(SEGMENT, used / 2, 0);
    let error = world.open().unwrap_err().to_string();
    assert!(names_a_place(&error) && error.contains("position"), "{error}");
}

#[test]
fn nothing_is_deleted_when_a_store_is_refused() {
    let (world, used) = closed(false);
    world.disk.flip(SEGMENT, used / 2, 0);
    let before = world.disk.bytes_of(SEGMENT);
    world.open().unwrap_err();
    assert_eq!(world.disk.bytes_of(SEGMENT), before);
    world.disk.flip(SEGMENT, used / 2, 0);
    world.open().expect("the damage is repaired");
}
