//! A command over several streams: decided on all of their states, appended to all of them or none.
//!
//! ```text
//!   load all ──> decide ──events──> append all at the versions seen ──> done
//!                 ^  │                        │ conflict
//!                 │  └──none──┐               v
//!                 └── again, if anything is new: read on all ──nothing new──> answer
//! ```
//!
//! A stream that is named and not written is checked: what was decided on its state holds when the
//! others are written. A command on one stream is the same with one.
//!
//! An append proves that its decision was taken on the latest states. A rejection, or a decision to change
//! nothing, appends nothing; so it is answered only after a read has shown that all the states were the latest
//! at one moment while the command was executed.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::future::try_join_all;

use super::metrics::count;
use super::part::{DeciderPart, Part};
use super::{Decider, ExecuteError, Executed, Executor, Left, Origin};
use crate::{Append, Error, ErrorKind, Expected, Result, StreamName};

/// A command over several streams, each with its own decider.
///
/// ```
/// # use factlog::{StreamName, decider::{CommandId, Decider, ExecuteError, Executed, Executor, Transaction}};
/// # async fn example<A>(accounts: Executor<A>, id: CommandId, from: StreamName, to: StreamName, withdraw: A::Command, deposit: A::Command)
/// # -> Result<Executed, ExecuteError<A::Error>> where A: Decider {
/// let mut transfer = Transaction::new(id);
/// let from = transfer.stream(&accounts, from);
/// let to = transfer.stream(&accounts, to);
/// transfer
///     .execute(|streams| {
///         streams.decide(from, &withdraw)?;
///         streams.decide(to, &deposit)
///     })
///     .await
/// # }
/// ```
pub struct Transaction {
    origin: Origin,
    parts: Vec<Box<dyn Part>>,
}

impl Transaction {
    /// A transaction without a stream yet.
    #[must_use]
    pub fn new(origin: impl Into<Origin>) -> Self {
        Self { origin: origin.into(), parts: Vec::new() }
    }

    /// Names a stream to read, and perhaps to write. All executors must be of the same store; the
    /// first one's options hold for the whole.
    pub fn stream<D: Decider>(
        &mut self,
        executor: &Executor<D>,
        stream: StreamName,
    ) -> StreamOf<D> {
        self.parts.push(Box::new(DeciderPart::new(executor.clone(), stream)));
        StreamOf { index: self.parts.len() - 1, decider: PhantomData }
    }

    /// Loads the states, decides, appends; decides again if one of the streams has moved, a bounded
    /// number of times. What was decided before the closure says no is not appended.
    ///
    /// The command is known when it comes again as long as it is among the last
    /// [`commands_kept`](super::Options::commands_kept) commands of one of the streams that it wrote.
    ///
    /// # Errors
    /// `Rejected` by the closure, or `Failed`: `Invalid` without a stream, with one named twice, or with executors
    /// of several stores.
    pub async fn execute<E>(
        mut self,
        mut decide: impl FnMut(&mut Streams<'_>) -> Result<(), E>,
    ) -> Result<Executed, ExecuteError<E>> {
        self.check()?;
        count(&self.first().counters().executions);
        try_join_all(self.parts.iter_mut().map(|part| part.load())).await?;
        let mut attempt = 1;
        loop {
            if let Some(repeated) = self.repeated().await? {
                return Ok(repeated);
            }
            self.parts.iter_mut().for_each(|part| part.clear());
            let decided = decide(&mut Streams { parts: &mut self.parts });
            let append = if decided.is_ok() { self.prepare()? } else { None };
            let conflict = match &append {
                Some(append) => self.append(append).await?,
                None => self.moved().await?,
            };
            let Some(conflict) = conflict else { return self.answer(decided) };
            if attempt >= self.first().attempts_max() {
                count(&self.first().counters().given_up);
                return Err(given_up(attempt, conflict).into());
            }
            count(&self.first().counters().conflicts);
            attempt += 1;
            if append.is_some() {
                self.refresh().await?;
            }
        }
    }

    /// The part whose executor's options hold, once there is one.
    fn first(&self) -> &dyn Part {
        &*self.parts[0]
    }

    fn check(&self) -> Result<()> {
        let Some((first, others)) = self.parts.split_first() else {
            return Err(Error::invalid("a transaction names no stream"));
        };
        if others.iter().any(|part| !Arc::ptr_eq(part.store(), first.store())) {
            return Err(Error::invalid("the streams of a transaction are in several stores"));
        }
        for (index, part) in others.iter().enumerate() {
            if self.parts[..=index].iter().any(|earlier| earlier.stream() == part.stream()) {
                let stream = part.stream();
                return Err(Error::invalid(format!("a transaction names stream {stream} twice")));
            }
        }
        Ok(())
    }

    /// The answer to a command that was executed before.
    async fn repeated(&mut self) -> Result<Option<Executed>> {
        let command = self.origin.command;
        if self.parts.iter().all(|part| part.find(command).is_none()) {
            return Ok(None);
        }
        // Others may be states of a time before the command.
        try_join_all(
            self.parts.iter_mut().filter(|part| !part.is_read()).map(|part| part.refresh()),
        )
        .await?;
        let found = try_join_all(self.parts.iter().map(|part| part.search(command))).await?;
        let left = self.parts.iter().zip(found).filter_map(|(part, found)| {
            found.map(|(first, last)| Left { stream: part.stream().clone(), first, last })
        });
        count(&self.first().counters().repeats);
        Ok(Some(Executed { left: left.collect(), repeated: true }))
    }

    /// The append of what was decided; `None` if that is nothing.
    fn prepare(&mut self) -> Result<Option<Append>> {
        let encoded = self.parts.iter().map(|part| Ok((part.stream(), part.encode()?)));
        let encoded: Vec<_> = encoded.collect::<Result<_>>()?;
        if encoded.iter().all(|(_, events)| events.is_empty()) {
            return Ok(None);
        }
        let events = self.origin.events(&encoded)?;
        let mut append = Append::default();
        for (part, events) in self.parts.iter_mut().zip(events) {
            part.prepare(&events)?;
            append = append.and(part.stream().clone(), Expected::Exact(part.version()), events);
        }
        Ok(Some(append))
    }

    /// Sends the append until it is known what became of it. Answers the conflict, if that is it.
    async fn append(&self, append: &Append) -> Result<Option<Error>> {
        let first = self.first();
        let (mut sent, mut unknown) = (1, false);
        loop {
            let Err(error) = first.store().append(append.clone()).await else { return Ok(None) };
            if let ErrorKind::Conflict { .. } = error.kind() {
                return Ok(Some(error));
            }
            unknown |= error.may_have_happened();
            if !error.is_retryable() || sent >= first.attempts_max() {
                return Err(if unknown { error.and_may_have_happened() } else { error });
            }
            count(&first.counters().appends_repeated);
            first.pause(sent).await;
            sent += 1;
        }
    }

    /// Whether a decision that appends nothing was taken on states that were not the latest: the conflict
    /// that an append would have had. A single state that was just read is the latest; of several, each
    /// may have moved while the others were read.
    async fn moved(&mut self) -> Result<Option<Error>> {
        if let [only] = &*self.parts
            && only.is_read()
        {
            return Ok(None);
        }
        let before: Vec<_> = self.parts.iter().map(|part| part.version()).collect();
        let moved = self.refresh().await?.into_iter().position(|moved| moved);
        Ok(moved.map(|index| {
            let part = &self.parts[index];
            Error::conflict(part.stream().clone(), Expected::Exact(before[index]), part.version())
        }))
    }

    /// Reads all streams on; answers which of them have moved.
    async fn refresh(&mut self) -> Result<Vec<bool>> {
        try_join_all(self.parts.iter_mut().map(|part| part.refresh())).await
    }

    /// The answer to a decision that holds.
    fn answer<E>(&mut self, decided: Result<(), E>) -> Result<Executed, ExecuteError<E>> {
        if let Err(reason) = decided {
            count(&self.first().counters().rejections);
            return Err(ExecuteError::Rejected(reason));
        }
        let left = self.parts.iter_mut().filter_map(|part| {
            let first = part.version().next();
            let last = part.appended()?;
            Some(Left { stream: part.stream().clone(), first, last })
        });
        Ok(Executed { left: left.collect(), repeated: false })
    }
}

fn given_up(attempts: u32, conflict: Error) -> Error {
    let message = format!("a command was given up after {attempts} attempts: {conflict}");
    Error::new(conflict.kind().clone(), message).with_source(conflict)
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let streams: Vec<_> = self.parts.iter().map(|part| part.stream()).collect();
        f.debug_struct("Transaction")
            .field("origin", &self.origin)
            .field("streams", &streams)
            .finish()
    }
}

/// A stream of a transaction, whose decider is `D`.
pub struct StreamOf<D> {
    /// Its place among the streams of the transaction.
    index: usize,
    decider: PhantomData<fn() -> D>,
}

impl<D> Clone for StreamOf<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for StreamOf<D> {}

impl<D> fmt::Debug for StreamOf<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamOf").field(&self.index).finish()
    }
}

/// The streams of a transaction while it is decided: what is decided first is seen by what comes after it.
///
/// Its calls panic with a [`StreamOf`] of another transaction.
pub struct Streams<'a> {
    parts: &'a mut [Box<dyn Part>],
}

impl Streams<'_> {
    /// The state of a stream.
    #[must_use]
    pub fn state<D: Decider>(&self, stream: StreamOf<D>) -> &D::State {
        let part: &dyn Any = &*self.parts[stream.index];
        part.downcast_ref::<DeciderPart<D>>().expect(OF_THIS).state()
    }

    /// Has the stream's decider decide.
    ///
    /// # Errors
    /// As the decider.
    pub fn decide<D: Decider>(
        &mut self,
        stream: StreamOf<D>,
        command: &D::Command,
    ) -> Result<(), D::Error> {
        self.part(stream).decide(command)
    }

    /// Appends an event that the transaction itself decided on.
    pub fn append<D: Decider>(&mut self, stream: StreamOf<D>, event: D::Event) {
        self.part(stream).add(event);
    }

    fn part<D: Decider>(&mut self, stream: StreamOf<D>) -> &mut DeciderPart<D> {
        let part: &mut dyn Any = &mut *self.parts[stream.index];
        part.downcast_mut().expect(OF_THIS)
    }
}

const OF_THIS: &str = "a stream is used in the transaction that named it";

impl fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|part| part.stream())).finish()
    }
}
