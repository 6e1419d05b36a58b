//! A store that needs tokio, for callers that have none.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use factlog::{
    Append, Appended, EventStream, ListStreams, Position, ReadLog, ReadStream, Result, Store,
    StreamName, StreamPage, Version,
};
use futures::StreamExt;
use tokio::runtime::{Handle, Runtime};

/// The store, on a runtime of its own: whoever polls, and wherever, it finds timers and sockets. The suite's cases run
/// on `futures::executor::block_on`.
#[derive(Debug)]
pub struct OnRuntime {
    /// Lives as long as the store; dropping one blocks, which a runtime's own threads may not.
    runtime: Option<Runtime>,
    store: Arc<dyn Store>,
}

impl OnRuntime {
    /// Opens a store on a new runtime.
    pub fn open<F: Future<Output = Result<S>>, S: Store>(open: impl FnOnce() -> F) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let store = Arc::new(runtime.block_on(open())?);
        Ok(Self { runtime: Some(runtime), store })
    }

    fn handle(&self) -> Handle {
        self.runtime.as_ref().unwrap().handle().clone()
    }

    async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let (handle, mut work) = (self.handle(), pin!(work));
        std::future::poll_fn(|context| {
            let _entered = handle.enter();
            work.as_mut().poll(context)
        })
        .await
    }

    fn events(&self, mut events: EventStream) -> EventStream {
        let handle = self.handle();
        Box::pin(futures::stream::poll_fn(move |context| {
            let _entered = handle.enter();
            events.poll_next_unpin(context)
        }))
    }
}

impl Drop for OnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[async_trait]
impl Store for OnRuntime {
    async fn append(&self, append: Append) -> Result<Appended> {
        self.run(self.store.append(append)).await
    }

    fn read_stream(&self, read: ReadStream) -> EventStream {
        let _entered = self.handle().enter();
        self.events(self.store.read_stream(read))
    }

    fn read_log(&self, read: ReadLog) -> EventStream {
        let _entered = self.handle().enter();
        self.events(self.store.read_log(read))
    }

    async fn list_streams(&self, list: ListStreams) -> Result<StreamPage> {
        self.run(self.store.list_streams(list)).await
    }

    async fn stream_head(&self, stream: &StreamName) -> Result<Version> {
        self.run(self.store.stream_head(stream)).await
    }

    async fn head(&self) -> Result<Position> {
        self.run(self.store.head()).await
    }

    async fn wait_past(&self, position: Position) -> Result<Position> {
        self.run(self.store.wait_past(position)).await
    }

    async fn close(&self) -> Result<()> {
        self.run(self.store.close()).await
    }
}
