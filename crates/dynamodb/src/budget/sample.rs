//! What the commits of a store are like: sizes and units, averaged over the end of its log.

use factlog::{Position, Result, Store as _};

use crate::item::{Item, item_bytes};
use crate::log::table::page_item;
use crate::store::Store;
use crate::units::{read_units, write_units};

/// Sums over some commits of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Commits.
    pub commits: u64,
    /// Their events.
    pub events: u64,
    /// The bytes of their items, as DynamoDB counts them.
    pub bytes: u64,
    /// What appending them took: two units for each KB where a commit has several items.
    pub write_units: u64,
    /// What it takes to read them one by one, consistently.
    pub read_units: u64,
    /// What the pages of the log took that they stand in; besides there is a watermark for each stream and page.
    pub page_write_units: u64,
}

/// Samples the commits of the last pages of the log, at most so many pages.
///
/// # Errors
/// Those of reading.
pub async fn sample(store: &Store, pages: u32) -> Result<Sample> {
    let (shared, head) = (&store.shared, store.head().await?);
    let limit = Some(i32::try_from(pages).unwrap_or(i32::MAX));
    if head == Position::ZERO {
        return Ok(Sample::default());
    }
    let (pages, _) = shared.pages(Position::FIRST, head, true, limit, None).await?;
    let mut sample = Sample::default();
    for page in &pages {
        sample.page_write_units += write_units(item_bytes(&page_item(page)?)) as u64;
        sample.commits += page.entries.iter().filter(|entry| entry.ends_commit).count() as u64;
        sample.events += page.next().number() - page.first.number();
        let keys: Vec<Item> = page
            .entries
            .iter()
            .map(|entry| shared.layout.key(&entry.stream, entry.first))
            .collect();
        for item in shared.client.batch_get(&shared.tables.events, &keys, false).await? {
            let bytes = item_bytes(&item);
            let is_alone = shared.layout.decode_head(&item)?.parts.is_empty();
            sample.bytes += bytes as u64;
            sample.write_units += (write_units(bytes) * if is_alone { 1 } else { 2 }
                + usize::from(shared.layout.is_indexed(&item)))
                as u64;
            sample.read_units += read_units(bytes) as u64;
        }
    }
    Ok(sample)
}
