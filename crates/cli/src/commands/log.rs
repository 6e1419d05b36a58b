//! `factlog log`

use std::path::Path;

use factlog::{Store, StoreExt, Subscription};
use futures::TryStreamExt;

use crate::args::{LogArgs, Place};
use crate::backend::{self, Backend};
use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::watch;

pub(crate) async fn run(
    backend: &Backend,
    args: &LogArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let read = args.filter.read()?.limit(args.limit);
    let mut events = backend.store().read_log(if args.backward { read.backward() } else { read });
    while let Some(event) = events.try_next().await? {
        output.event(&event)?;
    }
    Ok(())
}

/// Prints what is there, then what comes, until it is interrupted or has printed enough.
///
/// Only one process has a store open at a time. So that others can append, this one opens the
/// store when its files have changed, prints what is new, and closes it again.
pub(crate) async fn follow(
    place: &Place,
    args: &LogArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    if let Some(name) = place.dynamodb() {
        return subscribe(place, name, args, output).await;
    }
    let mut interrupt = Interrupt::new()?;
    let files = Path::new(&place.store);
    let mut read = args.filter.read()?;
    let mut left = args.limit;
    let mut first = true;
    while left > 0 {
        let seen = watch::log_changed(files);
        let backend = Backend::open(place, false).await?;
        let store = backend.store();
        let head = store.head().await?;
        if !(first && args.tail) && read.from <= head {
            let mut events = store.read_log(read.clone().to(head).limit(left));
            while let Some(event) = events.try_next().await? {
                output.event(&event)?;
                left -= 1;
            }
        }
        read.from = read.from.max(head.next());
        first = false;
        store.close().await?;
        drop((store, backend));
        output.flush()?;
        // What this process itself changed by closing the store is not news: the head tells.
        while left > 0 && watch::log_changed(files) == seen {
            interrupt.ends(watch::pause()).await?;
        }
    }
    Ok(())
}

/// The same on a store that many processes have open: it subscribes, and sequences if nobody else does.
async fn subscribe(
    place: &Place,
    name: &str,
    args: &LogArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::new()?;
    let store = backend::open_sequencing(place, name).await?;
    let read = args.filter.read()?;
    let after = if args.tail { store.head().await? } else { read.from.previous() };
    let mut news = store.subscribe(after, read.filter);
    let mut left = args.limit;
    while left > 0 {
        match interrupt.ends(news.try_next()).await?? {
            Some(Subscription::Event(event)) => {
                output.event(&event)?;
                left -= 1;
            }
            Some(_) => output.flush()?,
            None => break,
        }
    }
    drop(news);
    output.flush()?;
    Ok(store.close().await?)
}
