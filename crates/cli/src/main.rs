//! `factlog`, the event store on the command line.

mod args;
mod aws;
mod backend;
mod bench;
mod commands;
mod demo;
mod exit;
mod import;
mod interrupt;
mod jsonl;
mod output;
mod scratch;
mod watch;
mod when;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;

/// Appends allocate on one thread and free on another, which the system's allocator does slowly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.color.write_global();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&error.into()),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => exit::report(&failure),
    }
}
