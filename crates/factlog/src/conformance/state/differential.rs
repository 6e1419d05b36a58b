//! The differential test: the same random operations on two states, the same answers demanded.
//!
//! Revisions differ from store to store. They are compared, and asked for, by the number of the
//! operation that made them. Of several conditions that do not hold a store may name any: what it
//! names must be so.

use futures::TryStreamExt;
use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::HashMap;

use super::{StateFixture, TestClock, key, unchanged};
use crate::conformance::differential::{Difference, Plan, shortest};
use crate::state::{Change, Condition, Item, Key, Revision, Scan, State, Write, Written};
use crate::{Error, ErrorKind, Result};

const PARTITIONS: [&str; 2] = ["p", "pp"];
const SORTS: [&[u8]; 5] = [b"", b"a", b"a\0", b"ab", b"\xff"];

#[derive(Clone, Debug)]
enum Operation {
    Write(Vec<Part>),
    /// Without their conditions.
    WriteEach(Vec<Part>),
    GetMany(Vec<usize>),
    Scan {
        partition: usize,
        from: &'static [u8],
        before: Option<&'static [u8]>,
        backward: bool,
        limit: u64,
    },
    /// Closes and opens the stores that keep their data.
    Reopen,
}

/// What a write does to one key; keys are named by their index.
#[derive(Clone, Debug)]
struct Part {
    key: usize,
    change: Change,
    expectation: Expectation,
}

#[derive(Clone, Copy, Debug)]
enum Expectation {
    Any,
    Absent,
    /// What is there is as it is.
    Current,
    /// The revision of an operation, counted back from the latest that made one.
    Earlier(usize),
}

fn keys() -> Vec<Key> {
    PARTITIONS.iter().flat_map(|name| SORTS.iter().map(|sort| key(name, sort))).collect()
}

fn operation() -> impl Strategy<Value = Operation> {
    let a_key = || 0..PARTITIONS.len() * SORTS.len();
    let change = || {
        let value = select(vec![&b""[..], b"one", b"two"]);
        prop_oneof![
            4 => value.prop_map(|value| Change::Put(value.into())),
            2 => Just(Change::Delete),
            1 => Just(Change::Keep),
        ]
    };
    let expectation = prop_oneof![
        3 => Just(Expectation::Any),
        2 => Just(Expectation::Absent),
        4 => Just(Expectation::Current),
        2 => (0..4_usize).prop_map(Expectation::Earlier),
    ];
    let part = (a_key(), change(), expectation);
    let part = part.prop_map(|(key, change, expectation)| Part { key, change, expectation });
    let end = || select(SORTS.to_vec());
    let scan = (0..PARTITIONS.len(), end(), proptest::option::of(end()), any::<bool>());
    prop_oneof![
        6 => vec(part.clone(), 0..=3).prop_map(Operation::Write),
        2 => vec(part, 0..=3).prop_map(Operation::WriteEach),
        2 => vec(a_key(), 0..=4).prop_map(Operation::GetMany),
        3 => (scan, select(vec![0, 1, 2, u64::MAX])).prop_map(
            |((partition, from, before, backward), limit)| Operation::Scan {
                partition, from, before, backward, limit
            }
        ),
        1 => Just(Operation::Reopen),
    ]
}

/// Demands that two states give the same answers.
///
/// # Panics
/// With the shortest difference found, if they do not.
pub fn check<L: StateFixture, R: StateFixture>(
    plan: &Plan,
    open_left: impl Fn(TestClock) -> L,
    open_right: impl Fn(TestClock) -> R,
) {
    if let Some(difference) = find(plan, open_left, open_right) {
        panic!("{difference}");
    }
}

/// Looks for a difference between two states.
///
/// # Panics
/// If the sequences can't be made.
pub fn find<L: StateFixture, R: StateFixture>(
    plan: &Plan,
    open_left: impl Fn(TestClock) -> L,
    open_right: impl Fn(TestClock) -> R,
) -> Option<Difference> {
    shortest(plan, operation(), |operations| {
        let mut left = Side::new(open_left(TestClock::default()));
        let mut right = Side::new(open_right(TestClock::default()));
        for operation in operations {
            let (left, right) = (block_on(left.ask(operation)), block_on(right.ask(operation)));
            if left != right {
                return Err(format!("left: {left:#?}\nright: {right:#?}"));
            }
        }
        Ok(())
    })
}

#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Refused,
    Items(Vec<Option<Seen>>),
}

/// An item, with the number of the operation that put it.
type Seen = (Key, Vec<u8>, usize);

/// One of the two states.
struct Side {
    fixture: Box<dyn StateFixture>,
    /// How many operations were asked.
    asked: usize,
    /// Which operation made a revision.
    made: HashMap<Revision, usize>,
    /// The last revision of each operation that made one.
    revisions: Vec<Revision>,
}

impl Side {
    fn new(fixture: impl StateFixture) -> Self {
        let (made, revisions) = (HashMap::new(), Vec::new());
        Self { fixture: Box::new(fixture), asked: 0, made, revisions }
    }

    async fn ask(&mut self, operation: &Operation) -> Result<Answer, ErrorKind> {
        self.asked += 1;
        self.answer(operation).await.map_err(|error| error.kind().clone())
    }

    async fn answer(&mut self, operation: &Operation) -> Result<Answer> {
        let (state, keys) = (self.fixture.state(), keys());
        match operation {
            Operation::Write(parts) => self.write(&*state, parts).await,
            Operation::WriteEach(parts) => {
                let plain = |part: &Part| {
                    let mut write = Write::delete(keys[part.key].clone());
                    write.change = part.change.clone();
                    write
                };
                state.write_each(parts.iter().map(plain).collect()).await?;
                let puts = parts.iter().filter(|part| matches!(part.change, Change::Put(_)));
                let puts: Vec<_> = puts.map(|part| keys[part.key].clone()).collect();
                let items = state.get_many(&puts).await?;
                let revisions = items.iter().flatten().map(|item| item.revision).collect();
                self.made(revisions)
            }
            Operation::GetMany(asked) => {
                let asked: Vec<_> = asked.iter().map(|key| keys[*key].clone()).collect();
                self.seen(state.get_many(&asked).await?)
            }
            Operation::Scan { partition, from, before, backward, limit } => {
                let mut scan = Scan::new(PARTITIONS[*partition].parse()?);
                scan = scan.from(*from).limit(*limit);
                scan.before = before.map(Into::into);
                let scan = if *backward { scan.backward() } else { scan };
                self.seen(state.scan(scan).map_ok(Some).try_collect().await?)
            }
            Operation::Reopen => self.fixture.reopen().await.map(|_| Answer::Done),
        }
    }

    async fn write(&mut self, state: &dyn State, parts: &[Part]) -> Result<Answer> {
        let mut writes = Vec::new();
        for part in parts {
            let key = keys()[part.key].clone();
            let condition = match part.expectation {
                Expectation::Any => Condition::Any,
                Expectation::Absent => Condition::Absent,
                Expectation::Current => unchanged(state.get(&key).await?.as_ref()),
                Expectation::Earlier(back) => self.earlier(back),
            };
            let mut write = Write::check(key, condition);
            write.change = part.change.clone();
            writes.push(write);
        }
        match state.write(writes.clone()).await? {
            Written::Done(revision) => self.made(vec![revision]),
            Written::Refused { key, found } => {
                let actual = found.as_ref().map(|item| item.revision);
                let failed = |write: &Write| write.key == key && !write.condition.holds_at(actual);
                if !writes.iter().any(failed) || state.get(&key).await? != found {
                    return Err(Error::internal(format!("refused by {key}, found {found:?}")));
                }
                Ok(Answer::Refused)
            }
        }
    }

    fn earlier(&self, back: usize) -> Condition {
        let revision = self.revisions.iter().rev().nth(back).copied();
        revision.map_or(Condition::Absent, Condition::Revision)
    }

    /// Takes note of the revisions that an operation made, which must be new.
    fn made(&mut self, revisions: Vec<Revision>) -> Result<Answer> {
        self.revisions.extend(revisions.last());
        for revision in revisions {
            if *self.made.entry(revision).or_insert(self.asked) != self.asked {
                return Err(Error::internal(format!("revision {revision} comes again")));
            }
        }
        Ok(Answer::Done)
    }

    fn seen(&self, items: Vec<Option<Item>>) -> Result<Answer> {
        let seen = |item: Item| {
            let made = self.made.get(&item.revision).copied();
            let made = made.ok_or_else(|| Error::internal(format!("nobody wrote {item:?}")))?;
            Ok((item.key, item.value.to_vec(), made))
        };
        let items = items.into_iter().map(|item| item.map(seen).transpose());
        items.collect::<Result<_>>().map(Answer::Items)
    }
}
