//! Projections: folds over the log whose results can be queried.
//!
//! A projection is a name, a [filter](crate::Filter), a [`Handler`] from event to changes of
//! documents, and a position. A [`Worker`] follows the log and writes the documents together with
//! the position (`lane.rs` says why nothing can go wrong there); [`Projections`] has all of them by
//! name: to list, pause, rebuild, query.
//!
//! ```text
//!   log --> Worker: Handler --> documents, entries of indexes, checkpoint --> View <-- queries
//!                     (memory)               (one write)
//! ```
//!
//! A view is built in *generations*. The first goes live when it has caught up. A rebuild builds
//! the next one beside it, by the same handler or another, for as long as it takes; queries read
//! the live one until the switch, which is one write.
//!
//! ```
//! use std::sync::Arc;
//!
//! use factlog::projection::{Documents, Projection, Projections, Worker};
//! use factlog::view::{Condition, Index, Kind, Query};
//! use factlog::{Event, Expected, Memory, RecordedEvent, Result, StoreExt, SystemClock};
//!
//! fn by_status(event: &RecordedEvent, documents: &mut Documents<'_>) -> Result<()> {
//!     let loan = documents.edit(event.stream.as_str())?;
//!     loan.insert("status".into(), event.event_type.as_str().into());
//!     Ok(())
//! }
//!
//! # futures::executor::block_on(async {
//! let store = Arc::new(Memory::default());
//! let event = Event::new(uuid::Uuid::from_u128(1), "Submitted".parse()?, "{}");
//! store.append_to(&"loan-1".parse()?, Expected::NoStream, vec![event]).await?;
//!
//! let state = Arc::new(store.state());
//! let projections = Arc::new(Projections::new(store, state, SystemClock));
//! let loans = Projection::new("loans".parse()?, by_status).with_index(Index::new("status", Kind::String));
//! let name = loans.name.clone();
//! Worker::new(&projections, loans).catch_up().await?;
//!
//! let query = Query::new().with(Condition::equal("status", "Submitted"));
//! let page = projections.view(&name).await?.query(&query).await?;
//! assert_eq!(page.documents[0].key, "loan-1");
//! # Ok::<_, factlog::Error>(())
//! # }).unwrap();
//! ```

mod batch;
mod cache;
mod checkpoint;
mod cost;
mod definition;
mod documents;
mod effects;
mod flight;
mod forgotten;
mod indexed;
mod lane;
mod name;
mod projections;
mod record;
mod skip;
mod wait;
mod worker;

pub use checkpoint::{Checkpoint, EffectCheckpoint};
pub use definition::{Definition, Effect, Handler, OnPoison, Projection, Trigger};
pub use documents::Documents;
pub use name::ProjectionName;
pub use projections::{GenerationInfo, ProjectionInfo, Projections};
pub use record::{Failure, Generation, ProjectionState, Record, Switch, Transition};
pub use wait::Reached;
pub use worker::Worker;
