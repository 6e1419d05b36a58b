//! Where a view lies in the state.
//!
//! ```text
//!   partition                    sort key                       value
//!   view/NAME/GEN/document       the document's key             the document
//!   view/NAME/GEN/index/FIELD    value, document's key          nothing
//!      … of a unique index       value                          the document's key
//!   view/NAME/GEN/count/FIELD    value, lane (2 bytes)          how many documents have it, in digits
//!   view/NAME/GEN/parked         position (8 bytes)             a failure
//! ```

use bytes::Bytes;

use super::Index;
use super::index::Entry;
use crate::state::{Key, Partition};
use crate::{Error, Position, ProjectionName, Result};

/// The places of one generation of a view.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) documents: Partition,
    pub(crate) parked: Partition,
    /// By the number of the index.
    pub(crate) indexes: Vec<Partition>,
    pub(crate) counts: Vec<Partition>,
}

impl Places {
    pub(crate) fn new(name: &ProjectionName, generation: u64, indexes: &[Index]) -> Result<Self> {
        let place = |rest: &str| Partition::new(format!("view/{name}/{generation}/{rest}"));
        let fields = |what| indexes.iter().map(move |index| format!("{what}/{}", index.field));
        Ok(Self {
            documents: place("document")?,
            parked: place("parked")?,
            indexes: fields("index").map(|rest| place(&rest)).collect::<Result<_>>()?,
            counts: fields("count").map(|rest| place(&rest)).collect::<Result<_>>()?,
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Partition> {
        [&self.documents, &self.parked].into_iter().chain(&self.indexes).chain(&self.counts)
    }

    pub(crate) fn document(&self, key: &str) -> Result<Key> {
        Key::new(self.documents.clone(), key.as_bytes().to_vec())
    }

    /// The item that says which document has a value of a unique index.
    pub(crate) fn owner(&self, entry: &Entry) -> Result<Key> {
        Key::new(self.indexes[entry.index].clone(), entry.held.clone())
    }

    /// The item of one document in an index.
    pub(crate) fn entry(&self, entry: &Entry, key: &str) -> Result<Key> {
        let sort = [&entry.held[..], key.as_bytes()].concat();
        Key::new(self.indexes[entry.index].clone(), sort)
    }

    pub(crate) fn count(&self, entry: &Entry, lane: u16) -> Result<Key> {
        let sort = [&entry.held[..], &lane.to_be_bytes()].concat();
        Key::new(self.counts[entry.index].clone(), sort)
    }

    pub(crate) fn failure(&self, position: Position) -> Result<Key> {
        Key::new(self.parked.clone(), position.number().to_be_bytes().to_vec())
    }
}

/// A text that was written as bytes.
pub(crate) fn text(bytes: &Bytes) -> Result<String> {
    String::from_utf8(bytes.to_vec())
        .map_err(|e| Error::corrupt("a key in an index is not UTF-8").with_source(e))
}
