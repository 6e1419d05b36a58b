//! JSON text as DynamoDB's own types, and back.
//!
//! Writing makes what `marshall` of Castore's adapter makes of the same JSON. Reading makes compact JSON with sorted
//! keys, since a map in DynamoDB has no order. [`Json::exact`] says whether reading gives the written bytes back: it does
//! not where there is space between tokens, keys are unsorted, a string is escaped in another way, or DynamoDB writes
//! a number in another form.

use std::io::Write;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::item::{Item, Malformed};
use crate::limits::JSON_DEPTH_MAX;

/// JSON text as an attribute.
#[derive(Debug)]
pub(super) struct Json {
    pub(super) value: AttributeValue,
    /// Whether [`read`] gives the same bytes back.
    pub(super) exact: bool,
}

/// The attribute of a JSON text; `None` if it is no JSON, or of a kind that DynamoDB can't hold.
pub(super) fn write(text: &[u8]) -> Option<Json> {
    let json = serde_json::from_slice(text).ok()?;
    let mut are_plain = true;
    let value = to_attribute(json, 0, &mut are_plain)?;
    let exact = are_plain && read(&value).is_ok_and(|back| back == text);
    Some(Json { value, exact })
}

/// The JSON text of an attribute. Sets are lists, binary values base64.
pub(super) fn read(value: &AttributeValue) -> Result<Vec<u8>, Malformed> {
    let mut text = Vec::new();
    write_json(value, &mut text)?;
    Ok(text)
}

fn to_attribute(json: Value, depth: usize, are_plain: &mut bool) -> Option<AttributeValue> {
    if depth > JSON_DEPTH_MAX {
        return None;
    }
    Some(match json {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(bool) => AttributeValue::Bool(bool),
        Value::String(text) => AttributeValue::S(text),
        Value::Number(number) => {
            if !fits(number.as_f64()?) {
                return None;
            }
            let digits = number.to_string();
            *are_plain &= is_plain(&digits);
            AttributeValue::N(digits)
        }
        Value::Array(values) => {
            let values = values.into_iter().map(|json| to_attribute(json, depth + 1, are_plain));
            AttributeValue::L(values.collect::<Option<_>>()?)
        }
        Value::Object(entries) => {
            let entry = |(name, json): (String, Value)| {
                let value = to_attribute(json, depth + 1, are_plain)?;
                (!name.is_empty()).then_some((name, value))
            };
            AttributeValue::M(entries.into_iter().map(entry).collect::<Option<Item>>()?)
        }
    })
}

/// Whether DynamoDB holds a number of this magnitude.
fn fits(number: f64) -> bool {
    number == 0.0 || (1e-130..1e126).contains(&number.abs())
}

/// Whether DynamoDB is sure to write a number as it stands here: no exponent, no zeros that say nothing, not so small
/// that it would take an exponent, at most 38 digits.
fn is_plain(digits: &str) -> bool {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "1"));
    digits != "-0"
        && unsigned.len() <= 38
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !fraction.ends_with('0')
        && !(whole == "0" && fraction.starts_with("000000"))
}

fn write_json(value: &AttributeValue, to: &mut Vec<u8>) -> Result<(), Malformed> {
    match value {
        AttributeValue::Null(_) => to.extend_from_slice(b"null"),
        AttributeValue::Bool(bool) => write_part(to, format_args!("{bool}")),
        AttributeValue::S(text) => write_text(text, to)?,
        AttributeValue::N(digits) => write_number(digits, to)?,
        AttributeValue::B(blob) => write_blob(blob, to)?,
        AttributeValue::L(values) => write_list(values, write_json, to)?,
        AttributeValue::Ss(texts) => write_list(texts, |text, to| write_text(text, to), to)?,
        AttributeValue::Ns(numbers) => write_list(numbers, |n, to| write_number(n, to), to)?,
        AttributeValue::Bs(blobs) => write_list(blobs, write_blob, to)?,
        AttributeValue::M(map) => write_map(map, to)?,
        _ => return Err(Malformed::new("a type that this version of factlog does not know")),
    }
    Ok(())
}

fn write_list<T>(
    values: &[T],
    write: impl Fn(&T, &mut Vec<u8>) -> Result<(), Malformed>,
    to: &mut Vec<u8>,
) -> Result<(), Malformed> {
    to.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            to.push(b',');
        }
        write(value, to)?;
    }
    to.push(b']');
    Ok(())
}

fn write_map(map: &Item, to: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    to.push(b'{');
    for (index, (name, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            to.push(b',');
        }
        write_text(name, to)?;
        to.push(b':');
        write_json(value, to)?;
    }
    to.push(b'}');
    Ok(())
}

fn write_text(text: &str, to: &mut Vec<u8>) -> Result<(), Malformed> {
    serde_json::to_writer(to, text).map_err(|e| Malformed::new(e.to_string()))
}

fn write_blob(blob: &Blob, to: &mut Vec<u8>) -> Result<(), Malformed> {
    write_text(&BASE64_STANDARD.encode(blob), to)
}

fn write_number(digits: &str, to: &mut Vec<u8>) -> Result<(), Malformed> {
    if serde_json::from_str::<serde_json::Number>(digits).is_err() {
        return Err(Malformed::new(format!("{digits:?} is not a number")));
    }
    to.extend_from_slice(digits.as_bytes());
    Ok(())
}

fn write_part(to: &mut Vec<u8>, part: std::fmt::Arguments<'_>) {
    to.write_fmt(part).expect("a vector takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_compact_json_comes_back_and_all_else_is_told_apart() {
        let exact = [
            "null",
            "true",
            "0",
            "-1.5",
            "0.00001",
            r#""""#,
            r#""ü\n""#,
            "[]",
            "{}",
            r#"{"a":[1,{"b":null}],"c":"x"}"#,
            "18446744073709551615",
        ];
        let inexact = [
            " 1",
            "1.0",
            "1e3",
            "1.50",
            "-0",
            "0.0000001",
            r#""\u0041""#,
            r#"{"b":1,"a":2}"#,
            "[1, 2]",
            r#"{"a":1,"a":2}"#,
            "123456789012345678901234567890",
        ];
        let impossible = [
            "",
            "x",
            "{",
            r#"{"":1}"#,
            "1e300",
            "1e-200",
            r#""\ud800""#,
            &"[".repeat(64),
            &format!("{}{}", "[".repeat(40), "]".repeat(40)),
        ];
        for text in exact {
            assert!(write(text.as_bytes()).unwrap().exact, "{text}");
        }
        for text in inexact {
            assert!(!write(text.as_bytes()).unwrap().exact, "{text}");
        }
        for text in impossible {
            assert!(write(text.as_bytes()).is_none(), "{text}");
        }
        assert!(write(&[0xff]).is_none());
    }

    #[test]
    fn what_others_write_reads_as_json() {
        let set = AttributeValue::Ss(vec!["a".into(), "b".into()]);
        let numbers = AttributeValue::Ns(vec!["1".into(), "1E-7".into()]);
        let blobs = AttributeValue::Bs(vec![Blob::new([0, 255])]);
        for (value, text) in [(set, r#"["a","b"]"#), (numbers, "[1,1E-7]"), (blobs, r#"["AP8="]"#)]
        {
            assert_eq!(read(&value).unwrap(), text.as_bytes());
        }
        assert!(read(&AttributeValue::N("NaN".into())).is_err());
    }
}
