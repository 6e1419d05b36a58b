//! The commands, one file each.

mod append;
mod completions;
mod cost;
mod export;
mod log;
mod projection;
mod read;
mod repair;
mod sequence;
mod stat;
mod streams;
mod tables;
mod verify;
mod view;

pub(crate) use cost::CostArgs;
pub(crate) use projection::ProjectionCommand;
pub(crate) use tables::TablesCommand;
pub(crate) use view::ViewCommand;

use crate::args::{Cli, Command, Format};
use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::Output;
use crate::{bench, demo, import};

/// Runs the command.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let format = if cli.json { Format::Json } else { cli.format };
    let mut output = Output::new(format);
    let open = |create| Backend::open(&cli.place, create);
    match &cli.command {
        Command::Bench(args) => bench::run(&cli.place, args, &mut output).await?,
        Command::Cost(args) => cost::run(&cli.place, args, &mut output).await?,
        Command::Demo(args) => demo::run(args, &mut output).await?,
        Command::Tables(command) => tables::run(command, &cli.place.aws, &mut output).await?,
        Command::Completions { shell } => completions::run(*shell),
        Command::Append(args) => {
            let request = append::prepare(args)?;
            with(open(true).await?, async |backend| {
                append::run(backend, request, &mut output).await?;
                Ok(backend.catch_up().await?)
            })
            .await?;
        }
        Command::Import(args) => {
            import::check(args)?;
            with(open(true).await?, async |backend| {
                import::run(backend, args, &mut output).await?;
                Ok(backend.catch_up().await?)
            })
            .await?;
        }
        Command::Read(args) => {
            with(open(false).await?, async |backend| read::run(backend, args, &mut output).await)
                .await?;
        }
        Command::Log(args) if args.follow => log::follow(&cli.place, args, &mut output).await?,
        Command::Log(args) => {
            with(placed(open(false).await?).await?, async |backend| {
                log::run(backend, args, &mut output).await
            })
            .await?;
        }
        Command::Streams(args) => {
            with(placed(open(false).await?).await?, async |backend| {
                streams::run(backend, args, &mut output).await
            })
            .await?;
        }
        Command::Export(args) => {
            with(placed(open(false).await?).await?, async |backend| {
                export::run(backend, args, &mut output).await
            })
            .await?;
        }
        Command::Stat => {
            with(placed(open(false).await?).await?, async |backend| {
                stat::run(backend, &cli.place.store, &mut output).await
            })
            .await?;
        }
        Command::Verify => {
            with(placed(open(false).await?).await?, async |backend| {
                verify::run(backend, &mut output).await
            })
            .await?;
        }
        Command::Repair => {
            with(open(false).await?, async |backend| repair::run(backend, &mut output).await)
                .await?;
        }
        Command::Projection(command) => {
            projection::run(&cli.place, command, &mut output).await?;
        }
        Command::View(command) => {
            with(open(false).await?, async |backend| {
                view::run(backend, command, &mut output).await
            })
            .await?;
        }
        Command::Sequence => sequence::run(&cli.place, &mut output).await?,
    }
    Ok(output.flush()?)
}

/// The store, with all that was appended before in the log.
async fn placed(backend: Backend) -> Result<Backend, Failure> {
    backend.catch_up().await?;
    Ok(backend)
}

/// Does the work on the store, and closes it whatever came of the work.
async fn with<T>(
    backend: Backend,
    work: impl AsyncFnOnce(&Backend) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let done = work(&backend).await;
    let closed = backend.store().close().await;
    let done = done?;
    closed?;
    Ok(done)
}
