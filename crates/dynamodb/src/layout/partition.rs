//! The partition key of Castore's single table: `eventStoreId#aggregateId`. The stream `loan-173688` is the aggregate
//! `173688` of the event store `loan`.
//!
//! ```text
//!   stream          partition
//!   loan-173688     loan#173688
//!   loan-a-1        loan#a-1         the category ends before the first -
//!   loan            loan             no -: no #
//!   -1              %#1              an index can't have an empty key: an empty category is written %
//!   50%-1           50%%#1           so % is written %%
//!   a#b-1           a%hb#1           and # in a category %h
//!   my%dstore-1     my-store#1       a - in an event store's id reads as %d: a category has none
//! ```
//!
//! Each stream has one partition and each partition at most one stream: what reads as a stream
//! whose own partition is another one is refused. No partition is longer than twice the name and one byte.

use factlog::{Error, Result, StreamName};

/// The partition of a stream.
pub(super) fn partition(stream: &StreamName) -> String {
    let mut partition = event_store_id(stream.category());
    if let Some((_, aggregate)) = stream.as_str().split_once('-') {
        partition.push('#');
        partition.push_str(aggregate);
    }
    partition
}

/// The stream of a partition.
pub(super) fn stream_name(partition_key: &str) -> Result<StreamName> {
    let no_stream = || Error::corrupt(format!("{partition_key:?} is no partition of a stream"));
    let (store, aggregate) = match partition_key.split_once('#') {
        Some((store, aggregate)) => (store, Some(aggregate)),
        None => (partition_key, None),
    };
    let mut name = category(store);
    if let Some(aggregate) = aggregate {
        name.push('-');
        name.push_str(aggregate);
    }
    let stream = StreamName::new(name).map_err(|e| no_stream().with_source(e))?;
    if partition(&stream) == partition_key { Ok(stream) } else { Err(no_stream()) }
}

/// The id of the event store that a category is: what the index of initial events is partitioned by.
pub(super) fn event_store_id(category: &str) -> String {
    if category.is_empty() {
        return "%".to_owned();
    }
    let mut id = String::with_capacity(category.len());
    let mut rest = category.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '%' if rest.next_if_eq(&'d').is_some() => id.push('-'),
            '%' => id.push_str("%%"),
            '#' => id.push_str("%h"),
            _ => id.push(char),
        }
    }
    id
}

fn category(event_store_id: &str) -> String {
    let mut category = String::with_capacity(event_store_id.len());
    let mut rest = event_store_id.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '%' if rest.next_if_eq(&'%').is_some() => category.push('%'),
            '%' if rest.next_if_eq(&'h').is_some() => category.push('#'),
            // Alone it is the empty category; anything else is no partition, which its stream's own one tells.
            '%' => {}
            '-' => category.push_str("%d"),
            _ => category.push(char),
        }
    }
    category
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_partitions_are_as_documented() {
        let table = [
            ("loan-173688", "loan#173688"),
            ("loan-a-1", "loan#a-1"),
            ("loan", "loan"),
            ("loan-a#1", "loan#a#1"),
            ("loan-", "loan#"),
            ("-", "%#"),
            ("-1", "%#1"),
            ("50%-1", "50%%#1"),
            ("a#b-1", "a%hb#1"),
            ("my%dstore-1", "my-store#1"),
        ];
        for (name, key) in table {
            assert_eq!(partition(&StreamName::new(name).unwrap()), key);
            assert_eq!(stream_name(key).unwrap().as_str(), name);
        }
        for key in ["", "%", "#1", "a%#1", "%x#1", "%%d#1", "a\nb#1"] {
            assert!(stream_name(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn the_longest_partition_fits_a_key() {
        let name = StreamName::new("#".repeat(factlog::limits::STREAM_NAME_BYTES_MAX)).unwrap();
        assert_eq!(partition(&name).len(), 2_048);
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in "[-%#dhx日]{1,8}") {
            let stream = StreamName::new(name).unwrap();
            prop_assert_eq!(stream_name(&partition(&stream)).unwrap(), stream);
        }

        #[test]
        fn no_two_partitions_are_one_stream(key in "[-%#dhx日]{0,8}") {
            if let Ok(stream) = stream_name(&key) {
                prop_assert_eq!(partition(&stream), key);
            }
        }
    }
}
