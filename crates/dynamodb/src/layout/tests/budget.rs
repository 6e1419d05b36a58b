//! What items cost: write units by DynamoDB's rules.

use super::*;
use crate::item::item_bytes;
use crate::units::write_units;

/// JSON of so many bytes that does not compress well.
fn json(bytes: usize, seed: u64) -> Vec<u8> {
    let hex: String = noise(bytes, seed).iter().map(|byte| format!("{byte:02x}")).collect();
    format!(r#"{{"hash":"{}"}}"#, &hex[..bytes - 11]).into_bytes()
}

fn bytes_of(events: &[Event], first: u64) -> usize {
    let stream = stream("loan-00000000-0000-0000-0000-000000000000-x1");
    let items = encode(&Layout::native(), part(&stream, first, events)).items;
    let [item] = items.as_slice() else { panic!("{} items", items.len()) };
    item_bytes(item)
}

#[test]
fn an_event_of_850_bytes_is_one_write_unit() {
    for first in [1, 1_000_000] {
        let bytes = bytes_of(&[event(1, "LoanApplicationSubmitted", json(850, 1))], first);
        assert!(bytes <= 1_024, "{bytes}");
    }
}

#[test]
fn ten_events_of_100_bytes_are_two_write_units() {
    let own_time = |event: Event| event.with_time(time("2011-10-01T00:38:44.546+02:00"));
    let events = (0..10).map(|n| event(n.into(), "LoanApplicationSubmitted", json(100, n)));
    let with_times: Vec<_> = events.clone().map(own_time).collect();
    for events in [events.collect::<Vec<_>>(), with_times] {
        let bytes = bytes_of(&events, 1_000_000);
        assert!(bytes <= 2_048, "{bytes}");
    }
}

#[test]
fn events_are_packed_only_where_that_saves_a_write_unit() {
    let stream = stream("order-1");
    let table = [
        (vec![event(1, "OrderPlaced", "{}")], false),
        (vec![event(1, "OrderPlaced", noise(2_000, 1))], false),
        (vec![event(1, "OrderPlaced", vec![b' '; 2_000])], true),
        (vec![event(1, "OrderPlaced", vec![b' '; 700])], false),
        ((0..20).map(|n| event(n, "OrderPlaced", json(100, 1))).collect(), true),
    ];
    for (events, is_packed) in table {
        let item = encode(&Layout::native(), part(&stream, 1, &events)).items.remove(0);
        assert_eq!(
            (item.contains_key("packed"), item.contains_key("events")),
            (is_packed, !is_packed)
        );
        if is_packed {
            let listed: usize = events.iter().map(|event| 40 + event.size()).sum();
            assert!(write_units(item_bytes(&item)) < write_units(listed));
        }
    }
}
