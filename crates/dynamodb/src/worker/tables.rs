//! The sequencer's reads and writes of the three tables.

use std::time::Duration;

use async_trait::async_trait;
use factlog::{Clock, Position, Result, StreamName, Timestamp, Version};

use super::Worker;
use crate::client::{Query, Written};
use crate::commit::PieceHead;
use crate::item::number;
use crate::log::page::Page;
use crate::sequencer::frontier::{Sequence, ShardId};
use crate::sequencer::io::{
    Pages, Pause, Records, ScanToken, Scanned, Shard, Source, Span, Truth, Watermarks,
};

/// Pages that are read at once by who lags behind.
const PAGES: i32 = 16;

#[async_trait]
impl Source for Worker {
    async fn shards(&self) -> Result<Vec<Shard>> {
        self.streams.shards().await
    }

    async fn records(&self, shard: &ShardId, after: Option<&Sequence>) -> Result<Records> {
        self.streams.records(shard, after).await
    }
}

#[async_trait]
impl Truth for Worker {
    async fn pieces(&self, span: &Span) -> Result<Vec<PieceHead>> {
        let range = (Some(number(span.from.number())), Some(number(span.to.number())));
        let query = Query { range, ..self.shared.query_of(&span.stream) };
        let page = self.shared.client.query(query).await?;
        page.items.iter().map(|item| self.shared.layout.decode_head(item)).collect()
    }

    async fn scan(&self, after: Option<&ScanToken>) -> Result<Scanned> {
        let start = after.map(|(stream, version)| self.shared.layout.key(stream, *version));
        let page = self.shared.client.scan(&self.shared.tables.events, start).await?;
        let pieces = page.items.iter().map(|item| self.shared.layout.decode_head(item));
        let next = page.next.as_ref().map(|key| self.shared.layout.place(key)).transpose()?;
        Ok(Scanned { pieces: pieces.collect::<Result<_>>()?, next })
    }
}

#[async_trait]
impl Pages for Worker {
    async fn tail(&self) -> Result<Option<Page>> {
        self.shared.tail().await
    }

    async fn pages(&self, first: Position) -> Result<Vec<Page>> {
        let (pages, _) = self.shared.pages(first, Position::MAX, false, Some(PAGES), None).await?;
        Ok(pages)
    }

    async fn put(&self, page: &Page) -> Result<bool> {
        let done = matches!(self.shared.put_page(page).await?, Written::Done);
        if done {
            self.shared.tail.note(page.next().previous());
        }
        Ok(done)
    }
}

#[async_trait]
impl Watermarks for Worker {
    async fn watermarks(&self, streams: &[StreamName]) -> Result<Vec<Version>> {
        let known = self.shared.watermarks(streams, true).await?;
        let next = |stream| known.get(stream).copied().unwrap_or(Version::FIRST);
        Ok(streams.iter().map(next).collect())
    }

    async fn advance(&self, stream: &StreamName, next: Version) -> Result<()> {
        self.shared.advance_watermark(stream, next).await
    }
}

impl Clock for Worker {
    fn now(&self) -> Timestamp {
        self.shared.times.now()
    }
}

#[async_trait]
impl Pause for Worker {
    async fn pause(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
