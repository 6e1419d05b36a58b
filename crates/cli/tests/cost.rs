//! `factlog cost` and `factlog bench --store dynamodb:` against DynamoDB Local.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use common::{Factlog, errors};

#[test]
fn each_line_of_the_table_is_measured_on_tables_that_are_gone_afterwards() {
    let on_dynamo = Factlog::on_dynamodb();
    on_dynamo.lines(&["tables", "create", on_dynamo.name()]);
    let rows = on_dynamo.lines(&["cost", "--measure"]);
    assert!(rows.len() >= 20);
    for row in &rows {
        let [budget, computed, measured] =
            ["budget", "computed", "measured"].map(|column| row[column].as_f64().unwrap());
        assert!(computed <= budget && measured <= budget, "{row}");
    }
    let rows = on_dynamo.lines(&["cost"]);
    let measured = rows.iter().filter(|row| row["measured"].is_number()).count();
    assert!(measured > 0 && measured < rows.len(), "only reads are measured: {measured}");
    // The store itself has been left as it was, and nothing is beside it.
    let removed =
        on_dynamo.lines(&["tables", "destroy", on_dynamo.name(), "--yes", on_dynamo.name()]);
    assert_eq!(removed.len(), 3);
}

#[test]
fn a_bench_needs_no_store_and_measures_all_it_promises() {
    let on_dynamo = Factlog::on_dynamodb();
    let figures = on_dynamo.lines(&["bench", "--quick"]);
    for part in [
        "appends, 1 writer,",
        "appends, 16 writers",
        "appends, 64 writers",
        "an append of 256 bytes",
        "loads of 20 commits",
        "sequencing of what waits",
        "an event of a full replay",
        "lag of a subscriber",
    ] {
        let figure =
            figures.iter().find(|figure| figure["measured"].as_str().unwrap().starts_with(part));
        let figure = figure.unwrap_or_else(|| panic!("{part} is not measured"));
        assert!(figure["value"].as_f64().unwrap() > 0.0, "{figure}");
    }
}

#[test]
fn a_store_that_is_not_in_dynamodb_has_no_price() {
    let output = Factlog::new().run(&["cost"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("dynamodb:NAME"), "{}", errors(&output));
}
