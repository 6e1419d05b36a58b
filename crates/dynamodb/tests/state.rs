//! The state in its table keeps the contract of states, and answers as the one in memory does.

mod common;

use std::sync::Arc;

use common::store::OnTables;
use factlog::Memory;
use factlog::conformance::{TestClock, differential::Plan, state};
use factlog_dynamodb::Layout;

/// Cases of the differential test: each makes tables of its own.
const CASES: u32 = 20;

fn open(clock: TestClock) -> OnTables {
    OnTables::open(Layout::native())(clock)
}

factlog::state_tests!(open);
factlog::state_reopen_tests!(open);

#[test]
fn it_answers_as_the_one_in_memory_does() {
    let memory = |clock| Arc::new(Memory::new(clock));
    state::check(&Plan::from_env(CASES), memory, open);
}
