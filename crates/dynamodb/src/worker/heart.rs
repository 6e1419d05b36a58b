//! What a sequencer leaves in the state table besides watermarks: its lease and its heartbeat.
//!
//! The lease lets many processes agree on one sequencer; it spares work, and nothing depends on it. It is
//! renewed when half of it is over. The heartbeat says up to when all is placed; it outlives its process.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use factlog::{Error, Position, Result};

use super::Worker;
use crate::client::{Action, Change, Condition, Written};
use crate::item::{Item, Malformed, as_binary, as_number, as_text, binary, number, required, text};
use crate::limits::{LEASE, LEASE_ASKED};
use crate::sequencer::frontier::Frontier;
use crate::sequencer::io::{Heart, Heartbeat};
use crate::sequencer::varint::Input;
use crate::state::KEYS;

const PARTITION: &str = "sequencer";
const HEARTBEAT: &[u8] = b"/heartbeat";
const LEASE_SORT: &[u8] = b"/lease";

/// Attributes of the lease: who has it, and until when, in milliseconds since 1970.
const OWNER: &str = "owner";
const UNTIL: &str = "until";

/// Attributes of the heartbeat.
const CURRENT: &str = "current";
const NEXT: &str = "next";
const FRONTIER: &str = "frontier";

#[async_trait]
impl Heart for Worker {
    async fn heartbeat(&self) -> Result<Option<Heartbeat>> {
        let item = self.shared.client.get(&self.shared.tables.state, key(HEARTBEAT)).await?;
        item.as_ref().map(heartbeat).transpose()
    }

    async fn beat(&self, heartbeat: &Heartbeat) -> Result<()> {
        let mut item = key(HEARTBEAT);
        let mut frontier = Vec::new();
        heartbeat.frontier.encode(&mut frontier);
        let current = text(heartbeat.current.to_string());
        item.insert(CURRENT.to_owned(), current);
        item.insert(NEXT.to_owned(), number(heartbeat.next.number()));
        item.insert(FRONTIER.to_owned(), binary(frontier));
        self.write(Change::Put(item), Condition::Any).await?;
        Ok(())
    }

    async fn lease(&self) -> Result<bool> {
        let now = self.now_ms();
        if now + half_of_lease_ms() < self.lease_until_ms.load(Ordering::Relaxed) {
            return Ok(true);
        }
        if now < self.lease_asked_next_ms.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let found = self.shared.client.get(&self.shared.tables.state, key(LEASE_SORT)).await?;
        let until = now + 2 * half_of_lease_ms();
        let taken = match found.as_ref().map(lease).transpose()? {
            Some((owner, until)) if owner != self.owner && until > now => false,
            found => self.take(found.map(|(_, until)| until), until).await?,
        };
        self.lease_until_ms.store(if taken { until } else { 0 }, Ordering::Relaxed);
        self.lease_may_stand.store(taken, Ordering::Relaxed);
        if !taken {
            self.lease_asked_next_ms.store(now + millis(LEASE_ASKED), Ordering::Relaxed);
        }
        Ok(taken)
    }
}

impl Worker {
    /// Takes the lease, unless somebody else has since it was found to run until `found`. One of its own in the way was
    /// taken by a request whose answer was lost.
    async fn take(&self, found: Option<u64>, until: u64) -> Result<bool> {
        let mut item = key(LEASE_SORT);
        item.insert(OWNER.to_owned(), number(self.owner));
        item.insert(UNTIL.to_owned(), number(until));
        let condition = match found {
            None => Condition::Absent(UNTIL.to_owned()),
            Some(until) => Condition::Equal(UNTIL.to_owned(), number(until)),
        };
        self.lease_may_stand.store(true, Ordering::Relaxed);
        let own = |there: &Item| lease(there).is_ok_and(|there| there == (self.owner, until));
        Ok(match self.write(Change::Put(item), condition).await? {
            Written::Done => true,
            Written::Refused(found) => {
                found.iter().any(|(_, there)| there.as_ref().is_some_and(own))
            }
        })
    }

    /// Gives the lease back, so that the next sequencer need not wait for its end.
    pub(crate) async fn release(&self) -> Result<()> {
        if self.lease_may_stand.load(Ordering::Relaxed) {
            let condition = Condition::Equal(OWNER.to_owned(), number(self.owner));
            // Refused: somebody else has it, or it is given back already.
            self.write(Change::Delete(key(LEASE_SORT)), condition).await?;
            self.lease_until_ms.store(0, Ordering::Relaxed);
            self.lease_may_stand.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn write(&self, change: Change, condition: Condition) -> Result<Written> {
        let table = self.shared.tables.state.clone();
        self.shared.client.write(vec![Action { table, change, condition }]).await
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.shared.times.now().unix_nanos() / 1_000_000).unwrap_or(0)
    }
}

fn half_of_lease_ms() -> u64 {
    millis(LEASE / 2)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn key(sort: &[u8]) -> Item {
    Item::from([(KEYS.0.to_owned(), text(PARTITION)), (KEYS.1.to_owned(), binary(sort))])
}

/// Who has the lease, and until when.
fn lease(item: &Item) -> Result<(u64, u64)> {
    let parts = required(item, OWNER, as_number)
        .and_then(|owner| Ok((owner, required(item, UNTIL, as_number)?)));
    parts.map_err(|e| Error::corrupt(format!("the sequencer's lease in the state table: {e}")))
}

fn heartbeat(item: &Item) -> Result<Heartbeat> {
    let parts = || -> Result<_, Malformed> {
        let current = required(item, CURRENT, as_text)?.parse()?;
        let next = Position::new(required(item, NEXT, as_number)?);
        let frontier = Bytes::copy_from_slice(required(item, FRONTIER, as_binary)?);
        Ok(Heartbeat { current, next, frontier: Frontier::decode(&mut Input(frontier))? })
    };
    parts()
        .map_err(|e| Error::corrupt(format!("the sequencer's heartbeat in the state table: {e}")))
}
