//! Conditions as people write them: `status = open`, `amount >= 5000`, `$key ^= loan-17`.

use std::ops::Bound;

use factlog::view::{Condition, Index, KEY, Kind, Scalar, Values, View};
use factlog::{Error, Result};

use crate::when;

/// What stands between a field and a value; one that begins another comes behind it.
const OPERATORS: [&str; 6] = ["^=", ">=", "<=", "=", ">", "<"];

/// Reads conditions on a view. A lower and an upper bound of one field become one range, which an index
/// leads whole.
pub(super) fn parse_all(texts: &[String], view: &View) -> Result<Vec<Condition>> {
    let indexes = view.indexes();
    let mut conditions: Vec<Condition> = Vec::new();
    for text in texts {
        let condition = parse(text, indexes)?;
        // Of a list, each bound may hold of another element.
        let is_list = indexes.iter().any(|index| index.field == condition.field && index.each);
        let range = conditions.iter_mut().filter(|_| !is_list).find_map(|other| {
            let is_same = other.field == condition.field;
            let range = is_same.then(|| both(&other.values, &condition.values)).flatten();
            range.map(|range| (other, range))
        });
        match range {
            Some((other, range)) => other.values = range,
            None => conditions.push(condition),
        }
    }
    Ok(conditions)
}

fn parse(text: &str, indexes: &[Index]) -> Result<Condition> {
    let invalid = |why: &str| Error::invalid(format!("condition {text:?} {why}"));
    let at = text.find(['^', '>', '<', '=']);
    let (field, rest) = text.split_at(at.unwrap_or(text.len()));
    let found = OPERATORS.iter().find_map(|sign| Some((*sign, rest.strip_prefix(sign)?.trim())));
    let (sign, value) = found.ok_or_else(|| invalid("has none of the operators = > >= < <= ^="))?;
    let field = field.trim();
    if field.is_empty() {
        return Err(invalid("names no field"));
    }
    let kind = match indexes.iter().find(|index| index.field == field) {
        Some(index) => Some(index.kind),
        None => (field == KEY).then_some(Kind::String),
    };
    if sign == "^=" {
        return Ok(Condition::prefix(field, value));
    }
    let scalar = scalar(kind, sign, value).map_err(|error| invalid(&format!("fails: {error}")))?;
    let values = match sign {
        ">" => Values::Between(Bound::Excluded(scalar), Bound::Unbounded),
        ">=" => Values::Between(Bound::Included(scalar), Bound::Unbounded),
        "<" => Values::Between(Bound::Unbounded, Bound::Excluded(scalar)),
        "<=" => Values::Between(Bound::Unbounded, Bound::Included(scalar)),
        _ => Values::Equal(scalar),
    };
    Ok(Condition::new(field, values))
}

/// The value as one of the index's kind; without an index, what it looks like.
fn scalar(kind: Option<Kind>, sign: &str, text: &str) -> Result<Scalar> {
    match kind {
        // A date means all of the day.
        Some(Kind::Time) if sign == ">" || sign == "<=" => {
            Ok(when::parse(text, when::NANOS_A_DAY - 1)?.into())
        }
        Some(Kind::Time) => Ok(when::parse(text, 0)?.into()),
        Some(kind) => kind.parse(text),
        None => {
            let number = Kind::Number.parse(text);
            Ok(number.or_else(|_| Kind::Boolean.parse(text)).unwrap_or_else(|_| text.into()))
        }
    }
}

/// One range of a lower and an upper bound.
fn both(one: &Values, other: &Values) -> Option<Values> {
    match (one, other) {
        (Values::Between(from, Bound::Unbounded), Values::Between(Bound::Unbounded, to))
        | (Values::Between(Bound::Unbounded, to), Values::Between(from, Bound::Unbounded)) => {
            Some(Values::Between(from.clone(), to.clone()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_of_the_kind_of_its_index() {
        let indexes = [
            Index::new("status", Kind::String),
            Index::new("amount", Kind::Number),
            Index::new("open", Kind::Boolean),
            Index::new("at", Kind::Time),
        ];
        let day = |text: &str| -> factlog::Timestamp { text.parse().unwrap() };
        let end = day("2011-10-01T23:59:59.999999999Z");
        for (text, expected) in [
            ("status=open", Condition::equal("status", "open")),
            ("status = 112", Condition::equal("status", "112")),
            ("status ^= A_", Condition::prefix("status", "A_")),
            ("status = a=b", Condition::equal("status", "a=b")),
            ("amount >= 5", Condition::from("amount", 5)),
            ("amount < 5", Condition::before("amount", 5)),
            ("open = true", Condition::equal("open", true)),
            ("$key = 7", Condition::equal("$key", "7")),
            ("other = 7", Condition::equal("other", 7)),
            ("other = seven", Condition::equal("other", "seven")),
            ("at >= 2011-10-01", Condition::from("at", day("2011-10-01T00:00:00Z"))),
            (
                "at <= 2011-10-01",
                Condition::new(
                    "at",
                    Values::Between(Bound::Unbounded, Bound::Included(end.into())),
                ),
            ),
        ] {
            assert_eq!(parse(text, &indexes).unwrap(), expected, "{text}");
        }
        for (text, says) in [
            ("status", "operators"),
            ("= 7", "no field"),
            ("amount = many", "no number"),
            ("at = someday", "2011-10-01"),
            ("status ! 7", "operators"),
        ] {
            let error = parse(text, &indexes).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn two_bounds_are_one_range() {
        let bound = |text| parse(text, &[]).unwrap().values;
        let range = Condition::within("a", 1, 5).values;
        assert_eq!(both(&bound("a >= 1"), &bound("a < 5")), Some(range.clone()));
        assert_eq!(both(&bound("a < 5"), &bound("a >= 1")), Some(range));
        assert_eq!(both(&bound("a >= 1"), &bound("a > 5")), None);
        assert_eq!(both(&bound("a = 1"), &bound("a < 5")), None);
    }
}
