//! `factlog bench`: what this machine's disk can do, and factlog on it, in one run; or factlog in DynamoDB.

mod appends;
mod deciders;
mod device;
mod dynamodb;
mod plot;
mod process;
mod reads;
mod views;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use factlog::{Error, SystemClock};
use factlog_embedded::{Options, Store};
use hdrhistogram::Histogram;

use crate::args::Place;
use crate::exit::Failure;
use crate::output::Output;

/// Bytes of data of each event that is measured.
const DATA_BYTES: usize = 256;

#[derive(Debug, Args)]
#[command(
    after_help = "A writer sends its next append when its last one is answered. The device's figure is one thread
that writes as many bytes of data at once and syncs (fdatasync), into a preallocated file filled with
zeros; store and device are measured in turn, several times, and the ratio is of the medians.

With `--store dynamodb:NAME` the tables are NAME-bench-…, in the layout of NAME if it is there, and removed afterwards;
only --seconds and --quick mean anything there. Lag is the time from an append's answer to a subscriber in this process."
)]
pub(crate) struct BenchArgs {
    /// Where to make the stores that are measured; they are removed afterwards.
    #[arg(long, default_value = ".", value_name = "DIRECTORY")]
    dir: PathBuf,
    /// Events of the stores that are read and projected.
    #[arg(long, default_value_t = 1_000_000, value_name = "COUNT")]
    events: u64,
    /// Seconds of each measurement of appends.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Times that store and device are measured in turn.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only these measurements.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    only: Vec<Part>,
    /// A hundredth of the events and a tenth of the time: to see that it works.
    #[arg(long)]
    quick: bool,
    /// Where to draw throughput against writers.
    #[arg(long, default_value = "factlog-bench.svg", value_name = "FILE")]
    plot: PathBuf,
    /// Draw nothing.
    #[arg(long)]
    no_plot: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Appends,
    Reads,
    Views,
    Deciders,
}

/// One line of the report.
#[derive(Clone, Debug)]
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    /// 50th, 99th and 99.9th percentile in microseconds, where single calls were timed.
    latency: Option<[f64; 3]>,
    /// What the device did at the same time, in the same unit.
    device: Option<f64>,
}

impl Figure {
    fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, latency: None, device: None }
    }

    fn cells(&self) -> Vec<String> {
        let [p50, p99, p999] = match self.latency {
            Some(latency) => latency.map(|micros| format!("{micros:.1}")),
            None => [const { String::new() }; 3],
        };
        let device = self.device.map(rounded).unwrap_or_default();
        let ratio = self.device.map(|device| format!("{:.2}", self.value / device));
        let value = rounded(self.value);
        vec![
            self.what.clone(),
            value,
            self.unit.into(),
            p50,
            p99,
            p999,
            device,
            ratio.unwrap_or_default(),
        ]
    }
}

/// How long single calls take.
struct Latency(Histogram<u64>);

impl Latency {
    fn new() -> Result<Self, Failure> {
        let histogram = Histogram::new_with_max(60_000_000_000, 3);
        Ok(Self(histogram.map_err(std::io::Error::other)?))
    }

    fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let answer = call();
        self.0.saturating_record(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        answer
    }

    /// The median, with all three percentiles.
    fn figure(&self, what: impl Into<String>) -> Figure {
        let micros = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        let latency = [micros(0.5), micros(0.99), micros(0.999)];
        Figure { latency: Some(latency), ..Figure::new(what, latency[0], "µs") }
    }
}

/// Runs the measurements and prints them.
pub(crate) async fn run(
    place: &Place,
    args: &BenchArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let Some(name) = place.dynamodb() else { return on_disk(args, output) };
    let round = Duration::from_secs_f64(args.seconds / if args.quick { 10.0 } else { 1.0 });
    print(&dynamodb::measure(&place.aws.load().await?, name, round).await?, output)
}

fn on_disk(args: &BenchArgs, output: &mut Output) -> Result<(), Failure> {
    let scale = if args.quick { 10 } else { 1 };
    let round = Duration::from_secs_f64(args.seconds / f64::from(args.rounds * scale));
    let events = args.events / if args.quick { 100 } else { 1 };
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    let home = Home::make(&args.dir)?;
    let mut figures = Vec::new();
    if wanted(Part::Appends) {
        figures.extend(appends::measure(&home, round, args.rounds)?);
    }
    if wanted(Part::Reads) {
        figures.extend(reads::measure(&home, events)?);
    }
    if wanted(Part::Views) {
        figures.extend(views::measure(&home, events)?);
    }
    if wanted(Part::Deciders) {
        figures.extend(deciders::measure(&home)?);
    }
    for (what, bytes) in process::memory() {
        figures.push(Figure::new(what, bytes / 1e6, "MB"));
    }
    print(&figures, output)?;
    if !output.is_json() {
        output.note(&process::machine(&home.0))?;
    }
    if !args.no_plot && wanted(Part::Appends) {
        plot::draw(&args.plot, &figures).map_err(|e| {
            Error::unavailable(format!("drawing {} failed: {e}", args.plot.display()))
        })?;
        if !output.is_json() {
            output.note(&format!("throughput against writers: {}", args.plot.display()))?;
        }
    }
    Ok(())
}

fn print(figures: &[Figure], output: &mut Output) -> Result<(), Failure> {
    let titles = ["measured", "value", "unit", "p50 µs", "p99 µs", "p99.9 µs", "device", "ratio"];
    let rows: Vec<_> = figures.iter().map(Figure::cells).collect();
    Ok(output.table(&titles, &rows)?)
}

/// A directory for the stores that are measured, removed at the end.
struct Home(PathBuf);

impl Home {
    fn make(parent: &Path) -> Result<Self, Failure> {
        let path = parent.join(format!("factlog-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn store(&self, name: &str) -> Result<Store, Error> {
        Store::open(self.0.join(name), Options::default(), SystemClock)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            anstream::eprintln!("{} was not removed: {error}", self.0.display());
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn rounded(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Numbers without a pattern (SplitMix64; Steele, Lea and Flood, 2014).
fn scatter(number: u64) -> u64 {
    let mut word = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
