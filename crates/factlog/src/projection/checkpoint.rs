//! How far a lane of a generation is, and how far the effects are.
//!
//! ```text
//!   partition projection/NAME    "g", generation (8 bytes), lane (2 bytes)     a checkpoint
//!                                "e"                                           that of the effects
//! ```

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::state::{Item, Key, Partition, Scan};
use crate::{Error, Position, ProjectionName, Result, Timestamp};

/// How far a lane of a generation is. Written together with its documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Checkpoint {
    /// All events up to here are in the documents.
    pub position: Position,
    /// Documents that the lane keeps.
    pub documents: u64,
    /// Events that it has applied.
    pub events: u64,
    /// Events that it has parked, and that were not retried since.
    pub parked: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Events a second, over the last second or more.
    pub rate: f64,
}

/// How far the effects are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EffectCheckpoint {
    /// The effects of all events up to here are done.
    pub position: Position,
    /// Why that of the next event is not.
    pub failure: Option<Failure>,
}

impl Checkpoint {
    pub(crate) fn decode(item: &Item) -> Result<Self> {
        decode(item)
    }

    /// Those of all lanes of a generation.
    pub(crate) fn scan(name: &ProjectionName, generation: u64) -> Result<Scan> {
        Ok(Scan::new(partition(name)?).with_prefix(prefix(generation)))
    }

    pub(super) fn key(name: &ProjectionName, generation: u64, lane: u16) -> Result<Key> {
        let mut sort = prefix(generation);
        sort.extend(lane.to_be_bytes());
        Key::new(partition(name)?, sort)
    }
}

impl EffectCheckpoint {
    pub(super) fn key(name: &ProjectionName) -> Result<Key> {
        Key::new(partition(name)?, "e")
    }
}

pub(super) fn partition(name: &ProjectionName) -> Result<Partition> {
    Partition::new(format!("projection/{name}"))
}

fn prefix(generation: u64) -> Vec<u8> {
    [&b"g"[..], &generation.to_be_bytes()].concat()
}

pub(super) fn decode<T: DeserializeOwned>(item: &Item) -> Result<T> {
    serde_json::from_slice(&item.value).map_err(|e| {
        Error::corrupt(format!("item {} of a projection is not what was written", item.key))
            .with_source(e)
    })
}

pub(super) fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("checkpoints and failures can be written as JSON")
}
