//! Gives commits their positions.
//!
//! - [`machine`] is the sequencer: what it promises, and how. It does no I/O; its parts are [`placer`] (what comes
//!   next), [`marks`] (what is placed of each stream) and [`reading`] (what is read of DynamoDB Streams).
//! - [`io`] is what it asks of the world, [`driver`] does it.
//! - [`frontier`] and [`varint`] are what pages and heartbeats have in common.

#[cfg(test)]
mod budget;
mod driver;
pub(crate) mod frontier;
pub(crate) mod io;
mod machine;
mod marks;
mod placer;
mod progress;
mod reading;
#[cfg(test)]
mod simulation;
pub(crate) mod varint;

pub(crate) use driver::{Options, Sequencer};
pub use progress::Progress;
