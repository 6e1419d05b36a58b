//! How commits lie in the events table: the names of the attributes and the packing, as a value.

/// How commits lie in the events table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout;
