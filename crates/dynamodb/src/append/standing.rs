//! Whether an append stands already: its events, by id and in order, where it would have put them.

use factlog::{Appended, Result, StreamAppend, Timestamp, Version};

use crate::ends::End;
use crate::read;
use crate::shared::Shared;

/// The first answer to an append that is repeated; `None` if one of its parts does not stand.
pub(super) async fn find(
    shared: &Shared,
    parts: &[StreamAppend],
    ends: &[End],
) -> Result<Option<Appended>> {
    let mut versions = Vec::with_capacity(parts.len());
    let mut recorded = Timestamp::from_unix_nanos(i64::MIN);
    for (part, end) in parts.iter().zip(ends).filter(|(part, _)| !part.events.is_empty()) {
        let Some((version, at)) = part_stands(shared, part, end).await? else { return Ok(None) };
        versions.push((part.stream.clone(), version));
        recorded = recorded.max(at);
    }
    Ok(Some(Appended::new(versions, None, recorded)))
}

/// The last version of the part, and when it was recorded, if it stands. An append to a known version stands
/// there for ever; any other while it is the stream's last commit.
async fn part_stands(
    shared: &Shared,
    part: &StreamAppend,
    end: &End,
) -> Result<Option<(Version, Timestamp)>> {
    let count = part.events.len() as u64;
    let before = match part.expected.version() {
        Some(version) => version,
        None if end.commit_events() == count => end.first.previous(),
        None => return Ok(None),
    };
    let last = before.plus(count);
    if last > end.version {
        return Ok(None);
    }
    let last_ids = end.ids.iter().rev().zip(part.events.iter().rev());
    if last == end.version && last_ids.into_iter().any(|(there, event)| *there != event.id) {
        return Ok(None);
    }
    if last == end.version && end.ids.len() as u64 >= count {
        return Ok(Some((last, end.recorded)));
    }
    let mut events = read::stream_range(shared, &part.stream, before.next(), last).await?;
    let same = |(there, event): (&factlog::RecordedEvent, &factlog::Event)| there.id == event.id;
    let stands = events.len() == part.events.len() && events.iter().zip(&part.events).all(same);
    Ok(events.pop().filter(|_| stands).map(|event| (last, event.recorded)))
}
