//! Appends: where the streams are, what is decided, what is written.
//!
//! ```text
//!            known in this process?            asked: one consistent query a stream
//!   ends ──────────────────────────> decide <──────────────────────┐
//!                                      │                           │
//!           stands already <───────────┼──> conflict               │ a condition failed, or the
//!                                      v                           │ outcome is unknown
//!                                    write ── done                 │
//!                                      └───────────────────────────┘
//! ```
//!
//! What is known in this process may be stale, so it only ever leads to a write: the conditions of the
//! write tell whether it was true. Whoever answers with a conflict or a repeat has asked first.
//!
//! A write whose outcome is unknown is asked for, too. It may still be on its way: then the same keys are
//! free, and the error says that it may happen. Writing at the same keys again is harmless, since one
//! of two writes of the same commit fails and finds its own events there.

mod standing;
mod write;

use std::collections::HashSet;

use factlog::limits::EVENT_DATA_BYTES_MAX;
use factlog::{Append, Appended, Error, EventType, Expected, Result, StreamAppend, Version};
use futures::{StreamExt, TryStreamExt, stream};

use crate::ends::End;
use crate::error::may_have_happened;
use crate::layout::AppendLimits;
use crate::limits::{APPEND_ATTEMPTS_MAX, APPEND_TYPES_BYTES_MAX, QUERIES_AT_ONCE};
use crate::shared::Shared;

/// Writes the append, or says why not.
pub(crate) async fn append(shared: &Shared, append: &Append) -> Result<Appended> {
    append.validate()?;
    check(append, shared.layout.limits(shared.large.is_some()))?;
    let parts = append.streams();
    let mut known = ends_known(shared, parts);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let ends = match known.take() {
            Some(ends) => ends,
            None => {
                shared.client.pause(attempt - 1).await;
                match ask(shared, parts).await? {
                    Asked::Stands(answer) => return Ok(answer),
                    Asked::Ends(ends) => ends,
                }
            }
        };
        match write::write(shared, parts, &ends).await {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) if attempt < APPEND_ATTEMPTS_MAX => {}
            Ok(None) => {
                let streams = names(parts);
                return Err(Error::unavailable(format!(
                    "appending to {streams} gave way to other appends {attempt} times"
                )));
            }
            Err(error) if may_have_happened(&error) => return settle(shared, parts, error).await,
            Err(error) => return Err(error),
        }
    }
}

/// Finds out what became of a write whose outcome is unknown.
async fn settle(shared: &Shared, parts: &[StreamAppend], error: Error) -> Result<Appended> {
    match ask(shared, parts).await {
        Ok(Asked::Stands(answer)) => Ok(answer),
        Err(conflict) if !conflict.is_retryable() => Err(conflict),
        Ok(Asked::Ends(_)) | Err(_) => Err(error.and_may_have_happened()),
    }
}

/// What the truth says of an append.
enum Asked {
    /// It stands already, and this was the answer.
    Stands(Appended),
    /// What it expects holds; the streams end here.
    Ends(Vec<End>),
}

/// Asks where the streams are, and whether the append stands already or what it expects holds.
async fn ask(shared: &Shared, parts: &[StreamAppend]) -> Result<Asked> {
    let queries: Vec<_> = parts.iter().map(|part| shared.end(&part.stream)).collect();
    let ends: Vec<End> = stream::iter(queries).buffered(QUERIES_AT_ONCE).try_collect().await?;
    if let Some(answer) = standing::find(shared, parts, &ends).await? {
        return Ok(Asked::Stands(answer));
    }
    match parts.iter().zip(&ends).find(|(part, end)| !part.expected.holds_at(end.version)) {
        None => Ok(Asked::Ends(ends)),
        Some((part, end)) => Err(Error::conflict(part.stream.clone(), part.expected, end.version)),
    }
}

/// The ends that this process knows, if by them the append can be written as it is: nothing has to
/// be asked, and the conditions of the write tell whether they were stale.
fn ends_known(shared: &Shared, parts: &[StreamAppend]) -> Option<Vec<End>> {
    let known = |part: &StreamAppend| match (part.expected, shared.ends.find(&part.stream)) {
        (Expected::NoStream | Expected::Exact(Version::ZERO), None) => Some(End::default()),
        (Expected::StreamExists | Expected::Any, None) if part.events.is_empty() => {
            Some(End::default())
        }
        (expected, Some(end)) => {
            let may_stand = end.ids.last() == part.events.last().map(|event| &event.id);
            (expected.holds_at(end.version) && !may_stand).then_some(end)
        }
        _ => None,
    };
    parts.iter().map(known).collect()
}

/// Refuses what the layout has no room for.
fn check(append: &Append, limits: AppendLimits) -> Result<()> {
    let events = || append.streams().iter().flat_map(|part| &part.events);
    let data = events().map(|event| event.data.len()).max().unwrap_or(0);
    let metadata = events().map(|event| event.metadata.len()).max().unwrap_or(0);
    let types: HashSet<&EventType> = events().map(|event| &event.event_type).collect();
    let type_bytes = types.iter().map(|event_type| event_type.as_str().len()).sum();
    let has_object_store = limits.data_bytes == EVENT_DATA_BYTES_MAX;
    for (what, count, limit) in [
        ("bytes of different event types", type_bytes, APPEND_TYPES_BYTES_MAX),
        ("events", append.event_count(), limits.events),
        ("streams", append.streams().len(), limits.streams),
        ("bytes", append.size(), limits.bytes),
        ("bytes of data in one event", data, limits.data_bytes),
        ("bytes of metadata in one event", metadata, limits.metadata_bytes),
    ] {
        if count > limit {
            let remedy = match what.starts_with("bytes") && !has_object_store {
                true => "; larger events need an object store (`--large-events`)",
                false => "",
            };
            return Err(Error::too_large(format!(
                "an append has {count} {what}, the limit of the layout is {limit}{remedy}"
            )));
        }
    }
    Ok(())
}

fn names(parts: &[StreamAppend]) -> String {
    match parts {
        [one] => format!("stream {}", one.stream),
        _ => format!("{} streams", parts.len()),
    }
}
