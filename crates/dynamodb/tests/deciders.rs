//! Deciders keep their promises on the tables and the state beside them.

mod common;

use common::store::OnTables;
use factlog::conformance::{TestClock, decider, differential::Plan};
use factlog_dynamodb::Layout;

/// Cases of the property test: each makes tables of its own.
const CASES: u32 = 10;
/// Transfers between accounts.
const TRANSFERS: u64 = 1_000;

fn open(clock: TestClock) -> OnTables {
    OnTables::open(Layout::native())(clock)
}

factlog::decider_tests!(open);

#[test]
fn states_equal_a_fold_from_scratch() {
    decider::check(&Plan::from_env(CASES), open);
}

#[test]
fn transfers_between_accounts_keep_the_sum() {
    decider::check_transfers(decider::Transfers::from_env(TRANSFERS), open);
}
