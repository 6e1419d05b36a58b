//! The property test: whatever executors do, in whatever order, and whatever becomes of the snapshots, the
//! states, now and in the past, are those that a fold over the events from scratch makes, and each command is
//! answered as a model says that remembers every event and nothing else.
//!
//! Three executors stand for three processes: one with cache and snapshots, one with snapshots alone, one with
//! a cache alone. All have one store that fails now and then, and remember few commands.

use std::collections::HashMap;
use std::sync::Arc;

use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;

use super::ledger::{
    Account, Answer, Ledger, Move, Moved, Overdrawn, answered, executor, id, transfer,
};
use super::{StateFixture, TestClock, name, snapshots};
use crate::codec::{EventCodec, Json, Metadata};
use crate::conformance::differential::{Plan, shortest};
use crate::conformance::faulty::random;
use crate::conformance::{Faults, FaultyStore};
use crate::decider::{
    CommandId, Decider, Executed, Executor, Left, Moment, Options, Origin, SnapshotPolicy,
    Snapshotter,
};
use crate::state::{Key, State, Write};
use crate::{Clock, Result, Store, StoreExt, StreamName, Timestamp, Version};

const STREAMS: usize = 3;
const PROCESSES: usize = 3;
const COMMANDS_KEPT: usize = 3;
const FAULTS_PERMILLE: u64 = 100;

#[derive(Clone, Debug)]
enum Operation {
    Execute {
        process: usize,
        command: Command,
    },
    /// A command that was executed before, counted back from the latest.
    Again {
        process: usize,
        back: usize,
    },
    /// The process begins again, with an empty cache.
    Restart {
        process: usize,
    },
    WriteSnapshots {
        process: usize,
    },
    DeleteSnapshot {
        stream: usize,
    },
    /// One bit is flipped.
    DamageSnapshot {
        stream: usize,
        at: usize,
    },
    /// The snapshot of one stream is put in the place of another's.
    CopySnapshot {
        from: usize,
        to: usize,
    },
}

#[derive(Clone, Debug)]
enum Command {
    One {
        stream: usize,
        command: Move,
    },
    /// To the stream that comes so many after.
    Transfer {
        from: usize,
        further: usize,
        amount: u64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let (process, stream) = (|| 0..PROCESSES, || 0..STREAMS);
    let amount = || 0..10_u64;
    let one = prop_oneof![
        3 => amount().prop_map(Move::Deposit),
        3 => amount().prop_map(Move::Withdraw),
        1 => amount().prop_map(Move::Ensure),
        1 => vec(amount(), 0..3).prop_map(Move::DepositEach),
    ];
    let command = prop_oneof![
        2 => (stream(), one).prop_map(|(stream, command)| Command::One { stream, command }),
        1 => (stream(), 1..STREAMS, amount())
            .prop_map(|(from, further, amount)| Command::Transfer { from, further, amount }),
    ];
    prop_oneof![
        10 => (process(), command).prop_map(|(process, command)| Operation::Execute { process, command }),
        4 => (process(), 0..8_usize).prop_map(|(process, back)| Operation::Again { process, back }),
        1 => process().prop_map(|process| Operation::Restart { process }),
        3 => process().prop_map(|process| Operation::WriteSnapshots { process }),
        1 => stream().prop_map(|stream| Operation::DeleteSnapshot { stream }),
        1 => (stream(), 0..4_000_usize).prop_map(|(stream, at)| Operation::DamageSnapshot { stream, at }),
        1 => (stream(), stream()).prop_map(|(from, to)| Operation::CopySnapshot { from, to }),
    ]
}

/// Demands that states are what the events make, and that commands are answered once.
///
/// # Panics
/// With the shortest sequence of operations found after which they are not.
pub fn check<F: StateFixture>(plan: &Plan, open: impl Fn(TestClock) -> F) {
    let difference = shortest(plan, operation(), |operations| {
        let clock = TestClock::default();
        let mut world = World::new(open(clock.clone()), clock, plan.seed);
        for (step, operation) in operations.iter().enumerate() {
            block_on(world.step(step, operation))?;
        }
        block_on(world.check_log())
    });
    if let Some(difference) = difference {
        panic!("{difference}");
    }
}

struct World {
    /// Goes on by a second a step.
    clock: TestClock,
    fixture: Box<dyn StateFixture>,
    faulty: Arc<dyn Store>,
    processes: Vec<Process>,
    /// All commands so far; the id of each is its place.
    commands: Vec<Command>,
    model: Model,
}

struct Process {
    executor: Executor<Ledger>,
    snapshotter: Option<Snapshotter<Account>>,
}

impl World {
    fn new(fixture: impl StateFixture, clock: TestClock, seed: u64) -> Self {
        let faults = Faults::new(FAULTS_PERMILLE, seed);
        let faulty: Arc<dyn Store> = Arc::new(FaultyStore::new(fixture.store(), faults));
        let fixture: Box<dyn StateFixture> = Box::new(fixture);
        let start = |number| Process::start(number, &faulty, fixture.state());
        let processes = (0..PROCESSES).map(start).collect();
        Self { clock, fixture, faulty, processes, commands: Vec::new(), model: Model::default() }
    }

    async fn step(&mut self, step: usize, operation: &Operation) -> Result<(), String> {
        self.clock.advance_ms(1_000);
        match operation {
            Operation::Execute { process, command } => {
                self.commands.push(command.clone());
                self.execute(*process, self.commands.len() - 1).await?;
            }
            Operation::Again { process, back } => {
                if let Some(number) = self.commands.len().checked_sub(back + 1) {
                    self.execute(*process, number).await?;
                }
            }
            Operation::Restart { process } => {
                let started = Process::start(*process, &self.faulty, self.fixture.state());
                self.processes[*process] = started;
            }
            Operation::WriteSnapshots { process } => {
                if let Some(snapshotter) = &mut self.processes[*process].snapshotter {
                    snapshotter.write_waiting().await;
                }
            }
            Operation::DeleteSnapshot { stream } => self.put_snapshot(*stream, None).await?,
            Operation::DamageSnapshot { stream, at } => {
                if let Some(mut value) = self.snapshot(*stream).await?.filter(|v| !v.is_empty()) {
                    let at = at % value.len();
                    value[at] ^= 1;
                    self.put_snapshot(*stream, Some(value)).await?;
                }
            }
            Operation::CopySnapshot { from, to } => {
                let value = self.snapshot(*from).await?;
                self.put_snapshot(*to, value).await?;
            }
        }
        let process = &self.processes[step % PROCESSES];
        self.check_states(process).await?;
        self.check_past(process, step).await
    }

    async fn execute(&mut self, process: usize, number: usize) -> Result<(), String> {
        let (executor, command) = (&self.processes[process].executor, &self.commands[number]);
        let id = id(number as u128);
        let origin = || Origin::new(id).with_time(written(number as u64));
        let answer = answered(async || command.execute(executor, origin()).await).await;
        self.model.check(id, command, answer.map_err(|error| error.to_string())?)
    }

    async fn check_states(&self, process: &Process) -> Result<(), String> {
        for stream in 0..STREAMS {
            let state =
                until_told(async || process.executor.state(&stream_name(stream)).await).await?;
            let expected = self.model.state(stream);
            let version = Version::new(self.model.streams[stream].len() as u64);
            if (&state.state, state.version) != (&expected, version) {
                return Err(format!("stream {stream}: {state:?}, not {expected:?} at {version}"));
            }
        }
        Ok(())
    }

    /// Demands that the process sees the past as one does that knows of no snapshots.
    async fn check_past(&self, process: &Process, step: usize) -> Result<(), String> {
        let (stream, step) = (step / PROCESSES % STREAMS, step as u64);
        let drawn = random(step);
        let length = self.model.streams[stream].len() as u64;
        let ago_ns = (drawn >> 16) % (step + 2) * 1_000_000_000;
        let now = self.clock.now().unix_nanos();
        let moment = match drawn % 3 {
            0 => Moment::Version(Version::new((drawn >> 16) % (length + 2))),
            1 => Moment::Recorded(Timestamp::from_unix_nanos(now - ago_ns as i64)),
            _ => Moment::Time(written(drawn >> 16)),
        };
        let stream = stream_name(stream);
        let from_scratch = executor(self.fixture.store(), Options::default());
        let (mut states, mut times) = (Vec::new(), Vec::new());
        for executor in [&process.executor, &from_scratch] {
            states.push(until_told(async || executor.state_at(&stream, moment).await).await?);
            let holds = |account: &Account, _: &_| account.balance % 4 == drawn % 4;
            times.push(until_told(async || executor.last_time(&stream, holds).await).await?);
        }
        if states[0] != states[1] || times[0] != times[1] {
            return Err(format!("{stream} at {moment:?}: {states:?}, last {times:?}"));
        }
        Ok(())
    }

    async fn check_log(&self) -> Result<(), String> {
        for stream in 0..STREAMS {
            let events = self.fixture.store().load(&stream_name(stream)).await;
            let mut log = Vec::new();
            for event in events.map_err(|error| error.to_string())? {
                let moved = Json::<Moved>::new().decode(&event).map_err(|e| e.to_string())?;
                let command = Metadata::of(&event).command.ok_or("an event has no command")?;
                log.extend(moved.into_iter().map(|moved| (command, moved)));
            }
            let expected = &self.model.streams[stream];
            if log != *expected {
                return Err(format!("stream {stream} has {log:?}, not {expected:?}"));
            }
        }
        Ok(())
    }

    async fn snapshot(&self, stream: usize) -> Result<Option<Vec<u8>>, String> {
        let item = self.fixture.state().get(&key(stream)).await.map_err(|e| e.to_string())?;
        Ok(item.map(|item| item.value.to_vec()))
    }

    async fn put_snapshot(&self, stream: usize, value: Option<Vec<u8>>) -> Result<(), String> {
        let write = match value {
            Some(value) => Write::put(key(stream), value),
            None => Write::delete(key(stream)),
        };
        self.fixture.state().write_each(vec![write]).await.map_err(|error| error.to_string())
    }
}

impl Process {
    fn start(number: usize, store: &Arc<dyn Store>, state: Arc<dyn State>) -> Self {
        let (snapshots, snapshotter) = snapshots(state, 1, SnapshotPolicy::EveryEvents(2));
        let options = Options::default().with_commands_kept(COMMANDS_KEPT);
        let (options, snapshotter) = match number {
            0 => (options.with_snapshots(snapshots), Some(snapshotter)),
            1 => (options.with_states_cached(0).with_snapshots(snapshots), Some(snapshotter)),
            _ => (options, None),
        };
        Self { executor: executor(Arc::clone(store), options), snapshotter }
    }
}

impl Command {
    /// The streams that it names, in order.
    fn streams(&self) -> Vec<usize> {
        match self {
            Self::One { stream, .. } => vec![*stream],
            Self::Transfer { from, further, .. } => vec![*from, (from + further) % STREAMS],
        }
    }

    async fn execute(&self, executor: &Executor<Ledger>, origin: Origin) -> Answer {
        let streams: Vec<_> = self.streams().into_iter().map(stream_name).collect();
        match self {
            Self::One { command, .. } => executor.execute(&streams[0], origin, command).await,
            Self::Transfer { amount, .. } => {
                transfer(executor, origin, &streams[0], &streams[1], *amount).await
            }
        }
    }

    /// What each of its streams is asked.
    fn moves(&self) -> Vec<(usize, Move)> {
        match self {
            Self::One { stream, command } => vec![(*stream, command.clone())],
            Self::Transfer { amount, .. } => {
                let moves = [Move::Withdraw(*amount), Move::Deposit(*amount)];
                self.streams().into_iter().zip(moves).collect()
            }
        }
    }
}

/// What must be so.
#[derive(Default)]
struct Model {
    streams: [Vec<(CommandId, Moved)>; STREAMS],
    /// What each command was answered.
    answers: HashMap<CommandId, Vec<Vec<Left>>>,
}

impl Model {
    fn state(&self, stream: usize) -> Account {
        let events = self.streams[stream].iter();
        events.fold(Account::default(), |state, (_, event)| Ledger.evolve(state, event))
    }

    /// Whether the command is among the last that the stream must know.
    fn knows(&self, stream: usize, command: CommandId) -> bool {
        let mut last: Vec<_> = self.streams[stream].iter().map(|(command, _)| *command).collect();
        last.dedup();
        last.iter().rev().take(COMMANDS_KEPT).any(|known| *known == command)
    }

    fn decide(&self, command: &Command) -> Result<Vec<(usize, Vec<Moved>)>, Overdrawn> {
        let moves = command.moves().into_iter();
        moves.map(|(at, command)| Ok((at, Ledger.decide(&self.state(at), &command)?))).collect()
    }

    fn check(
        &mut self,
        id: CommandId,
        command: &Command,
        answer: Option<Executed>,
    ) -> Result<(), String> {
        let known = command.streams().iter().any(|stream| self.knows(*stream, id));
        let answered = self.answers.entry(id).or_default();
        // It may be known for longer than it must.
        if let Some(executed) = &answer
            && !executed.left.is_empty()
            && answered.contains(&executed.left)
        {
            return Ok(());
        }
        let decided = self.decide(command).ok();
        let expected = decided.map(|decided| self.apply(id, decided));
        let left = answer.map(|executed| executed.left);
        if known || left != expected {
            return Err(format!("{command:?} left {left:?}, not {expected:?}; known: {known}"));
        }
        self.answers.entry(id).or_default().extend(left.filter(|left| !left.is_empty()));
        Ok(())
    }

    fn apply(&mut self, id: CommandId, decided: Vec<(usize, Vec<Moved>)>) -> Vec<Left> {
        let mut left = Vec::new();
        for (stream, events) in decided.into_iter().filter(|(_, events)| !events.is_empty()) {
            let log = &mut self.streams[stream];
            let first = Version::new(log.len() as u64 + 1);
            log.extend(events.into_iter().map(|event| (id, event)));
            let last = Version::new(log.len() as u64);
            left.push(Left { stream: stream_name(stream), first, last });
        }
        left
    }
}

/// The writer's time of a command, in no order.
fn written(number: u64) -> Timestamp {
    Timestamp::from_unix_nanos((random(number) % 10) as i64)
}

/// Asks again and again until there is an answer.
async fn until_told<T>(mut ask: impl AsyncFnMut() -> Result<T>) -> Result<T, String> {
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is_retryable() => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn stream_name(stream: usize) -> StreamName {
    name(&format!("account-{stream}"))
}

fn key(stream: usize) -> Key {
    let partition = format!("snapshot/ledger/{}", stream_name(stream));
    let partition = partition.as_str().parse().expect("the suite names streams well");
    Key::new(partition, "").expect("an empty sort key is short")
}
