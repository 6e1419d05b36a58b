//! DynamoDB Streams of the events table: shards, and what happened in each.
//!
//! An iterator leads from one answer to the next; it is kept beside the place that it stands at. Where there is
//! none, or it has expired, a new one is asked for.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::error::SdkError;
use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::types::{
    AttributeValue as StreamValue, Record as StreamRecord, ShardIteratorType,
};
use factlog::{Error, Result, Timestamp};

use crate::error::failed;
use crate::item::Item;
use crate::layout::Layout;
use crate::sequencer::frontier::{Sequence, ShardId};
use crate::sequencer::io::{Record, Records, Shard, Source};
use crate::shared::Shared;

/// Times that a new iterator is asked for before an expired one is an error.
const ITERATORS_MAX: u32 = 3;

/// The stream of a table.
#[derive(Debug)]
pub(super) struct Streams {
    client: aws_sdk_dynamodbstreams::Client,
    arn: String,
    layout: Layout,
    /// For each shard the iterator that goes on after this record.
    iterators: Mutex<HashMap<ShardId, (Option<Sequence>, String)>>,
}

impl Streams {
    /// The stream of the store's events table.
    pub(crate) async fn of(shared: &Shared) -> Result<Self> {
        let table = &shared.tables.events;
        let described = shared.client.dynamodb.describe_table().table_name(table).send().await;
        let described = described.map_err(|e| failed(&format!("describing table {table}"), e))?;
        let arn = described.table.and_then(|table| table.latest_stream_arn);
        let arn = arn.ok_or_else(|| {
            let store = &shared.tables.store;
            Error::invalid(format!(
                "table {table} has no stream: `factlog tables create {store}` switches it on"
            ))
        })?;
        let (client, layout) = (shared.client.streams.clone(), shared.layout.clone());
        Ok(Self { client, arn, layout, iterators: Mutex::default() })
    }

    /// The iterator that was kept for the place, taken out.
    fn kept(&self, shard: &ShardId, after: Option<&Sequence>) -> Option<String> {
        let mut iterators = self.iterators.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, iterator) = iterators.remove(shard)?;
        (at.as_ref() == after).then_some(iterator)
    }

    /// Forgets the iterators of shards that are described no more.
    fn forget_others(&self, shards: &[Shard]) {
        let known: HashSet<&ShardId> = shards.iter().map(|shard| &shard.id).collect();
        let mut iterators = self.iterators.lock().unwrap_or_else(PoisonError::into_inner);
        iterators.retain(|shard, _| known.contains(shard));
    }

    fn keep(&self, shard: &ShardId, after: Option<Sequence>, iterator: String) {
        let mut iterators = self.iterators.lock().unwrap_or_else(PoisonError::into_inner);
        iterators.insert(shard.clone(), (after, iterator));
    }

    /// A new iterator; `None` if the place is forgotten.
    async fn iterator(&self, shard: &ShardId, after: Option<&Sequence>) -> Result<Option<String>> {
        let (kind, after) = match after {
            Some(after) => {
                (ShardIteratorType::AfterSequenceNumber, Some(after.as_str().to_owned()))
            }
            None => (ShardIteratorType::TrimHorizon, None),
        };
        let request = self.client.get_shard_iterator().stream_arn(&self.arn);
        let request = request.shard_id(shard.to_string()).shard_iterator_type(kind);
        match request.set_sequence_number(after).send().await {
            Ok(answer) => Ok(answer.shard_iterator),
            Err(SdkError::ServiceError(error))
                if error.err().is_trimmed_data_access_exception()
                    || error.err().is_resource_not_found_exception() =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(&format!("finding a place in shard {shard}"), error)),
        }
    }

    fn record(&self, record: StreamRecord) -> Result<Record> {
        let change = record
            .dynamodb
            .unwrap_or_else(|| aws_sdk_dynamodbstreams::types::StreamRecord::builder().build());
        let sequence = change.sequence_number.unwrap_or_default();
        let created = change
            .approximate_creation_date_time
            .map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
        let item = change.new_image.map(item);
        let piece = item.map(|item| self.layout.decode_head(&item)).transpose()?;
        let created = Timestamp::from_unix_nanos(created);
        Ok(Record { sequence: Sequence::new(sequence)?, created, piece })
    }
}

#[async_trait]
impl Source for Streams {
    async fn shards(&self) -> Result<Vec<Shard>> {
        let (mut shards, mut start) = (Vec::new(), None);
        loop {
            let request = self.client.describe_stream().stream_arn(&self.arn);
            let answer = request.set_exclusive_start_shard_id(start).send().await;
            let answer =
                answer.map_err(|e| failed(&format!("describing stream {}", self.arn), e))?;
            let description = answer.stream_description.ok_or_else(|| {
                Error::internal(format!("stream {} is described by nothing", self.arn))
            })?;
            for shard in description.shards.unwrap_or_default() {
                let parent = shard.parent_shard_id.map(ShardId::from);
                let id = ShardId::from(shard.shard_id.unwrap_or_default());
                shards.push(Shard { id, parent });
            }
            start = description.last_evaluated_shard_id;
            if start.is_none() {
                self.forget_others(&shards);
                return Ok(shards);
            }
        }
    }

    async fn records(&self, shard: &ShardId, after: Option<&Sequence>) -> Result<Records> {
        let mut iterator = self.kept(shard, after);
        for _ in 0..ITERATORS_MAX {
            let at = match iterator.take() {
                Some(iterator) => iterator,
                None => match self.iterator(shard, after).await? {
                    Some(iterator) => iterator,
                    None => return Ok(Records::Trimmed),
                },
            };
            let answer = match self.client.get_records().shard_iterator(at).send().await {
                Ok(answer) => answer,
                Err(SdkError::ServiceError(error))
                    if matches!(error.err(), GetRecordsError::ExpiredIteratorException(_)) =>
                {
                    continue;
                }
                Err(SdkError::ServiceError(error))
                    if error.err().is_trimmed_data_access_exception()
                        || error.err().is_resource_not_found_exception() =>
                {
                    return Ok(Records::Trimmed);
                }
                Err(error) => return Err(failed(&format!("reading shard {shard}"), error)),
            };
            let records = answer.records.unwrap_or_default().into_iter();
            let records = records.map(|record| self.record(record)).collect::<Result<Vec<_>>>()?;
            let last = records.last().map(|record| record.sequence.clone());
            return Ok(match answer.next_shard_iterator {
                None => Records::Ended(records),
                Some(next) => {
                    self.keep(shard, last.or_else(|| after.cloned()), next);
                    if records.is_empty() {
                        Records::Current(records)
                    } else {
                        Records::More(records)
                    }
                }
            });
        }
        Err(Error::unavailable(format!(
            "reading shard {shard} failed: its iterators expire at once"
        )))
    }
}

/// An item as the stream's own SDK has it.
fn item(image: HashMap<String, StreamValue>) -> Item {
    image.into_iter().map(|(name, value)| (name, attribute(value))).collect()
}

fn attribute(value: StreamValue) -> AttributeValue {
    match value {
        StreamValue::B(bytes) => AttributeValue::B(bytes),
        StreamValue::Bool(value) => AttributeValue::Bool(value),
        StreamValue::Bs(sets) => AttributeValue::Bs(sets),
        StreamValue::L(list) => AttributeValue::L(list.into_iter().map(attribute).collect()),
        StreamValue::M(map) => AttributeValue::M(item(map)),
        StreamValue::N(number) => AttributeValue::N(number),
        StreamValue::Ns(numbers) => AttributeValue::Ns(numbers),
        StreamValue::S(text) => AttributeValue::S(text),
        StreamValue::Ss(texts) => AttributeValue::Ss(texts),
        // Of the values that are known, only null is left.
        _ => AttributeValue::Null(true),
    }
}
