//! Deciders keep their promises on the embedded store and the state beside it.

mod common;

use common::Directory;
use factlog::conformance::{decider, differential::Plan};

/// Transfers between accounts.
const TRANSFERS: u64 = 10_000;

factlog::decider_tests!(Directory::open);

#[test]
fn states_equal_a_fold_from_scratch() {
    decider::check(&Plan::from_env(20), Directory::open);
}

#[test]
fn transfers_between_accounts_keep_the_sum() {
    decider::check_transfers(decider::Transfers::from_env(TRANSFERS), Directory::open);
}
