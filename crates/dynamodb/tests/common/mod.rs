//! DynamoDB for tests: a connection to the server that `scripts/test` starts, names that no other test has, faults.
//!
//! ```text
//!   store ──> SDK ──> Faults ──> DynamoDB Local
//!                     counts, and fails what the test's plan says
//! ```
//!
//! It knows the SDK alone, so that unit tests take it in, too: `#[path = "../tests/common/mod.rs"]`.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it; what can't be set up fails its test"
)]

pub mod faults;
pub mod runtime;
pub mod store;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;

pub use faults::{Fault, Faults, Request};
pub use runtime::OnRuntime;

/// A name of its own, and with it as the access key a database of its own in DynamoDB Local, whose races between
/// the making and the deleting of tables are no concern then. Its tables are deleted when it is dropped.
#[derive(Debug)]
pub struct Local {
    name: String,
    faults: Faults,
    config: SdkConfig,
}

impl Local {
    #[expect(clippy::disallowed_methods, reason = "tests share one server")]
    pub fn new() -> Self {
        let faults = Faults::default();
        let name = format!("test{}", uuid::Uuid::new_v4().simple());
        Self { config: config(&name, faults.clone()), name, faults }
    }

    /// The name of the store, and the access key. The tables' names begin with it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Requests made with this configuration pass [`Local::faults`]; they are tried again after a millisecond or two.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The same for a runtime of its own.
    pub fn config_for_new_runtime(&self) -> SdkConfig {
        self.config.to_builder().http_client(self.faults.on_new_connections()).build()
    }

    pub fn client(&self) -> Client {
        Client::new(&self.config)
    }

    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let name = self.name.clone();
        let remove = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(remove(&name));
        };
        // A thread, since a test may drop it on a runtime. A server that has gone has no tables.
        let _ = std::thread::spawn(remove).join();
    }
}

/// Deletes all tables whose names begin with this one.
async fn remove(name: &str) {
    let client = Client::new(&config(name, Faults::default()));
    // Names are listed in order: those come after it.
    let listed = client.list_tables().exclusive_start_table_name(name).send().await.unwrap();
    for table in listed.table_names().iter().filter(|table| table.starts_with(name)) {
        client.delete_table().table_name(table).send().await.unwrap();
    }
}

/// The address of the DynamoDB to test with.
pub fn endpoint() -> String {
    std::env::var("FACTLOG_DYNAMODB_ENDPOINT").unwrap_or_else(|_| {
        panic!(
            "FACTLOG_DYNAMODB_ENDPOINT is not set: run the tests with scripts/test, or one command \
             with scripts/dynamodb-local run COMMAND"
        )
    })
}

/// The configuration of a process that uses the tables of this name.
pub fn config(name: &str, faults: Faults) -> SdkConfig {
    let credentials = Credentials::new(name, "secret", None, None, "tests");
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(endpoint())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(faults)
        .retry_config(retries)
        .build()
}
