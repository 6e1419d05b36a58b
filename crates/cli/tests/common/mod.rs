//! Runs the real binary on a real directory.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A store of its own, and the command as its user runs it.
pub struct Factlog {
    pub directory: tempfile::TempDir,
    /// The name of the store in DynamoDB, if it is there and not in the directory.
    dynamodb: Option<String>,
}

impl Factlog {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), dynamodb: None }
    }

    /// A store in DynamoDB Local whose tables are yet to be made. Its name is the access key, too, which gives
    /// it a database of its own.
    #[expect(clippy::disallowed_methods, reason = "tests share one server")]
    pub fn on_dynamodb() -> Self {
        let name = format!("test{}", uuid::Uuid::new_v4().simple());
        Self { dynamodb: Some(name), ..Self::new() }
    }

    /// A store of its own with these events: of each the stream, the type and the data.
    pub fn holding(events: &[(&str, &str, &str)]) -> Self {
        let factlog = Self::new();
        for (stream, event_type, data) in events {
            factlog.append(stream, event_type, data);
        }
        factlog
    }

    /// The name of the store in DynamoDB.
    pub fn name(&self) -> &str {
        self.dynamodb.as_deref().unwrap()
    }

    pub fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factlog"));
        command.env("FACTLOG_STORE", self.store()).args(arguments);
        // What the machine knows of AWS is not part of a test.
        command.env("AWS_CONFIG_FILE", "/dev/null").env_remove("AWS_REGION");
        if let Some(name) = &self.dynamodb {
            command.env("FACTLOG_STORE", format!("dynamodb:{name}"));
            command.env("AWS_ENDPOINT_URL", endpoint()).env("AWS_REGION", "eu-central-1");
            command.env("AWS_ACCESS_KEY_ID", name).env("AWS_SECRET_ACCESS_KEY", "secret");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command with this on its standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = std::thread::spawn(move || {
            // A command may end before it has read everything.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Runs a command that has to succeed, and reads its lines.
    #[track_caller]
    pub fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", errors(&output));
        parse(&output.stdout)
    }

    /// Runs a command that has to fail with this code, and to say this.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], code: i32, says: &str) {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{}", errors(&output));
        assert!(errors(&output).contains(says), "{says:?} is not in {}", errors(&output));
    }

    /// Appends an event, whose data is JSON, that has to succeed.
    pub fn append(&self, stream: &str, event_type: &str, data: &str) -> Value {
        self.lines(&["append", stream, event_type, data]).remove(0)
    }
}

/// Sends a signal to a command that runs: by the shell, which has `kill` where no package brings it.
pub fn signal(child: &Child, name: &str) {
    let kill = format!("kill -s {name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// The address of DynamoDB Local.
pub fn endpoint() -> String {
    std::env::var("FACTLOG_DYNAMODB_ENDPOINT").expect(
        "FACTLOG_DYNAMODB_ENDPOINT is not set: run the tests with scripts/test, or one command with \
         scripts/dynamodb-local run COMMAND",
    )
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn parse(text: &[u8]) -> Vec<Value> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// A file of sample events.
pub fn data(name: &str) -> PathBuf {
    let directory = std::env::var_os("FACTLOG_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = directory.join(name);
    assert!(path.exists(), "{} is not there; set FACTLOG_DATA", path.display());
    path
}
