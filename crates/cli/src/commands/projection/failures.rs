//! `factlog projection failures`, `retry` and `skip`

use factlog::projection::{
    Failure as Unapplied, GenerationInfo, ProjectionState, Projections, Worker,
};
use factlog::{Error, ErrorKind, Position, ProjectionName, Result};
use factlog_declared::Declarations;

use super::start;
use crate::backend::Backend;
use crate::exit::Failure;
use crate::output::Output;

/// Prints the events that generations stand before, then those that were parked.
pub(super) async fn list(
    projections: &Projections,
    name: &ProjectionName,
    output: &mut Output,
) -> Result<(), Failure> {
    let info = projections.info(name).await?;
    let failed = info.generations.into_iter().filter(has_failed);
    let stands = failed.filter_map(|generation| generation.failure);
    let mut rows: Vec<_> = stands.map(|failure| row("failed", failure)).collect();
    for failure in parked(projections, name).await? {
        let state = if failure.skipped.is_some() { "skipped" } else { "parked" };
        rows.push(row(state, failure));
    }
    let titles = ["position", "stream", "version", "type", "state", "at", "message"];
    Ok(output.table(&titles, &rows)?)
}

fn has_failed(generation: &GenerationInfo) -> bool {
    generation.state == ProjectionState::Failed
}

fn row(state: &str, failure: Unapplied) -> Vec<String> {
    vec![
        failure.position.to_string(),
        failure.stream.to_string(),
        failure.version.to_string(),
        failure.event_type.to_string(),
        state.to_owned(),
        failure.at.to_string(),
        failure.message,
    ]
}

/// Lets a projection go on without the event that it stands before.
pub(super) async fn skip(
    projections: &Projections,
    name: &ProjectionName,
    position: Option<u64>,
) -> Result<()> {
    let position = match position {
        Some(position) => Position::new(position),
        None => stands_before(projections, name).await?,
    };
    projections.skip(name, position).await
}

/// The event that all generations that have failed stand before.
async fn stands_before(projections: &Projections, name: &ProjectionName) -> Result<Position> {
    let generations = projections.info(name).await?.generations;
    let failures = generations.into_iter().filter(has_failed).filter_map(|one| one.failure);
    let mut positions: Vec<_> = failures.map(|failure| failure.position).collect();
    positions.dedup();
    match positions[..] {
        [position] => Ok(position),
        [] => Err(Error::not_found(format!("projection {name} has not failed"))),
        _ => {
            let positions: Vec<_> = positions.iter().map(Position::to_string).collect();
            Err(Error::invalid(format!(
                "generations of projection {name} stand before different events: say which of {}",
                positions.join(", ")
            )))
        }
    }
}

/// All events that were parked.
async fn parked(projections: &Projections, name: &ProjectionName) -> Result<Vec<Unapplied>> {
    let (mut parked, mut after) = (Vec::new(), Position::ZERO);
    loop {
        let page = projections.failures(name, after).await?;
        let Some(last) = page.last() else { return Ok(parked) };
        after = last.position;
        parked.extend(page);
    }
}

/// Applies parked events, these or all, and lets a projection that has failed go on.
pub(super) async fn retry(
    backend: &Backend,
    name: &ProjectionName,
    positions: &[u64],
    output: &mut Output,
) -> Result<(), Failure> {
    let projections = backend.projections()?;
    let generations = projections.info(name).await?.generations;
    if generations.iter().any(has_failed) && positions.is_empty() {
        return start::catch_up(backend, std::slice::from_ref(name), output).await;
    }
    let positions: Vec<_> = match positions {
        [] => {
            parked(&projections, name).await?.into_iter().map(|failure| failure.position).collect()
        }
        positions => positions.iter().copied().map(Position::new).collect(),
    };
    let record = projections.record(name).await?;
    let declared = Declarations::new(backend.state()?).projections(name, &record).await?;
    // The first is the live one's, to which the list of failures belongs.
    let retired = || Error::not_found(format!("projection {name} is retired"));
    let worker = Worker::new(&projections, declared.into_iter().next().ok_or_else(retired)?);
    let (mut applied, mut left) = (0_u64, Vec::new());
    for position in positions {
        match worker.retry(position).await {
            Ok(()) => applied += 1,
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge) => {
                left.push(format!("event {position}: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    output.object([("applied", applied), ("still parked", left.len() as u64)])?;
    match left.is_empty() {
        true => Ok(()),
        false => Err(Failure::Projections(format!(
            "projection {name} can't apply what it parked\n{}",
            left.join("\n")
        ))),
    }
}
