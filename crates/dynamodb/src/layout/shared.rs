//! What items of all layouts have in common: the parts of a commit, and bodies that lie here or elsewhere.

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use factlog::{Event, StreamName, Version};

use super::{Body, PartToWrite};
use crate::commit::Part;
use crate::item::{
    Item, Malformed, as_binary, as_bytes, as_list, as_map, as_number, as_text, binary, number,
    optional, required, text,
};
use crate::large::{Address, Upload};

/// An event with its data and metadata as they lie.
#[derive(Clone, Debug)]
pub(super) struct Stored<'a> {
    pub(super) event: &'a Event,
    pub(super) data: Place<'a>,
    pub(super) metadata: Place<'a>,
}

/// Where a body lies.
#[derive(Clone, Debug)]
pub(super) enum Place<'a> {
    Here(&'a [u8]),
    Elsewhere(Address),
}

impl<'a> Stored<'a> {
    /// All of the event lies in its item.
    pub(super) fn here(event: &'a Event) -> Self {
        let (data, metadata) = (Place::Here(&event.data), Place::Here(&event.metadata));
        Self { event, data, metadata }
    }

    /// Moves the greater body that still lies here elsewhere; `None` if there is none.
    pub(super) fn move_greater(&mut self) -> Option<Upload> {
        let (data, metadata) = (self.data.bytes_here(), self.metadata.bytes_here());
        let (place, bytes) = match (data, metadata) {
            (0, 0) => return None,
            _ if data >= metadata => (&mut self.data, &self.event.data),
            _ => (&mut self.metadata, &self.event.metadata),
        };
        let upload = Upload::new(bytes.clone());
        *place = Place::Elsewhere(upload.address.clone());
        Some(upload)
    }
}

impl Place<'_> {
    pub(super) fn bytes_here(&self) -> usize {
        match self {
            Self::Here(bytes) => bytes.len(),
            Self::Elsewhere(_) => 0,
        }
    }

    /// Puts the body into a map: text where it is UTF-8, nothing where it is empty, an address where it lies elsewhere.
    pub(super) fn put(&self, name: &str, map: &mut Item) {
        let value = match self {
            Self::Here([]) => return,
            Self::Here(bytes) => text_or_binary(bytes),
            Self::Elsewhere(address) => address_value(address),
        };
        map.insert(name.to_owned(), value);
    }
}

/// Text where the bytes are UTF-8, else binary.
pub(super) fn text_or_binary(bytes: &[u8]) -> AttributeValue {
    str::from_utf8(bytes).map_or_else(|_| binary(bytes), text)
}

/// A body as it was read; empty where it lies elsewhere.
#[derive(Debug, Default)]
pub(super) struct ReadBody {
    pub(super) bytes: Bytes,
    pub(super) elsewhere: Option<Address>,
}

impl ReadBody {
    pub(super) fn here(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), elsewhere: None }
    }

    /// Reads what [`Place::put`] has written.
    pub(super) fn from_map(map: &Item, name: &str) -> Result<Option<Self>, Malformed> {
        optional(map, name, |value| match value {
            AttributeValue::S(text) => Ok(Self::here(text.clone())),
            AttributeValue::B(blob) => Ok(Self::here(blob.as_ref().to_vec())),
            _ => Ok(Self { bytes: Bytes::new(), elsewhere: Some(address(as_map(value)?)?) }),
        })
    }
}

/// Where bodies of a piece lie that are not in its item.
pub(super) type Elsewhere = Vec<(usize, Body, Address)>;

/// Gives an event its bodies, and notes which of them lie elsewhere.
pub(super) fn with_bodies(
    mut event: Event,
    index: usize,
    [data, metadata]: [ReadBody; 2],
    elsewhere: &mut Elsewhere,
) -> Event {
    for (body, address) in [(Body::Data, data.elsewhere), (Body::Metadata, metadata.elsewhere)] {
        elsewhere.extend(address.map(|address| (index, body, address)));
    }
    event.data = data.bytes;
    event.with_metadata(metadata.bytes)
}

fn address_value(address: &Address) -> AttributeValue {
    let entries = [
        ("object", text(address.object.clone())),
        ("bytes", number(address.bytes)),
        ("sha256", binary(address.sha256)),
    ];
    AttributeValue::M(entries.map(|(name, value)| (name.to_owned(), value)).into())
}

fn address(map: &Item) -> Result<Address, Malformed> {
    Ok(Address {
        object: required(map, "object", as_text)?.to_owned(),
        bytes: required(map, "bytes", as_number)?,
        sha256: required(map, "sha256", as_bytes)?,
    })
}

/// Names all parts in an item of the stream, if there are several pieces. The item's own stream is left out.
pub(super) fn put_parts(part: &PartToWrite<'_>, map: &mut Item) {
    if part.parts.is_empty() {
        return;
    }
    let value = |named: &Part| {
        let mut entry = Item::from([
            ("first".to_owned(), number(named.first.number())),
            ("count".to_owned(), number(named.count.into())),
        ]);
        if named.stream != *part.stream {
            entry.insert("stream".to_owned(), text(named.stream.as_str()));
        }
        AttributeValue::M(entry)
    };
    map.insert("parts".to_owned(), AttributeValue::L(part.parts.iter().map(value).collect()));
}

/// Reads what [`put_parts`] has written.
pub(super) fn parts(map: &Item, stream: &StreamName) -> Result<Vec<Part>, Malformed> {
    let part = |value: &AttributeValue| {
        let map = as_map(value)?;
        let named = optional(map, "stream", as_text)?;
        let count = required(map, "count", as_number)?;
        Ok(Part {
            stream: named.map_or_else(|| Ok(stream.clone()), StreamName::try_from)?,
            first: Version::new(required(map, "first", as_number)?),
            count: u32::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
                Malformed::new(format!("a part of {count} events")).within("count")
            })?,
        })
    };
    let parts = optional(map, "parts", |value| each(as_list(value)?, part))?;
    Ok(parts.unwrap_or_default())
}

/// Reads each value of a list; what is malformed is named with its place.
pub(super) fn each<T>(
    values: &[AttributeValue],
    read: impl Fn(&AttributeValue) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let read = |(index, value)| read(value).map_err(|e| e.within(index));
    values.iter().enumerate().map(read).collect()
}

/// The bytes of a text or binary value.
pub(super) fn as_text_or_binary(value: &AttributeValue) -> Result<&[u8], Malformed> {
    as_text(value).map(str::as_bytes).or_else(|_| as_binary(value))
}
