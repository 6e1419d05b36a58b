//! Random operations over a small pool of streams, so that they meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// The streams: of some categories, some a prefix of others.
pub(super) const STREAMS: [&str; 5] = ["a-1", "a-2", "b-1", "b", "a-1-x"];

/// What is asked of a pair of stores. Streams and earlier appends are named by their index.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// An append of new events.
    Append(Vec<Part>),
    /// An earlier append once more, perhaps changed. Counted back from the latest.
    Repeat(usize, Change),
    ReadStream(usize, Range, Times),
    ReadLog(Range, Vec<Term>),
    /// A list of streams, through all its pages.
    List {
        category: Option<&'static str>,
        created: Span,
        backward: bool,
        limit: usize,
    },
    StreamHead(usize),
    Head,
    /// The clock goes on, or back.
    Tick(i64),
    /// Closes and opens the stores that keep their data.
    Reopen,
}

/// What an append does to one stream.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) stream: usize,
    pub(super) expected: Expectation,
    /// How many events it appends; none to check only.
    pub(super) events: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Expectation {
    Any,
    NoStream,
    StreamExists,
    /// Exactly so far from where the stream is.
    Near(i64),
}

/// How a repeated append differs from the first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Nothing,
    /// The events of each stream in reverse.
    Reversed,
    /// Without the last event of the first stream.
    Shorter,
    /// With a new event for the first stream.
    Longer,
    /// With another expectation of each stream.
    Expecting(Expectation),
}

/// A range of versions or positions, in a direction, with a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) backward: bool,
    pub(super) limit: u64,
}

/// A range of time in milliseconds since the clock was started.
pub(super) type Span = (Option<i64>, Option<i64>);

/// Ranges of the writer's and the recorded time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) time: Span,
    pub(super) recorded: Span,
}

/// One condition of a filter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Term {
    Prefix(&'static str),
    StreamPattern(&'static str),
    Category(&'static str),
    Type(&'static str),
    TypePattern(&'static str),
    Time(Span),
    Recorded(Span),
}

pub(super) fn any() -> impl Strategy<Value = Operation> {
    let stream = 0..STREAMS.len();
    let category = select(vec![Some("a"), Some("b"), Some("nothing"), Some(""), None]);
    let limit = select(vec![1, 2, 3, 1_000, 0, 1_001]);
    prop_oneof![
        10 => vec(part(), 1..=1).prop_map(Operation::Append),
        4 => vec(part(), 0..=4).prop_map(Operation::Append),
        5 => (0..4_usize, change()).prop_map(|(back, change)| Operation::Repeat(back, change)),
        3 => (stream.clone(), range(8), times())
            .prop_map(|(stream, range, times)| Operation::ReadStream(stream, range, times)),
        4 => (range(40), vec(term(), 0..=3))
            .prop_map(|(range, terms)| Operation::ReadLog(range, terms)),
        3 => (category, span(), any_bool(), limit).prop_map(
            |(category, created, backward, limit)| Operation::List { category, created, backward, limit }
        ),
        1 => stream.prop_map(Operation::StreamHead),
        1 => Just(Operation::Head),
        3 => (-3..10_i64).prop_map(Operation::Tick),
        1 => Just(Operation::Reopen),
    ]
}

fn any_bool() -> impl Strategy<Value = bool> {
    proptest::bool::ANY
}

fn part() -> impl Strategy<Value = Part> {
    let events = prop_oneof![4 => Just(1), 3 => Just(2), 1 => Just(5), 1 => Just(0)];
    (0..STREAMS.len(), expectation(), events).prop_map(|(stream, expected, events)| Part {
        stream,
        expected,
        events,
    })
}

fn expectation() -> impl Strategy<Value = Expectation> {
    prop_oneof![
        3 => Just(Expectation::Any),
        2 => Just(Expectation::NoStream),
        2 => Just(Expectation::StreamExists),
        4 => Just(Expectation::Near(0)),
        2 => (-2..=2_i64).prop_map(Expectation::Near),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => Just(Change::Nothing),
        1 => Just(Change::Reversed),
        1 => Just(Change::Shorter),
        1 => Just(Change::Longer),
        2 => expectation().prop_map(Change::Expecting),
    ]
}

fn range(last: u64) -> impl Strategy<Value = Range> {
    let place = || prop_oneof![1 => Just(0), 6 => 0..last, 1 => Just(u64::MAX)];
    let from = prop_oneof![Just(1), place()];
    let to = prop_oneof![Just(u64::MAX), place()];
    let limit = prop_oneof![2 => Just(u64::MAX), 2 => 1..6_u64, 1 => Just(0)];
    (from, to, any_bool(), limit).prop_map(|(from, to, backward, limit)| Range {
        from,
        to,
        backward,
        limit,
    })
}

fn span() -> impl Strategy<Value = Span> {
    let milliseconds = || option::weighted(0.5, -5..100_i64);
    prop_oneof![2 => Just((None, None)), 1 => (milliseconds(), milliseconds())]
}

fn times() -> impl Strategy<Value = Times> {
    (span(), span()).prop_map(|(time, recorded)| Times { time, recorded })
}

fn term() -> impl Strategy<Value = Term> {
    prop_oneof![
        select(vec!["a-1", "a", "b", "", "x"]).prop_map(Term::Prefix),
        select(vec!["^a", "1$", "-", "^$"]).prop_map(Term::StreamPattern),
        select(vec!["a", "b", "a-1"]).prop_map(Term::Category),
        select(vec!["Opened", "Closed", "Opened again"]).prop_map(Term::Type),
        select(vec!["^Open", "again", "z"]).prop_map(Term::TypePattern),
        span().prop_map(Term::Time),
        span().prop_map(Term::Recorded),
    ]
}
