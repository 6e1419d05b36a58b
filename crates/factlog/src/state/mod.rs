//! What a store keeps beside its events: snapshots, documents, indexes, checkpoints, leases.
//!
//! All of these are built once, on one small contract, [`State`]: items under keys, conditional
//! writes, ordered scans. It is what a DynamoDB table with a string partition key and a binary sort key
//! does, and a sorted map does it as well. A store hands out the state that is kept with its
//! events by its own method `state`; what needs both takes both.
//!
//! ```text
//!   partition        sort key (bytewise)   value   revision
//!   "view/loan"      "loan-1"              …       r7
//!                    "loan-2"              …       r9
//!   "checkpoint"     "loan"                …       r9   <- put by the same write
//! ```
//!
//! ```
//! use factlog::state::{Condition, Key, MemoryState, State, Write, Written};
//! # futures::executor::block_on(async {
//! let state = MemoryState::default();
//! let lease = Key::new("lease".parse()?, "sequencer")?;
//!
//! let taken = state.write(vec![Write::put(lease.clone(), "worker 1").expecting(Condition::Absent)]).await?;
//! assert!(matches!(taken, Written::Done(_)));
//!
//! let again = state.write(vec![Write::put(lease, "worker 2").expecting(Condition::Absent)]).await?;
//! let Written::Refused { found: Some(item), .. } = again else { panic!("worker 1 has it") };
//! assert_eq!(&item.value[..], b"worker 1");
//! # Ok::<_, factlog::Error>(())
//! # }).unwrap();
//! ```

mod item;
mod key;
mod memory;
mod scan;
mod write;

use std::fmt::Debug;

use async_trait::async_trait;
use futures::stream::BoxStream;

pub use crate::name::Partition;
pub use item::{Item, Revision};
pub use key::Key;
pub use memory::MemoryState;
pub use scan::Scan;
pub use write::{Change, Condition, Write, Written};

use crate::Result;
use crate::limits::STATE_WRITE_ITEMS_MAX;

/// Items as they are read, one by one. Pulled, never pushed, so that memory stays bounded. After an
/// error it ends. Dropping it ends the scan.
pub type ItemStream = BoxStream<'static, Result<Item>>;

/// Items under keys.
///
/// The promises that hold for every store:
///
/// - **A write** is atomic over all its keys and durable when it is answered, and every read that
///   begins after the answer sees it.
/// - **Reads** are consistent item by item. A read of several items may see one write's item and
///   miss another's that is written meanwhile.
/// - **Revisions.** A write gives all items that it puts one new [`Revision`], which no other write to the
///   store has ever had or will have: not after a deletion, not after reopening.
/// - **Repeating a write** whose outcome is unknown (an error with
///   [`may_have_happened`](crate::Error::may_have_happened), a dropped future) is safe if it has a
///   condition that its own success ends: a put on `Absent`, any change on `Revision`. It is then done once.
///   If it is refused, what is found tells: the value that was to be written means that
///   the first has happened, if values say who wrote them (an owner, a position, an id).
/// - **Cancellation.** Dropping the future of a write that was not yet polled does nothing. Once polled,
///   the write may happen all the same. All other calls change nothing and may be dropped at any time.
/// - After its store is closed, and while the store can't go on, each call is answered with `Closed`.
#[async_trait]
pub trait State: Debug + Send + Sync + 'static {
    /// The item under the key.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt` or `Closed`.
    async fn get(&self, key: &Key) -> Result<Option<Item>>;

    /// The items under the keys, in the order given. Any number of keys, also the same one twice.
    ///
    /// # Errors
    /// As [`get`](State::get).
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>>;

    /// Reads a range of one partition in the order of its sort keys, a page at a time. An item that
    /// is written meanwhile is seen as it was before or as it is after; all others are seen once.
    /// `Invalid` for a range with an end that no key can have.
    fn scan(&self, scan: Scan) -> ItemStream;

    /// Writes all or nothing: all, if every condition holds. At most
    /// [`write_items_max`](State::write_items_max) items and
    /// [`STATE_WRITE_BYTES_MAX`](crate::limits::STATE_WRITE_BYTES_MAX) bytes.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` without writing anything; `Unavailable` or `Closed` with
    /// [`may_have_happened`](crate::Error::may_have_happened).
    async fn write(&self, writes: Vec<Write>) -> Result<Written>;

    /// Writes each for itself, in any order, without conditions: any number, at about half the price of
    /// [`write`](State::write) where writes are paid for. For what can be written again from the start, such as
    /// a rebuild. It is seen when it is answered, and durable at the latest with the next answered `write`. After
    /// an error, some may have happened and others not.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` without writing anything; `Unavailable` or `Closed` with
    /// [`may_have_happened`](crate::Error::may_have_happened).
    async fn write_each(&self, writes: Vec<Write>) -> Result<()>;

    /// Most items in one [`write`](State::write): at least
    /// [`STATE_WRITE_ITEMS_MIN`](crate::limits::STATE_WRITE_ITEMS_MIN), at most [`STATE_WRITE_ITEMS_MAX`].
    fn write_items_max(&self) -> usize {
        STATE_WRITE_ITEMS_MAX
    }
}
