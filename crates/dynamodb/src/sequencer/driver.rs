//! Drives the state machine: does what it asks for, and waits where there is nothing to do.

use std::convert::Infallible;
use std::time::Duration;

use factlog::Result;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::io::Io;
use super::machine::{Machine, Step};
use super::progress::Progress;
use crate::commit::PieceHead;
use crate::limits::{PAGE_ENTRIES_MAX, REQUESTS_AT_ONCE, STEPS_A_LEASE};

/// How a sequencer works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Milliseconds between two looks at the stream while nothing happens.
    pub(crate) poll_ms: u64,
    /// Most milliseconds before it tries again what has failed.
    pub(crate) retry_ms_max: u64,
    /// Most entries of a page of the log, unless a single commit has more.
    pub(crate) page_entries_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { poll_ms: 250, retry_ms_max: 10_000, page_entries_max: PAGE_ENTRIES_MAX }
    }
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// More of it.
    More,
    /// Nothing, for now.
    Done,
    /// Nothing as long as another has the lease.
    Elsewhere,
}

/// A sequencer. Every future that it returns may be dropped at any time: nothing is lost and nothing is placed twice.
#[derive(Debug)]
pub(crate) struct Sequencer<I> {
    io: I,
    options: Options,
    machine: Machine,
}

impl Options {
    /// The same, with this between two looks.
    pub(crate) fn with_poll(mut self, poll: Duration) -> Self {
        self.poll_ms = u64::try_from(poll.as_millis()).unwrap_or(u64::MAX);
        self
    }
}

impl<I: Io> Sequencer<I> {
    pub(crate) fn new(io: I, options: Options) -> Self {
        let machine = Machine::new(options.page_entries_max);
        Self { io, options, machine }
    }

    /// What it has done so far.
    pub(crate) fn progress(&self) -> Progress {
        self.machine.progress()
    }

    /// Places all that comes, until the future is dropped. After some steps it tells what it has done so
    /// far, or `None` while another has the lease, or what has failed and will be tried again.
    ///
    /// # Errors
    /// Whatever waiting does not help against.
    pub(crate) async fn run(
        &mut self,
        mut looked: impl FnMut(Result<Option<Progress>>) + Send,
    ) -> Result<Infallible> {
        let mut retry_ms = self.options.poll_ms;
        loop {
            match self.work().await {
                Ok(work) => {
                    retry_ms = self.options.poll_ms;
                    looked(Ok((work != Work::Elsewhere).then(|| self.progress())));
                    if work != Work::More {
                        self.io.pause(self.options.poll_ms).await;
                    }
                }
                Err(error) if error.is_retryable() => {
                    looked(Err(error));
                    self.io.pause(retry_ms).await;
                    retry_ms = (retry_ms * 2).min(self.options.retry_ms_max);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Does some steps, if it has the lease.
    async fn work(&mut self) -> Result<Work> {
        if !self.io.lease().await? {
            return Ok(Work::Elsewhere);
        }
        for _ in 0..STEPS_A_LEASE {
            if self.step().await? {
                return Ok(Work::Done);
            }
        }
        Ok(Work::More)
    }

    /// Places all that is there now.
    ///
    /// # Errors
    /// Those of the tables and of the stream; calling it again goes on.
    pub(crate) async fn catch_up(&mut self) -> Result<()> {
        while !self.step().await? {}
        Ok(())
    }

    /// Scans the whole events table for what has no place, whatever was said of it before, and places it.
    ///
    /// # Errors
    /// Those of the tables and of the stream; calling it again begins anew.
    pub(crate) async fn rescan(&mut self) -> Result<()> {
        self.machine.distrust();
        self.catch_up().await
    }

    /// Places these pieces, which somebody else has read from the stream, and all that has to come before them.
    ///
    /// # Errors
    /// Those of the tables: offer them again.
    pub(crate) async fn place(&mut self, pieces: Vec<PieceHead>) -> Result<()> {
        self.machine.offer(pieces)?;
        while !self.machine.is_settled() {
            self.step().await?;
        }
        Ok(())
    }

    /// Does what the machine asks for; true if that is to wait.
    async fn step(&mut self) -> Result<bool> {
        let (io, machine) = (&self.io, &mut self.machine);
        match machine.next(io.now())? {
            Step::Open => {
                let heartbeat = io.heartbeat().await?;
                let tail = io.tail().await?;
                machine.opened(heartbeat, tail.as_ref());
            }
            Step::Describe => machine.described(io.shards().await?),
            Step::ReadRecords(wanted) => {
                let read = |(shard, after): (_, Option<_>)| async move {
                    let records = io.records(&shard, after.as_ref()).await;
                    records.map(|records| (shard, records))
                };
                let mut answers = stream::iter(wanted).map(read).buffer_unordered(REQUESTS_AT_ONCE);
                // A shard that can't be read does not keep the others back.
                let mut failed = None;
                while let Some(answer) = answers.next().await {
                    match answer {
                        Ok((shard, records)) => machine.records(&shard, records)?,
                        Err(error) => failed = Some(error),
                    }
                }
                return failed.map_or(Ok(false), Err);
            }
            Step::Scan(after) => machine.scanned(io.scan(after.as_ref()).await?)?,
            Step::ReadWatermarks(streams) => {
                let marks = io.watermarks(&streams).await?;
                machine.watermarks(&streams, &marks);
            }
            Step::ReadPieces(spans) => {
                let read = |span| async move {
                    let pieces = io.pieces(&span).await;
                    pieces.map(|pieces| (span, pieces))
                };
                let mut answers = stream::iter(spans).map(read).buffer_unordered(REQUESTS_AT_ONCE);
                while let Some((span, pieces)) = answers.try_next().await? {
                    machine.pieces(&span, pieces)?;
                }
            }
            Step::ReadPages(first) => machine.pages(&io.pages(first).await?)?,
            Step::WritePage(page) => machine.wrote(io.put(&page).await?),
            Step::Flush(marks) => {
                let advance = |(stream, next)| async move { io.advance(&stream, next).await };
                let writes = stream::iter(marks).map(advance);
                writes.buffer_unordered(REQUESTS_AT_ONCE).try_collect::<()>().await?;
                machine.flushed();
            }
            Step::Beat(heartbeat) => {
                io.beat(&heartbeat).await?;
                machine.beaten();
            }
            Step::Wait => return Ok(true),
        }
        Ok(false)
    }
}
