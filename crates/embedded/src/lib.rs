//! The factlog event store in one directory on one machine.
//!
//! The log of commits is the truth (`segment`, `frame`). Appends gather in a group (`append`, `queue`);
//! whoever's turn it is (`turn`) makes all of it durable at once (`writer`). An index, derived from the log, finds events
//! (`index`); reads go through it or along the log (`read`). `FORMAT.md` describes every byte on disk.
//!
//! ```
//! use factlog::{Event, Expected, Store as _, StoreExt, StreamName, SystemClock};
//! use factlog_embedded::{Options, Store};
//! # futures::executor::block_on(async {
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path();
//! let store = Store::open(path, Options::default(), SystemClock)?;
//! let cart = StreamName::new("cart-7")?;
//! let opened = Event::new(uuid::Uuid::from_u128(7), "CartOpened".parse()?, "{}");
//! store.append_to(&cart, Expected::NoStream, vec![opened]).await?;
//! assert_eq!(store.load(&cart).await?.len(), 1);
//! store.close().await?;
//! # Ok::<_, factlog::Error>(())
//! # }).unwrap();
//! ```

mod append;
mod disk;
mod frame;
mod group;
mod heads;
mod index;
pub mod limits;
mod merge;
mod queue;
mod read;
mod recover;
mod segment;
mod shared;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod turn;
mod verify;
mod walk;
mod window;
mod writer;

pub use state::State;
pub use store::{Durability, Options, Stat, Store, WriteBy};
pub use verify::Verified;
