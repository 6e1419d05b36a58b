//! The answer to a command.

use std::fmt;

use crate::{Error, StreamName, Version};

/// What a command left behind. One that is executed again is answered with the same, but for `repeated`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Executed {
    /// The events that it left, stream by stream, in the order in which the streams were named. Empty,
    /// if it changed nothing.
    pub left: Vec<Left>,
    /// Whether it was executed before, and nothing was appended now.
    pub repeated: bool,
}

/// The events that a command left in one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Left {
    /// The stream.
    pub stream: StreamName,
    /// The version of the first.
    pub first: Version,
    /// The version of the last.
    pub last: Version,
}

impl Executed {
    /// The version of the last event that it left in the first stream; 0, if it changed nothing.
    #[must_use]
    pub fn version(&self) -> Version {
        self.left.first().map_or(Version::ZERO, |left| left.last)
    }
}

/// Why a command was not executed.
#[derive(Debug)]
pub enum ExecuteError<E> {
    /// The decider said no. Nothing was appended; it was decided on what the store has.
    Rejected(E),
    /// The store or the codec failed; `Conflict` after as many attempts as are allowed. The command may
    /// be executed again with the same id: [`may_have_happened`](Error::may_have_happened) or not, it happens once.
    Failed(Error),
}

impl<E> From<Error> for ExecuteError<E> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl<E: fmt::Display> fmt::Display for ExecuteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(reason) => reason.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for ExecuteError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Rejected(_) => None,
            Self::Failed(error) => error.source(),
        }
    }
}
