//! Every limit of the DynamoDB store, in one place. The contract's own stand in [`factlog::limits`];
//! those of DynamoDB are from "Quotas in Amazon DynamoDB" and "Constraints" in the Developer Guide.

/// Most bytes of an item, names of attributes included (DynamoDB's).
pub const ITEM_BYTES_MAX: usize = 400 << 10;

/// Most items of one transaction (DynamoDB's): streams that are written or checked, and pieces.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// Most bytes of all items of one transaction (DynamoDB's).
pub const TRANSACTION_BYTES_MAX: usize = 4 << 20;

/// Most entries of one page of the log, unless a single commit has more.
pub const PAGE_ENTRIES_MAX: usize = 500;

/// Most bytes of names in one page of the log, unless a single commit has more.
pub const PAGE_NAME_BYTES_MAX: usize = 64 << 10;

/// Most bytes of a page of the log before compression, and of what a damaged one is unpacked to.
pub const PAGE_BYTES_MAX: usize = 2 << 20;

/// Commits that wait for a page before the sequencer writes one, whatever else it could do.
pub const PLANNED_MAX: usize = 1_000;

/// Most bytes of a page of the log in its item; the rest is for the key and other attributes.
pub const PAGE_ITEM_BYTES_MAX: usize = ITEM_BYTES_MAX - (1 << 10);

/// Pieces of the events table that the sequencer keeps until their turn; beyond that it forgets all
/// of them, between two commits, and reads again what it needs.
pub const PIECES_KEPT: usize = 10_000;

/// Watermarks that the sequencer keeps at hand, at least; at most twice as many.
pub const WATERMARKS_KEPT: usize = 50_000;

/// Streams or shards that the sequencer reads, and watermarks that it writes, at once.
pub const REQUESTS_AT_ONCE: usize = 16;

/// Streams that wait for one another because of commits over several streams; beyond that the
/// longest-waiting is forgotten, and found again when it is its turn.
pub const CHAIN_MAX: usize = 1_000;

/// Steps of the sequencer after which it asks again whether it still has the lease.
pub const STEPS_A_LEASE: usize = 64;

/// Milliseconds after which the sequencer trusts DynamoDB Streams no more: they forget after 24 hours.
pub const STREAMS_TRUSTED_MS: i64 = 20 * 60 * 60 * 1_000;

/// Milliseconds between two looks at which shards there are.
pub const DESCRIBE_MS: i64 = 10_000;

/// Milliseconds between two heartbeats of the sequencer.
pub const HEARTBEAT_MS: i64 = 2 * 60 * 1_000;
