//! What is encoded is decoded, in every layout, whatever the events are.

use std::sync::Arc;

use factlog::{ErrorKind, Event, Timestamp, Version};
use futures::executor::block_on;
use object_store::memory::InMemory;
use proptest::prelude::*;

use super::*;
use crate::commit::{Part, Piece};
use crate::item::item_bytes;
use crate::large::{LargeEvents, complete};
use crate::limits::ITEM_BYTES_MAX;

/// Encodes and decodes; the pieces in order, each checked against its item and its head.
fn round_trip(layout: &Layout, part: PartToWrite<'_>) -> Vec<Piece> {
    let Encoded { items, uploads } = encode(layout, part);
    let large = LargeEvents::new(Arc::new(InMemory::new()), "x".into());
    block_on(large.write(&uploads)).unwrap();
    let mut next = part.first;
    let pieces = items.iter().map(|item| {
        assert!(item_bytes(item) <= ITEM_BYTES_MAX);
        let head = layout.decode_head(item).unwrap();
        let piece = block_on(complete(vec![layout.decode(item).unwrap()], Some(&large))).unwrap();
        let [piece]: [Piece; 1] = piece.try_into().unwrap();
        assert!(layout.key(&piece.stream, next).iter().all(|(name, value)| item[name] == *value));
        assert_eq!((&head.stream, head.first), (&piece.stream, next));
        assert_eq!((head.recorded, &head.parts), (piece.recorded, &piece.parts));
        let types: Vec<_> = piece.events.iter().map(|event| event.event_type.clone()).collect();
        assert_eq!(head.types, types);
        next = head.next();
        piece
    });
    pieces.collect()
}

fn check(layout: &Layout, part: PartToWrite<'_>) {
    let pieces = round_trip(layout, part);
    let events: Vec<_> = pieces.iter().flat_map(|piece| piece.events.clone()).collect();
    assert_eq!(events, part.events, "{layout}");
    let own = Part {
        stream: part.stream.clone(),
        first: part.first,
        count: u32::try_from(part.events.len()).unwrap(),
    };
    let parts = match (part.parts, pieces.len()) {
        ([], 1) => vec![],
        ([], _) => vec![own],
        (parts, _) => parts.to_vec(),
    };
    for piece in pieces {
        assert_eq!(
            (&piece.stream, piece.recorded, &piece.parts),
            (part.stream, part.recorded, &parts)
        );
    }
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let json = r#"(\{"[a-c]{0,2}": ?(-?[0-9]{1,9}(\.[0-9]{1,3})?(e[0-9])?|"[a-zü\\n]{0,9}"|null|\[\]),?\}|[0-9 ]{0,3})"#;
    prop_oneof![
        Just(vec![]),
        Just(br#"{"b":1,"a":[1.0,1e-9,{"":null}]}"#.to_vec()),
        Just(br#"{"amount":100,"owner":"Ada"}"#.to_vec()),
        json.prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
        (0_usize..3_000).prop_map(|length| vec![b'x'; length]),
        (0_usize..3_000, any::<u64>()).prop_map(|(length, seed)| noise(length, seed)),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let times = proptest::option::of((any::<i64>(), -1439_i16..1440));
    let event = (any::<u128>(), "[A-Za-z#日]{1,12}", bodies(), bodies(), times).prop_map(
        |(id, event_type, data, metadata, time)| {
            let mut event = event(id, &event_type, data).with_metadata(metadata);
            event.time = time.map(|(nanos, offset)| {
                Timestamp::from_unix_nanos(nanos).at_offset(offset).unwrap()
            });
            event
        },
    );
    proptest::collection::vec(event, 1..12)
}

proptest! {
    #[test]
    fn what_is_written_comes_back(
        events in events(),
        name in "[-%#a日]{1,5}",
        first in prop_oneof![Just(1_u64), 1_u64..1 << 40],
        recorded_ms in 0_i64..4_000_000_000_000,
        ahead_us in 0_i64..2_000,
        others in 0_u32..3,
    ) {
        let stream = stream(&name);
        let recorded = Timestamp::from_unix_nanos(recorded_ms * 1_000_000);
        let index_time = Timestamp::from_unix_nanos(recorded.unix_nanos() + ahead_us * 1_000);
        let own = Part {
            stream: stream.clone(),
            first: Version::new(first),
            count: u32::try_from(events.len()).unwrap(),
        };
        let other = |n| Part { stream: format!("other-{n}").parse().unwrap(), ..own.clone() };
        let mut parts: Vec<_> = (0..others).map(other).collect();
        if others > 0 {
            parts.push(own.clone());
        }
        for layout in layouts() {
            let part = part(&stream, first, &events);
            check(&layout, PartToWrite { recorded, index_time, parts: &parts, ..part });
        }
    }

    #[test]
    fn bytes_that_nobody_has_packed_are_refused_or_read(bytes: Vec<u8>, cut in 0_usize..300, flip in 0_usize..300) {
        let stream = stream("order-1");
        let events: Vec<_> = (0..20).map(|n| event(n, "OrderPlaced", vec![b'x'; 100])).collect();
        let layout = Layout::native();
        let mut item = encode(&layout, part(&stream, 1, &events)).items.remove(0);
        let mut packed = item["packed"].as_b().unwrap().as_ref().to_vec();
        packed.truncate(packed.len().saturating_sub(cut));
        if let Some(byte) = packed.get_mut(flip) {
            *byte ^= 0x55;
        }
        for packed in [bytes, packed] {
            item.insert("packed".to_owned(), crate::item::binary(packed));
            if let Err(error) = layout.decode(&item) {
                prop_assert_eq!(error.kind(), &ErrorKind::Corrupt);
            }
        }
    }
}

#[test]
fn a_part_above_an_item_is_several_pieces_that_name_it() {
    let stream = stream("scan-1");
    let events: Vec<_> = (0..9).map(|n| event(n.into(), "Scanned", noise(100_000, n))).collect();
    let pieces = round_trip(&Layout::native(), part(&stream, 5, &events));
    assert!(pieces.len() > 1 && pieces.len() <= 4, "{} pieces", pieces.len());
    check(&Layout::native(), part(&stream, 5, &events));
}

#[test]
fn an_event_above_an_item_lies_elsewhere_or_is_refused() {
    let stream = stream("scan-1");
    let counters: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let json = serde_json::to_vec(&vec!["a".repeat(50); 9_000]).unwrap();
    let large = event(1, "Scanned", noise(8 << 20, 1)).with_metadata(noise(1 << 20, 2));
    let events =
        [event(0, "Opened", "{}"), large, event(2, "Scanned", counters), event(3, "Listed", json)];
    for layout in layouts() {
        check(&layout, PartToWrite { large_events: true, ..part(&stream, 1, &events) });
        let error = layout.encode(part(&stream, 1, &events)).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TooLarge);
        for says in ["version 2 of stream scan-1", "409600", "object store"] {
            assert!(error.to_string().contains(says), "{error}");
        }
        let large_events = true;
        let again = || encode(&layout, PartToWrite { large_events, ..part(&stream, 1, &events) });
        assert_eq!(again().uploads, again().uploads);
    }
}

#[test]
fn what_is_within_the_limits_of_a_layout_fits() {
    let stream = stream("scan-1");
    for layout in layouts() {
        let limits = layout.limits(false);
        let many: Vec<_> = (0..limits.events).map(|n| event(n as u128, "Scanned", "{}")).collect();
        let bytes = noise(limits.data_bytes, 1);
        let numbers = [b"[0".as_slice(), &b", 0".repeat(limits.data_bytes / 3 - 1), b"]"].concat();
        for data in [bytes, numbers] {
            check(&layout, part(&stream, 1, &[event(1, "Scanned", data.clone())]));
            check(&layout, part(&stream, 1, &[event(1, "Scanned", "").with_metadata(data)]));
        }
        check(&layout, part(&stream, 1, &many));
    }
}

#[test]
fn what_does_not_fit_is_told_with_all_that_takes_its_room() {
    let stream = stream("scan-1");
    let parts: Vec<_> = (0..100)
        .map(|n| Part {
            stream: format!("{n}-{}", "n".repeat(1_000)).parse().unwrap(),
            first: Version::FIRST,
            count: 1,
        })
        .collect();
    let names: usize = parts.iter().map(|part| part.stream.as_str().len()).sum();
    let large = event(1, "Scanned", noise(200_000, 1)).with_metadata(noise(150_000, 2));
    for layout in layouts() {
        let fits = part(&stream, 1, std::slice::from_ref(&large));
        layout.encode(fits).unwrap();
        let error = layout.encode(PartToWrite { parts: &parts, ..fits }).unwrap_err().to_string();
        for says in [
            "version 1 of stream scan-1",
            "200000 bytes of data",
            "150000 bytes of metadata",
            &format!("{names} bytes of names of the commit's 100 parts"),
            &format!("the limit is {ITEM_BYTES_MAX} bytes"),
        ] {
            assert!(error.contains(says), "{error}");
        }
    }
}
