//! `factlog repair`

use factlog::Error;

use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::{self, Output};

pub(crate) async fn run(backend: &Backend, output: &mut Output) -> Result<(), Failure> {
    let Backend::DynamoDb(store) = backend else {
        return Err(Error::invalid(
            "only a store in DynamoDB is repaired; others repair themselves when they are opened",
        )
        .into());
    };
    let bar = output::progress(None, false);
    let repaired = store.repair(|done| bar.inc(done)).await;
    bar.finish_and_clear();
    let repaired = repaired?;
    output
        .object([("watermarks mended", repaired.watermarks), ("events placed", repaired.placed)])?;
    super::verify::report(&repaired.verified, output)
}
