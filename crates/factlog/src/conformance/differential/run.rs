//! One sequence of operations on two stores.

use super::answer::{Request, ask, level};
use super::operation::{Change, Expectation, Operation, Part, Range, STREAMS, Span, Term};
use crate::conformance::bench::{event, name};
use crate::conformance::{Bench, Fixture, TestClock};
use crate::{
    Append, Clock, Event, Expected, Filter, ListStreams, Position, ReadLog, ReadStream, Result,
    StreamName, TimeRange, Timestamp, Version,
};

/// Runs the operations; the error tells where the stores differ.
pub(super) async fn run(
    clock: TestClock,
    left: impl Fixture,
    right: impl Fixture,
    operations: &[Operation],
) -> Result<(), String> {
    let mut run = Run {
        start: clock.now(),
        left: Bench::new(clock.clone(), left),
        right: Bench::new(clock.clone(), right),
        clock,
        sent: Vec::new(),
        ids: 0,
    };
    for operation in operations {
        run.step(operation).await?;
    }
    Ok(())
}

struct Run {
    left: Bench,
    right: Bench,
    clock: TestClock,
    /// The time when the clock was started.
    start: Timestamp,
    /// The appends that were sent, whatever was answered.
    sent: Vec<Append>,
    /// How many events were made; the id of the last.
    ids: u32,
}

impl Run {
    async fn step(&mut self, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::Tick(milliseconds) => self.clock.advance_ms(*milliseconds),
            Operation::Reopen => {
                for bench in [&mut self.left, &mut self.right] {
                    let reopened = bench.reopen_if_durable().await;
                    reopened.map_err(|error| format!("a store does not open again: {error}"))?;
                }
            }
            operation => {
                if let Some(request) = self.request(operation).await {
                    self.compare(request).await?;
                }
            }
        }
        Ok(())
    }

    async fn compare(&mut self, request: Request) -> Result<(), String> {
        let mut left = ask(&mut self.left, request.clone()).await;
        let mut right = ask(&mut self.right, request.clone()).await;
        if let (Ok(left), Ok(right)) = (&mut left, &mut right) {
            level(left, right);
        }
        if left == right {
            return Ok(());
        }
        Err(format!("request: {request:#?}\nleft: {left:#?}\nright: {right:#?}"))
    }

    /// What the contract is asked; nothing where there is no earlier append.
    async fn request(&mut self, operation: &Operation) -> Option<Request> {
        Some(match operation {
            Operation::Append(parts) => {
                let append = self.append(parts).await;
                self.sent.push(append.clone());
                Request::Append(append)
            }
            Operation::Repeat(back, change) => {
                let first = self.sent.iter().rev().nth(*back)?.clone();
                Request::Append(self.changed(first, *change).await)
            }
            Operation::ReadStream(stream, range, times) => {
                let read = ReadStream::new(name(STREAMS[*stream]));
                let read = read.with_time(self.range(times.time));
                Request::ReadStream(in_stream(
                    read.with_recorded(self.range(times.recorded)),
                    *range,
                ))
            }
            Operation::ReadLog(range, terms) => {
                let filter =
                    terms.iter().fold(Filter::all(), |filter, term| self.with(filter, *term));
                Request::ReadLog(in_log(ReadLog::new().with_filter(filter), *range))
            }
            Operation::List { category, created, backward, limit } => {
                let mut list = ListStreams::new().limit(*limit).with_created(self.range(*created));
                list.category = category.map(str::to_owned);
                Request::List(if *backward { list.backward() } else { list })
            }
            Operation::StreamHead(stream) => Request::StreamHead(name(STREAMS[*stream])),
            Operation::Head | Operation::Tick(_) | Operation::Reopen => Request::Head,
        })
    }

    async fn append(&mut self, parts: &[Part]) -> Append {
        let mut append = Append::default();
        for part in parts {
            let stream = name(STREAMS[part.stream]);
            let expected = self.expected(&stream, part.expected).await;
            let events = (0..part.events).map(|_| self.event()).collect();
            append = append.and(stream, expected, events);
        }
        append
    }

    async fn changed(&mut self, first: Append, change: Change) -> Append {
        let mut append = Append::default();
        for (number, part) in first.streams().iter().cloned().enumerate() {
            let (mut events, mut expected) = (part.events, part.expected);
            match change {
                Change::Reversed => events.reverse(),
                Change::Shorter if number == 0 => drop(events.pop()),
                Change::Longer if number == 0 => events.push(self.event()),
                Change::Expecting(other) => expected = self.expected(&part.stream, other).await,
                Change::Nothing | Change::Shorter | Change::Longer => {}
            }
            append = append.and(part.stream, expected, events);
        }
        append
    }

    async fn expected(&self, stream: &StreamName, expectation: Expectation) -> Expected {
        match expectation {
            Expectation::Any => Expected::Any,
            Expectation::NoStream => Expected::NoStream,
            Expectation::StreamExists => Expected::StreamExists,
            Expectation::Near(distance) => {
                let at = self.left.store().stream_head(stream).await.unwrap_or_default();
                Expected::Exact(Version::new(at.number().saturating_add_signed(distance)))
            }
        }
    }

    /// A new event; its type, time and size follow from its id.
    fn event(&mut self) -> Event {
        self.ids += 1;
        let number = self.ids;
        let types = ["Opened", "Closed", "Opened again"];
        let mut event = event(number.into());
        if let Ok(event_type) = types[number as usize % types.len()].parse() {
            event.event_type = event_type;
        }
        event.data = vec![b'.'; number as usize * 37 % 200].into();
        if !number.is_multiple_of(4) {
            let offset_minutes = i16::try_from(number % 5 * 30).unwrap_or_default();
            event.time = self.after_ms(i64::from(number * 7 % 90)).at_offset(offset_minutes).ok();
        }
        if number.is_multiple_of(3) { event.with_metadata(format!("{number}")) } else { event }
    }

    fn with(&self, filter: Filter, term: Term) -> Filter {
        let valid = "the patterns are valid";
        match term {
            Term::Prefix(prefix) => filter.with_stream_prefix(prefix),
            Term::StreamPattern(pattern) => filter.with_stream_pattern(pattern).expect(valid),
            Term::Category(category) => filter.with_category(category),
            Term::Type(text) => filter.with_type(text.parse().expect("the types are valid")),
            Term::TypePattern(pattern) => filter.with_type_pattern(pattern).expect(valid),
            Term::Time(span) => filter.with_time(self.range(span)),
            Term::Recorded(span) => filter.with_recorded(self.range(span)),
        }
    }

    fn range(&self, (since, until): Span) -> TimeRange {
        let time = |milliseconds: Option<i64>| milliseconds.map(|after| self.after_ms(after));
        TimeRange { since: time(since), until: time(until) }
    }

    fn after_ms(&self, milliseconds: i64) -> Timestamp {
        Timestamp::from_unix_nanos(self.start.unix_nanos() + milliseconds * 1_000_000)
    }
}

fn in_stream(read: ReadStream, range: Range) -> ReadStream {
    let read = read.from(Version::new(range.from)).to(Version::new(range.to)).limit(range.limit);
    if range.backward { read.backward() } else { read }
}

fn in_log(read: ReadLog, range: Range) -> ReadLog {
    let read = read.from(Position::new(range.from)).to(Position::new(range.to)).limit(range.limit);
    if range.backward { read.backward() } else { read }
}
