//! stub
use clap::Args;
use crate::exit::Failure;
use crate::output::Output;
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {}
pub(crate) async fn run(_args: &DemoArgs, _output: &mut Output) -> Result<(), Failure> { Ok(()) }
