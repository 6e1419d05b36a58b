//! `factlog streams`

use factlog::{ListStreams, StoreExt};
use futures::{StreamExt, TryStreamExt};

use crate::args::StreamsArgs;
use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::Output;
use crate::when;

/// Streams that are printed as one table, with columns as wide as they need.
const TABLE_ROWS: usize = 1_000;

pub(crate) async fn run(
    backend: &Backend,
    args: &StreamsArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let created = when::range(args.created_since.as_deref(), args.created_until.as_deref())?;
    let mut list = ListStreams::new().limit(TABLE_ROWS).with_created(created);
    list.category.clone_from(&args.category);
    let list = if args.backward { list.backward() } else { list };
    let store = backend.store();
    let streams = store.streams(list).take(args.limit).map_ok(|info| {
        let version = info.version.map(|version| version.to_string()).unwrap_or_default();
        vec![info.stream.to_string(), version, info.created.to_string()]
    });
    let mut pages = streams.try_chunks(TABLE_ROWS);
    while let Some(rows) = pages.try_next().await.map_err(|e| e.1)? {
        output.table(&["stream", "version", "created"], &rows)?;
    }
    Ok(())
}
