//! Every limit of a declaration. What is said of documents and indexes is in [`factlog::limits`].

/// Most bytes of a file: it is an item of the state.
pub const FILE_BYTES_MAX: usize = 100 << 10;

/// Most lists and mappings of a YAML file within one another.
pub const YAML_DEPTH_MAX: usize = 64;

/// Most rules of a file.
pub const RULES_MAX: usize = 200;

/// Most fields that one rule writes.
pub const RULE_FIELDS_MAX: usize = 200;

/// Longest expression, in bytes of UTF-8.
pub const EXPRESSION_BYTES_MAX: usize = 4 << 10;

/// Most documents that one rule changes for one event.
pub const RULE_DOCUMENTS_MAX: usize = 100;

/// Most problems of a file that are told at once.
pub const PROBLEMS_MAX: usize = 50;
