//! What the application side asks of the state: `cargo bench -p factlog-embedded --bench state`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench that can't go on ends")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use factlog::SystemClock;
use factlog::state::{Key, Scan, State as _, Write};
use factlog_embedded::{Options, State, Store};
use futures::executor::{block_on, block_on_stream};

const ITEMS: u64 = 200_000;
const VALUE: &[u8] = &[b'x'; 100];

/// Numbers that lie all over the keys.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn key(number: u64) -> Key {
    let sort = scattered(number % ITEMS).to_be_bytes().to_vec();
    Key::new("view/bench".parse().unwrap(), sort).unwrap()
}

fn puts(first: u64, count: u64) -> Vec<Write> {
    (first..first + count).map(|number| Write::put(key(number), VALUE)).collect()
}

fn write_each(state: &State, puts: Vec<Write>) {
    block_on(state.write_each(puts)).unwrap();
}

fn state(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Options::default(), SystemClock).unwrap();
    let state = store.state().unwrap();
    for first in (0..ITEMS).step_by(10_000) {
        write_each(&state, puts(first, 10_000));
    }

    let mut number = 0;
    let mut next = move || {
        number += 1;
        scattered(number) >> 32
    };
    criterion.bench_function("get an item", |bench| {
        bench.iter(|| block_on(state.get(&key(next()))).unwrap().unwrap());
    });
    criterion.bench_function("scan 20 items", |bench| {
        bench.iter(|| {
            let key = key(next());
            let scan = Scan::new(key.partition().clone()).from(key.sort().clone()).limit(20);
            block_on_stream(state.scan(scan)).map(Result::unwrap).count()
        });
    });
    criterion.bench_function("write an item, durable", |bench| {
        bench.iter(|| block_on(state.write(puts(next(), 1))).unwrap());
    });
    let mut batches = criterion.benchmark_group("batches of puts");
    for size in [1_000, 10_000] {
        batches.throughput(Throughput::Elements(size)).sample_size(20);
        batches.bench_function(format!("{size}, durable"), |bench| {
            let write = |puts| block_on(state.write(puts)).unwrap();
            bench.iter_batched(|| puts(next(), size), write, BatchSize::LargeInput);
        });
        batches.bench_function(format!("{size}, each for itself"), |bench| {
            let write = |puts| write_each(&state, puts);
            bench.iter_batched(|| puts(next(), size), write, BatchSize::LargeInput);
        });
    }
    batches.finish();
}

criterion_group!(benches, state);
criterion_main!(benches);
