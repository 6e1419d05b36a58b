//! A store and a state that fail now and then, by a seed: between the caller and the one that is meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt;

use crate::state::{Item, ItemStream, Key, Scan, State, Write, Written};
use crate::{
    Append, Appended, Error, EventStream, ListStreams, Position, ReadLog, ReadStream, Result,
    Store, StreamName, StreamPage, Version,
};

/// Which calls fail: so many of a thousand, drawn from a seed. Also counts all calls.
#[derive(Debug, Default)]
pub struct Faults {
    permille: AtomicU64,
    random: AtomicU64,
    calls: AtomicU64,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing has happened, and the caller is told so.
    Refused,
    /// Nothing has happened, and nobody knows.
    Lost,
    /// It has happened, and nobody knows.
    Unanswered,
}

impl Faults {
    /// So many of a thousand calls fail.
    #[must_use]
    pub fn new(permille: u64, seed: u64) -> Arc<Self> {
        let (permille, random) = (AtomicU64::new(permille), AtomicU64::new(seed));
        Arc::new(Self { permille, random, calls: AtomicU64::new(0) })
    }

    /// From now on so many of a thousand calls fail.
    pub fn set(&self, permille: u64) {
        self.permille.store(permille, Ordering::SeqCst);
    }

    /// How many calls were made so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn draw(&self) -> Option<Fault> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let drawn = random(self.random.fetch_add(1, Ordering::SeqCst));
        let fault = match (drawn >> 32) % 3 {
            0 => Fault::Refused,
            1 => Fault::Lost,
            _ => Fault::Unanswered,
        };
        (drawn % 1_000 < self.permille.load(Ordering::SeqCst)).then_some(fault)
    }

    fn check(&self) -> Result<()> {
        if self.draw().is_some() {
            Err(Error::unavailable("a read fails on purpose"))
        } else {
            Ok(())
        }
    }

    async fn write<T>(&self, write: impl Future<Output = Result<T>>) -> Result<T> {
        match self.draw() {
            None => write.await,
            Some(Fault::Refused) => Err(Error::unavailable("a write is refused on purpose")),
            Some(Fault::Lost) => {
                Err(Error::unavailable("a write is lost on purpose").and_may_have_happened())
            }
            Some(Fault::Unanswered) => {
                write.await?;
                let message = "the answer to a write is lost on purpose";
                Err(Error::unavailable(message).and_may_have_happened())
            }
        }
    }
}

/// A number that looks random: splitmix64.
pub(super) fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A store whose appends and reads of streams fail now and then.
#[derive(Clone, Debug)]
pub struct FaultyStore {
    store: Arc<dyn Store>,
    faults: Arc<Faults>,
}

impl FaultyStore {
    /// This store, with these faults before it.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, faults: Arc<Faults>) -> Self {
        Self { store, faults }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn append(&self, append: Append) -> Result<Appended> {
        self.faults.write(self.store.append(append)).await
    }

    fn read_stream(&self, read: ReadStream) -> EventStream {
        match self.faults.check() {
            Ok(()) => self.store.read_stream(read),
            // What is read before is good for nothing.
            Err(error) => {
                let some = self.store.read_stream(read.limit(1));
                Box::pin(some.chain(futures::stream::iter([Err(error)])))
            }
        }
    }

    fn read_log(&self, read: ReadLog) -> EventStream {
        self.store.read_log(read)
    }

    async fn list_streams(&self, list: ListStreams) -> Result<StreamPage> {
        self.store.list_streams(list).await
    }

    async fn stream_head(&self, stream: &StreamName) -> Result<Version> {
        self.store.stream_head(stream).await
    }

    async fn head(&self) -> Result<Position> {
        self.store.head().await
    }

    async fn wait_past(&self, position: Position) -> Result<Position> {
        self.store.wait_past(position).await
    }

    async fn close(&self) -> Result<()> {
        self.store.close().await
    }
}

/// A state whose reads and writes fail now and then.
#[derive(Clone, Debug)]
pub struct FaultyState {
    state: Arc<dyn State>,
    faults: Arc<Faults>,
}

impl FaultyState {
    /// This state, with these faults before it.
    #[must_use]
    pub fn new(state: Arc<dyn State>, faults: Arc<Faults>) -> Self {
        Self { state, faults }
    }
}

#[async_trait]
impl State for FaultyState {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.faults.check()?;
        self.state.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        self.faults.check()?;
        self.state.get_many(keys).await
    }

    fn scan(&self, scan: Scan) -> ItemStream {
        match self.faults.check() {
            Ok(()) => self.state.scan(scan),
            Err(error) => Box::pin(futures::stream::iter([Err(error)])),
        }
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        self.faults.write(self.state.write(writes)).await
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        self.faults.write(self.state.write_each(writes)).await
    }

    fn write_items_max(&self) -> usize {
        self.state.write_items_max()
    }
}
