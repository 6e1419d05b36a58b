//! What a table has to be like.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, KeySchemaElement, KeyType, ScalarAttributeType, StreamViewType,
    TableDescription,
};
use factlog::{Error, Result};

use super::Tables;
use crate::layout::Layout;

/// The attribute of the state table by which DynamoDB removes items: seconds since 1970.
pub(crate) const EXPIRES: &str = "expires";

/// A partition key and a sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys([(String, ScalarAttributeType); 2]);

impl Keys {
    fn new(partition: &str, of: ScalarAttributeType, sort: &str, by: ScalarAttributeType) -> Self {
        Self([(partition.to_owned(), of), (sort.to_owned(), by)])
    }

    /// As they are said to a person: `stream (S), version (N)`.
    pub(super) fn text(&self) -> String {
        let [partition, sort] = self.0.each_ref().map(|(name, kind)| format!("{name} ({kind})"));
        format!("{partition}, {sort}")
    }

    pub(super) fn schema(&self) -> Result<Vec<KeySchemaElement>> {
        let kinds = [KeyType::Hash, KeyType::Range];
        let keys = self.0.iter().zip(kinds).map(|((name, _), kind)| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(unbuilt)
        });
        keys.collect()
    }
}

/// An index by its name and keys; it projects the keys.
#[derive(Clone, Debug)]
pub(super) struct IndexSchema {
    pub(super) name: String,
    pub(super) keys: Keys,
}

/// What a table has to be like.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    /// `events`, `log` or `state`.
    pub(super) role: &'static str,
    pub(super) table: String,
    pub(super) keys: Keys,
    pub(super) index: Option<IndexSchema>,
    /// Whether its changes have to be readable from DynamoDB Streams.
    pub(super) streams: bool,
    /// The attribute by which its items expire.
    pub(super) expires: Option<&'static str>,
}

impl Schema {
    /// The schemas of the events, the log and the state table.
    pub(super) fn all(tables: &Tables, layout: &Layout) -> [Self; 3] {
        use ScalarAttributeType::{B, N, S};
        let plain = |role, table: &str, keys| Self {
            role,
            table: table.to_owned(),
            keys,
            index: None,
            streams: false,
            expires: None,
        };
        let (partition, sort) = layout.keys();
        let index = layout.index().map(|index| {
            let of = if index.partition_is_number { N } else { S };
            let keys = Keys::new(index.partition, of, index.sort, S);
            IndexSchema { name: index.name.to_owned(), keys }
        });
        let events = plain("events", &tables.events, Keys::new(partition, S, sort, N));
        let state = plain("state", &tables.state, Keys::new("partition", S, "sort", B));
        [
            Self { index, streams: true, ..events },
            plain("log", &tables.log, Keys::new("log", S, "position", N)),
            Self { expires: Some(EXPIRES), ..state },
        ]
    }

    /// All attributes that are keys, of the table or of its index.
    pub(super) fn attributes(&self) -> Result<Vec<AttributeDefinition>> {
        let mut keys: Vec<_> = self.keys.0.iter().collect();
        keys.extend(self.index.iter().flat_map(|index| &index.keys.0));
        keys.sort_by_key(|(name, _)| name);
        keys.dedup();
        let attributes = keys.into_iter().map(|(name, kind)| {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            attribute.attribute_type(kind.clone()).build().map_err(unbuilt)
        });
        attributes.collect()
    }

    /// What of the table can't be put right, as `found …, needs …`.
    pub(super) fn wrong(&self, table: &TableDescription) -> Option<String> {
        if let Some(wrong) = self.wrong_keys(&self.keys, table.key_schema(), table) {
            return Some(format!("keys: {wrong}"));
        }
        if let Some(index) = &self.index
            && let Some(found) = find_index(table, &index.name)
            && let Some(wrong) = self.wrong_keys(&index.keys, found.key_schema(), table)
        {
            return Some(format!("keys of index {}: {wrong}", index.name));
        }
        let view = table.stream_specification().and_then(|stream| stream.stream_view_type());
        match view {
            Some(view @ (StreamViewType::KeysOnly | StreamViewType::OldImage)) if self.streams => {
                Some(format!("stream: found {view}, needs NEW_IMAGE or NEW_AND_OLD_IMAGES"))
            }
            _ => None,
        }
    }

    /// What the table lacks and can be given.
    pub(super) fn lacking(&self, table: &TableDescription) -> Vec<String> {
        let mut lacking = Vec::new();
        if self.streams && !has_stream(table) {
            lacking.push("stream: found none, needs NEW_IMAGE".to_owned());
        }
        if let Some(index) = &self.index
            && find_index(table, &index.name).is_none()
        {
            let keys = index.keys.text();
            lacking.push(format!("index: found none, needs {} with the keys {keys}", index.name));
        }
        lacking
    }

    fn wrong_keys(
        &self,
        needed: &Keys,
        found: &[KeySchemaElement],
        table: &TableDescription,
    ) -> Option<String> {
        let found = keys_text(found, table);
        let needed = needed.text();
        (found != needed).then(|| format!("found {found}, needs {needed}"))
    }
}

/// Keys as they are said to a person, in the form of [`Keys::text`].
pub(super) fn keys_text(keys: &[KeySchemaElement], table: &TableDescription) -> String {
    let kind = |name: &str| {
        let mut attributes = table.attribute_definitions().iter();
        attributes.find(|it| it.attribute_name == name).map_or("?", |it| it.attribute_type.as_str())
    };
    let texts =
        keys.iter().map(|key| format!("{} ({})", key.attribute_name, kind(&key.attribute_name)));
    texts.collect::<Vec<_>>().join(", ")
}

pub(super) fn has_stream(table: &TableDescription) -> bool {
    table.stream_specification().is_some_and(|stream| stream.stream_enabled)
}

pub(super) fn find_index<'a>(
    table: &'a TableDescription,
    name: &str,
) -> Option<&'a aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription> {
    table.global_secondary_indexes().iter().find(|index| index.index_name() == Some(name))
}

/// A request that lacks what the SDK demands: a defect here.
pub(super) fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::internal(format!("making the request for a table failed: {error}")).with_source(error)
}
