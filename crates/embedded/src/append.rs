//! The way of an append, on its caller's side: checked, encoded, decided, placed; then it waits.

use std::sync::Arc;

use factlog::{Append, Appended, Error, Position, Result, StreamAppend, Timestamp, Version};

use crate::group::Encoded;
use crate::index::part::Head;
use crate::queue::{Decision, Known, last_version};
use crate::read;
use crate::shared::Shared;
use crate::turn;

/// Appends, and answers when that is durable.
pub(crate) async fn append(shared: &Arc<Shared>, append: Append) -> Result<Appended> {
    append.validate()?;
    let encoded = Encoded::new(&append);
    let mut known = Known::default();
    let (answer, pending) = loop {
        match shared.queue.offer(&append, &encoded, &known) {
            Decision::Answer(answer, pending) => break (answer, pending),
            Decision::Lead(appended, fate, patience) => {
                turn::lead(shared, &fate, patience).await;
                break (Ok(appended), Some(fate));
            }
            Decision::Unknown { since } => {
                let head = |part: &StreamAppend| shared.index.head(&part.stream);
                let heads = append.streams().iter().map(|part| Ok(head(part)?.unwrap_or_default()));
                known = Known { heads: heads.collect::<Result<_>>()?, since, ..known };
            }
            Decision::Repeated(heads, pending) => match standing(shared, &append, &heads)? {
                Standing::There(appended) => return Ok(appended),
                Standing::NotThere => known.not_there = Some(heads),
                Standing::Unreadable => match pending {
                    // However that ends: then it is asked again.
                    Some(fate) => drop(fate.wait().await),
                    None => return Err(Error::internal("a durable event can't be read")),
                },
            },
            Decision::Wait(room) => room.await,
        }
    };
    drop((append, encoded, known));
    match (pending, answer) {
        (None, answer) => answer,
        (Some(fate), Ok(appended)) => fate.wait().await.map(|()| appended),
        (Some(fate), Err(refused)) => {
            let lost = |e: Error| Error::new(e.kind().clone(), e.to_string());
            fate.wait().await.map_err(lost)?;
            Err(refused)
        }
    }
}

/// What stands where an append would have put its events.
enum Standing {
    /// Its events: the first answer to it.
    There(Appended),
    /// Others.
    NotThere,
    /// Something that can't be read yet.
    Unreadable,
}

fn standing(shared: &Arc<Shared>, append: &Append, heads: &[Head]) -> Result<Standing> {
    let written = append.streams().iter().zip(heads).filter(|(part, _)| !part.events.is_empty());
    for (part, head) in written.clone() {
        let readable = shared.index.head(&part.stream)?.unwrap_or_default();
        if readable.version < last_version(part, *head) {
            return Ok(Standing::Unreadable);
        }
    }
    let mut versions = Vec::new();
    let mut last = (Position::ZERO, Timestamp::default());
    for (part, head) in written {
        let end = last_version(part, *head);
        let first = Version::new(end.number() - part.events.len() as u64 + 1);
        let standing = read::events_at(shared, &part.stream, first, end)?;
        let same = standing.len() == part.events.len()
            && standing.iter().zip(&part.events).all(|(there, new)| there.id == new.id);
        let Some(event) = standing.last().filter(|_| same) else { return Ok(Standing::NotThere) };
        last = last.max((event.position, event.recorded));
        versions.push((part.stream.clone(), event.version));
    }
    Ok(Standing::There(Appended::new(versions, Some(last.0), last.1)))
}
