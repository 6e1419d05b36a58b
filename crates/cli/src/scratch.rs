//! Tables that a measurement makes beside a store, and removes when it has ended, however it ends.

use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;
use factlog_dynamodb::{CreateTables, Layout, Tables};

use crate::exit::Failure;
use crate::interrupt::Interrupt;

/// Makes the tables `STORE-PURPOSE-…` in this layout, does the work with their name, and removes them.
pub(crate) async fn with_tables<T>(
    config: &SdkConfig,
    (store, purpose): (&str, &str),
    layout: Layout,
    work: impl AsyncFnOnce(&str) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (client, name) = (Client::new(config), format!("{store}-{purpose}-{}", std::process::id()));
    let mut create = CreateTables::default();
    create.layout = Some(layout);
    let made_and_worked = async {
        Tables::create(&client, &name, &create).await?;
        work(&name).await
    };
    let worked = Interrupt::new()?.ends(made_and_worked).await.flatten();
    let removed = Tables::destroy(&client, &name).await;
    if let Err(error) = &removed {
        anstream::eprintln!("the tables of {name} were not removed: {error}");
    }
    let done = worked?;
    removed?;
    Ok(done)
}
