//! From the name of a store to the store.

use std::sync::Arc;
use std::time::Duration;

use factlog::{Error, Memory, Result, Store, SystemClock};
use factlog_embedded::Options;

use crate::args::Place;

/// How long a command waits for another one to be done with the store.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// A store that was named on the command line.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Memory(Arc<Memory>),
    Embedded(Arc<factlog_embedded::Store>),
}

impl Backend {
    /// Opens the store: `memory:`, or the path of an embedded one.
    pub(crate) async fn open(place: &Place, create: bool) -> Result<Self> {
        let name = &place.store;
        match name.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory(Arc::new(Memory::default()))),
            Some((scheme @ ("dynamodb" | "memory"), _)) => Err(Error::invalid(format!(
                "store {name}: {scheme} is not a store of this factlog"
            ))),
            _ => {
                let options = Options::default().with_lock_wait(LOCK_WAIT);
                let options = if create { options } else { options.existing() };
                let store = factlog_embedded::Store::open(name, options, SystemClock)?;
                Ok(Self::Embedded(Arc::new(store)))
            }
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::clone(store) as _,
            Self::Embedded(store) => Arc::clone(store) as _,
        }
    }
}
