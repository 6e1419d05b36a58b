//! How the trees of the store, that of its index and that of its state, lie on disk and in memory.

use std::path::Path;
use std::sync::Arc;

use lsm_tree::config::PinningPolicy;
use lsm_tree::{Cache, Config, SequenceNumberCounter};

/// A tree that keeps so many bytes of blocks in memory.
///
/// Of each file there is a filter and an index, about a hundredth of it. Those of the upper two levels stay
/// in memory whole. Those of the others, whose size has no bound, are read and kept a block at a time: whole ones
/// would be larger than what a part of the cache holds, and be read again for each key.
pub(crate) fn config(
    path: &Path,
    numbers: SequenceNumberCounter,
    visible: SequenceNumberCounter,
    cache_bytes: u64,
) -> Config {
    let upper_levels = |upper: bool| PinningPolicy::new([upper, upper, !upper]);
    Config::new(path, numbers, visible)
        .use_cache(Arc::new(Cache::with_capacity_bytes(cache_bytes)))
        .filter_block_pinning_policy(upper_levels(true))
        .index_block_pinning_policy(upper_levels(true))
        .filter_block_partitioning_policy(upper_levels(false))
        .index_block_partitioning_policy(upper_levels(false))
}
