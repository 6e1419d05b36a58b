//! Time, as an argument: this is the one place that reads the machine's clock; everything else is
//! given a [`Clock`] to know the time, and a [`Timer`] to wait.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;

use crate::Timestamp;

/// Tells the time. Stores take one, so that tests can set it and a seed replays any run.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time now. It may stand still or jump; stores never record a time before the last one.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, at UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others are given")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX);
        Timestamp::from_unix_nanos(nanos)
    }
}

/// Waits: what a runtime's timer does, so that nothing here needs a runtime.
pub trait Timer: Debug + Send + Sync + 'static {
    /// A future that is ready when so much time has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
