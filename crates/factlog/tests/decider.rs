//! What the types of deciders promise, whatever store there is.

use std::sync::Arc;

use factlog::Memory;
use factlog::codec::Json;
use factlog::decider::{
    CommandId, Decider, Executor, Options, SnapshotPolicy, Snapshots, Transaction,
};
use factlog::state::MemoryState;
use serde::{Deserialize, Serialize};

struct Steps;

/// One of them is written and can not be read.
#[derive(Serialize, Deserialize)]
enum Step {
    Forward,
    #[serde(skip_deserializing)]
    Sideways,
}

impl Decider for Steps {
    type State = u32;
    type Command = bool;
    type Event = Step;
    type Error = ();

    fn initial(&self) -> u32 {
        0
    }

    fn evolve(&self, steps: u32, _: &Step) -> u32 {
        steps + 1
    }

    fn decide(&self, _: &u32, forward: &bool) -> Result<Vec<Step>, ()> {
        Ok(vec![Step::Forward, if *forward { Step::Forward } else { Step::Sideways }])
    }
}

fn executor(store: &Arc<Memory>) -> Executor<Steps> {
    Executor::new(Arc::clone(store) as _, Steps, Json::new(), Options::default())
}

#[test]
fn futures_of_commands_can_be_spawned_on_any_runtime() {
    fn spawn<T>(_: impl Future<Output = T> + Send) {}
    let executor = executor(&Arc::default());
    let stream = "steps-1".parse().unwrap();
    spawn(executor.execute(&stream, CommandId::nil(), &true));
    spawn(executor.state(&stream));
    spawn(executor.last_time(&stream, |steps, _| *steps > 1));
    let mut transaction = Transaction::new(CommandId::nil());
    let only = transaction.stream(&executor, stream.clone());
    spawn(transaction.execute(|streams| streams.decide(only, &true)));
    let state = Arc::new(MemoryState::default());
    let (_, snapshotter) = Snapshots::<u32>::new(state, "steps", 1, SnapshotPolicy::Never).unwrap();
    spawn(snapshotter.run());
}

#[test]
fn an_event_that_could_not_be_read_back_is_not_written() {
    futures::executor::block_on(async {
        let (store, stream) = (Arc::<Memory>::default(), "steps-1".parse().unwrap());
        let executor = executor(&store);
        let error = executor.execute(&stream, CommandId::nil(), &false).await.unwrap_err();
        assert!(format!("{error:?}").contains("type Sideways"), "{error:?}");
        assert_eq!(executor.state(&stream).await.unwrap().version.number(), 0);
        executor.execute(&stream, CommandId::nil(), &true).await.unwrap();
        assert_eq!(executor.state(&stream).await.unwrap().state, 2);
    });
}

#[test]
fn a_name_of_snapshots_that_is_no_part_of_a_key_is_invalid() {
    for name in ["", "a/b", "a\nb", &"x".repeat(257)] {
        let state = Arc::new(MemoryState::default());
        let snapshots = Snapshots::<u32>::new(state, name, 1, SnapshotPolicy::Never);
        assert!(snapshots.unwrap_err().to_string().contains("256"), "{name:?}");
    }
}
