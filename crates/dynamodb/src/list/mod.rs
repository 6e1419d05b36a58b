//! Lists of streams, in the order in which they were created.
//!
//! The log knows that order, for all streams. Castore's layouts have an index of initial events besides, which answers
//! without a sequencer; like all indexes of DynamoDB it is eventually consistent, and so are the lists that
//! come from it. The index of the single-table layout answers for one category at a time.

mod from_index;
mod from_log;

use std::collections::HashMap;

use factlog::{ListStreams, Result, StreamInfo, StreamName, StreamPage, Version};

use crate::log::page::Page;
use crate::shared::Shared;

/// One page of streams.
pub(crate) async fn list(shared: &Shared, list: &ListStreams) -> Result<StreamPage> {
    list.validate()?;
    match shared.layout.index() {
        Some(index) if index.partition_is_number || list.category.is_some() => {
            from_index::list(shared, &index, list).await
        }
        _ => from_log::list(shared, list).await,
    }
}

/// Adds the versions that the streams are at in the log: their watermarks, which are exact for all
/// pages but the last.
async fn add_versions(
    shared: &Shared,
    streams: &mut [StreamInfo],
    tail: Option<&Page>,
) -> Result<()> {
    let names: Vec<StreamName> = streams.iter().map(|info| info.stream.clone()).collect();
    let mut next: HashMap<StreamName, Version> = shared.watermarks(&names, false).await?;
    for entry in tail.iter().flat_map(|page| &page.entries) {
        if let Some(known) = next.get_mut(&entry.stream) {
            *known = (*known).max(entry.first.plus(entry.types.len() as u64));
        }
    }
    for info in streams {
        info.version = next.get(&info.stream).map(|next| next.previous());
    }
    Ok(())
}
