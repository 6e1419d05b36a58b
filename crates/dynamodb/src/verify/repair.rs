//! Mends what can be mended without moving any position.
//!
//! A watermark that is too low would make the sequencer place commits twice, one that is too high would make
//! it pass over some: both are set to what the log says. Commits that the log does not have are placed at its end,
//! by the sequencer's own way after an outage: a scan of the whole table.

use factlog::{Error, Result, StreamName, Version};

use super::{Difference, Verified, verify};
use crate::shared::Shared;
use crate::worker;

/// What a repair has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Watermarks that were set to what the log says.
    pub watermarks: u64,
    /// Events that were placed.
    pub placed: u64,
    /// What a verification finds afterwards.
    pub verified: Verified,
}

pub(crate) async fn repair(
    shared: &Shared,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Repaired> {
    let before = verify(shared, &mut progress).await?;
    let mut watermarks = 0;
    for difference in &before.differences {
        if let Difference::Watermark { stream, log, watermark } = difference {
            mend(shared, stream, *watermark, *log).await?;
            watermarks += 1;
        }
    }
    let placed = worker::place_all(shared).await?;
    let verified = verify(shared, &mut progress).await?;
    Ok(Repaired { watermarks, placed, verified })
}

async fn mend(shared: &Shared, stream: &StreamName, from: Version, to: Version) -> Result<()> {
    if shared.set_watermark(stream, from, to).await? {
        return Ok(());
    }
    Err(Error::unavailable(format!(
        "the watermark of stream {stream} has moved while it was mended: verify again"
    )))
}
