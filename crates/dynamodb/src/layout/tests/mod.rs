//! Every layout on the same events: what is written comes back, fits, and costs what it should.

mod budget;
mod fixtures;
mod foreign;
mod round_trip;

use factlog::{Event, StreamName, Timestamp, Version};
use uuid::Uuid;

use super::{Encoded, Layout, PartToWrite};

const RECORDED: &str = "2026-01-02T03:04:05.678Z";

/// All layouts, one of custom names with native types and one with strings.
fn layouts() -> Vec<Layout> {
    [
        "native",
        "castore",
        "castore-single-table",
        "custom:stream=StreamId,version=EventId,type=EventName,data=Payload",
        "custom:stream=S,version=V,type=T,data=D,metadata=M,timestamp=At,data-format=string",
    ]
    .map(|text| text.parse().unwrap())
    .into()
}

fn stream(name: &str) -> StreamName {
    name.parse().unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn event(id: u128, event_type: &str, data: impl Into<Vec<u8>>) -> Event {
    Event::new(Uuid::from_u128(id), event_type.parse().unwrap(), data.into())
}

/// A part alone in its commit, recorded at [`RECORDED`], without an object store.
fn part<'a>(stream: &'a StreamName, first: u64, events: &'a [Event]) -> PartToWrite<'a> {
    let recorded = time(RECORDED);
    PartToWrite {
        stream,
        first: Version::new(first),
        events,
        recorded,
        index_time: recorded,
        parts: &[],
        large_events: false,
    }
}

fn encode(layout: &Layout, part: PartToWrite<'_>) -> Encoded {
    layout.encode(part).unwrap()
}

/// Bytes that don't compress.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}
