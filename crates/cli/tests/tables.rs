//! `factlog tables` against DynamoDB Local.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::process::Output;

use common::{Factlog, errors};
use serde_json::{Value, json};

/// The commands on the tables of a store.
struct Tables(Factlog);

impl Tables {
    fn new() -> Self {
        Self(Factlog::on_dynamodb())
    }

    /// `tables COMMAND NAME ARGUMENTS…`
    fn command<'a>(&'a self, command: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["tables", command, self.0.name()], arguments].concat()
    }

    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        self.0.run(&self.command(command, arguments))
    }

    #[track_caller]
    fn lines(&self, command: &str, arguments: &[&str]) -> Vec<Value> {
        self.0.lines(&self.command(command, arguments))
    }

    #[track_caller]
    fn refused(&self, command: &str, arguments: &[&str], code: i32, says: &str) {
        self.0.refused(&self.command(command, arguments), code, says);
    }
}

#[test]
fn tables_are_made_described_and_removed() {
    let tables = Tables::new();
    let name = tables.0.name();
    let made = tables.lines("create", &[]);
    assert_eq!(made, tables.lines("describe", &[]));
    assert_eq!(made, tables.lines("create", &["--layout", "native"]));
    let names: Vec<_> = made.iter().map(|table| table["table"].clone()).collect();
    assert_eq!(names, ["events", "log", "state"].map(|role| json!(format!("{name}-{role}"))));
    assert_eq!(made[0]["layout"], "native");
    assert_eq!(made[0]["keys"], "stream (S), version (N)");
    assert_eq!(made[0]["billing"], "on demand");
    assert_eq!(made[2]["items"], 1);
    assert_eq!(made[2]["expires_by"], "expires");
    assert_eq!(made[2]["deletion_protection"], "off");

    tables.refused("destroy", &[], 2, &format!("--yes {name}"));
    tables.refused("destroy", &["--yes", "other"], 2, "nothing was removed");
    let removed = tables.lines("destroy", &["--yes", name]);
    assert_eq!(removed.len(), 3);
    tables.refused("describe", &[], 3, &format!("{name}-events, {name}-log, {name}-state"));
    tables.refused("destroy", &["--yes", name], 3, "has no tables");
}

#[test]
fn options_are_as_said() {
    let tables = Tables::new();
    for units in ["5", "0,1", "a,b"] {
        tables.refused("create", &["--provisioned", units], 2, "two numbers above 0");
    }
    tables.refused("create", &["--layout", "nonsense"], 2, "layout");
    let made = tables.lines("create", &["--provisioned", "5,4", "--layout", "castore"]);
    assert_eq!(made[1]["billing"], "5 read, 4 write units/s");
    assert_eq!(made[0]["layout"], "castore");
    tables.refused("create", &["--layout", "native"], 2, "has the layout castore, not native");
    tables.lines("destroy", &["--yes", tables.0.name()]);
}

#[test]
fn a_terminal_gets_words_beneath_each_other() {
    let tables = Tables::new();
    let output = tables.run("create", &["--format", "table"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("  {}-log\n", tables.0.name())), "{text}");
    assert!(text.contains("deletion protection"), "{text}");
    tables.lines("destroy", &["--yes", tables.0.name()]);
}

#[test]
fn without_a_region_or_credentials_the_error_says_so() {
    let factlog = Factlog::new();
    let run = |region: &[&str]| {
        let mut command = factlog.command(&[&["tables", "describe", "shop"], region].concat());
        for name in ["REGION", "DEFAULT_REGION", "PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"] {
            command.env_remove(format!("AWS_{name}"));
        }
        let nowhere = factlog.directory.path().join("nothing");
        command.env("AWS_CONFIG_FILE", &nowhere).env("AWS_SHARED_CREDENTIALS_FILE", &nowhere);
        command.env("AWS_EC2_METADATA_DISABLED", "true").output().unwrap()
    };
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("no AWS region is known"), "{}", errors(&output));
    let output = run(&["--region", "eu-central-1", "--endpoint-url", "http://127.0.0.1:1"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(errors(&output).contains("no credentials"), "{}", errors(&output));
}
