//! An item of a table: its attributes, how they are read, and how DynamoDB counts their bytes.
//!
//! The rules of counting are from "DynamoDB item sizes and formats" in the Developer Guide.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use factlog::Error;

/// An item of a table; a map inside an item is the same.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// What is wrong with an item: the attribute, and what it should be.
#[derive(Debug)]
pub(crate) struct Malformed(String);

impl Malformed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// The same of what lies inside an attribute or at a place of a list.
    pub(crate) fn within(self, name: impl fmt::Display) -> Self {
        Self(format!("{name}: {}", self.0))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Malformed {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn binary(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// Reads an attribute that has to be there.
pub(crate) fn required<'a, T>(
    item: &'a Item,
    name: &str,
    read: impl FnOnce(&'a AttributeValue) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    optional(item, name, read)?.ok_or_else(|| Malformed::new("missing").within(name))
}

/// Reads an attribute that may be missing.
pub(crate) fn optional<'a, T>(
    item: &'a Item,
    name: &str,
    read: impl FnOnce(&'a AttributeValue) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    item.get(name).map(read).transpose().map_err(|e| e.within(name))
}

pub(crate) fn as_text(value: &AttributeValue) -> Result<&str, Malformed> {
    value.as_s().map(String::as_str).map_err(|_| Malformed::new("not a string"))
}

pub(crate) fn as_number(value: &AttributeValue) -> Result<u64, Malformed> {
    let digits = value.as_n().map_err(|_| Malformed::new("not a number"))?;
    digits.parse().map_err(|_| Malformed::new(format!("{digits} is not a whole number")))
}

pub(crate) fn as_binary(value: &AttributeValue) -> Result<&[u8], Malformed> {
    value.as_b().map(AsRef::as_ref).map_err(|_| Malformed::new("not binary"))
}

pub(crate) fn as_bytes<const N: usize>(value: &AttributeValue) -> Result<[u8; N], Malformed> {
    as_binary(value)?.try_into().map_err(|_| Malformed::new(format!("not {N} bytes")))
}

pub(crate) fn as_list(value: &AttributeValue) -> Result<&[AttributeValue], Malformed> {
    value.as_l().map(Vec::as_slice).map_err(|_| Malformed::new("not a list"))
}

pub(crate) fn as_map(value: &AttributeValue) -> Result<&Item, Malformed> {
    value.as_m().map_err(|_| Malformed::new("not a map"))
}

/// The bytes of an item as DynamoDB counts them.
pub(crate) fn item_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// The bytes of a value as DynamoDB counts them.
pub(crate) fn value_bytes(value: &AttributeValue) -> usize {
    const CONTAINER: usize = 3;
    const ELEMENT: usize = 1;
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => number_bytes(digits),
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Ns(numbers) => numbers.iter().map(|digits| number_bytes(digits)).sum(),
        AttributeValue::Bs(blobs) => blobs.iter().map(|blob| blob.as_ref().len()).sum(),
        AttributeValue::L(values) => {
            CONTAINER + values.iter().map(|value| ELEMENT + value_bytes(value)).sum::<usize>()
        }
        AttributeValue::M(map) => CONTAINER + map.len() * ELEMENT + item_bytes(map),
        // Null, a boolean, and what this SDK does not know.
        _ => 1,
    }
}

/// A byte, one for each two significant digits, one for a minus. Zeros at the ends are not significant, but digits
/// pair up at the decimal point.
fn number_bytes(digits: &str) -> usize {
    let (mantissa, _exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, ""));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches(['-', '+', '0']);
    let fraction = fraction.trim_end_matches('0');
    let pairs = match (whole, fraction) {
        ("", fraction) => fraction.trim_start_matches('0').len().div_ceil(2),
        (whole, "") => whole.trim_end_matches('0').len().div_ceil(2),
        (whole, fraction) => whole.len().div_ceil(2) + fraction.len().div_ceil(2),
    };
    1 + pairs + usize::from(digits.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each size is counted by hand from the Developer Guide's rules.
    #[test]
    fn bytes_are_counted_as_dynamodb_counts_them() {
        let map = |entries: Vec<(&str, AttributeValue)>| -> Item {
            entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        };
        let digits = |digits: &str| AttributeValue::N(digits.to_owned());
        let values = [
            (text(""), 0),
            (text("héllo"), 6),
            (binary(vec![0; 16]), 16),
            (AttributeValue::Bool(true), 1),
            (AttributeValue::Null(true), 1),
            (digits("0"), 1),
            (digits("7"), 2),
            (digits("27"), 2),
            (digits("-27"), 3),
            (digits("123"), 3),
            (digits("1000"), 2),
            (digits("1234.5"), 4),
            (digits("0.05"), 2),
            (AttributeValue::Ss(vec!["ab".into(), "c".into()]), 3),
            (AttributeValue::Ns(vec!["1".into(), "22".into()]), 4),
            (AttributeValue::L(vec![]), 3),
            (AttributeValue::L(vec![text("ab"), digits("7")]), 3 + (1 + 2) + (1 + 2)),
            (AttributeValue::M(map(vec![])), 3),
            (AttributeValue::M(map(vec![("name", text("Ada"))])), 3 + 1 + 4 + 3),
        ];
        for (value, bytes) in values {
            assert_eq!(value_bytes(&value), bytes, "{value:?}");
        }
        // The guide's own example of an attribute: "shirt-color" with value "R" is 12 bytes.
        assert_eq!(item_bytes(&map(vec![("shirt-color", text("R"))])), 12);
    }

    #[test]
    fn what_is_malformed_is_named_with_its_place() {
        let inner: Item = [("id".to_owned(), text("x"))].into();
        let item: Item = [("factlog".to_owned(), AttributeValue::M(inner))].into();
        let id = |map| required(map, "id", as_bytes::<16>);
        let error = required(&item, "factlog", |value| id(as_map(value)?)).unwrap_err();
        assert_eq!(error.to_string(), "factlog: id: not binary");
        assert_eq!(required(&item, "type", as_text).unwrap_err().to_string(), "type: missing");
    }
}
