//! Several threads at once.

use std::sync::Barrier;
use std::thread;

use futures::executor::block_on;

use crate::conformance::state::*;

const WRITERS: usize = 4;
const ROUNDS: u64 = 25;

/// Runs so many writers at once, each with its number, and answers what they answer.
fn at_once<T: Send>(bench: &StateBench, write: impl Fn(u64, &dyn State) -> T + Sync) -> Vec<T> {
    let (state, start) = (bench.state(), Barrier::new(WRITERS));
    thread::scope(|scope| {
        let (state, start, write) = (&*state, &start, &write);
        let writer = |number| {
            move || {
                start.wait();
                write(number, state)
            }
        };
        let writers: Vec<_> =
            (0..WRITERS as u64).map(|number| scope.spawn(writer(number))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

fn number(item: Option<&Item>) -> u64 {
    item.map_or(0, |item| u64::from_be_bytes(item.value[..].try_into().unwrap()))
}

/// Adds to the numbers under the keys, all or none, until nobody comes in between.
async fn add<const N: usize>(state: &dyn State, keys: [Key; N], amounts: [u64; N]) {
    loop {
        let items = state.get_many(&keys).await.unwrap();
        thread::yield_now();
        let writes = keys.iter().zip(amounts).zip(&items).map(|((key, amount), item)| {
            let sum = number(item.as_ref()).wrapping_add(amount);
            let write = Write::put(key.clone(), sum.to_be_bytes().to_vec());
            write.expecting(unchanged(item.as_ref()))
        });
        match state.write(writes.collect()).await {
            Ok(Written::Done(_)) => return,
            Ok(Written::Refused { .. }) => {}
            Err(error) => assert!(error.is_retryable() && !error.may_have_happened(), "{error}"),
        }
    }
}

pub async fn counters_that_are_written_on_condition_lose_nothing(bench: &mut StateBench) {
    let counter = key("p", b"counter");
    at_once(bench, |_, state| {
        for _ in 0..ROUNDS {
            block_on(add(state, [counter.clone()], [1]));
        }
    });
    assert_eq!(number(bench.get(&counter).await.as_ref()), WRITERS as u64 * ROUNDS);
}

pub async fn of_writers_that_create_one_key_one_wins(bench: &mut StateBench) {
    for round in 0..10 {
        let lease = key("p", &[round]);
        let answers = at_once(bench, |writer, state| {
            let put = Write::put(lease.clone(), writer.to_be_bytes().to_vec());
            block_on(state.write(vec![put.expecting(Condition::Absent)])).unwrap()
        });
        let item = bench.get(&lease).await.unwrap();
        for (writer, answer) in (0..).zip(answers) {
            match answer {
                Written::Done(revision) => {
                    assert_eq!((number(Some(&item)), item.revision), (writer, revision));
                }
                Written::Refused { found, .. } => {
                    assert_eq!(found.as_ref(), Some(&item));
                    assert_ne!(number(Some(&item)), writer);
                }
            }
        }
    }
}

pub async fn transfers_between_keys_keep_the_sum(bench: &mut StateBench) {
    let account = |number: u64| key("p", &[u8::try_from(number % 3).unwrap()]);
    at_once(bench, |writer, state| {
        for round in 0..ROUNDS {
            let accounts = [account(writer + round), account(writer + round + 1)];
            block_on(add(state, accounts, [1_u64.wrapping_neg(), 1]));
        }
    });
    let items = bench.scan(all()).await;
    let sum = items.iter().fold(0, |sum: u64, item| sum.wrapping_add(number(Some(item))));
    assert_eq!((items.len(), sum), (3, 0));
}
