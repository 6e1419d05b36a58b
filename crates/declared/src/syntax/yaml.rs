//! YAML 1.2, event by event from the crate `granit-parser`.
//!
//! A file is plain data: what stands for something else (an alias), gives a value another type (a
//! tag) or hides something (a name that stands twice, a second document) is a problem. A value
//! without quotes is a number, null or a boolean as the [core schema] says, else a text; so `on`
//! and `no` are texts. A name without quotes is a path where it has dots, as in TOML.
//!
//! [core schema]: https://yaml.org/spec/1.2.2/#103-core-schema

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, options};
use toml::Spanned;

use crate::limits::YAML_DEPTH_MAX;
use crate::problems::Problems;
use crate::tree::{Names, Node, Value};

pub(super) fn read(text: &str, problems: &mut Problems<'_>) -> Option<Spanned<Names>> {
    let options = options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: YAML_DEPTH_MAX,
        block_nesting_limit: YAML_DEPTH_MAX,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    Reader { parser, problems, is_plain: true }.file()
}

struct Reader<'a, 'p, 't> {
    parser: Parser<'a, StrInput<'a>>,
    problems: &'p mut Problems<'t>,
    /// Whether all that was read was plain data.
    is_plain: bool,
}

/// A name as it stands in a mapping: where, and from the outermost to its own.
struct Path {
    span: Range<usize>,
    names: Vec<String>,
}

impl<'a> Reader<'a, '_, '_> {
    fn file(mut self) -> Option<Spanned<Names>> {
        let mut file = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                _ => {
                    let value = self.value(event, span.clone())?;
                    if file.is_some() {
                        self.refuse(
                            &span,
                            "a second document is not allowed: a file declares one projection",
                        );
                    }
                    file.get_or_insert(value);
                }
            }
        }
        let file = file.unwrap_or(Spanned::new(0..0, Node::Other(EMPTY)));
        let names = match file.into_inner() {
            Node::Table(names) => names,
            Node::Other(EMPTY) => Names::new(),
            other => {
                let found = other.what(crate::Syntax::Yaml);
                self.refuse(&(0..0), format!("the file is a mapping, not {found}"));
                Names::new()
            }
        };
        self.is_plain.then(|| Spanned::new(0..0, names))
    }

    /// The next event and its place, unless the text is not YAML.
    fn next(&mut self) -> Option<(Event<'a>, Range<usize>)> {
        match self.parser.next_event()? {
            Ok((event, span)) => Some((event, place(span))),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                self.problems.add(&(at..at), format!("not YAML: {}", error.info()));
                None
            }
        }
    }

    /// The value that begins with the event.
    fn value(&mut self, event: Event<'a>, span: Range<usize>) -> Option<Value> {
        if let Some(tag) = event.tag() {
            let message =
                format!("the tag {} is not allowed: values are plain data", tag.original());
            self.refuse(&span, message);
        }
        if event.anchor_id().is_some() {
            self.refuse(&span, "an anchor is not allowed: write values where they are meant");
        }
        let node = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
            Event::Scalar(text, ..) => Node::Text(text.into_owned()),
            Event::SequenceStart(..) => Node::List(self.list()?),
            Event::MappingStart(..) => Node::Table(self.table()?),
            _ => {
                self.refuse(&span, "an alias is not allowed: write the value here");
                Node::Other("an alias")
            }
        };
        Some(Spanned::new(span, node))
    }

    fn list(&mut self) -> Option<Vec<Value>> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Some(elements),
                (event, span) => elements.push(self.value(event, span)?),
            }
        }
    }

    fn table(&mut self) -> Option<Names> {
        let mut pairs = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let path = self.path(event, span)?;
            let (event, span) = self.next()?;
            pairs.push((path, self.value(event, span)?));
        }
        // What has no dots comes first, so that it makes no difference where it stands.
        pairs.sort_by_key(|(path, _)| path.names.len());
        let mut table = Names::new();
        for (path, value) in pairs {
            self.put(&mut table, path, value);
        }
        Some(table)
    }

    /// The name that begins with the event.
    fn path(&mut self, event: Event<'a>, span: Range<usize>) -> Option<Path> {
        let names: Vec<String> = match event.scalar() {
            None | Some((ABSENT, ScalarStyle::Plain)) => Vec::new(),
            Some((text, ScalarStyle::Plain)) => text.split('.').map(str::to_owned).collect(),
            Some((text, _)) => vec![text.to_owned()],
        };
        let is_name = !names.is_empty() && (names.len() == 1 || !names.contains(&String::new()));
        self.value(event, span.clone())?;
        if !is_name {
            self.refuse(&span, "a name is a text, or several with dots between them");
        }
        Some(Path { span, names })
    }

    fn put(&mut self, table: &mut Names, path: Path, value: Value) {
        let Path { span, mut names } = path;
        let whole = names.join(".");
        let Some(own) = names.pop() else { return };
        let mut inner = Some(table);
        for name in names {
            inner = inner.and_then(|table| {
                let empty = || Spanned::new(span.clone(), Node::Table(Names::new()));
                let entry = table.entry(Spanned::new(span.clone(), name)).or_insert_with(empty);
                match entry.get_mut() {
                    Node::Table(table) => Some(table),
                    _ => None,
                }
            });
        }
        let name = Spanned::new(span.clone(), own);
        match inner {
            Some(table) if !table.contains_key(&name) => drop(table.insert(name, value)),
            _ => self.refuse(&span, format!("{whole:?} stands here twice")),
        }
    }

    /// Adds a problem for which nothing is made of the file.
    fn refuse(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.is_plain = false;
        self.problems.add(span, message);
    }
}

/// What messages call a value that is not there.
const EMPTY: &str = "empty";

/// As what the parser reads a value that is not there.
const ABSENT: &str = "~";

fn place(span: Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

/// A value without quotes.
fn plain(text: &str) -> Node {
    match text {
        ABSENT => Node::Other(EMPTY),
        "null" | "Null" | "NULL" => Node::Literal("null", "null".to_owned()),
        "true" | "True" | "TRUE" => Node::Boolean(true),
        "false" | "False" | "FALSE" => Node::Boolean(false),
        text if is_number(text) => Node::Literal("a number", text.to_owned()),
        text => Node::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    let digits = |prefix, radix| {
        let digits = text.strip_prefix(prefix).filter(|digits: &&str| !digits.is_empty());
        digits.is_some_and(|digits| digits.chars().all(|digit: char| digit.is_digit(radix)))
    };
    let is_decimal = text.parse::<f64>().is_ok() && text.bytes().any(|byte| byte.is_ascii_digit());
    let name = text.trim_start_matches(['+', '-']);
    is_decimal
        || digits("0x", 16)
        || digits("0o", 8)
        || [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(&name)
}
