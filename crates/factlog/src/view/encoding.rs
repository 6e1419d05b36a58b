//! Values as bytes that sort as the values do: the sort keys of indexes.
//!
//! ```text
//!   boolean  10  00 or 01
//!   number   20  8 bytes: the nearest float, its bits turned so that they sort   2 bytes: what the float misses
//!   time     30  8 bytes: nanoseconds since 1970, from the lowest up
//!   string   40  UTF-8, a zero byte as 00 FF                                     00 01
//! ```
//!
//! **Numbers.** A float sorts as its bits do, if a negative one's are inverted and a positive one's
//! sign is set. Whole numbers beyond 2^53 fall between floats: rounding to the nearest never swaps
//! two, and of those with the same float the rest decides, which is at most 1,024. So
//! 9007199254740993 stands behind 9007199254740992.0, and 1 and 1.0 are equal.
//!
//! **No encoding is the beginning of another**, so a document's key can follow it, and where it
//! ends can be seen. The end of a string (00 01) sorts before any byte that could follow in a
//! longer one.
//!
//! **Long values.** A sort key is bounded. Of an encoding longer than [`INDEX_VALUE_BYTES_MAX`] the
//! key holds the beginning, 00 02, and a hash of all of it. Against every shorter value it sorts as
//! the whole one would; two long values with the same beginning sort by hash. A reader therefore
//! takes for the end of a range all with the same beginning, and checks each against the document
//! ([`Interval`]).

use bytes::Bytes;
use serde_json::{Number, Value};
use uuid::Uuid;

use crate::Timestamp;
use crate::limits::INDEX_VALUE_BYTES_MAX;

const BOOLEAN: u8 = 0x10;
const NUMBER: u8 = 0x20;
const TIME: u8 = 0x30;
const STRING: u8 = 0x40;

/// What follows a zero byte in a string: the zero byte is meant, the string ends, the string is
/// cut.
const ZERO: u8 = 0xff;
pub(crate) const END: u8 = 0x01;
const CUT: u8 = 0x02;
/// Behind all that is cut with the same beginning.
const PAST_CUT: u8 = 0x03;
const HASH_BYTES: usize = 16;
const SIGN: u64 = 1 << 63;
/// What stands for a float that misses nothing.
const NOTHING_MISSED: i128 = 0x8000;

pub(crate) fn boolean(value: bool) -> Vec<u8> {
    vec![BOOLEAN, u8::from(value)]
}

pub(crate) fn time(value: Timestamp) -> Vec<u8> {
    let biased = value.unix_nanos().cast_unsigned() ^ SIGN;
    tagged(TIME, &biased.to_be_bytes())
}

pub(crate) fn number(value: &Number) -> Vec<u8> {
    let (float, missed) = match value.as_i128() {
        Some(whole) => {
            let float = whole as f64;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "at most 2^64: it is a whole number"
            )]
            let rounded = float as i128;
            (float, whole - rounded)
        }
        None => (value.as_f64().unwrap_or_default(), 0),
    };
    // Adding zero makes the one zero of the other.
    let bits = (float + 0.0).to_bits();
    let sortable = if bits & SIGN == 0 { bits ^ SIGN } else { !bits };
    let missed = u16::try_from(missed + NOTHING_MISSED).expect("rounding misses at most 1,024");
    let mut bytes = tagged(NUMBER, &sortable.to_be_bytes());
    bytes.extend(missed.to_be_bytes());
    bytes
}

pub(crate) fn string(value: &str) -> Vec<u8> {
    let mut bytes = beginning(value);
    bytes.extend([0, END]);
    bytes
}

/// What the encodings of all strings begin with that begin so.
pub(crate) fn beginning(prefix: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(prefix.len() + 3);
    bytes.push(STRING);
    for byte in prefix.bytes() {
        bytes.push(byte);
        if byte == 0 {
            bytes.push(ZERO);
        }
    }
    bytes
}

fn tagged(tag: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rest.len() + 3);
    bytes.push(tag);
    bytes.extend(rest);
    bytes
}

/// Whether an index can't hold it whole.
pub(crate) fn is_long(encoding: &[u8]) -> bool {
    encoding.len() > INDEX_VALUE_BYTES_MAX
}

/// What an index holds of the encoding.
pub(crate) fn held(encoding: Vec<u8>) -> Bytes {
    if !is_long(&encoding) {
        return encoding.into();
    }
    let mut bytes = cut(&encoding, CUT);
    bytes.extend(Uuid::new_v5(&Uuid::NAMESPACE_OID, &encoding).as_bytes());
    bytes.into()
}

/// As much as an index holds, never half of a zero byte, and a mark behind it.
fn cut(encoding: &[u8], mark: u8) -> Vec<u8> {
    let mut end = INDEX_VALUE_BYTES_MAX;
    if encoding[end - 1] == 0 {
        end -= 1;
    }
    let mut bytes = Vec::with_capacity(end + 2 + HASH_BYTES);
    bytes.extend(&encoding[..end]);
    bytes.extend([0, mark]);
    bytes
}

/// How many bytes of a sort key are the value; `None` if it is not one of an index.
pub(crate) fn length(sort: &[u8]) -> Option<usize> {
    let length = match *sort.first()? {
        BOOLEAN => 2,
        NUMBER => 11,
        TIME => 9,
        STRING => {
            let mut at = 1;
            loop {
                at += sort.get(at..)?.iter().position(|byte| *byte == 0)? + 2;
                match *sort.get(at - 1)? {
                    END => break at,
                    CUT => break at + HASH_BYTES,
                    ZERO => {}
                    _ => return None,
                }
            }
        }
        _ => return None,
    };
    (sort.len() >= length).then_some(length)
}

/// The value back from its encoding, as JSON; `None` if it is cut or no encoding.
pub(crate) fn decode(encoding: &[u8]) -> Option<Value> {
    let (tag, body) = encoding.split_first()?;
    match *tag {
        BOOLEAN => Some(Value::from(*body.first()? == 1)),
        TIME => {
            let biased = u64::from_be_bytes(body.try_into().ok()?);
            let time = Timestamp::from_unix_nanos((biased ^ SIGN).cast_signed());
            Some(Value::from(time.to_string()))
        }
        NUMBER => {
            let bits = u64::from_be_bytes(body.get(..8)?.try_into().ok()?);
            let float = f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN });
            let missed = u16::from_be_bytes(body.get(8..)?.try_into().ok()?);
            #[expect(clippy::cast_possible_truncation, reason = "larger ones are no whole numbers")]
            let whole = (float as i128).saturating_add(i128::from(missed) - NOTHING_MISSED);
            let whole = if float.fract() == 0.0 { Number::from_i128(whole) } else { None };
            whole.or_else(|| Number::from_f64(float)).map(Value::Number)
        }
        STRING => {
            let body = body.strip_suffix(&[0, END])?;
            let text = body.iter().copied().filter(|byte| *byte != ZERO).collect();
            String::from_utf8(text).ok().map(Value::from)
        }
        _ => None,
    }
}

/// A half-open range of encodings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) from: Vec<u8>,
    pub(crate) before: Vec<u8>,
}

impl Interval {
    /// All encodings that begin so.
    pub(crate) fn beginning(with: Vec<u8>) -> Self {
        let before = past(&with);
        Self { from: with, before }
    }

    pub(crate) fn contains(&self, encoding: &[u8]) -> bool {
        *self.from <= *encoding && *encoding < *self.before
    }

    /// Whether what an index holds tells which values are in it.
    pub(crate) fn is_held_whole(&self) -> bool {
        !is_long(&self.from) && !is_long(&self.before)
    }

    /// The same range of what an index holds; a little more, if an end is long.
    pub(crate) fn held(&self) -> Self {
        let end = |bytes: &[u8], mark| {
            if is_long(bytes) { cut(bytes, mark) } else { bytes.to_vec() }
        };
        Self { from: end(&self.from, CUT), before: end(&self.before, PAST_CUT) }
    }
}

/// The first bytes behind all that begin so. Encodings begin with a tag, which is never the last
/// byte there is.
pub(crate) fn past(prefix: &[u8]) -> Vec<u8> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX).unwrap_or_default();
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    end
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::super::Scalar;
    use super::*;

    fn any_number() -> impl Strategy<Value = Number> {
        let edges =
            [0, 1, -1, 1 << 53, (1 << 53) + 1, (1 << 53) + 2, i64::MAX, i64::MIN, i64::MAX - 1];
        prop_oneof![
            any::<i64>().prop_map(Number::from),
            any::<u64>().prop_map(Number::from),
            proptest::sample::select(edges.to_vec()).prop_map(Number::from),
            any::<f64>().prop_filter_map("a number", Number::from_f64),
            (-100_i32..100).prop_filter_map("a number", |n| Number::from_f64(f64::from(n) / 4.0)),
            (-3_i64..4)
                .prop_filter_map("a number", |n| Number::from_f64((1_i64 << 53) as f64 + n as f64)),
        ]
    }

    /// Compares exactly: as whole numbers where both are, else by what lies on which side of a
    /// float.
    fn compare(left: &Number, right: &Number) -> Ordering {
        match (left.as_i128(), right.as_i128()) {
            (Some(left), Some(right)) => left.cmp(&right),
            (None, None) => left.as_f64().partial_cmp(&right.as_f64()).unwrap(),
            (Some(whole), None) => compare_to_float(whole, right.as_f64().unwrap()),
            (None, Some(whole)) => compare_to_float(whole, left.as_f64().unwrap()).reverse(),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "floors of floats within 128 bits, or their ends"
    )]
    fn compare_to_float(whole: i128, float: f64) -> Ordering {
        whole.cmp(&(float.floor() as i128)).then(if float.fract() == 0.0 {
            Ordering::Equal
        } else {
            Ordering::Less
        })
    }

    /// Texts that share long beginnings, with zero bytes about where a long one is cut.
    fn any_text() -> impl Strategy<Value = String> {
        let length = prop_oneof![0..5_usize, 390..410_usize];
        (length, "[\\x00ab\u{ff}]{0,6}").prop_map(|(length, end)| "a".repeat(length) + &end)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn numbers_sort_as_their_encodings(left in any_number(), right in any_number()) {
            prop_assert_eq!(compare(&left, &right), number(&left).cmp(&number(&right)));
        }

        #[test]
        fn times_sort_as_their_encodings(left: i64, right: i64) {
            let [l, r] = [left, right].map(|nanos| time(Timestamp::from_unix_nanos(nanos)));
            prop_assert_eq!(left.cmp(&right), l.cmp(&r));
        }

        #[test]
        fn strings_sort_as_their_encodings(left in any_text(), right in any_text()) {
            prop_assert_eq!(left.cmp(&right), string(&left).cmp(&string(&right)));
        }

        #[test]
        fn what_is_held_sorts_as_the_whole_unless_both_are_cut_alike(left in any_text(), right in any_text()) {
            let (l, r) = (string(&left), string(&right));
            let alike = is_long(&l) && is_long(&r) && cut(&l, CUT) == cut(&r, CUT);
            let (held_l, held_r) = (held(l.clone()), held(r.clone()));
            prop_assert_eq!(held_l == held_r, l == r);
            prop_assert!(alike || held_l.cmp(&held_r) == l.cmp(&r));
        }

        #[test]
        fn a_range_of_what_is_held_misses_nothing(value in any_text(), from in any_text(), to in any_text()) {
            let interval = Interval { from: string(&from), before: string(&to) };
            let within = interval.contains(&string(&value));
            let found = interval.held().contains(&held(string(&value)));
            prop_assert!(found || !within);
            prop_assert!(found == within || !interval.is_held_whole());
        }

        #[test]
        fn a_value_comes_back_and_its_end_is_seen(
            n in any_number(), nanos: i64, flag: bool, text in any_text(), key in "[a-z]{1,9}"
        ) {
            let time = Timestamp::from_unix_nanos(nanos).into();
            for scalar in [Scalar::Number(n), time, flag.into(), Scalar::from(text)] {
                let encoding = scalar.encode();
                let back = decode(&encoding).unwrap();
                prop_assert_eq!(scalar.kind().encode(&back), Some(encoding.clone()));
                let value = held(encoding);
                let sort = [&value[..], key.as_bytes()].concat();
                prop_assert_eq!(length(&sort), Some(value.len()));
            }
        }
    }
}
