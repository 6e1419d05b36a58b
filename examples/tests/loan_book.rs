//! The loan book's numbers are those that come of counting the lines of its file. Needs the event files: FACTLOG_DATA.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::Value;

/// How many there are of each.
type Counts = BTreeMap<String, u64>;

/// What is counted from the lines, without factlog.
#[derive(Default)]
struct Counted {
    events: u64,
    /// The stage of each open loan, by stream.
    open: BTreeMap<String, String>,
    /// The first decision of each other loan, by stream.
    decided: BTreeMap<String, String>,
    resources: Counts,
}

impl Counted {
    fn of(path: &Path) -> Self {
        let file = File::open(path).expect("FACTLOG_DATA names the directory of the event files");
        let mut counted = Self::default();
        for line in BufReader::new(GzDecoder::new(file)).lines() {
            let line: Value = serde_json::from_str(&line.expect("a line")).expect("a line of JSON");
            counted.count(&line);
        }
        counted
    }

    fn count(&mut self, line: &Value) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.events += 1;
        if let Some(resource) = text(&line["metadata"]["org:resource"]) {
            *self.resources.entry(resource).or_default() += 1;
        }
        let (stream, event_type) = (text(&line["stream"]), text(&line["type"]));
        let (Some(stream), Some(event_type)) = (stream, event_type) else { panic!("{line}") };
        match event_type.strip_prefix("A_").filter(|_| !self.decided.contains_key(&stream)) {
            None => {}
            Some(decision @ ("APPROVED" | "DECLINED" | "CANCELLED")) => {
                self.open.remove(&stream);
                self.decided.insert(stream, decision.to_owned());
            }
            Some(stage) => drop(self.open.insert(stream, stage.to_owned())),
        }
    }

    /// What the report says of it.
    fn told(&self) -> [String; 3] {
        let loans = self.open.len() + self.decided.len();
        let mut busiest: Vec<_> =
            self.resources.iter().map(|(name, count)| (count, name)).collect();
        busiest.sort_unstable_by(|one, other| other.cmp(one));
        let busiest = busiest.into_iter().take(10).map(|(count, name)| row(*count, name));
        [
            format!("The log has {} events.\n", self.events),
            format!(
                "\n{loans} loans. Open, by stage:\n{}\nDecided:\n{}",
                rows(&self.open),
                rows(&self.decided)
            ),
            format!(
                "\n{} resources. The busiest, by events:\n{}",
                self.resources.len(),
                busiest.collect::<String>()
            ),
        ]
    }
}

fn rows(loans: &BTreeMap<String, String>) -> String {
    let mut counts = Counts::new();
    for value in loans.values() {
        *counts.entry(value.clone()).or_default() += 1;
    }
    counts.iter().map(|(value, count)| row(*count, value)).collect()
}

fn row(count: u64, name: &str) -> String {
    format!("{count:>8} {name}\n")
}

fn check(file: &str) {
    let data = std::env::var_os("FACTLOG_DATA").unwrap_or_else(|| {
        OsString::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"))
    });
    let path = Path::new(&data).join(file);
    let directory = tempfile::tempdir().expect("there is room for what it leaves");
    let mut book = Command::new(env!("CARGO_BIN_EXE_loan-book"));
    let output = book.arg(&path).current_dir(&directory).output().expect("the example starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8_lossy(&output.stdout);
    for told in Counted::of(&path).told() {
        assert!(output.contains(&told), "{told}is not in\n{output}");
    }
    let plot = std::fs::read_to_string(directory.path().join("loan-book.svg"));
    assert!(plot.expect("it draws a plot").contains("From submission to decision"));
}

#[test]
fn it_counts_the_loans_as_their_file_has_them() {
    check("loan-applications.jsonl.gz");
}

#[test]
fn it_counts_the_work_on_permits_as_their_file_has_it() {
    check("permits.jsonl.gz");
}
