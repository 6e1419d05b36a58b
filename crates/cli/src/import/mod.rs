//! `factlog import`: lines in, each event once, in order.
//!
//! ```text
//!   file ─> lines ─> parsed on a thread of its own ─> accounted for ─> run ─> append
//! ```
//!
//! Lines of one stream that follow one another are a *run*, and a run is one append at the version that
//! the import knows. Many appends are under way at once, in the order of their lines: the store
//! makes them durable together, and after an interruption each stream has a beginning of its lines, which the
//! next run of the import finds there (see `account`).

mod account;
mod source;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use factlog::{Append, Error, ErrorKind, Event, Expected, Store, Version};
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use indicatif::ProgressBar;

use crate::args::{ImportArgs, OnError};
use crate::backend::Backend;
use crate::exit::Failure;
use crate::jsonl::Line;
use crate::output::{self, Output};
use account::{Account, Accounted};
use source::{Numbered, Source};

/// Events of a run, at most; and their bytes, but for the last event.
const RUN_EVENTS: usize = 1_000;
const RUN_BYTES: usize = 1 << 20;

/// Appends that are under way at once, and their bytes, but for the last one.
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

/// What an import did.
#[derive(Debug, Default)]
struct Summary {
    lines: u64,
    written: u64,
    already_there: u64,
    bad: u64,
}

pub(crate) async fn run(
    backend: &Backend,
    args: &ImportArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let started = Instant::now();
    let mut source = Source::open(&args.file)?;
    let bar = output::progress(source.bytes(), true);
    let mut import = Import {
        store: backend.store(),
        account: Account::default(),
        run: Run::default(),
        under_way: FuturesOrdered::new(),
        bytes_under_way: 0,
        conflicts: 0,
        summary: Summary::default(),
    };
    let interrupted = interrupted();
    let outcome = import.take_all(&mut source, args.on_error, &bar, &interrupted).await;
    bar.finish_and_clear();
    let Summary { lines, written, already_there, bad } = import.summary;
    let seconds = started.elapsed().as_secs_f64();
    output.object([
        ("lines", lines.to_string()),
        ("written", written.to_string()),
        ("already there", already_there.to_string()),
        ("bad", bad.to_string()),
        ("streams", import.account.streams().to_string()),
        ("seconds", format!("{seconds:.2}")),
    ])?;
    output.flush()?;
    outcome
}

struct Import {
    store: Arc<dyn Store>,
    account: Account,
    /// The lines that the next append takes.
    run: Run,
    /// Appends in the order of their lines.
    under_way: FuturesOrdered<BoxFuture<'static, (Run, Result<(), Error>)>>,
    bytes_under_way: usize,
    /// Conflicts since the last append that succeeded.
    conflicts: usize,
    summary: Summary,
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
        while let Some(numbered) = source.next().await {
            let Numbered { number, line, bytes_read } = numbered?;
            self.summary.lines += 1;
            match line {
                Ok(line) => self.take(line).await?,
                Err(reason) => {
                    self.summary.bad += 1;
                    if on_error == OnError::Stop {
                        self.settle().await?;
                        return Err(Error::invalid(format!("line {number}: {reason}")).into());
                    }
                    bar.suspend(|| anstream::eprintln!("line {number}: {reason}"));
                }
            }
            if self.summary.lines.is_multiple_of(1_000) {
                bar.set_position(bytes_read);
            }
            if interrupted.load(Ordering::Relaxed) {
                self.settle().await?;
                if std::io::stderr().is_terminal() {
                    anstream::eprintln!("interrupted behind line {number}; run it again to go on");
                }
                return Err(Failure::Interrupted);
            }
        }
        self.settle().await
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
            self.summary.already_there += 1;
            return Ok(());
        }
        let full = self.run.lines.len() >= RUN_EVENTS || self.run.bytes >= RUN_BYTES;
        if full || self.run.lines.last().is_some_and(|last| last.stream != line.stream) {
            self.send();
        }
        while self.under_way.len() >= UNDER_WAY || self.bytes_under_way >= UNDER_WAY_BYTES {
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
                self.summary.written += run.lines.len() as u64;
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
                Ok(()) => self.summary.written += run.lines.len() as u64,
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

/// A flag that the first Ctrl-C sets; the second one ends the process as usual.
fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            set.store(true, Ordering::Relaxed);
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        }
    });
    flag
}
