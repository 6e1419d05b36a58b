//! The one error type: a kind chosen by what the caller does next, a message, the source, and
//! for a write whether it may have happened.

use std::error::Error as StdError;
use std::fmt;

use crate::{StreamName, Version};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller does next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What an append expected of a stream does not hold: load what is new, decide again.
    Conflict {
        /// The stream that was elsewhere.
        stream: StreamName,
        /// Where it is.
        actual: Version,
    },
    /// What was named does not exist: create it or name another.
    NotFound,
    /// The request can never succeed as it is: correct it.
    Invalid,
    /// The request exceeds a limit: make it smaller.
    TooLarge,
    /// The store can't answer now (busy, throttled, disk full, taken by another process): try later.
    Unavailable,
    /// Stored bytes are not what was written: restore them; nothing was changed.
    Corrupt,
    /// The store was closed or stopped taking writes: open it again.
    Closed,
    /// A defect of factlog: report it.
    Internal,
}

/// Why a call failed.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    /// What was being done, to what, and why it failed: lower case, no full stop.
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// Whether the append, or the write to the state, that failed may stand all the same.
    may_have_happened: bool,
}

impl Error {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { kind, message, source: None, may_have_happened: false }))
    }

    /// A stream is not where an append expected it.
    #[must_use]
    pub fn conflict(stream: StreamName, expected: crate::Expected, actual: Version) -> Self {
        let message = format!("stream {stream} is at version {actual}, expected {expected}");
        Self::new(ErrorKind::Conflict { stream, actual }, message)
    }

    /// What was named does not exist.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The request can never succeed.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The request exceeds a limit.
    #[must_use]
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::TooLarge, message)
    }

    /// The store can't answer now.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Stored bytes are not what was written.
    #[must_use]
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// The store was closed.
    #[must_use]
    pub fn closed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Closed, message)
    }

    /// A defect of factlog.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error of an append, or a write to the state, whose outcome is unknown.
    #[must_use]
    pub fn and_may_have_happened(mut self) -> Self {
        self.0.may_have_happened = true;
        self
    }

    /// What the caller does next.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the same request may succeed later. An append is safe to send again as it is.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.kind == ErrorKind::Unavailable
    }

    /// Whether the append, or the write to the state, that failed may stand all the same. Sending an
    /// append again with the same event ids tells; for a write, see [`State`](crate::state::State).
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        self.0.may_have_happened
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if self.0.may_have_happened {
            f.write_str(" (it may have happened)")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
