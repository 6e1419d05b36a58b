//! `factlog verify`

use factlog::{Error, Position, ReadLog, Store};
use factlog_dynamodb::Verified;
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
        Backend::DynamoDb(store) => {
            let bar = output::progress(None, false);
            let verified = store.verify(|done| bar.inc(done)).await;
            bar.finish_and_clear();
            report(&verified?, output)
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

/// Says what a verification of a store in DynamoDB has found; a difference is a failure.
pub(super) fn report(verified: &Verified, output: &mut Output) -> Result<(), Failure> {
    output.object([
        ("events", verified.events),
        ("streams", verified.streams),
        ("pages", verified.pages),
        ("waiting", verified.waiting),
        ("differences", verified.differences.len() as u64),
    ])?;
    if verified.differences.is_empty() {
        if !output.is_json() {
            output.note(
                "all is well: every item is placed once, in order, and every watermark is right",
            )?;
        }
        return Ok(());
    }
    output.flush()?;
    for difference in &verified.differences {
        let remedy = if difference.can_be_repaired() { " (factlog repair)" } else { "" };
        anstream::eprintln!("{difference}{remedy}");
    }
    Err(Error::corrupt("events table, log and watermarks do not agree").into())
}
