//! The store keeps the contract in each layout, and answers as the memory store does.

mod common;

use std::sync::Arc;

use common::store::OnTables;
use factlog::Memory;
use factlog::conformance::differential;
use factlog_dynamodb::Layout;

/// Cases of the differential test: each makes tables of its own.
const CASES: u32 = 20;

macro_rules! layout {
    ($name:ident, $layout:expr) => {
        mod $name {
            use super::*;

            factlog::conformance_tests!(OnTables::open($layout));
            factlog::reopen_tests!(OnTables::open($layout));

            #[test]
            fn it_answers_as_the_memory_store_does() {
                let memory = |clock| Arc::new(Memory::new(clock));
                let plan = differential::Plan::from_env(CASES);
                differential::check(&plan, memory, |clock| OnTables::open($layout)(clock));
            }
        }
    };
}

layout!(native, Layout::native());
layout!(castore, Layout::castore());
layout!(castore_single_table, Layout::castore_single_table());
layout!(
    custom,
    "custom:stream=StreamId,version=EventId,type=EventName,data=Payload".parse().unwrap()
);
