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

mod commit;
mod error;
mod item;
mod large;
mod layout;
pub mod limits;
mod log;
mod sequencer;
mod tables;
mod units;

pub use large::LargeEvents;
pub use layout::{AppendLimits, Layout};
pub use tables::{Billing, CreateTables, Described, DescribedTable, FoundTable, Tables};
