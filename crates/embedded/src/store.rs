//! The store: opening it, the contract's calls, and closing it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use factlog::{
    Append, Appended, Clock, Direction, Error, EventStream, ListStreams, PageToken, Position,
    ReadLog, ReadStream, Result, StreamInfo, StreamName, StreamPage, Version,
};

use crate::disk::{Disk, Lock, RealDisk};
use crate::index::Index;
use crate::index::table::LsmTable;
#[cfg(test)]
use crate::index::table::Table;
use crate::segment::{Segment, Segments, io_error};
use crate::shared::Shared;
use crate::state::State;
use crate::verify::{self, Verified};
use crate::writer::Writer;
use crate::{append, read, recover, turn};

/// Events behind the index's checkpoint that closing leaves for the next opening to read.
const UNINDEXED_AT_CLOSE_MAX: u64 = 4_096;

/// When an append is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// When it is on the device.
    #[default]
    Durable,
    /// When the operating system has it: a killed process loses nothing, a power failure or a crash of
    /// the machine loses up to [`UNSYNCED_BYTES_MAX`](crate::limits::UNSYNCED_BYTES_MAX) of answered appends.
    LostOnPowerFailure,
}

/// Who writes what is appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteBy {
    /// One of the callers whose appends go to the log together, which blocks its thread for the time of a write; the
    /// store's thread as long as a write takes longer than [`LED_WRITE_MAX`](crate::limits::LED_WRITE_MAX). The
    /// fastest where appends are awaited. One that is not polled for ten milliseconds is left to the thread.
    #[default]
    Caller,
    /// The store's thread: for executors that are not to be blocked, and for callers that go on with something else
    /// before they poll their appends again.
    Thread,
}

/// How to open a store.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Make the store if there is none.
    pub create: bool,
    /// When an append is answered.
    pub durability: Durability,
    /// Who writes what is appended.
    pub write_by: WriteBy,
    /// How long to wait, blocking, for another process that has the store open to close it.
    pub lock_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            durability: Durability::Durable,
            write_by: WriteBy::default(),
            lock_wait: Duration::ZERO,
        }
    }
}

impl Options {
    /// The same, but a store that is not there is an error.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.create = false;
        self
    }

    /// The same, but waiting so long for another process to close the store.
    #[must_use]
    pub fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// The same, with appends answered at this point.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The same, with appends written by these.
    #[must_use]
    pub fn with_write_by(mut self, write_by: WriteBy) -> Self {
        self.write_by = write_by;
        self
    }
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// Events.
    pub events: u64,
    /// Streams.
    pub streams: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes of the log that are written.
    pub log_bytes: u64,
    /// Bytes of all files of the directory, with what is prepared for events to come.
    pub disk_bytes: u64,
}

/// An event store in one directory. Closing it, or dropping it, waits until all appends are done.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    path: PathBuf,
    running: Mutex<Option<Running>>,
    /// What is kept beside the events, once somebody has asked for it.
    state: Mutex<Option<State>>,
}

/// What runs while the store is open.
#[derive(Debug)]
struct Running {
    writer: JoinHandle<()>,
    indexer: JoinHandle<()>,
    preparer: Option<JoinHandle<()>>,
    /// Held until all the others have ended.
    _lock: Option<Lock>,
}

impl Store {
    /// Opens the store in a directory.
    ///
    /// # Errors
    /// `NotFound` if there is none and none is to be made; `Invalid` if something else is there;
    /// `Unavailable` if another process has it open or the disk fails; `Corrupt`, naming segment,
    /// offset and position, if something that was durable can't be read.
    pub fn open(path: impl AsRef<Path>, options: Options, clock: impl Clock) -> Result<Self> {
        let path = path.as_ref();
        prepare_directory(path, options)?;
        let lock = Lock::take(path, options.lock_wait)?;
        let disk = Arc::new(RealDisk::new(path));
        let identity = clock.now().unix_nanos().cast_unsigned();
        let segments = Arc::new(Segments::open(disk, identity)?);
        let index = open_index(&path.join("index"), segments.identity())?;
        let (prepare, asked) = mpsc::channel();
        let for_preparer = Arc::clone(&segments);
        let preparer = spawn("factlog-segments", move || prepare_segments(&for_preparer, &asked))?;
        let mut store = Self::start(segments, index, options, Box::new(clock), Some(prepare))?;
        store.path = path.to_owned();
        if let Some(running) = store.running.get_mut().unwrap_or_else(PoisonError::into_inner) {
            running.preparer = Some(preparer);
            running._lock = Some(lock);
        }
        Ok(store)
    }

    /// Opens a store on any disk, with its index in any table.
    #[cfg(test)]
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        table: Box<dyn Table>,
        options: Options,
        clock: impl Clock,
    ) -> Result<Self> {
        let identity = clock.now().unix_nanos().cast_unsigned();
        let segments = Arc::new(Segments::open(disk, identity)?);
        let index = Index::open(table, segments.identity())?;
        Self::start(segments, index, options, Box::new(clock), None)
    }

    fn start(
        segments: Arc<Segments>,
        index: Index,
        options: Options,
        clock: Box<dyn Clock>,
        prepare: Option<Sender<(Segment, u64)>>,
    ) -> Result<Self> {
        let checkpoint = index.checkpoint();
        let recovered = recover::recover(&segments, &index)?;
        let writer = Writer::new(&segments, &recovered, options.durability, prepare)?;
        let shared = Arc::new(Shared::new(segments, index, writer, clock, options.write_by));
        recover::check_checkpoint(&shared, checkpoint)?;
        let for_writer = Arc::clone(&shared);
        let writer = spawn("factlog-writer", move || turn::run(&for_writer))?;
        let for_indexer = Arc::clone(&shared);
        let indexer = spawn("factlog-index", move || for_indexer.index.run())?;
        let running = Running { writer, indexer, preparer: None, _lock: None };
        let (path, running) = (PathBuf::new(), Mutex::new(Some(running)));
        Ok(Self { shared, path, running, state: Mutex::default() })
    }

    /// The state that is kept beside the events, in `state/` of the store's directory. It is opened, or
    /// made, when it is first asked for, and closed with the store.
    ///
    /// # Errors
    /// `Closed`; `Unavailable` if the disk fails; `Corrupt`, naming the directory, if something that was
    /// durable can't be read.
    pub fn state(&self) -> Result<State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.open_tail()?;
        if let Some(state) = &*state {
            return Ok(state.clone());
        }
        let opened = State::open(&self.path.join("state"), self.shared.segments.identity())?;
        Ok(state.insert(opened).clone())
    }

    /// Counts what the store holds.
    ///
    /// # Errors
    /// `Closed`, or `Unavailable` if the directory can't be read.
    pub fn stat(&self) -> Result<Stat> {
        let tail = self.shared.open_tail()?;
        let disk_bytes = directory_bytes(&self.path)
            .map_err(|e| io_error(&format!("measuring {}", self.path.display()), e))?;
        Ok(Stat {
            events: tail.position.number(),
            streams: self.shared.index.streams(),
            segments: self.shared.segments.all().len() as u64,
            log_bytes: tail.address,
            disk_bytes,
        })
    }

    /// Reads everything, checks every checksum, every version and position, and holds the index
    /// against the log. `progress` is called with the bytes read and the bytes in all. Takes 16 bytes
    /// of memory a stream.
    ///
    /// # Errors
    /// `Corrupt`, naming segment, offset and position.
    pub fn verify(&self, progress: impl FnMut(u64, u64)) -> Result<Verified> {
        self.shared.open_tail()?;
        verify::verify(&self.shared, progress)
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    #[cfg(test)]
    pub(crate) fn flush_index(&self) -> Result<()> {
        self.shared.index.flush()
    }

    fn end(&self) -> Result<()> {
        self.shared.close();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return Ok(()) };
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        let state_closed = state.map_or(Ok(()), |state| state.close());
        let joined =
            [Some(running.writer), running.preparer].into_iter().flatten().map(JoinHandle::join);
        let panicked = joined.filter(Result::is_err).count() > 0;
        self.shared.index.close();
        if running.indexer.join().is_err() || panicked {
            return Err(Error::internal("a thread of the store panicked"));
        }
        let unindexed =
            self.shared.tail().position.number() - self.shared.index.checkpoint().position.number();
        if unindexed > UNINDEXED_AT_CLOSE_MAX {
            self.shared.index.flush()?;
        }
        match self.shared.stopped() {
            Some(why) => Err(Error::closed(why)),
            None => state_closed,
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // There is nobody to tell; what was answered is durable.
        let _ = self.end();
    }
}

fn prepare_directory(path: &Path, options: Options) -> Result<()> {
    let shown = path.display();
    let failed = |e: std::io::Error| io_error(&format!("opening the store in {shown}"), e);
    if path.exists() && !path.is_dir() {
        return Err(Error::invalid(format!("{shown} is not a directory")));
    }
    if !path.exists() && options.create {
        std::fs::create_dir_all(path).map_err(failed)?;
    }
    let names =
        if path.exists() { RealDisk::new(path).list().map_err(failed)? } else { Vec::new() };
    let ours = |name: &String| name.starts_with("segment-") || name == "LOCK";
    match (names.iter().any(ours), options.create) {
        (true, _) => Ok(()),
        (false, false) => Err(Error::not_found(format!("there is no store in {shown}"))),
        (false, true) if names.is_empty() => Ok(()),
        (false, true) => {
            let why = format!("{shown} is neither a store nor empty; no store is made in it");
            Err(Error::invalid(why))
        }
    }
}

/// Opens the index; one that can't be read is taken away, since all of it can be read from the log.
fn open_index(path: &Path, identity: u64) -> Result<Index> {
    let open = || Index::open(Box::new(LsmTable::open(path)?), identity);
    open().or_else(|_| {
        if path.exists() {
            std::fs::remove_dir_all(path)
                .map_err(|e| io_error(&format!("removing {}", path.display()), e))?;
        }
        open()
    })
}

fn prepare_segments(segments: &Segments, asked: &Receiver<(Segment, u64)>) {
    while let Ok((segment, used)) = asked.recv() {
        // A failure is met again, and told, when the writer needs the segment.
        let _ = segments.prepare(&segment, used);
    }
    segments.abandon();
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(work).map_err(|e| io_error(&format!("starting thread {name}"), e))
}

fn directory_bytes(path: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        // The index may take a file away at any time.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { directory_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

#[async_trait]
impl factlog::Store for Store {
    async fn append(&self, append: Append) -> Result<Appended> {
        append::append(&self.shared, append).await
    }

    fn read_stream(&self, request: ReadStream) -> EventStream {
        read::stream(&self.shared, request)
    }

    fn read_log(&self, request: ReadLog) -> EventStream {
        read::log(&self.shared, request)
    }

    async fn list_streams(&self, list: ListStreams) -> Result<StreamPage> {
        list.validate()?;
        let tail = self.shared.open_tail()?;
        let mut range = (Position::FIRST, tail.position);
        if let Some(token) = &list.after {
            let foreign = |_| Error::invalid("a page token is not of this store");
            let end = Position::new(token.as_str().parse().map_err(foreign)?);
            match list.direction {
                Direction::Forward => range.0 = end.next(),
                Direction::Backward => range.1 = end.previous(),
            }
        }
        let (category, max) = (list.category.as_deref(), list.limit + 1);
        let index = &self.shared.index;
        let mut found = index.created(category, range, list.created, list.direction, max)?;
        let more = found.len() == max;
        found.truncate(list.limit);
        let next = found.last().filter(|_| more).map(|last| last.position.to_string());
        let streams = found.into_iter().map(|created| {
            let head = index.head(&created.stream)?.unwrap_or_default();
            Ok(StreamInfo::new(created.stream, created.recorded, Some(head.version)))
        });
        Ok(StreamPage::new(streams.collect::<Result<_>>()?, next.map(PageToken::new)))
    }

    async fn stream_head(&self, stream: &StreamName) -> Result<Version> {
        self.shared.open_tail()?;
        Ok(self.shared.index.head(stream)?.unwrap_or_default().version)
    }

    async fn head(&self) -> Result<Position> {
        Ok(self.shared.open_tail()?.position)
    }

    async fn wait_past(&self, position: Position) -> Result<Position> {
        loop {
            let grown = self.shared.grown.listen();
            let head = self.shared.open_tail()?.position;
            if head > position {
                return Ok(head);
            }
            grown.await;
        }
    }

    /// Blocks the thread until the writer is done and the index is written, at most about a second.
    async fn close(&self) -> Result<()> {
        self.end()
    }
}
