//! A document, and how it lies in the state: as JSON.
//!
//! ```text
//!   {"at":17,"from":[["loan-1",4],["offer-9",1]],"doc":{"status":"open","amount":5000}}
//! ```

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::{DOCUMENT_KEY_BYTES_MAX, DOCUMENT_SOURCES_MAX};
use crate::{Error, Position, RecordedEvent, Result, StreamName, Version};

/// One entry of a view.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// Names it in its view.
    pub key: String,
    /// What it says: a JSON object.
    pub data: Map<String, Value>,
    /// The last event that changed it.
    pub position: Position,
    /// The streams that it was built from, each with the version of the last event that changed it;
    /// the latest last. At most [`DOCUMENT_SOURCES_MAX`]: of more streams, those that changed it
    /// last.
    pub sources: Vec<(StreamName, Version)>,
    /// The lane that writes it.
    pub(crate) lane: u16,
}

#[derive(Serialize)]
struct Written<'a> {
    at: Position,
    from: &'a [(StreamName, Version)],
    #[serde(skip_serializing_if = "is_zero")]
    lane: u16,
    doc: &'a Map<String, Value>,
}

#[derive(Deserialize)]
struct Read {
    at: Position,
    from: Vec<(StreamName, Version)>,
    #[serde(default)]
    lane: u16,
    doc: Map<String, Value>,
}

fn is_zero(lane: &u16) -> bool {
    *lane == 0
}

impl Document {
    /// An empty one, that an event of this lane is about to fill.
    pub(crate) fn new(key: String, lane: u16) -> Self {
        let (data, position, sources) = (Map::new(), Position::ZERO, Vec::new());
        Self { key, data, position, sources, lane }
    }

    /// Takes note of the event that changed it.
    pub(crate) fn changed_by(&mut self, event: &RecordedEvent) {
        self.position = event.position.max(self.position);
        self.sources.retain(|(stream, _)| *stream != event.stream);
        if self.sources.len() == DOCUMENT_SOURCES_MAX {
            self.sources.remove(0);
        }
        self.sources.push((event.stream.clone(), event.version));
    }

    pub(crate) fn decode(key: String, bytes: &[u8]) -> Result<Self> {
        let Read { at, from, lane, doc } = serde_json::from_slice(bytes).map_err(|e| {
            Error::corrupt(format!("document {key} is not what was written")).with_source(e)
        })?;
        Ok(Self { key, data: doc, position: at, sources: from, lane })
    }

    pub(crate) fn encode(&self) -> Bytes {
        let Self { data, position, sources, lane, .. } = self;
        let written = Written { at: *position, from: sources, lane: *lane, doc: data };
        let mut bytes = Vec::with_capacity(256);
        serde_json::to_writer(&mut bytes, &written).expect("maps of texts can be written as JSON");
        // It may stay in a cache that counts what it holds, not what it took.
        bytes.shrink_to_fit();
        bytes.into()
    }

    /// No fewer bytes than it has when it is encoded, and seldom many more.
    pub(crate) fn size_max(&self) -> usize {
        const FRAME: usize = 80;
        let sources = self.sources.iter().map(|(stream, _)| text_size(stream.as_str()) + 24);
        FRAME + sources.sum::<usize>() + object_size(&self.data)
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 25,
        Value::String(text) => text_size(text),
        Value::Array(values) => 2 + values.iter().map(|value| size(value) + 1).sum::<usize>(),
        Value::Object(fields) => object_size(fields),
    }
}

fn object_size(fields: &Map<String, Value>) -> usize {
    2 + fields.iter().map(|(name, value)| text_size(name) + size(value) + 2).sum::<usize>()
}

/// A text in JSON: quoted, some of it escaped.
fn text_size(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

/// Checks a key: 1 to [`DOCUMENT_KEY_BYTES_MAX`] bytes, no control characters.
pub(crate) fn validate_key(key: &str) -> Result<()> {
    let bytes = key.len();
    if key.is_empty() {
        return Err(Error::invalid("the key of a document is empty"));
    }
    if bytes > DOCUMENT_KEY_BYTES_MAX {
        return Err(Error::invalid(format!(
            "the key of a document has {bytes} bytes, the limit is {DOCUMENT_KEY_BYTES_MAX}"
        )));
    }
    if key.contains(char::is_control) {
        return Err(Error::invalid(format!(
            "the key {key:?} of a document has a control character"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_document_comes_back_and_is_no_larger_than_was_said(value in any_json(), at: u64, lane: u16) {
            let mut document = Document::new("k".to_owned(), lane);
            document.data.insert("value".to_owned(), value);
            document.position = Position::new(at);
            document.sources.push(("a\"-1".parse().unwrap(), Version::new(at)));
            let bytes = document.encode();
            prop_assert!(bytes.len() <= document.size_max());
            prop_assert_eq!(Document::decode("k".to_owned(), &bytes).unwrap(), document);
        }
    }

    #[test]
    fn a_document_knows_the_streams_that_changed_it_last() {
        let mut document = Document::new("k".to_owned(), 0);
        for number in (1..=20).chain([5]) {
            let event = crate::Event::new(uuid::Uuid::nil(), "A".parse().unwrap(), "");
            let stream = format!("s-{number}").parse().unwrap();
            let place = (Version::new(number), Position::new(number));
            let time = crate::Timestamp::default();
            document.changed_by(&RecordedEvent::new(event, stream, place.0, place.1, time));
        }
        let numbers: Vec<_> =
            document.sources.iter().map(|(_, version)| version.number()).collect();
        assert_eq!(numbers, (6..=20).chain([5]).collect::<Vec<_>>());
        assert_eq!(json!(document.position), json!(20));
    }
}
