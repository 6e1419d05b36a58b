//! Projections for people who write no Rust: a file in TOML or YAML says what events make of documents, in
//! [jq](https://jqlang.org) expressions, and the engine of [`factlog::projection`] runs it like
//! any other.
//!
//! ```
//! use std::sync::Arc;
//!
//! use factlog::projection::{Projections, Worker};
//! use factlog::view::{Condition, Query};
//! use factlog::{Event, Expected, Memory, StoreExt, SystemClock};
//! use factlog_declared::{Declaration, File};
//!
//! let declaration = Declaration::parse(&File::toml(r#"
//!     name = "loans"
//!
//!     [[index]]
//!     field = "status"
//!     type = "string"
//!
//!     [[on]]
//!     types = ["Submitted", "Approved"]
//!     key = ".stream"
//!     merge.status = ".type"
//!     merge.amount = ".data.amount"
//! "#))?;
//!
//! # futures::executor::block_on(async {
//! let store = Arc::new(Memory::default());
//! let event = Event::new(uuid::Uuid::from_u128(1), "Submitted".parse()?, r#"{"amount": 100}"#);
//! store.append_to(&"loan-1".parse()?, Expected::NoStream, vec![event]).await?;
//!
//! let state = Arc::new(store.state());
//! let projections = Arc::new(Projections::new(store, state, SystemClock));
//! Worker::new(&projections, declaration.projection(1)).catch_up().await?;
//!
//! let query = Query::new().with(Condition::equal("status", "Submitted"));
//! let page = projections.view(declaration.name()).await?.query(&query).await?;
//! assert_eq!(page.documents[0].data["amount"], 100);
//! # Ok::<_, factlog::Error>(())
//! # })?;
//! # Ok::<_, factlog::Error>(())
//! ```
//!
//! `declaration.rs` says what stands in a file, `syntax/` how it is written, `rule.rs` what a rule does to documents,
//! `expression.rs` what an expression may say. [`Declarations`] keeps the files with the store, so
//! that any process runs them by name.

mod declaration;
mod declarations;
mod expression;
mod file;
pub mod limits;
mod problems;
mod rule;
mod syntax;
mod table;
mod tree;

pub use declaration::Declaration;
pub use declarations::Declarations;
pub use file::File;
pub use syntax::Syntax;
