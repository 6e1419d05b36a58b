//! Answers queries: walks along what leads, fetches the documents, and checks each.
//!
//! ```text
//!   index status      open|loan-1   open|loan-4   open|loan-7   open|loan-9
//!                          |             |             |
//!   documents          {open, 50}    {open, 900}   {closed, 20}          limit 2
//!   checks              amount<500        x        moved meanwhile: x
//! ```
//!
//! An entry and its document are written at once but read one after the other. So each document is
//! asked again whether it has the value for which the entry stands; this also settles long values,
//! of which the index holds a part. A document with several values in the range comes once: by the
//! first of them in the direction of the query, whatever page that is on.
//!
//! A request reads at most [`QUERY_SCAN_MAX`] documents. If the checks keep out more than that, the
//! page ends early, with the token to go on.

use bytes::Bytes;
use futures::TryStreamExt;

use super::encoding::{self, Interval};
use super::place::text;
use super::plan::{Check, Lead, Plan, keys};
use super::token::Place;
use super::{Condition, Count, Document, Index, KEY, Page, Query, View};
use crate::limits::{COUNT_SCAN_MAX, QUERY_SCAN_MAX};
use crate::state::{Item, Scan};
use crate::{Direction, Error, Result};

/// A walk along what leads.
struct Walk<'a> {
    view: &'a View,
    lead: Lead,
    interval: Interval,
    checks: Vec<Check>,
    direction: Direction,
    /// What is left of the range.
    scan: Scan,
    is_done: bool,
}

impl View {
    pub(super) async fn find(&self, query: &Query) -> Result<Page> {
        let plan = Plan::new(&self.indexes, query)?;
        let field = self.field(plan.lead).to_owned();
        let mut walk = Walk::new(self, plan, query.direction);
        if let Some(token) = &query.after {
            let place = Place::read(token, &field, query.direction)?;
            walk.scan = walk.scan.past(&place.sort);
        }
        let (mut documents, mut read, mut last) = (Vec::new(), 0, None);
        while !walk.is_done && documents.len() < query.limit && read < QUERY_SCAN_MAX {
            let wanted = (query.limit - documents.len()).min(QUERY_SCAN_MAX - read);
            let entries = walk.entries(wanted).await?;
            read += entries.len();
            last = entries.last().map(|(sort, _)| sort.clone()).or(last);
            documents.extend(walk.documents(entries).await?);
        }
        let place = |sort| Place { field: &field, direction: query.direction, sort };
        let next = last.filter(|_| !walk.is_done).map(|sort| place(sort).token());
        Ok(Page { documents, next })
    }

    pub(super) async fn count_those(&self, conditions: &[Condition]) -> Result<Count> {
        if conditions.is_empty() {
            return self.len().await.map(Count::Exact);
        }
        let plan = Plan::of(&self.indexes, conditions, None)?;
        let is_plain = plan.checks.is_empty() && plan.interval.is_held_whole();
        match plan.lead {
            Lead::Index(number) if is_plain && self.is_once(number, conditions) => {
                if self.indexes[number].counted {
                    return self.sum(number, &plan.interval).await.map(Count::Exact);
                }
                self.count_entries(Walk::new(self, plan, Direction::Forward)).await
            }
            Lead::Key if is_plain => {
                self.count_entries(Walk::new(self, plan, Direction::Forward)).await
            }
            _ => self.count_documents(Walk::new(self, plan, Direction::Forward)).await,
        }
    }

    /// Whether a document can have no more than one entry there that is asked for.
    fn is_once(&self, index: usize, conditions: &[Condition]) -> bool {
        let is_equality = matches!(conditions, [Condition { values: super::Values::Equal(_), .. }]);
        !self.indexes[index].each || is_equality
    }

    async fn count_entries(&self, walk: Walk<'_>) -> Result<Count> {
        let entries = self.state.scan(walk.scan.limit(COUNT_SCAN_MAX + 1));
        let count = entries.try_fold(0, |count, _| std::future::ready(Ok(count + 1))).await?;
        Ok(if count > COUNT_SCAN_MAX {
            Count::AtLeast(COUNT_SCAN_MAX)
        } else {
            Count::Exact(count)
        })
    }

    async fn count_documents(&self, mut walk: Walk<'_>) -> Result<Count> {
        let (mut count, mut read) = (0, 0);
        while !walk.is_done && read < QUERY_SCAN_MAX {
            let entries = walk.entries(1_000.min(QUERY_SCAN_MAX - read)).await?;
            read += entries.len();
            count += walk.documents(entries).await?.len() as u64;
        }
        Ok(if walk.is_done { Count::Exact(count) } else { Count::AtLeast(count) })
    }

    /// The sum of what is kept for the values of a counted index.
    async fn sum(&self, index: usize, interval: &Interval) -> Result<u64> {
        let Interval { from, before } = interval.clone();
        let scan = Scan::new(self.places.counts[index].clone()).from(from).before(before);
        let counts = self.state.scan(scan).and_then(|item| std::future::ready(number(&item)));
        counts.try_fold(0, |sum, count| std::future::ready(Ok(sum + count))).await
    }

    fn field(&self, lead: Lead) -> &str {
        match lead {
            Lead::Key => KEY,
            Lead::Index(number) => &self.indexes[number].field,
        }
    }
}

impl<'a> Walk<'a> {
    fn new(view: &'a View, plan: Plan, direction: Direction) -> Self {
        let Plan { lead, interval, checks } = plan;
        let mut scan = match lead {
            Lead::Key => {
                let (from, before) = keys(&interval);
                let scan = Scan::new(view.places.documents.clone()).from(from);
                if let Some(before) = before { scan.before(before) } else { scan }
            }
            Lead::Index(number) => {
                let Interval { from, before } = interval.held();
                Scan::new(view.places.indexes[number].clone()).from(from).before(before)
            }
        };
        scan.direction = direction;
        Self { view, lead, interval, checks, direction, scan, is_done: false }
    }

    /// The next so many entries: the sort key of each, and its item.
    async fn entries(&mut self, count: usize) -> Result<Vec<(Bytes, Item)>> {
        // One more is asked for, to know whether this is the end.
        let scan = self.scan.clone().limit(count as u64 + 1);
        let mut items: Vec<Item> = self.view.state.scan(scan).try_collect().await?;
        self.is_done = items.len() <= count;
        items.truncate(count);
        if let Some(last) = items.last() {
            self.scan = self.scan.clone().past(last.key.sort());
        }
        Ok(items.into_iter().map(|item| (item.key.sort().clone(), item)).collect())
    }

    /// The documents of the entries that are what was asked for.
    async fn documents(&self, entries: Vec<(Bytes, Item)>) -> Result<Vec<Document>> {
        let Lead::Index(number) = self.lead else {
            let documents = entries.into_iter().map(|(sort, item)| {
                let document = Document::decode(text(&sort)?, &item.value)?;
                Ok((document, None))
            });
            return self.checked(documents);
        };
        let index = &self.view.indexes[number];
        let mut keys = Vec::with_capacity(entries.len());
        let mut held = Vec::with_capacity(entries.len());
        for (sort, item) in &entries {
            let (value, key) = split(index, sort, item)?;
            keys.push(key);
            held.push(value);
        }
        let documents = self.view.documents(&keys).await?;
        let found = documents.into_iter().zip(held);
        self.checked(found.filter_map(|(document, held)| Some(Ok((document?, Some(held))))))
    }

    fn checked(
        &self,
        found: impl Iterator<Item = Result<(Document, Option<Bytes>)>>,
    ) -> Result<Vec<Document>> {
        let mut passed = Vec::new();
        for found in found {
            let (document, held) = found?;
            if self.is_first(&document, held)? && self.checks.iter().all(|c| c.holds_of(&document))
            {
                passed.push(document);
            }
        }
        Ok(passed)
    }

    /// Whether this entry is the first of the document in the range and the direction; a document
    /// without any is no longer what was asked for.
    fn is_first(&self, document: &Document, held: Option<Bytes>) -> Result<bool> {
        let encodings = self.lead.encodings(&self.view.indexes, document)?;
        let within = encodings.into_iter().filter(|encoding| self.interval.contains(encoding));
        let within: Vec<_> = within.map(encoding::held).collect();
        let first = match self.direction {
            Direction::Forward => within.iter().min(),
            Direction::Backward => within.iter().max(),
        };
        Ok(first.is_some_and(|first| held.is_none_or(|held| held == *first)))
    }
}

impl View {
    pub(super) async fn groups_of(&self, field: &str) -> Result<Vec<(serde_json::Value, u64)>> {
        let index = self.indexes.iter().position(|index| index.field == field && index.counted);
        let index = index.ok_or_else(|| {
            Error::invalid(format!(
                "no index on {field} is counted: declare one to have its counts"
            ))
        })?;
        let scan = Scan::new(self.places.counts[index].clone());
        let items: Vec<Item> = self.state.scan(scan).try_collect().await?;
        let mut groups: Vec<(Bytes, u64)> = Vec::new();
        for item in items {
            let sort = item.key.sort();
            let value = sort.slice(..encoding::length(sort).ok_or_else(|| corrupt(&item))?);
            let count = number(&item)?;
            match groups.last_mut() {
                Some((last, sum)) if *last == value => *sum += count,
                _ => groups.push((value, count)),
            }
        }
        let decode = |(value, count): (Bytes, u64)| Some((encoding::decode(&value)?, count));
        let groups: Option<Vec<_>> = groups.into_iter().map(decode).collect();
        groups.ok_or_else(|| Error::corrupt(format!("the counts of index {field} are damaged")))
    }
}

/// The value and the document's key that an entry stands for.
fn split(index: &Index, sort: &Bytes, item: &Item) -> Result<(Bytes, String)> {
    let length = encoding::length(sort).ok_or_else(|| corrupt(item))?;
    let key = if index.unique { text(&item.value)? } else { text(&sort.slice(length..))? };
    Ok((sort.slice(..length), key))
}

/// The number of documents that an item of a counted index says.
pub(crate) fn number(item: &Item) -> Result<u64> {
    let digits = std::str::from_utf8(&item.value).ok().and_then(|text| text.parse().ok());
    digits.ok_or_else(|| corrupt(item))
}

fn corrupt(item: &Item) -> Error {
    Error::corrupt(format!("item {} of an index is not what was written", item.key))
}
