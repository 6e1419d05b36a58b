//! Events as JSON, by serde.
//!
//! serde writes a variant as `{"MoneyDeposited":{"amount":5}}`: the one name is the event's type, what is
//! under it the data. A variant without content has the data `null`.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor, value};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Encoded, EventCodec, Metadata, Upcast};
use crate::{Error, RecordedEvent, Result};

/// What becomes of an event whose type is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It is an error: nothing is decided on half of the facts.
    #[default]
    Refuse,
    /// It is passed over, for readers that want some of the types.
    PassOver,
}

/// Events of an enum with `#[derive(Serialize, Deserialize)]`, as JSON.
///
/// The enum is tagged from the outside, which is what serde does by itself.
pub struct Json<E> {
    /// The variants of the enum.
    types: &'static [&'static str],
    /// The n-th leads from version n to n + 1.
    upcasts: Vec<Upcast>,
    unknown: Unknown,
    event: PhantomData<fn() -> E>,
}

impl<E: DeserializeOwned> Default for Json<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: DeserializeOwned> Json<E> {
    /// Version 1 of a schema; unknown types are refused.
    #[must_use]
    pub fn new() -> Self {
        Self {
            types: variants::<E>(),
            upcasts: Vec::new(),
            unknown: Unknown::default(),
            event: PhantomData,
        }
    }

    /// The next version of the schema, and what leads there from the one before. Versions are added at
    /// the end and never taken away, for there are events of all of them.
    #[must_use]
    pub fn upcast(mut self, upcast: Upcast) -> Self {
        self.upcasts.push(upcast);
        self
    }

    /// What becomes of an event whose type is not known.
    #[must_use]
    pub fn with_unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// The version that is written.
    fn schema(&self) -> u32 {
        u32::try_from(self.upcasts.len() + 1).unwrap_or(u32::MAX)
    }

    /// The upcasts from this version to the latest; `None` if it is beyond that.
    fn upcasts_from(&self, schema: u32) -> Option<&[Upcast]> {
        self.upcasts.get(usize::try_from(schema).ok()?.checked_sub(1)?..)
    }

    /// Whether the type is read; if not, and that is no error, it is passed over.
    fn reads(&self, event_type: &str) -> Result<bool, serde_json::Error> {
        let known = self.types.contains(&event_type);
        if !known && self.unknown == Unknown::Refuse {
            let types = self.types.join(", ");
            let message = format!("type {event_type} is unknown, known are: {types}");
            return Err(serde_json::Error::custom(message));
        }
        Ok(known)
    }

    fn read(&self, event: &RecordedEvent, schema: u32) -> Result<Vec<E>, serde_json::Error> {
        let event_type = event.event_type.as_str();
        let Some(upcasts) = self.upcasts_from(schema) else {
            let message = format!("schema versions are known up to {}", self.schema());
            return Err(serde_json::Error::custom(message));
        };
        if !upcasts.iter().any(|upcast| upcast.concerns(event_type)) {
            let known = self.reads(event_type)?;
            return known.then(|| read_tagged(event_type, &event.data)).into_iter().collect();
        }
        let fact = (event_type.to_owned(), serde_json::from_slice(content(&event.data))?);
        let facts = upcasts.iter().fold(vec![fact], |facts, upcast| upcast.apply(facts));
        let mut events = Vec::with_capacity(facts.len());
        for (event_type, data) in facts {
            if self.reads(&event_type)? {
                let tagged = Value::Object(Map::from_iter([(event_type, data)]));
                events.push(serde_json::from_value(tagged)?);
            }
        }
        Ok(events)
    }
}

impl<E: Serialize + DeserializeOwned + 'static> EventCodec for Json<E> {
    type Event = E;

    fn encode(&self, event: &E) -> Result<Encoded> {
        let invalid = |e| Error::invalid("an event can't be written as JSON").with_source(e);
        let tagged = serde_json::to_string(event).map_err(invalid)?;
        let (event_type, data) = untag(&tagged).map_err(invalid)?;
        Ok(Encoded::new(event_type.parse()?, data, self.schema()))
    }

    fn decode(&self, event: &RecordedEvent) -> Result<Vec<E>> {
        let schema = Metadata::of(event).schema;
        self.read(event, schema).map_err(|e| {
            let RecordedEvent { stream, version, event_type, .. } = event;
            Error::invalid(format!(
                "event {version} of stream {stream} (type {event_type}, schema version {schema}) can't be read: {e}"
            ))
            .with_source(e)
        })
    }
}

impl<E> fmt::Debug for Json<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { types, upcasts, unknown, event: _ } = self;
        f.debug_struct("Json")
            .field("types", types)
            .field("upcasts", upcasts)
            .field("unknown", unknown)
            .finish()
    }
}

/// JSON data; an event without any means `null`.
fn content(data: &[u8]) -> &[u8] {
    if data.is_empty() { b"null" } else { data }
}

fn read_tagged<E: DeserializeOwned>(event_type: &str, data: &[u8]) -> serde_json::Result<E> {
    let mut tagged = Vec::with_capacity(event_type.len() + data.len() + 8);
    tagged.push(b'{');
    serde_json::to_writer(&mut tagged, event_type)?;
    tagged.push(b':');
    tagged.extend_from_slice(content(data));
    tagged.push(b'}');
    serde_json::from_slice(&tagged)
}

/// The variant's name and its content, as JSON.
fn untag(tagged: &str) -> serde_json::Result<(String, String)> {
    if tagged.starts_with('"') {
        return Ok((serde_json::from_str(tagged)?, "null".to_owned()));
    }
    let variants: BTreeMap<String, &RawValue> = serde_json::from_str(tagged)?;
    let mut variants = variants.into_iter();
    match (variants.next(), variants.next()) {
        (Some((name, content)), None) => Ok((name, content.get().to_owned())),
        _ => Err(serde_json::Error::custom("it is no enum that is tagged from the outside")),
    }
}

/// The names that an enum's derived `Deserialize` asks for.
fn variants<E: DeserializeOwned>() -> &'static [&'static str] {
    struct Asked<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Asked<'_> {
        type Error = value::Error;

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _name: &'static str,
            variants: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = variants;
            Err(value::Error::custom("the variants are all that was asked for"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
            Err(value::Error::custom("it is no enum"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
        }
    }

    let mut variants: &'static [&'static str] = &[];
    // It answers an error whatever it is asked; what counts is what it was asked.
    drop(E::deserialize(Asked(&mut variants)));
    variants
}
