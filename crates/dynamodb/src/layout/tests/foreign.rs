//! Items that factlog did not write: Castore's, other people's, and broken ones.

use factlog::ErrorKind;
use serde_json::{Value, json};

use super::fixtures::item;
use super::*;

const CASTORE: &str = "2026-01-01T00:00:00.123Z";

fn decode_one(layout: &str, value: &Value) -> (StreamName, Version, Event, Timestamp) {
    let layout: Layout = layout.parse().unwrap();
    let decoded = layout.decode(&item(value)).unwrap();
    let head = layout.decode_head(&item(value)).unwrap();
    let mut piece = decoded.piece;
    assert_eq!((head.recorded, piece.parts), (piece.recorded, vec![]));
    (piece.stream, piece.first, piece.events.remove(0), piece.recorded)
}

#[test]
fn what_castore_writes_is_read() {
    // As `marshall` in the README of Castore's adapter makes them.
    let initial = json!({
        "aggregateId": {"S": "POKEMONS#123"}, "version": {"N": "1"}, "eventStoreId": {"S": "POKEMONS"},
        "timestamp": {"S": CASTORE}, "type": {"S": "POKEMON_APPEARED"},
        "payload": {"M": {"name": {"S": "Pikachu"}, "level": {"N": "42"}}},
        "metadata": {"M": {"trigger": {"S": "random"}}},
    });
    let (stream, version, event, recorded) = decode_one("castore-single-table", &initial);
    assert_eq!((stream.as_str(), version.number()), ("POKEMONS-123", 1));
    assert_eq!(event.event_type.as_str(), "POKEMON_APPEARED");
    assert_eq!(event.data, r#"{"level":42,"name":"Pikachu"}"#);
    assert_eq!(event.metadata, r#"{"trigger":"random"}"#);
    assert_eq!((event.time, recorded), (None, time(CASTORE)));

    let later = json!({
        "aggregateId": {"S": "123"}, "version": {"N": "2"}, "timestamp": {"S": CASTORE},
        "type": {"S": "POKEMON_LEVELED_UP"},
    });
    let (stream, version, event, _) = decode_one("castore", &later);
    assert_eq!((stream.as_str(), version.number()), ("123", 2));
    assert!(event.data.is_empty() && event.metadata.is_empty());
    // Every reader, now and ever, sees the same id.
    assert_eq!(event.id.to_string(), "8ab53a6d-ce09-51a1-9c3d-8f7c7254957b");
    assert_eq!(decode_one("castore", &later).2.id, event.id);
}

#[test]
fn castore_finds_what_it_writes_itself() {
    let stream = stream("POKEMONS-123");
    let events =
        [event(1, "POKEMON_APPEARED", r#"{"level":42,"name":"Pikachu"}"#), event(2, "SEEN", "")];
    let parts = |layout: Layout| encode(&layout, part(&stream, 1, &events)).items;
    let known = |item: &crate::item::Item| {
        let mut item = item.clone();
        item.remove("factlog").unwrap();
        item
    };
    let first = json!({
        "aggregateId": {"S": "POKEMONS#123"}, "version": {"N": "1"}, "eventStoreId": {"S": "POKEMONS"},
        "timestamp": {"S": "2026-01-02T03:04:05.678000Z"}, "type": {"S": "POKEMON_APPEARED"},
        "payload": {"M": {"name": {"S": "Pikachu"}, "level": {"N": "42"}}},
    });
    let second = json!({
        "aggregateId": {"S": "POKEMONS-123"}, "version": {"N": "2"},
        "timestamp": {"S": "2026-01-02T03:04:05.678000Z"}, "type": {"S": "SEEN"},
    });
    assert_eq!(known(&parts(Layout::castore_single_table())[0]), item(&first));
    let castore = parts(Layout::castore());
    assert_eq!(castore[0]["isInitialEvent"], crate::item::number(1));
    assert_eq!(known(&castore[1]), item(&second));
}

#[test]
fn what_stands_in_other_tables_is_read() {
    let custom = "custom:stream=StreamId,version=EventId,type=EventName,data=Payload";
    let text = format!("{custom},data-format=string");
    let mut value =
        json!({"StreamId": {"S": "a-1"}, "EventId": {"N": "3"}, "EventName": {"S": "Seen"}});
    for (layout, payload, data) in [
        (custom, json!({"S": "Ada"}), r#""Ada""#),
        (&text, json!({"S": "{\"a\": 1}"}), "{\"a\": 1}"),
        (&text, json!({"M": {"a": {"N": "1"}}}), r#"{"a":1}"#),
        (&text, json!({"B": "AP8="}), "\u{0}\u{ff}"),
        (custom, json!({"L": [{"BOOL": true}, {"NULL": true}]}), "[true,null]"),
    ] {
        value["Payload"] = payload;
        let (_, version, event, recorded) = decode_one(layout, &value);
        assert_eq!((version.number(), recorded), (3, Timestamp::default()));
        let latin: Vec<u8> = data.chars().map(|char| u8::try_from(char).unwrap()).collect();
        assert_eq!(event.data, latin);
    }
}

#[test]
fn what_is_malformed_is_corrupt_and_names_its_place() {
    let native = json!({
        "stream": {"S": "order-1"}, "version": {"N": "4"}, "recorded": {"S": RECORDED},
        "events": {"L": [{"M": {"type": {"S": "Placed"}, "id": {"B": "AAAAAAAAAAAAAAAAAAAAAA=="}}}]},
    });
    let castore = json!({
        "aggregateId": {"S": "order-1"}, "version": {"N": "4"}, "timestamp": {"S": RECORDED},
        "type": {"S": "Placed"}, "factlog": {"M": {"id": {"B": "AAAAAAAAAAAAAAAAAAAAAA=="}}},
    });
    let null = Value::Null;
    let table = [
        (&native, "/stream", null.clone(), "an item of the events table: stream: missing"),
        (&native, "/stream", json!({"S": ""}), "a stream name is empty"),
        (&native, "/version", json!({"S": "4"}), "stream order-1: version: not a number"),
        (&native, "/version", json!({"N": "0"}), "version 0"),
        (
            &native,
            "/recorded",
            json!({"S": "now"}),
            "order-1 version 4: recorded: \"now\" is not a time",
        ),
        (&native, "/events", null.clone(), "order-1 version 4: events: missing"),
        (&native, "/events", json!({"L": []}), "order-1 version 4: no event"),
        (&native, "/events/L/0/M/id", json!({"B": "AAAA"}), "events: 0: id: not 16 bytes"),
        (&native, "/events/L/0/M/type", json!({"N": "1"}), "events: 0: type: not a string"),
        (&native, "/events/L/0/M/data", json!({"N": "1"}), "events: 0: data: not a map"),
        (&native, "/events/L/0/M/time", json!({"S": "x"}), "events: 0: time: \"x\" is not a time"),
        (&native, "/parts", json!({"L": [{"M": {}}]}), "parts: 0: count: missing"),
        (&native, "/packed", json!({"B": "AA=="}), "packed: packed in format 0"),
        (&castore, "/type", null.clone(), "order-1 version 4: type: missing"),
        (&castore, "/timestamp", null.clone(), "order-1 version 4: timestamp: missing"),
        (&castore, "/factlog/M/id", null, "order-1 version 4: factlog: id: missing"),
        (&castore, "/payload", json!({"N": "x"}), "payload: \"x\" is not a number"),
    ];
    for (sound, path, value, says) in table {
        let layout = if sound == &native { Layout::native() } else { Layout::castore() };
        assert!(layout.decode(&item(sound)).is_ok());
        let mut broken = sound.clone();
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = broken.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => parent.remove(name),
            value => parent.insert(name.to_owned(), value),
        };
        let error = layout.decode(&item(&broken)).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn packed_events_do_not_unfold_beyond_the_limit() {
    let bomb = zstd::bulk::compress(&vec![0; 1 << 20], 3).unwrap();
    // Format 1, one type "T", one event, a body that claims 64 MiB, and then one that claims less than it has.
    for claim in [[0x80, 0x80, 0x80, 0x20], [0xff, 0xff, 0x3f, 0]] {
        let claim = &claim[..claim.len() - usize::from(claim[3] == 0)];
        let packed = [&[1, 1, 1, b'T', 1, 0], claim, &bomb].concat();
        let mut item = item(&json!({
            "stream": {"S": "a-1"}, "version": {"N": "1"}, "recorded": {"S": RECORDED},
        }));
        item.insert("packed".to_owned(), crate::item::binary(packed));
        assert_eq!(*Layout::native().decode(&item).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
