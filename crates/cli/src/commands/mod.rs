//! The commands, one file each.

mod append;
mod completions;
mod export;
mod log;
mod read;
mod stat;
mod streams;
mod tables;
mod verify;

pub(crate) use tables::TablesCommand;

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
        Command::Bench(args) => bench::run(args, &mut output)?,
        Command::Demo(args) => demo::run(args, &mut output).await?,
        Command::Tables(command) => tables::run(command, &cli.place.aws, &mut output).await?,
        Command::Completions { shell } => completions::run(*shell),
        Command::Append(args) => {
            let request = append::prepare(args)?;
            with(open(true).await?, async |backend| {
                append::run(backend, request, &mut output).await
            })
            .await?;
        }
        Command::Import(args) => {
            import::check(args)?;
            with(open(true).await?, async |backend| import::run(backend, args, &mut output).await)
                .await?;
        }
        Command::Read(args) => {
            with(open(false).await?, async |backend| read::run(backend, args, &mut output).await)
                .await?;
        }
        Command::Log(args) if args.follow => log::follow(&cli.place, args, &mut output).await?,
        Command::Log(args) => {
            with(open(false).await?, async |backend| log::run(backend, args, &mut output).await)
                .await?;
        }
        Command::Streams(args) => {
            with(open(false).await?, async |backend| {
                streams::run(backend, args, &mut output).await
            })
            .await?;
        }
        Command::Export(args) => {
            with(open(false).await?, async |backend| export::run(backend, args, &mut output).await)
                .await?;
        }
        Command::Stat => {
            with(open(false).await?, async |backend| {
                stat::run(backend, &cli.place.store, &mut output).await
            })
            .await?;
        }
        Command::Verify => {
            with(open(false).await?, async |backend| verify::run(backend, &mut output).await)
                .await?;
        }
    }
    Ok(output.flush()?)
}

/// Does the work on the store, and closes it whatever came of the work.
async fn with(
    backend: Backend,
    work: impl AsyncFnOnce(&Backend) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let done = work(&backend).await;
    let closed = backend.store().close().await;
    done?;
    Ok(closed?)
}
