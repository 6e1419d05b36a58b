//! `factlog projection start`
//!
//! ```text
//!   embedded    open -> catch up -> close -> wait until others wrote to it -> open -> ...
//!   DynamoDB    a worker each, and a look at what is registered now and then
//! ```
//!
//! One process at a time has an embedded store open. So that others can append and query, this one opens it
//! when another wrote to it, catches up, and closes it again.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use factlog::projection::{Projection, ProjectionInfo, ProjectionState, Projections, Worker};
use factlog::{Error, ErrorKind, ProjectionName, Result, Timer};
use factlog_declared::Declarations;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use indicatif::ProgressBar;

use super::report::{self, Told};
use crate::args::Place;
use crate::backend::{self, Backend};
use crate::commands::with;
use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::output::{self, Output};
use crate::watch;

/// How often the progress of a build is shown.
const SHOW: Duration = Duration::from_millis(100);
/// How often workers are looked at, and what is registered.
const LOOK: Duration = Duration::from_secs(1);

/// Brings the projections to the head of the log as it is now.
pub(super) async fn catch_up(
    backend: &Backend,
    names: &[ProjectionName],
    output: &mut Output,
) -> Result<(), Failure> {
    let drive = Drive::new(backend, names)?;
    drive.let_go_on().await?;
    Interrupt::new()?.ends(drive.catch_up()).await??;
    let infos = drive.infos().await?;
    report::table(&infos, output)?;
    match report::failures(&infos) {
        failures if failures.is_empty() => Ok(()),
        failures => Err(Failure::Projections(failures.join("\n"))),
    }
}

/// Brings the projections to the head of the log and keeps them there, until interrupted, or until none of
/// them can go on.
pub(super) async fn follow(
    place: &Place,
    names: &[ProjectionName],
    output: &mut Output,
) -> Result<(), Failure> {
    match place.dynamodb() {
        Some(name) => follow_open(place, name, names, output).await,
        None => follow_files(place, names, output).await,
    }
}

async fn follow_files(
    place: &Place,
    names: &[ProjectionName],
    output: &mut Output,
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::new()?;
    let (files, mut told, mut is_first) = (Path::new(&place.store), Told::default(), true);
    loop {
        let backend = match Backend::open(place, false).await {
            Ok(backend) => backend,
            // Another command takes its time with the store.
            Err(error) if error.is_retryable() && !is_first => continue,
            Err(error) => return Err(error.into()),
        };
        let seen = with(backend, async |backend| {
            let drive = Drive::new(backend, names)?;
            if std::mem::take(&mut is_first) {
                drive.let_go_on().await?;
            }
            interrupt.ends(drive.catch_up()).await??;
            told.tell(&drive.active().await?, output)?;
            // As long as this process has the store open, nobody else writes to it.
            Ok(watch::changed(files))
        })
        .await?;
        while watch::changed(files) == seen {
            interrupt.ends(watch::pause()).await?;
        }
    }
}

async fn follow_open(
    place: &Place,
    name: &str,
    names: &[ProjectionName],
    output: &mut Output,
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::new()?;
    let store = backend::open_sequencing(place, name).await?;
    with(Backend::DynamoDb(store), async |backend| {
        let drive = Drive::new(backend, names)?;
        interrupt.ends(drive.work(output)).await?.map(|never| match never {})
    })
    .await
}

/// The runtime's timer.
#[derive(Debug)]
struct Tokio;

impl Timer for Tokio {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The projections that were asked for, on a store that is open.
struct Drive<'a> {
    projections: Arc<Projections>,
    declarations: Declarations,
    names: &'a [ProjectionName],
}

impl<'a> Drive<'a> {
    fn new(backend: &Backend, names: &'a [ProjectionName]) -> Result<Self> {
        let declarations = Declarations::new(backend.state()?);
        Ok(Self { projections: backend.projections()?, declarations, names })
    }

    /// Those that were named are wanted, paused or failed as they may be.
    async fn let_go_on(&self) -> Result<()> {
        for name in self.names {
            self.projections.start(name).await?;
        }
        Ok(())
    }

    /// The projections as their generations need them. Without names, those that a file declares.
    async fn chosen(&self) -> Result<Vec<Projection>> {
        let mut chosen = Vec::new();
        for info in report::infos(&self.projections, self.names).await? {
            let record = self.projections.record(&info.name).await?;
            match self.declarations.projections(&info.name, &record).await {
                Ok(projections) => chosen.extend(projections),
                Err(error) if *error.kind() == ErrorKind::NotFound && self.names.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        if chosen.is_empty() {
            return Err(Error::not_found(
                "there is no projection to run: `factlog projection create FILE`",
            ));
        }
        Ok(chosen)
    }

    /// The same as they are now.
    async fn infos(&self) -> Result<Vec<ProjectionInfo>> {
        let mut names: Vec<_> =
            self.chosen().await?.into_iter().map(|chosen| chosen.name).collect();
        names.dedup();
        report::infos(&self.projections, &names).await
    }

    /// The same, if one of them can go on.
    async fn active(&self) -> Result<Vec<ProjectionInfo>, Failure> {
        let infos = self.infos().await?;
        let is_active = |state| {
            use ProjectionState::{Building, Live, Paused};
            matches!(state, Building | Live | Paused)
        };
        let mut generations = infos.iter().flat_map(|info| &info.generations);
        if generations.any(|generation| is_active(generation.state)) {
            return Ok(infos);
        }
        Err(Failure::Projections(report::failures(&infos).join("\n")))
    }

    /// Brings each to the head of the log.
    async fn catch_up(&self) -> Result<()> {
        for projection in self.chosen().await? {
            let worker = Worker::new(&self.projections, projection.clone());
            let bar = output::progress(Some(0), false);
            let ended = tokio::select! {
                ended = worker.catch_up() => ended.map(drop),
                failed = self.show(&bar, &projection) => failed.map(drop),
            };
            bar.finish_and_clear();
            self.unless_over(&projection, ended).await?;
        }
        Ok(())
    }

    /// Has a worker for each, those that are registered meanwhile too, until none can go on.
    async fn work(&self, output: &mut Output) -> Result<Infallible, Failure> {
        self.let_go_on().await?;
        let (mut told, mut running) = (Told::default(), BTreeSet::new());
        let mut workers = FuturesUnordered::new();
        loop {
            for projection in self.chosen().await? {
                let key = (projection.name.clone(), projection.definition.version);
                if running.insert(key.clone()) {
                    let worker = Worker::new(&self.projections, projection.clone());
                    workers.push(async move { (key, projection, worker.run(&Tokio).await) });
                }
            }
            told.tell(&self.active().await?, output)?;
            tokio::select! {
                Some((key, projection, ended)) = workers.next() => {
                    running.remove(&key);
                    self.unless_over(&projection, ended).await?;
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Shows how far the slowest of the generations is that this definition builds.
    async fn show(
        &self,
        bar: &ProgressBar,
        Projection { name, definition, .. }: &Projection,
    ) -> Result<Infallible> {
        if bar.is_hidden() {
            return std::future::pending().await;
        }
        let mut is_first = true;
        loop {
            tokio::time::sleep(SHOW).await;
            let info = self.projections.info(name).await?;
            let generations =
                info.generations.iter().filter(|other| other.definition == *definition);
            let Some(slowest) = generations.min_by_key(|other| other.progress.position) else {
                continue;
            };
            bar.set_length(info.head.number());
            bar.set_position(slowest.progress.position.number());
            let (number, state) = (slowest.number, report::word(slowest.state));
            let rate = slowest.progress.rate;
            bar.set_message(format!("{name} generation {number} {state}, {rate:.0} events/s"));
            if std::mem::take(&mut is_first) {
                bar.reset_eta();
            }
        }
    }

    /// An error of a worker, unless it is that its generation was replaced or retired meanwhile.
    async fn unless_over(&self, projection: &Projection, ended: Result<()>) -> Result<()> {
        let Err(error) = ended else { return Ok(()) };
        let record = self.projections.record(&projection.name).await?;
        let definition = &projection.definition;
        let is_built = record.generations().any(|generation| generation.definition == *definition);
        match error.kind() {
            ErrorKind::Invalid if !is_built => Ok(()),
            _ => Err(error),
        }
    }
}
