//! Times as people write them: `2011-10-01T08:00:00+02:00`, `2011-10-01`, `90s`, `2h`, `3d`.

use factlog::{Clock, Error, Result, SystemClock, TimeRange, Timestamp};

const NANOS_A_SECOND: i64 = 1_000_000_000;
pub(crate) const NANOS_A_DAY: i64 = 86_400 * NANOS_A_SECOND;

/// A range from two texts; a date means all of the day.
pub(crate) fn range(since: Option<&str>, until: Option<&str>) -> Result<TimeRange> {
    let since = since.map(|text| parse(text, 0)).transpose()?;
    let until = until.map(|text| parse(text, NANOS_A_DAY - 1)).transpose()?;
    Ok(TimeRange { since, until })
}

/// A point in time; of a date midnight, or so much later.
pub(crate) fn parse(text: &str, within_day: i64) -> Result<Timestamp> {
    if let Some(nanos) = ago(text) {
        let now = SystemClock.now().unix_nanos();
        return Ok(Timestamp::from_unix_nanos(now.saturating_sub(nanos)));
    }
    if text.len() == "2011-10-01".len() {
        let midnight: Timestamp = format!("{text}T00:00:00Z").parse()?;
        return Ok(Timestamp::from_unix_nanos(midnight.unix_nanos() + within_day));
    }
    text.parse().map_err(|e: Error| {
        let forms =
            "a time like 2011-10-01T08:00:00Z, a date like 2011-10-01, or 90s, 5m, 2h, 3d ago";
        Error::invalid(format!("{text:?} is not {forms}")).with_source(e)
    })
}

fn ago(text: &str) -> Option<i64> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    count.parse::<i64>().ok()?.checked_mul(seconds * NANOS_A_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_all_of_the_day() {
        let day = range(Some("2011-10-01"), Some("2011-10-01")).unwrap();
        for (time, inside) in [
            ("2011-10-01T00:00:00Z", true),
            ("2011-10-01T23:59:59.999Z", true),
            ("2011-10-02T00:00:00Z", false),
            ("2011-09-30T23:59:59Z", false),
        ] {
            assert_eq!(day.contains(time.parse().unwrap()), inside, "{time}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_forms_that_are() {
        let error = range(Some("yesterday"), None).unwrap_err().to_string();
        assert!(error.contains("2011-10-01"), "{error}");
        assert!(range(Some("3h"), None).is_ok());
    }
}
