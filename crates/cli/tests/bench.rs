//! `factlog bench` measures what it promises; how fast is not a test's business.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use common::{Factlog, errors, parse};

#[test]
fn each_figure_is_measured_and_the_picture_is_drawn() {
    let factlog = Factlog::new();
    let directory = factlog.directory.path();
    let picture = directory.join("plot.svg");
    let output = factlog.run(&[
        "bench",
        "--quick",
        "--dir",
        directory.to_str().unwrap(),
        "--plot",
        picture.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", errors(&output));
    let figures = parse(&output.stdout);
    for part in [
        "1 writer, a stream each",
        "16 writers, a stream each",
        "64 writers, a stream each",
        "256 writers, a stream each",
        "256 writers, one stream",
        "batches of 100",
        "hot stream",
        "random stream",
        "full replay",
        "rare type",
        "open after a crash",
        "open after closing",
        "projection rebuild",
        "query by index",
        "load of 10000 events with a snapshot",
        "on disk",
        "resident memory",
    ] {
        let figure =
            figures.iter().find(|figure| figure["measured"].as_str().unwrap().contains(part));
        let figure = figure.unwrap_or_else(|| panic!("{part} is not measured"));
        assert!(figure["value"].as_f64().unwrap() > 0.0, "{figure}");
        if figure["unit"] == "events/s" && part.contains("writer") {
            assert!(figure["ratio"].as_f64().unwrap() > 0.0, "{figure}");
            assert!(figure["p50_µs"].as_f64().unwrap() > 0.0, "{figure}");
        }
    }
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    let left: Vec<_> = std::fs::read_dir(directory).unwrap().collect();
    assert_eq!(left.len(), 1, "only the picture is left");
}
