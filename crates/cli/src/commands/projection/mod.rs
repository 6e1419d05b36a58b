//! `factlog projection`
//!
//! All but `start` change or show what the store keeps of a projection, and end at once; `start.rs` is the
//! one that works.

mod failures;
mod report;
mod start;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use factlog::projection::{Projections, Switch};
use factlog::{Error, ProjectionName};
use factlog_declared::{Declaration, Declarations, File, Syntax};

use crate::args::Place;
use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::{self, Output};

/// Items that are deleted between two looks at the clock.
const SWEEP_ITEMS: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectionCommand {
    /// Check a declaration and register its projection, to be built by `start`.
    #[command(after_help = EXAMPLE)]
    Create {
        /// The declaration: TOML, or YAML if its name ends so; `-` for standard input, in either.
        file: PathBuf,
    },
    /// List projections with their generations: state, position, lag, rate.
    List {
        /// Only these.
        names: Vec<ProjectionName>,
    },
    /// Print the declaration that a projection is built by.
    Show {
        /// The projection.
        name: ProjectionName,
    },
    /// Build projections and keep them up to date, until interrupted.
    Start(StartArgs),
    /// Hold a projection where it is, whoever works on it.
    Pause {
        /// The projection.
        name: ProjectionName,
    },
    /// Let a projection that is paused or has failed go on; one that has failed tries the same event again.
    Resume {
        /// The projection.
        name: ProjectionName,
    },
    /// Clear a projection: its documents are gone at once, and `start` builds it again from the first event.
    Reset {
        /// The projection.
        name: ProjectionName,
    },
    /// Have the next generation built beside the live one, which is queried until the switch.
    Rebuild(RebuildArgs),
    /// Make the generation that was built the live one, at once.
    Switch {
        /// The projection.
        name: ProjectionName,
    },
    /// End a projection: its view can no longer be queried.
    Retire {
        /// The projection.
        name: ProjectionName,
    },
    /// List the events that a projection could not apply, and why.
    Failures {
        /// The projection.
        name: ProjectionName,
    },
    /// Try again what a projection could not apply: the event that it stands before, and those that it parked.
    Retry {
        /// The projection.
        name: ProjectionName,
        /// Only the parked events at these positions.
        positions: Vec<u64>,
    },
    /// Let a projection that has failed go on without the event that it stands before, which is kept with what it
    /// parked.
    Skip {
        /// The projection.
        name: ProjectionName,
        /// The event's position; by default that of the event that it stands before now.
        position: Option<u64>,
    },
    /// Delete what is left of generations that are over.
    Sweep {
        /// The projection.
        name: ProjectionName,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  factlog projection start                        # all, and stay
  factlog projection start loans --until-caught-up

An embedded store is held while there is something to build, and let go until another command has had it open.")]
pub(crate) struct StartArgs {
    /// Only these, paused or failed as they may be; by default all that are declared and not paused.
    names: Vec<ProjectionName>,
    /// End as soon as all events that are there now are in the documents.
    #[arg(long)]
    until_caught_up: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  factlog projection rebuild loans                           # by the same declaration
  factlog projection rebuild loans --file loans.toml --by-hand
  factlog projection start loans --until-caught-up
  factlog projection switch loans")]
pub(crate) struct RebuildArgs {
    /// The projection.
    name: ProjectionName,
    /// Its next declaration; by default the one it has.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Go live when `switch` says so, and not as soon as all events are in.
    #[arg(long)]
    by_hand: bool,
}

const EXAMPLE: &str = r#"A declaration:
  name = "loans"

  [[index]]
  field = "status"
  type = "string"             # or number, time, boolean
  counted = true              # also: unique, list

  [[on]]
  types = ["A_SUBMITTED", "A_APPROVED"]
  key = ".stream"             # jq, over the event: names the document
  merge.status = ".type"      # also: upsert, increment, append, delete = true
  merge.amount = ".data.AMOUNT_REQ""#;

pub(crate) async fn run(
    place: &Place,
    command: &ProjectionCommand,
    output: &mut Output,
) -> Result<(), Failure> {
    use ProjectionCommand as P;
    if let P::Start(args) = command
        && !args.until_caught_up
    {
        return start::follow(place, &args.names, output).await;
    }
    let backend = super::placed(Backend::open(place, false).await?).await?;
    super::with(backend, async |backend| {
        let projections = backend.projections()?;
        let declarations = Declarations::new(backend.state()?);
        let name = match command {
            P::List { names } => return report::list(&projections, names, output).await,
            P::Show { name } => return show(&projections, &declarations, name, output).await,
            P::Start(args) => return start::catch_up(backend, &args.names, output).await,
            P::Failures { name } => return failures::list(&projections, name, output).await,
            P::Retry { name, positions } => {
                return failures::retry(backend, name, positions, output).await;
            }
            P::Create { file } => &create(&projections, &declarations, file).await?,
            P::Rebuild(args) => rebuild(&projections, &declarations, args).await?,
            P::Pause { name } => projections.pause(name).await.map(|()| name)?,
            P::Resume { name } => projections.start(name).await.map(|()| name)?,
            P::Reset { name } => projections.reset(name).await.map(|()| name)?,
            P::Switch { name } => projections.switch(name).await.map(|()| name)?,
            P::Retire { name } => projections.retire(name).await.map(|()| name)?,
            P::Skip { name, position } => {
                failures::skip(&projections, name, *position).await.map(|()| name)?
            }
            P::Sweep { name } => sweep(&projections, name).await?,
        };
        report::list(&projections, std::slice::from_ref(name), output).await?;
        if matches!(command, P::Create { .. } | P::Rebuild(_) | P::Reset { .. }) {
            report::next(name, output)?;
        }
        Ok(())
    })
    .await
}

async fn create(
    projections: &Projections,
    declarations: &Declarations,
    file: &Path,
) -> Result<ProjectionName, Failure> {
    let (declaration, file) = read(file)?;
    declarations.create(projections, &file).await?;
    Ok(declaration.name().clone())
}

async fn rebuild<'a>(
    projections: &Projections,
    declarations: &Declarations,
    args: &'a RebuildArgs,
) -> Result<&'a ProjectionName, Failure> {
    let RebuildArgs { name, file, by_hand } = args;
    let switch = if *by_hand { Switch::ByHand } else { Switch::WhenCaughtUp };
    let Some(path) = file else {
        projections.rebuild(name, switch).await?;
        return Ok(name);
    };
    let (declaration, file) = read(path)?;
    if declaration.name() != name {
        let (path, other) = (path.display(), declaration.name());
        let message = format!("{path} declares projection {other}, and {name} is to be rebuilt");
        return Err(Error::invalid(message).into());
    }
    declarations.rebuild(projections, &file, switch).await?;
    Ok(name)
}

/// Reads a declaration and checks all of it.
fn read(path: &Path) -> Result<(Declaration, File), Failure> {
    let text = match path.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let shown = path.display();
    let text = text.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::not_found(format!("there is no file {shown}")),
        _ => Error::invalid(format!("{shown} can't be read: {error}")),
    })?;
    let syntax = match path.extension().and_then(OsStr::to_str) {
        Some("toml") => Syntax::Toml,
        Some("yaml" | "yml") => Syntax::Yaml,
        _ => Syntax::guess(&text),
    };
    let file = File::new(text, syntax);
    let declaration = Declaration::parse(&file)
        .map_err(|error| Error::invalid(format!("{shown} is no declaration\n{error}")))?;
    Ok((declaration, file))
}

async fn show(
    projections: &Projections,
    declarations: &Declarations,
    name: &ProjectionName,
    output: &mut Output,
) -> Result<(), Failure> {
    let record = projections.record(name).await?;
    let generation = record.generations().chain(record.superseded.last()).next();
    let file = match generation {
        Some(generation) => declarations.file(name, generation.definition.version).await?,
        None => None,
    };
    let missing = || Error::not_found(format!("projection {name} is not declared by a file"));
    Ok(output.note(file.ok_or_else(missing)?.text().trim_end())?)
}

async fn sweep<'a>(
    projections: &Projections,
    name: &'a ProjectionName,
) -> Result<&'a ProjectionName, Failure> {
    let bar = output::progress(None, false);
    while !projections.sweep(name, SWEEP_ITEMS).await? {
        bar.inc(SWEEP_ITEMS as u64);
    }
    bar.finish_and_clear();
    Ok(name)
}
