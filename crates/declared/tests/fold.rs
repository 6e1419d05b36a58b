//! Whatever comes in between, documents are the fold over all events.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use factlog::conformance::{Faults, FaultyState, FaultyStore};
use factlog::projection::{Projections, Switch, Worker};
use factlog::view::{Query, View};
use factlog::{Event, Expected, Memory, ProjectionName, StoreExt, SystemClock};
use factlog_declared::{Declarations, File};
use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TOML: &str = r#"
name = "accounts"

[[index]]
field = "owner"
type = "string"
counted = true

[[index]]
field = "amounts"
type = "number"
list = true

[[on]]
types = ["Opened"]
key = ".stream"
upsert.owner = ".data.owner"

[[on]]
types = ["Added"]
key = ".stream"
increment.total = ".data.amount"
append.amounts = ".data.amount"

[[on]]
types = ["Renamed"]
key = ".stream"
merge.owner = ".data.owner"

[[on]]
types = ["Closed"]
key = ".stream"
delete = true

[[on]]
key = '"all"'
increment.events = "1"
merge.last = ".position"
"#;

const YAML: &str = "
name: accounts
index:
  - {field: owner, type: string, counted: true}
  - {field: amounts, type: number, list: true}
on:
  - types: [Opened]
    key: .stream
    upsert:
      owner: .data.owner
  - types: [Added]
    key: .stream
    increment.total: .data.amount
    append.amounts: .data.amount
  - types: [Renamed]
    key: .stream
    merge.owner: .data.owner
  - types: [Closed]
    key: .stream
    delete: true
  - key: '\"all\"'
    increment.events: 1
    merge.last: .position
";

/// An event: of which account, which type, and a number.
type Fact = (u8, &'static str, i64);

fn any_fact() -> impl Strategy<Value = Fact> {
    let event_type = prop::sample::select(vec!["Opened", "Added", "Added", "Renamed", "Closed"]);
    (0..4_u8, event_type, -5..5_i64)
}

fn owner(number: i64) -> Value {
    format!("owner {number}").into()
}

/// The documents, by hand.
fn fold(facts: &[Fact]) -> BTreeMap<String, Value> {
    let mut documents: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (position, (account, event_type, number)) in (1..).zip(facts) {
        let key = format!("account-{account}");
        let document = documents.entry(key.clone()).or_default();
        match *event_type {
            "Opened" => *document = Map::from_iter([("owner".to_owned(), owner(*number))]),
            "Added" => {
                let total = document.get("total").and_then(Value::as_i64).unwrap_or(0) + number;
                document.insert("total".to_owned(), total.into());
                let amounts = document.entry("amounts").or_insert(json!([]));
                amounts.as_array_mut().unwrap().push((*number).into());
            }
            "Renamed" => drop(document.insert("owner".to_owned(), owner(*number))),
            _ => drop(documents.remove(&key)),
        }
        let all = json!({"events": position, "last": position});
        documents.insert("all".to_owned(), all.as_object().unwrap().clone());
    }
    documents.into_iter().map(|(key, document)| (key, document.into())).collect()
}

async fn documents(view: &View) -> BTreeMap<String, Value> {
    let page = view.query(&Query::new()).await.unwrap();
    page.documents.into_iter().map(|document| (document.key, document.data.into())).collect()
}

/// How many documents have each owner, by hand.
fn owners(documents: &BTreeMap<String, Value>) -> Vec<(Value, u64)> {
    let mut owners: BTreeMap<&str, u64> = BTreeMap::new();
    for owner in documents.values().filter_map(|document| document["owner"].as_str()) {
        *owners.entry(owner).or_default() += 1;
    }
    owners.into_iter().map(|(owner, count)| (owner.into(), count)).collect()
}

/// Runs what is declared as a process does that has just started, up to its end or its first failure.
async fn start(projections: &Arc<Projections>, declarations: &Declarations, name: &ProjectionName) {
    let Ok(record) = projections.record(name).await else { return };
    let Ok(declared) = declarations.projections(name, &record).await else { return };
    for projection in declared {
        // A failure ends it where it is, with what it has in memory.
        let _ = Worker::new(projections, projection).catch_up().await;
    }
}

proptest! {
    // Each case compiles the file's expressions a dozen times.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn documents_are_the_fold_whatever_fails_in_between_and_a_rebuild_equals_them(
        batches in prop::collection::vec(prop::collection::vec(any_fact(), 0..12), 1..8),
        (permille, seed) in (0..400_u64, any::<u64>()),
        rebuilt in 0..8_usize,
        file in prop::sample::select(vec![File::toml(TOML), File::yaml(YAML)]),
    ) {
        block_on(async {
            let memory = Arc::new(Memory::default());
            let state = Arc::new(memory.state());
            let faults = Faults::new(0, seed);
            let store = Arc::new(FaultyStore::new(Arc::clone(&memory) as _, Arc::clone(&faults)));
            let state = Arc::new(FaultyState::new(state, Arc::clone(&faults)));
            let declarations = Declarations::new(Arc::clone(&state) as _);
            let projections = Arc::new(Projections::new(store, state, SystemClock));
            let name = declarations.create(&projections, &file).await.unwrap().name;
            let mut facts = Vec::new();
            for (number, batch) in batches.into_iter().enumerate() {
                for (account, event_type, amount) in batch {
                    let id = uuid::Uuid::from_u128(facts.len() as u128 + 1);
                    let data = json!({"amount": amount, "owner": owner(amount)}).to_string();
                    let event = Event::new(id, event_type.parse().unwrap(), data);
                    let stream = format!("account-{account}").parse().unwrap();
                    memory.append_to(&stream, Expected::Any, vec![event]).await.unwrap();
                    facts.push((account, event_type, amount));
                }
                if number == rebuilt {
                    projections.rebuild(&name, Switch::WhenCaughtUp).await.unwrap();
                }
                faults.set(permille);
                start(&projections, &declarations, &name).await;
                faults.set(0);
            }
            let expected = fold(&facts);
            for _ in 0..2 {
                start(&projections, &declarations, &name).await;
                let view = projections.view(&name).await.unwrap();
                let found = documents(&view).await;
                prop_assert_eq!(view.groups("owner").await.unwrap(), owners(&found));
                prop_assert_eq!(found, expected.clone());
                projections.rebuild(&name, Switch::WhenCaughtUp).await.unwrap();
            }
            Ok(())
        })?;
    }
}
