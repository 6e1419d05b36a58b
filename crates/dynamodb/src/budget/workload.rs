//! What is appended to compute and to measure: always the same.

use factlog::{Event, EventId, EventType, Result, StreamName};

use crate::backoff::{Backoff, Pauses};

/// Bytes of the event of which a write unit holds one.
pub(super) const ONE: usize = 850;
/// Bytes of one of many events.
pub(super) const SMALL: usize = 100;
/// Commits of the stream that is loaded.
pub(super) const LOADED: u64 = 20;
/// Commits that wait for the sequencer at once, and events that are read of the log.
pub(super) const MANY: u64 = 100;

/// A stream of that number, its name as long, and as hard to compress, as one with a random id.
pub(super) fn stream(number: u64) -> Result<StreamName> {
    let noise = Backoff::new(Pauses::default(), number);
    let id = EventId::from_u64_pair(noise.draw(), noise.draw());
    StreamName::new(format!("measured-{id}"))
}

/// So many events, their data JSON of so many bytes that does not compress well.
pub(super) fn events(count: u64, bytes: usize, number: u64) -> Result<Vec<Event>> {
    let noise = Backoff::new(Pauses::default(), number);
    let event = |_| {
        let id = EventId::from_u64_pair(noise.draw(), noise.draw());
        let mut hash = String::new();
        while hash.len() < bytes {
            hash += &format!("{:016x}", noise.draw());
        }
        let frame = r#"{"hash":""}"#.len();
        let data = format!(r#"{{"hash":"{}"}}"#, &hash[..bytes - frame]);
        Ok(Event::new(id, EventType::new("Measured")?, data.into_bytes()))
    };
    (0..count).map(event).collect()
}
