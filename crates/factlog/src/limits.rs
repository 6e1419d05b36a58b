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

/// Most bytes in the value of an item of the state. A DynamoDB item holds 400 KiB, key and names included.
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
