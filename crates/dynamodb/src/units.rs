//! Read and write units from the bytes of items, by DynamoDB's rules ("DynamoDB read and write operations" in the
//! Developer Guide).

use crate::limits::{READ_UNIT_BYTES, WRITE_UNIT_BYTES};

/// The write units of one item of so many bytes. In a transaction it takes twice as many.
pub(crate) fn write_units(item_bytes: usize) -> usize {
    item_bytes.div_ceil(WRITE_UNIT_BYTES).max(1)
}

/// The read units of a strongly consistent query or get that reads so many bytes. An eventually consistent one takes half.
pub(crate) fn read_units(bytes: usize) -> usize {
    bytes.div_ceil(READ_UNIT_BYTES).max(1)
}

#[cfg(test)]
mod on_dynamodb;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_begun_by_its_first_byte() {
        let writes = [(0, 1), (1, 1), (1024, 1), (1025, 2), (2048, 2), (400 << 10, 400)];
        let reads = [(0, 1), (4096, 1), (4097, 2), (400 << 10, 100)];
        assert!(writes.iter().all(|&(bytes, units)| write_units(bytes) == units));
        assert!(reads.iter().all(|&(bytes, units)| read_units(bytes) == units));
    }
}
