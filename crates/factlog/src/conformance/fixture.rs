//! What a store's crate gives to the suite: a fresh store, and a way to reopen it.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Result, Store, limits};

/// A store under test, with everything that has to live as long as it does.
///
/// An `Arc` of a store is one; a store that leaves something behind keeps its place (a temporary
/// directory, the name of a table) beside it and removes it when dropped.
#[async_trait]
pub trait Fixture: Debug + Send + 'static {
    /// The store that is open now.
    fn store(&self) -> Arc<dyn Store>;

    /// Closes the store and opens the same data again; answers whether it did. A store that keeps
    /// no data leaves this out and stays open.
    ///
    /// # Errors
    /// Whatever kept it from closing or opening.
    async fn reopen(&mut self) -> Result<bool> {
        Ok(false)
    }

    /// Whether the store places events after the append, so that reads of a stream know no positions.
    fn places_later(&self) -> bool {
        false
    }

    /// The limits of the store, where it is stricter than the contract.
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

impl<S: Store> Fixture for Arc<S> {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self) as Arc<dyn Store>
    }
}

/// The limits of an append in one store. By default those of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most events in one append.
    pub append_events: usize,
    /// Most streams that one append writes or checks.
    pub append_streams: usize,
    /// Most bytes of one append: names, types, data and metadata of all its events.
    pub append_bytes: usize,
    /// Most bytes of data in one event.
    pub data_bytes: usize,
    /// Most bytes of metadata in one event.
    pub metadata_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            append_events: limits::APPEND_EVENTS_MAX,
            append_streams: limits::APPEND_STREAMS_MAX,
            append_bytes: limits::APPEND_BYTES_MAX,
            data_bytes: limits::EVENT_DATA_BYTES_MAX,
            metadata_bytes: limits::EVENT_METADATA_BYTES_MAX,
        }
    }
}
