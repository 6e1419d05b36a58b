//! Requests to DynamoDB: each counts what it costs, and says what failed.
//!
//! The SDK sends a request again that failed in passing (throttled, lost, answered with a 5xx): each for itself, after
//! exponential pauses with full jitter, until [`ATTEMPTS_MAX`]. All of a store's requests together have [`RETRIES_AT_ONCE`]
//! and [`RETRIES_A_SECOND`], so that a service in trouble is not asked many times as much. What comes in parts is completed
//! here: pages by the caller, what a batch leaves unprocessed by the batch.

mod batch;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::backoff::{Backoff, Pauses};
use crate::cost::Meter;
use crate::limits::{
    ATTEMPT_TIMEOUT, ATTEMPTS_MAX, REQUEST_TIMEOUT, RETRIES_A_SECOND, RETRIES_AT_ONCE,
};

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
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS_MAX)
            .with_initial_backoff(pauses.first)
            .with_max_backoff(pauses.max);
        let config = config.to_builder().retry_config(retries).timeout_config(timeouts).build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config);
        let dynamodb = dynamodb.retry_partition(retry_quota()).build();
        let streams = aws_sdk_dynamodbstreams::config::Builder::from(&config);
        let streams = streams.retry_partition(retry_quota()).build();
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

/// How often requests may be sent again, all together. By default that is shared with all that the process does in a
/// region, and is filled up by requests that succeed, not by time.
fn retry_quota() -> RetryPartition {
    let tokens = TokenBucket::builder().capacity(RETRIES_AT_ONCE).refill_rate(RETRIES_A_SECOND);
    let tokens = tokens.retry_cost(1).timeout_retry_cost(1).throttling_retry_cost(1);
    RetryPartition::custom("factlog").token_bucket(tokens.build()).build()
}
