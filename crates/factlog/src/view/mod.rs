//! Views: documents by key, and by the indexes that were declared.
//!
//! A view is what a [projection](crate::projection) writes and everybody else reads. A query reads
//! documents and entries of indexes in the [state](crate::state), never the log:
//!
//! - [`get`](View::get): one document by its key.
//! - [`query`](View::query): those with a value, a range of values, a prefix; in the order of an
//!   index, up or down, page by page.
//! - [`count`](View::count) and [`groups`](View::groups): how many. Of all documents, and of a
//!   [counted](Index::counted) index, the numbers are kept; else entries are counted, up to a limit
//!   that the answer names.
//!
//! It behaves as people expect of a small document store: an index may be of a field in an object,
//! of a list, unique; documents without the field are not in it; conditions that no index leads are
//! checked on each document found, in bounded work; and a query that would have to read everything
//! is refused, with the index that is missing.
//!
//! Start with [`Query`]; `encoding.rs` says how an index sorts, `find.rs` how a query walks along
//! it.

mod document;
mod encoding;
mod find;
mod index;
mod place;
mod plan;
mod query;
mod scalar;
mod token;

use std::sync::Arc;

use futures::TryStreamExt;
use serde_json::Value;

pub use document::Document;
pub use index::Index;
pub use query::{Condition, Count, KEY, Page, Query, Values};
pub use scalar::{Kind, Scalar};

pub(crate) use document::validate_key;
pub(crate) use find::number;
pub(crate) use index::{Entry, entries, validate};
pub(crate) use place::Places;

use crate::projection::Checkpoint;
use crate::state::State;
use crate::{Position, ProjectionName, Result};

/// One generation of a view, to be read. Take a fresh one for each request: it is of the generation
/// that was live when it was [taken](crate::projection::Projections::view).
#[derive(Clone, Debug)]
pub struct View {
    state: Arc<dyn State>,
    name: ProjectionName,
    generation: u64,
    indexes: Vec<Index>,
    places: Places,
}

impl View {
    pub(crate) fn new(
        state: Arc<dyn State>,
        name: ProjectionName,
        generation: u64,
        indexes: Vec<Index>,
    ) -> Result<Self> {
        let places = Places::new(&name, generation, &indexes)?;
        Ok(Self { state, name, generation, indexes, places })
    }

    /// The number of the generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The indexes that were declared.
    #[must_use]
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// The document with this key.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt` or `Closed`.
    pub async fn get(&self, key: &str) -> Result<Option<Document>> {
        if validate_key(key).is_err() {
            return Ok(None);
        }
        let item = self.state.get(&self.places.document(key)?).await?;
        item.map(|item| Document::decode(key.to_owned(), &item.value)).transpose()
    }

    /// A page of the documents that meet the conditions.
    ///
    /// # Errors
    /// `Invalid` for a query that no index leads (the error names what is missing), a condition of
    /// another kind than its index, a limit out of bounds, a token of another query; else as
    /// [`get`](View::get).
    pub async fn query(&self, query: &Query) -> Result<Page> {
        self.find(query).await
    }

    /// How many documents meet the conditions. Exact and read at once: of all, and of one condition
    /// on a [counted](Index::counted) index (on a list, an equality). Else entries of the index are
    /// counted, up to [`COUNT_SCAN_MAX`](crate::limits::COUNT_SCAN_MAX), or where several
    /// conditions or long values are asked for, documents, up to
    /// [`QUERY_SCAN_MAX`](crate::limits::QUERY_SCAN_MAX).
    ///
    /// # Errors
    /// As [`query`](View::query).
    pub async fn count(&self, conditions: &[Condition]) -> Result<Count> {
        self.count_those(conditions).await
    }

    /// Each value of a [counted](Index::counted) index with the number of documents that have it,
    /// in order. Times are written at UTC.
    ///
    /// # Errors
    /// `Invalid` if no index on the field is counted; else as [`get`](View::get).
    pub async fn groups(&self, field: &str) -> Result<Vec<(Value, u64)>> {
        self.groups_of(field).await
    }

    /// How many documents there are: kept with the checkpoint, not counted.
    ///
    /// # Errors
    /// As [`get`](View::get).
    pub async fn len(&self) -> Result<u64> {
        let checkpoints = self.checkpoints().await?;
        Ok(checkpoints.iter().map(|checkpoint| checkpoint.documents).sum())
    }

    /// The position up to which all events are in the documents.
    ///
    /// # Errors
    /// As [`get`](View::get).
    pub async fn position(&self) -> Result<Position> {
        let checkpoints = self.checkpoints().await?;
        Ok(checkpoints.iter().map(|checkpoint| checkpoint.position).min().unwrap_or_default())
    }

    async fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        let scan = Checkpoint::scan(&self.name, self.generation)?;
        let items: Vec<_> = self.state.scan(scan).try_collect().await?;
        items.iter().map(Checkpoint::decode).collect()
    }

    /// The documents with these keys, in the order given.
    async fn documents(&self, keys: &[String]) -> Result<Vec<Option<Document>>> {
        let places: Result<Vec<_>> = keys.iter().map(|key| self.places.document(key)).collect();
        let items = self.state.get_many(&places?).await?;
        let decode = |(key, item): (&String, Option<crate::state::Item>)| {
            item.map(|item| Document::decode(key.clone(), &item.value)).transpose()
        };
        keys.iter().zip(items).map(decode).collect()
    }
}
