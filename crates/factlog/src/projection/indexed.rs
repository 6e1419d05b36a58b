//! A document and its entries in the indexes.

use std::sync::Arc;

use crate::Result;
use crate::view::{Document, Entry, Index, entries};

/// A document and its entries in the indexes, sorted.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) document: Document,
    pub(super) entries: Vec<Entry>,
    /// No fewer bytes than its encoding has.
    pub(super) size_max: usize,
}

impl Indexed {
    pub(super) fn new(document: Document, indexes: &[Index]) -> Result<Arc<Self>> {
        let entries = entries(indexes, &document.data)?;
        let size_max = document.size_max();
        Ok(Arc::new(Self { document, entries, size_max }))
    }
}

/// The entries of the one that the other does not have.
pub(super) fn missing<'a>(
    of: Option<&'a Arc<Indexed>>,
    from: Option<&'a Arc<Indexed>>,
) -> impl Iterator<Item = &'a Entry> {
    let all =
        |indexed: Option<&'a Arc<Indexed>>| indexed.map_or(&[][..], |indexed| &indexed.entries);
    all(of).iter().filter(move |entry| all(from).binary_search(entry).is_err())
}
