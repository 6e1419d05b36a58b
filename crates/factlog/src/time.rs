//! Points in time, as events carry them and as reads bound them.

use std::fmt;
use std::str::FromStr;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::{Error, Result};

/// A point in time with the offset from UTC of the clock that read it: nanoseconds, years 1678 to 2261.
///
/// Written as RFC 3339 with three, six or nine digits of a second. Ordered by the instant; the same
/// instant at two offsets is two timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_nanos: i64,
    offset_minutes: i16,
}

impl Timestamp {
    /// The instant this many nanoseconds after 1970-01-01T00:00:00Z, at UTC.
    #[must_use]
    pub const fn from_unix_nanos(unix_nanos: i64) -> Self {
        Self { unix_nanos, offset_minutes: 0 }
    }

    /// The same instant as seen from another offset, in minutes east of UTC.
    ///
    /// # Errors
    /// `Invalid` if the offset is a day or more.
    pub fn at_offset(self, offset_minutes: i16) -> Result<Self> {
        if offset_minutes.unsigned_abs() >= 24 * 60 {
            return Err(Error::invalid(format!(
                "an offset of {offset_minutes} minutes from UTC is a day or more"
            )));
        }
        Ok(Self { offset_minutes, ..self })
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.unix_nanos
    }

    /// Minutes east of UTC of the clock that read it.
    #[must_use]
    pub const fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }

    fn civil(self) -> OffsetDateTime {
        let offset = UtcOffset::from_whole_seconds(i32::from(self.offset_minutes) * 60)
            .expect("an offset under a day is checked where it is made");
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.unix_nanos))
            .expect("64 bits of nanoseconds lie in the years 1677 to 2262")
            .to_offset(offset)
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    /// Reads RFC 3339: `2011-10-01T00:38:44.546+02:00`.
    fn from_str(text: &str) -> Result<Self> {
        let civil = OffsetDateTime::parse(text, &Rfc3339).map_err(|e| {
            Error::invalid(format!("{text:?} is not a time as RFC 3339 writes it")).with_source(e)
        })?;
        let unix_nanos = i64::try_from(civil.unix_timestamp_nanos())
            .map_err(|_| Error::invalid(format!("{text} is not in the years 1678 to 2261")))?;
        Ok(Self { unix_nanos, offset_minutes: civil.offset().whole_minutes() })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.civil();
        let (year, month, day) = civil.to_calendar_date();
        let (hour, minute, second, nanos) = civil.to_hms_nano();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")?;
        match nanos {
            n if n % 1_000_000 == 0 => write!(f, "{:03}", n / 1_000_000)?,
            n if n % 1_000 == 0 => write!(f, "{:06}", n / 1_000)?,
            n => write!(f, "{n:09}")?,
        }
        match self.offset_minutes {
            0 => f.write_str("Z"),
            minutes => {
                let sign = if minutes < 0 { '-' } else { '+' };
                let minutes = minutes.unsigned_abs();
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// A range of time, both ends included, each end open where it is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant of the range.
    pub since: Option<Timestamp>,
    /// The last instant of the range.
    pub until: Option<Timestamp>,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { since: None, until: None };

    /// Whether the range has the instant in it, whatever the offsets.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| since.unix_nanos <= time.unix_nanos)
            && self.until.is_none_or(|until| time.unix_nanos <= until.unix_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_written_as_it_was_read() {
        for text in [
            "2011-10-01T00:38:44.880+02:00",
            "2024-02-29T23:59:59.000Z",
            "1969-12-31T23:59:59.999999-03:30",
            "2026-01-01T00:00:00.123456789Z",
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2011-13-01T00:00:00Z", "3000-01-01T00:00:00Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_survives_its_text(nanos: i64, offset in -1439_i16..1440) {
            let time = Timestamp::from_unix_nanos(nanos).at_offset(offset).unwrap();
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}
