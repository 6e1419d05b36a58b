//! The factlog event store in Amazon DynamoDB: no server to run.
//!
//! ```text
//!   append ──> NAME-events ──> DynamoDB Streams ──> sequencer ──> NAME-log ──> readers of the log
//!              one item a commit                    (one or more)  pages: which commit stands where
//! ```
//!
//! Three tables: `NAME-events` holds the commits and is the truth, `NAME-log` the order of everything, `NAME-state`
//! what readers and writers have to remember. A commit is durable, and readable in its stream, when the append is
//! answered; it takes its position in the log a moment later.
//!
//! What each call costs its handle tells ([`Store::metered`]); what it may cost stands in [`budget`].

#[cfg(test)]
extern crate self as factlog_dynamodb;

mod append;
mod backoff;
pub mod budget;
mod client;
mod commit;
mod cost;
mod ends;
mod error;
mod item;
mod large;
mod layout;
pub mod limits;
mod list;
mod log;
mod read;
mod sequencer;
mod shared;
mod state;
mod store;
mod tables;
mod times;
mod units;
mod verify;
mod watermarks;
mod worker;

pub use cost::{Cost, Meter};
pub use large::LargeEvents;
pub use layout::{AppendLimits, Layout, Names};
pub use sequencer::Progress;
pub use store::{Options, Store};
pub use tables::{Billing, CreateTables, Described, DescribedTable, FoundTable, Tables};
pub use verify::{Difference, Repaired, Verified};
