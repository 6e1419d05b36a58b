//! The book of a lender: which loans are open and at what stage, who works on them, how long a decision takes.
//!
//! `cargo run -p factlog-examples --bin loan-book -- [FILE [DIRECTORY]]`
//!
//! It takes events from a file of JSON Lines (also `.gz`), or makes some up, keeps them in the directory (or
//! one that is deleted in the end), brings its views up to date, prints a report and draws `loan-book.svg`.
//! What the directory has already is not taken again.

mod events;
mod loan;
mod plot;
mod report;
mod views;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use factlog::projection::{Projections, Worker};
use factlog::{Position, Store as _, SystemClock};
use factlog_embedded::{Options, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (file, directory) = (arguments.next(), arguments.next());
    let temporary = tempfile::tempdir()?;
    let directory = directory.as_deref().unwrap_or(temporary.path());
    let store = Arc::new(Store::open(directory, Options::default(), SystemClock)?);

    if store.head().await? == Position::ZERO {
        match file {
            Some(file) => events::import(&*store, events::lines(&file)?).await?,
            None => events::import(&*store, events::sample().into_iter().map(Ok)).await?,
        }
    }
    let state = Arc::new(store.state()?);
    let projections = Arc::new(Projections::new(Arc::clone(&store) as _, state, SystemClock));
    for projection in views::all()? {
        Worker::new(&projections, projection).catch_up().await?;
    }
    println!("The log has {} events.", store.head().await?);
    report::print(&projections, Arc::clone(&store) as _).await?;
    plot::draw(Path::new("loan-book.svg"), &report::days(&projections).await?)?;
    println!("\nSee loan-book.svg for the days that decisions took.");
    store.close().await?;
    Ok(())
}
