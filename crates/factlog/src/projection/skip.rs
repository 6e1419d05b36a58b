//! Going on without an event that can't be applied, because somebody decides so.
//!
//! ```text
//!   record        failed: event 7   --+                           live, or building
//!   checkpoint    position 6          +-- one write, if both      position 7, one parked
//!   parked        nothing           --+   are as they were -->    event 7, and why it could not be applied
//! ```
//!
//! What is left behind is what a projection leaves that [parks](super::OnPoison::Park) the event: it is listed, and
//! can be retried. No handler is needed, so that this can be done for any projection from anywhere.
//! The event is named, so that of two who skip it at once the second does not skip the next one.

use super::record::Registered;
use super::{Checkpoint, Failure, Projections, checkpoint};
use crate::limits::RECORD_TRIES_MAX;
use crate::state::{Condition, Write};
use crate::view::Places;
use crate::{Error, Position, ProjectionName, Result};

impl Projections {
    /// Lets what stands before the event at this position go on without it. The event is parked:
    /// [listed](Projections::failures), and to be [retried](super::Worker::retry). The next rebuild meets it again.
    ///
    /// # Errors
    /// `NotFound` if no generation stands before that event; else as [`pause`](Projections::pause).
    pub async fn skip(&self, name: &ProjectionName, position: Position) -> Result<()> {
        for _ in 0..RECORD_TRIES_MAX {
            let Registered { record, revision } = self.registered(name).await?;
            let mut next = record.clone();
            let skipped = next.skip(position);
            if skipped.is_empty() {
                let message = format!("projection {name} does not stand before event {position}");
                return Err(Error::not_found(message));
            }
            let (mut writes, mut all_stand) = (Vec::new(), true);
            for (generation, failure) in skipped {
                match self.parking(name, generation, failure).await? {
                    Some(parking) => writes.extend(parking),
                    None => all_stand = false,
                }
            }
            if all_stand && self.put(name, Some(revision), &record, next, writes).await? {
                self.moved.notify(usize::MAX);
                return Ok(());
            }
        }
        Err(Self::changed_too_often(name))
    }

    /// What parks the event that the generation stands before, and moves the lane past it; `None` if the lane
    /// stands there no longer: the record was changed meanwhile.
    async fn parking(
        &self,
        name: &ProjectionName,
        generation: u64,
        mut failure: Failure,
    ) -> Result<Option<[Write; 2]>> {
        let place = Checkpoint::key(name, generation, failure.lane)?;
        let Some(item) = self.state.get(&place).await? else { return Ok(None) };
        let mut checkpoint = Checkpoint::decode(&item)?;
        if checkpoint.position.next() != failure.position {
            return Ok(None);
        }
        checkpoint.position = failure.position;
        checkpoint.events += 1;
        checkpoint.parked += 1;
        checkpoint.at = self.clock.now();
        failure.skipped = Some(checkpoint.at);
        let moved = Write::put(place, checkpoint::encode(&checkpoint));
        let parked = Places::new(name, generation, &[])?.failure(failure.position)?;
        Ok(Some([
            moved.expecting(Condition::Revision(item.revision)),
            Write::put(parked, checkpoint::encode(&failure)),
        ]))
    }
}
