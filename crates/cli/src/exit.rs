//! How a command ends: exit codes by what the caller does next.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use factlog::{Error, ErrorKind};

/// The codes, as `--help` and the README tell them.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    another failure (a defect of factlog among them)
  2    invalid input or usage
  3    not found: the store, the stream, the projection, the document
  4    conflict: the stream is not where the append expected it
  5    corrupt: stored bytes are not what was written
  6    unavailable: in use by another process, disk full, closed
  7    too large
  8    failed: a projection stands before an event that it can't apply
  130  interrupted: Ctrl-C or SIGTERM";

/// Why a command ends before it is done.
#[derive(Debug)]
pub(crate) enum Failure {
    Store(Error),
    /// Projections stand before events that they can't apply: which, and why.
    Projections(String),
    /// Whoever read the output has enough.
    OutputClosed,
    Interrupted,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            io::ErrorKind::NotFound => Self::Store(Error::not_found(error.to_string())),
            _ => Self::Store(Error::unavailable(error.to_string())),
        }
    }
}

/// Tells what failed on standard error, and the code to exit with.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Store(error) => tell(error),
        Failure::Projections(which) => tell(which),
        Failure::OutputClosed | Failure::Interrupted => {}
    }
    ExitCode::from(code(failure))
}

/// Tells on standard error what failed.
pub(crate) fn tell(what: impl Display) {
    anstream::eprintln!("{}error:{} {what}", style().render(), style().render_reset());
}

fn style() -> anstyle::Style {
    anstyle::AnsiColor::Red.on_default().bold()
}

fn code(failure: &Failure) -> u8 {
    match failure {
        Failure::OutputClosed => 0,
        Failure::Projections(_) => 8,
        Failure::Interrupted => 130,
        Failure::Store(error) => match error.kind() {
            ErrorKind::Invalid => 2,
            ErrorKind::NotFound => 3,
            ErrorKind::Conflict { .. } => 4,
            ErrorKind::Corrupt => 5,
            ErrorKind::Unavailable | ErrorKind::Closed => 6,
            ErrorKind::TooLarge => 7,
            _ => 1,
        },
    }
}
