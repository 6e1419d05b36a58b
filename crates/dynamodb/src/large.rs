//! Large events: what does not fit an item lies in an object store, and the item says where.

use std::sync::Arc;

use bytes::Bytes;
use factlog::Result;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::commit::Piece;
use crate::layout::Decoded;

/// Where a body lies that does not fit an item, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The object, below the prefix of the [`LargeEvents`]: made of the hash alone.
    pub(crate) object: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

/// An object to write before the item that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) address: Address,
    pub(crate) bytes: Bytes,
}

/// The object store where large events lie, below a prefix.
#[derive(Clone, Debug)]
pub struct LargeEvents {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl LargeEvents {
    /// Large events lie in this object store below the prefix.
    #[must_use]
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { objects, prefix }
    }

    /// Writes the objects; all are durable when it returns. The same bytes are the same object, so a repeat changes nothing.
    pub(crate) async fn write(&self, _uploads: &[Upload]) -> Result<()> {
        todo!()
    }
}

/// Completes a piece whose item says that data lies elsewhere. Without any such data it does no I/O and `large` may be `None`.
pub(crate) async fn complete(_decoded: Decoded, _large: Option<&LargeEvents>) -> Result<Piece> {
    todo!()
}
