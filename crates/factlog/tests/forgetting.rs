//! A projection with more documents than a lane keeps in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use factlog::limits::PROJECTION_CACHE_BYTES;
use factlog::projection::{Documents, Projection, Projections, Worker};
use factlog::state::{Item, ItemStream, Key, Scan, State, Write, Written};
use factlog::{Event, Expected, Memory, RecordedEvent, Result, StoreExt, SystemClock};
use futures::executor::block_on;

const TEXT_BYTES: usize = 300_000;
/// They take more than is kept.
const NOTES: u64 = 3 * PROJECTION_CACHE_BYTES / 2 / TEXT_BYTES as u64;

/// A state that counts the documents it is asked for.
#[derive(Debug)]
struct Counting {
    state: Arc<dyn State>,
    found: AtomicU64,
    missed: AtomicU64,
}

#[async_trait]
impl State for Counting {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.state.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>> {
        let items = self.state.get_many(keys).await?;
        for item in &items {
            let count = if item.is_some() { &self.found } else { &self.missed };
            count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(items)
    }

    fn scan(&self, scan: Scan) -> ItemStream {
        self.state.scan(scan)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written> {
        self.state.write(writes).await
    }

    async fn write_each(&self, writes: Vec<Write>) -> Result<()> {
        self.state.write_each(writes).await
    }
}

fn count(event: &RecordedEvent, documents: &mut Documents<'_>) -> Result<()> {
    let note = documents.edit(event.stream.as_str())?;
    let events = note.get("events").and_then(serde_json::Value::as_u64).unwrap_or_default();
    note.insert("events".into(), (events + 1).into());
    note.insert("text".into(), "a".repeat(TEXT_BYTES).into());
    Ok(())
}

#[test]
fn what_was_forgotten_is_read_again_and_what_is_new_is_not_looked_for() {
    block_on(async {
        let store = Arc::new(Memory::default());
        for id in 0..2 * NOTES {
            let stream = format!("note-{}", id % NOTES).parse().unwrap();
            let event = Event::new(uuid::Uuid::from_u128(id.into()), "Noted".parse().unwrap(), "");
            store.append_to(&stream, Expected::Any, vec![event]).await.unwrap();
        }
        let state = Arc::new(Counting {
            state: Arc::new(store.state()),
            found: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        });
        let projections = Projections::new(store, Arc::clone(&state) as _, SystemClock);
        let projections = Arc::new(projections);
        let projection = Projection::new("notes".parse().unwrap(), count);
        Worker::new(&projections, projection).catch_up().await.unwrap();

        let view = projections.view(&"notes".parse().unwrap()).await.unwrap();
        for number in 0..NOTES {
            let note = view.get(&format!("note-{number}")).await.unwrap().unwrap();
            assert_eq!(note.data["events"], 2, "note-{number}");
        }
        let found = state.found.load(Ordering::Relaxed);
        assert!((NOTES / 3..=NOTES).contains(&found), "{found} of {NOTES} were read");
        assert_eq!(state.missed.load(Ordering::Relaxed), 0, "new ones are known to be");
    });
}
