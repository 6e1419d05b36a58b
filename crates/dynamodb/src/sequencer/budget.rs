//! What sequencing costs: write units a commit, counted by the bytes that are written.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use factlog::{Clock, Position, Result, StreamName, Timestamp, Version};
use futures::executor::block_on;

use super::io::{
    Heart, Heartbeat, Pages, Pause, Records, ScanToken, Scanned, Shard, Source, Span, Truth,
    Watermarks,
};
use super::{Options, Sequencer};
use crate::commit::PieceHead;
use crate::log::page::Page;
use crate::sequencer::frontier::{Sequence, ShardId};

/// Tables that count write units, and a stream that has nothing.
#[derive(Clone, Debug, Default)]
struct Meter(Arc<Mutex<Units>>);

#[derive(Debug, Default)]
struct Units {
    written: u64,
    pages: Vec<Page>,
}

impl Meter {
    fn write(&self, bytes: usize) {
        self.0.lock().unwrap().written += bytes.div_ceil(1 << 10) as u64;
    }
}

#[async_trait]
impl Source for Meter {
    async fn shards(&self) -> Result<Vec<Shard>> {
        let id = |number| format!("shardId-00000001764000000000-{number:08x}").into();
        Ok((0..4).map(|number| Shard { id: id(number), parent: None }).collect())
    }

    async fn records(&self, _: &ShardId, _: Option<&Sequence>) -> Result<Records> {
        Ok(Records::Current(Vec::new()))
    }
}

#[async_trait]
impl Truth for Meter {
    async fn pieces(&self, _: &Span) -> Result<Vec<PieceHead>> {
        Ok(Vec::new())
    }

    async fn scan(&self, _: Option<&ScanToken>) -> Result<Scanned> {
        Ok(Scanned::default())
    }
}

#[async_trait]
impl Pages for Meter {
    async fn tail(&self) -> Result<Option<Page>> {
        Ok(self.0.lock().unwrap().pages.last().cloned())
    }

    async fn pages(&self, _: Position) -> Result<Vec<Page>> {
        Ok(Vec::new())
    }

    async fn put(&self, page: &Page) -> Result<bool> {
        // The key and the names of the attributes take a few bytes.
        self.write(page.encode()?.len() + 100);
        self.0.lock().unwrap().pages.push(page.clone());
        Ok(true)
    }
}

#[async_trait]
impl Watermarks for Meter {
    async fn watermarks(&self, streams: &[StreamName]) -> Result<Vec<Version>> {
        Ok(vec![Version::FIRST; streams.len()])
    }

    async fn advance(&self, stream: &StreamName, _: Version) -> Result<()> {
        self.write(stream.as_str().len() + 100);
        Ok(())
    }
}

#[async_trait]
impl Heart for Meter {
    async fn heartbeat(&self) -> Result<Option<Heartbeat>> {
        Ok(None)
    }

    async fn beat(&self, _: &Heartbeat) -> Result<()> {
        Ok(())
    }

    async fn lease(&self) -> Result<bool> {
        Ok(true)
    }
}

impl Clock for Meter {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(1_764_000_000_000_000_000)
    }
}

#[async_trait]
impl Pause for Meter {
    async fn pause(&self, _: u64) {}
}

fn commit(number: u64) -> PieceHead {
    PieceHead {
        stream: StreamName::new(format!("order-{:032x}", u128::from(number) << 77 | 77)).unwrap(),
        first: Version::FIRST,
        types: vec!["OrderPlaced".parse().unwrap()],
        recorded: Timestamp::from_unix_nanos(1_764_000_000_000_000_000),
        parts: Vec::new(),
    }
}

#[test]
fn a_commit_alone_costs_two_write_units_and_one_of_a_hundred_less_than_1_2() {
    for (count, units_max) in [(1, 2), (100, 120)] {
        let meter = Meter::default();
        let mut sequencer = Sequencer::new(meter.clone(), Options::default());
        block_on(sequencer.catch_up()).unwrap();
        block_on(sequencer.place((0..count).map(commit).collect())).unwrap();
        let units = meter.0.lock().unwrap();
        assert_eq!(units.pages.len(), 1);
        assert_eq!(units.pages[0].frontier.shards.len(), 4);
        assert!(units.written <= units_max, "{} units for {count} commits", units.written);
    }
}
