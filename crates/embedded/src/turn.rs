//! Whose turn it is to write the group that gathers: one of its callers, or the store's thread.
//!
//! ```text
//!              an append is placed                    its caller comes back
//!      free ──────────────────────────> led ──────────────────────────────────> taken
//!       │                                └── it does not come: the thread ───────^ │
//!       └── the disk is slow, or there is more to do than to write: the thread ───┘ │
//!       ^────────────────────── written, answered ──────────────────────────────────┘
//! ```
//!
//! For a caller to wake a thread and to be woken by it takes up to two thirds of the time of a durable write. So
//! the caller who places the first append of a group leads it: it steps aside, for the other tasks of its thread to
//! place theirs, and then writes the group itself. The tasks of its own thread are answered without any waking.
//!
//! After a group is answered its callers are likely to come back at once: as many appends are expected as
//! were just answered together with those that already wait, and they are given a moment, a fraction of
//! what a write takes. Without that, two half groups would take turns for ever.
//!
//! A leader blocks its thread for the time of a write. It does so only while writes are quick
//! ([`LED_WRITE_MAX`]) and nothing else is to be done: another segment, or an index that is behind, is for the
//! store's own thread. So are groups whose callers would not come back in time, and what was placed
//! while a group was written. Nothing depends on a leader: one that is dropped, or that nobody polls, loses its
//! turn to the thread after a [`TICK`] or two.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::group::{Failure, Fate, Group};
use crate::limits::LED_WRITE_MAX;
use crate::queue::{Queue, State};
use crate::shared::Shared;
use crate::store::WriteBy;

/// The share of the time of a write that callers are given to come back, and its bound.
const PATIENCE: u32 = 2;
const PATIENCE_MAX: Duration = Duration::from_micros(200);
/// How often the thread looks whether a leader came back, and after how many ticks without any group it
/// rests until it is called.
const TICK: Duration = Duration::from_millis(5);
const TICKS_MAX: u32 = 20;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Whoever comes first.
    #[default]
    Free,
    /// The caller of an append of the group that gathers has promised to write it.
    Led,
    /// A group is under way.
    Taken,
}

/// What is known of the groups that were written.
#[derive(Debug)]
pub(crate) struct Pace {
    /// How many there were.
    groups: u64,
    /// How many appends the next one is likely to have.
    expected: usize,
    /// How long the last one's write and sync took.
    write_time: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { groups: 0, expected: 1, write_time: Duration::ZERO }
    }
}

impl State {
    /// Whether there is nothing to wait for before the group is written.
    fn is_complete(&self) -> bool {
        self.group.appends >= self.pace.expected || self.full || self.closed.is_some()
    }

    /// Whether there is a group that nobody leads.
    fn is_for_thread(&self) -> bool {
        self.turn == Turn::Free && self.group.appends > 0
    }

    fn may_be_led(&self) -> bool {
        self.write_by == WriteBy::Caller && self.pace.write_time <= LED_WRITE_MAX
    }

    fn patience(&self) -> Duration {
        (self.pace.write_time / PATIENCE).min(PATIENCE_MAX)
    }
}

impl Queue {
    /// An append was placed: sees to it that the group is written. Returns how long to wait for others if
    /// its caller is to lead.
    pub(crate) fn see_to(&self, mut state: MutexGuard<'_, State>) -> Option<Duration> {
        if state.is_complete() {
            self.complete.store(true, Ordering::Release);
        }
        if state.turn != Turn::Free {
            return None;
        }
        if !state.may_be_led() {
            if state.group.appends >= state.wanted {
                self.call_thread(state);
            }
            return None;
        }
        state.turn = Turn::Led;
        let patience = state.patience();
        if state.rests {
            self.call_thread(state);
        }
        Some(patience)
    }

    pub(crate) fn call_thread(&self, mut state: MutexGuard<'_, State>) {
        let waits = std::mem::take(&mut state.wanted) > 0;
        drop(state);
        if waits {
            self.called.notify_one();
        }
    }

    /// The thread's: waits for a group that is not led, or whose leader does not come. `None` when the queue
    /// is closed and all is written.
    pub(crate) fn take(&self) -> Option<Group> {
        let (mut state, mut ticks) = (self.lock(), 0);
        loop {
            if state.is_for_thread() {
                state = self.wait_for_callers(state);
                if state.is_for_thread() {
                    break;
                }
                ticks = 0;
                continue;
            }
            if state.turn == Turn::Free && state.closed.is_some() {
                return None;
            }
            let groups = state.pace.groups;
            state.wanted = 1;
            state.rests = ticks == TICKS_MAX;
            let ticked;
            (state, ticked) = if state.rests {
                (self.called.wait(state).unwrap_or_else(PoisonError::into_inner), false)
            } else {
                let waited = self.called.wait_timeout(state, TICK);
                let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                (state, waited.timed_out())
            };
            (state.wanted, state.rests) = (0, false);
            let quiet = ticked && state.pace.groups == groups;
            if quiet && state.turn == Turn::Led {
                break;
            }
            ticks = if quiet { ticks + 1 } else { 0 };
        }
        Some(self.take_away(state))
    }

    /// Gives those who are expected a moment, or somebody to lead.
    fn wait_for_callers<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let deadline = Instant::now() + state.patience();
        while state.is_for_thread() && !state.is_complete() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state.wanted = state.pace.expected;
            let waited = self.called.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.wanted = 0;
        }
        state
    }

    /// The leader's: takes the group of this fate if that is still its to write, and if it may write so
    /// many bytes. If it may not, the thread does.
    fn take_led(&self, fate: &Arc<Fate>, may_write: impl FnOnce(u64) -> bool) -> Option<Group> {
        let mut state = self.lock();
        if state.turn != Turn::Led || !Arc::ptr_eq(&state.group.fate, fate) {
            return None;
        }
        if may_write(state.group.bytes.len() as u64) {
            return Some(self.take_away(state));
        }
        state.turn = Turn::Free;
        self.call_thread(state);
        None
    }

    fn take_away(&self, mut state: MutexGuard<'_, State>) -> Group {
        debug_assert!(state.group.appends > 0, "an empty group has no place in the log");
        let next = Group::like(&state.group);
        let group = std::mem::replace(&mut state.group, next);
        self.complete.store(false, Ordering::Release);
        (state.turn, state.full) = (Turn::Taken, false);
        state.pace.groups += 1;
        state.under_way = Some(Arc::clone(&group.fate));
        // The group before this one can be read by now.
        state.heads.age();
        drop(state);
        self.taken.notify(usize::MAX);
        group
    }

    /// The group that was taken can be read.
    pub(crate) fn done(&self, appends: usize, write_time: Duration) {
        let mut state = self.lock();
        state.under_way = None;
        state.pace.write_time = write_time;
        // Those who wait already are counted before those who are answered can come back.
        state.pace.expected = state.group.appends + appends;
        self.complete.store(state.is_complete(), Ordering::Release);
    }

    fn release(&self) {
        let mut state = self.lock();
        state.turn = Turn::Free;
        if state.group.appends > 0 || state.full || state.closed.is_some() {
            self.call_thread(state);
        }
    }
}

/// Writes the group of this fate, whose leader the caller is, once those have come who are expected, or time
/// is over.
pub(crate) async fn lead(shared: &Shared, fate: &Arc<Fate>, patience: Duration) {
    let queue = &shared.queue;
    let until = Instant::now() + patience;
    loop {
        step_aside().await;
        if queue.complete.load(Ordering::Acquire) || Instant::now() >= until {
            break;
        }
    }
    // Somebody at work has taken its group.
    let Some(mut writer) = shared.idle_writer() else { return };
    let may_write = |bytes| writer.has_room(bytes) && !shared.index.is_behind();
    let Some(group) = queue.take_led(fate, may_write) else { return };
    let turn = Taken::by(shared);
    let written = writer.commit(shared, group);
    drop(writer);
    drop(turn);
    if written {
        fate.decide(Ok(()));
    }
}

/// The turn of whoever took a group, who gives it back whatever became of that. Nobody waits for one who panicked.
struct Taken<'a> {
    shared: &'a Shared,
    /// Whether this thread was unwinding already, and appends all the same.
    unwinds: bool,
}

impl<'a> Taken<'a> {
    fn by(shared: &'a Shared) -> Self {
        Self { shared, unwinds: thread::panicking() }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let Self { shared, unwinds } = *self;
        if thread::panicking() && !unwinds {
            let why = "the writer panicked; open the store again to see what is there";
            shared.stop(why);
            shared.queue.refuse(shared.tail(), &Failure::unknown(why));
        }
        shared.queue.release();
    }
}

/// Lets the other tasks of this thread run first.
async fn step_aside() {
    let mut aside = false;
    poll_fn(|context| {
        if std::mem::replace(&mut aside, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The thread: writes what callers don't, until the queue is closed and empty; then it closes the log.
pub(crate) fn run(shared: &Shared) {
    while let Some(group) = shared.queue.take() {
        let _turn = Taken::by(shared);
        let fate = Arc::clone(&group.fate);
        let written = shared.writer().commit(shared, group);
        if written {
            fate.decide(Ok(()));
            shared.writer().make_room_in_index(shared);
        }
    }
    shared.writer().close(shared);
}

#[cfg(test)]
mod tests {
    use factlog::{Append, Event, EventId, Expected, StreamName, SystemClock};

    use super::*;
    use crate::group::Encoded;
    use crate::index::part::{Head, Landmark};
    use crate::queue::{Decision, Known};

    fn queue(write_by: WriteBy) -> Queue {
        Queue::after(Landmark::default(), Box::new(SystemClock), write_by)
    }

    /// Places an append; whether its caller is to lead, and the fate of its group.
    fn place(queue: &Queue, number: u128) -> (bool, Arc<Fate>) {
        let event = Event::new(EventId::from_u128(number), "Measured".parse().unwrap(), "{}");
        let stream = StreamName::new(format!("thing-{number}")).unwrap();
        let append = Append::to(stream, Expected::NoStream, vec![event]);
        let known = Known { heads: vec![Head::default()], ..Known::default() };
        match queue.offer(&append, &Encoded::new(&append), &known) {
            Decision::Lead(_, fate, _) => (true, fate),
            Decision::Answer(Ok(_), Some(fate)) => (false, fate),
            other => panic!("it is placed, not {other:?}"),
        }
    }

    #[test]
    fn the_first_of_a_group_leads_it_and_nobody_leads_while_one_is_written() {
        let queue = queue(WriteBy::Caller);
        let ((first, fate), (second, _)) = (place(&queue, 1), place(&queue, 2));
        assert!(first && !second);
        let group = queue.take_led(&fate, |_| true).expect("its group");
        assert_eq!(group.appends, 2);
        let (third, other) = place(&queue, 3);
        assert!(!third);
        assert!(queue.take_led(&fate, |_| true).is_none(), "its group was taken");
        assert!(queue.take_led(&other, |_| true).is_none(), "it does not lead");
        queue.done(group.appends, Duration::ZERO);
        queue.release();
        assert!(place(&queue, 4).0, "what came meanwhile has a leader with the next append");
    }

    #[test]
    fn slow_writes_are_for_the_thread_until_they_are_quick_again() {
        let queue = queue(WriteBy::Caller);
        for (time, is_led) in
            [(LED_WRITE_MAX * 2, false), (LED_WRITE_MAX, true), (LED_WRITE_MAX * 2, false)]
        {
            queue.done(1, time);
            let number = u128::from(queue.lock().pace.groups) + 1;
            assert_eq!(place(&queue, number).0, is_led, "{time:?}");
            queue.lock().turn = Turn::Free;
            queue.take().expect("a group");
            queue.release();
        }
    }

    #[test]
    fn the_thread_writes_what_a_leader_may_not_and_where_callers_are_not_to() {
        let led = queue(WriteBy::Caller);
        let (leads, fate) = place(&led, 1);
        assert!(leads && led.take_led(&fate, |_| false).is_none());
        assert_eq!(led.take().expect("its group").appends, 1);
        assert!(!place(&queue(WriteBy::Thread), 1).0);
    }
}
