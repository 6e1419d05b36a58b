//! `factlog tables` against DynamoDB Local.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::process::Output;

use common::{Factlog, errors, parse};
use serde_json::{Value, json};

/// A name that no other test has, as the access key a database of its own, and the command with the settings that every AWS tool takes.
struct Tables {
    factlog: Factlog,
    name: String,
}

impl Tables {
    #[expect(clippy::disallowed_methods, reason = "tests share one server")]
    fn new() -> Self {
        let name = format!("test{}", uuid::Uuid::new_v4().simple());
        Self { factlog: Factlog::new(), name }
    }

    /// `factlog tables COMMAND NAME ARGUMENTS…`
    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        let mut all = vec!["tables", command, &self.name];
        all.extend(arguments);
        let mut command = self.factlog.command(&all);
        let endpoint = std::env::var("FACTLOG_DYNAMODB_ENDPOINT").expect(
            "FACTLOG_DYNAMODB_ENDPOINT is not set: run the tests with scripts/test, or one command with \
             scripts/dynamodb-local run COMMAND",
        );
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "eu-central-1");
        command.env("AWS_ACCESS_KEY_ID", &self.name).env("AWS_SECRET_ACCESS_KEY", "secret");
        command.output().unwrap()
    }

    #[track_caller]
    fn lines(&self, command: &str, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(command, arguments);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", errors(&output));
        parse(&output.stdout)
    }

    #[track_caller]
    fn refused(&self, command: &str, arguments: &[&str], code: i32, says: &str) {
        let output = self.run(command, arguments);
        assert_eq!(output.status.code(), Some(code), "{}", errors(&output));
        assert!(errors(&output).contains(says), "{says:?} is not in {}", errors(&output));
    }
}

#[test]
fn tables_are_made_described_and_removed() {
    let tables = Tables::new();
    let name = &tables.name;
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
    tables.lines("destroy", &["--yes", &tables.name]);
}

#[test]
fn a_terminal_gets_words_beneath_each_other() {
    let tables = Tables::new();
    let output = tables.run("create", &["--format", "table"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("  {}-log\n", tables.name)), "{text}");
    assert!(text.contains("deletion protection"), "{text}");
    tables.lines("destroy", &["--yes", &tables.name]);
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
