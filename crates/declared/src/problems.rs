//! What is wrong with a file: all of it at once, each with its line.

use std::ops::Range;

use factlog::{Error, Result};

use crate::limits::PROBLEMS_MAX;
use crate::{File, Syntax};

/// The problems found so far.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    text: &'a str,
    /// How the text is written, and so what things are called.
    pub(crate) syntax: Syntax,
    /// Lines, counted from 1, with what is wrong there.
    found: Vec<(usize, String)>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(file: &'a File) -> Self {
        Self { text: file.text(), syntax: file.syntax(), found: Vec::new() }
    }

    /// Adds a problem of this part of the file.
    pub(crate) fn add(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        self.found.push((line, message.into()));
    }

    /// What was made of the file, if nothing is wrong with it.
    pub(crate) fn none_or<T>(mut self, made: Option<T>) -> Result<T> {
        match made {
            Some(made) if self.found.is_empty() => return Ok(made),
            _ => self.found.sort_by_key(|(line, _)| *line),
        }
        let count = self.found.len();
        let mut lines: Vec<_> = self.found.into_iter().collect();
        lines.truncate(PROBLEMS_MAX);
        let lines = lines.into_iter().map(|(line, message)| format!("line {line}: {message}"));
        let mut message = lines.collect::<Vec<_>>().join("\n");
        if count > PROBLEMS_MAX {
            message.push_str(&format!("\nand {} more", count - PROBLEMS_MAX));
        }
        Err(Error::invalid(message))
    }
}
