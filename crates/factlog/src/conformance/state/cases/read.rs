//! Reads by key and by range.

use crate::ErrorKind;
use crate::conformance::state::*;
use crate::limits::{STATE_PARTITION_BYTES_MAX, STATE_SORT_BYTES_MAX};

const SORTS: [&[u8]; 8] = [b"", b"\0", b"a", b"a\0", b"ab", b"b", b"\xff", b"\xff\xff"];

fn longest() -> Vec<u8> {
    vec![0xff; STATE_SORT_BYTES_MAX]
}

pub async fn many_keys_are_answered_in_the_order_given(bench: &mut StateBench) {
    let sorts: Vec<_> = (0..250_u16).map(u16::to_be_bytes).collect();
    bench.put(sorts.iter().step_by(2).map(|sort| &sort[..])).await;
    let asked = || sorts.iter().rev().chain(&sorts);
    let keys: Vec<_> = asked().map(|sort| key("p", sort)).collect();
    let found = bench.state().get_many(&keys).await.unwrap();
    let found = found.into_iter().map(|item| item.map(|item| (item.key, item.value.to_vec())));
    let is_there = |sort: &[u8; 2]| sort[1].is_multiple_of(2);
    let expected = asked().map(|sort| is_there(sort).then(|| (key("p", sort), sort.to_vec())));
    assert!(found.eq(expected));
    assert_eq!(bench.state().get_many(&[]).await.unwrap(), []);
}

pub async fn keys_of_all_bytes_and_lengths_are_told_apart(bench: &mut StateBench) {
    let long = "x".repeat(STATE_PARTITION_BYTES_MAX);
    let partitions = ["p", "P", "pp", "p ", "é", "a/b#c", &long];
    let longest = longest();
    let sorts = SORTS.into_iter().chain([&longest[..], &longest[1..]]);
    let keys: Vec<_> = partitions
        .iter()
        .flat_map(|partition| sorts.clone().map(|sort| key(partition, sort)))
        .collect();
    let value = |number: usize| number.to_string().into_bytes();
    for (number, key) in keys.iter().enumerate() {
        bench.done([Write::put(key.clone(), value(number))]).await;
    }
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(bench.value(key).await, Some(value(number)), "{key}");
    }
}

pub async fn a_scan_is_of_one_partition_in_the_order_of_bytes(bench: &mut StateBench) {
    for partition in ["o", "pp", "p ", "q"] {
        bench.done([Write::put(key(partition, b"other"), "v")]).await;
    }
    assert_eq!(bench.sorts(all()).await, Vec::<Vec<u8>>::new());
    bench.put(SORTS.into_iter().rev()).await;
    assert_eq!(bench.sorts(all()).await, SORTS);
    let backward: Vec<_> = SORTS.into_iter().rev().collect();
    assert_eq!(bench.sorts(all().backward()).await, backward);
}

pub async fn a_range_of_sort_keys_has_the_ends_that_were_asked_for(bench: &mut StateBench) {
    bench.put(SORTS).await;
    for low in SORTS {
        for high in SORTS {
            type Holds = fn(&[u8], &[u8]) -> bool;
            let froms: [(Scan, Holds); 2] = [
                (all().from(low), |sort, low| sort >= low),
                (all().after(low), |sort, low| sort > low),
            ];
            for (scan, above) in froms {
                let tos: [(Scan, Holds); 2] = [
                    (scan.clone().to(high), |sort, high| sort <= high),
                    (scan.before(high), |sort, high| sort < high),
                ];
                for (scan, below) in tos {
                    let within =
                        SORTS.into_iter().filter(|sort| above(sort, low) && below(sort, high));
                    let mut within: Vec<_> = within.collect();
                    assert_eq!(bench.sorts(scan.clone()).await, within, "{scan:?}");
                    within.reverse();
                    assert_eq!(bench.sorts(scan.clone().backward()).await, within, "{scan:?}");
                }
            }
        }
    }
}

pub async fn a_prefix_is_a_range(bench: &mut StateBench) {
    bench.put(SORTS).await;
    for prefix in [&b""[..], b"\0", b"a", b"ab", b"abc", b"\xff", b"\xff\xff", b"c"] {
        let within: Vec<_> = SORTS.into_iter().filter(|sort| sort.starts_with(prefix)).collect();
        assert_eq!(bench.sorts(all().with_prefix(prefix)).await, within, "{prefix:?}");
    }
}

pub async fn a_limit_takes_what_comes_first_in_the_direction(bench: &mut StateBench) {
    bench.put(SORTS).await;
    for limit in [0, 1, 3, 8, 9, u64::MAX] {
        let count = usize::try_from(limit).unwrap_or(usize::MAX);
        let first: Vec<_> = SORTS.into_iter().take(count).collect();
        assert_eq!(bench.sorts(all().limit(limit)).await, first);
        let last: Vec<_> = SORTS.into_iter().rev().take(count).collect();
        assert_eq!(bench.sorts(all().backward().limit(limit)).await, last);
    }
}

pub async fn a_scan_goes_on_past_where_it_ended(bench: &mut StateBench) {
    let longest = longest();
    let sorts: Vec<_> = SORTS.into_iter().chain([&longest[..]]).collect();
    bench.put(sorts.iter().copied()).await;
    for first in [all(), all().backward()] {
        let (mut scan, mut seen) = (first.clone().limit(2), Vec::new());
        while let Some(last) = bench.scan(scan.clone()).await.last() {
            seen.extend(bench.sorts(scan.clone()).await);
            scan = scan.past(last.key.sort());
        }
        assert_eq!(seen, bench.sorts(first).await);
        assert_eq!(seen.len(), sorts.len());
    }
}

pub async fn a_scan_of_more_than_a_page_is_whole(bench: &mut StateBench) {
    let writes = (0..60_u8).map(|number| Write::put(key("p", &[number]), vec![number; 100 << 10]));
    bench.state().write_each(writes.collect()).await.unwrap();
    for scan in [all(), all().backward()] {
        let items = bench.scan(scan).await;
        assert_eq!(items.len(), 60);
        let whole = |item: &Item| item.value == vec![item.key.sort()[0]; 100 << 10];
        assert!(items.iter().all(whole));
    }
    let keys: Vec<_> = (0..60).map(|number| key("p", &[number])).collect();
    let items = bench.state().get_many(&keys).await.unwrap();
    assert!(items.iter().zip(&keys).all(|(item, key)| item.as_ref().unwrap().key == *key));
}

pub async fn a_scan_sees_once_what_is_not_written_meanwhile(bench: &mut StateBench) {
    let sorts: Vec<_> = (0..100_u8).map(|number| [number, 0]).collect();
    bench.put(sorts.iter().map(|sort| &sort[..])).await;
    for scan in [all(), all().backward()] {
        let (mut items, mut stayed) = (bench.state().scan(scan), Vec::new());
        while let Some(item) = items.try_next().await.unwrap() {
            let number = item.key.sort()[0];
            if item.key.sort()[1] == 0 && number.is_multiple_of(2) {
                stayed.push(number);
                let odd = key("p", &[number + 1, 0]);
                bench.done([Write::delete(odd), Write::put(key("p", &[number, 1]), "new")]).await;
            }
        }
        stayed.sort_unstable();
        assert!(stayed.into_iter().eq((0..100).step_by(2)));
    }
}

pub async fn a_scan_with_an_end_that_no_key_can_have_is_invalid(bench: &mut StateBench) {
    let longest = longest();
    bench.put([&longest[..]]).await;
    assert_eq!(bench.sorts(all().from(longest.clone()).to(&longest)).await, [&longest[..]]);
    assert_eq!(bench.sorts(all().after(&longest)).await, Vec::<Vec<u8>>::new());
    let too_long = [&longest[..], b"\0\0"].concat();
    for scan in [all().from(too_long.clone()), all().before(too_long)] {
        let error = bench.state().scan(scan).try_next().await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid);
    }
}
