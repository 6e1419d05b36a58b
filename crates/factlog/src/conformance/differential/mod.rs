//! The differential test: the same random operations on two stores, the same answers demanded.
//!
//! ```text
//!   operations --> request --> left store  --> answer --+
//!    (shrunk)         |                                 +-- the same?
//!                     +------> right store --> answer --+
//! ```
//!
//! An operation is abstract ("append two events at one below the head of the third stream"), so that
//! it still means something when others before it are taken away; the request is what the
//! contract knows. Both stores share one clock, so that recorded times are equal too. Errors are
//! compared by kind. Where one store does not know the position of an append or the version in a
//! list, the other's is not compared.

mod answer;
mod operation;
mod run;

use std::fmt::{self, Debug};

use proptest::collection::vec;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use super::{Fixture, TestClock};

/// How much is tried.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Sequences of operations to run, each on two fresh stores.
    pub cases: u32,
    /// Most operations in a sequence.
    pub operations_max: usize,
    /// The same seed makes the same sequences.
    pub seed: u64,
}

impl Plan {
    /// So many sequences of up to 60 operations.
    #[must_use]
    pub fn new(cases: u32) -> Self {
        Self { cases, operations_max: 60, seed: 0 }
    }

    /// As many sequences as the variable `FACTLOG_DIFFERENTIAL_CASES` says, else this many.
    ///
    /// # Panics
    /// If the variable is set and no number.
    #[must_use]
    pub fn from_env(cases: u32) -> Self {
        let number = |text: String| text.parse().expect("FACTLOG_DIFFERENTIAL_CASES is a number");
        Self::new(std::env::var("FACTLOG_DIFFERENTIAL_CASES").map_or(cases, number))
    }

    /// Other sequences.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Shorter or longer sequences.
    #[must_use]
    pub fn with_operations_max(mut self, operations: usize) -> Self {
        self.operations_max = operations;
        self
    }
}

/// Where two stores differ: the shortest sequence of operations that was found to show it.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The operations, the last of which was answered differently.
    pub operations: Vec<String>,
    /// The last request and both answers.
    pub message: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the stores differ after")?;
        for (number, operation) in (1..).zip(&self.operations) {
            writeln!(f, "{number:4}. {operation}")?;
        }
        f.write_str(&self.message)
    }
}

/// Demands that two stores give the same answers.
///
/// # Panics
/// With the shortest difference found, if they do not.
pub fn check<L: Fixture, R: Fixture>(
    plan: &Plan,
    open_left: impl Fn(TestClock) -> L,
    open_right: impl Fn(TestClock) -> R,
) {
    if let Some(difference) = find(plan, open_left, open_right) {
        panic!("{difference}");
    }
}

/// Looks for a difference between two stores.
///
/// # Panics
/// If the sequences can't be made.
pub fn find<L: Fixture, R: Fixture>(
    plan: &Plan,
    open_left: impl Fn(TestClock) -> L,
    open_right: impl Fn(TestClock) -> R,
) -> Option<Difference> {
    shortest(plan, operation::any(), |operations| {
        let clock = TestClock::default();
        let (left, right) = (open_left(clock.clone()), open_right(clock.clone()));
        futures::executor::block_on(run::run(clock, left, right, operations))
    })
}

/// The shortest sequence of operations that was found to differ.
pub(super) fn shortest<O: Debug + Clone>(
    plan: &Plan,
    operation: impl Strategy<Value = O>,
    compare: impl Fn(&[O]) -> Result<(), String>,
) -> Option<Difference> {
    let config = Config {
        cases: plan.cases,
        rng_seed: RngSeed::Fixed(plan.seed),
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..Config::default()
    };
    let sequences = vec(operation, 1..=plan.operations_max);
    let outcome = TestRunner::new(config)
        .run(&sequences, |operations| compare(&operations).map_err(TestCaseError::fail));
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(reason, operations)) => Some(Difference {
            operations: operations.iter().map(|operation| format!("{operation:?}")).collect(),
            message: reason.message().to_owned(),
        }),
        Err(TestError::Abort(reason)) => panic!("no sequences of operations: {reason}"),
    }
}
