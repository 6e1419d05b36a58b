//! Every limit of the DynamoDB store, in one place. The contract's own stand in [`factlog::limits`];
//! those of DynamoDB are from "Quotas in Amazon DynamoDB" and "Constraints" in the Developer Guide.

use std::time::Duration;

/// Most bytes of an item, names of attributes included (DynamoDB's).
pub const ITEM_BYTES_MAX: usize = 400 << 10;

/// Most items of one transaction (DynamoDB's): streams that are written or checked, and pieces.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// Most bytes of all items of one transaction (DynamoDB's).
pub const TRANSACTION_BYTES_MAX: usize = 4 << 20;

/// Most characters of a store's name: those of a table's name (DynamoDB's 255) without the longest ending.
pub const STORE_NAME_LENGTH_MAX: usize = 255 - "-events".len();

/// How often a table that is being made is looked at.
pub const TABLE_POLL: Duration = Duration::from_secs(1);

/// Times that a table which is being made is looked at.
pub const TABLE_POLLS_MAX: u32 = 600;
