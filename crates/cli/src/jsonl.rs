//! An event as one line of JSON, out and in again without a change.
//!
//! Data that is JSON on one line stands in the line as it is, byte for byte; all other data as base64.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use factlog::limits::{EVENT_DATA_BYTES_MAX, EVENT_METADATA_BYTES_MAX};
use factlog::{
    Error, Event, EventId, EventType, Position, RecordedEvent, Result, StreamName, Timestamp,
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Longest line that is read: an event's data and metadata in base64, and their names.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 20;

/// An event that is to be appended, as a line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) stream: StreamName,
    pub(crate) event_type: EventType,
    pub(crate) id: Option<EventId>,
    pub(crate) time: Option<Timestamp>,
    pub(crate) data: Bytes,
    pub(crate) metadata: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    event_type: Cow<'a, str>,
    id: Option<EventId>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    data_base64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    metadata_base64: Option<Cow<'a, str>>,
    #[serde(rename = "position")]
    _position: Option<u64>,
    #[serde(rename = "version")]
    _version: Option<u64>,
    #[serde(borrow, rename = "recorded")]
    _recorded: Option<Cow<'a, str>>,
}

/// `null` is data, too.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl Line {
    /// Reads a line; one that names no stream is of this one.
    pub(crate) fn parse(text: &[u8], stream: Option<&StreamName>) -> Result<Self> {
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(Error::invalid("expected a JSON object"));
        }
        let fields: Fields<'_> = serde_json::from_slice(text).map_err(|e| {
            // The place in the line is all that serde_json can tell: the line is one line.
            let column = e.column();
            let message = e.to_string();
            let what = message.split(" at line ").next().unwrap_or_default();
            Error::invalid(format!("{what} (column {column})"))
        })?;
        let stream = match (&fields.stream, stream) {
            (Some(name), _) => StreamName::new(&**name)?,
            (None, Some(stream)) => stream.clone(),
            (None, None) => return Err(Error::invalid("missing field `stream`")),
        };
        let line = Self {
            stream,
            event_type: EventType::new(&*fields.event_type)?,
            id: fields.id,
            time: fields.time.map(|text| text.parse()).transpose()?,
            data: bytes_of("data", fields.data, fields.data_base64.as_deref())?,
            metadata: bytes_of("metadata", fields.metadata, fields.metadata_base64.as_deref())?,
        };
        for (what, bytes, max) in [
            ("data", line.data.len(), EVENT_DATA_BYTES_MAX),
            ("metadata", line.metadata.len(), EVENT_METADATA_BYTES_MAX),
        ] {
            if bytes > max {
                return Err(Error::invalid(format!("{bytes} bytes of {what}, the limit is {max}")));
            }
        }
        Ok(line)
    }

    /// The event of this line with an id for it.
    pub(crate) fn into_event(self, id: EventId) -> Event {
        let event = Event::new(id, self.event_type, self.data).with_metadata(self.metadata);
        match self.time {
            Some(time) => event.with_time(time),
            None => event,
        }
    }
}

fn bytes_of(name: &str, json: Option<&RawValue>, base64: Option<&str>) -> Result<Bytes> {
    match (json, base64) {
        (Some(_), Some(_)) => {
            Err(Error::invalid(format!("both `{name}` and `{name}_base64` are given")))
        }
        (Some(json), None) => Ok(Bytes::copy_from_slice(json.get().as_bytes())),
        (None, Some(text)) => BASE64
            .decode(text)
            .map(Bytes::from)
            .map_err(|e| Error::invalid(format!("`{name}_base64` is not base64: {e}"))),
        (None, None) => Ok(Bytes::new()),
    }
}

/// Writes the event as one line.
pub(crate) fn write(to: &mut impl Write, event: &RecordedEvent) -> io::Result<()> {
    let RecordedEvent { position, version, id, time, recorded, .. } = event;
    write!(to, "{{")?;
    if *position > Position::ZERO {
        write!(to, r#""position":{position},"#)?;
    }
    write!(to, r#""stream":"#)?;
    serde_json::to_writer(&mut *to, event.stream.as_str())?;
    write!(to, r#","version":{version},"type":"#)?;
    serde_json::to_writer(&mut *to, event.event_type.as_str())?;
    write!(to, r#","id":"{id}","time":"{time}","recorded":"{recorded}""#)?;
    for (name, bytes) in [("data", &event.data), ("metadata", &event.metadata)] {
        match (bytes.is_empty(), as_json(bytes)) {
            (true, _) => {}
            (false, Some(json)) => write!(to, r#","{name}":{json}"#)?,
            (false, None) => write!(to, r#","{name}_base64":"{}""#, BASE64.encode(bytes))?,
        }
    }
    to.write_all(b"}\n")
}

/// The bytes as text that can stand in a line of JSON and comes out of it the same.
pub(crate) fn as_json(bytes: &[u8]) -> Option<&str> {
    if bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return None;
    }
    let json: &RawValue = serde_json::from_slice(bytes).ok()?;
    Some(json.get()).filter(|text| text.len() == bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use factlog::{Position, Version};
    use proptest::prelude::*;

    fn recorded(data: Vec<u8>, metadata: Vec<u8>, stream: &str, nanos: i64) -> RecordedEvent {
        let event = Event::new(EventId::from_u128(7), "Type \"quoted\"".parse().unwrap(), data)
            .with_metadata(metadata)
            .with_time(Timestamp::from_unix_nanos(nanos).at_offset(120).unwrap());
        let stream = StreamName::new(stream.to_owned()).unwrap();
        let recorded = Timestamp::from_unix_nanos(0);
        RecordedEvent::new(event, stream, Version::FIRST, Position::FIRST, recorded)
    }

    fn round_trip(event: &RecordedEvent) -> Line {
        let mut text = Vec::new();
        write(&mut text, event).unwrap();
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
        Line::parse(&text, None).unwrap()
    }

    proptest! {
        #[test]
        fn any_event_survives_its_line(data: Vec<u8>, metadata: Vec<u8>, name in "\\PC{1,20}", nanos: i64) {
            let event = recorded(data, metadata, &name, nanos);
            let line = round_trip(&event);
            prop_assert_eq!(line.data, event.data);
            prop_assert_eq!(line.metadata, event.metadata);
            prop_assert_eq!(line.stream, event.stream);
            prop_assert_eq!((line.id, line.time), (Some(event.id), Some(event.time)));
        }
    }

    #[test]
    fn json_survives_byte_for_byte() {
        for data in
            ["null", "{ \"a\" : 1.50e3 }", " {}", "{}\n", "\"\u{e9}\\u00e9\"", "[1,2 ]", "", "x"]
        {
            let event = recorded(data.into(), Vec::new(), "s", 0);
            assert_eq!(round_trip(&event).data, data.as_bytes());
        }
    }

    #[test]
    fn a_bad_line_is_refused_with_a_reason() {
        for (line, says) in [
            ("{", "EOF"),
            ("[]", "JSON object"),
            (r#"{"type":"T"}"#, "missing field `stream`"),
            (r#"{"stream":"s"}"#, "missing field `type`"),
            (r#"{"stream":"","type":"T"}"#, "empty"),
            (r#"{"stream":"s","type":"T","strem":1}"#, "unknown field `strem`"),
            (r#"{"stream":"s","type":"T","time":"now"}"#, "RFC 3339"),
            (r#"{"stream":"s","type":"T","id":"7"}"#, "invalid"),
            (r#"{"stream":"s","type":"T","data":1,"data_base64":""}"#, "both"),
            (r#"{"stream":"s","type":"T","data_base64":"?"}"#, "base64"),
        ] {
            let error = Line::parse(line.as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
