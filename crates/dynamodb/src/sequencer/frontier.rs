//! How far the log has read DynamoDB Streams: a statement that every page and every heartbeat carries.
//!
//! ```text
//!   shard a   ..... | placed, or a duplicate |   1042 ............   finished: all of it, and it is closed
//!   shard b   ..... | placed                 |   1077 ............   not yet read
//!   owed      a scan of the events table has to place what streams may have lost
//! ```
//!
//! A frontier says: each record at or before it is placed in the page that carries it, or before. Where a
//! scan is owed it says so only of what streams still had. The statement is true for ever, so two
//! of them that owe nothing can be joined: the further one holds, shard by shard.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytestring::ByteString;
use factlog::{Error, Result};

use super::varint::{Input, put, put_text};

/// Most digits of a sequence number: DynamoDB's own limit is 40.
const DIGITS_MAX: usize = 64;

/// The name of a shard.
pub(crate) type ShardId = ByteString;

/// The place of a record in its shard: a number of up to 40 digits, kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sequence(ByteString);

impl Sequence {
    /// # Errors
    /// `Corrupt` if the text is not 1 to 64 decimal digits.
    pub(crate) fn new(text: impl Into<ByteString>) -> Result<Self> {
        let text = text.into();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || text.is_empty() || text.len() > DIGITS_MAX {
            return Err(Error::corrupt(format!("{text:?} is not a sequence number of a record")));
        }
        Ok(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Two digits a byte.
    fn encode(&self, to: &mut Vec<u8>) {
        put(to, self.0.len() as u64);
        for pair in self.0.as_bytes().chunks(2) {
            to.push((pair[0] - b'0') << 4 | pair.get(1).map_or(0, |digit| digit - b'0'));
        }
    }

    fn decode(from: &mut Input) -> Result<Self> {
        // Twice as many digits as bytes are possible; the exact check is that the bytes are there.
        let digits = usize::try_from(from.number()?).unwrap_or(usize::MAX).min(DIGITS_MAX + 1);
        let packed = from.text(digits.div_ceil(2))?;
        let mut text: String =
            packed.iter().flat_map(|b| [b >> 4, b & 15]).map(|d| char::from(b'0' + d)).collect();
        text.truncate(digits);
        Self::new(text)
    }
}

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |sequence: &Self| sequence.0.trim_start_matches('0').len();
        key(self)
            .cmp(&key(other))
            .then_with(|| self.0.trim_start_matches('0').cmp(other.0.trim_start_matches('0')))
            .then_with(|| self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How far one shard has been placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The last record of which it and all before it are placed; none: nothing is, its oldest record is the next.
    pub(crate) after: Option<Sequence>,
    /// The shard is closed and all of it is placed.
    pub(crate) finished: bool,
}

impl Reach {
    /// The further of both.
    pub(crate) fn join(&mut self, other: &Self) {
        self.after = self.after.take().max(other.after.clone());
        self.finished |= other.finished;
    }
}

/// How far the log has read DynamoDB Streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frontier {
    /// All shards that the stream describes, as far as the sequencer knows.
    pub(crate) shards: BTreeMap<ShardId, Reach>,
    /// Whether a scan of the events table is still to place what streams may have lost.
    pub(crate) owed: bool,
}

impl Frontier {
    /// Of a log that has read nothing: all is owed.
    pub(crate) fn none() -> Self {
        Self { shards: BTreeMap::new(), owed: true }
    }

    pub(crate) fn encode(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.owed));
        put(to, self.shards.len() as u64);
        for (id, reach) in &self.shards {
            put_text(to, id.as_bytes());
            to.push(u8::from(reach.finished) | u8::from(reach.after.is_some()) << 1);
            if let Some(after) = &reach.after {
                after.encode(to);
            }
        }
    }

    pub(crate) fn decode(from: &mut Input) -> Result<Self> {
        let owed = from.number()? != 0;
        let mut shards = BTreeMap::new();
        for _ in 0..from.count()? {
            let id = ByteString::try_from(from.counted_text()?)
                .map_err(|e| Error::corrupt("the id of a shard is not UTF-8").with_source(e))?;
            let flags = from.number()?;
            let after = (flags & 2 != 0).then(|| Sequence::decode(from)).transpose()?;
            match shards.entry(id) {
                Entry::Occupied(shard) => {
                    return Err(Error::corrupt(format!("shard {} is there twice", shard.key())));
                }
                Entry::Vacant(shard) => {
                    shard.insert(Reach { after, finished: flags & 1 != 0 });
                }
            }
        }
        Ok(Self { shards, owed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_ordered_as_numbers() {
        let ordered = ["0", "9", "010", "11", "000000000000000000099", "300000000000000499659"];
        let ordered = ordered.map(|text| Sequence::new(text).unwrap());
        assert!(ordered.is_sorted());
        assert!(Sequence::new("12a").is_err() && Sequence::new("").is_err());
    }
}
