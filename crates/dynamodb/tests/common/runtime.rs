//! What needs tokio, for callers that have none.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use factlog::state::{Item, ItemStream, Key, Scan, State, Write, Written};
use factlog::{
    Append, Appended, EventStream, ListStreams, Position, ReadLog, ReadStream, Result, Store,
    StreamName, StreamPage, Version,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::runtime::{Handle, Runtime};

/// A store or its state, on a runtime: whoever polls, and wherever, it finds timers and sockets. The suite's cases run
/// on `futures::executor::block_on`.
#[derive(Debug)]
pub struct OnRuntime<T: ?Sized> {
    runtime: Arc<Running>,
    inner: Arc<T>,
}

/// Lives as long as what runs on it; dropping one blocks, which a runtime's own threads may not.
#[derive(Debug)]
struct Running(Option<Runtime>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl<T> OnRuntime<T> {
    /// Opens it on a new runtime.
    pub fn open<F: Future<Output = Result<T>>>(open: impl FnOnce() -> F) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let inner = Arc::new(runtime.block_on(open())?);
        Ok(Self { runtime: Arc::new(Running(Some(runtime))), inner })
    }

    /// What belongs to it, on the same runtime.
    pub fn part<P: ?Sized>(&self, part: impl FnOnce(&T) -> Arc<P>) -> OnRuntime<P> {
        OnRuntime { runtime: Arc::clone(&self.runtime), inner: part(&self.inner) }
    }
}

impl<T: ?Sized> OnRuntime<T> {
    fn handle(&self) -> Handle {
        self.runtime.0.as_ref().unwrap().handle().clone()
    }

    async fn run<A>(&self, work: impl Future<Output = A>) -> A {
        let (handle, mut work) = (self.handle(), pin!(work));
        std::future::poll_fn(|context| {
            let _entered = handle.enter();
            work.as_mut().poll(context)
        })
        .await
    }

    fn stream<A: 'static>(
        &self,
        stream: impl FnOnce(&T) -> BoxStream<'static, A>,
    ) -> BoxStream<'static, A> {
        let handle = self.handle();
        let mut stream = {
            let _entered = handle.enter();
            stream(&self.inner)
        };
        Box::pin(futures::stream::poll_fn(move |context| {
            let _entered = handle.enter();
            stream.poll_next_unpin(context)
        }))
    }
}

#[async_trait]
impl<S: Store> Store for OnRuntime<S> {
    async fn append(&self, append: Append) -> Result<Appended> {
        self.run(self.inner.append(append)).await
    }

    fn read_stream(&self, read: ReadStream) -> EventStream {
        self.stream(|store| store.read_stream(read))
    }

    fn read_log(&self, read: ReadLog) -> EventStream {
        self.stream(|store| store.read_log(read))
    }

    async fn list_streams(&self, list: ListStreams) -> Result<StreamPage> {
        self.run(self.inner.list_streams(list)).await
    }

    async fn stream_head(&self, stream: &StreamName) -> Result<Version> {
        self.run(self.inner.stream_head(stream)).await
    }

    async fn head(&self) -> Result<Position> {
        self.run(self.inner.head()).await
    }

    async fn wait_past(&self, position: Position) -> Result<Position> {
        self.run(self.inner.wait_past(position)).await
    }

    async fn close(&self) -> Result<()> {
        self.run(self.inner.close()).await
    }
}

#[async_trait]
impl State for OnRuntime<dyn State> {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.run(self.inner.get(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        self.run(self.inner.get_many(keys)).await
    }

    fn scan(&self, scan: Scan) -> ItemStream {
        self.stream(|state| state.scan(scan))
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        self.run(self.inner.write(writes)).await
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        self.run(self.inner.write_each(writes)).await
    }

    fn write_items_max(&self) -> usize {
        self.inner.write_items_max()
    }
}
