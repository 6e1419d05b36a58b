//! The one thread that writes the state: group commit, as for the log.
//!
//! All writes that wait go into one write and one sync of the journal, then into the part in memory, where
//! readers see them, and are answered. A write whose conditions look at a key that the group changes
//! ends the group first, so that conditions are held against what is durable. What is written *each for
//! itself* is answered before its sync: it is durable with the next write that is.
//!
//! A write or a sync that fails ends the writing: nothing is known of the bytes since the last sync. Where
//! there is only no room, nothing is written, and there may be room later.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use factlog::state::{Condition, Key, Revision, Write, Written};
use factlog::{Error, Result};
use futures::channel::oneshot;

use super::Bounds;
use super::flush::Flusher;
use super::items::Items;
use super::journal::Journal;
use super::record::{self, Body, RECORD_BYTES};
use crate::limits::{GROUP_BYTES_MAX, STATE_UNFLUSHED_BYTES_MAX, UNSYNCED_BYTES_MAX};

type Answer = oneshot::Sender<Result<Written>>;

/// A write as its caller prepared it.
#[derive(Debug)]
pub(crate) struct Request {
    checks: Vec<(Key, Condition)>,
    body: Body,
    /// Whether it is answered after a sync.
    durable: bool,
    answer: Answer,
}

impl Request {
    /// All of the writes or nothing, durable when it is answered.
    pub(crate) fn together(writes: &[Write], answer: Answer) -> Self {
        let checks = writes.iter().filter(|write| write.condition != Condition::Any);
        let checks = checks.map(|write| (write.key.clone(), write.condition)).collect();
        Self { checks, body: Body::encode(writes), durable: true, answer }
    }

    /// Writes without conditions that can be done again.
    pub(crate) fn each(writes: &[Write], answer: Answer) -> Self {
        Self { checks: Vec::new(), body: Body::encode(writes), durable: false, answer }
    }
}

#[derive(Debug)]
pub(crate) struct Writer {
    items: Items,
    journal: Journal,
    flusher: Flusher,
    /// Files of the journal that are to be taken away.
    flushed: VecDeque<u64>,
    bounds: Bounds,
    /// Why nothing more is written, if a failure is the reason.
    stopped: Arc<OnceLock<String>>,
    group: Group,
}

/// What goes into one write.
#[derive(Debug, Default)]
struct Group {
    bytes: Vec<u8>,
    /// The numbers of its records, and where their changes stand in the bytes.
    records: Vec<(u64, Range<usize>)>,
    answers: Vec<Answer>,
    /// The keys that its first so many records change: nobody has asked about the others yet.
    keys: HashSet<Vec<u8>>,
    asked: usize,
    durable: bool,
}

impl Group {
    /// Whether it changes a key that is checked. A large write that comes alone is never asked.
    fn changes_any(&mut self, checks: &[(Key, Condition)]) -> bool {
        if checks.is_empty() {
            return false;
        }
        let unasked = self.records[self.asked..].iter();
        let changes = unasked.flat_map(|(_, body)| record::changes(&self.bytes[body.clone()]));
        self.keys.extend(changes.map(|(key, _)| key.to_vec()));
        self.asked = self.records.len();
        let encoded = |key: &Key| record::encode_key(key.partition(), key.sort());
        checks.iter().any(|(key, _)| self.keys.contains(&encoded(key)))
    }
}

impl Writer {
    pub(crate) fn new(
        items: Items,
        journal: Journal,
        flusher: Flusher,
        bounds: Bounds,
        stopped: Arc<OnceLock<String>>,
    ) -> Self {
        let (flushed, group) = (VecDeque::new(), Group::default());
        Self { items, journal, flusher, flushed, bounds, stopped, group }
    }

    /// Writes until nobody can ask any more, then leaves a clean end.
    pub(crate) fn run(mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            for request in std::iter::once(first).chain(requests.try_iter()) {
                self.take(request);
            }
            self.finish_group();
        }
        if self.stopped.get().is_none()
            && let Err(error) = self.end()
        {
            self.stop(&error);
        }
    }

    /// Takes a write into the group, or answers it.
    fn take(&mut self, request: Request) {
        let looks_at_group = self.group.changes_any(&request.checks);
        if looks_at_group || self.group.bytes.len() > GROUP_BYTES_MAX || !request.durable {
            self.finish_group();
        }
        match self.prepare(&request) {
            Ok(None) => self.place(request),
            Ok(Some(refused)) => send(request.answer, Ok(refused)),
            Err(error) => send(request.answer, Err(error)),
        }
    }

    /// Checks that a write can be done, and has room for it; answers what refuses it.
    fn prepare(&mut self, request: &Request) -> Result<Option<Written>> {
        if let Some(why) = self.stopped.get() {
            return Err(Error::closed(why.clone()));
        }
        for (key, condition) in &request.checks {
            let found = self.items.find(key)?;
            if !condition.holds_at(found.as_ref().map(|item| item.revision)) {
                return Ok(Some(Written::Refused { key: key.clone(), found }));
            }
        }
        if self.items.part_bytes() >= self.bounds.part_bytes {
            self.finish_group();
            self.flusher.wait(self.bounds.parts_waiting)?;
            self.seal_part()?;
        }
        self.journal.reserve(self.group.bytes.len() + request.body.bytes.len())?;
        Ok(None)
    }

    fn place(&mut self, mut request: Request) {
        let number = self.items.next_number();
        request.body.seal(number, self.journal.synced());
        let start = self.group.bytes.len() + RECORD_BYTES;
        if self.group.bytes.is_empty() {
            self.group.bytes = request.body.bytes;
        } else {
            self.group.bytes.extend_from_slice(&request.body.bytes);
        }
        self.group.records.push((number, start..self.group.bytes.len()));
        self.group.answers.push(request.answer);
        self.group.durable = request.durable;
        if !request.durable {
            self.finish_group();
        }
    }

    /// Writes the group, makes it durable and seen, and answers.
    fn finish_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        if group.bytes.is_empty() {
            return;
        }
        if let Err(error) = self.write(&group) {
            self.stop(&error);
            for answer in group.answers {
                let why = self.stopped.get().cloned().unwrap_or_default();
                send(answer, Err(Error::closed(why).and_may_have_happened()));
            }
            return;
        }
        for (number, body) in &group.records {
            self.items.apply(*number, &group.bytes[body.clone()]);
        }
        for (answer, (number, _)) in group.answers.into_iter().zip(group.records) {
            send(answer, Ok(Written::Done(Revision::new(number))));
        }
    }

    fn write(&mut self, group: &Group) -> Result<()> {
        self.journal.write(&group.bytes)?;
        if group.durable || self.journal.unsynced() > UNSYNCED_BYTES_MAX {
            self.journal.sync()?;
        }
        Ok(())
    }

    /// Seals the part in memory: it goes to disk, and the journal goes on in another file. All of the old
    /// one is synced first.
    fn seal_part(&mut self) -> Result<()> {
        if self.journal.unsynced() > 0 {
            self.journal.sync().inspect_err(|error| self.stop(error))?;
        }
        let next = self.journal.prepare(self.items.next_number())?;
        let full = self.journal.go_on(next).inspect_err(|error| self.stop(error))?;
        self.items.seal();
        self.flusher.hand_over(full);
        self.flusher.wait(self.bounds.parts_waiting)?;
        self.forget_flushed()
    }

    /// Takes away the files of the journal whose parts are on disk, in order.
    fn forget_flushed(&mut self) -> Result<()> {
        self.flushed.extend(self.flusher.flushed());
        while let Some(file) = self.flushed.front() {
            self.journal.remove(*file)?;
            self.flushed.pop_front();
        }
        Ok(())
    }

    /// Leaves little to read for the next opening, and proof that all of it is durable.
    fn end(&mut self) -> Result<()> {
        if self.items.part_bytes() > STATE_UNFLUSHED_BYTES_MAX {
            self.bounds.parts_waiting = 0;
            self.seal_part()?;
        }
        if self.journal.is_closed() {
            return Ok(());
        }
        self.journal.sync()?;
        let mut mark = Body::encode(&[]);
        mark.seal(self.items.next_number(), self.journal.synced());
        self.journal.reserve(mark.bytes.len())?;
        self.journal.write(&mark.bytes)?;
        self.journal.sync()
    }

    fn stop(&self, error: &Error) {
        // The first reason stays.
        let _ = self.stopped.set(format!(
            "the state takes no more writes since {error}; open the store again to see what is there"
        ));
    }
}

fn send(answer: Answer, written: Result<Written>) {
    // A caller that no longer waits does not want to know.
    let _ = answer.send(written);
}
