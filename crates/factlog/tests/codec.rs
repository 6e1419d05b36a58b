//! Typed events come back as they went, from all versions of their schema.
#![allow(clippy::unwrap_used, reason = "a test that can't be set up fails")]

use factlog::codec::{EventCodec, Json, Unknown, Upcast};
use factlog::{ErrorKind, Event, Position, RecordedEvent, Timestamp, Version};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum CartEvent {
    Opened,
    ItemAdded {
        sku: String,
        count: u32,
    },
    Weighed(f64),
    Moved(i64, i64),
    #[serde(rename = "Paid!")]
    Paid {
        by: Option<String>,
    },
}

/// Version 1 had `Added { item }` and `Ordered { items }`; version 2 `ItemAdded { item, count }`.
fn codec() -> Json<CartEvent> {
    let ordered = |data: serde_json::Value| {
        let items = data["items"].as_array().cloned().unwrap_or_default();
        let added = |item| ("Added".to_owned(), json!({ "item": item }));
        items.into_iter().map(added).chain([("Paid!".to_owned(), json!({}))]).collect()
    };
    Json::new()
        .upcast(Upcast::new().split("Ordered", ordered).rename_type("Added", "ItemAdded").fill(
            "ItemAdded",
            "count",
            1,
        ))
        .upcast(
            Upcast::new()
                .rename_field("ItemAdded", "item", "sku")
                .map("Weighed", |grams| json!(grams.as_f64().unwrap_or_default() / 1_000.0)),
        )
}

fn stored(event_type: &str, data: &str, metadata: &str) -> RecordedEvent {
    let event = Event::new(Uuid::from_u128(1), event_type.parse().unwrap(), data.to_owned());
    let event = event.with_metadata(metadata.to_owned());
    let stream = "cart-7".parse().unwrap();
    RecordedEvent::new(event, stream, Version::new(3), Position::FIRST, Timestamp::default())
}

fn added(sku: &str, count: u32) -> CartEvent {
    CartEvent::ItemAdded { sku: sku.into(), count }
}

fn event() -> impl Strategy<Value = CartEvent> {
    let text = || any::<String>();
    prop_oneof![
        Just(CartEvent::Opened),
        (text(), any::<u32>()).prop_map(|(sku, count)| CartEvent::ItemAdded { sku, count }),
        prop::num::f64::NORMAL.prop_map(CartEvent::Weighed),
        any::<(i64, i64)>().prop_map(|(from, to)| CartEvent::Moved(from, to)),
        prop::option::of(text()).prop_map(|by| CartEvent::Paid { by }),
    ]
}

proptest! {
    #[test]
    fn every_event_comes_back_as_it_went(event in event()) {
        let encoded = codec().encode(&event).unwrap();
        prop_assert_eq!(encoded.schema, 3);
        let data = String::from_utf8(encoded.data.to_vec()).unwrap();
        let stored = stored(encoded.event_type.as_str(), &data, r#"{"schema":3}"#);
        prop_assert_eq!(codec().decode(&stored).unwrap(), [event]);
    }
}

#[test]
fn the_variant_is_the_type_and_its_content_the_data() {
    for (event, event_type, data) in [
        (CartEvent::Opened, "Opened", "null"),
        (added("tea", 2), "ItemAdded", r#"{"sku":"tea","count":2}"#),
        (CartEvent::Moved(1, 2), "Moved", "[1,2]"),
        (CartEvent::Paid { by: None }, "Paid!", r#"{"by":null}"#),
    ] {
        let encoded = codec().encode(&event).unwrap();
        assert_eq!((encoded.event_type.as_str(), &encoded.data[..]), (event_type, data.as_bytes()));
    }
}

#[test]
fn events_of_older_versions_are_brought_up_to_date() {
    let paid = CartEvent::Paid { by: None };
    for (event_type, data, metadata, expected) in [
        ("Added", r#"{"item":"tea"}"#, "", vec![added("tea", 1)]),
        ("Added", r#"{"item":"tea","count":3}"#, "{}", vec![added("tea", 3)]),
        ("ItemAdded", r#"{"item":"tea","count":2}"#, r#"{"schema":2}"#, vec![added("tea", 2)]),
        ("ItemAdded", r#"{"sku":"tea","count":2}"#, r#"{"schema":3}"#, vec![added("tea", 2)]),
        ("Ordered", r#"{"items":["a","b"]}"#, "", vec![added("a", 1), added("b", 1), paid]),
        ("Weighed", "1500", "", vec![CartEvent::Weighed(1.5)]),
        ("Weighed", "1500", r#"{"schema":3}"#, vec![CartEvent::Weighed(1_500.0)]),
        ("Opened", "", "", vec![CartEvent::Opened]),
        // Others' metadata say nothing to us.
        ("Opened", "null", "not JSON", vec![CartEvent::Opened]),
        (
            "Opened",
            "null",
            r#"{"schema":"https://example.org","command":7}"#,
            vec![CartEvent::Opened],
        ),
    ] {
        let decoded = codec().decode(&stored(event_type, data, metadata)).unwrap();
        assert_eq!(decoded, expected, "{event_type} {data} {metadata}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    for (event_type, data, metadata, says) in [
        ("ItemAdded", r#"{"sku":"tea"}"#, r#"{"schema":3}"#, "missing field `count`"),
        ("ItemAdded", "{", "", "EOF"),
        ("ItemAdded", r#"{},"Opened":null"#, r#"{"schema":3}"#, "missing field"),
        ("Opened", r#"null,"Opened":null"#, "", "expected value"),
        ("Emptied", "{}", "", "type Emptied is unknown, known are: Opened, ItemAdded"),
        ("Added", r#"{"sku":"tea"}"#, r#"{"schema":3}"#, "type Added is unknown"),
        ("Opened", "null", r#"{"schema":4}"#, "schema versions are known up to 3"),
    ] {
        let error = codec().decode(&stored(event_type, data, metadata)).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Invalid);
        let message = error.to_string();
        let names = format!("event 3 of stream cart-7 (type {event_type}, schema version ");
        assert!(message.starts_with(&names) && message.contains(says), "{message}");
    }
}

#[test]
fn unknown_types_are_passed_over_by_choice() {
    let codec = codec().with_unknown(Unknown::PassOver);
    assert_eq!(codec.decode(&stored("Emptied", "\u{1}binary", "")).unwrap(), []);
    let gone = Upcast::new().rename_type("Opened", "Begun");
    assert_eq!(codec.upcast(gone).decode(&stored("Opened", "", "")).unwrap(), []);
}

#[test]
fn what_is_no_enum_cannot_be_written() {
    #[derive(Serialize, Deserialize)]
    struct Item {
        sku: String,
        count: u32,
    }
    let error = Json::<Item>::new().encode(&Item { sku: "tea".into(), count: 1 }).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Invalid);
}
