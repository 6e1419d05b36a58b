//! Gives commits their positions.
