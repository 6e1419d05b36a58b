//! `factlog import`: lines in, each event once, in order.
//!
//! ```text
//!   file ─> lines ─> parsed on a thread of its own ─> accounted for ─> batch ─> one append
//! ```
//!
//! A batch is one append over many streams, each at the version that the import knows. So a
//! batch is there whole or not at all, and the run after an interruption finds in each stream
//! a beginning of its lines (see `account`).

mod account;
mod source;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use factlog::{Append, Error, ErrorKind, Store};
use indicatif::ProgressBar;

use crate::args::{ImportArgs, OnError};
use crate::backend::Backend;
use crate::exit::Failure;
use crate::jsonl::Line;
use crate::output::{self, Output};
use account::{Account, Accounted};
use source::{Numbered, Source};

/// Events of one append, at most; and their bytes, but for the last event.
const BATCH_EVENTS: usize = 1_000;
const BATCH_BYTES: usize = 1 << 20;

/// Times that a batch is put together anew because others write to its streams.
const CONFLICTS_MAX: usize = 10;

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
        batch: Batch::default(),
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
    batch: Batch,
    summary: Summary,
}

/// Lines that are to be appended at once.
#[derive(Default)]
struct Batch {
    lines: Vec<Line>,
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
                        self.write().await?;
                        return Err(Error::invalid(format!("line {number}: {reason}")).into());
                    }
                    bar.suspend(|| anstream::eprintln!("line {number}: {reason}"));
                }
            }
            if self.summary.lines.is_multiple_of(1_000) {
                bar.set_position(bytes_read);
            }
            if interrupted.load(Ordering::Relaxed) {
                self.write().await?;
                if std::io::stderr().is_terminal() {
                    anstream::eprintln!("interrupted behind line {number}; run it again to go on");
                }
                return Err(Failure::Interrupted);
            }
        }
        self.write().await
    }

    /// Takes a line into the batch, unless its event is there already.
    async fn take(&mut self, line: Line) -> Result<(), Failure> {
        let bytes = line.data.len() + line.metadata.len() + line.stream.as_str().len() + 64;
        let full = self.batch.lines.len() >= BATCH_EVENTS
            || self.batch.bytes + bytes > BATCH_BYTES
            || self.account.pending_streams() >= factlog::limits::APPEND_STREAMS_MAX;
        if full {
            self.write().await?;
        }
        match self.account.account(&*self.store, &line).await? {
            Accounted::There => self.summary.already_there += 1,
            Accounted::New => {
                self.batch.bytes += bytes;
                self.batch.lines.push(line);
            }
        }
        Ok(())
    }

    /// Appends the batch.
    async fn write(&mut self) -> Result<(), Failure> {
        for _ in 0..CONFLICTS_MAX {
            let lines = std::mem::take(&mut self.batch).lines;
            let Some(append) = self.account.append() else { return Ok(()) };
            match self.append(append).await {
                Ok(()) => {
                    self.summary.written += lines.len() as u64;
                    self.account.appended();
                    return Ok(());
                }
                Err(error) => {
                    let ErrorKind::Conflict { stream, actual } = error.kind() else {
                        return Err(error.into());
                    };
                    self.account.conflict(stream, *actual);
                }
            }
            for line in lines {
                match self.account.account(&*self.store, &line).await? {
                    Accounted::There => self.summary.already_there += 1,
                    Accounted::New => self.batch.lines.push(line),
                }
            }
        }
        Err(Error::unavailable("others write to the same streams too often; import again later")
            .into())
    }

    async fn append(&self, append: Append) -> Result<(), Error> {
        self.store.append(append).await.map(drop)
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
