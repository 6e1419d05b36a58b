//! Views and projections keep their promises on the tables and the state beside them.

mod common;

use common::store::OnTables;
use factlog::conformance::TestClock;
use factlog_dynamodb::Layout;

fn open(clock: TestClock) -> OnTables {
    OnTables::open(Layout::native())(clock)
}

factlog::view_tests!(open);
