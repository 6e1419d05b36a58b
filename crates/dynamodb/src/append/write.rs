//! One try to write an append at the ends that are known: a put, or a transaction.

use factlog::{Appended, Error, Expected, Result, StreamAppend, Timestamp, Version};

use crate::client::{Action, Change, Condition, Written};
use crate::commit::Part;
use crate::cost::Cost;
use crate::ends::End;
use crate::item::Item;
use crate::layout::PartToWrite;
use crate::limits::{TRANSACTION_BYTES_MAX, TRANSACTION_ITEMS_MAX};
use crate::shared::Shared;

/// Writes the append behind these ends: its answer, or `None` if the streams have moved.
pub(super) async fn write(
    shared: &Shared,
    parts: &[StreamAppend],
    ends: &[End],
) -> Result<Option<Appended>> {
    let last = ends.iter().map(|end| end.recorded).max().unwrap_or_default();
    let recorded = shared.times.record(last);
    let items = pieces(shared, parts, ends, recorded).await?;
    let indexed = items.iter().filter(|item| shared.layout.is_indexed(item)).count();
    let mut actions: Vec<_> = items.into_iter().map(|item| put(shared, item)).collect();
    actions.extend(parts.iter().zip(ends).filter_map(|(part, end)| check(shared, part, end)));
    within_limits(parts, &actions)?;
    let in_transaction = actions.len() > 1;
    match shared.client.write(actions).await? {
        // Of a transaction the client computes the units, and it does not know the index.
        Written::Done if in_transaction => {
            shared.client.meter.add(Cost { write_units: indexed as f64, ..Cost::default() });
        }
        Written::Done => {}
        Written::Refused(_) => return Ok(None),
    }
    let mut versions = Vec::with_capacity(parts.len());
    for (part, end) in parts.iter().zip(ends).filter(|(part, _)| !part.events.is_empty()) {
        let version = end.version.plus(part.events.len() as u64);
        let ids = part.events.iter().map(|event| event.id).collect();
        shared.ends.note(&part.stream, End { version, first: end.version.next(), ids, recorded });
        versions.push((part.stream.clone(), version));
    }
    Ok(Some(Appended::new(versions, None, recorded)))
}

/// The items that the append leaves behind.
async fn pieces(
    shared: &Shared,
    parts: &[StreamAppend],
    ends: &[End],
    recorded: Timestamp,
) -> Result<Vec<Item>> {
    let written = || parts.iter().zip(ends).filter(|(part, _)| !part.events.is_empty());
    let of_commit: Vec<Part> = written()
        .map(|(part, end)| Part {
            stream: part.stream.clone(),
            first: end.version.next(),
            count: u32::try_from(part.events.len()).unwrap_or(u32::MAX),
        })
        .collect();
    let named = if of_commit.len() > 1 { of_commit.as_slice() } else { &[] };
    let mut items = Vec::with_capacity(of_commit.len());
    for (part, end) in written() {
        let part = PartToWrite {
            stream: &part.stream,
            first: end.version.next(),
            events: &part.events,
            recorded,
            index_time: shared.times.index(recorded),
            parts: named,
            large_events: shared.large.is_some(),
        };
        items.extend(shared.encode(part).await?);
    }
    Ok(items)
}

fn put(shared: &Shared, item: Item) -> Action {
    let table = shared.tables.events.clone();
    let condition = Condition::Absent(shared.layout.keys().1.to_owned());
    Action { table, change: Change::Put(item), condition }
}

/// The check of a stream that is not written, where there is anything to check.
fn check(shared: &Shared, part: &StreamAppend, end: &End) -> Option<Action> {
    let sort = shared.layout.keys().1.to_owned();
    let (version, condition) = match part.expected {
        _ if !part.events.is_empty() => return None,
        Expected::Any => return None,
        Expected::StreamExists => (Version::FIRST, Condition::Present(sort)),
        Expected::NoStream | Expected::Exact(_) => (end.version.next(), Condition::Absent(sort)),
    };
    let key = shared.layout.key(&part.stream, version);
    Some(Action { table: shared.tables.events.clone(), change: Change::Keep(key), condition })
}

/// What DynamoDB would refuse is refused before, with the limit.
fn within_limits(parts: &[StreamAppend], actions: &[Action]) -> Result<()> {
    let count = actions.len();
    if count > TRANSACTION_ITEMS_MAX {
        return Err(Error::too_large(format!(
            "an append needs {count} items of a transaction, DynamoDB's limit is {TRANSACTION_ITEMS_MAX}"
        )));
    }
    let bytes: usize = actions.iter().map(Action::bytes).sum();
    if bytes > TRANSACTION_BYTES_MAX {
        let written = || parts.iter().filter(|part| !part.events.is_empty());
        let names: usize = written().map(|part| part.stream.as_str().len()).sum();
        let streams = written().count();
        return Err(Error::too_large(format!(
            "an append to {streams} streams has {bytes} bytes in {count} items, each of which names all streams \
             ({names} bytes), DynamoDB's limit for a transaction is {TRANSACTION_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use factlog::{Append, Event};

    use super::*;
    use crate::layout::Layout;

    #[test]
    fn streams_of_long_names_are_too_many_before_anything_is_sent() {
        let append = (0..100).fold(Append::default(), |append, n| {
            let event = Event::new(uuid::Uuid::from_u128(n), "Merged".parse().unwrap(), "");
            let stream = format!("{n:03}-{}", "n".repeat(1_000)).parse().unwrap();
            append.and(stream, Expected::NoStream, vec![event])
        });
        let parts = append.streams();
        let named: Vec<_> = parts
            .iter()
            .map(|part| Part { stream: part.stream.clone(), first: Version::FIRST, count: 1 })
            .collect();
        let put = |part: &StreamAppend| {
            let encoded = Layout::native().encode(PartToWrite {
                stream: &part.stream,
                first: Version::FIRST,
                events: &part.events,
                recorded: Timestamp::default(),
                index_time: Timestamp::default(),
                parts: &named,
                large_events: false,
            });
            let change = Change::Put(encoded.unwrap().items.remove(0));
            Action { table: String::new(), change, condition: Condition::Any }
        };
        let actions: Vec<_> = parts.iter().map(put).collect();
        let error = within_limits(parts, &actions).unwrap_err();
        for says in ["100 streams", "names all streams (100400 bytes)", "limit", "4194304 bytes"] {
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
