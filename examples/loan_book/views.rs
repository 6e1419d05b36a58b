//! The projections: a document for each loan, and one for each who works on them.

use factlog::projection::{Documents, Projection};
use factlog::view::{Index, Kind};
use factlog::{Error, RecordedEvent, Result, Timestamp};
use serde::Deserialize;
use serde_json::Value;

pub(crate) const LOANS: &str = "loans";
pub(crate) const WORK: &str = "work";

const NANOS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000_000;

pub(crate) fn all() -> Result<[Projection; 2]> {
    let loans = Projection::new(LOANS.parse()?, loan)
        .with_index(Index::new("stage", Kind::String).counted())
        .with_index(Index::new("decision", Kind::String).counted())
        .with_index(Index::new("days", Kind::Number).counted());
    let work = Projection::new(WORK.parse()?, work).with_index(Index::new("events", Kind::Number));
    Ok([loans, work])
}

/// `{"submitted":…,"stage":…}` while the loan is open, `{"submitted":…,"decision":…,"days":…}` from the first decision
/// on. Of an application's events, those of the application itself (`A_…`) are stages.
fn loan(event: &RecordedEvent, documents: &mut Documents<'_>) -> Result<()> {
    let Some(stage) = event.event_type.as_str().strip_prefix("A_") else { return Ok(()) };
    let loan = documents.edit(event.stream.as_str())?;
    if loan.contains_key("decision") {
        return Ok(());
    }
    if stage == "SUBMITTED" {
        loan.insert("submitted".into(), event.time.to_string().into());
    }
    if !matches!(stage, "APPROVED" | "DECLINED" | "CANCELLED") {
        loan.insert("stage".into(), stage.into());
        return Ok(());
    }
    loan.remove("stage");
    loan.insert("decision".into(), stage.into());
    if let Some(submitted) = loan.get("submitted").and_then(Value::as_str) {
        let submitted: Timestamp = submitted.parse()?;
        let nanos = event.time.unix_nanos() - submitted.unix_nanos();
        loan.insert("days".into(), (nanos / NANOS_PER_DAY).into());
    }
    Ok(())
}

/// `{"events":…}` of each resource.
fn work(event: &RecordedEvent, documents: &mut Documents<'_>) -> Result<()> {
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(rename = "org:resource")]
        resource: Option<String>,
    }
    let metadata: Metadata = serde_json::from_slice(&event.metadata)
        .map_err(|e| Error::invalid(format!("its metadata: {e}")))?;
    let Some(resource) = metadata.resource else { return Ok(()) };
    let work = documents.edit(&resource)?;
    let events = work.get("events").and_then(Value::as_u64).unwrap_or_default();
    work.insert("events".into(), (events + 1).into());
    Ok(())
}
