//! The files of declared projections, kept with the store so that any process runs them by name.
//!
//! ```text
//!   partition               sort key              value
//!   declaration/NAME        version (4 bytes)     the file
//! ```
//!
//! Versions are counted from 1 in each name, and a file never changes under its version: a
//! generation is built by one version, and while the next is built beside it, both are run.

use std::sync::Arc;

use factlog::projection::{Projection, Projections, Record, Switch};
use factlog::state::{Condition, Item, Key, Partition, Scan, State, Write, Written};
use factlog::{Error, ProjectionName, Result};
use futures::TryStreamExt;

use crate::{Declaration, File};

/// The files that are kept in a state.
#[derive(Clone, Debug)]
pub struct Declarations {
    state: Arc<dyn State>,
}

impl Declarations {
    /// Those of a state.
    #[must_use]
    pub fn new(state: Arc<dyn State>) -> Self {
        Self { state }
    }

    /// Checks the file, keeps it, and registers its projection, to be built by any worker.
    ///
    /// # Errors
    /// `Invalid` for a bad file, as [`Declaration::parse`] says, and if the projection is there
    /// already: rebuild it; `Unavailable`, `Corrupt` or `Closed`.
    pub async fn create(&self, projections: &Projections, file: &File) -> Result<Projection> {
        let declaration = Declaration::parse(file)?;
        let name = declaration.name();
        match projections.record(name).await {
            Ok(record) if !record.retired => {
                let message = format!("projection {name} is there already: rebuild it by the file");
                return Err(Error::invalid(message));
            }
            Err(error) if *error.kind() != factlog::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let projection = declaration.projection(self.keep(name, file).await?);
        projections.create(name, &projection.definition).await?;
        Ok(projection)
    }

    /// Checks the file, keeps it, and has the next generation of its projection built by it.
    ///
    /// # Errors
    /// As [`create`](Declarations::create); `NotFound` if there is no such projection.
    pub async fn rebuild(
        &self,
        projections: &Projections,
        file: &File,
        switch: Switch,
    ) -> Result<Projection> {
        let declaration = Declaration::parse(file)?;
        let name = declaration.name();
        projections.record(name).await?;
        let projection = declaration.projection(self.keep(name, file).await?);
        projections.rebuild_as(name, &projection.definition, switch).await?;
        Ok(projection)
    }

    /// The projection as each of its generations that are not over needs it: what workers run.
    ///
    /// # Errors
    /// `NotFound` if a generation is not declared by a file: the program that has its handler runs
    /// it; `Unavailable`, `Corrupt` or `Closed`.
    pub async fn projections(
        &self,
        name: &ProjectionName,
        record: &Record,
    ) -> Result<Vec<Projection>> {
        let mut found: Vec<Projection> = Vec::new();
        for generation in record.generations() {
            let version = generation.definition.version;
            if found.iter().any(|other| other.definition == generation.definition) {
                continue;
            }
            let file = self.file(name, version).await?;
            let projection = file.map(|file| Declaration::parse(&file)).transpose()?;
            let projection = projection.map(|declaration| declaration.projection(version));
            match projection {
                Some(projection) if projection.definition == generation.definition => {
                    found.push(projection);
                }
                _ => {
                    return Err(Error::not_found(format!(
                        "generation {} of projection {name} is not declared by a file: the program with its handler runs it",
                        generation.number
                    )));
                }
            }
        }
        Ok(found)
    }

    /// The file of a version.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt` or `Closed`.
    pub async fn file(&self, name: &ProjectionName, version: u32) -> Result<Option<File>> {
        let item = self.state.get(&key(name, version)?).await?;
        item.as_ref().map(file).transpose()
    }

    /// Keeps the file, unless it is the newest; answers its version.
    async fn keep(&self, name: &ProjectionName, given: &File) -> Result<u32> {
        loop {
            let newest = Scan::new(partition(name)?).backward().limit(1);
            let newest = self.state.scan(newest).try_next().await?;
            let next = match &newest {
                Some(item) if file(item)? == *given => return version(item),
                Some(item) => version(item)? + 1,
                None => 1,
            };
            let put = Write::put(key(name, next)?, given.to_stored());
            let written = self.state.write(vec![put.expecting(Condition::Absent)]).await?;
            // If it is refused, another was faster.
            if matches!(written, Written::Done(_)) {
                return Ok(next);
            }
        }
    }
}

fn partition(name: &ProjectionName) -> Result<Partition> {
    Partition::new(format!("declaration/{name}"))
}

fn key(name: &ProjectionName, version: u32) -> Result<Key> {
    Key::new(partition(name)?, version.to_be_bytes().to_vec())
}

fn version(item: &Item) -> Result<u32> {
    let bytes = item.key.sort()[..].try_into();
    bytes.map(u32::from_be_bytes).map_err(|_| corrupt(item))
}

fn file(item: &Item) -> Result<File> {
    let stored = str::from_utf8(&item.value).map_err(|_| corrupt(item))?;
    Ok(File::from_stored(stored))
}

fn corrupt(item: &Item) -> Error {
    Error::corrupt(format!("declaration {} is not what was written", item.key))
}
