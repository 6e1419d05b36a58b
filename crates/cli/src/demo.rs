//! stub
use crate::exit::Failure;
use crate::output::Output;
use clap::Args;
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {}
pub(crate) async fn run(_args: &DemoArgs, _output: &mut Output) -> Result<(), Failure> {
    Ok(())
}
