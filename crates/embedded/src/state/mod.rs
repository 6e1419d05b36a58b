//! The state that is kept beside the log: [`factlog::state`] in a directory of its own, `state/`.
//!
//! ```text
//!            ┌ writer thread ─────────────────┐           flush thread          merge thread
//!  write ──> │ conditions, journal, sync      │
//!            │        └──> part in memory ────┼─ sealed ──> sorted files ──────> larger files
//!            └────────────────│───────────────┘                  │
//!  get, scan <────────────────┴──────────────────────────────────┘
//! ```
//!
//! The tree of items (`items`) is `lsm-tree`. The journal before it (`journal`, `record`) goes through
//! the same disk as the log does, and what a crash, a torn write or a flipped bit leaves of it is told apart
//! by the same kind of evidence.

mod flush;
mod items;
mod journal;
pub(crate) mod record;
mod writer;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use factlog::state::{Item, ItemStream, Key, Scan, Write, Written};
use factlog::{Error, Result};
use futures::channel::oneshot;
use futures::stream;

use self::flush::Flusher;
use self::items::Items;
use self::journal::{Journal, Replayed};
use self::writer::{Request, Writer};
use crate::disk::{Disk, RealDisk};
use crate::limits::{STATE_EACH_ITEMS, STATE_PART_BYTES_MAX, STATE_PARTS_WAITING_MAX};
use crate::segment::io_error;

/// The state of a store. A clone is the same state.
///
/// After a failure of the disk it takes no more writes and says so; reads go on. What is written by
/// [`write_each`](factlog::state::State::write_each) survives the end of the process when it is answered, and a power failure
/// from the next answered [`write`](factlog::state::State::write) on, or the store's closing.
#[derive(Clone, Debug)]
pub struct State(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    items: Items,
    running: Mutex<Option<Running>>,
    stopped: Arc<OnceLock<String>>,
    /// Set once the store is closed.
    closed: OnceLock<()>,
}

/// What runs while the store is open.
#[derive(Debug)]
struct Running {
    requests: Sender<Request>,
    writer: JoinHandle<()>,
}

impl Inner {
    fn close(&self) -> Result<()> {
        let _ = self.closed.set(());
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { requests, writer }) = running else { return Ok(()) };
        drop(requests);
        if writer.join().is_err() {
            return Err(Error::internal("the writer of the state panicked"));
        }
        self.stopped.get().map_or(Ok(()), |why| Err(Error::closed(why.clone())))
    }
}

impl Drop for Inner {
    /// Whoever opens the state next finds nobody who still writes its end.
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// What is held in memory until it is on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of a part.
    pub(crate) part_bytes: u64,
    /// Sealed parts that wait.
    pub(crate) parts_waiting: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { part_bytes: STATE_PART_BYTES_MAX, parts_waiting: STATE_PARTS_WAITING_MAX }
    }
}

impl State {
    /// Opens the state in a directory, or makes it, for the store of this identity.
    pub(crate) fn open(path: &Path, identity: u64) -> Result<Self> {
        let made = |path: PathBuf| match std::fs::create_dir(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
            _ => path.parent().map_or(Ok(()), |parent| RealDisk::new(parent).sync_names()),
        };
        made(path.to_owned()).map_err(|e| io_error(&format!("making {}", path.display()), e))?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(path));
        Self::open_on(&disk, path, identity, Bounds::default())
    }

    /// Opens a state whose journal is on any disk.
    pub(crate) fn open_on(
        disk: &Arc<dyn Disk>,
        path: &Path,
        identity: u64,
        bounds: Bounds,
    ) -> Result<Self> {
        let shown = path.display().to_string();
        let names = Journal::files(&**disk)
            .map_err(|e| io_error(&format!("listing the state in {shown}"), e))?;
        let tree = path.join("tree");
        if !names.is_empty() && !tree.join("current").exists() {
            return Err(Error::corrupt(format!(
                "the state in {shown} is refused: its tree is gone"
            )));
        }
        let items = Items::open(&tree)?;
        if names.is_empty() && items.written() > 0 {
            return Err(Error::corrupt(format!(
                "the state in {shown} is refused: its journal is gone"
            )));
        }
        let flusher = Flusher::start(items.clone())?;
        let journal = if names.is_empty() {
            Journal::create(disk, &shown, identity)?
        } else {
            let written = items.written();
            Journal::recover(disk, &shown, identity, &names, &mut |replayed| match replayed {
                Replayed::Write(number, body) => {
                    items.reach(number);
                    if number > written {
                        items.apply(number, body);
                    }
                }
                Replayed::Sealed(file) => {
                    items.seal();
                    flusher.hand_over(file);
                }
                Replayed::Taken(number) => items.reach(number),
            })?
        };
        let stopped = Arc::<OnceLock<String>>::default();
        let writer = Writer::new(items.clone(), journal, flusher, bounds, Arc::clone(&stopped));
        let (requests, asked) = mpsc::channel();
        let thread = thread::Builder::new().name("factlog-state".to_owned());
        let writer = thread
            .spawn(move || writer.run(&asked))
            .map_err(|e| io_error("starting thread factlog-state", e))?;
        let running = Mutex::new(Some(Running { requests, writer }));
        Ok(Self(Arc::new(Inner { items, running, stopped, closed: OnceLock::new() })))
    }

    /// Waits until all writes are done. From now on each call is answered with `Closed`.
    pub(crate) fn close(&self) -> Result<()> {
        self.0.close()
    }

    /// The items, unless the store is closed.
    fn items(&self) -> Result<&Items> {
        match self.0.closed.get() {
            Some(()) => Err(closed()),
            None => Ok(&self.0.items),
        }
    }

    async fn ask(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<Written>>) -> Request,
    ) -> Result<Written> {
        let (answer, answered) = oneshot::channel();
        let request = request(answer);
        {
            let running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = running.as_ref().map(|running| running.requests.send(request));
            if !matches!(asked, Some(Ok(()))) {
                return Err(closed());
            }
        }
        answered.await.unwrap_or_else(|_| {
            let why = "the writer of the state ended without an answer";
            Err(Error::internal(why).and_may_have_happened())
        })
    }
}

fn closed() -> Error {
    Error::closed("the store is closed")
}

#[async_trait]
impl factlog::state::State for State {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.items()?.find(key)
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        let items = self.items()?;
        keys.iter().map(|key| items.find(key)).collect()
    }

    fn scan(&self, scan: Scan) -> ItemStream {
        let begin = (self.clone(), Page { scan, items: VecDeque::new() });
        Box::pin(stream::try_unfold(begin, |(state, mut page)| {
            let next = state.items().and_then(|items| page.next(items));
            std::future::ready(next.map(|item| item.map(|item| (item, (state, page)))))
        }))
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        Write::validate(&writes, self.write_items_max())?;
        self.ask(move |answer| Request::together(&writes, answer)).await
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        Write::validate_each(&writes)?;
        self.items()?;
        for some in writes.chunks(STATE_EACH_ITEMS) {
            let _ = self.ask(|answer| Request::each(some, answer)).await?;
        }
        Ok(())
    }
}

/// Items that were read, and the scan that is left behind them.
struct Page {
    scan: Scan,
    items: VecDeque<Item>,
}

impl Page {
    fn next(&mut self, items: &Items) -> Result<Option<Item>> {
        if self.items.is_empty() {
            self.scan.validate()?;
            let (page, more) = items.page(&self.scan)?;
            self.scan.limit = if more { self.scan.limit - page.len() as u64 } else { 0 };
            if let Some(last) = page.last() {
                self.scan = self.scan.clone().past(last.key.sort());
            }
            self.items = page.into();
        }
        Ok(self.items.pop_front())
    }
}
