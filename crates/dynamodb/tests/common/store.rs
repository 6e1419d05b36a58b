//! Stores on DynamoDB Local, made with their tables, as the suite wants them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use factlog::conformance::state::StateFixture;
use factlog::conformance::{Fixture, Limits, TestClock};
use factlog::state::State;
use factlog::{Clock, Result};
use factlog_dynamodb::{CreateTables, LargeEvents, Layout, Options, Store, Tables};
use object_store::memory::InMemory;

use super::{Local, OnRuntime};

/// DynamoDB Local has no limit of looks at its streams.
const POLL: Duration = Duration::from_millis(5);

/// A store on tables of its own, with a sequencer and room for large events.
#[derive(Debug)]
pub struct OnTables {
    local: Arc<Local>,
    clock: TestClock,
    large: LargeEvents,
    layout: Layout,
    /// How often it was opened: each opening stands for another process, with a seed of its own.
    opened: u64,
    store: Option<Arc<OnRuntime<Store>>>,
}

impl OnTables {
    pub fn open(layout: Layout) -> impl FnOnce(TestClock) -> Self + Clone + Send + 'static {
        move |clock| {
            let local = Arc::new(Local::new());
            let large = LargeEvents::new(Arc::new(InMemory::new()), Default::default());
            let mut fixture = Self { local, clock, large, layout, opened: 0, store: None };
            let local = Arc::clone(&fixture.local);
            let options = CreateTables::default().with_layout(fixture.layout.clone());
            let opened = fixture.on_runtime(async move {
                Tables::create(&local.client(), local.name(), &options).await.map(drop)
            });
            fixture.store = Some(Arc::new(opened.unwrap()));
            fixture
        }
    }

    fn on_runtime(&mut self, before: impl Future<Output = Result<()>>) -> Result<OnRuntime<Store>> {
        self.opened += 1;
        let options = Options::new(self.clock.now().unix_nanos().cast_unsigned() + self.opened);
        let options = options.with_large_events(self.large.clone()).with_sequencer_poll(POLL);
        OnRuntime::open(|| async {
            before.await?;
            let config = self.local.config_for_new_runtime();
            Store::open(self.local.name(), &config, options, self.clock.clone()).await
        })
    }
}

#[async_trait]
impl Fixture for OnTables {
    fn store(&self) -> Arc<dyn factlog::Store> {
        Arc::clone(self.store.as_ref().unwrap()) as _
    }

    async fn reopen(&mut self) -> Result<bool> {
        if let Some(store) = self.store.take() {
            factlog::Store::close(&*store).await?;
        }
        self.store = Some(Arc::new(self.on_runtime(async { Ok(()) })?));
        Ok(true)
    }

    fn places_later(&self) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        let limits = self.layout.limits(true);
        Limits {
            append_events: limits.events,
            append_streams: limits.streams,
            append_bytes: limits.bytes,
            data_bytes: limits.data_bytes,
            metadata_bytes: limits.metadata_bytes,
        }
    }
}

impl StateFixture for OnTables {
    fn state(&self) -> Arc<dyn State> {
        Arc::new(self.store.as_ref().unwrap().part(Store::state))
    }
}
