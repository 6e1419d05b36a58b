//! Where the events come from: lines of JSON, or a few that are made up.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use factlog::{Event, EventId, Expected, Store, StoreExt, StreamName, Timestamp};
use flate2::bufread::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Appends on their way at once.
const APPENDS: usize = 500;

#[derive(Deserialize)]
struct Line {
    stream: String,
    #[serde(rename = "type")]
    event_type: String,
    time: String,
    data: Box<RawValue>,
    metadata: Box<RawValue>,
}

/// The lines of a file, also of one that is compressed.
pub(crate) fn lines(path: &Path) -> io::Result<Box<dyn Iterator<Item = io::Result<String>>>> {
    let file = BufReader::new(File::open(path)?);
    Ok(match path.extension().is_some_and(|extension| extension == "gz") {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file)).lines()),
        false => Box::new(file.lines()),
    })
}

/// Appends the events that the lines are, in their order.
pub(crate) async fn import(
    store: &dyn Store,
    lines: impl Iterator<Item = io::Result<String>>,
) -> Result<(), Box<dyn Error>> {
    // Futures in order: each append is placed when it is first polled, and many are synced together.
    let lines = (1..).zip(lines);
    let appends = lines.map(|(number, line)| async move {
        let (stream, event) = parse(number, &line?).map_err(|e| format!("line {number}: {e}"))?;
        store.append_to(&stream, Expected::Any, vec![event]).await?;
        Ok::<_, Box<dyn Error>>(())
    });
    futures::stream::iter(appends).buffered(APPENDS).try_collect().await
}

/// An event whose id is the number of its line.
fn parse(number: u128, line: &str) -> Result<(StreamName, Event), Box<dyn Error>> {
    let Line { stream, event_type, time, data, metadata } = serde_json::from_str(line)?;
    let event = Event::new(EventId::from_u128(number), event_type.parse()?, data.get().to_owned())
        .with_metadata(metadata.get().to_owned())
        .with_time(time.parse::<Timestamp>()?);
    Ok((stream.parse()?, event))
}

/// 30 loans, one every day; of three, one is approved after some days, one declined at once, one left open.
pub(crate) fn sample() -> Vec<String> {
    let mut lines = Vec::new();
    for loan in 1..=30 {
        let mut line = |day: u32, event_type: &str, resource: u32, data: &str| {
            lines.push(format!(
                r#"{{"stream":"loan-{loan}","type":"{event_type}","time":"2026-{:02}-{:02}T09:00:00Z","data":{data},"metadata":{{"org:resource":"{resource}"}}}}"#,
                1 + (loan + day) / 29,
                1 + (loan + day) % 29 % 28,
            ));
        };
        line(0, "A_SUBMITTED", 112, &format!(r#"{{"AMOUNT_REQ":"{}"}}"#, loan * 1_000));
        match loan % 3 {
            0 => {
                line(1, "A_ACCEPTED", 7, "{}");
                line(2 + loan % 5, "A_APPROVED", 8, "{}");
            }
            1 => line(0, "A_DECLINED", 112, "{}"),
            _ => line(1, "A_PREACCEPTED", 7, "{}"),
        }
    }
    lines
}
