//! Gives commits their positions.

pub(crate) mod frontier;
pub(crate) mod varint;
