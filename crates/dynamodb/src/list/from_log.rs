//! A list of streams from the log: the first event of each stream stands where the stream began.

use factlog::{
    Direction, Error, ListStreams, PageToken, Position, Result, StreamInfo, StreamPage, Version,
};
use futures::TryStreamExt;

use crate::log::page::Page;
use crate::shared::Shared;

/// Pages of the log that one query of a list reads at most.
const PAGES: i32 = 16;

/// One page of streams, from the log.
pub(super) async fn list(shared: &Shared, list: &ListStreams) -> Result<StreamPage> {
    let tail = shared.tail().await?;
    let head = tail.as_ref().map_or(Position::ZERO, |page| page.next().previous());
    let (mut from, mut to) = (Position::FIRST, head);
    if let Some(since) = list.created.since {
        from = shared.first_page_recorded_since(since, head).await?;
    }
    let backward = list.direction == Direction::Backward;
    if let Some(token) = &list.after {
        let at = parse(token)?;
        if backward { to = to.min(at.previous()) } else { from = from.max(at.next()) }
    }
    let mut found = Vec::new();
    if from <= to {
        found = created(shared, list, from, to).await?;
    }
    let more = found.len() > list.limit;
    found.truncate(list.limit);
    let next = found.last().filter(|_| more).map(|(at, _)| PageToken::new(at.to_string()));
    let mut streams: Vec<_> = found.into_iter().map(|(_, info)| info).collect();
    super::add_versions(shared, &mut streams, tail.as_ref()).await?;
    Ok(StreamPage::new(streams, next))
}

/// The streams that were created at these positions, one more than the list holds.
async fn created(
    shared: &Shared,
    list: &ListStreams,
    from: Position,
    to: Position,
) -> Result<Vec<(Position, StreamInfo)>> {
    let backward = list.direction == Direction::Backward;
    let first_page = shared.page_at(from).await?.map_or(from, |page| page.first);
    let mut found = Vec::new();
    let mut pages = shared.all_pages(first_page, to, backward, PAGES);
    while found.len() <= list.limit
        && let Some(page) = pages.try_next().await?
    {
        let mut of_page = initial_events(&page);
        of_page.retain(|(at, info)| (from..=to).contains(at) && asked(list, info));
        if backward {
            of_page.reverse();
        }
        found.extend(of_page);
    }
    Ok(found)
}

fn initial_events(page: &Page) -> Vec<(Position, StreamInfo)> {
    let mut position = page.first;
    let mut found = Vec::new();
    for entry in &page.entries {
        if entry.first == Version::FIRST {
            found.push((position, StreamInfo::new(entry.stream.clone(), entry.recorded, None)));
        }
        position = position.plus(entry.types.len() as u64);
    }
    found
}

fn asked(list: &ListStreams, info: &StreamInfo) -> bool {
    let category = list.category.as_deref();
    category.is_none_or(|category| category == info.stream.category())
        && list.created.contains(info.created)
}

fn parse(token: &PageToken) -> Result<Position> {
    let position = token.as_str().parse().ok().filter(|position| *position > 0).map(Position::new);
    position.ok_or_else(|| Error::invalid("a page token is not of this store"))
}
