//! `factlog cost`

use clap::Args;
use factlog::{Error, ReadLog, Store as _, StoreExt, SystemClock};
use factlog_dynamodb::budget::{self, BUDGETS, Sample, Spent, Unit};
use factlog_dynamodb::{Options, Store};
use futures::TryStreamExt;

use crate::args::Place;
use crate::exit::Failure;
use crate::output::Output;
use crate::{backend, scratch};

#[derive(Debug, Args)]
#[command(
    after_help = "A request takes a read unit for each 4 KB that it reads, half of one where it need not be consistent, and a write
unit for each KB of an item that it writes, two in a transaction. The budgets are what the layout `native` keeps to;
`computed` is what the sizes of items come to in the layout of this store, `measured` what DynamoDB reports. Without
--measure that is measured which needs no writing, on the end of this store's log."
)]
pub(crate) struct CostArgs {
    /// Measure all lines, on tables beside the store (STORE-cost-…) that are removed afterwards.
    #[arg(long)]
    measure: bool,
    /// Pages of the end of the log from which the store's own averages are taken.
    #[arg(long, default_value_t = 8, value_name = "PAGES")]
    sample: u32,
}

pub(crate) async fn run(
    place: &Place,
    args: &CostArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let name = place.dynamodb().ok_or_else(|| {
        let store = &place.store;
        Error::invalid(format!("store {store}: only one in DynamoDB (dynamodb:NAME) has a price"))
    })?;
    let config = place.aws.load().await?;
    let open = async |name: &str| {
        let options = Options::new(backend::seed()).without_sequencer();
        Store::open(name, &config, options, SystemClock).await
    };
    let store = open(name).await?;
    let measured = match args.measure {
        true => {
            let layout = store.layout().clone();
            scratch::with_tables(&config, (name, "cost"), layout, async |name| {
                Ok(budget::measure(&open(name).await?).await?)
            })
            .await?
        }
        false => budget::measure_reads(&store).await?,
    };
    let mut rows = budgets(&budget::computed(store.layout())?, &measured);
    rows.extend(load(&store).await?);
    output.table(&["call", "unit", "budget", "computed", "measured"], &rows)?;
    let sample = budget::sample(&store, args.sample).await?;
    if sample.commits > 0 {
        if !output.is_json() {
            output.note("")?;
        }
        output.table(&["average", "commit", "event"], &averages(&sample))?;
    }
    Ok(store.close().await?)
}

fn budgets(computed: &[Spent], measured: &[Spent]) -> Vec<Vec<String>> {
    let row = |line: &budget::Budget| {
        let of_line = |all: &[Spent]| {
            let spent = all.iter().find(|spent| spent.call == line.call);
            spent.map(|spent| rounded(spent.figure(line.unit))).unwrap_or_default()
        };
        let (call, unit) = (line.call.to_string(), line.unit.to_string());
        vec![call, unit, rounded(line.most), of_line(computed), of_line(measured)]
    };
    BUDGETS.iter().map(row).collect()
}

/// What it costs to load the stream of the log's last event.
async fn load(store: &Store) -> Result<Vec<Vec<String>>, Failure> {
    let mut last = store.read_log(ReadLog::new().backward().limit(1));
    let Some(last) = last.try_next().await? else { return Ok(vec![]) };
    let metered = store.metered();
    let events = metered.load(&last.stream).await?.len();
    let cost = metered.meter().total();
    let row = |unit: Unit, figure: f64| {
        let call = format!("load {}, {events} events", last.stream);
        vec![call, unit.to_string(), String::new(), String::new(), rounded(figure)]
    };
    Ok(vec![row(Unit::Requests, cost.requests as f64), row(Unit::ReadUnits, cost.read_units)])
}

fn averages(sample: &Sample) -> Vec<Vec<String>> {
    let of = |number: u64, count: u64| rounded(number as f64 / count as f64);
    let row = |(what, sum): (&str, u64)| {
        vec![what.to_owned(), of(sum, sample.commits), of(sum, sample.events)]
    };
    [
        ("events", sample.events),
        ("bytes", sample.bytes),
        ("write units, appending", sample.write_units),
        ("write units, its page of the log", sample.page_write_units),
        ("read units, by itself", sample.read_units),
    ]
    .map(row)
    .into()
}

/// Without digits that say nothing.
fn rounded(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
