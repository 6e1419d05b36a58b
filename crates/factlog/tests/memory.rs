//! The memory store keeps its contract, and answers as itself.

use std::sync::Arc;

use factlog::Memory;
use factlog::conformance::{TestClock, decider, differential, state};

fn open(clock: TestClock) -> Arc<Memory> {
    Arc::new(Memory::new(clock))
}

factlog::conformance_tests!(open);
factlog::state_tests!(open);
factlog::decider_tests!(open);
factlog::view_tests!(open);

#[test]
fn two_memory_stores_answer_the_same() {
    differential::check(&differential::Plan::from_env(200), open, open);
}

#[test]
fn two_states_in_memory_answer_the_same() {
    state::check(&differential::Plan::from_env(200), open, open);
}

#[test]
fn states_of_deciders_equal_a_fold_from_scratch() {
    decider::check(&differential::Plan::from_env(200), open);
}

#[test]
fn transfers_between_accounts_keep_the_sum() {
    decider::check_transfers(decider::Transfers::from_env(10_000), open);
}
