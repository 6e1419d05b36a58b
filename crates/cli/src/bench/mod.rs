//! stub
use clap::Args;
use crate::exit::Failure;
use crate::output::Output;
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {}
pub(crate) fn run(_args: &BenchArgs, _output: &mut Output) -> Result<(), Failure> { Ok(()) }
