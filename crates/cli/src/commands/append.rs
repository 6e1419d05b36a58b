//! `factlog append`

use std::io::{IsTerminal, Read};

use bytes::Bytes;
use factlog::{Append, Error, Event, Expected, Version};
use uuid::Uuid;

use crate::args::AppendArgs;
use crate::backend::Backend;
use crate::exit::Failure;
use crate::jsonl::Line;
use crate::output::Output;

/// Makes the append of what was said; the store is not touched yet.
pub(crate) fn prepare(args: &AppendArgs) -> Result<Append, Failure> {
    let expected = expected(&args.expect)?;
    let events = match &args.events {
        Some(file) => {
            let text = if file.as_os_str() == "-" { stdin()? } else { std::fs::read(file)? };
            several(args, &text)?
        }
        None => vec![one(args)?],
    };
    let append = Append::to(args.stream.clone(), expected, events);
    append.validate()?;
    Ok(append)
}

pub(crate) async fn run(
    backend: &Backend,
    append: Append,
    output: &mut Output,
) -> Result<(), Failure> {
    let stream = append.streams()[0].stream.to_string();
    let appended = backend.store().append(append).await?;
    let position = appended.position.map(|position| position.to_string());
    let mut fields = vec![("stream", stream), ("version", appended.version().to_string())];
    fields.extend(position.map(|position| ("position", position)));
    Ok(output.object(fields)?)
}

fn one(args: &AppendArgs) -> Result<Event, Failure> {
    let event_type =
        args.event_type.clone().ok_or_else(|| Error::invalid("no event type is given"))?;
    let data = match args.data.as_deref() {
        None => Vec::new(),
        Some("-") => stdin()?,
        Some(text) => match text.strip_prefix('@') {
            Some(file) => std::fs::read(file)?,
            None => text.as_bytes().to_owned(),
        },
    };
    let data = if args.raw { data.into() } else { json("data", &data)? };
    let metadata = json("metadata", args.metadata.as_deref().unwrap_or_default().as_bytes())?;
    let event =
        Event::new(args.id.unwrap_or_else(new_id), event_type, data).with_metadata(metadata);
    Ok(match args.time {
        Some(time) => event.with_time(time),
        None => event,
    })
}

/// The events of JSON Lines, all for the one stream.
fn several(args: &AppendArgs, text: &[u8]) -> Result<Vec<Event>, Error> {
    let lines = text.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(index, text)| {
            let number = index + 1;
            let refused = |e: Error| Error::invalid(format!("line {number}: {e}")).with_source(e);
            let line = Line::parse(text, Some(&args.stream)).map_err(refused)?;
            if line.stream != args.stream {
                let other = format!("line {number}: it is of stream {}", line.stream);
                return Err(Error::invalid(other));
            }
            let id = line.id.unwrap_or_else(new_id);
            Ok(line.into_event(id))
        })
        .collect()
}

/// JSON as it is, but for what stands around it, such as the end of a line of `echo`.
fn json(what: &str, bytes: &[u8]) -> Result<Bytes, Error> {
    let trimmed = Bytes::copy_from_slice(bytes.trim_ascii());
    if !trimmed.is_empty()
        && let Err(e) = serde_json::from_slice::<&serde_json::value::RawValue>(&trimmed)
    {
        let hint = if what == "data" { " (--raw takes any bytes)" } else { "" };
        return Err(Error::invalid(format!("the {what} is not JSON: {e}{hint}")).with_source(e));
    }
    Ok(trimmed)
}

fn stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        anstream::eprintln!("reading from the terminal, end with Ctrl-D");
    }
    stdin.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn expected(text: &str) -> Result<Expected, Error> {
    match text {
        "any" => Ok(Expected::Any),
        "none" => Ok(Expected::NoStream),
        "exists" => Ok(Expected::StreamExists),
        number => {
            number.parse().map(|number| Expected::Exact(Version::new(number))).map_err(|_| {
                Error::invalid(format!(
                    "--expect {text}: `any`, `none`, `exists` or a version is known"
                ))
            })
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is where ids come from")]
fn new_id() -> Uuid {
    Uuid::now_v7()
}
