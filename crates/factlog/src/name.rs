//! The names that events carry (of their stream, of that stream's category, of their type), and
//! those of the state's partitions.
//!
//! A name that exists is valid; it is checked where it is made. Names share their bytes with the
//! buffer that they were read from, so cloning one is cheap.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use bytestring::ByteString;

use crate::limits::{EVENT_TYPE_BYTES_MAX, STATE_PARTITION_BYTES_MAX, STREAM_NAME_BYTES_MAX};
use crate::{Error, Result};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $bytes_max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(ByteString);

        impl $name {
            /// Checks the text and makes a name of it.
            ///
            /// # Errors
            /// `Invalid` if it is empty, longer than its limit, or has a control character.
            pub fn new(text: impl Into<ByteString>) -> Result<Self> {
                let text = text.into();
                check($what, &text, $bytes_max)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<Bytes> for $name {
            type Error = Error;
            fn try_from(bytes: Bytes) -> Result<Self> {
                let text = ByteString::try_from(bytes)
                    .map_err(|e| Error::invalid(concat!($what, " is not UTF-8")).with_source(e))?;
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;
            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    };
}

name! {
    /// The name of a stream: 1 to [`STREAM_NAME_BYTES_MAX`] bytes, no control characters.
    StreamName, "a stream name", STREAM_NAME_BYTES_MAX
}

name! {
    /// The type of an event: 1 to [`EVENT_TYPE_BYTES_MAX`] bytes, no control characters.
    EventType, "an event type", EVENT_TYPE_BYTES_MAX
}

name! {
    /// The name of a part of the [state](crate::state): 1 to [`STATE_PARTITION_BYTES_MAX`] bytes, no
    /// control characters.
    Partition, "a partition", STATE_PARTITION_BYTES_MAX
}

impl StreamName {
    /// The category: what stands before the first `-`, or the whole name where there is none.
    /// `loan-173688` is of category `loan`.
    #[must_use]
    pub fn category(&self) -> &str {
        Self::category_of(&self.0)
    }

    /// The category of the stream of this name: for stores that look at a name before they make one.
    #[must_use]
    pub fn category_of(name: &str) -> &str {
        name.split_once('-').map_or(name, |(category, _)| category)
    }
}

fn check(what: &str, text: &str, bytes_max: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(format!("{what} is empty")));
    }
    if text.len() > bytes_max {
        let length = text.len();
        return Err(Error::invalid(format!("{what} has {length} bytes, the limit is {bytes_max}")));
    }
    let is_control = |byte: u8| byte < 0x20 || byte == 0x7f;
    // All bytes are looked at, without a way out: that is what processors do at once.
    if text.bytes().fold(false, |found, byte| found | is_control(byte)) {
        let at = text.bytes().position(is_control).unwrap_or_default();
        return Err(Error::invalid(format!(
            "{what} has a control character at byte {at}: {text:?}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_category_ends_before_the_first_dash() {
        for (name, category) in [("loan-1", "loan"), ("a-b-c", "a"), ("all", "all"), ("-x", "")] {
            assert_eq!(StreamName::new(name).unwrap().category(), category);
        }
    }

    #[test]
    fn a_bad_name_is_refused_with_its_limit() {
        let too_long = "x".repeat(STREAM_NAME_BYTES_MAX + 1);
        for (name, says) in
            [("", "empty"), (too_long.as_str(), "1024"), ("a\nb", "control character at byte 1")]
        {
            let error = StreamName::new(name).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        assert!(StreamName::new("x".repeat(STREAM_NAME_BYTES_MAX)).is_ok());
    }
}
