//! A list of streams from the index of initial events: one item a stream, sorted by the time of its first event.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use factlog::{Direction, Error, ListStreams, PageToken, Result, StreamInfo, StreamPage, Version};

use crate::client::Query;
use crate::item::{Item, as_text, required, text};
use crate::layout::{self, Index};
use crate::shared::Shared;

/// One page of streams.
pub(super) async fn list(shared: &Shared, index: &Index, list: &ListStreams) -> Result<StreamPage> {
    let category = list.category.as_deref();
    let (since, until) = layout::created_bounds(list.created);
    if since.is_some() && until.is_some() && since > until {
        return Ok(StreamPage::default());
    }
    let partition = partition(shared, category)?;
    let mut query = Query {
        range: (since.map(text), until.map(text)),
        index: Some(index.name.to_owned()),
        backward: list.direction == Direction::Backward,
        limit: i32::try_from(list.limit + 1).ok(),
        consistent: false,
        ..Query::new(&shared.tables.events, (index.partition, index.sort), partition)
    };
    if let Some(token) = &list.after {
        query.start = Some(key(shared, index, category, parse(token)?)?);
    }
    let mut found: Vec<(Place, StreamInfo)> = Vec::new();
    loop {
        let page = shared.client.query(query.clone()).await?;
        for item in &page.items {
            let (place, info) = read(shared, index, item)?;
            let asked = category.is_none_or(|category| category == info.stream.category())
                && list.created.contains(info.created);
            found.extend(asked.then_some((place, info)));
        }
        query.start = page.next;
        if query.start.is_none() || found.len() > list.limit {
            break;
        }
    }
    let more = found.len() > list.limit;
    found.truncate(list.limit);
    let next = found.last().filter(|_| more).map(|(place, _)| token(place));
    let mut streams: Vec<_> = found.into_iter().map(|(_, info)| info).collect();
    let tail = shared.tail().await?;
    super::add_versions(shared, &mut streams, tail.as_ref()).await?;
    Ok(StreamPage::new(streams, next))
}

/// Where a stream stands in the index: its partition of the events table, and the sort key.
type Place = (String, String);

fn read(shared: &Shared, index: &Index, item: &Item) -> Result<(Place, StreamInfo)> {
    let text = |name: &str| {
        let text = required(item, name, as_text).map(str::to_owned);
        text.map_err(|e| Error::corrupt(format!("an item of index {}: {e}", index.name)))
    };
    let (partition, sort) = (text(shared.layout.keys().0)?, text(index.sort)?);
    let stream = shared.layout.stream_name(&partition)?;
    let created = layout::parse_created(&sort)?;
    Ok(((partition, sort), StreamInfo::new(stream, created, None)))
}

/// The partition of the index where the streams of the category lie, or all streams.
fn partition(shared: &Shared, category: Option<&str>) -> Result<AttributeValue> {
    let partition = shared.layout.index_partition(category.unwrap_or_default());
    partition.ok_or_else(|| Error::internal("a layout has an index and no partition in it"))
}

/// The keys of an item of the index, after which a query goes on.
fn key(shared: &Shared, index: &Index, category: Option<&str>, place: Place) -> Result<Item> {
    let (of_stream, sort) = place;
    let stream = shared.layout.stream_name(&of_stream)?;
    let mut key = shared.layout.key(&stream, Version::FIRST);
    key.insert(index.partition.to_owned(), partition(shared, category)?);
    key.insert(index.sort.to_owned(), text(sort));
    Ok(key)
}

fn token((partition, sort): &Place) -> PageToken {
    PageToken::new(BASE64.encode(format!("{sort} {partition}")))
}

fn parse(token: &PageToken) -> Result<Place> {
    let place = || {
        let text = String::from_utf8(BASE64.decode(token.as_str()).ok()?).ok()?;
        let (sort, partition) = text.split_once(' ')?;
        layout::parse_created(sort).ok()?;
        Some((partition.to_owned(), sort.to_owned()))
    };
    place().ok_or_else(|| Error::invalid("a page token is not of this store"))
}
