//! Where appends gather on their way to the log: first come first served, and bounded.
//!
//! ```text
//!   append ──┐                          taken by the writer
//!   append ──┼──> decided, placed ──> next group ──────────> group under way ──> readable
//!   append ──┘        (by its caller, one at a time)
//! ```
//!
//! An append is decided against all those before it, also those that are not yet durable. What it was
//! decided against is lost if a group can't be written: then everything behind it is refused as well.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::{Event, EventListener};
use factlog::{
    Append, Appended, Clock, Error, Expected, Position, Result, StreamAppend, Timestamp,
};

use crate::group::{Encoded, Failure, Fate, Group};
use crate::heads::Heads;
use crate::index::part::{Head, Landmark};
use crate::limits::{GROUP_APPENDS_MAX, GROUP_BYTES_MAX};
use crate::store::WriteBy;
use crate::turn::{Pace, Turn};

/// The group that gathers.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Whether the group need not wait for more appends, for those who do not hold `state`.
    pub(crate) complete: AtomicBool,
    /// Notified when there is something for the thread to do, and when the queue closes.
    pub(crate) called: Condvar,
    /// Notified when a group was taken away.
    pub(crate) taken: Event,
}

#[derive(Debug)]
pub(crate) struct State {
    clock: Box<dyn Clock>,
    pub(crate) heads: Heads,
    /// The last event that has a place, and when it was recorded.
    last: (Position, Timestamp),
    /// What the next write takes.
    pub(crate) group: Group,
    /// Whether an append waits because the group has no room for it.
    pub(crate) full: bool,
    /// The group that was taken, until it can be read.
    pub(crate) under_way: Option<Arc<Fate>>,
    pub(crate) write_by: WriteBy,
    pub(crate) turn: Turn,
    pub(crate) pace: Pace,
    /// How many appends the thread waits for; 0 while it is at work.
    pub(crate) wanted: usize,
    /// Whether the thread waits until it is called, and not only for a tick.
    pub(crate) rests: bool,
    /// Why no append is taken in any more.
    pub(crate) closed: Option<String>,
}

/// What the caller of an append has found out about it in the index.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Where its streams are, by the index, and what [`Heads::forgotten`] was before the index was asked.
    pub(crate) heads: Vec<Head>,
    pub(crate) since: u64,
    /// The heads of its streams at which its events were looked for and not found.
    pub(crate) not_there: Option<Vec<Head>>,
}

/// What becomes of an append, for now.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It has its place or is refused; that is the answer once this group is durable: the one that has
    /// it, or else the last of those that it was decided against.
    Answer(Result<Appended>, Option<Arc<Fate>>),
    /// It has its place in the group of this fate, and its caller is to write that, after so much
    /// time for others.
    Lead(Appended, Arc<Fate>, Duration),
    /// Its streams were not written lately: ask the index for their heads, and again with what it knows.
    Unknown { since: u64 },
    /// Its events may stand already: look for them; those of this group are yet to be readable.
    Repeated(Vec<Head>, Option<Arc<Fate>>),
    /// The group has no room for it: wait, and ask again.
    Wait(EventListener),
}

impl Queue {
    /// A queue for what comes after this event.
    pub(crate) fn after(end: Landmark, clock: Box<dyn Clock>, write_by: WriteBy) -> Self {
        let state = State {
            clock,
            heads: Heads::default(),
            last: (end.position, end.recorded),
            group: Group::default(),
            full: false,
            under_way: None,
            write_by,
            turn: Turn::default(),
            pace: Pace::default(),
            wanted: 0,
            rests: false,
            closed: None,
        };
        let (complete, called, taken) = Default::default();
        Self { state: Mutex::new(state), complete, called, taken }
    }

    /// Decides an append, and gives it its place if it is to be written.
    pub(crate) fn offer(&self, append: &Append, encoded: &Encoded, known: &Known) -> Decision {
        let mut state = self.lock();
        let heads = match state.decide(append, known) {
            Ok(heads) => heads,
            Err(decision) => return decision,
        };
        if !state.has_room(encoded) {
            state.full = true;
            // Before the group can be taken: a notification that comes earlier would be missed.
            let room = self.taken.listen();
            self.complete.store(true, Ordering::Release);
            self.call_thread(state);
            return Decision::Wait(room);
        }
        let (appended, fate) = state.place(append, encoded, heads);
        match self.see_to(state) {
            Some(patience) => Decision::Lead(appended, fate, patience),
            None => Decision::Answer(Ok(appended), Some(fate)),
        }
    }

    /// Refuses all that was placed behind this event, with the group that was taken. It is still the turn of whoever
    /// took it.
    pub(crate) fn refuse(&self, end: Landmark, failure: &Failure) {
        let mut state = self.lock();
        let group = std::mem::take(&mut state.group);
        let under_way = state.under_way.take();
        state.full = false;
        state.heads.clear();
        state.last = (end.position, end.recorded);
        drop(state);
        for fate in under_way.into_iter().chain([group.fate]) {
            fate.decide(Err(failure.clone()));
        }
        self.taken.notify(usize::MAX);
    }

    /// Takes no more appends in, for this reason; what waits is still done. The first reason stays.
    pub(crate) fn close(&self, why: &str) {
        let mut state = self.lock();
        state.closed.get_or_insert_with(|| why.to_owned());
        self.complete.store(true, Ordering::Release);
        self.call_thread(state);
        self.taken.notify(usize::MAX);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The heads of the append's streams, if it is to be written; else what is to be done.
    fn decide(&self, append: &Append, known: &Known) -> Result<Vec<Head>, Decision> {
        if let Some(why) = &self.closed {
            return Err(Decision::Answer(Err(Error::closed(why.clone())), None));
        }
        let since = self.heads.forgotten();
        let from_index = known.heads.iter().copied().filter(|_| known.since == since);
        let mut from_index = from_index.map(Some).chain(std::iter::repeat(None));
        let mut heads = Vec::with_capacity(append.streams().len());
        for part in append.streams() {
            let from_index = from_index.next().flatten();
            let head = self.heads.find(&part.stream).or(from_index);
            heads.push(head.ok_or(Decision::Unknown { since })?);
        }
        let parts = || append.streams().iter().zip(&heads);
        if parts().all(|(part, head)| may_stand(part, *head))
            && known.not_there.as_ref() != Some(&heads)
        {
            return Err(Decision::Repeated(heads, self.pending()));
        }
        match parts().find(|(part, head)| !part.expected.holds_at(head.version)) {
            None => Ok(heads),
            Some((part, head)) => {
                let conflict = Error::conflict(part.stream.clone(), part.expected, head.version);
                Err(Decision::Answer(Err(conflict), self.pending()))
            }
        }
    }

    /// The last group that can't be read yet.
    fn pending(&self) -> Option<Arc<Fate>> {
        let gathers = (self.group.appends > 0).then_some(&self.group.fate);
        gathers.or(self.under_way.as_ref()).cloned()
    }

    fn has_room(&self, encoded: &Encoded) -> bool {
        let bytes = self.group.bytes.len() + encoded.bytes();
        self.group.appends == 0
            || bytes <= GROUP_BYTES_MAX && self.group.appends < GROUP_APPENDS_MAX
    }

    fn place(
        &mut self,
        append: &Append,
        encoded: &Encoded,
        mut heads: Vec<Head>,
    ) -> (Appended, Arc<Fate>) {
        if self.group.appends == 0 {
            // One time for the whole group, never before the last one.
            self.last.1 = self.last.1.max(self.clock.now());
            self.group.recorded = self.last.1;
        }
        self.group.place(append, encoded, self.last.0.next(), &mut heads);
        self.last.0 = self.group.last;
        let mut versions = Vec::with_capacity(heads.len());
        for (part, head) in append.streams().iter().zip(heads) {
            if !part.events.is_empty() {
                self.heads.set(&part.stream, head);
                versions.push((part.stream.clone(), head.version));
            }
        }
        let appended = Appended::new(versions, Some(self.last.0), self.last.1);
        (appended, Arc::clone(&self.group.fate))
    }
}

/// The version of the last event of the part, if it already stands.
pub(crate) fn last_version(part: &StreamAppend, head: Head) -> factlog::Version {
    match part.expected.version() {
        Some(before) => before.plus(part.events.len() as u64),
        None => head.version,
    }
}

/// Whether the events of the part may already stand where it would have put them, by what its
/// stream's head tells. A part that only checks says nothing against it.
fn may_stand(part: &StreamAppend, head: Head) -> bool {
    let count = part.events.len();
    if count == 0 {
        return true;
    }
    let after = || Head::after(head.version, part.events.iter().map(|event| event.id));
    let is_last_commit = head.commit_events as usize == count;
    let ends_at_head = last_version(part, head) == head.version;
    match part.expected {
        Expected::Any | Expected::StreamExists => is_last_commit && head == after(),
        Expected::NoStream | Expected::Exact(_) => {
            last_version(part, head) <= head.version
                && !(ends_at_head && is_last_commit && head != after())
        }
    }
}

#[cfg(test)]
mod tests {
    use factlog::{Event as NewEvent, EventId, StreamName, SystemClock, Version};
    use futures::FutureExt as _;

    use super::*;

    fn queue() -> Queue {
        Queue::after(Landmark::default(), Box::new(SystemClock), WriteBy::Thread)
    }

    fn take(queue: &Queue) -> Group {
        queue.take().expect("a group")
    }

    fn append(stream: &str, expected: Expected, id: u128, bytes: usize) -> Append {
        let event =
            NewEvent::new(EventId::from_u128(id), "Measured".parse().unwrap(), vec![7; bytes]);
        Append::to(StreamName::new(stream).unwrap(), expected, vec![event])
    }

    /// Offers an append to one stream, which the index says is new.
    fn offer(queue: &Queue, append: &Append) -> Decision {
        let known = Known { heads: vec![Head::default()], ..Known::default() };
        queue.offer(append, &Encoded::new(append), &known)
    }

    fn placed(queue: &Queue, append: &Append) -> (Appended, Arc<Fate>) {
        match offer(queue, append) {
            Decision::Answer(Ok(appended), Some(fate)) => (appended, fate),
            other => panic!("it is placed, not {other:?}"),
        }
    }

    #[test]
    fn a_conflict_is_answered_after_what_it_conflicts_with() {
        let queue = queue();
        let (_, fate) = placed(&queue, &append("a", Expected::NoStream, 1, 9));
        let conflict = || match offer(&queue, &append("a", Expected::NoStream, 2, 9)) {
            Decision::Answer(Err(_), pending) => pending,
            other => panic!("it is a conflict, not {other:?}"),
        };
        assert!(conflict().is_some_and(|pending| Arc::ptr_eq(&pending, &fate)));
        take(&queue);
        assert!(conflict().is_some_and(|pending| Arc::ptr_eq(&pending, &fate)));
        queue.done(1, Duration::ZERO);
        assert!(conflict().is_none(), "what it conflicts with is durable");
    }

    #[test]
    fn a_repeat_of_what_is_not_readable_waits_for_it() {
        let queue = queue();
        let first = append("a", Expected::NoStream, 1, 9);
        let (_, fate) = placed(&queue, &first);
        take(&queue);
        let Decision::Repeated(_, Some(pending)) = offer(&queue, &first) else {
            panic!("its events may stand")
        };
        assert!(Arc::ptr_eq(&pending, &fate) && fate.wait().now_or_never().is_none());
    }

    #[test]
    fn what_was_decided_against_a_refused_group_is_refused_with_it() {
        let queue = queue();
        let (_, first) = placed(&queue, &append("a", Expected::NoStream, 1, 9));
        take(&queue);
        let then = append("a", Expected::Exact(Version::FIRST), 2, 9);
        let (_, second) = placed(&queue, &then);
        queue.refuse(Landmark::default(), &Failure::refused(&Error::unavailable("disk full")));
        for fate in [first, second] {
            let error = fate.wait().now_or_never().expect("it is decided").unwrap_err();
            assert!(error.is_retryable() && !error.may_have_happened(), "{error}");
        }
        let known = Known { heads: vec![Head::default()], since: 1, ..Known::default() };
        let Decision::Answer(Err(conflict), None) =
            queue.offer(&then, &Encoded::new(&then), &known)
        else {
            panic!("the stream is where the index says")
        };
        assert!(conflict.to_string().contains("at version 0"), "{conflict}");
    }

    #[test]
    fn what_the_index_said_before_heads_were_forgotten_is_not_believed() {
        let queue = queue();
        queue.refuse(Landmark::default(), &Failure::refused(&Error::unavailable("disk full")));
        let Decision::Unknown { since: 1 } = offer(&queue, &append("a", Expected::Any, 1, 9))
        else {
            panic!("the index has to be asked again")
        };
    }

    #[test]
    fn an_append_waits_while_the_group_has_no_room_for_it() {
        let queue = queue();
        let half = GROUP_BYTES_MAX / 2;
        placed(&queue, &append("a", Expected::Any, 1, half));
        let Decision::Wait(room) = offer(&queue, &append("b", Expected::Any, 2, half)) else {
            panic!("there is no room for both")
        };
        let mut room = room.fuse();
        assert!((&mut room).now_or_never().is_none());
        assert_eq!(take(&queue).appends, 1);
        assert!((&mut room).now_or_never().is_some());
    }
}
