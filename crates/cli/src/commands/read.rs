//! `factlog read`

use factlog::{Error, ReadStream, Version};
use futures::TryStreamExt;

use crate::args::ReadArgs;
use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::Output;

pub(crate) async fn run(
    backend: &Backend,
    args: &ReadArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let store = backend.store();
    let ReadArgs { stream, from, to, backward, limit, times } = args;
    if store.stream_head(stream).await? == Version::ZERO {
        return Err(Error::not_found(format!("there is no stream {stream}")).into());
    }
    let read = ReadStream::new(stream.clone()).from(Version::new(*from)).to(Version::new(*to));
    let read = read.limit(*limit).with_time(times.time()?).with_recorded(times.recorded()?);
    let mut events = store.read_stream(if *backward { read.backward() } else { read });
    while let Some(event) = events.try_next().await? {
        output.event(&event)?;
    }
    Ok(())
}
