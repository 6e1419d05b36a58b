//! Write and read units from the bytes of items, by DynamoDB's rules.

/// Write units of an item of so many bytes: one for each KB begun. A transaction takes twice as many.
pub(crate) fn write_units(bytes: usize) -> u64 {
    bytes.div_ceil(1024).max(1) as u64
}

/// Read units of a strongly consistent read of so many bytes in one request: one for each 4 KB begun.
/// An eventually consistent read takes half.
pub(crate) fn read_units(bytes: usize) -> u64 {
    bytes.div_ceil(4096).max(1) as u64
}
