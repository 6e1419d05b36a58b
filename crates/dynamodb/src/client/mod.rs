//! Requests to DynamoDB: each counts what it costs, and says what failed.
//!
//! The SDK sends a request again that failed in passing (throttled, lost, answered with a 5xx), with
//! adaptive back-off and jitter, until [`ATTEMPTS_MAX`]. What comes in parts is completed here: pages by the caller,
//! what a batch leaves unprocessed by the batch.

mod batch;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::backoff::{Backoff, Pauses};
use crate::cost::Meter;
use crate::limits::{ATTEMPT_TIMEOUT, ATTEMPTS_MAX, REQUEST_TIMEOUT};

pub(crate) use read::{Page, Query};
pub(crate) use write::{Action, Change, Condition, Written};

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) streams: aws_sdk_dynamodbstreams::Client,
    pub(crate) meter: Meter,
    backoff: Arc<Backoff>,
}

impl Client {
    pub(crate) fn new(config: &SdkConfig, pauses: Pauses, seed: u64) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(REQUEST_TIMEOUT)
            .build();
        let retries = RetryConfig::adaptive()
            .with_max_attempts(ATTEMPTS_MAX)
            .with_initial_backoff(pauses.first)
            .with_max_backoff(pauses.max);
        let config = config.to_builder().retry_config(retries).timeout_config(timeouts).build();
        // Of its own: by default all that the process does in a region counts as one.
        let partition = || RetryPartition::custom("factlog").build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config);
        let dynamodb = dynamodb.retry_partition(partition()).build();
        let streams = aws_sdk_dynamodbstreams::config::Builder::from(&config);
        let streams = streams.retry_partition(partition()).build();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            streams: aws_sdk_dynamodbstreams::Client::from_conf(streams),
            meter: Meter::default(),
            backoff: Arc::new(Backoff::new(pauses, seed)),
        }
    }

    /// The same client with a meter of its own.
    pub(crate) fn metered(&self) -> Self {
        Self { meter: Meter::default(), ..self.clone() }
    }

    /// A number drawn at random.
    pub(crate) fn draw(&self) -> u64 {
        self.backoff.draw()
    }

    /// Waits before the attempt with this number, counted from 1; not at all before the first.
    pub(crate) async fn pause(&self, attempt: u32) {
        let pause = self.backoff.pause(attempt);
        if pause > Duration::ZERO {
            tokio::time::sleep(pause).await;
        }
    }
}
