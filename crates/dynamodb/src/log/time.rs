//! Where in the log a time is.
//!
//! Commits take their places after they are recorded, so recorded times only nearly rise along the log. Each
//! page tells the highest recorded time up to its end, which never falls: by it the pages are searched.

use factlog::{Position, Result, Timestamp};

use crate::shared::Shared;

impl Shared {
    /// Where the first page begins that may have an event recorded at this time or later; behind `head`
    /// if none has. Costs one query for each halving of the log.
    pub(crate) async fn first_page_recorded_since(
        &self,
        since: Timestamp,
        head: Position,
    ) -> Result<Position> {
        let (mut low, mut high) = (Position::FIRST, head.next());
        while low < high {
            let middle = low.plus((high.number() - low.number()) / 2);
            match self.page_at(middle).await? {
                Some(page) if page.recorded_max < since => low = page.next(),
                Some(page) => high = page.first.max(low),
                None => low = middle.next(),
            }
        }
        Ok(low)
    }
}
