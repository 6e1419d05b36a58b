//! Views and projections keep their promises on the embedded store and the state beside it.

mod common;

use common::Directory;

factlog::view_tests!(Directory::open);
