//! The index of initial events, by which Castore lists streams: one entry a stream, sorted by `timestamp`.
//!
//! ```text
//!   2026-01-01T00:00:00.123Z        as Castore writes it
//!   2026-01-01T00:00:00.123000Z     as factlog writes it: streams of one millisecond keep their order
//!   2026-01-01T00:00:00.123001Z
//! ```
//!
//! Within a millisecond the short form sorts last, `Z` being greater than any digit.

use factlog::{Error, Result, TimeRange, Timestamp};

const NANOS_PER_MILLI: i64 = 1_000_000;
const NANOS_PER_MICRO: i64 = 1_000;

/// A global secondary index that projects the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) name: &'static str,
    /// Its partition key.
    pub(crate) partition: &'static str,
    /// Whether its partition key is a number; else it is a string.
    pub(crate) partition_is_number: bool,
    /// Its sort key, a string: [`created_bounds`] says which range, [`parse_created`] reads it.
    pub(crate) sort: &'static str,
}

/// The bounds of the index's sort key, both included, between which all streams lie that were created in the range. Others of the
/// first and the last millisecond may lie there, too: [`parse_created`] tells.
pub(crate) fn created_bounds(created: TimeRange) -> (Option<String>, Option<String>) {
    let second_and_millis = |time| millis(time).to_string().trim_end_matches('Z').to_owned();
    let since = created.since.map(second_and_millis);
    (since, created.until.map(|time| millis(time).to_string()))
}

/// When a stream was created, from the index's sort key: whole milliseconds.
///
/// # Errors
/// `Corrupt` if it is no time.
pub(crate) fn parse_created(text: &str) -> Result<Timestamp> {
    let time = text.parse::<Timestamp>();
    time.map(millis).map_err(|e| Error::corrupt(format!("timestamp of an index: {e}")))
}

/// A sort key: microseconds.
pub(super) fn index_text(time: Timestamp) -> String {
    let micros = time.unix_nanos().div_euclid(NANOS_PER_MICRO) * NANOS_PER_MICRO;
    let text = Timestamp::from_unix_nanos(micros).to_string();
    if micros % NANOS_PER_MILLI == 0 { text.replace('Z', "000Z") } else { text }
}

/// The millisecond that a time lies in, at UTC.
pub(super) fn millis(time: Timestamp) -> Timestamp {
    let millis = time.unix_nanos().div_euclid(NANOS_PER_MILLI) * NANOS_PER_MILLI;
    Timestamp::from_unix_nanos(millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sort_key_has_six_digits_and_is_read_with_three_too() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        for (instant, key) in [
            ("2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.123000Z"),
            ("2026-01-01T00:00:00.123001Z", "2026-01-01T00:00:00.123001Z"),
            ("2026-01-01T02:00:00.000001999+02:00", "2026-01-01T00:00:00.000001Z"),
        ] {
            assert_eq!(index_text(time(instant)), key);
            assert_eq!(parse_created(key).unwrap(), millis(time(instant)));
        }
        assert_eq!(
            parse_created("2026-01-01T00:00:00.123Z").unwrap(),
            time("2026-01-01T00:00:00.123Z")
        );
        assert!(parse_created("now").is_err());
    }

    proptest! {
        #[test]
        fn the_bounds_have_all_of_the_range_in_both_forms(
            since in 0..5_000_000_i64, until in 0..5_000_000_i64, at in 0..5_000_000_i64,
        ) {
            let time = Timestamp::from_unix_nanos;
            let range = TimeRange { since: Some(time(since)), until: Some(time(until)) };
            let (Some(low), Some(high)) = created_bounds(range) else { panic!("both ends are given") };
            let castore = millis(time(at)).to_string();
            for key in [index_text(time(at)), castore] {
                if range.contains(parse_created(&key).unwrap()) {
                    prop_assert!(low <= key && key <= high, "{low} {key} {high}");
                }
            }
        }
    }
}
