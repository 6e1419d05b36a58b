//! The layouts with one item an event: Castore's two, and custom names.
//!
//! ```text
//!   aggregateId     S   the stream, or eventStoreId#aggregateId   partition key
//!   version         N   the version                               sort key
//!   type            S   the type
//!   timestamp       S   index time, microseconds; Castore's own have milliseconds
//!   payload         M   data as DynamoDB's own types, if it is JSON; else binary (B); nothing if it is empty
//!   metadata        M   the same of metadata
//!   isInitialEvent  N   1 on version 1, or eventStoreId S in the single table: puts it into the index
//!   factlog         M   what Castore does not know and does not read:
//!       id          B   the event's id
//!       time        S   the writer's time, if there is one
//!       recorded    S   when the commit was recorded, where timestamp doesn't say so
//!       parts       L   all parts of the commit, where it has several pieces, as in `native`
//!       data        S   the bytes, where payload would not give them back; a map where they lie in an object store
//!       metadata    S   the same of metadata
//! ```
//!
//! An event without `factlog` was written by somebody else. Its id is derived from its stream and version, so that it is the
//! same for every reader; it is a commit of its own.

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use factlog::{Event, EventId, EventType, Result, StreamName, Timestamp, Version};
use uuid::{Uuid, uuid};

use super::index::{Index, index_text, millis};
use super::shared::{
    Elsewhere, Place, ReadBody, Stored, as_text_or_binary, parts, put_parts, text_or_binary,
    with_bodies,
};
use super::{Decoded, Encoded, Names, PartToWrite, json, partition};
use crate::commit::{Part, Piece, PieceHead};
use crate::item::{
    Item, Malformed, as_bytes, as_map, as_text, binary, item_bytes, number, optional, required,
    text,
};
use crate::limits::ITEM_BYTES_MAX;

/// The attribute with what is factlog's own.
pub(super) const FACTLOG: &str = "factlog";

/// Of the ids of events that were written without one.
const DERIVED_IDS: Uuid = uuid!("6b1c0a2e-5a0f-4f0e-9d3b-6f1f7c1c5e0b");

/// One item an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PerEvent {
    pub(super) names: Names,
    pub(super) index: Initial,
}

/// How initial events get into an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Initial {
    /// There is no index.
    None,
    /// `isInitialEvent` = 1: all streams in one partition.
    Flag,
    /// `eventStoreId`: a partition for each category, and the partition key of the table has it in front.
    EventStore,
}

const INDEX_NAME: &str = "initialEvents";
const INDEX_SORT: &str = "timestamp";
const FLAG: &str = "isInitialEvent";
const EVENT_STORE: &str = "eventStoreId";

impl Initial {
    pub(super) fn index(self) -> Option<Index> {
        let index = |partition, partition_is_number| Index {
            name: INDEX_NAME,
            partition,
            partition_is_number,
            sort: INDEX_SORT,
        };
        match self {
            Self::None => None,
            Self::Flag => Some(index(FLAG, true)),
            Self::EventStore => Some(index(EVENT_STORE, false)),
        }
    }

    pub(super) fn partition(self, category: &str) -> Option<AttributeValue> {
        match self {
            Self::None => None,
            Self::Flag => Some(number(1)),
            Self::EventStore => Some(text(partition::event_store_id(category))),
        }
    }
}

impl PerEvent {
    pub(super) fn partition(&self, stream: &StreamName) -> String {
        match self.index {
            Initial::EventStore => partition::partition(stream),
            Initial::None | Initial::Flag => stream.as_str().to_owned(),
        }
    }

    pub(super) fn stream_name(&self, partition: &str) -> Result<StreamName> {
        match self.index {
            Initial::EventStore => partition::stream_name(partition),
            Initial::None | Initial::Flag => StreamName::try_from(partition),
        }
    }

    pub(super) fn key(&self, stream: &StreamName, version: Version) -> Item {
        let Names { stream: name, version: version_name, .. } = &self.names;
        let stream = (name.clone(), text(self.partition(stream)));
        [stream, (version_name.clone(), number(version.number()))].into()
    }

    pub(super) fn encode(&self, part: &PartToWrite<'_>) -> Result<Encoded> {
        let mut encoded =
            Encoded { items: Vec::with_capacity(part.events.len()), uploads: Vec::new() };
        for (event, version) in part.events.iter().zip(part.first.number()..) {
            let (mut stored, version) = (Stored::here(event), Version::new(version));
            let mut item = self.item(part, version, &stored);
            while item_bytes(&item) > ITEM_BYTES_MAX {
                let moved = if part.large_events { stored.move_greater() } else { None };
                let upload = moved.ok_or_else(|| super::too_large(part, version, event))?;
                encoded.uploads.push(upload);
                item = self.item(part, version, &stored);
            }
            encoded.items.push(item);
        }
        Ok(encoded)
    }

    fn item(&self, part: &PartToWrite<'_>, version: Version, stored: &Stored<'_>) -> Item {
        let (names, event) = (&self.names, stored.event);
        let mut item = self.key(part.stream, version);
        item.insert(names.event_type.clone(), text(event.event_type.as_str()));
        let mut own = Item::from([("id".to_owned(), binary(*event.id.as_bytes()))]);
        if let Some(time) = event.time {
            own.insert("time".to_owned(), text(time.to_string()));
        }
        if let Some(name) = &names.timestamp {
            item.insert(name.clone(), text(index_text(part.index_time)));
        }
        if names.timestamp.is_none() || millis(part.index_time) != part.recorded {
            own.insert("recorded".to_owned(), text(part.recorded.to_string()));
        }
        put_parts(part, &mut own);
        self.put_body(&stored.data, Some(&names.data), "data", &mut item, &mut own);
        self.put_body(&stored.metadata, names.metadata.as_ref(), "metadata", &mut item, &mut own);
        let initial =
            (version == Version::FIRST).then(|| self.index.partition(part.stream.category()));
        if let (Some(index), Some(Some(value))) = (self.index.index(), initial) {
            item.insert(index.partition.to_owned(), value);
        }
        item.insert(FACTLOG.to_owned(), AttributeValue::M(own));
        item
    }

    /// Puts a body where its name says, if it has one, and beside it what is needed to have the same bytes again.
    fn put_body(
        &self,
        place: &Place<'_>,
        name: Option<&String>,
        own_name: &str,
        item: &mut Item,
        own: &mut Item,
    ) {
        let (Some(name), Place::Here(bytes @ [_, ..])) = (name, place) else {
            return place.put(own_name, own);
        };
        if self.names.data_is_text {
            item.insert(name.clone(), text_or_binary(bytes));
        } else if let Some(json) = json::write(bytes) {
            item.insert(name.clone(), json.value);
            if !json.exact {
                place.put(own_name, own);
            }
        } else {
            item.insert(name.clone(), binary(*bytes));
        }
    }

    fn read_body(
        &self,
        item: &Item,
        name: Option<&String>,
        own: Option<&Item>,
        own_name: &str,
    ) -> Result<ReadBody, Malformed> {
        if let Some(body) = own.map(|own| ReadBody::from_map(own, own_name)).transpose()?.flatten()
        {
            return Ok(body);
        }
        let Some(name) = name else { return Ok(ReadBody::default()) };
        let bytes = optional(item, name, |value| match value {
            AttributeValue::B(blob) => Ok(blob.as_ref().to_vec()),
            AttributeValue::S(_) if self.names.data_is_text => {
                Ok(as_text_or_binary(value)?.to_vec())
            }
            _ => json::read(value),
        })?;
        Ok(bytes.map(ReadBody::here).unwrap_or_default())
    }

    pub(super) fn decode(
        &self,
        item: &Item,
        stream: StreamName,
        version: Version,
    ) -> Result<Decoded, Malformed> {
        let own = optional(item, FACTLOG, as_map)?;
        let Told { recorded, time, parts } = self.told(item, own, &stream)?;
        let data = self.read_body(item, Some(&self.names.data), own, "data")?;
        let metadata = self.read_body(item, self.names.metadata.as_ref(), own, "metadata")?;
        let id = match own {
            Some(own) => within_own(required(own, "id", as_bytes).map(EventId::from_bytes))?,
            None => derived_id(&stream, version),
        };
        let mut event = Event::new(id, self.event_type(item)?, Bytes::new());
        event.time = time;
        let mut elsewhere = Elsewhere::new();
        let events = vec![with_bodies(event, 0, [data, metadata], &mut elsewhere)];
        Ok(Decoded { piece: Piece { stream, first: version, events, recorded, parts }, elsewhere })
    }

    pub(super) fn decode_head(
        &self,
        item: &Item,
        stream: StreamName,
        version: Version,
    ) -> Result<PieceHead, Malformed> {
        let own = optional(item, FACTLOG, as_map)?;
        let Told { recorded, parts, .. } = self.told(item, own, &stream)?;
        let types = vec![self.event_type(item)?];
        Ok(PieceHead { stream, first: version, types, recorded, parts })
    }

    fn event_type(&self, item: &Item) -> Result<EventType, Malformed> {
        required(item, &self.names.event_type, |value| Ok(as_text(value)?.try_into()?))
    }

    /// What `factlog` says of the commit, or the timestamp where it doesn't.
    fn told(
        &self,
        item: &Item,
        own: Option<&Item>,
        stream: &StreamName,
    ) -> Result<Told, Malformed> {
        let time =
            |map, name| optional(map, name, |value| Ok(as_text(value)?.parse::<Timestamp>()?));
        let own_time = |name| within_own(own.map_or(Ok(None), |own| time(own, name)));
        let timestamp = || match &self.names.timestamp {
            Some(name) => time(item, name)?.ok_or_else(|| Malformed::new("missing").within(name)),
            None => Ok(Timestamp::default()),
        };
        let recorded = own_time("recorded")?.map_or_else(timestamp, Ok)?;
        let time = match own {
            Some(_) => own_time("time")?,
            None => Some(recorded).filter(|time| *time != millis(recorded)),
        };
        let parts = within_own(own.map_or(Ok(Vec::new()), |own| parts(own, stream)))?;
        Ok(Told { recorded: millis(recorded), time, parts })
    }
}

struct Told {
    recorded: Timestamp,
    /// The writer's time, if there is one.
    time: Option<Timestamp>,
    parts: Vec<Part>,
}

fn within_own<T>(read: Result<T, Malformed>) -> Result<T, Malformed> {
    read.map_err(|e| e.within(FACTLOG))
}

/// No name has a control character, so no two events have one text.
fn derived_id(stream: &StreamName, version: Version) -> EventId {
    Uuid::new_v5(&DERIVED_IDS, format!("{stream}\n{version}").as_bytes())
}
