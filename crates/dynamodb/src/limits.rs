//! Every limit of the DynamoDB store, in one place. The contract's own stand in [`factlog::limits`];
//! those of DynamoDB are from "Quotas in Amazon DynamoDB" and "Constraints" in the Developer Guide.

use std::time::Duration;

/// Most bytes of an item, names of attributes included (DynamoDB's).
pub const ITEM_BYTES_MAX: usize = 400 << 10;

/// Most items of one transaction (DynamoDB's): streams that are written or checked, and pieces.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// Most bytes of all items of one transaction (DynamoDB's).
pub const TRANSACTION_BYTES_MAX: usize = 4 << 20;

/// Most keys of one batch of reads (DynamoDB's).
pub const BATCH_GET_KEYS_MAX: usize = 100;

/// Most bytes of different event types in one append: a page of the log names them all.
pub const APPEND_TYPES_BYTES_MAX: usize = 1 << 20;

/// Times that the SDK sends a request which fails in passing; then the store is unavailable.
pub const ATTEMPTS_MAX: u32 = 8;

/// Requests that a process may send again at once, all together; as many again as [`RETRIES_A_SECOND`] allow.
pub const RETRIES_AT_ONCE: usize = 2_000;

/// Requests that a process may send again each second, all together and for as long as it takes.
pub const RETRIES_A_SECOND: f32 = 100.0;

/// How long one attempt of a request, or its connection, may take.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request may take with all its attempts and pauses.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Times that one append, or one write of a transaction, is tried while others take the place where it would go.
pub const APPEND_ATTEMPTS_MAX: u32 = 100;

/// The longest pause before the second attempt; it doubles with each one.
pub const PAUSE_FIRST: Duration = Duration::from_millis(10);

/// The longest pause before any attempt.
pub const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Streams whose ends a process remembers.
pub const ENDS_KEPT: usize = 64 << 10;

/// Queries that one call makes at once.
pub const QUERIES_AT_ONCE: usize = 16;

/// Batches of events that a reader of the log fetches at once.
pub const BATCHES_AT_ONCE: usize = 3;

/// Most items of one request of a scan. DynamoDB ends it at a megabyte, which is before; without a number DynamoDB Local
/// goes through the rest of the table for each.
pub const SCAN_ITEMS_MAX: i32 = 10_000;

/// Pages of the log that the first query of a read answers, and at most; they double in between.
pub const PAGES_FIRST: i32 = 4;
/// Most pages of the log that one query answers.
pub const PAGES_MAX: i32 = 256;

/// The first interval at which a waiter asks for new pages; it doubles up to [`POLL_MAX`].
pub const POLL_FIRST: Duration = Duration::from_millis(20);

/// The interval at which a waiter asks that has waited for long: what subscribers lag behind at most.
pub const POLL_MAX: Duration = Duration::from_millis(500);

/// Most items of one batch of writes (DynamoDB's).
pub const BATCH_WRITE_ITEMS_MAX: usize = 25;

/// Differences that a verification names.
pub const DIFFERENCES_MAX: usize = 1_000;

/// How long a sequencer has the lease that it took or renewed.
pub const LEASE: Duration = Duration::from_secs(10);

/// How often a sequencer asks for the lease that another has.
pub const LEASE_ASKED: Duration = Duration::from_secs(1);

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

/// Most characters of a store's name: those of a table's name (DynamoDB's 255) without the longest ending.
pub const STORE_NAME_LENGTH_MAX: usize = 255 - "-events".len();

/// How often a table that is being made is looked at.
pub const TABLE_POLL: Duration = Duration::from_secs(1);

/// Times that a table which is being made is looked at.
pub const TABLE_POLLS_MAX: u32 = 600;

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

/// Most objects that one append writes, or one page of a read fetches, at the same time.
pub const LARGE_REQUESTS_MAX: usize = 8;

/// How often a sequencer looks at the stream while nothing happens: DynamoDB allows five looks a second at each shard.
pub const SEQUENCER_POLL: Duration = Duration::from_millis(250);
