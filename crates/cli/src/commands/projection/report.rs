//! What is told of projections: a line a generation, and why one stands still.

use factlog::projection::{GenerationInfo, ProjectionInfo, ProjectionState, Projections};
use factlog::{ProjectionName, Result};

use crate::exit::Failure;
use crate::output::Output;

/// The columns of a listing.
const TITLES: [&str; 8] =
    ["projection", "generation", "state", "position", "lag", "rate", "documents", "parked"];

/// Lists projections: these, or without names all.
pub(super) async fn list(
    projections: &Projections,
    names: &[ProjectionName],
    output: &mut Output,
) -> Result<(), Failure> {
    let infos = infos(projections, names).await?;
    table(&infos, output)
}

/// These projections as they are now, or without names all.
pub(super) async fn infos(
    projections: &Projections,
    names: &[ProjectionName],
) -> Result<Vec<ProjectionInfo>> {
    if names.is_empty() {
        return projections.list().await;
    }
    let mut infos = Vec::with_capacity(names.len());
    for name in names {
        infos.push(projections.info(name).await?);
    }
    Ok(infos)
}

/// A line a generation.
pub(super) fn table(infos: &[ProjectionInfo], output: &mut Output) -> Result<(), Failure> {
    Ok(output.table(&TITLES, &rows(infos))?)
}

fn rows(infos: &[ProjectionInfo]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for info in infos {
        rows.extend(info.generations.iter().map(|generation| row(&info.name, generation)));
        if info.generations.is_empty() {
            let mut row = vec![info.name.to_string(), String::new(), word(info.state).to_owned()];
            row.resize(TITLES.len(), String::new());
            rows.push(row);
        }
    }
    rows
}

fn row(name: &ProjectionName, generation: &GenerationInfo) -> Vec<String> {
    let GenerationInfo { number, state, progress, lag, .. } = generation;
    vec![
        name.to_string(),
        number.to_string(),
        word(*state).to_owned(),
        progress.position.to_string(),
        lag.to_string(),
        format!("{:.0}", progress.rate),
        progress.documents.to_string(),
        progress.parked.to_string(),
    ]
}

/// The state as it is called.
pub(super) fn word(state: ProjectionState) -> &'static str {
    match state {
        ProjectionState::Building => "building",
        ProjectionState::Live => "live",
        ProjectionState::Paused => "paused",
        ProjectionState::Failed => "failed",
        ProjectionState::Retired => "retired",
    }
}

/// What to do next with a projection that is to be built, for a person.
pub(super) fn next(name: &ProjectionName, output: &mut Output) -> Result<(), Failure> {
    if !output.is_json() {
        output.note(&format!("\nNext: factlog projection start {name}"))?;
    }
    Ok(())
}

/// Why generations of these projections stand before an event.
pub(super) fn failures(infos: &[ProjectionInfo]) -> Vec<String> {
    let mut failures = Vec::new();
    for ProjectionInfo { name, generations, .. } in infos {
        let failed = |info: &&GenerationInfo| info.state == ProjectionState::Failed;
        for GenerationInfo { number, failure, .. } in generations.iter().filter(failed) {
            failures.extend(failure.as_ref().map(|failure| {
                format!(
                    "generation {number} of projection {name} can't apply event {} ({}@{} {}): {}",
                    failure.position,
                    failure.stream,
                    failure.version,
                    failure.event_type,
                    failure.message
                )
            }));
        }
    }
    failures
}

/// What was last told of a projection that is followed.
#[derive(Debug, Default)]
pub(super) struct Told {
    rows: Vec<Vec<String>>,
    failures: Vec<String>,
}

impl Told {
    /// Tells what is new: generations that moved on standard output, those that failed on standard error.
    pub(super) fn tell(
        &mut self,
        infos: &[ProjectionInfo],
        output: &mut Output,
    ) -> Result<(), Failure> {
        let rows = rows(infos);
        let news: Vec<_> = rows.iter().filter(|row| !self.rows.contains(row)).cloned().collect();
        if output.is_json() {
            output.table(&TITLES, &news)?;
        } else {
            for row in news {
                output.note(&format!(
                    "{} generation {} is {} at position {}, {} behind, {} documents",
                    row[0], row[1], row[2], row[3], row[4], row[6]
                ))?;
            }
        }
        output.flush()?;
        let failures = failures(infos);
        for failure in failures.iter().filter(|failure| !self.failures.contains(failure)) {
            crate::exit::tell(failure);
        }
        (self.rows, self.failures) = (rows, failures);
        Ok(())
    }
}
