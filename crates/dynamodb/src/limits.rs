//! Every limit of the DynamoDB store, in one place. The contract's own stand in [`factlog::limits`];
//! those of DynamoDB are from "Quotas in Amazon DynamoDB" and "Constraints" in the Developer Guide.

/// Most bytes of an item, names of attributes included (DynamoDB's).
pub const ITEM_BYTES_MAX: usize = 400 << 10;

/// Most items of one transaction (DynamoDB's): streams that are written or checked, and pieces.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// Most bytes of all items of one transaction (DynamoDB's).
pub const TRANSACTION_BYTES_MAX: usize = 4 << 20;
