//! Time and tasks, on one thread: the next thing to happen is the one whose time comes first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The time of the story, in milliseconds, and who waits for what time.
#[derive(Clone, Debug, Default)]
pub(super) struct Time(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    now: u64,
    sleepers: BinaryHeap<Reverse<Sleeper>>,
    count: u64,
}

#[derive(Debug)]
struct Sleeper {
    until: u64,
    number: u64,
    waker: Waker,
}

impl Sleeper {
    fn key(&self) -> (u64, u64) {
        (self.until, self.number)
    }
}

impl PartialEq for Sleeper {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Sleeper {}

impl PartialOrd for Sleeper {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sleeper {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Time {
    pub(super) fn now(&self) -> u64 {
        self.0.lock().unwrap().now
    }

    /// Lets at least a millisecond pass.
    pub(super) fn sleep(&self, ms: u64) -> Sleep {
        Sleep { time: self.clone(), until: self.now() + ms.max(1), asleep: false }
    }

    /// Wakes the next one who waits for a time up to this; if there is none, that time comes.
    fn wake_next(&self, until: u64) -> bool {
        let mut waiting = self.0.lock().unwrap();
        if waiting.sleepers.peek().is_none_or(|Reverse(next)| next.until > until) {
            waiting.now = until;
            return false;
        }
        let Some(Reverse(next)) = waiting.sleepers.pop() else { return false };
        waiting.now = waiting.now.max(next.until);
        drop(waiting);
        next.waker.wake();
        true
    }
}

#[derive(Debug)]
pub(super) struct Sleep {
    time: Time,
    until: u64,
    asleep: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.time.0.lock().unwrap();
        if waiting.now >= self.until {
            return Poll::Ready(());
        }
        if !self.asleep {
            waiting.count += 1;
            let (until, number, waker) = (self.until, waiting.count, context.waker().clone());
            waiting.sleepers.push(Reverse(Sleeper { until, number, waker }));
            drop(waiting);
            self.asleep = true;
        }
        Poll::Pending
    }
}

#[derive(Debug)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tasks by their number. Dropping one is to kill it where it is.
#[derive(Default)]
pub(super) struct Tasks {
    tasks: BTreeMap<u64, (Task, Arc<Flag>)>,
    count: u64,
}

impl Tasks {
    pub(super) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) -> u64 {
        self.count += 1;
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.insert(self.count, (Box::pin(task), flag));
        self.count
    }

    pub(super) fn kill(&mut self, task: u64) {
        self.tasks.remove(&task);
    }

    /// Lets time pass until then.
    pub(super) fn run_until(&mut self, time: &Time, until: u64) {
        loop {
            let mut ended = Vec::new();
            for (&number, (task, flag)) in &mut self.tasks {
                if flag.0.swap(false, Ordering::Relaxed) {
                    let waker = Waker::from(Arc::clone(flag));
                    if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                        ended.push(number);
                    }
                }
            }
            ended.into_iter().for_each(|number| self.kill(number));
            if !time.wake_next(until) {
                return;
            }
        }
    }
}
