//! An event store's words and contract, without any technology.
//!
//! - What is appended and what comes back: [`Event`], [`RecordedEvent`], in a stream
//!   ([`StreamName`], [`Version`]) and in the log ([`Position`]).
//! - The contract that every store keeps: [`Store`], and what is built on it: [`StoreExt`].
//! - The store in memory, which is the specification: [`Memory`].
//! - What a store keeps beside its events: [`state`], with the contract [`State`](state::State).
//! - The write side of an aggregate: typed events ([`codec`]), and [`decider`], which executes commands.
//! - Folds over the log: [`projection`]; and what they write, to be queried: [`view`].
//! - All [`limits`], and the one [`Error`].
//! - With the feature `conformance`: the suite that every store passes.
//!
//! ```
//! use factlog::{Event, Expected, Memory, StoreExt, StreamName};
//! # futures::executor::block_on(async {
//! let store = Memory::default();
//! let account = StreamName::new("account-1")?;
//! let opened = Event::new(uuid::Uuid::from_u128(1), "AccountOpened".parse()?, r#"{"owner":"Ada"}"#);
//!
//! let appended = store.append_to(&account, Expected::NoStream, vec![opened]).await?;
//! assert_eq!(appended.version().number(), 1);
//!
//! let events = store.load(&account).await?;
//! assert_eq!(events[0].event_type.as_str(), "AccountOpened");
//! # Ok::<_, factlog::Error>(())
//! # }).unwrap();
//! ```

mod append;
mod clock;
pub mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod decider;
mod error;
mod event;
mod filter;
pub mod limits;
mod memory;
mod name;
mod number;
pub mod projection;
mod read;
mod serde;
pub mod state;
mod store;
mod subscription;
mod time;
pub mod view;

pub use append::{Append, Appended, Expected, StreamAppend};
pub use clock::{Clock, SystemClock, Timer};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, EventId, RecordedEvent};
pub use filter::Filter;
pub use memory::Memory;
pub use name::{EventType, StreamName};
pub use number::{Position, Version};
pub use projection::ProjectionName;
pub use read::{Direction, ListStreams, PageToken, ReadLog, ReadStream, StreamInfo, StreamPage};
pub use store::{EventStream, Store, StoreExt};
pub use subscription::Subscription;
pub use time::{TimeRange, Timestamp};
