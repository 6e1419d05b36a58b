//! A state that fails before or after what it was asked to do, and lets others go first; and
//! futures that are polled a little at a time, to be dropped at any await.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;

use super::random::Random;
use crate::state::{Item, ItemStream, Key, Scan, State, Write, Written};
use crate::{Error, Result};

/// A state with faults.
#[derive(Debug)]
pub(super) struct Faulty {
    state: Arc<dyn State>,
    random: Mutex<Random>,
    /// One of so many calls fails; 0: none.
    one_of: u64,
}

impl Faulty {
    pub(super) fn new(state: Arc<dyn State>, seed: u64, one_of: u64) -> Arc<Self> {
        Arc::new(Self { state, random: Mutex::new(Random::new(seed)), one_of })
    }

    fn fault(&self) -> Result<()> {
        let mut random = self.random.lock().expect("no test panics with it");
        if self.one_of > 0 && random.below(self.one_of) == 0 {
            return Err(Error::unavailable("a fault").and_may_have_happened());
        }
        Ok(())
    }
}

#[async_trait]
impl State for Faulty {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        give_way().await;
        self.fault()?;
        self.state.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        give_way().await;
        self.fault()?;
        self.state.get_many(keys).await
    }

    fn scan(&self, scan: Scan) -> ItemStream {
        self.state.scan(scan)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        Write::validate(&writes, self.write_items_max())?;
        give_way().await;
        self.fault()?;
        let written = self.state.write(writes).await?;
        give_way().await;
        self.fault()?;
        Ok(written)
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        give_way().await;
        self.fault()?;
        self.state.write_each(writes).await
    }

    /// The least, so that batches are small.
    fn write_items_max(&self) -> usize {
        crate::limits::STATE_WRITE_ITEMS_MIN
    }
}

/// Pending once.
async fn give_way() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls so many times, or to the end.
pub(super) fn poll_times<T>(
    future: &mut Pin<Box<dyn Future<Output = T> + Send + '_>>,
    times: u64,
) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    })
}
