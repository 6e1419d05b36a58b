//! How a file is written. Each syntax makes the same tree, so that all that is checked and said
//! is said once.

mod toml;
mod yaml;

use ::toml::Spanned;

use crate::problems::Problems;
use crate::tree::Names;

/// The syntax of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Syntax {
    /// [TOML](https://toml.io) 1.1.
    Toml,
    /// [YAML](https://yaml.org) 1.2: plain data in one document, without anchors, aliases and tags.
    Yaml,
}

impl Syntax {
    /// The syntax of a text that nothing else is known of, by its first line: TOML begins with
    /// `name = …` or `[…`, YAML with `name: …`, `---` or `{`.
    #[must_use]
    pub fn guess(text: &str) -> Self {
        let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("");
        match first.find(['[', '=', ':', '-', '{', '%']).map(|at| first.as_bytes()[at]) {
            None | Some(b'[' | b'=') => Self::Toml,
            Some(_) => Self::Yaml,
        }
    }

    /// What stands in the file, unless it can't be read.
    pub(crate) fn read(self, text: &str, problems: &mut Problems<'_>) -> Option<Spanned<Names>> {
        match self {
            Self::Toml => toml::read(text, problems),
            Self::Yaml => yaml::read(text, problems),
        }
    }

    /// What messages call a table.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Toml => "a table",
            Self::Yaml => "a mapping",
        }
    }

    /// What messages call a list of tables.
    pub(crate) fn tables(self, name: &str) -> String {
        match self {
            Self::Toml => format!("[[{name}]]"),
            Self::Yaml => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use crate::{Declaration, File};

    /// Texts, and whether they need no quotes in YAML.
    type Text = (&'static str, bool);

    const TYPES: [Text; 5] =
        [("A", true), ("on", true), ("no", true), ("7", false), ("null", false)];
    const NAMES: [&str; 4] = ["a", "on", "true", "7"];
    const CODE: [Text; 7] = [
        (".data.a", true),
        (".a[0] | . + 1", true),
        ("-1.5", true),
        ("true", true),
        ("\"x: y\"", false),
        (".a // \"#\u{e9}\"", false),
        ("\n.b", false),
    ];

    /// A rule, for both syntaxes to write down.
    #[derive(Clone, Debug)]
    struct Rule {
        types: Vec<Text>,
        when: Option<Text>,
        operation: &'static str,
        /// Names after the first, which is another in each, and the expression.
        fields: Vec<(Vec<&'static str>, Text)>,
        /// Whether YAML nests mappings instead of writing dots.
        nests: bool,
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let field = (prop::collection::vec(select(&NAMES[..]), 0..3), select(&CODE[..]));
        (
            prop::collection::vec(select(&TYPES[..]), 0..3),
            prop::option::of(select(&CODE[..])),
            select(vec!["upsert", "merge", "increment", "append"]),
            prop::collection::vec(field, 1..4),
            any::<bool>(),
        )
            .prop_map(|(types, when, operation, fields, nests)| Rule {
                types,
                when,
                operation,
                fields,
                nests,
            })
    }

    /// A text as JSON has it, which both syntaxes read.
    fn quoted(text: &str) -> String {
        serde_json::Value::from(text).to_string()
    }

    fn scalar((text, is_plain): Text) -> String {
        if is_plain { text.to_owned() } else { quoted(text) }
    }

    fn list(texts: &[Text], write: impl Fn(Text) -> String) -> String {
        format!("[{}]", texts.iter().copied().map(write).collect::<Vec<_>>().join(", "))
    }

    fn toml(rules: &[Rule]) -> String {
        let mut text = "name = 'a'\n".to_owned();
        for rule in rules {
            let types = list(&rule.types, |(text, _)| quoted(text));
            text += &format!("[[on]]\ntypes = {types}\nkey = '.stream'\n");
            if let Some((when, _)) = rule.when {
                text += &format!("when = {}\n", quoted(when));
            }
            for (number, (names, (code, _))) in rule.fields.iter().enumerate() {
                let names: String = names.iter().map(|name| format!(".{}", quoted(name))).collect();
                text += &format!("{}.f{number}{names} = {}\n", rule.operation, quoted(code));
            }
        }
        text
    }

    fn yaml(rules: &[Rule]) -> String {
        let mut text = "name: a\non:\n".to_owned();
        for rule in rules {
            let types = list(&rule.types, scalar);
            text += &format!("  - types: {types}\n    key: .stream\n");
            if let Some(when) = rule.when {
                text += &format!("    when: {}\n", scalar(when));
            }
            if rule.nests {
                text += &format!("    {}:\n", rule.operation);
            }
            for (number, (names, code)) in rule.fields.iter().enumerate() {
                let names = names.iter();
                if rule.nests {
                    text += &format!("      f{number}:");
                    names.enumerate().for_each(|(depth, name)| {
                        text += &format!("\n{}{name}:", " ".repeat(7 + depth));
                    });
                } else {
                    let names: String = names.map(|name| format!(".{name}")).collect();
                    text += &format!("    {}.f{number}{names}:", rule.operation);
                }
                text += &format!(" {}\n", scalar(*code));
            }
        }
        text
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_file_it_is_read_or_refused(
            text in prop::collection::vec(select(vec![
                "name", "on", "key", "merge", ".", ": ", "- ", "\n", " ", "  ", "'", "\"", "[", "]", "{", "}", ",", "&", "*",
                "!", "|", ">", "?", "#", "%", "---", "...", "\t", "\r", "\u{feff}", "\u{e9}", "=", "~", "1", "true",
            ]), 0..40),
        ) {
            let text = text.concat();
            for file in [File::toml(&*text), File::yaml(&*text)] {
                if let Err(error) = Declaration::parse(&file) {
                    prop_assert!(error.to_string().starts_with("line "), "{}", error);
                }
            }
        }
    }

    proptest! {
        // Each case compiles dozens of expressions.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_file_declares_the_same_in_either_syntax(
            rules in prop::collection::vec(any_rule(), 1..4),
        ) {
            let (toml, yaml) = (toml(&rules), yaml(&rules));
            let [in_toml, in_yaml] = [File::toml(&*toml), File::yaml(&*yaml)].map(|file| {
                let declaration = Declaration::parse(&file);
                declaration.map(|declaration| format!("{declaration:#?}"))
            });
            let in_toml = in_toml.map_err(|error| TestCaseError::fail(format!("{error} of {toml}")))?;
            let in_yaml = in_yaml.map_err(|error| TestCaseError::fail(format!("{error} of {yaml}")))?;
            prop_assert_eq!(in_toml, in_yaml, "{}{}", toml, yaml);
        }
    }
}
