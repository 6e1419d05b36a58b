//! How far each stream is in the log: the next version to place, an item of the state table for each stream.

use std::collections::{HashMap, HashSet};

use factlog::{Error, Result, StreamName, Version};

use crate::client::{Action, Change, Condition, Written};
use crate::item::{Item, Malformed, as_number, as_text, binary, number, required, text};
use crate::shared::Shared;
use crate::state::KEYS;

/// What stands before the stream's name in the partition key.
const PREFIX: &str = "watermark/";
/// The sort key: there is one item in each partition.
const SORT: &[u8] = b"/";
const NEXT: &str = "next";

impl Shared {
    /// The next version to place of these streams, as many as are known.
    pub(crate) async fn watermarks(
        &self,
        streams: &[StreamName],
        consistent: bool,
    ) -> Result<HashMap<StreamName, Version>> {
        let distinct: HashSet<&StreamName> = streams.iter().collect();
        let keys: Vec<Item> = distinct.into_iter().map(key).collect();
        let items = self.client.batch_get(&self.tables.state, &keys, consistent).await?;
        items.iter().map(decode).collect()
    }

    /// Raises a watermark. One that is higher stays.
    pub(crate) async fn advance_watermark(&self, stream: &StreamName, next: Version) -> Result<()> {
        let mut item = key(stream);
        item.insert(NEXT.to_owned(), number(next.number()));
        let condition = Condition::AbsentOrLess(NEXT.to_owned(), number(next.number()));
        self.put_watermark(item, condition).await?;
        Ok(())
    }

    /// Sets a watermark that is still where it was; answers whether it was.
    pub(crate) async fn set_watermark(
        &self,
        stream: &StreamName,
        from: Version,
        to: Version,
    ) -> Result<bool> {
        let mut item = key(stream);
        item.insert(NEXT.to_owned(), number(to.number()));
        let condition = match from {
            Version::FIRST => Condition::Absent(NEXT.to_owned()),
            from => Condition::Equal(NEXT.to_owned(), number(from.number())),
        };
        self.put_watermark(item, condition).await
    }

    /// Answers whether the condition held.
    async fn put_watermark(&self, item: Item, condition: Condition) -> Result<bool> {
        let (table, change) = (self.tables.state.clone(), Change::Put(item));
        let written = self.client.write(vec![Action { table, change, condition }]).await?;
        Ok(matches!(written, Written::Done))
    }
}

fn key(stream: &StreamName) -> Item {
    let partition = text(format!("{PREFIX}{stream}"));
    Item::from([(KEYS.0.to_owned(), partition), (KEYS.1.to_owned(), binary(SORT))])
}

fn decode(item: &Item) -> Result<(StreamName, Version)> {
    let parts = || -> Result<_, Malformed> {
        let partition = required(item, KEYS.0, as_text)?;
        let stream = partition.strip_prefix(PREFIX).unwrap_or_default().parse()?;
        Ok((stream, Version::new(required(item, NEXT, as_number)?)))
    };
    parts().map_err(|e| Error::corrupt(format!("a watermark in the state table: {e}")))
}
