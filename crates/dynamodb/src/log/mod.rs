//! The order of everything: pages of the log table.

pub(crate) mod page;
