//! What calls cost: requests, and capacity as DynamoDB reports it.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// What calls cost: requests, and the units that "Read/write capacity mode" in the Developer Guide defines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// Requests to tables; one that the SDK had to send again counts once. Those to DynamoDB Streams are not among them:
    /// they take no units.
    pub requests: u64,
    /// Read units: half a unit for each 4 KB read, one if strongly consistent.
    pub read_units: f64,
    /// Write units: one for each KB written, two in a transaction.
    pub write_units: f64,
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            read_units: self.read_units + other.read_units,
            write_units: self.write_units + other.write_units,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

/// So many times the cost.
impl Mul<u32> for Cost {
    type Output = Self;
    fn mul(self, times: u32) -> Self {
        Self {
            requests: self.requests * u64::from(times),
            read_units: self.read_units * f64::from(times),
            write_units: self.write_units * f64::from(times),
        }
    }
}

impl Sub for Cost {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            requests: self.requests - other.requests,
            read_units: self.read_units - other.read_units,
            write_units: self.write_units - other.write_units,
        }
    }
}

/// Adds up what calls cost. Its clones are one meter.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Cost>>);

impl Meter {
    /// What all calls have cost so far.
    #[must_use]
    pub fn total(&self) -> Cost {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, cost: Cost) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += cost;
    }

    /// Counts a request that read, which takes so many units at least: DynamoDB Local reports none where nothing is found.
    pub(crate) fn read<'a>(
        &self,
        reported: impl IntoIterator<Item = &'a ConsumedCapacity>,
        least: f64,
    ) {
        let read_units = sum(reported).max(least);
        self.add(Cost { requests: 1, read_units, write_units: 0.0 });
    }

    /// Counts a request that wrote.
    pub(crate) fn wrote<'a>(&self, reported: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        self.add(Cost { requests: 1, read_units: 0.0, write_units: sum(reported) });
    }
}

fn sum<'a>(reported: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    reported.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}
