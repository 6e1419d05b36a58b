//! What can be said on the command line.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};
use factlog::{Error, EventType, Filter, Position, ReadLog, Result, StreamName, Version};

use crate::aws::AwsArgs;
use crate::bench::BenchArgs;
use factlog_dynamodb::LargeEvents;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;

use crate::commands::{CostArgs, ProjectionCommand, TablesCommand, ViewCommand};
use crate::demo::DemoArgs;
use crate::{exit, when};

/// An event store: append events to streams, read them back, follow the log of all of them.
#[derive(Debug, Parser)]
#[command(name = "factlog", version, disable_version_flag = true, after_help = exit::HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) place: Place,

    /// How events and tables are written; by default for a person on a terminal, as JSON Lines in a pipe.
    #[arg(long, global = true, value_enum, default_value_t = Format::Auto, value_name = "FORMAT")]
    pub(crate) format: Format,

    /// The same as `--format json`.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to use colour; NO_COLOR is honoured.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,

    /// Print the version.
    #[arg(short = 'v', short_alias = 'V', long, action = clap::ArgAction::Version)]
    version: (),

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The store: a directory, `dynamodb:NAME`, or `memory:` for one that is forgotten at the end.
    #[arg(
        long,
        global = true,
        env = "FACTLOG_STORE",
        default_value = "./factlog-data",
        value_name = "STORE"
    )]
    pub(crate) store: String,

    /// Where a store in DynamoDB puts data that is too large for an item: a directory, or s3://BUCKET/PREFIX.
    #[arg(
        long,
        global = true,
        env = "FACTLOG_LARGE_EVENTS",
        help_heading = "AWS",
        value_name = "PLACE"
    )]
    large_events: Option<String>,

    #[command(flatten)]
    pub(crate) aws: AwsArgs,
}

impl Place {
    /// The name of a store in DynamoDB.
    pub(crate) fn dynamodb(&self) -> Option<&str> {
        self.store.strip_prefix("dynamodb:")
    }

    /// Where large events lie, if anywhere.
    pub(crate) fn large_events(&self) -> Result<Option<LargeEvents>> {
        self.large_events.as_deref().map(large_events).transpose()
    }
}

fn large_events(place: &str) -> Result<LargeEvents> {
    let failed = |error: object_store::Error| {
        Error::invalid(format!("large events can't lie in {place}: {error}")).with_source(error)
    };
    let (objects, prefix): (Arc<dyn ObjectStore>, _) = match place.strip_prefix("s3://") {
        Some(rest) => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let bucket = AmazonS3Builder::from_env().with_bucket_name(bucket).build();
            (Arc::new(bucket.map_err(failed)?), prefix)
        }
        None => {
            std::fs::create_dir_all(place).map_err(|error| {
                Error::invalid(format!("large events can't lie in {place}: {error}"))
            })?;
            let directory = LocalFileSystem::new_with_prefix(place).map_err(failed)?;
            (Arc::new(directory.with_fsync(true)), "")
        }
    };
    Ok(LargeEvents::new(objects, prefix.into()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Auto,
    Table,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes it the choice of the whole process.
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Append one event, or several at once, to a stream.
    Append(AppendArgs),
    /// Print the events of a stream.
    Read(ReadArgs),
    /// Print the log: the events of all streams in one order.
    Log(LogArgs),
    /// List the streams.
    Streams(StreamsArgs),
    /// Append events from JSON Lines; run again, it adds only what is not there yet.
    Import(ImportArgs),
    /// Write events as JSON Lines, as `import` takes them.
    Export(ExportArgs),
    /// Declare projections, build them, look after them.
    #[command(subcommand)]
    Projection(ProjectionCommand),
    /// Query the documents that projections make.
    #[command(subcommand)]
    View(ViewCommand),
    /// Count what the store holds.
    Stat,
    /// Read everything and check every checksum, version, position and index entry.
    Verify,
    /// Mend what `verify` finds in a store in DynamoDB, without moving any position.
    Repair,
    /// Give commits in DynamoDB their places in the log, until interrupted.
    Sequence,
    /// Make, describe or remove the DynamoDB tables of a store.
    #[command(subcommand)]
    Tables(TablesCommand),
    /// Tell what calls of a store in DynamoDB cost, beside what they may cost.
    Cost(CostArgs),
    /// Measure factlog: on this machine's disk, beside the disk itself, or in DynamoDB (with `--store dynamodb:NAME`).
    Bench(BenchArgs),
    /// Show the idea on sample data: concurrent commands, a conflict, a stream, a replay.
    Demo(DemoArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  factlog append cart-7 CartOpened '{\"owner\":\"Ada\"}' --expect none
  factlog append cart-7 ItemAdded @item.json --expect 1
  echo '{\"sku\":7}' | factlog append cart-7 ItemAdded -
  factlog append cart-7 --events events.jsonl     # all of them in one commit")]
pub(crate) struct AppendArgs {
    /// The stream.
    pub(crate) stream: StreamName,
    /// The type of the event.
    #[arg(required_unless_present = "events")]
    pub(crate) event_type: Option<EventType>,
    /// Its data: JSON, `@FILE`, or `-` for standard input. None by default.
    #[arg(conflicts_with = "events")]
    pub(crate) data: Option<String>,
    /// Take the data as bytes, whatever they are.
    #[arg(long)]
    pub(crate) raw: bool,
    /// What else is known, JSON.
    #[arg(long, value_name = "JSON")]
    pub(crate) metadata: Option<String>,
    /// The event's id; the same id again makes a repeated append harmless. Random by default.
    #[arg(long, value_name = "UUID")]
    pub(crate) id: Option<uuid::Uuid>,
    /// The writer's time, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<factlog::Timestamp>,
    /// What must hold of the stream: `any`, `none`, `exists`, or its version.
    #[arg(long, default_value = "any", value_name = "EXPECTED")]
    pub(crate) expect: String,
    /// Append the events of these JSON Lines at once (`-` for standard input).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event_type", "raw", "metadata", "id", "time"])]
    pub(crate) events: Option<PathBuf>,
}

/// Bounds of time that reads share.
#[derive(Debug, Args)]
pub(crate) struct TimeArgs {
    /// Only events of this time (the writer's) or later: RFC 3339, a date, or `2h` ago.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events of this time (the writer's) or earlier.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only events recorded at this time or later.
    #[arg(long, value_name = "TIME")]
    recorded_since: Option<String>,
    /// Only events recorded at this time or earlier.
    #[arg(long, value_name = "TIME")]
    recorded_until: Option<String>,
}

impl TimeArgs {
    /// The writer's times.
    pub(crate) fn time(&self) -> Result<factlog::TimeRange> {
        when::range(self.since.as_deref(), self.until.as_deref())
    }

    /// The recorded times.
    pub(crate) fn recorded(&self) -> Result<factlog::TimeRange> {
        when::range(self.recorded_since.as_deref(), self.recorded_until.as_deref())
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  factlog read loan-173688
  factlog read loan-173688 --backward --limit 1      # the last event
  factlog read loan-173688 --until 2011-10-01        # the stream as of that day")]
pub(crate) struct ReadArgs {
    /// The stream.
    pub(crate) stream: StreamName,
    /// The lowest version.
    #[arg(long, value_name = "VERSION", default_value_t = 1)]
    pub(crate) from: u64,
    /// The highest version.
    #[arg(long, value_name = "VERSION", default_value_t = Version::MAX.number(), hide_default_value = true)]
    pub(crate) to: u64,
    /// The newest first.
    #[arg(long, short = 'r')]
    pub(crate) backward: bool,
    /// At most so many events.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = u64::MAX, hide_default_value = true)]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) times: TimeArgs,
}

/// Which events of the log: conditions of different kinds must all hold, of one kind any.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// The lowest position.
    #[arg(long, value_name = "POSITION", default_value_t = 1)]
    pub(crate) from: u64,
    /// The highest position.
    #[arg(long, value_name = "POSITION", default_value_t = Position::MAX.number(), hide_default_value = true)]
    pub(crate) to: u64,
    /// Streams whose name starts so.
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<String>,
    /// Streams of this category, the part of the name before the first `-`.
    #[arg(long, short = 'c', value_name = "CATEGORY")]
    category: Vec<String>,
    /// Events of this type.
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    types: Vec<EventType>,
    /// Streams whose name matches the regular expression.
    #[arg(long, value_name = "REGEX")]
    stream_regex: Vec<String>,
    /// Events whose type matches the regular expression.
    #[arg(long, value_name = "REGEX")]
    type_regex: Vec<String>,
    #[command(flatten)]
    times: TimeArgs,
}

impl FilterArgs {
    /// The read of the log that they ask for.
    pub(crate) fn read(&self) -> Result<ReadLog> {
        let read = ReadLog::new().from(Position::new(self.from)).to(Position::new(self.to));
        Ok(read.with_filter(self.filter()?))
    }

    /// The filter, checked.
    pub(crate) fn filter(&self) -> Result<Filter> {
        let mut filter = Filter::all();
        for prefix in &self.prefix {
            filter = filter.with_stream_prefix(prefix);
        }
        for category in &self.category {
            filter = filter.with_category(category);
        }
        for event_type in &self.types {
            filter = filter.with_type(event_type.clone());
        }
        for pattern in &self.stream_regex {
            filter = filter.with_stream_pattern(pattern)?;
        }
        for pattern in &self.type_regex {
            filter = filter.with_type_pattern(pattern)?;
        }
        let filter = filter.with_time(self.times.time()?).with_recorded(self.times.recorded()?);
        filter.validate()?;
        Ok(filter)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  factlog log --category loan --type A_APPROVED --limit 10
  factlog log --backward -n 5               # the last five events
  factlog log --follow --tail               # only what comes from now on
  factlog log --stream-regex '^loan-17' --since 2011-10-01 --until 2011-10-07")]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The newest first.
    #[arg(long, short = 'r', conflicts_with = "follow")]
    pub(crate) backward: bool,
    /// At most so many events.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = u64::MAX, hide_default_value = true)]
    pub(crate) limit: u64,
    /// Stay, and print each event as it comes.
    #[arg(long, short = 'f', conflicts_with = "to")]
    pub(crate) follow: bool,
    /// With --follow: only what comes from now on.
    #[arg(long, requires = "follow")]
    pub(crate) tail: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StreamsArgs {
    /// Only streams of this category.
    #[arg(long, short = 'c', value_name = "CATEGORY")]
    pub(crate) category: Option<String>,
    /// Only streams that began at this time or later.
    #[arg(long, value_name = "TIME")]
    pub(crate) created_since: Option<String>,
    /// Only streams that began at this time or earlier.
    #[arg(long, value_name = "TIME")]
    pub(crate) created_until: Option<String>,
    /// The newest first.
    #[arg(long, short = 'r')]
    pub(crate) backward: bool,
    /// At most so many streams.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = usize::MAX, hide_default_value = true)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A line: {\"stream\":\"cart-7\",\"type\":\"ItemAdded\",\"id\"?:UUID,\"time\"?:RFC 3339,\"data\"?:JSON,\"metadata\"?:JSON}
(`data_base64` and `metadata_base64` for bytes that are not JSON; position, version and recorded are passed over).
An import can be interrupted at any point and run again: nothing is written twice. A line without an id
gets one from its content and its place in the stream."
)]
pub(crate) struct ImportArgs {
    /// The file, plain, gzip or zstd; `-` for standard input.
    pub(crate) file: PathBuf,
    /// At a line that can't be taken: stop behind the lines before it, or skip it and go on (then a
    /// bad line does not change the exit code).
    #[arg(long, value_enum, default_value_t = OnError::Stop, value_name = "WHAT")]
    pub(crate) on_error: OnError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    Stop,
    Skip,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The file, compressed if its name ends in `.gz` or `.zst`; `-` for standard output.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
