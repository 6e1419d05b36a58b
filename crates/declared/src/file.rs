//! A declaration as it was given, and how it lies in the state.
//!
//! ```text
//!   TOML    the text
//!   YAML    #!yaml, a line of its own, then the text
//! ```
//!
//! A text in TOML that itself begins with `#!` gets a line `#!toml`.

use crate::Syntax;

/// The text of a declaration and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    text: String,
    syntax: Syntax,
}

impl File {
    /// A text in this syntax.
    #[must_use]
    pub fn new(text: impl Into<String>, syntax: Syntax) -> Self {
        Self { text: text.into(), syntax }
    }

    /// A text in TOML.
    #[must_use]
    pub fn toml(text: impl Into<String>) -> Self {
        Self::new(text, Syntax::Toml)
    }

    /// A text in YAML.
    #[must_use]
    pub fn yaml(text: impl Into<String>) -> Self {
        Self::new(text, Syntax::Yaml)
    }

    /// The text, as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How it is written.
    #[must_use]
    pub fn syntax(&self) -> Syntax {
        self.syntax
    }

    /// What is kept of it.
    pub(crate) fn to_stored(&self) -> String {
        let first = match self.syntax {
            Syntax::Yaml => YAML,
            Syntax::Toml if self.text.starts_with("#!") => TOML,
            Syntax::Toml => "",
        };
        format!("{first}{}", self.text)
    }

    /// The file of which this was kept.
    pub(crate) fn from_stored(stored: &str) -> Self {
        match stored.strip_prefix(YAML) {
            Some(text) => Self::yaml(text),
            None => Self::toml(stored.strip_prefix(TOML).unwrap_or(stored)),
        }
    }
}

const TOML: &str = "#!toml\n";
const YAML: &str = "#!yaml\n";

#[cfg(test)]
mod tests {
    use super::File;

    #[test]
    fn a_file_is_read_as_it_was_kept_and_what_was_kept_before_yaml_as_toml() {
        for text in ["", "name = 'a'", "#!yaml\nname = 'a'", "#!toml\n", "---\nname: a\n"] {
            for file in [File::toml(text), File::yaml(text)] {
                assert_eq!(File::from_stored(&file.to_stored()), file);
            }
        }
        assert_eq!(File::toml("name = 'a'").to_stored(), "name = 'a'");
    }
}
