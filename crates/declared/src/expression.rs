//! jq expressions: compiled when the file is read, run for each event.
//!
//! An expression sees the event as `.` and, once the document's key is known, that as `$key`. What
//! it answers depends on nothing else, so that a rebuild makes the same documents: functions that
//! ask for the time, its zone or the environment, print or halt are not there.
//!
//! An expression is a program and can run for ever (`def f: f; f`); a file is trusted as code is.

use std::fmt;

use factlog::{Error, RecordedEvent, Result};
use jaq_core::data::JustLut;
use jaq_core::load::{self, Arena, File, Loader, lex, span};
use jaq_core::{Compiler, Ctx, Filter, Vars, unwrap_valr};
use jaq_json::{Num, Val};
use serde_json::{Map, Number, Value};

use crate::limits::EXPRESSION_BYTES_MAX;

/// What depends on something else than the event, or does something else than answer.
const ABSENT: [&str; 12] = [
    "now",
    "env",
    "localtime",
    "strflocaltime",
    "halt",
    "halt_error",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "input",
    "inputs",
];

/// A compiled expression.
pub(crate) struct Expression {
    /// Where it stands in its file, for messages: `merge.amount of rule 2`.
    place: String,
    code: String,
    filter: Filter<JustLut<Val>>,
}

impl Expression {
    /// Compiles it; else says why it can't be, with the place in it.
    pub(crate) fn new(place: String, code: &str) -> Result<Self, String> {
        if code.len() > EXPRESSION_BYTES_MAX {
            let bytes = code.len();
            return Err(format!(
                "{place}: the expression has {bytes} bytes, the limit is {EXPRESSION_BYTES_MAX}"
            ));
        }
        let filter = compile(code).map_err(|why| format!("{place}: {code:?} {why}"))?;
        Ok(Self { place, code: code.to_owned(), filter })
    }

    /// What it answers for the event: at most so many values.
    pub(crate) fn all(&self, event: &Val, key: &str, count_max: usize) -> Result<Vec<Value>> {
        let vars = Vars::new([Val::utf8_str(key.as_bytes().to_vec())]);
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, vars);
        let answers = self.filter.id.run((context, event.clone())).map(unwrap_valr);
        let mut values = Vec::new();
        for answer in answers {
            if values.len() == count_max {
                return Err(self.failed(format!("answers more than {count_max} values")));
            }
            let answer = answer.map_err(|e| self.failed(format!("fails: {e}")))?;
            values.push(json(&answer).map_err(|why| self.failed(why))?);
        }
        Ok(values)
    }

    /// What it answers for the event, or nothing.
    pub(crate) fn one(&self, event: &Val, key: &str) -> Result<Option<Value>> {
        Ok(self.all(event, key, 1)?.pop())
    }

    /// What it answers as a condition: as jq has it, all but `false`, `null` and nothing is true.
    pub(crate) fn holds(&self, event: &Val) -> Result<bool> {
        let answer = self.one(event, "")?;
        Ok(answer.is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false))))
    }

    /// The error of an event for which it can't be run or used.
    pub(crate) fn failed(&self, why: impl fmt::Display) -> Error {
        Error::invalid(format!("{}: {:?} {why}", self.place, self.code))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression").field("place", &self.place).field("code", &self.code).finish()
    }
}

fn compile(code: &str) -> Result<Filter<JustLut<Val>>, String> {
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let definitions = definitions.filter(|definition| !ABSENT.contains(&definition.name));
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let functions = functions.filter(|(name, ..)| !ABSENT.contains(name));
    let arena = Arena::default();
    let modules = Loader::new(definitions).load(&arena, File { code, path: () });
    let modules = modules.map_err(|errors| first(&errors, |error| syntax(code, error)))?;
    let compiler = Compiler::default().with_funs(functions).with_global_vars(["$key"]);
    compiler.compile(modules).map_err(|errors| {
        first(&errors, |errors| {
            let (name, kind) = errors.first()?;
            let why = if ABSENT.contains(name) {
                ": an expression answers the same for an event at any time, and does nothing else"
            } else {
                ""
            };
            Some(format!("has the unknown {} {name} at {}{why}", kind.as_str(), at(code, name)))
        })
    })
}

fn first<F, E>(errors: &[(F, E)], say: impl Fn(&E) -> Option<String>) -> String {
    let said = errors.iter().find_map(|(_, error)| say(error));
    said.unwrap_or_else(|| "is not a jq expression".to_owned())
}

fn syntax(code: &str, error: &load::Error<&str>) -> Option<String> {
    let (expected, found) = match error {
        load::Error::Io(_) => return Some("names a module, and there are none".to_owned()),
        load::Error::Lex(errors) => {
            let (expected, found) = errors.first()?;
            (said(expected), *found)
        }
        load::Error::Parse(errors) => {
            let (expected, found) = errors.first()?;
            (expected.as_str(), *found)
        }
    };
    Some(format!("is not jq: {expected} is expected at {}", at(code, found)))
}

fn said(expected: &lex::Expect<&str>) -> &'static str {
    match expected {
        lex::Expect::Delim(open) if !["(", "[", "{", "\""].contains(open) => "closing delimiter",
        known => known.as_str(),
    }
}

/// The place of a part of the code, as people count.
fn at(code: &str, part: &str) -> String {
    let start = span(code, part).start;
    match code.get(..start) {
        Some(before) if start < code.len() => format!("character {}", before.chars().count() + 1),
        _ => "its end".to_owned(),
    }
}

/// The event as expressions see it.
pub(crate) fn input(event: &RecordedEvent) -> Result<Val> {
    let text = |text: &str| Val::utf8_str(text.as_bytes().to_vec());
    let number = |number: u64| Val::Num(Num::from_integral(number));
    let json = |what: &str, bytes: &[u8]| match bytes {
        [] => Ok(Val::Null),
        bytes => serde_json::from_slice::<Val>(bytes)
            .map_err(|e| Error::invalid(format!("the {what} of the event is not JSON: {e}"))),
    };
    let fields = [
        ("stream", text(event.stream.as_str())),
        ("version", number(event.version.number())),
        ("position", number(event.position.number())),
        ("type", text(event.event_type.as_str())),
        ("id", text(&event.id.to_string())),
        ("time", text(&event.time.to_string())),
        ("recorded", text(&event.recorded.to_string())),
        ("data", json("data", &event.data)?),
        ("metadata", json("metadata", &event.metadata)?),
    ];
    Ok(Val::obj(fields.into_iter().map(|(name, value)| (text(name), value)).collect()))
}

/// A value of jq as JSON, or why it is none.
fn json(value: &Val) -> Result<Value, String> {
    match value {
        Val::Null => Ok(Value::Null),
        Val::Bool(value) => Ok((*value).into()),
        Val::Num(Num::Int(value)) => Ok((*value).into()),
        Val::Num(Num::Float(value)) => match Number::from_f64(*value) {
            Some(number) => Ok(number.into()),
            None => Err(format!("answers {value}, which no JSON number is")),
        },
        Val::Num(value) => {
            let number = value.to_string().parse::<Number>();
            number.map(Value::from).map_err(|e| format!("answers the number {value}: {e}"))
        }
        Val::TStr(text) => match String::from_utf8(text.to_vec()) {
            Ok(text) => Ok(text.into()),
            Err(_) => Err("answers a text that is not UTF-8".to_owned()),
        },
        Val::BStr(_) => Err("answers bytes".to_owned()),
        Val::Arr(values) => values.iter().map(json).collect::<Result<Vec<_>, _>>().map(Value::from),
        Val::Obj(fields) => {
            let field = |(name, value): (&Val, &Val)| match json(name)? {
                Value::String(name) => Ok((name, json(value)?)),
                name => Err(format!("answers an object with the name {name}")),
            };
            fields.iter().map(field).collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
    }
}
