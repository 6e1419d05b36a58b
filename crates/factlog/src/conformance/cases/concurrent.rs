//! Several threads at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use futures::executor::block_on;

use crate::conformance::bench::*;
use crate::{Appended, ErrorKind, Expected, ReadLog, RecordedEvent, Store, Version};

use Expected::{Any, NoStream};

const WRITERS: u128 = 4;
const ROUNDS: u128 = 25;

/// Runs so many writers at once, each with its number, and answers what they answer.
fn at_once<T: Send>(
    store: &Arc<dyn Store>,
    write: impl Fn(u128, &dyn Store) -> T + Sync,
) -> Vec<T> {
    let start = Barrier::new(WRITERS as usize);
    thread::scope(|scope| {
        let (start, write) = (&start, &write);
        let writer = |number| {
            move || {
                start.wait();
                write(number, &**store)
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|number| scope.spawn(writer(number))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

/// Appends at the version where the stream turns out to be.
async fn append_with_retries(store: &dyn Store, stream: &str, id: u128) -> Appended {
    let mut at = Version::ZERO;
    loop {
        match store.append(to(stream, Expected::Exact(at), [id])).await {
            Ok(answer) => return answer,
            Err(error) => match error.kind() {
                ErrorKind::Conflict { actual, .. } => at = *actual,
                _ => panic!("{error}"),
            },
        }
    }
}

fn assert_no_gap(log: &[RecordedEvent]) {
    assert_eq!(positions(log), (1..=log.len() as u64).collect::<Vec<_>>());
}

pub async fn writers_of_one_stream_lose_no_version_and_write_none_twice(bench: &mut Bench) {
    let answers = at_once(&bench.store(), |writer, store| {
        let ids = (0..ROUNDS).map(|round| writer * ROUNDS + round);
        ids.map(|id| block_on(append_with_retries(store, "s-1", id))).collect::<Vec<_>>()
    });
    let mut answered: Vec<_> = answers.iter().flatten().map(Appended::version).collect();
    answered.sort_unstable();
    let expected: Vec<_> = (1..=answered.len() as u64).map(Version::new).collect();
    assert_eq!(answered, expected);

    answers.iter().flatten().for_each(|answer| bench.heard(answer));
    let events = bench.stream("s-1").await;
    assert_eq!(versions(&events), (1..=events.len() as u64).collect::<Vec<_>>());
    let mut written = ids(&events);
    written.sort_unstable();
    assert_eq!(written, (0..WRITERS * ROUNDS).collect::<Vec<_>>());
}

pub async fn of_writers_at_one_version_one_wins(bench: &mut Bench) {
    for round in 0..10 {
        let results = at_once(&bench.store(), |writer, store| {
            block_on(store.append(to("s-1", exact(round), [u128::from(round) * WRITERS + writer])))
        });
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        lost.into_iter().for_each(|result| assert_conflict(result, "s-1", round + 1));
        won.into_iter().for_each(|answer| bench.heard(&answer.unwrap()));
    }
    assert_eq!(bench.stream("s-1").await.len(), 10);
}

pub async fn one_append_sent_by_many_is_written_once(bench: &mut Bench) {
    for round in 0..10 {
        let (stream, id) = (format!("s-{round}"), 10 * round);
        let append = to(&stream, NoStream, [id, id + 1]).and(
            name(&format!("t-{round}")),
            exact(0),
            events([id + 2]),
        );
        let answers = at_once(&bench.store(), |_, store| block_on(store.append(append.clone())));
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        answers.iter().for_each(|answer| assert_same_answer(&answers[0], answer));
        bench.heard(&answers[0]);
    }
    assert_eq!(bench.log().await.len(), 30);
}

pub async fn appends_over_several_streams_are_never_seen_by_halves(bench: &mut Bench) {
    let (store, done) = (bench.store(), AtomicBool::new(false));
    let answers = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut finished = false;
            while !finished {
                finished = done.load(Ordering::SeqCst);
                assert_pairs(&block_on(collect(store.read_log(ReadLog::new()))));
            }
        });
        let answers = at_once(&store, |writer, store| {
            let ids = (0..ROUNDS).map(|round| 2 * (writer * ROUNDS + round));
            let pair = |id| to("from-1", Any, [id]).and(name("to-1"), Any, events([id + 1]));
            ids.map(|id| block_on(store.append(pair(id))).unwrap()).collect::<Vec<_>>()
        });
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap();
        answers
    });
    answers.iter().flatten().for_each(|answer| bench.heard(answer));
    let log = bench.log().await;
    assert_eq!(log.len() as u128, 2 * WRITERS * ROUNDS);
    assert_pairs(&log);
}

/// Demands a log of whole commits, each a debit and its credit.
fn assert_pairs(log: &[RecordedEvent]) {
    assert_no_gap(log);
    let (pairs, rest) = log.as_chunks::<2>();
    assert!(rest.is_empty(), "half a commit is seen");
    for [debit, credit] in pairs {
        assert_eq!((debit.stream.as_str(), credit.stream.as_str()), ("from-1", "to-1"));
        assert_eq!(debit.id.as_u128() + 1, credit.id.as_u128());
        assert_eq!(debit.version, credit.version);
    }
}

pub async fn readers_see_a_log_without_gaps_that_only_grows(bench: &mut Bench) {
    let (store, done) = (bench.store(), AtomicBool::new(false));
    let answers = thread::scope(|scope| {
        let readers = [0, 1].map(|_| {
            scope.spawn(|| {
                let mut before = Vec::new();
                let mut finished = false;
                while !finished {
                    finished = done.load(Ordering::SeqCst);
                    let log = block_on(collect(store.read_log(ReadLog::new())));
                    assert_no_gap(&log);
                    assert_eq!(log[..before.len()], before, "what was read stays as it is");
                    before = log;
                }
            })
        });
        let answers = at_once(&store, |writer, store| {
            let ids = (0..ROUNDS).map(|round| writer * ROUNDS + round);
            let stream = format!("s-{}", writer % 3);
            ids.map(|id| block_on(store.append(to(&stream, Any, [id]))).unwrap())
                .collect::<Vec<_>>()
        });
        done.store(true, Ordering::SeqCst);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        answers
    });
    answers.iter().flatten().for_each(|answer| bench.heard(answer));
    let log = bench.log().await;
    assert_eq!(log.len() as u128, WRITERS * ROUNDS);
    assert!(log.is_sorted_by_key(|event| event.recorded));
    for writer in 0..WRITERS {
        let own = ids(&log).into_iter().filter(|id| id / ROUNDS == writer);
        assert!(own.is_sorted(), "one writer's appends stand in the order of their answers");
    }
}

pub async fn a_reader_sees_at_once_what_was_answered(bench: &mut Bench) {
    let answers = at_once(&bench.store(), |writer, store| {
        let stream = format!("s-{writer}");
        let append = |version: u64| {
            let answer = block_on(store.append(to(&stream, Any, [version.into()]))).unwrap();
            assert_eq!(answer.version(), Version::new(version));
            let head = block_on(store.stream_head(&name(&stream))).unwrap();
            assert_eq!(head, Version::new(version));
            answer
        };
        (1..).zip(0..ROUNDS).map(|(version, _)| append(version)).collect::<Vec<_>>()
    });
    answers.iter().flatten().for_each(|answer| bench.heard(answer));
    assert_no_gap(&bench.log().await);
}
