//! Every limit of the embedded store, in one place. The contract's own stand in
//! [`factlog::limits`].

use std::time::Duration;

/// Bytes of the first segment file. Each one after it is twice as large as the one before, up to
/// [`SEGMENT_BYTES_MAX`]: a small store stays small.
pub const SEGMENT_BYTES_FIRST: u64 = 1 << 20;

/// Most bytes of a segment file.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// Most bytes that one write to the log carries, unless a single append is larger.
pub const GROUP_BYTES_MAX: usize = 4 << 20;

/// Most appends that one write to the log carries.
pub const GROUP_APPENDS_MAX: usize = 4_096;

/// Time of a write and its sync up to which callers write their groups themselves, which blocks their threads.
pub const LED_WRITE_MAX: Duration = Duration::from_micros(500);

/// Bytes that are written between two syncs where appends are answered without one.
pub const UNSYNCED_BYTES_MAX: u64 = 16 << 20;

/// Events that the newest part of the index holds before it goes to disk.
pub const PART_EVENTS_MAX: usize = 64 << 10;

/// Parts' worth of events that may wait in memory while one goes to disk; beyond that, appends wait.
pub const PARTS_WAITING_MAX: usize = 1;

/// Events that wait before the index's thread takes them in. A reader takes them in when it comes.
pub const INDEXED_AT_ONCE: usize = 4_096;

/// Bytes of commits that wait before the index's thread takes them in.
pub const INDEXED_AT_ONCE_BYTES: usize = 2 << 20;

/// Events that may wait to be indexed before the writer takes them in itself.
pub const UNINDEXED_MAX: usize = 8 << 10;

/// Bytes of commits that may wait to be indexed before the writer takes them in itself.
pub const UNINDEXED_BYTES_MAX: usize = 4 << 20;

/// Streams whose heads the writer keeps at hand, at least; at most twice as many.
pub const HEADS_KEPT: usize = 16 << 10;

/// Bytes of the log between two landmarks of the index: what a read at a position may have to skip.
pub const LANDMARK_BYTES: u64 = 64 << 10;

/// Bytes that a scan of the log reads at once, unless a single event is larger.
pub const SCAN_BYTES: usize = 64 << 10;

/// Bytes between two wanted events that are read along rather than skipped.
pub const GAP_BYTES_MAX: u64 = 4 << 10;

/// Places of events that a read asks of the index at once.
pub const PLACES_MAX: usize = 256;

/// Places in one entry of the index on disk.
pub const ENTRY_PLACES_MAX: usize = 512;

/// Batches of the index on disk that may wait to be merged; beyond that, the next one waits.
pub const UNMERGED_MAX: usize = 12;

/// Segment files that are kept open.
pub const OPEN_FILES_MAX: usize = 128;

/// Bytes of blocks of the index that are kept in memory.
pub const INDEX_CACHE_BYTES: u64 = 24 << 20;

/// Bytes that the newest part of the state holds before it goes to disk, and so those of a file of its
/// journal, give or take one write.
pub const STATE_PART_BYTES_MAX: u64 = 32 << 20;

/// Parts of the state that may wait in memory to go to disk; beyond that, writes wait.
pub const STATE_PARTS_WAITING_MAX: usize = 1;

/// Bytes of the state that closing leaves in the journal for the next opening to read.
pub const STATE_UNFLUSHED_BYTES_MAX: u64 = 4 << 20;

/// Bytes by which the state's journal grows at once.
pub const STATE_ROOM_BYTES: u64 = 1 << 20;

/// Items that are written at once of those that are written each for itself.
pub const STATE_EACH_ITEMS: usize = 1_000;

/// Items that a scan of the state reads at once.
pub const STATE_PAGE_ITEMS: usize = 128;

/// Bytes that a scan of the state reads at once, give or take one item.
pub const STATE_PAGE_BYTES: usize = 256 << 10;

/// Bytes of blocks of the state that are kept in memory.
pub const STATE_CACHE_BYTES: u64 = 32 << 20;
