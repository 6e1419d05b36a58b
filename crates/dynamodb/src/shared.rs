//! What all calls of a store have in common.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use factlog::{Error, Result, StreamName};

use crate::client::{Client, Query};
use crate::commit::Piece;
use crate::ends::{End, Ends};
use crate::item::{Item, text};
use crate::large::{self, LargeEvents};
use crate::layout::{Layout, PartToWrite};
use crate::log::tail::Tail;
use crate::tables::Tables;
use crate::times::Times;

/// A store's client with its meter, and what all handles of the store share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) client: Client,
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) tables: Tables,
    pub(crate) layout: Layout,
    /// Where data goes that no item has room for.
    pub(crate) large: Option<LargeEvents>,
    pub(crate) ends: Ends,
    pub(crate) times: Times,
    pub(crate) tail: Tail,
    closed: AtomicBool,
}

impl Deref for Shared {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl Shared {
    pub(crate) fn new(
        client: Client,
        tables: Tables,
        layout: Layout,
        large: Option<LargeEvents>,
        times: Times,
    ) -> Self {
        let (ends, tail, closed) = (Ends::default(), Tail::default(), AtomicBool::new(false));
        let inner = Arc::new(Inner { tables, layout, large, ends, times, tail, closed });
        Self { client, inner }
    }

    /// The same store with a meter of its own.
    pub(crate) fn metered(&self) -> Self {
        Self { client: self.client.metered(), inner: Arc::clone(&self.inner) }
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(Error::closed("the store is closed")),
            false => Ok(()),
        }
    }

    /// Answers whether this call closed it.
    pub(crate) fn close(&self) -> bool {
        let open = !self.closed.swap(true, Ordering::AcqRel);
        self.tail.moved.notify(usize::MAX);
        open
    }

    /// Where the stream ends, asked for: one consistent query.
    pub(crate) async fn end(&self, stream: &StreamName) -> Result<End> {
        let query = Query { backward: true, limit: Some(1), ..self.query_of(stream) };
        let page = self.client.query(query).await?;
        let Some(item) = page.items.first() else { return Ok(End::default()) };
        let end = End::of(&self.layout.decode(item)?.piece);
        self.ends.note(stream, end.clone());
        Ok(end)
    }

    /// A query of all items of a stream.
    pub(crate) fn query_of(&self, stream: &StreamName) -> Query {
        let partition = text(self.layout.partition(stream));
        Query::new(&self.tables.events, self.layout.keys(), partition)
    }

    /// The items of a part of a commit; data that is too large is put in its place first.
    pub(crate) async fn encode(&self, part: PartToWrite<'_>) -> Result<Vec<Item>> {
        let encoded = self.layout.encode(part)?;
        if let Some(large) = &self.large {
            large.write(&encoded.uploads).await?;
        }
        Ok(encoded.items)
    }

    /// The pieces that these items are, with all data.
    pub(crate) async fn decode_all(&self, items: Vec<Item>) -> Result<Vec<Piece>> {
        let decoded = items.iter().map(|item| self.layout.decode(item)).collect::<Result<_>>()?;
        large::complete(decoded, self.large.as_ref()).await
    }
}
