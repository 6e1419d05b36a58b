//! The order of everything: pages of the log table.

pub(crate) mod page;
pub(crate) mod table;
pub(crate) mod tail;
mod time;
