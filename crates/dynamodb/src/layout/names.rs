//! The names of attributes of tables that exist already, and layouts as text.
//!
//! ```text
//!   native    castore    castore-single-table
//!   custom:stream=StreamId,version=EventId,type=EventName,data=Payload
//!   custom:stream=AggregateUuid,version=Version,type=Type,data=Body,metadata=Meta,timestamp=At,data-format=string
//! ```

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use factlog::{Error, Result};

use super::per_event::FACTLOG;
use super::{Kind, Layout};
use crate::limits::ATTRIBUTE_NAME_BYTES_MAX;

/// The names of the attributes of a table with one item an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// The partition key, a string: the stream.
    pub stream: String,
    /// The sort key, a number: the version, counted from 1.
    pub version: String,
    /// The event's type, a string.
    pub event_type: String,
    /// The event's data: a string, binary, or any other type, which is read as JSON.
    pub data: String,
    /// The event's metadata, like its data; `None` leaves it to factlog's own attribute.
    pub metadata: Option<String>,
    /// When the event was recorded, as RFC 3339; without it, what others have written counts as recorded in 1970.
    pub timestamp: Option<String>,
    /// Whether data and metadata are written as strings; else as DynamoDB's own types where they are JSON.
    pub data_is_text: bool,
}

impl Names {
    /// The names that every such table needs.
    #[must_use]
    pub fn new(
        stream: impl Into<String>,
        version: impl Into<String>,
        event_type: impl Into<String>,
        data: impl Into<String>,
    ) -> Self {
        Self {
            stream: stream.into(),
            version: version.into(),
            event_type: event_type.into(),
            data: data.into(),
            metadata: None,
            timestamp: None,
            data_is_text: false,
        }
    }

    /// The same with an attribute for metadata.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>) -> Self {
        self.metadata = Some(name.into());
        self
    }

    /// The same with an attribute for the recorded time.
    #[must_use]
    pub fn with_timestamp(mut self, name: impl Into<String>) -> Self {
        self.timestamp = Some(name.into());
        self
    }

    /// The same with data and metadata as strings.
    #[must_use]
    pub fn with_data_as_text(mut self) -> Self {
        self.data_is_text = true;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for (what, name) in self.entries() {
            let error = if name.is_empty() {
                "is empty".to_owned()
            } else if name.len() > ATTRIBUTE_NAME_BYTES_MAX {
                format!("has {} bytes, the limit is {ATTRIBUTE_NAME_BYTES_MAX}", name.len())
            } else if name.contains([',', '=']) {
                "has a , or a =".to_owned()
            } else if name == FACTLOG {
                "is taken by what is factlog's own".to_owned()
            } else if !seen.insert(name) {
                "stands for another attribute, too".to_owned()
            } else {
                continue;
            };
            return Err(Error::invalid(format!("attribute {name:?} for the {what} {error}")));
        }
        Ok(())
    }

    fn entries(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let optional = |what, name| Option::map(name, |name: &String| (what, name.as_str()));
        [
            Some(("stream", self.stream.as_str())),
            Some(("version", &self.version)),
            Some(("type", &self.event_type)),
            Some(("data", &self.data)),
            optional("metadata", self.metadata.as_ref()),
            optional("timestamp", self.timestamp.as_ref()),
        ]
        .into_iter()
        .flatten()
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (what, name)) in self.entries().enumerate() {
            write!(f, "{}{what}={name}", if index > 0 { "," } else { "" })?;
        }
        f.write_str(if self.data_is_text { ",data-format=string" } else { "" })
    }
}

impl FromStr for Names {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut settings = HashMap::new();
        for setting in text.split(',') {
            let Some((what, name)) = setting.split_once('=') else {
                return Err(Error::invalid(format!("{setting:?} is not what=attribute")));
            };
            if settings.insert(what, name).is_some() {
                return Err(Error::invalid(format!("{what} is given twice")));
            }
        }
        let mut needed = |what| {
            let missing = || Error::invalid(format!("a custom layout needs {what}=attribute"));
            settings.remove(what).ok_or_else(missing)
        };
        let mut names =
            Self::new(needed("stream")?, needed("version")?, needed("type")?, needed("data")?);
        names.metadata = settings.remove("metadata").map(str::to_owned);
        names.timestamp = settings.remove("timestamp").map(str::to_owned);
        names.data_is_text = match settings.remove("data-format") {
            None | Some("native") => false,
            Some("string") => true,
            Some(other) => {
                let message = format!("data-format is native or string, not {other:?}");
                return Err(Error::invalid(message));
            }
        };
        match settings.keys().min() {
            None => Ok(names),
            Some(what) => Err(Error::invalid(format!(
                "{what:?} is none of stream, version, type, data, metadata, timestamp, data-format"
            ))),
        }
    }
}

impl FromStr for Layout {
    type Err = Error;

    /// Reads `native`, `castore`, `castore-single-table` or `custom:stream=…,version=…,type=…,data=…`, the latter also with
    /// `metadata=…`, `timestamp=…`, `data-format=string`.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "native" => Ok(Self::native()),
            "castore" => Ok(Self::castore()),
            "castore-single-table" => Ok(Self::castore_single_table()),
            _ => match text.strip_prefix("custom:") {
                Some(names) => Self::custom(names.parse()?),
                None => Err(Error::invalid(format!(
                    "{text:?} is no layout: native, castore, castore-single-table, or \
                     custom:stream=A,version=B,type=C,data=D"
                ))),
            },
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Native => f.write_str("native"),
            _ if *self == Self::castore() => f.write_str("castore"),
            _ if *self == Self::castore_single_table() => f.write_str("castore-single-table"),
            Kind::PerEvent(layout) => write!(f, "custom:{}", layout.names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_comes_back_from_its_text() {
        for text in [
            "native",
            "castore",
            "castore-single-table",
            "custom:stream=StreamId,version=EventId,type=EventName,data=Payload",
            "custom:stream=S,version=V,type=T,data=D,metadata=M,timestamp=At,data-format=string",
        ] {
            assert_eq!(text.parse::<Layout>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_layout_is_refused_with_the_reason() {
        for (text, says) in [
            ("", "is no layout"),
            ("custom:", "is not what=attribute"),
            ("custom:stream=S,version=V,type=T", "needs data="),
            ("custom:stream=S,version=V,type=T,data=S", "stands for another"),
            ("custom:stream=S,version=V,type=T,data=D,data=E", "twice"),
            ("custom:stream=S,version=V,type=T,data=factlog", "factlog's own"),
            ("custom:stream=S,version=V,type=T,data=", "is empty"),
            ("custom:stream=S,version=V,type=T,data=D,x=y", "is none of"),
            ("custom:stream=S,version=V,type=T,data=D,data-format=xml", "native or string"),
        ] {
            let error = text.parse::<Layout>().unwrap_err();
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}
