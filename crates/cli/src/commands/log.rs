//! `factlog log`

use factlog::{Error, Position, Store, StoreExt, Subscription};
use futures::TryStreamExt;

use crate::args::LogArgs;
use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::Output;

pub(crate) async fn run(
    backend: &Backend,
    args: &LogArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    if args.follow {
        return follow(&*backend.store(), args, output).await;
    }
    let read = args.filter.read()?.limit(args.limit);
    let mut events = backend.store().read_log(if args.backward { read.backward() } else { read });
    while let Some(event) = events.try_next().await? {
        output.event(&event)?;
    }
    Ok(())
}

/// Prints what is there, then what comes, until it is interrupted or has printed enough.
async fn follow(store: &dyn Store, args: &LogArgs, output: &mut Output) -> Result<(), Failure> {
    let after =
        if args.tail { store.head().await? } else { Position::new(args.filter.from).previous() };
    let mut items = store.subscribe(after, args.filter.filter()?);
    let mut left = args.limit;
    while left > 0 {
        let item = tokio::select! {
            item = items.try_next() => item?,
            _ = tokio::signal::ctrl_c() => return Err(Failure::Interrupted),
        };
        match item {
            Some(Subscription::Event(event)) => {
                output.event(&event)?;
                left -= 1;
            }
            Some(Subscription::CaughtUp(_)) => output.flush()?,
            Some(_) => {}
            None => return Err(Error::closed("the store was closed").into()),
        }
    }
    Ok(())
}
