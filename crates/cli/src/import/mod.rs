//! `factlog import`: lines in, each event once, in order.
//!
//! ```text
//!   file ─> lines ─> parsed on a thread of its own ─> batch ─┬─> lane: accounted for ─> run ─> append
//!                                                            └─> lane: …
//! ```
//!
//! Lines of one stream that follow one another are a *run*, and a run is one append at the version that
//! the import knows. Many appends are under way at once, and after an interruption each stream has a beginning of its
//! lines, which the next run of the import finds there (see `account`).
//!
//! A store that decides appends in the order in which they come takes them all from one lane, and makes them durable
//! together. Another one (DynamoDB) gets them from several lanes: each stream has its own, which makes one append at
//! a time, so that an append never meets the one before it.

mod account;
mod source;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use factlog::{Append, Error, ErrorKind, Event, Expected, Store, Version};
use futures::future::{BoxFuture, join_all};
use futures::stream::{FuturesOrdered, StreamExt};
use indicatif::ProgressBar;

use crate::args::{ImportArgs, OnError};
use crate::backend::Backend;
use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::jsonl::Line;
use crate::output::{self, Output};
use account::{Account, Accounted};
use source::{Numbered, Source};

/// Events of a run, at most; and their bytes, but for the last event.
const RUN_EVENTS: usize = 1_000;
const RUN_BYTES: usize = 1 << 20;

/// Lines that are shared out among the lanes at once, and their bytes, but for the last one.
const BATCH_LINES: usize = 1_000;
const BATCH_BYTES: usize = 4 << 20;

/// Lanes to a store that does not decide appends in the order in which they come.
const LANES: usize = 16;

/// Appends of the one lane that are under way at once, and their bytes, but for the last one.
const UNDER_WAY: usize = 512;
const UNDER_WAY_BYTES: usize = 2 << 20;

/// Times in a row that others may be faster in the same streams.
const CONFLICTS_MAX: usize = 100;

/// Refuses what can't be imported before a store is made.
pub(crate) fn check(args: &ImportArgs) -> Result<(), Failure> {
    if args.file.as_os_str() != "-" {
        drop(std::fs::File::open(&args.file).map_err(|e| {
            let message = format!("opening {} failed: {e}", args.file.display());
            Error::new(ErrorKind::NotFound, message).with_source(e)
        })?);
    }
    Ok(())
}

pub(crate) async fn run(
    backend: &Backend,
    args: &ImportArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let started = Instant::now();
    let mut source = Source::open(&args.file)?;
    let bar = output::progress(source.bytes(), true);
    let (lanes, under_way) = if backend.appends_in_order() { (1, UNDER_WAY) } else { (LANES, 1) };
    let lane = || Lane::new(backend.store(), under_way);
    let mut import =
        Import { lanes: std::iter::repeat_with(lane).take(lanes).collect(), lines: 0, bad: 0 };
    let interrupted = interrupted()?;
    let outcome = import.take_all(&mut source, args.on_error, &bar, &interrupted).await;
    bar.finish_and_clear();
    let sum = |count: fn(&Lane) -> u64| import.lanes.iter().map(count).sum::<u64>().to_string();
    let seconds = started.elapsed().as_secs_f64();
    output.object([
        ("lines", import.lines.to_string()),
        ("written", sum(|lane| lane.written)),
        ("already there", sum(|lane| lane.already_there)),
        ("bad", import.bad.to_string()),
        ("streams", sum(|lane| lane.account.streams() as u64)),
        ("seconds", format!("{seconds:.2}")),
    ])?;
    output.flush()?;
    outcome
}

struct Import {
    lanes: Vec<Lane>,
    /// Lines read, and those of them that can't be taken.
    lines: u64,
    bad: u64,
}

/// The way of some streams' lines into the store.
struct Lane {
    store: Arc<dyn Store>,
    account: Account,
    /// The lines that the next append takes.
    run: Run,
    /// Appends in the order of their lines, and how many there may be.
    under_way: FuturesOrdered<BoxFuture<'static, (Run, Result<(), Error>)>>,
    under_way_max: usize,
    bytes_under_way: usize,
    /// Conflicts since the last append that succeeded.
    conflicts: usize,
    written: u64,
    already_there: u64,
}

/// Lines of one stream that follow one another, and their events.
#[derive(Default)]
struct Run {
    lines: Vec<Line>,
    events: Vec<Event>,
    /// Where the stream is before them.
    before: Version,
    bytes: usize,
}

impl Import {
    async fn take_all(
        &mut self,
        source: &mut Source,
        on_error: OnError,
        bar: &ProgressBar,
        interrupted: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut batch = Batch::new(self.lanes.len());
        while let Some(numbered) = source.next().await {
            let Numbered { number, line, bytes_read } = numbered?;
            self.lines += 1;
            match line {
                Ok(line) => batch.add(line),
                Err(reason) => {
                    self.bad += 1;
                    if on_error == OnError::Stop {
                        self.take(&mut batch).await?;
                        self.settle().await?;
                        return Err(Error::invalid(format!("line {number}: {reason}")).into());
                    }
                    bar.suspend(|| anstream::eprintln!("line {number}: {reason}"));
                }
            }
            if batch.is_full() {
                self.take(&mut batch).await?;
                bar.set_position(bytes_read);
            }
            if interrupted.load(Ordering::Relaxed) {
                self.take(&mut batch).await?;
                self.settle().await?;
                if std::io::stderr().is_terminal() {
                    anstream::eprintln!("interrupted behind line {number}; run it again to go on");
                }
                return Err(Failure::Interrupted);
            }
        }
        self.take(&mut batch).await?;
        self.settle().await
    }

    /// Each lane takes its lines of the batch. One that fails does not break off the others.
    async fn take(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let lanes = self.lanes.iter_mut().zip(batch.drain());
        join_all(lanes.map(|(lane, lines)| lane.take_all(lines))).await.into_iter().collect()
    }

    /// Waits until all lines taken are in the store.
    async fn settle(&mut self) -> Result<(), Failure> {
        join_all(self.lanes.iter_mut().map(Lane::settle)).await.into_iter().collect()
    }
}

/// Lines by lane, each lane's in their order.
struct Batch {
    lanes: Vec<Vec<Line>>,
    lines: usize,
    bytes: usize,
}

impl Batch {
    fn new(lanes: usize) -> Self {
        Self { lanes: vec![Vec::new(); lanes], lines: 0, bytes: 0 }
    }

    fn add(&mut self, line: Line) {
        let mut hasher = DefaultHasher::new();
        line.stream.hash(&mut hasher);
        let lane = hasher.finish() % self.lanes.len() as u64;
        self.lines += 1;
        self.bytes += line.data.len() + line.metadata.len();
        self.lanes[usize::try_from(lane).unwrap_or_default()].push(line);
    }

    fn is_full(&self) -> bool {
        self.lines >= BATCH_LINES || self.bytes >= BATCH_BYTES
    }

    fn drain(&mut self) -> Vec<Vec<Line>> {
        let empty = Self::new(self.lanes.len());
        std::mem::replace(self, empty).lanes
    }
}

impl Lane {
    fn new(store: Arc<dyn Store>, under_way_max: usize) -> Self {
        Self {
            store,
            account: Account::default(),
            run: Run::default(),
            under_way: FuturesOrdered::new(),
            under_way_max,
            bytes_under_way: 0,
            conflicts: 0,
            written: 0,
            already_there: 0,
        }
    }

    async fn take_all(&mut self, lines: Vec<Line>) -> Result<(), Failure> {
        for line in lines {
            self.take(line).await?;
        }
        Ok(())
    }

    /// Takes a line into the run, unless its event is there already.
    async fn take(&mut self, line: Line) -> Result<(), Failure> {
        let there = match self.account.find(&*self.store, &line).await? {
            Accounted::There => true,
            Accounted::New => false,
            Accounted::Unsure => {
                self.settle().await?;
                let id = line.id.unwrap_or_default();
                account::contains(&*self.store, &line.stream, id).await?
            }
        };
        if there {
            self.already_there += 1;
            return Ok(());
        }
        let full = self.run.lines.len() >= RUN_EVENTS || self.run.bytes >= RUN_BYTES;
        if full || self.run.lines.last().is_some_and(|last| last.stream != line.stream) {
            self.send();
        }
        while self.under_way.len() >= self.under_way_max || self.bytes_under_way >= UNDER_WAY_BYTES
        {
            self.finish_one().await?;
        }
        let (event, before) = self.account.add(&line);
        if self.run.lines.is_empty() {
            self.run.before = before;
        }
        self.run.bytes += event.size() + line.stream.as_str().len();
        self.run.events.push(event);
        self.run.lines.push(line);
        Ok(())
    }

    /// Puts the run under way.
    fn send(&mut self) {
        let mut run = std::mem::take(&mut self.run);
        let Some(stream) = run.lines.first().map(|line| line.stream.clone()) else { return };
        let events = std::mem::take(&mut run.events);
        let append = Append::to(stream, Expected::Exact(run.before), events);
        self.bytes_under_way += run.bytes;
        let store = Arc::clone(&self.store);
        self.under_way.push_back(Box::pin(async move {
            let appended = store.append(append).await;
            (run, appended.map(drop))
        }));
    }

    /// Waits for the first of the appends that are under way.
    async fn finish_one(&mut self) -> Result<(), Failure> {
        let Some((run, appended)) = self.under_way.next().await else { return Ok(()) };
        self.bytes_under_way -= run.bytes;
        match appended {
            Ok(()) => {
                self.written += run.lines.len() as u64;
                self.conflicts = 0;
                Ok(())
            }
            Err(error) => self.append_again(run, error).await,
        }
    }

    /// Waits until all lines taken are in the store.
    async fn settle(&mut self) -> Result<(), Failure> {
        self.send();
        while !self.under_way.is_empty() {
            self.finish_one().await?;
        }
        Ok(())
    }

    /// After a conflict: somebody else has written to the stream. All that is under way comes to its end
    /// first; then the lines that were refused are accounted for again.
    async fn append_again(&mut self, run: Run, error: Error) -> Result<(), Failure> {
        let mut refused = vec![(run, error)];
        self.send();
        while let Some((run, appended)) = self.under_way.next().await {
            self.bytes_under_way -= run.bytes;
            match appended {
                Ok(()) => self.written += run.lines.len() as u64,
                Err(error) => refused.push((run, error)),
            }
        }
        self.conflicts += 1;
        for (run, error) in refused.iter().rev() {
            match error.kind() {
                ErrorKind::Conflict { stream, actual } if self.conflicts <= CONFLICTS_MAX => {
                    self.account.conflict(stream, run.before, *actual);
                }
                _ => {
                    let again = Error::new(error.kind().clone(), error.to_string());
                    return Err(again.into());
                }
            }
        }
        for line in refused.into_iter().flat_map(|(run, _)| run.lines) {
            Box::pin(self.take(line)).await?;
        }
        Ok(())
    }
}

/// A flag that is set when the process is asked to end; asked again, it ends at once.
fn interrupted() -> Result<Arc<AtomicBool>, Failure> {
    let mut interrupt = Interrupt::new()?;
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    tokio::spawn(async move {
        interrupt.came().await;
        set.store(true, Ordering::Relaxed);
        interrupt.came().await;
        std::process::exit(130);
    });
    Ok(flag)
}
