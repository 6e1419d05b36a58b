//! The projection of the suite, and what its documents have to be: loans, and payments that know
//! their loan only by a document of their own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::random::Random;
use super::{data, object};
use crate::projection::{Documents, Projection};
use crate::view::{Index, Kind};
use crate::{ProjectionName, RecordedEvent, Result};

/// What the fold asks of documents: those of the engine, or a map.
trait Kept {
    fn edit(&mut self, key: &str) -> Result<&mut Map<String, Value>>;
    fn get(&mut self, key: &str) -> Result<Option<&Map<String, Value>>>;
    fn delete(&mut self, key: &str) -> Result<()>;
}

impl Kept for Documents<'_> {
    fn edit(&mut self, key: &str) -> Result<&mut Map<String, Value>> {
        Documents::edit(self, key)
    }

    fn get(&mut self, key: &str) -> Result<Option<&Map<String, Value>>> {
        Documents::get(self, key)
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        Documents::delete(self, key).map(drop)
    }
}

impl Kept for BTreeMap<String, Map<String, Value>> {
    fn edit(&mut self, key: &str) -> Result<&mut Map<String, Value>> {
        Ok(self.entry(key.to_owned()).or_default())
    }

    fn get(&mut self, key: &str) -> Result<Option<&Map<String, Value>>> {
        Ok(BTreeMap::get(self, key))
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        self.remove(key);
        Ok(())
    }
}

fn apply(event: &RecordedEvent, documents: &mut impl Kept) -> Result<()> {
    let (stream, said) = (event.stream.as_str(), data(event)?);
    match event.event_type.as_str() {
        "Removed" => documents.delete(stream)?,
        // "Linked" tells a payment its loan; what is paid is found by way of that.
        "Changed" | "Linked" => documents.edit(stream)?.extend(said),
        "Paid" => {
            let link = documents.get(stream)?.and_then(|link| link.get("of").cloned());
            let Some(loan) = link.as_ref().and_then(Value::as_str) else { return Ok(()) };
            let loan = documents.edit(loan)?;
            let paid = loan.get("paid").and_then(Value::as_i64).unwrap_or_default();
            loan.insert("paid".into(), (paid + 1).into());
        }
        _ => {}
    }
    Ok(())
}

/// All documents after these events.
pub(super) fn fold(events: &[RecordedEvent]) -> BTreeMap<String, Map<String, Value>> {
    let mut documents = BTreeMap::new();
    for event in events {
        apply(event, &mut documents).expect("the model applies every event");
    }
    documents
}

pub(super) fn name() -> ProjectionName {
    "loans".parse().expect("it is a name")
}

/// The projection whose documents are the fold.
pub(super) fn projection() -> Projection {
    let handler = |event: &RecordedEvent, documents: &mut Documents<'_>| apply(event, documents);
    Projection::new(name(), handler)
        .with_index(Index::new("status", Kind::String).counted())
        .with_index(Index::new("amount", Kind::Number))
        .with_index(Index::new("due.at", Kind::Time))
        .with_index(Index::new("open", Kind::Boolean).counted())
        .with_index(Index::new("tags", Kind::String).of_each().counted())
        .with_index(Index::new("number", Kind::Number).unique())
}

/// An event of the model: its stream, type and data.
pub(super) fn event(random: &mut Random) -> (String, &'static str, Value) {
    let loan = random.below(12);
    let stream = format!("loan-{loan}");
    let payment = format!("payment-{}", random.below(6));
    match random.below(12) {
        0 => (stream, "Removed", json!({})),
        1 | 2 => (payment, "Linked", json!({ "of": stream })),
        3..6 => (payment, "Paid", json!({})),
        _ => {
            // A number that no other loan can have, so that no event is poison.
            let number = loan * 10 + random.below(3);
            (stream, "Changed", change(random, number))
        }
    }
}

fn change(random: &mut Random, number: u64) -> Value {
    let mut fields = object(json!({
        "status": random.one_of(&["open", "closed", "", "op\u{0}en", "zu"]),
        "amount": random.one_of(&[json!(-5), json!(0), json!(2.5), json!(1_u64 << 53), json!((1_u64 << 53) + 1)].each_ref()),
        "due": { "at": format!("2026-01-0{}T00:00:00Z", 1 + random.below(9)) },
        "open": random.below(2) == 0,
        "tags": (0..random.below(4)).map(|_| random.one_of(&["a", "b", "c"])).collect::<Vec<_>>(),
        "number": number,
    }));
    // Some are left as they are, some are taken away.
    for field in ["status", "amount", "due", "open", "tags", "number"] {
        match random.below(6) {
            0 => drop(fields.remove(field)),
            1 => drop(fields.insert(field.to_owned(), Value::Null)),
            _ => {}
        }
    }
    Value::Object(fields)
}
