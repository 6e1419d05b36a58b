//! The world as a sequencer sees it: any call takes time, may fail before or after it took effect, and a write may
//! take effect although its caller was told that it failed, or was killed.

use async_trait::async_trait;
use factlog::{Clock, Error, Position, Result, StreamName, Timestamp, Version};

use super::shards::timestamp;
use super::world::{BEGIN_MS, Defect, Shared, World, Write};
use crate::commit::PieceHead;
use crate::log::page::Page;
use crate::sequencer::frontier::{Sequence, ShardId};
use crate::sequencer::io::{
    Heart, Heartbeat, Pages, Pause, Records, ScanToken, Scanned, Shard, Source, Span, Truth,
    Watermarks,
};

const HOUR_MS: u64 = 60 * 60 * 1_000;

impl Shared {
    /// A call that answers.
    async fn call<T>(&self, effect: impl FnOnce(&mut World) -> T + Send) -> Result<T> {
        self.travel().await?;
        let answer = effect(&mut self.world());
        self.travel().await?;
        Ok(answer)
    }

    /// A call that changes something.
    async fn write(&self, write: Write) -> Result<bool> {
        self.travel().await?;
        {
            let mut world = self.world();
            let faults = world.faults;
            if world.rng.chance(faults) {
                world.write_later(write);
                return Err(Error::unavailable("simulated: the call timed out"));
            }
        }
        self.call(|world| world.write(write)).await
    }

    /// The way there, or back: often too short to be noticed.
    async fn travel(&self) -> Result<()> {
        let ms = {
            let mut world = self.world();
            if world.rng.chance(500) {
                return Ok(());
            }
            if world.faults > 0 && world.rng.chance(1) {
                world.counts.count("calls that took hours");
                world.rng.below(40 * HOUR_MS)
            } else {
                world.rng.skewed(200)
            }
        };
        self.time.sleep(ms).await;
        let mut world = self.world();
        let faults = world.faults;
        if world.rng.chance(faults) {
            world.counts.count("calls that failed");
            return Err(Error::unavailable("simulated: the call failed"));
        }
        Ok(())
    }
}

/// A piece as the sequencer is shown it.
fn shown(world: &World, piece: &PieceHead) -> PieceHead {
    let mut piece = piece.clone();
    if world.is(Defect::PartsIgnored) {
        piece.parts.clear();
    }
    piece
}

#[async_trait]
impl Source for Shared {
    async fn shards(&self) -> Result<Vec<Shard>> {
        self.call(|world| {
            let now = world.now();
            if world.is(Defect::LossHidden) {
                return world.shards.describe_all();
            }
            world.shards.describe(now)
        })
        .await
    }

    async fn records(&self, shard: &ShardId, after: Option<&Sequence>) -> Result<Records> {
        self.call(|world| {
            let now = world.now();
            if world.unreachable.as_ref().is_some_and(|(id, until)| id == shard && now < *until) {
                return Err(Error::unavailable("simulated: the shard is out of reach"));
            }
            if world.rng.chance(50) {
                return Ok(Records::More(Vec::new()));
            }
            let limit = 1 + world.rng.index(20);
            let mut records = world.shards.read(shard, after, now, limit);
            if records == Records::Trimmed {
                world.counts.count("places that were trimmed");
                if world.is(Defect::TrimHidden) {
                    records = world.shards.read(shard, None, now, limit);
                }
                if records == Records::Trimmed && world.is(Defect::LossHidden) {
                    records = Records::Ended(Vec::new());
                }
            }
            match &mut records {
                Records::More(records) | Records::Current(records) | Records::Ended(records) => {
                    for piece in records.iter_mut().filter_map(|record| record.piece.as_mut()) {
                        *piece = shown(world, piece);
                    }
                }
                Records::Trimmed => {}
            }
            Ok(records)
        })
        .await?
    }
}

#[async_trait]
impl Truth for Shared {
    async fn pieces(&self, span: &Span) -> Result<Vec<PieceHead>> {
        self.call(|world| {
            world.counts.count("holes");
            let (from, to) = ((span.stream.clone(), span.from), (span.stream.clone(), span.to));
            let limit = 1 + world.rng.index(10);
            let pieces = world.events.range(from..=to).take(limit);
            let mut pieces: Vec<_> = pieces.map(|(_, piece)| shown(world, piece)).collect();
            if world.is(Defect::HolesNotFilled) {
                // A sequencer that takes what it has seen for what there is.
                pieces.clear();
            }
            pieces
        })
        .await
    }

    async fn scan(&self, after: Option<&ScanToken>) -> Result<Scanned> {
        self.call(|world| {
            if after.is_none() {
                world.counts.count("scans");
            }
            if world.is(Defect::ScanEmpty) {
                return Scanned::default();
            }
            let limit = 1 + world.rng.index(5);
            let all = world.events.iter();
            let later = all.filter(|(key, _)| after.is_none_or(|after| *key > after));
            let mut found: Vec<_> = later.take(limit + 1).collect();
            let next = (found.len() > limit).then(|| {
                found.pop();
                found[limit - 1].0.clone()
            });
            let pieces = found.into_iter().map(|(_, piece)| shown(world, piece)).collect();
            Scanned { pieces, next }
        })
        .await
    }
}

#[async_trait]
impl Pages for Shared {
    async fn tail(&self) -> Result<Option<Page>> {
        self.call(|world| {
            world.log.last_key_value().map(|(&first, bytes)| Page::decode(first, bytes).unwrap())
        })
        .await
    }

    async fn pages(&self, first: Position) -> Result<Vec<Page>> {
        self.call(|world| {
            let limit = 1 + world.rng.index(4);
            let pages = world.log.range(first..).take(limit);
            pages.map(|(&first, bytes)| Page::decode(first, bytes).unwrap()).collect()
        })
        .await
    }

    async fn put(&self, page: &Page) -> Result<bool> {
        self.write(Write::Page(page.clone())).await
    }
}

#[async_trait]
impl Watermarks for Shared {
    async fn watermarks(&self, streams: &[StreamName]) -> Result<Vec<Version>> {
        self.call(|world| {
            let stale = world.is(Defect::StaleWatermarks);
            let marks = if stale { &world.marks_before } else { &world.marks };
            let mark = |stream| marks.get(stream).copied().unwrap_or(Version::FIRST);
            streams.iter().map(mark).collect()
        })
        .await
    }

    async fn advance(&self, stream: &StreamName, next: Version) -> Result<()> {
        self.write(Write::Mark(stream.clone(), next)).await.map(|_| ())
    }
}

#[async_trait]
impl Heart for Shared {
    async fn heartbeat(&self) -> Result<Option<Heartbeat>> {
        self.call(|world| {
            let young = world.is(Defect::LossHidden) || world.is(Defect::TrimHidden);
            let mut heartbeat = world.heartbeat.clone();
            if let Some(heartbeat) = heartbeat.as_mut().filter(|_| young) {
                heartbeat.current = timestamp(world.now());
            }
            heartbeat
        })
        .await
    }

    async fn beat(&self, heartbeat: &Heartbeat) -> Result<()> {
        self.write(Write::Beat(heartbeat.clone())).await.map(|_| ())
    }

    async fn lease(&self) -> Result<bool> {
        // It promises nothing: often several have it.
        self.call(|world| world.rng.chance(800)).await
    }
}

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        timestamp(BEGIN_MS + self.time.now())
    }
}

#[async_trait]
impl Pause for Shared {
    async fn pause(&self, ms: u64) {
        self.time.sleep(ms).await;
    }
}
