//! What commands print: for a person on a terminal, JSON Lines in a pipe.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use factlog::{Position, RecordedEvent};
use serde::Serialize;

use crate::args::Format;
use crate::jsonl;

const NAME: Style = AnsiColor::Cyan.on_default();
const TYPE: Style = AnsiColor::Green.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Standard output, buffered, in one of the two forms.
pub(crate) struct Output {
    to: BufWriter<anstream::AutoStream<io::Stdout>>,
    json: bool,
    /// Columns of the terminal.
    width: usize,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        let terminal = io::stdout().is_terminal();
        let json = format == Format::Json || format == Format::Auto && !terminal;
        let width = terminal_width().unwrap_or(100);
        Self { to: BufWriter::new(anstream::stdout()), json, width }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn event(&mut self, event: &RecordedEvent) -> io::Result<()> {
        if self.json {
            return jsonl::write(&mut self.to, event);
        }
        let RecordedEvent { stream, version, event_type, time, .. } = event;
        let position = match event.position {
            Position::ZERO => "-".to_owned(),
            position => position.to_string(),
        };
        let used =
            format!("{position:>8}  {stream}@{version}  {event_type}  {time}  ").chars().count();
        write!(
            self.to,
            "{FAINT}{position:>8}{FAINT:#}  {NAME}{stream}{NAME:#}{FAINT}@{FAINT:#}{version}  "
        )?;
        write!(self.to, "{TYPE}{event_type}{TYPE:#}  {FAINT}{time}{FAINT:#}  ")?;
        let data = match jsonl::as_json(&event.data) {
            Some(json) => json.to_owned(),
            None if event.data.is_empty() => String::new(),
            None => format!("({} bytes)", event.data.len()),
        };
        writeln!(self.to, "{}", shortened(&data, self.width.saturating_sub(used).max(20)))
    }

    /// A table on a terminal; in a pipe one object a row, with the titles as names.
    pub(crate) fn table(&mut self, titles: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        if self.json {
            for row in rows {
                let cells = titles.iter().zip(row).map(|(title, cell)| (*title, cell.as_str()));
                self.object(cells)?;
            }
            return Ok(());
        }
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([titles[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..titles.len()).map(width).collect();
        let mut line = |cells: &[&str], style: Style| {
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let number = column > 0 && cell.starts_with(|first: char| first.is_ascii_digit());
                let pad = width - cell.chars().count();
                let (left, right) = if number { (pad, 0) } else { (0, pad) };
                write!(self.to, "{:left$}{style}{cell}{style:#}{:right$}  ", "", "")?;
            }
            writeln!(self.to)
        };
        line(titles, FAINT)?;
        for row in rows {
            line(&row.iter().map(String::as_str).collect::<Vec<_>>(), Style::new())?;
        }
        Ok(())
    }

    /// One object: names and values beneath each other, or one line of JSON.
    pub(crate) fn object<'a, V: Display>(
        &mut self,
        fields: impl IntoIterator<Item = (&'a str, V)>,
    ) -> io::Result<()> {
        let fields: Vec<(&str, String)> =
            fields.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        if !self.json {
            let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in &fields {
                writeln!(self.to, "{FAINT}{name:width$}{FAINT:#}  {value}")?;
            }
            return Ok(());
        }
        for (index, (name, value)) in fields.iter().enumerate() {
            write!(self.to, "{}", if index == 0 { "{" } else { "," })?;
            serde_json::to_writer(&mut self.to, &name.replace(' ', "_"))?;
            // A number is one in JSON, too.
            match value.parse::<serde_json::Number>() {
                Ok(number) => write!(self.to, ":{number}")?,
                Err(_) => {
                    write!(self.to, ":")?;
                    serde_json::to_writer(&mut self.to, value)?;
                }
            }
        }
        writeln!(self.to, "}}")
    }

    /// A value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, value)?;
        writeln!(self.to)
    }

    /// A sentence for a person.
    pub(crate) fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.to, "{text}")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

pub(crate) fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!("{}…", &text[..end - text[..end].chars().last().map_or(0, char::len_utf8)])
        }
    }
}

fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// A progress bar on standard error, hidden unless that is a terminal.
pub(crate) fn progress(total: Option<u64>, bytes: bool) -> indicatif::ProgressBar {
    let amount = if bytes { "{bytes}/{total_bytes}" } else { "{human_pos}" };
    let template = match total {
        Some(_) => format!("{{bar:40}} {{percent:>3}} %  {amount}  {{msg}}  {{eta}} left"),
        None => format!("{{spinner}} {amount}  {{msg}}  {{elapsed}}"),
    };
    let bar = indicatif::ProgressBar::new(total.unwrap_or(0));
    if total.is_none() {
        bar.unset_length();
    }
    bar.with_style(
        indicatif::ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    )
}
