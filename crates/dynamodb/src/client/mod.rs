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

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::backoff::Backoff;
use crate::cost::Meter;
use crate::limits::{ATTEMPT_TIMEOUT, ATTEMPTS_MAX, PAUSE_FIRST, PAUSE_MAX};

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
    pub(crate) fn new(config: &SdkConfig, seed: u64) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let retries = RetryConfig::adaptive()
            .with_max_attempts(ATTEMPTS_MAX)
            .with_initial_backoff(PAUSE_FIRST)
            .with_max_backoff(PAUSE_MAX);
        let config = config.to_builder().retry_config(retries).timeout_config(timeouts).build();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            streams: aws_sdk_dynamodbstreams::Client::new(&config),
            meter: Meter::default(),
            backoff: Arc::new(Backoff::new(seed)),
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
