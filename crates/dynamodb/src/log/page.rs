//! A page of the log: which commits stand where. The sequencer writes it, once; readers follow it.
//!
//! ```text
//!   key         (log, first position)                      taken once: "no such item"
//!   page        | entry: order-1 v4..5 | entry: stock-7 v9, last of its commit | entry: ... |
//!   positions     first, first + 1       first + 2                               ...  next
//!
//!   bytes       version | packing | crc32c | body: as it is, or its length and zstd
//!   body        recorded max | frontier | types | streams | entries
//!   entry       stream | first version | recorded, after the one before | events, last? | a type for each
//! ```
//!
//! An entry is one piece, that is one item of the events table. The checksum runs over the page's place, too: a page that
//! lies at the wrong key is damaged. Types and streams are written once a page; entries name them by number.

use std::collections::HashMap;
use std::hash::Hash;

use bytes::Bytes;
use factlog::{Error, EventType, Position, Result, StreamName, Timestamp, Version};

use crate::limits::{PAGE_BYTES_MAX, PAGE_ITEM_BYTES_MAX};
use crate::sequencer::frontier::Frontier;
use crate::sequencer::varint::{Input, put, put_signed, put_text};

const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Bytes before the body.
const HEAD_BYTES: usize = 6;
const NANOS_PER_MS: i64 = 1_000_000;

/// Some commits in their order, each of them whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The position of its first event.
    pub(crate) first: Position,
    /// At least one.
    pub(crate) entries: Vec<Entry>,
    /// What of DynamoDB Streams is placed in this page or before.
    pub(crate) frontier: Frontier,
    /// The latest recorded time of all entries of this page and before.
    pub(crate) recorded_max: Timestamp,
}

/// One piece in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) stream: StreamName,
    /// The version of its first event.
    pub(crate) first: Version,
    /// The types of its events, in order; at least one.
    pub(crate) types: Vec<EventType>,
    /// When its commit was recorded: whole milliseconds.
    pub(crate) recorded: Timestamp,
    /// Whether its commit ends with it.
    pub(crate) ends_commit: bool,
}

impl Entry {
    /// The version after its last event.
    pub(crate) fn next(&self) -> Version {
        self.first.plus(self.types.len() as u64)
    }
}

impl Page {
    /// The position after its last event.
    pub(crate) fn next(&self) -> Position {
        self.first.plus(self.entries.iter().map(|entry| entry.types.len() as u64).sum())
    }

    /// The entries with the position of each one's first event.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (Position, &Entry)> {
        self.entries.iter().scan(self.first, |next, entry| {
            let first = *next;
            *next = first.plus(entry.types.len() as u64);
            Some((first, entry))
        })
    }

    /// The bytes of the page.
    ///
    /// # Errors
    /// `TooLarge` if a single commit has so many names that no item holds the page.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let body = self.encode_body();
        self.check(body.len(), PAGE_BYTES_MAX)?;
        let packed = zstd::bulk::compress(&body, zstd::DEFAULT_COMPRESSION_LEVEL).ok();
        let mut bytes = vec![VERSION, PLAIN, 0, 0, 0, 0];
        match packed.filter(|packed| packed.len() + 3 < body.len()) {
            Some(packed) => {
                bytes[1] = ZSTD;
                put(&mut bytes, body.len() as u64);
                bytes.extend_from_slice(&packed);
            }
            None => bytes.extend_from_slice(&body),
        }
        let crc = crc(self.first, &bytes);
        bytes[2..HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
        self.check(bytes.len(), PAGE_ITEM_BYTES_MAX)?;
        Ok(bytes)
    }

    fn check(&self, bytes: usize, limit: usize) -> Result<()> {
        if bytes <= limit {
            return Ok(());
        }
        let first = self.first;
        let message = format!("the page of the log at position {first} has {bytes} bytes");
        Err(Error::too_large(format!("{message}, the limit is {limit}")))
    }

    fn encode_body(&self) -> Vec<u8> {
        let (mut types, mut streams) = (Dictionary::default(), Dictionary::default());
        let mut entries = Vec::new();
        let mut before = millis(self.recorded_max);
        for entry in &self.entries {
            put(&mut entries, streams.number(&entry.stream));
            put(&mut entries, entry.first.number());
            put_signed(&mut entries, millis(entry.recorded).wrapping_sub(before));
            before = millis(entry.recorded);
            put(&mut entries, (entry.types.len() as u64) << 1 | u64::from(entry.ends_commit));
            for event_type in &entry.types {
                put(&mut entries, types.number(event_type));
            }
        }
        let mut body = Vec::new();
        put_signed(&mut body, millis(self.recorded_max));
        self.frontier.encode(&mut body);
        types.encode(EventType::as_str, &mut body);
        streams.encode(StreamName::as_str, &mut body);
        put(&mut body, self.entries.len() as u64);
        body.extend_from_slice(&entries);
        body
    }

    /// The page at this place of the log.
    ///
    /// # Errors
    /// `Corrupt` if the bytes are not those of a page that was written there.
    pub(crate) fn decode(first: Position, bytes: &Bytes) -> Result<Self> {
        let corrupt = |error: Error| {
            let message = format!("the page of the log at position {first} is damaged: {error}");
            Error::corrupt(message).with_source(error)
        };
        body(first, bytes).and_then(|body| Self::decode_body(first, body)).map_err(corrupt)
    }

    fn decode_body(first: Position, body: Bytes) -> Result<Self> {
        let mut input = Input(body);
        let mut before = input.signed()?;
        let recorded_max = timestamp(before)?;
        let frontier = Frontier::decode(&mut input)?;
        let types = names::<EventType>(&mut input)?;
        let streams = names::<StreamName>(&mut input)?;
        let mut entries = Vec::new();
        for _ in 0..input.count()? {
            let stream = named(&streams, input.number()?)?;
            let first = Version::new(input.number()?);
            before = before.wrapping_add(input.signed()?);
            let recorded = timestamp(before)?;
            let (ends_commit, count) = ends_and_count(&mut input)?;
            let types =
                (0..count).map(|_| named(&types, input.number()?)).collect::<Result<_>>()?;
            entries.push(Entry { stream, first, types, recorded, ends_commit });
        }
        input.end()?;
        if entries.last().is_none_or(|last| !last.ends_commit) {
            return Err(Error::corrupt("it does not end with a commit"));
        }
        Ok(Self { first, entries, frontier, recorded_max })
    }
}

/// The body of a page whose checksum is right.
fn body(first: Position, bytes: &Bytes) -> Result<Bytes> {
    if bytes.len() < HEAD_BYTES {
        return Err(Error::corrupt("it has no head"));
    }
    if bytes[0] != VERSION {
        let version = bytes[0];
        return Err(Error::corrupt(format!(
            "its format is {version}, this release reads {VERSION}"
        )));
    }
    if bytes[2..HEAD_BYTES] != crc(first, bytes).to_le_bytes() {
        return Err(Error::corrupt("its checksum is wrong"));
    }
    let body = bytes.slice(HEAD_BYTES..);
    match bytes[1] {
        PLAIN => Ok(body),
        ZSTD => {
            let mut packed = Input(body);
            let length = usize::try_from(packed.number()?).unwrap_or(usize::MAX);
            if length > PAGE_BYTES_MAX {
                return Err(Error::corrupt(format!("its {length} bytes are over the limit")));
            }
            let body = zstd::bulk::decompress(&packed.0, length)
                .map_err(|e| Error::corrupt("zstd can't unpack it").with_source(e))?;
            Ok(body.into())
        }
        packing => Err(Error::corrupt(format!("its packing is {packing}, which is unknown"))),
    }
}

fn crc(first: Position, bytes: &[u8]) -> u32 {
    let place = crc32c::crc32c(&first.number().to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(place, &bytes[..2]), &bytes[HEAD_BYTES..])
}

fn ends_and_count(input: &mut Input) -> Result<(bool, usize)> {
    let number = input.number()?;
    let count = usize::try_from(number >> 1).ok().filter(|&n| 0 < n && n <= input.0.len());
    let count =
        count.ok_or_else(|| Error::corrupt("an entry has no events, or more than bytes"))?;
    Ok((number & 1 != 0, count))
}

fn millis(time: Timestamp) -> i64 {
    time.unix_nanos().div_euclid(NANOS_PER_MS)
}

fn timestamp(millis: i64) -> Result<Timestamp> {
    let nanos = millis.checked_mul(NANOS_PER_MS);
    let nanos = nanos.ok_or_else(|| Error::corrupt(format!("no event is of {millis} ms")))?;
    Ok(Timestamp::from_unix_nanos(nanos))
}

/// Names in the order in which they first appeared.
#[derive(Debug)]
struct Dictionary<'a, N> {
    names: Vec<&'a N>,
    numbers: HashMap<&'a N, u64>,
}

impl<N> Default for Dictionary<'_, N> {
    fn default() -> Self {
        Self { names: Vec::new(), numbers: HashMap::new() }
    }
}

impl<'a, N: Eq + Hash> Dictionary<'a, N> {
    fn number(&mut self, name: &'a N) -> u64 {
        *self.numbers.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() as u64 - 1
        })
    }

    fn encode(&self, text: impl Fn(&N) -> &str, to: &mut Vec<u8>) {
        put(to, self.names.len() as u64);
        for name in &self.names {
            put_text(to, text(name).as_bytes());
        }
    }
}

fn names<N: TryFrom<Bytes, Error = Error>>(input: &mut Input) -> Result<Vec<N>> {
    (0..input.count()?).map(|_| N::try_from(input.counted_text()?)).collect()
}

fn named<N: Clone>(names: &[N], number: u64) -> Result<N> {
    let name = usize::try_from(number).ok().and_then(|number| names.get(number));
    name.cloned().ok_or_else(|| Error::corrupt(format!("there is no name of number {number}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ITEM_BYTES_MAX;
    use crate::sequencer::frontier::{Reach, Sequence};
    use proptest::prelude::*;

    fn frontier(shards: usize) -> Frontier {
        let shard = |number: usize| {
            let id =
                format!("shardId-0000000{}-{:08x}", 1_764_000_000_000 + number, number * 77_777);
            let after = Some(Sequence::new(format!("49599999900000000001{number:05}")).unwrap());
            (id.into(), Reach { after, finished: number.is_multiple_of(3) })
        };
        Frontier { shards: (0..shards).map(shard).collect(), owed: false }
    }

    fn entry(number: usize, events: usize) -> Entry {
        Entry {
            stream: StreamName::new(format!(
                "order-{:032x}",
                number as u128 * 0x9e37_79b9_7f4a_7c15_f39c_c060
            ))
            .unwrap(),
            first: Version::new(number as u64 + 1),
            types: (0..events).map(|n| ["Opened", "Paid"][n % 2].parse().unwrap()).collect(),
            recorded: Timestamp::from_unix_nanos(
                1_764_038_400_000_000_000 + number as i64 * NANOS_PER_MS,
            ),
            ends_commit: true,
        }
    }

    fn page(entries: Vec<Entry>, shards: usize) -> Page {
        let recorded_max = entries.iter().map(|entry| entry.recorded).max().unwrap();
        Page { first: Position::new(42), entries, frontier: frontier(shards), recorded_max }
    }

    fn check(page: &Page) -> usize {
        let bytes = Bytes::from(page.encode().unwrap());
        assert_eq!(&Page::decode(page.first, &bytes).unwrap(), page);
        bytes.len()
    }

    #[test]
    fn a_page_costs_what_the_budget_says() {
        let idle = check(&page(vec![entry(1, 1)], 4));
        assert!(idle < 500, "{idle} bytes for one entry");
        let busy = check(&page((0..100).map(|number| entry(number, 1)).collect(), 4));
        assert!(busy < 6 << 10, "{busy} bytes for a hundred entries");
        let whole = check(&page((0..100).map(|number| entry(number, 100)).collect(), 16));
        assert!(whole < ITEM_BYTES_MAX, "{whole} bytes for the largest commit");
    }

    #[test]
    fn positions_follow_from_the_counts() {
        let page = page(vec![entry(1, 2), entry(2, 3)], 0);
        let places: Vec<u64> = page.placed().map(|(position, _)| position.number()).collect();
        assert_eq!((places, page.next()), (vec![42, 44], Position::new(47)));
    }

    /// Never made again: pages that were written stay readable.
    const FIXTURE: [&str; 2] = [
        "0100b659087382e08e8ed766000001064f70656e656401266f726465722d30303030303030303965\
         33373739623937663461376331356633396363303630010002000300",
        "01011b86749ff60128b52ffd20f695040022081e2490c53997efeeee6bdb73bf4a5978cb534a696a\
         1abee69b28f44992bb07303c51ff24c914eb10a8ac53161e66cb87d9bac43cdfb03fb3ecdd694cd3\
         c9d698fd41db46cd2f4bbccb9c7399bca78701bb112902ed0e8724043840ed6754ef6edddd4daa6a\
         011194ccc659cda5a19e2246a480f700141520090900cd312fa5e4005c010e8240c08a2d4e0200d1\
         061006",
    ];

    #[test]
    fn pages_of_the_first_release_are_read() {
        let plain = page(vec![entry(1, 1)], 0);
        let packed = page(vec![entry(1, 1), entry(2, 30)], 2);
        for (page, fixture) in [plain, packed].into_iter().zip(FIXTURE) {
            let bytes = (0..fixture.len()).step_by(2);
            let bytes = bytes.map(|at| u8::from_str_radix(&fixture[at..at + 2], 16).unwrap());
            assert_eq!(Page::decode(page.first, &bytes.collect()).unwrap(), page);
        }
    }

    #[test]
    fn every_flipped_bit_and_every_wrong_place_is_refused_with_the_position() {
        let page = page(vec![entry(1, 1)], 1);
        let bytes = page.encode().unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = Page::decode(page.first, &damaged.into()).unwrap_err();
            assert!(error.to_string().contains("position 42"), "{error}");
        }
        assert!(Page::decode(Position::new(43), &bytes.into()).is_err());
    }

    fn arbitrary_page() -> impl Strategy<Value = Page> {
        let entry = (
            "[a-c]{1,2}",
            1_u64..,
            proptest::collection::vec("[A-C]", 1..5),
            -9_i64..9,
            any::<bool>(),
        );
        let entries = proptest::collection::vec(entry, 1..20);
        (entries, any::<u32>(), 0_usize..5, any::<bool>()).prop_map(
            |(entries, first, shards, owed)| {
                let entry = |(stream, version, types, millis, ends_commit): (
                    String,
                    u64,
                    Vec<String>,
                    i64,
                    bool,
                )| Entry {
                    stream: StreamName::new(stream).unwrap(),
                    first: Version::new(version),
                    types: types.into_iter().map(|name| EventType::new(name).unwrap()).collect(),
                    recorded: Timestamp::from_unix_nanos(millis * NANOS_PER_MS),
                    ends_commit,
                };
                let mut page = page(entries.into_iter().map(entry).collect(), shards);
                page.first = Position::new(first.into());
                page.frontier.owed = owed;
                page.entries.last_mut().unwrap().ends_commit = true;
                page
            },
        )
    }

    proptest! {
        #[test]
        fn every_page_survives(page in arbitrary_page()) {
            check(&page);
        }

        #[test]
        fn bytes_that_are_no_page_are_refused(mut bytes: Vec<u8>, packing in 0_u8..2) {
            bytes.splice(0..0, [VERSION, packing, 0, 0, 0, 0]);
            let crc = crc(Position::FIRST, &bytes);
            bytes[2..HEAD_BYTES].copy_from_slice(&crc.to_le_bytes());
            // By chance it may be one; it must not panic, nor take memory that the bytes don't account for.
            let _ = Page::decode(Position::FIRST, &bytes.into());
        }

        #[test]
        fn a_body_cut_or_changed_anywhere_never_panics(page in arbitrary_page(), at: prop::sample::Index, byte: u8) {
            let mut body = page.encode_body();
            let at = at.index(body.len());
            prop_assert!(Page::decode_body(page.first, Bytes::copy_from_slice(&body[..at])).is_err());
            body[at] = byte;
            let _ = Page::decode_body(page.first, body.into());
        }
    }
}
