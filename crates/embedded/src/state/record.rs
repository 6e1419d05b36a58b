//! The bytes of a write: in the journal, and of its items in the tree. `FORMAT.md` describes them.
//!
//! ```text
//!   record                              32 bytes, then its changes
//!   +-----+------+---------+------+---+--------+--------+
//!   | crc | kind | 0 0 0   | body | 0 | synced | number |
//!   | u32 | u8 3 |         | u32  |u32|  u64   |  u64   |
//!   +-----+------+---------+------+---+--------+--------+
//!   change: | key bytes u16 | value bytes + 1, or 0 for a deletion u32 | key | value |
//! ```
//!
//! The caller of a write encodes the changes and computes their checksum; the writer, who alone knows the
//! number, only that of the first line. *Synced* is how much of the file was durable when the
//! record was written: a record that can be read proves it.

use bytes::Bytes;
use factlog::state::{Change, Item, Key, Partition, Revision, Write};
use factlog::{Error, Result};

use crate::frame::{u32_at, u64_at};

/// Bytes of a record before its changes.
pub(crate) const RECORD_BYTES: usize = 32;

const KIND: [u8; 4] = [3, 0, 0, 0];

/// The changes of a write, behind the room for the record's head, and their checksum.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    crc: u32,
}

impl Body {
    pub(crate) fn encode(writes: &[Write]) -> Self {
        let size = writes.iter().map(|write| write.size() + 7).sum::<usize>();
        let mut bytes = Vec::with_capacity(RECORD_BYTES + size);
        bytes.resize(RECORD_BYTES, 0);
        for Write { key, change, .. } in writes {
            let (length, value) = match change {
                Change::Put(value) => (value.len() + 1, &value[..]),
                Change::Delete => (0, &[][..]),
                Change::Keep => continue,
            };
            let (partition, sort) = (key.partition().as_str().as_bytes(), key.sort());
            let key_length = partition.len() + 1 + sort.len();
            let key_length = u16::try_from(key_length).expect("a key has less than 3,000 bytes");
            let length = u32::try_from(length).expect("a value has at most 350 KiB");
            bytes.extend_from_slice(&key_length.to_le_bytes());
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(partition);
            bytes.push(0);
            bytes.extend_from_slice(sort);
            bytes.extend_from_slice(value);
        }
        let crc = crc32c::crc32c(&bytes[RECORD_BYTES..]);
        Self { bytes, crc }
    }

    /// Fills in the head.
    pub(crate) fn seal(&mut self, number: u64, synced: u64) {
        let body = self.bytes.len() - RECORD_BYTES;
        let body = u32::try_from(body).expect("a write has less than 4 GiB");
        let head = &mut self.bytes[..RECORD_BYTES];
        head[4..8].copy_from_slice(&KIND);
        head[8..12].copy_from_slice(&body.to_le_bytes());
        head[16..24].copy_from_slice(&synced.to_le_bytes());
        head[24..32].copy_from_slice(&number.to_le_bytes());
        let crc = crc32c::crc32c_append(self.crc, &head[4..]);
        head[..4].copy_from_slice(&crc.to_le_bytes());
    }
}

/// A record that is whole and sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) number: u64,
    /// How much of the file was durable when it was written.
    pub(crate) synced: u64,
    pub(crate) body: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at the start of the bytes, if one whole and sound is there.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.get(..RECORD_BYTES)?;
        if head[4..8] != KIND || head[12..16] != [0; 4] {
            return None;
        }
        let length = usize::try_from(u32_at(head, 8)).ok()?;
        let body = bytes[RECORD_BYTES..].get(..length)?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(body), &head[4..]);
        (crc == u32_at(head, 0)).then(|| Self {
            number: u64_at(head, 24),
            synced: u64_at(head, 16),
            body,
        })
    }

    /// Bytes of all of it.
    pub(crate) fn length(&self) -> usize {
        RECORD_BYTES + self.body.len()
    }
}

/// The changes of a sound record: keys, each with the value that was put, or with none if it was deleted.
pub(crate) fn changes(mut body: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    std::iter::from_fn(move || {
        let (lengths, rest) = body.split_at_checked(6)?;
        let key_length = usize::from(u16::from_le_bytes([lengths[0], lengths[1]]));
        let value_length = usize::try_from(u32_at(lengths, 2)).ok()?;
        let (key, rest) = rest.split_at_checked(key_length)?;
        let (value, rest) = rest.split_at_checked(value_length.saturating_sub(1))?;
        body = rest;
        Some((key, (value_length > 0).then_some(value)))
    })
}

/// A key's bytes, in the order of keys: a partition has no zero byte.
pub(crate) fn encode_key(partition: &Partition, sort: &[u8]) -> Vec<u8> {
    [partition.as_str().as_bytes(), &[0], sort].concat()
}

/// A value as the tree keeps it: behind the number of the write that put it.
pub(crate) fn encode_value(number: u64, value: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(value);
}

/// The item under a key, from what the tree keeps.
pub(crate) fn decode_item(key: Key, stored: &[u8]) -> Result<Item> {
    match stored.split_first_chunk() {
        Some((number, value)) => {
            let revision = Revision::new(u64::from_le_bytes(*number));
            Ok(Item::new(key, Bytes::copy_from_slice(value), revision))
        }
        None => Err(Error::corrupt(format!("the item under {key} in the state has no revision"))),
    }
}
