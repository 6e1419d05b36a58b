//! Every limit of the contract, in one place.
//!
//! A store may be stricter where its technology is (and says so in its own documentation), never
//! looser: what one store accepts, another can import.

/// Longest stream name, in bytes of UTF-8. A DynamoDB partition key holds 2,048 bytes, and a
/// layout may put a prefix before the name.
pub const STREAM_NAME_BYTES_MAX: usize = 1_024;

/// Longest event type, in bytes of UTF-8.
pub const EVENT_TYPE_BYTES_MAX: usize = 256;

/// Most bytes of data in one event.
pub const EVENT_DATA_BYTES_MAX: usize = 8 << 20;

/// Most bytes of metadata in one event.
pub const EVENT_METADATA_BYTES_MAX: usize = 1 << 20;

/// Most events in one append, over all its streams.
pub const APPEND_EVENTS_MAX: usize = 10_000;

/// Most streams that one append writes or checks.
pub const APPEND_STREAMS_MAX: usize = 1_000;

/// Most bytes of one append: names, types, data and metadata of all its events.
pub const APPEND_BYTES_MAX: usize = 16 << 20;

/// Most names, prefixes, categories, types and patterns in one filter, taken together.
pub const FILTER_TERMS_MAX: usize = 1_000;

/// Most bytes of memory that one compiled regular expression of a filter may take.
pub const FILTER_REGEX_BYTES_MAX: usize = 1 << 20;

/// Most streams on one page of a listing.
pub const STREAM_PAGE_MAX: usize = 1_000;

/// Most positions that a subscription scans before it reports how far it is, although nothing
/// matched its filter.
pub const SUBSCRIPTION_WINDOW: u64 = 10_000;

/// Longest partition of the state, in bytes of UTF-8: a stream's name with something around it. A
/// DynamoDB partition key holds 2,048 bytes.
pub const STATE_PARTITION_BYTES_MAX: usize = 1_536;

/// Longest sort key of the state. A DynamoDB sort key holds 1,024 bytes, and none is empty.
pub const STATE_SORT_BYTES_MAX: usize = 1_000;

/// Most bytes in the value of an item of the state. A DynamoDB item holds 400 KiB, key and names
/// included.
pub const STATE_VALUE_BYTES_MAX: usize = 350 << 10;

/// Most items in one write to the state.
pub const STATE_WRITE_ITEMS_MAX: usize = 10_000;

/// So many items every store takes in one write to the state: those of a DynamoDB transaction.
pub const STATE_WRITE_ITEMS_MIN: usize = 100;

/// Most bytes of one write to the state, keys and values. A DynamoDB transaction holds 4 MiB.
pub const STATE_WRITE_BYTES_MAX: usize = 3_584 << 10;

/// How many of a stream's last commands are known when they come again, unless an executor is told
/// otherwise. Each takes 32 bytes of a state in memory, and about 50 of a snapshot.
pub const DECIDER_COMMANDS_KEPT: usize = 128;

/// Most states in the cache of an executor, unless it is told otherwise.
pub const DECIDER_STATES_CACHED: usize = 1_000;

/// Most times that a command is decided, and that one append is sent, unless an executor is told otherwise.
pub const DECIDER_ATTEMPTS: u32 = 100;

/// Longest name of a decider's snapshots, in bytes of UTF-8: with a stream's name it is a partition.
pub const SNAPSHOT_NAME_BYTES_MAX: usize = 256;

/// Most snapshots that wait to be written; those that come then are not written.
pub const SNAPSHOTS_WAITING_MAX: usize = 100;

/// Longest name of a projection.
pub const PROJECTION_NAME_BYTES_MAX: usize = 100;

/// Longest key of a document. With a value it makes a sort key of an index.
pub const DOCUMENT_KEY_BYTES_MAX: usize = 512;

/// Most streams whose versions a document carries: those that changed it last.
pub const DOCUMENT_SOURCES_MAX: usize = 16;

/// Longest field of an index or a condition: the path to it.
pub const FIELD_BYTES_MAX: usize = 200;

/// Most indexes of one view.
pub const INDEXES_MAX: usize = 20;

/// Longest value that an index holds whole, as it is encoded. Of a longer one it holds this much,
/// and a hash.
pub const INDEX_VALUE_BYTES_MAX: usize = 400;

/// Most documents on one page of a query.
pub const QUERY_PAGE_MAX: usize = 1_000;

/// Most conditions of a query.
pub const QUERY_CONDITIONS_MAX: usize = 20;

/// Most documents that a query, or a count that has to look at documents, reads to answer once.
pub const QUERY_SCAN_MAX: usize = 10_000;

/// Most entries of an index that a count walks.
pub const COUNT_SCAN_MAX: u64 = 100_000;

/// Most lanes of a projection.
pub const PROJECTION_LANES_MAX: u16 = 64;

/// Most positions that a projection goes without writing its checkpoint: what is read again after a
/// stop.
pub const PROJECTION_WINDOW: u64 = 100_000;

/// Bytes of documents that a lane of a projection keeps in memory between its writes.
pub const PROJECTION_CACHE_BYTES: u64 = 32 << 20;

/// Bytes that a lane marks in which it has forgotten of them: see `projection/forgotten.rs`.
pub const PROJECTION_FORGOTTEN_BYTES: usize = 4 << 20;

/// Most transitions that the record of a projection remembers.
pub const PROJECTION_TRANSITIONS_MAX: usize = 32;

/// Most failures on one page of a listing.
pub const FAILURE_PAGE_MAX: usize = 1_000;

/// How often a write that changes a projection's record is tried when others change it too.
pub const RECORD_TRIES_MAX: usize = 100;
