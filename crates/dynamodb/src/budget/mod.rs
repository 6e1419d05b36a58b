//! What calls may cost: a table of budgets. For a layout it is computed from the sizes of items, for a store it is measured.
//!
//! ```text
//!   BUDGETS     call, unit, most            what the layout `native` promises; a test holds it to it
//!   computed    layout ──> call, cost       by DynamoDB's rules, without a request
//!   measure     empty store ──> call, cost  as DynamoDB reports it; writes
//!   measure_reads     store ──> call, cost  of those calls that only read
//! ```

mod computed;
mod measure;
mod sample;
mod workload;

use std::fmt;

use crate::cost::Cost;

pub use computed::computed;
pub use measure::{measure, measure_reads};
pub use sample::{Sample, sample};

/// What is done. Data is JSON that does not compress well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// An append of one event of 850 bytes, the first of its stream, which is expected.
    AppendFirst,
    /// An append of one event of 850 bytes to a stream that was loaded in this process.
    AppendLoaded,
    /// An append of one event of 850 bytes to a stream that was not.
    AppendUnloaded,
    /// An append of ten events of 100 bytes.
    AppendTen,
    /// A load of a stream of 20 commits, each of one event of 100 bytes.
    Load,
    /// A read of a loaded stream from behind its last event: is there anything new?
    ReadOn,
    /// The head of the log, whose last page has a hundred entries.
    Head,
    /// A read of the log: a hundred events of as many streams, from their first position.
    ReadLog,
    /// A read of the same positions with a filter that nothing passes.
    ReadNothing,
    /// A second of waiting for the log to grow.
    Wait,
    /// The sequencing of a commit of a stream that the sequencer does not know, when nothing else waits.
    SequenceOne,
    /// The sequencing of a commit, when a hundred of as many streams wait.
    SequenceMany,
    /// A second of a sequencer's lease and heartbeats.
    Sequencer,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AppendFirst => "append 850 bytes, first of a stream",
            Self::AppendLoaded => "append 850 bytes, stream loaded",
            Self::AppendUnloaded => "append 850 bytes, stream not loaded",
            Self::AppendTen => "append 10 events of 100 bytes",
            Self::Load => "load 20 commits of 100 bytes",
            Self::ReadOn => "read on from a stream's head",
            Self::Head => "head of the log",
            Self::ReadLog => "read 100 events of the log",
            Self::ReadNothing => "read 100 events of the log, none passes",
            Self::Wait => "wait for the log, a second",
            Self::SequenceOne => "sequence a commit when idle",
            Self::SequenceMany => "sequence a commit when 100 wait",
            Self::Sequencer => "lease and heartbeat, a second",
        })
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// See [`Cost::requests`].
    Requests,
    /// See [`Cost::read_units`].
    ReadUnits,
    /// See [`Cost::write_units`].
    WriteUnits,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requests => "requests",
            Self::ReadUnits => "read units",
            Self::WriteUnits => "write units",
        })
    }
}

/// A line of the table: so much a call may cost in the layout `native`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Budget {
    /// What is done.
    pub call: Call,
    /// What is counted.
    pub unit: Unit,
    /// The most that it may be.
    pub most: f64,
}

const fn line(call: Call, unit: Unit, most: f64) -> Budget {
    Budget { call, unit, most }
}

/// The table.
pub const BUDGETS: [Budget; 24] = [
    line(Call::AppendFirst, Unit::Requests, 1.0),
    line(Call::AppendFirst, Unit::WriteUnits, 1.0),
    line(Call::AppendLoaded, Unit::Requests, 1.0),
    line(Call::AppendLoaded, Unit::WriteUnits, 1.0),
    line(Call::AppendUnloaded, Unit::Requests, 2.0),
    line(Call::AppendUnloaded, Unit::ReadUnits, 1.0),
    line(Call::AppendUnloaded, Unit::WriteUnits, 1.0),
    line(Call::AppendTen, Unit::WriteUnits, 2.0),
    line(Call::Load, Unit::Requests, 1.0),
    line(Call::Load, Unit::ReadUnits, 2.0),
    line(Call::ReadOn, Unit::Requests, 1.0),
    line(Call::ReadOn, Unit::ReadUnits, 1.0),
    line(Call::Head, Unit::Requests, 1.0),
    line(Call::Head, Unit::ReadUnits, 1.0),
    line(Call::ReadLog, Unit::Requests, 4.0),
    line(Call::ReadLog, Unit::ReadUnits, 53.0),
    line(Call::ReadNothing, Unit::Requests, 3.0),
    line(Call::ReadNothing, Unit::ReadUnits, 3.0),
    line(Call::Wait, Unit::ReadUnits, 1.5),
    line(Call::SequenceOne, Unit::ReadUnits, 1.0),
    line(Call::SequenceOne, Unit::WriteUnits, 2.1),
    line(Call::SequenceMany, Unit::ReadUnits, 1.0),
    line(Call::SequenceMany, Unit::WriteUnits, 1.2),
    line(Call::Sequencer, Unit::WriteUnits, 0.25),
];

/// What a call costs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spent {
    /// What was done.
    pub call: Call,
    /// What all of them cost.
    pub cost: Cost,
    /// How many there were: calls, commits or seconds.
    pub times: f64,
}

impl Spent {
    fn once(call: Call, cost: Cost) -> Self {
        Self { call, cost, times: 1.0 }
    }

    /// The cost of one.
    #[must_use]
    pub fn figure(&self, unit: Unit) -> f64 {
        let all = match unit {
            Unit::Requests => self.cost.requests as f64,
            Unit::ReadUnits => self.cost.read_units,
            Unit::WriteUnits => self.cost.write_units,
        };
        all / self.times
    }
}
