//! The table of a layout, from the sizes of its items by DynamoDB's rules.

use factlog::{Event, Position, Result, Timestamp, Version};

use super::workload::{LOADED, MANY, ONE, SMALL, events, stream};
use super::{Call, Spent};
use crate::cost::Cost;
use crate::item::item_bytes;
use crate::layout::{Layout, PartToWrite};
use crate::limits::{HEARTBEAT_MS, LEASE, POLL_MAX};
use crate::log::page::{Entry, Page};
use crate::log::table::page_item;
use crate::sequencer::frontier::Frontier;
use crate::units::{read_units, write_units};

/// What calls cost in a layout.
///
/// # Errors
/// None that depends on the layout.
pub fn computed(layout: &Layout) -> Result<Vec<Spent>> {
    let (one, small) = (events(1, ONE, 0)?, events(1, SMALL, 0)?);
    let appended = |first, events| commit(layout, first, events).map(|(_, cost)| cost);
    let mut loaded = 0;
    for version in 1..=LOADED {
        loaded += commit(layout, version, &small)?.0;
    }
    let (page, many) = (page_bytes(MANY)?, u32::try_from(MANY).unwrap_or(u32::MAX));
    let read_page = read(page);
    // Items of a batch are counted one by one, half because it need not be consistent.
    let events_of_page = Cost { requests: 1, read_units: MANY as f64 / 2.0, write_units: 0.0 };
    // Watermarks that are not there yet are read in one batch.
    let marks_of_page = Cost { requests: 1, read_units: MANY as f64, write_units: 0.0 };
    let look = Cost { requests: 1, read_units: 0.5, write_units: 0.0 };
    let once = [
        (Call::AppendFirst, appended(1, &one)?),
        (Call::AppendLoaded, appended(2, &one)?),
        (Call::AppendUnloaded, read(0) + appended(3, &one)?),
        (Call::AppendTen, appended(1, &events(10, SMALL, 0)?)?),
        (Call::Load, read(loaded)),
        (Call::ReadOn, read(0)),
        (Call::Head, read_page),
        (Call::ReadLog, read_page * 3 + events_of_page),
        (Call::ReadNothing, read_page * 3),
        (Call::SequenceOne, read(0) + write(page_bytes(1)?) + write(0)),
    ];
    let mut all: Vec<_> = once.into_iter().map(|(call, cost)| Spent::once(call, cost)).collect();
    all.push(Spent { call: Call::Wait, cost: look, times: POLL_MAX.as_secs_f64() });
    let cost = marks_of_page + write(page) + write(0) * many;
    all.push(Spent { call: Call::SequenceMany, cost, times: MANY as f64 });
    all.push(standing(read(0) + write(0), write(0)));
    Ok(all)
}

/// What a sequencer costs that only stays: one renewal of its lease, and one heartbeat.
pub(super) fn standing(renewal: Cost, heartbeat: Cost) -> Spent {
    let seconds = HEARTBEAT_MS as f64 / 1e3;
    let renewals = u64::try_from(HEARTBEAT_MS).unwrap_or(0) / (LEASE.as_secs() * 500);
    let cost = renewal * u32::try_from(renewals).unwrap_or(u32::MAX) + heartbeat;
    Spent { call: Call::Sequencer, cost, times: seconds }
}

/// The bytes of all items of a commit, and what one request that writes them costs.
fn commit(layout: &Layout, first: u64, events: &[Event]) -> Result<(usize, Cost)> {
    let recorded = Timestamp::default();
    let part = PartToWrite {
        stream: &stream(0)?,
        first: Version::new(first),
        events,
        recorded,
        index_time: recorded,
        parts: &[],
        large_events: false,
    };
    let items = layout.encode(part)?.items;
    let of_items: usize = items.iter().map(|item| write_units(item_bytes(item))).sum();
    let times = if items.len() > 1 { 2 } else { 1 };
    let of_index = items.iter().filter(|item| layout.is_indexed(item)).count();
    let write_units = (of_items * times + of_index) as f64;
    let cost = Cost { requests: 1, read_units: 0.0, write_units };
    Ok((items.iter().map(item_bytes).sum(), cost))
}

/// The bytes of the item of a page with so many entries.
fn page_bytes(entries: u64) -> Result<usize> {
    let entry = |number| {
        let types = events(1, SMALL, 0)?.into_iter().map(|event| event.event_type).collect();
        let (stream, recorded) = (stream(number)?, Timestamp::default());
        Ok(Entry { stream, first: Version::FIRST, types, recorded, ends_commit: true })
    };
    let entries = (0..entries).map(entry).collect::<Result<_>>()?;
    let (first, frontier) = (Position::FIRST, Frontier::none());
    let page = Page { first, entries, frontier, recorded_max: Timestamp::default() };
    Ok(item_bytes(&page_item(&page)?))
}

/// One consistent request that reads so many bytes.
fn read(bytes: usize) -> Cost {
    Cost { requests: 1, read_units: read_units(bytes) as f64, write_units: 0.0 }
}

/// One request that writes an item of so many bytes.
fn write(bytes: usize) -> Cost {
    Cost { requests: 1, read_units: 0.0, write_units: write_units(bytes) as f64 }
}
