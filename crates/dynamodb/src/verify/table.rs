//! The events table, scanned: each stream in one go, since its items lie in one partition.

use std::collections::HashSet;

use factlog::{Result, StreamName, Version};

use super::compare;
use super::walk::hash_of;
use super::{Difference, Log, Tally};
use crate::commit::PieceHead;
use crate::limits::DIFFERENCES_MAX;
use crate::shared::Shared;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) streams: u64,
    pub(super) waiting: u64,
    pub(super) differences: Vec<Difference>,
}

impl Found {
    pub(super) fn differs(&mut self, difference: Difference) {
        if self.differences.len() < DIFFERENCES_MAX && !self.differences.contains(&difference) {
            self.differences.push(difference);
        }
    }
}

/// The stream that the scan is in.
struct Current {
    stream: StreamName,
    /// All of its items.
    all: Version,
    /// Those that the log has come to.
    placed: Tally,
}

/// Scans the table and compares it with the log.
pub(super) async fn scan(
    shared: &Shared,
    log: &Log,
    progress: &mut (impl FnMut(u64) + Send),
) -> Result<Found> {
    let (mut found, mut seen, mut current) = (Found::default(), HashSet::new(), None);
    let mut differing = Vec::new();
    let mut start = None;
    loop {
        let page = shared.client.scan(&shared.tables.events, start).await?;
        for item in &page.items {
            let piece = shared.layout.decode_head(item)?;
            if current.as_ref().is_none_or(|c: &Current| c.stream != piece.stream) {
                differing.extend(current.take().filter(|c| differs(log, c)).map(|c| c.stream));
                seen.insert(piece.stream.clone());
                let (all, placed) = (Version::FIRST, Tally::default());
                current = Some(Current { stream: piece.stream.clone(), all, placed });
            }
            if let Some(current) = &mut current {
                take(log, current, &piece, &mut found);
            }
        }
        progress(page.items.len() as u64);
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    differing.extend(current.take().filter(|c| differs(log, c)).map(|c| c.stream));
    differing.extend(log.streams.keys().filter(|stream| !seen.contains(*stream)).cloned());
    found.streams = seen.len() as u64;
    compare::streams(shared, log, differing, &mut found).await?;
    Ok(found)
}

fn take(log: &Log, current: &mut Current, piece: &PieceHead, found: &mut Found) {
    if piece.first != current.all {
        let (stream, expected) = (piece.stream.clone(), current.all);
        found.differs(Difference::VersionGap { stream, expected, found: piece.first });
    }
    current.all = piece.next();
    let end = log.streams.get(&piece.stream).map_or(Version::FIRST, |tally| tally.next);
    if piece.first >= end {
        found.waiting += 1;
        return;
    }
    current.placed.add(piece.first, piece.next());
    let leads = piece
        .parts
        .first()
        .is_some_and(|part| part.stream == piece.stream && part.first == piece.first);
    let placed = || log.commits.get(&(piece.stream.clone(), piece.first)).copied();
    if leads && placed() != Some(hash_of(&piece.parts)) {
        let (stream, version) = (piece.stream.clone(), piece.first);
        found.differs(Difference::Torn { stream, version });
    }
}

fn differs(log: &Log, current: &Current) -> bool {
    let placed = log.streams.get(&current.stream).copied().unwrap_or_default();
    placed != current.placed || !placed.in_order
}
