//! From the name of a store to the store.

use std::sync::Arc;
use std::time::Duration;

use factlog::projection::Projections;
use factlog::state::State;
use factlog::{Error, Memory, Result, Store, SystemClock};
use factlog_dynamodb as dynamodb;
use factlog_embedded as embedded;

use crate::args::Place;

/// How long a command waits for another one to be done with the store.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// A number that no other process has, for what a store draws at random.
#[expect(clippy::disallowed_methods, reason = "the edge, where randomness comes from")]
pub(crate) fn seed() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

/// A store that was named on the command line.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Memory(Arc<Memory>),
    Embedded(Arc<embedded::Store>),
    DynamoDb(dynamodb::Store),
}

impl Backend {
    /// Opens the store: `memory:`, `dynamodb:NAME`, or the path of an embedded one.
    pub(crate) async fn open(place: &Place, create: bool) -> Result<Self> {
        let name = &place.store;
        match name.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory(Arc::new(Memory::default()))),
            Some(("dynamodb", name)) => Ok(Self::DynamoDb(open_dynamodb(place, name).await?)),
            Some((scheme @ "memory", _)) => {
                Err(Error::invalid(format!("store {name}: {scheme} has no name")))
            }
            _ => {
                // An import puts appends under way and reads on.
                let options = embedded::Options::default()
                    .with_lock_wait(LOCK_WAIT)
                    .with_write_by(embedded::WriteBy::Thread);
                let options = if create { options } else { options.existing() };
                let store = embedded::Store::open(name, options, SystemClock)?;
                Ok(Self::Embedded(Arc::new(store)))
            }
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::clone(store) as _,
            Self::Embedded(store) => Arc::clone(store) as _,
            Self::DynamoDb(store) => Arc::new(store.clone()),
        }
    }

    /// What the store keeps beside its events.
    pub(crate) fn state(&self) -> Result<Arc<dyn State>> {
        match self {
            Self::Memory(_) => Err(Error::invalid(
                "store memory: is forgotten at the end of the command, and projections are to be kept",
            )),
            Self::Embedded(store) => Ok(Arc::new(store.state()?)),
            Self::DynamoDb(store) => Ok(store.state()),
        }
    }

    /// The projections of the store.
    pub(crate) fn projections(&self) -> Result<Arc<Projections>> {
        Ok(Arc::new(Projections::new(self.store(), self.state()?, SystemClock)))
    }

    /// Whether appends are decided in the order in which they come, although none waits for the one before it.
    pub(crate) fn appends_in_order(&self) -> bool {
        !matches!(self, Self::DynamoDb(_))
    }

    /// Waits until what was appended before is in the log, where that is not so already.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        match self {
            Self::Memory(_) | Self::Embedded(_) => Ok(()),
            Self::DynamoDb(store) => store.catch_up().await,
        }
    }
}

/// Opens a store in DynamoDB. A command places what is there when it needs the log; it runs no sequencer.
pub(crate) async fn open_dynamodb(place: &Place, name: &str) -> Result<dynamodb::Store> {
    open_with(place, name, options(place)?.without_sequencer()).await
}

/// The same for a command that stays: it sequences, if nobody else does.
pub(crate) async fn open_sequencing(place: &Place, name: &str) -> Result<dynamodb::Store> {
    open_with(place, name, options(place)?).await
}

async fn open_with(
    place: &Place,
    name: &str,
    options: dynamodb::Options,
) -> Result<dynamodb::Store> {
    let config = place.aws.load().await?;
    dynamodb::Store::open(name, &config, options, SystemClock).await
}

/// How the command line opens a store in DynamoDB.
pub(crate) fn options(place: &Place) -> Result<dynamodb::Options> {
    let options = dynamodb::Options::new(seed());
    Ok(match place.large_events()? {
        Some(large) => options.with_large_events(large),
        None => options,
    })
}
