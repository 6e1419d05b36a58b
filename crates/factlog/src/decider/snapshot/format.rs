//! What a snapshot looks like: three lines of text.
//!
//! ```text
//!   5f0c13aa                                     CRC32C of all that follows
//!   {"decider":"account","schema":1,"stream":"account-7","version":1200,"event":"…","commands":{…}}
//!   {"balance":130}                              the decider's state
//! ```
//!
//! The header can be read without knowing the state's type, which another schema version has.

use serde::{Deserialize, Serialize};

use super::super::commands::Commands;
use super::super::fold::Folded;
use super::Shared;
use crate::{Error, EventId, Result, StreamName, Version};

/// What a snapshot says of itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) decider: String,
    pub(super) schema: u32,
    stream: String,
    pub(super) version: u64,
    event: EventId,
    commands: Commands,
}

impl<S> Shared<S> {
    pub(super) fn write(&self, stream: &StreamName, folded: &Folded<S>) -> Result<String> {
        let header = Header {
            decider: self.decider.clone(),
            schema: self.schema,
            stream: stream.as_str().to_owned(),
            version: folded.version.number(),
            event: folded.event,
            commands: folded.commands.clone(),
        };
        let unwritable = |e| {
            Error::invalid(format!("the state of {stream} is not written as JSON")).with_source(e)
        };
        let header = serde_json::to_string(&header).map_err(unwritable)?;
        let state = (self.encode)(&folded.state).map_err(unwritable)?;
        let state = String::from_utf8(state)
            .map_err(|e| Error::internal("JSON is not UTF-8").with_source(e))?;
        let lines = format!("{header}\n{state}");
        Ok(format!("{:08x}\n{lines}", crc32c::crc32c(lines.as_bytes())))
    }

    /// The state in a snapshot; `None` unless it is whole, and of this decider, schema and stream.
    pub(super) fn read(&self, stream: &StreamName, value: &[u8]) -> Option<Folded<S>> {
        let (header, state) = split(value)?;
        let Header { decider, schema, stream: of, version, event, commands } = header;
        if (decider, schema, &*of) != (self.decider.clone(), self.schema, stream.as_str()) {
            return None;
        }
        let state = (self.decode)(state).ok()?;
        Some(Folded { state, version: Version::new(version), event, commands })
    }
}

/// Header and state of a snapshot, if it is whole.
pub(super) fn split(value: &[u8]) -> Option<(Header, &[u8])> {
    let (checksum, lines) = value.split_at_checked(9)?;
    let expected = format!("{:08x}\n", crc32c::crc32c(lines));
    if checksum != expected.as_bytes() {
        return None;
    }
    let end = lines.iter().position(|byte| *byte == b'\n')?;
    Some((serde_json::from_slice(&lines[..end]).ok()?, &lines[end + 1..]))
}
