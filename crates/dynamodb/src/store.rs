//! The store: opening it, the contract's calls, and closing it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use factlog::state::State;
use factlog::{
    Append, Appended, Clock, EventStream, ListStreams, Position, ReadLog, ReadStream, Result,
    StreamName, StreamPage, Version,
};

use crate::backoff::Pauses;
use crate::client::Client;
use crate::cost::Meter;
use crate::large::LargeEvents;
use crate::layout::Layout;
use crate::limits::{PAUSE_FIRST, PAUSE_MAX, SEQUENCER_POLL};
use crate::sequencer::Progress;
use crate::shared::Shared;
use crate::state::TableState;
use crate::tables::Tables;
use crate::times::Times;
use crate::verify::{self, Repaired, Verified};
use crate::worker::{self, Task, Worker};
use crate::{append, list, read};

/// How to open a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where data goes that no item has room for; by default it is refused.
    pub large: Option<LargeEvents>,
    /// Whether a sequencer runs as long as the store is open. Of all processes that have a store open so,
    /// one at a time sequences.
    pub sequencer: bool,
    /// How often that sequencer looks at the stream while nothing happens. DynamoDB allows five looks a second at each shard.
    pub sequencer_poll: Duration,
    /// The longest pause before a request that failed in passing is sent a second time; it doubles with each time.
    pub pause_first: Duration,
    /// The longest pause before it is sent again at all.
    pub pause_max: Duration,
    /// A seed for what is drawn at random: pauses between retries, revisions. No two processes may have the same.
    pub seed: u64,
}

impl Options {
    /// With a sequencer, without room for large events.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            large: None,
            sequencer: true,
            sequencer_poll: SEQUENCER_POLL,
            pause_first: PAUSE_FIRST,
            pause_max: PAUSE_MAX,
            seed,
        }
    }

    /// The same, with data that no item has room for in this place.
    #[must_use]
    pub fn with_large_events(mut self, large: LargeEvents) -> Self {
        self.large = Some(large);
        self
    }

    /// The same, with a sequencer that looks so often.
    #[must_use]
    pub fn with_sequencer_poll(mut self, poll: Duration) -> Self {
        self.sequencer_poll = poll;
        self
    }

    /// The same, with these longest pauses before the second attempt of a request and before any.
    #[must_use]
    pub fn with_pauses(mut self, first: Duration, max: Duration) -> Self {
        (self.pause_first, self.pause_max) = (first, max);
        self
    }

    /// The same, without a sequencer: somebody else has to place what is appended.
    #[must_use]
    pub fn without_sequencer(mut self) -> Self {
        self.sequencer = false;
        self
    }
}

/// An event store in three tables of DynamoDB.
///
/// A handle: clones are the same store. It needs a tokio runtime.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) shared: Shared,
    sequencer: Option<Arc<Task>>,
}

impl Store {
    /// Opens the store with this name.
    ///
    /// # Errors
    /// `NotFound` if one of its tables is not there, with the command that makes it; `Invalid` if one is not as
    /// it has to be, or the credentials don't do; `Unavailable`.
    pub async fn open(
        name: &str,
        config: &SdkConfig,
        options: Options,
        clock: impl Clock,
    ) -> Result<Self> {
        let Options { large, sequencer, sequencer_poll, pause_first, pause_max, seed } = options;
        let pauses = Pauses { first: pause_first, max: pause_max };
        let client = Client::new(config, pauses, seed);
        let (tables, layout) = Tables::open(&client.dynamodb, name).await?;
        let shared = Shared::new(client, tables, layout, large, Times::new(Box::new(clock)));
        // What is recorded from now on is not recorded before what the log has.
        shared.head().await?;
        let sequencer = match sequencer {
            true => {
                let worker = Worker::new(shared.metered()).await?;
                Some(Arc::new(Task::start(worker, sequencer_poll)))
            }
            false => None,
        };
        Ok(Self { shared, sequencer })
    }

    /// The state that is kept with the events.
    #[must_use]
    pub fn state(&self) -> Arc<dyn State> {
        Arc::new(TableState::new(self.shared.clone()))
    }

    /// How commits lie in the events table.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    /// What the sequencer of this process has done; `None` if there is none or another process sequences.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.sequencer.as_ref()?.progress()
    }

    /// Waits until all that was appended before has its place in the log, as far as DynamoDB Streams have told;
    /// places it where the sequencer of this process does not, whether that of another does or not.
    ///
    /// # Errors
    /// Those of the sequencer.
    pub async fn catch_up(&self) -> Result<()> {
        self.shared.check_open()?;
        if let Some(sequencer) = &self.sequencer
            && sequencer.placed_until(self.shared.times.now()).await?
        {
            return Ok(());
        }
        worker::catch_up(&self.shared).await
    }

    /// Places the commits that these items of the events table belong to, and all that has to come before them. For a
    /// function that DynamoDB Streams call with their new images; what it is called with again is placed once.
    ///
    /// # Errors
    /// `Corrupt` for an item that is none of the layout; `Unavailable`: call it with the same items again.
    pub async fn place(&self, items: &[HashMap<String, AttributeValue>]) -> Result<()> {
        self.shared.check_open()?;
        let pieces = items.iter().map(|item| self.shared.layout.decode_head(item));
        worker::place(&self.shared, pieces.collect::<Result<_>>()?).await
    }

    /// Why the sequencer of this process has stopped, if it has.
    ///
    /// # Errors
    /// Whatever stopped it: waiting does not help against it.
    pub fn check_sequencer(&self) -> Result<()> {
        self.sequencer.as_ref().map_or(Ok(()), |sequencer| sequencer.check())
    }

    /// The name of the events table.
    #[must_use]
    pub fn events_table(&self) -> &str {
        &self.shared.tables.events
    }

    /// Mends what can be mended without moving any position: watermarks, and commits that have no place yet. Then
    /// it verifies once more.
    ///
    /// # Errors
    /// As [`verify`](Store::verify).
    pub async fn repair(&self, progress: impl FnMut(u64) + Send) -> Result<Repaired> {
        self.shared.check_open()?;
        verify::repair(&self.shared, progress).await
    }

    /// Holds the events table, the log and the watermarks against each other; calls back with the items and entries gone
    /// through since the last time. Reads everything.
    ///
    /// # Errors
    /// `Corrupt` for a page or an item that can't be read; `Unavailable`.
    pub async fn verify(&self, progress: impl FnMut(u64) + Send) -> Result<Verified> {
        self.shared.check_open()?;
        verify::verify(&self.shared, progress).await
    }

    /// What the calls through this handle have cost, reads as far as they were pulled. What the sequencer does is
    /// not among it: see [`Store::sequencer_meter`].
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.shared.client.meter
    }

    /// What the sequencer of this process has cost; `None` if the store has none.
    #[must_use]
    pub fn sequencer_meter(&self) -> Option<&Meter> {
        self.sequencer.as_ref().map(|sequencer| sequencer.meter())
    }

    /// The same store through a handle with a meter of its own, which starts at nothing: for what one call costs, or
    /// one user of the store.
    ///
    /// ```
    /// use factlog::{StoreExt, StreamName};
    ///
    /// # async fn example(store: factlog_dynamodb::Store) -> factlog::Result<()> {
    /// let metered = store.metered();
    /// let events = metered.load(&StreamName::new("cart-7")?).await?;
    /// let cost = metered.meter().total();
    /// println!("{} events, {} requests, {} read units", events.len(), cost.requests, cost.read_units);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn metered(&self) -> Self {
        Self { shared: self.shared.metered(), sequencer: self.sequencer.clone() }
    }
}

#[async_trait]
impl factlog::Store for Store {
    async fn append(&self, append: Append) -> Result<Appended> {
        self.shared.check_open()?;
        append::append(&self.shared, &append).await
    }

    fn read_stream(&self, read: ReadStream) -> EventStream {
        match self.shared.check_open() {
            Ok(()) => read::read_stream(self.shared.clone(), read),
            Err(closed) => read::refused(closed),
        }
    }

    fn read_log(&self, read: ReadLog) -> EventStream {
        match self.shared.check_open().and_then(|()| read.filter.validate()) {
            Ok(()) => read::read_log(self.shared.clone(), read),
            Err(error) => read::refused(error),
        }
    }

    async fn list_streams(&self, list: ListStreams) -> Result<StreamPage> {
        self.shared.check_open()?;
        list::list(&self.shared, &list).await
    }

    async fn stream_head(&self, stream: &StreamName) -> Result<Version> {
        self.shared.check_open()?;
        Ok(self.shared.end(stream).await?.version)
    }

    async fn head(&self) -> Result<Position> {
        self.shared.check_open()?;
        self.shared.head().await
    }

    async fn wait_past(&self, position: Position) -> Result<Position> {
        self.shared.wait_past(position, || self.check_sequencer()).await
    }

    async fn close(&self) -> Result<()> {
        self.shared.close();
        if let Some(sequencer) = &self.sequencer {
            sequencer.stop().await?;
        }
        Ok(())
    }
}
