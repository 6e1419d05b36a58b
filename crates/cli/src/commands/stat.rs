//! `factlog stat`

use factlog::{ListStreams, Store, StoreExt};
use futures::TryStreamExt;

use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::Output;

pub(crate) async fn run(backend: &Backend, name: &str, output: &mut Output) -> Result<(), Failure> {
    let fields = match backend {
        Backend::DynamoDb(store) => {
            let head = store.head().await?;
            return Ok(output.object([
                ("store", name.to_owned()),
                ("events", head.to_string()),
                ("layout", store.layout().to_string()),
                ("events table", store.events_table().to_owned()),
            ])?);
        }
        Backend::Memory(store) => {
            let streams: Vec<_> = store.streams(ListStreams::new()).try_collect().await?;
            vec![("events", store.head().await?.number()), ("streams", streams.len() as u64)]
        }
        Backend::Embedded(store) => {
            let stat = store.stat()?;
            vec![
                ("events", stat.events),
                ("streams", stat.streams),
                ("segments", stat.segments),
                ("log bytes", stat.log_bytes),
                ("disk bytes", stat.disk_bytes),
            ]
        }
    };
    let fields = fields.into_iter().map(|(title, value)| (title, value.to_string()));
    Ok(output.object([("store", name.to_owned())].into_iter().chain(fields))?)
}
