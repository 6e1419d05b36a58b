//! `factlog sequence`

use std::time::Duration;

use factlog::{Clock, Error, SystemClock};

use crate::args::Place;
use crate::backend;
use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

/// How often it says how far it is.
const SAY: Duration = Duration::from_secs(2);

/// Runs until it is interrupted or can't go on.
pub(crate) async fn run(place: &Place, output: &mut Output) -> Result<(), Failure> {
    let Some(name) = place.dynamodb() else {
        return Err(Error::invalid(format!(
            "store {}: only commits in DynamoDB are placed after they are appended",
            place.store
        ))
        .into());
    };
    let mut interrupt = Interrupt::new()?;
    let store = backend::open_sequencing(place, name).await?;
    let ended = loop {
        tokio::select! {
            () = interrupt.came() => break Ok(()),
            () = tokio::time::sleep(SAY) => {}
        }
        if let Err(error) = store.check_sequencer() {
            break Err(error);
        }
        say(&store, output)?;
    };
    factlog::Store::close(&store).await?;
    Ok(ended?)
}

fn say(store: &factlog_dynamodb::Store, output: &mut Output) -> Result<(), Failure> {
    match store.progress() {
        Some(progress) if !output.is_json() => output.note(&format!(
            "position {}, {} ms behind; so far {} events placed in {} pages, {} holes filled, {} scans",
            progress.next.previous(),
            progress.lag_ms(SystemClock.now()),
            progress.placed,
            progress.pages,
            progress.filled,
            progress.scans,
        ))?,
        Some(progress) => output.object([
            ("head", progress.next.previous().to_string()),
            ("lag ms", progress.lag_ms(SystemClock.now()).to_string()),
            ("placed", progress.placed.to_string()),
            ("pages", progress.pages.to_string()),
            ("holes filled", progress.filled.to_string()),
            ("duplicates", progress.duplicates.to_string()),
            ("scans", progress.scans.to_string()),
        ])?,
        None if !output.is_json() => output.note("waiting: another process sequences")?,
        None => output.object([("waiting", "another process sequences")])?,
    }
    Ok(output.flush()?)
}
