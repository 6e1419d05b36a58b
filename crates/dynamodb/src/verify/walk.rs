//! The log, page by page.

use std::mem;

use factlog::{Error, Position, Result};
use futures::TryStreamExt;

use super::{Log, mix, mix_text};
use crate::commit::Part;
use crate::limits::PAGES_MAX;
use crate::log::page::{Entry, Page};
use crate::shared::Shared;

/// Walks from where the log was left to its end.
///
/// # Errors
/// `Corrupt` for a page that can't be read or does not follow the one before it.
pub(super) async fn walk(
    shared: &Shared,
    log: &mut Log,
    progress: &mut (impl FnMut(u64) + Send),
) -> Result<()> {
    let mut pages = shared.all_pages(log.next, Position::MAX, false, PAGES_MAX);
    while let Some(page) = pages.try_next().await? {
        take(log, &page)?;
        progress(page.entries.len() as u64);
    }
    Ok(())
}

fn take(log: &mut Log, page: &Page) -> Result<()> {
    if page.first != log.next {
        let (expected, found) = (log.next, page.first);
        return Err(Error::corrupt(format!(
            "the log has a gap: a page was expected at position {expected}, the next is at {found}"
        )));
    }
    log.before_tail.clear();
    let mut commit: Vec<&Entry> = Vec::new();
    for entry in &page.entries {
        let tally = log.streams.entry(entry.stream.clone()).or_default();
        log.before_tail.entry(entry.stream.clone()).or_insert(tally.next);
        tally.add(entry.first, entry.next());
        commit.push(entry);
        if entry.ends_commit {
            let commit = mem::take(&mut commit);
            if let [first, _, ..] = commit[..] {
                let parts = parts_of(&commit);
                log.commits.insert((first.stream.clone(), first.first), hash_of(&parts));
            }
        }
    }
    if let Some(open) = commit.first() {
        return Err(Error::corrupt(format!(
            "the page of the log at position {} ends within the commit that begins with stream {} version {}",
            page.first, open.stream, open.first
        )));
    }
    log.pages += 1;
    log.next = page.next();
    Ok(())
}

/// The parts of a commit whose pieces these are.
fn parts_of(pieces: &[&Entry]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces {
        let count = u32::try_from(piece.types.len()).unwrap_or(u32::MAX);
        match parts.last_mut() {
            Some(part) if part.stream == piece.stream && part.last().next() == piece.first => {
                part.count += count;
            }
            _ => parts.push(Part { stream: piece.stream.clone(), first: piece.first, count }),
        }
    }
    parts
}

pub(super) fn hash_of(parts: &[Part]) -> u64 {
    parts.iter().fold(0, |hash, part| {
        mix(mix(mix_text(hash, part.stream.as_str()) ^ part.first.number()) ^ u64::from(part.count))
    })
}
