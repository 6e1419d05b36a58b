//! Every limit of the DynamoDB store, in one place. The contract's own stand in [`factlog::limits`];
//! those of DynamoDB are from "Quotas in Amazon DynamoDB" and "Constraints" in the Developer Guide.

/// Most bytes of an item, names of attributes included (DynamoDB's).
pub const ITEM_BYTES_MAX: usize = 400 << 10;

/// Most items of one transaction (DynamoDB's): streams that are written or checked, and pieces.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// Most bytes of all items of one transaction (DynamoDB's).
pub const TRANSACTION_BYTES_MAX: usize = 4 << 20;

/// Bytes of one write unit (DynamoDB's): an item takes one for each begun.
pub const WRITE_UNIT_BYTES: usize = 1 << 10;

/// Bytes of one read unit (DynamoDB's): a request takes one for each begun, half of one where it is eventually consistent.
pub const READ_UNIT_BYTES: usize = 4 << 10;

/// Longest name of an attribute (DynamoDB's limit for one that is a key).
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 255;

/// Deepest JSON that becomes an attribute: DynamoDB nests 32 levels, of which the item takes some.
pub const JSON_DEPTH_MAX: usize = 30;

/// Most bytes that the packed events of one item unfold to: what the contract lets one append have, with ids and times.
pub const PACKED_BYTES_MAX: usize = 2 * factlog::limits::APPEND_BYTES_MAX;

/// Most bytes of data, or of metadata, of one event in the layout `native`, where no object store takes large events.
pub const NATIVE_BODY_BYTES_MAX: usize = 384 << 10;

/// Most bytes of one append in the layout `native`, where no object store takes large events.
pub const NATIVE_APPEND_BYTES_MAX: usize = 7 << 19;

/// Most bytes of data, or of metadata, of one event in the layouts of one item an event, where no object store takes large
/// events. JSON grows up to half when it becomes attributes, and its own text may stand beside them.
pub const JSON_BODY_BYTES_MAX: usize = 128 << 10;

/// Most bytes of one append in the layouts of one item an event, where no object store takes large events.
pub const JSON_APPEND_BYTES_MAX: usize = 3 << 19;

/// Most objects that one append writes at the same time.
pub const LARGE_REQUESTS_MAX: usize = 8;
