//! Writes, their conditions and their limits.

use bytes::Bytes;

use crate::ErrorKind::{Invalid, TooLarge};
use crate::conformance::state::*;
use crate::limits::{STATE_VALUE_BYTES_MAX, STATE_WRITE_BYTES_MAX, STATE_WRITE_ITEMS_MIN};
use crate::state::Change;
use Condition::{Absent, Any};

/// Puts to so many keys.
fn puts(count: usize, value: &'static [u8]) -> Vec<Write> {
    (0..count).map(|number| Write::put(key("p", &number.to_be_bytes()), value)).collect()
}

pub async fn what_is_put_is_there_at_once_and_what_is_deleted_is_not(bench: &mut StateBench) {
    let key = key("p", b"k");
    assert_eq!(bench.get(&key).await, None);
    for value in [&b"one"[..], b"", b"\x00\xff"] {
        let revision = bench.done([Write::put(key.clone(), value)]).await;
        let item = Item::new(key.clone(), value.into(), revision);
        assert_eq!(bench.get(&key).await, Some(item));
    }
    for _ in ["once", "and where there is nothing"] {
        bench.done([Write::delete(key.clone())]).await;
        assert_eq!(bench.get(&key).await, None);
        assert_eq!(bench.scan(all()).await, []);
    }
}

pub async fn a_write_is_done_only_if_its_condition_holds(bench: &mut StateBench) {
    let changes = [Change::Put(Bytes::from_static(b"new")), Change::Delete, Change::Keep];
    let (there, absent) = (key("p", b"there"), key("p", b"absent"));
    for change in changes {
        let old = bench.done([Write::put(there.clone(), "old")]).await;
        let now = bench.done([Write::put(there.clone(), "now")]).await;
        for (key, condition, holds) in [
            (&there, Absent, false),
            (&there, Condition::Revision(old), false),
            (&absent, Condition::Revision(now), false),
            (&absent, Absent, true),
            (&there, Condition::Revision(now), true),
        ] {
            let before = bench.get(key).await;
            let mut write = Write::check(key.clone(), condition);
            write.change = change.clone();
            match bench.write([write]).await.unwrap() {
                Written::Refused { key: refused, found } => {
                    assert!(!holds && refused == *key && found == before, "{found:?}");
                    assert_eq!(bench.get(key).await, before);
                }
                Written::Done(revision) => {
                    assert!(holds, "{change:?} of {key} expecting {condition:?}");
                    let after = match &change {
                        Change::Put(new) => Some(Item::new(key.clone(), new.clone(), revision)),
                        Change::Delete => None,
                        Change::Keep => before,
                    };
                    assert_eq!(bench.get(key).await, after);
                }
            }
        }
        bench.done([Write::delete(absent.clone())]).await;
    }
}

pub async fn one_condition_that_does_not_hold_keeps_all_items_as_they_are(bench: &mut StateBench) {
    bench.put([&b"a"[..], b"b"]).await;
    let before = bench.scan(all()).await;
    let changes = || {
        let writes = [Write::put(key("p", b"a"), "new"), Write::delete(key("p", b"b"))];
        writes.into_iter().chain([Write::put(key("q", b"c"), "new")])
    };
    let refusing = Write::put(key("p", b"b "), "new")
        .expecting(Condition::Revision(before.first().unwrap().revision));
    for at in 0..=3 {
        let mut writes: Vec<_> = changes().collect();
        writes.insert(at, refusing.clone());
        let refused = Written::Refused { key: refusing.key.clone(), found: None };
        assert_eq!(bench.write(writes).await.unwrap(), refused);
        assert_eq!(bench.scan(all()).await, before);
        assert_eq!(bench.get(&key("q", b"c")).await, None);
    }
    bench.done(changes()).await;
    assert_eq!(bench.sorts(all()).await, [b"a"]);
}

pub async fn a_check_must_hold_of_a_key_that_is_not_written(bench: &mut StateBench) {
    let (fence, document) = (key("p", b"fence"), key("q", b"document"));
    let old = bench.done([Write::put(fence.clone(), "1")]).await;
    let now = bench.done([Write::put(fence.clone(), "2")]).await;
    let held = bench.get(&fence).await;
    for (revision, value) in [(old, None), (now, Some(b"new".to_vec()))] {
        let check = Write::check(fence.clone(), Condition::Revision(revision));
        let written = bench.write([Write::put(document.clone(), "new"), check]).await.unwrap();
        match written {
            Written::Refused { key, found } => {
                assert_eq!((key, found), (fence.clone(), held.clone()));
            }
            Written::Done(done) => assert!(done != old && done != now),
        }
        assert_eq!(bench.value(&document).await, value);
        assert_eq!(bench.get(&fence).await, held);
    }
}

pub async fn all_items_of_a_write_have_the_revision_of_its_answer(bench: &mut StateBench) {
    let revision = bench.done(puts(20, b"v")).await;
    let items = bench.scan(all()).await;
    assert_eq!(items.len(), 20);
    assert!(items.iter().all(|item| item.revision == revision));
}

pub async fn no_revision_comes_again(bench: &mut StateBench) {
    let key = key("p", b"k");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..10 {
        assert!(seen.insert(bench.done([Write::put(key.clone(), "same")]).await));
        bench.done([Write::delete(key.clone())]).await;
        bench.state().write_each(vec![Write::put(key.clone(), "same")]).await.unwrap();
        assert!(seen.insert(bench.get(&key).await.unwrap().revision));
    }
}

pub async fn a_write_that_is_repeated_is_done_once_and_finds_what_it_wrote(bench: &mut StateBench) {
    let key = key("p", b"k");
    let mut condition = Absent;
    for value in ["position 1 of worker 1", "position 2 of worker 1"] {
        let write = Write::put(key.clone(), value).expecting(condition);
        let revision = bench.done([write.clone()]).await;
        let item = Item::new(key.clone(), value.into(), revision);
        let refused = Written::Refused { key: key.clone(), found: Some(item) };
        assert_eq!(bench.write([write]).await.unwrap(), refused);
        condition = Condition::Revision(revision);
    }
}

pub async fn a_write_that_makes_no_sense_is_invalid(bench: &mut StateBench) {
    let put = || Write::put(key("p", b"k"), "v");
    for writes in [
        vec![],
        vec![put(), put()],
        vec![put(), Write::delete(key("p", b"a")), put()],
        vec![put(), Write::check(key("p", b"k"), Absent)],
        vec![put(), Write::check(key("p", b"other"), Any)],
    ] {
        assert_eq!(bench.write(writes).await.unwrap_err().kind(), &Invalid);
    }
    assert_eq!(bench.scan(all()).await, []);
}

/// Values that, with their keys, are as large as one write may be.
fn largest() -> Vec<Write> {
    let mut writes = puts(STATE_WRITE_ITEMS_MIN, b"");
    let mut left = STATE_WRITE_BYTES_MAX - writes.iter().map(Write::size).sum::<usize>();
    for write in &mut writes {
        let size = left.min(STATE_VALUE_BYTES_MAX);
        write.change = Change::Put(vec![b'.'; size].into());
        left -= size;
    }
    writes
}

pub async fn what_is_just_within_the_limits_is_written(bench: &mut StateBench) {
    let items_max = bench.state().write_items_max();
    assert!(items_max >= STATE_WRITE_ITEMS_MIN);
    for writes in [puts(items_max, b"v"), largest()] {
        let values: Vec<_> = writes.iter().map(|write| write.change.clone()).collect();
        bench.done(writes).await;
        let items = bench.scan(all().limit(values.len() as u64)).await;
        assert!(items.into_iter().map(|item| Change::Put(item.value)).eq(values));
    }
}

pub async fn what_is_just_over_a_limit_is_too_large(bench: &mut StateBench) {
    let value = vec![b'.'; STATE_VALUE_BYTES_MAX + 1];
    let mut over_bytes = largest();
    over_bytes.last_mut().unwrap().change = Change::Put(Bytes::from_static(b"."));
    for writes in [
        puts(bench.state().write_items_max() + 1, b"v"),
        vec![Write::put(key("p", b"k"), value.clone())],
        over_bytes,
    ] {
        assert_eq!(bench.write(writes).await.unwrap_err().kind(), &TooLarge);
    }
    let each = vec![Write::put(key("p", b"a"), "v"), Write::put(key("p", b"k"), value)];
    assert_eq!(bench.state().write_each(each).await.unwrap_err().kind(), &TooLarge);
    assert_eq!(bench.scan(all()).await, []);
}

pub async fn each_of_any_number_is_written(bench: &mut StateBench) {
    let count = bench.state().write_items_max() + 1;
    bench.state().write_each(puts(count, b"v")).await.unwrap();
    assert_eq!(bench.scan(all()).await.len(), count);
    let deletes = puts(count, b"").into_iter().map(|write| Write::delete(write.key));
    bench.state().write_each(deletes.skip(2).collect()).await.unwrap();
    assert_eq!(bench.scan(all()).await.len(), 2);
    bench.state().write_each(vec![]).await.unwrap();
}

pub async fn what_is_written_each_for_itself_has_no_condition(bench: &mut StateBench) {
    let put = || Write::put(key("p", b"k"), "v");
    for writes in [
        vec![put().expecting(Absent)],
        vec![put(), put()],
        vec![put(), Write::delete(key("p", b"a")), put()],
        vec![put(), Write::check(key("p", b"other"), Any)],
    ] {
        assert_eq!(bench.state().write_each(writes).await.unwrap_err().kind(), &Invalid);
    }
    assert_eq!(bench.scan(all()).await, []);
}
