//! The memory store keeps its contract, and answers as itself.

use std::sync::Arc;

use factlog::Memory;
use factlog::conformance::{TestClock, differential, state};

fn open(clock: TestClock) -> Arc<Memory> {
    Arc::new(Memory::new(clock))
}

factlog::conformance_tests!(open);
factlog::state_tests!(open);
factlog::view_tests!(open);

#[test]
fn two_memory_stores_answer_the_same() {
    differential::check(&differential::Plan::from_env(200), open, open);
}

#[test]
fn two_states_in_memory_answer_the_same() {
    state::check(&differential::Plan::from_env(200), open, open);
}
