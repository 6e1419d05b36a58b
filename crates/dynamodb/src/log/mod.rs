//! The order of everything: pages of the log table.
