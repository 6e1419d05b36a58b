//! What differs, named: the streams that do not agree are read once more, in the log and in the table.

use std::collections::{BTreeMap, HashMap};

use factlog::{Position, Result, StreamName, Version};
use futures::TryStreamExt;

use super::table::Found;
use super::walk::walk;
use super::{Difference, Log};
use crate::limits::{BATCH_GET_KEYS_MAX, DIFFERENCES_MAX, PAGES_MAX};
use crate::shared::Shared;

/// Names the differences of these streams.
pub(super) async fn streams(
    shared: &Shared,
    log: &Log,
    mut differing: Vec<StreamName>,
    found: &mut Found,
) -> Result<()> {
    if differing.is_empty() {
        return Ok(());
    }
    differing.truncate(DIFFERENCES_MAX);
    let placed = places(shared, &differing, log.next).await?;
    for stream in differing {
        let there = heads(shared, &stream).await?;
        let places = placed.get(&stream).map_or(&[][..], Vec::as_slice);
        let mut at: BTreeMap<Version, Position> = BTreeMap::new();
        let mut highest = Version::ZERO;
        for (position, first, next) in places.iter().copied() {
            let (stream, version) = (stream.clone(), first);
            if at.insert(first, position).is_some() {
                found.differs(Difference::PlacedTwice { stream, version, position });
            } else if there.get(&first) != Some(&next) {
                found.differs(Difference::Missing { stream, version, position });
            } else if first < highest {
                found.differs(Difference::OutOfOrder { stream, version, position });
            }
            highest = highest.max(first);
        }
        for first in
            there.keys().copied().filter(|first| *first < highest && !at.contains_key(first))
        {
            found.differs(Difference::NotPlaced { stream: stream.clone(), version: first });
        }
    }
    Ok(())
}

/// Where the items of these streams stand in the log: position, first version, version after the last.
async fn places(
    shared: &Shared,
    streams: &[StreamName],
    before: Position,
) -> Result<HashMap<StreamName, Vec<(Position, Version, Version)>>> {
    let mut places: HashMap<_, Vec<_>> =
        streams.iter().map(|stream| (stream.clone(), Vec::new())).collect();
    let mut pages = shared.all_pages(Position::FIRST, before.previous(), false, PAGES_MAX);
    while let Some(page) = pages.try_next().await? {
        for (position, entry) in page.placed() {
            if let Some(places) = places.get_mut(&entry.stream) {
                places.push((position, entry.first, entry.next()));
            }
        }
    }
    Ok(places)
}

/// The items of a stream: first version, version after the last.
async fn heads(shared: &Shared, stream: &StreamName) -> Result<BTreeMap<Version, Version>> {
    let mut heads = BTreeMap::new();
    let mut query = shared.query_of(stream);
    loop {
        let page = shared.client.query(query.clone()).await?;
        for item in &page.items {
            let piece = shared.layout.decode_head(item)?;
            heads.insert(piece.first, piece.next());
        }
        query.start = page.next;
        if query.start.is_none() {
            return Ok(heads);
        }
    }
}

/// Compares the watermarks with the log. They may lag behind by the last page, and no more.
pub(super) async fn watermarks(shared: &Shared, log: &mut Log, found: &mut Found) -> Result<()> {
    let lowest: Vec<(StreamName, Version)> = log
        .streams
        .iter()
        .map(|(stream, tally)| {
            let before_tail = log.before_tail.get(stream).copied();
            (stream.clone(), before_tail.unwrap_or(tally.next))
        })
        .collect();
    let mut high = Vec::new();
    for batch in lowest.chunks(BATCH_GET_KEYS_MAX) {
        let names: Vec<StreamName> = batch.iter().map(|(stream, _)| stream.clone()).collect();
        let marks = shared.watermarks(&names, true).await?;
        for (stream, low) in batch {
            let watermark = marks.get(stream).copied().unwrap_or(Version::FIRST);
            let next = log.streams.get(stream).map_or(Version::FIRST, |tally| tally.next);
            if watermark < *low {
                let stream = stream.clone();
                found.differs(Difference::Watermark { stream, log: next, watermark });
            } else if watermark > next {
                high.push((stream.clone(), watermark));
            }
        }
    }
    // A watermark that is ahead belongs to a page that was written meanwhile, or is wrong.
    walk(shared, log, &mut |_| {}).await?;
    for (stream, watermark) in high {
        let next = log.streams.get(&stream).map_or(Version::FIRST, |tally| tally.next);
        if watermark > next {
            found.differs(Difference::Watermark { stream, log: next, watermark });
        }
    }
    Ok(())
}
