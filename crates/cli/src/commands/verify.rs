//! `factlog verify`

use factlog::{Error, Position, ReadLog, Store};
use futures::TryStreamExt;

use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::{self, Output};

pub(crate) async fn run(backend: &Backend, output: &mut Output) -> Result<(), Failure> {
    match backend {
        Backend::Memory(store) => {
            let mut events = store.read_log(ReadLog::new());
            let mut last = Position::ZERO;
            while let Some(event) = events.try_next().await? {
                if event.position != last.next() {
                    return Err(
                        Error::corrupt(format!("position {} is missing", last.next())).into()
                    );
                }
                last = event.position;
            }
            Ok(output.object([("events", last)])?)
        }
        Backend::Embedded(store) => {
            let bar = output::progress(Some(store.stat()?.log_bytes), true);
            let verified = store.verify(|done, _| bar.set_position(done))?;
            bar.finish_and_clear();
            output.object([
                ("events", verified.events),
                ("streams", verified.streams),
                ("commits", verified.commits),
                ("bytes", verified.bytes),
            ])?;
            if !output.is_json() {
                output.note("all is well: every checksum, version, position and index entry")?;
            }
            Ok(())
        }
    }
}
