//! Items as they were written once, in `fixtures.json`: every later version of factlog has to read them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::*;
use crate::commit::Part;
use crate::item::{Item, binary, text};
use crate::large::Upload;
use crate::layout::{Body, Decoded};

/// An item from JSON as DynamoDB writes it on the wire.
pub(super) fn item(json: &Value) -> Item {
    let entries = json.as_object().unwrap().iter();
    entries.map(|(name, value)| (name.clone(), value_of(value))).collect()
}

fn value_of(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("S", Value::String(value)) => text(value),
        ("N", Value::String(digits)) => AttributeValue::N(digits.clone()),
        ("B", Value::String(base64)) => binary(BASE64_STANDARD.decode(base64).unwrap()),
        ("BOOL", Value::Bool(bool)) => AttributeValue::Bool(*bool),
        ("NULL", _) => AttributeValue::Null(true),
        ("L", Value::Array(values)) => AttributeValue::L(values.iter().map(value_of).collect()),
        ("M", map) => AttributeValue::M(item(map)),
        _ => panic!("{json} is no attribute"),
    }
}

/// What the fixtures say: small events in a commit of two streams, then events that pack, then one that lies elsewhere.
fn commits() -> [Vec<Event>; 3] {
    let small = vec![
        event(1, "OrderPlaced", r#"{"amount":100,"who":"Ada"}"#),
        event(2, "OrderPaid", r#"{"who": "Ada", "amount": 1.0}"#)
            .with_metadata(r#"{"by":"web"}"#)
            .with_time(time("2011-10-01T00:38:44.880+02:00")),
        event(3, "OrderScanned", [0, 255]).with_metadata(""),
    ];
    let packed =
        (10..30).map(|n| event(n, "OrderTouched", r#"{"note":"nothing has changed, really"}"#));
    [small, packed.collect(), vec![event(40, "OrderFilmed", noise(500_000, 1))]]
}

fn parts() -> [Part; 2] {
    let part =
        |name, first, count| Part { stream: stream(name), first: Version::new(first), count };
    [part("order-1", 1, 3), part("stock-7", 9, 1)]
}

fn decoded(layout: &Layout, items: &[Item]) -> Vec<Decoded> {
    items.iter().map(|item| layout.decode(item).unwrap()).collect()
}

#[test]
fn what_was_written_once_is_read_for_ever() {
    let fixtures: BTreeMap<String, Vec<Vec<Value>>> =
        serde_json::from_str(include_str!("fixtures.json")).unwrap();
    assert_eq!(fixtures.len(), layouts().len());
    for (layout, written) in fixtures {
        let layout: Layout = layout.parse().unwrap();
        assert_eq!(written.len(), commits().len());
        for (events, items) in commits().into_iter().zip(written) {
            let items: Vec<_> = items.iter().map(item).collect();
            let mut read = Vec::new();
            for Decoded { piece, elsewhere } in decoded(&layout, &items) {
                assert_eq!((piece.stream.as_str(), piece.recorded), ("order-1", time(RECORDED)));
                if events.len() == 3 {
                    assert_eq!(piece.parts, parts());
                }
                read.extend(piece.events);
                if let Some((_, body, address)) = elsewhere.into_iter().next() {
                    let bytes = events[0].data.clone();
                    assert_eq!((body, &address), (Body::Data, &Upload::new(bytes.clone()).address));
                    read[0].data = bytes;
                }
            }
            assert_eq!(read, events, "{layout}");
        }
    }
}
