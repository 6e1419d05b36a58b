//! Which commands a stream has seen: a window of the last ones, part of every folded state.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::CommandId;
use crate::Version;

/// The last commands that left events in a stream, and where. The same from a fold from scratch as from a
/// snapshot and the events after it, because it depends on the events alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commands {
    /// Most commands kept.
    kept_max: usize,
    /// The command with the versions of its first and last event; the oldest first.
    last: VecDeque<(CommandId, u64, u64)>,
    /// Whether there were more than are kept.
    forgot: bool,
}

impl Commands {
    pub(super) fn new(kept_max: usize) -> Self {
        Self { kept_max, last: VecDeque::new(), forgot: false }
    }

    pub(super) fn kept_max(&self) -> usize {
        self.kept_max
    }

    pub(super) fn forgot(&self) -> bool {
        self.forgot
    }

    /// Takes note of the command of the stream's next event.
    pub(super) fn note(&mut self, command: CommandId, version: Version) {
        let number = version.number();
        match self.last.back_mut() {
            Some((last, _, to)) if *last == command => *to = number,
            _ => self.last.push_back((command, number, number)),
        }
        if self.last.len() > self.kept_max {
            self.last.pop_front();
            self.forgot = true;
        }
    }

    /// The versions of the first and last event that the command left.
    pub(super) fn find(&self, command: CommandId) -> Option<(Version, Version)> {
        let found = self.last.iter().rev().find(|(id, ..)| *id == command);
        found.map(|(_, first, last)| (Version::new(*first), Version::new(*last)))
    }
}
