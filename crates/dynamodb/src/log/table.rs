//! The log table: one page an item, keyed by the position of its first event.

use bytes::Bytes;
use factlog::{Error, Position, Result};
use futures::TryStreamExt;
use futures::stream::{BoxStream, iter, try_unfold};

use super::page::Page;
use crate::client::{self, Action, Change, Condition, Query, Written};
use crate::item::{Item, as_binary, as_number, binary, number, required, text};
use crate::shared::Shared;

/// The attributes of the table: partition key, sort key, the page's bytes.
pub(crate) const KEYS: (&str, &str) = ("log", "position");
const PAGE: &str = "page";

/// The one partition: the log of all streams.
const LOG: &str = "all";

impl Shared {
    /// The last page; `None` if there is none yet.
    pub(crate) async fn tail(&self) -> Result<Option<Page>> {
        self.page_at(Position::MAX).await
    }

    /// The page that has this position, or the last one before it.
    pub(crate) async fn page_at(&self, position: Position) -> Result<Option<Page>> {
        let to = (position < Position::MAX).then_some(position);
        let page = self.query_log(None, to, true, Some(1), None).await?;
        page.items.first().map(decode).transpose()
    }

    /// Pages that begin in this range, as many as one query answers, and where the next query begins.
    pub(crate) async fn pages(
        &self,
        from: Position,
        to: Position,
        backward: bool,
        limit: Option<i32>,
        start: Option<Item>,
    ) -> Result<(Vec<Page>, Option<Item>)> {
        let answer = self.query_log(Some(from), Some(to), backward, limit, start).await?;
        let pages = answer.items.iter().map(decode).collect::<Result<_>>()?;
        Ok((pages, answer.next))
    }

    /// All pages that begin in this range, so many a query.
    pub(crate) fn all_pages(
        &self,
        from: Position,
        to: Position,
        backward: bool,
        limit: i32,
    ) -> BoxStream<'_, Result<Page>> {
        let queries = try_unfold((from <= to).then_some(None), move |start| async move {
            let Some(start) = start else { return Ok(None) };
            let (pages, next) = self.pages(from, to, backward, Some(limit), start).await?;
            Ok(Some((iter(pages.into_iter().map(Ok)), next.map(Some))))
        });
        Box::pin(queries.try_flatten())
    }

    /// Whether a page begins at this position or later, unless it was written just now: not consistent, at half the price.
    pub(crate) async fn has_page_since(&self, from: Position) -> Result<bool> {
        let all = Query::new(&self.tables.log, KEYS, text(LOG));
        let range = (Some(number(from.number())), None);
        let query = Query { range, limit: Some(1), consistent: false, ..all };
        Ok(!self.client.query(query).await?.items.is_empty())
    }

    /// Writes a page where there is none.
    pub(crate) async fn put_page(&self, page: &Page) -> Result<Written> {
        let (table, change) = (self.tables.log.clone(), Change::Put(page_item(page)?));
        let condition = Condition::Absent(KEYS.1.to_owned());
        self.client.write(vec![Action { table, change, condition }]).await
    }

    async fn query_log(
        &self,
        from: Option<Position>,
        to: Option<Position>,
        backward: bool,
        limit: Option<i32>,
        start: Option<Item>,
    ) -> Result<client::Page> {
        let place = |position: Option<Position>| position.map(|at| number(at.number()));
        let all = Query::new(&self.tables.log, KEYS, text(LOG));
        let range = (place(from), place(to));
        let query = Query { range, backward, limit, start, ..all };
        self.client.query(query).await
    }
}

/// The item of a page.
pub(crate) fn page_item(page: &Page) -> Result<Item> {
    Ok(Item::from([
        (KEYS.0.to_owned(), text(LOG)),
        (KEYS.1.to_owned(), number(page.first.number())),
        (PAGE.to_owned(), binary(page.encode()?)),
    ]))
}

fn decode(item: &Item) -> Result<Page> {
    let damaged = |e| Error::corrupt(format!("an item of the log table: {e}"));
    let first = required(item, KEYS.1, as_number).map(Position::new).map_err(damaged)?;
    let page = required(item, PAGE, as_binary).map_err(damaged)?;
    Page::decode(first, &Bytes::copy_from_slice(page))
}
