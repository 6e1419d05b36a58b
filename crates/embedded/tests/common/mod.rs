//! The embedded store, as the suites want it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it; what can't be set up fails its test"
)]

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use factlog::conformance::state::StateFixture;
use factlog::conformance::{Fixture, TestClock};
use factlog::state::State;
use factlog::{Result, Store as _};
use factlog_embedded::{Options, Store};

/// A store in a directory of its own.
#[derive(Debug)]
pub struct Directory {
    path: tempfile::TempDir,
    options: Options,
    clock: TestClock,
    store: Option<Arc<Store>>,
}

impl Directory {
    pub fn open(clock: TestClock) -> Self {
        Self::open_with(Options::default(), clock)
    }

    pub fn open_with(options: Options, clock: TestClock) -> Self {
        let path = tempfile::tempdir().unwrap();
        let store = Store::open(path.path(), options, clock.clone()).unwrap();
        Self { path, options, clock, store: Some(Arc::new(store)) }
    }

    pub fn path(&self) -> &Path {
        self.path.path()
    }

    pub fn embedded(&self) -> &Store {
        self.store.as_ref().unwrap()
    }
}

#[async_trait]
impl Fixture for Directory {
    fn store(&self) -> Arc<dyn factlog::Store> {
        Arc::clone(self.store.as_ref().unwrap()) as _
    }

    async fn reopen(&mut self) -> Result<bool> {
        if let Some(store) = self.store.take() {
            store.close().await?;
        }
        let store = Store::open(self.path.path(), self.options, self.clock.clone())?;
        self.store = Some(Arc::new(store));
        Ok(true)
    }
}

impl StateFixture for Directory {
    fn state(&self) -> Arc<dyn State> {
        Arc::new(self.embedded().state().unwrap())
    }
}
