//! Making the tables, or what of them is missing.
//!
//! First everything is looked at, and nothing is done if something is wrong that can't be put right. Then each step
//! asks whether its result is there already: it can be broken off anywhere and run again.

use std::fmt::Display;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, PointInTimeRecoverySpecification, Projection, ProjectionType,
    ProvisionedThroughput, StreamSpecification, StreamViewType, TableDescription, Tag,
    TimeToLiveSpecification,
};
use factlog::{Error, Result};

use super::describe::{expiry, recovery};
use super::schema::{IndexSchema, find_index, has_stream, unbuilt};
use super::{Schema, Tables, look, record_key, recorded, settled};
use crate::error::failed;
use crate::layout::Layout;
use crate::limits::{TABLE_POLL, TABLE_POLLS_MAX};

/// How requests are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Billing {
    /// By the request.
    #[default]
    OnDemand,
    /// By the hour, so many units a second in each table.
    Provisioned {
        /// Read units a second.
        read: u32,
        /// Write units a second.
        write: u32,
    },
}

/// How to make the tables of a store.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CreateTables {
    /// How commits lie in the events table; `None` for what the store has, `native` for a new one.
    pub layout: Option<Layout>,
    /// An events table that is there already; `None` for what the store has, `NAME-events` for a new one.
    pub events_table: Option<String>,
    /// Whether the events table that is there already may be given a stream and the layout's index.
    pub alter_events_table: bool,
    /// How requests to tables that are made are paid for. Tables that are there keep what they have.
    pub billing: Billing,
    /// Whether tables can be restored to any second of the last 35 days. On where it is off; never off.
    pub point_in_time_recovery: bool,
    /// Whether tables can't be deleted. On where it is off; never off.
    pub deletion_protection: bool,
    /// Tags, names and values, for each table. Added where they are missing.
    pub tags: Vec<(String, String)>,
}

impl CreateTables {
    /// The same, with this layout.
    #[must_use]
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.layout = Some(layout);
        self
    }
}

impl Tables {
    /// Makes the tables of a store, or what of them is missing, and waits until they are ready. What is there and
    /// right is not changed.
    ///
    /// # Errors
    /// `Invalid` if a table is there and can't be used, with what was found and what is needed; nothing was changed then.
    /// `NotFound` if an events table was named that is not there. What AWS says no to, as it says it.
    pub async fn create(client: &Client, store: &str, options: &CreateTables) -> Result<Self> {
        let recorded = recorded(client, &Self::named(store)?).await?;
        let (tables, layout) = decide(store, recorded.as_ref(), options)?;
        let schemas = Schema::all(&tables, &layout);
        let mut found = Vec::new();
        for schema in &schemas {
            found.push(look(client, &schema.table).await?);
        }
        for (schema, found) in schemas.iter().zip(&found) {
            check(&tables, schema, found.as_ref(), options)?;
        }
        for (schema, found) in schemas.iter().zip(&found) {
            if found.is_none() {
                make(client, schema, options).await?;
            }
        }
        for (schema, found) in schemas.iter().zip(&found) {
            complete(client, schema, options).await?;
            if let Some(found) = found
                && !options.tags.is_empty()
            {
                add_tags(client, found, options).await?;
            }
        }
        if recorded.is_none() {
            record(client, &tables, &layout).await?;
        }
        Ok(tables)
    }
}

/// The names and the layout: what the store says it has, else what the options say.
fn decide(
    store: &str,
    recorded: Option<&(String, Layout)>,
    options: &CreateTables,
) -> Result<(Tables, Layout)> {
    let mut tables = Tables::named(store)?;
    let asked = (options.events_table.as_ref(), options.layout.as_ref());
    let Some((events, layout)) = recorded else {
        tables.events = asked.0.cloned().unwrap_or(tables.events);
        return Ok((tables, asked.1.cloned().unwrap_or_else(Layout::native)));
    };
    let differs = |what, found: &dyn Display, asked: &dyn Display| {
        Err(Error::invalid(format!("store {store} has the {what} {found}, not {asked}")))
    };
    match asked {
        (Some(asked), _) if asked != events => differs("events table", events, asked),
        (_, Some(asked)) if asked != layout => differs("layout", layout, asked),
        _ => Ok((Tables { events: events.clone(), ..tables }, layout.clone())),
    }
}

/// Whether the table can be made what it has to be.
fn check(
    tables: &Tables,
    schema: &Schema,
    found: Option<&TableDescription>,
    options: &CreateTables,
) -> Result<()> {
    let foreign = schema.table == tables.events && tables.events_are_foreign();
    let Some(found) = found else {
        let missing = || Error::not_found(format!("table {} is not there", schema.table));
        return if foreign { Err(missing()) } else { Ok(()) };
    };
    if let Some(wrong) = schema.wrong(found) {
        return Err(Error::invalid(format!("table {}: {wrong}", schema.table)));
    }
    match schema.lacking(found) {
        lacking if foreign && !options.alter_events_table && !lacking.is_empty() => {
            Err(Error::invalid(format!(
                "table {}: {}; it is altered only if that is allowed",
                schema.table,
                lacking.join("; ")
            )))
        }
        _ => Ok(()),
    }
}

async fn make(client: &Client, schema: &Schema, options: &CreateTables) -> Result<()> {
    let index = schema.index.as_ref().map(|index| new_index(index, options.billing)).transpose()?;
    let tags = options.tags.iter().map(tag).collect::<Result<Vec<_>>>()?;
    let request = client
        .create_table()
        .table_name(&schema.table)
        .set_attribute_definitions(Some(schema.attributes()?))
        .set_key_schema(Some(schema.keys.schema()?))
        .set_global_secondary_indexes(index.map(|index| vec![index]))
        .billing_mode(billing_mode(options.billing))
        .set_provisioned_throughput(throughput(options.billing)?)
        .set_stream_specification(schema.streams.then(new_images).transpose()?)
        .deletion_protection_enabled(options.deletion_protection)
        .set_tags((!tags.is_empty()).then_some(tags));
    match request.send().await {
        Ok(_) => Ok(()),
        // Another one makes it at the same time.
        Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
        Err(error) => Err(failed(&format!("creating table {}", schema.table), error)),
    }
}

/// Gives a table what it lacks.
async fn complete(client: &Client, schema: &Schema, options: &CreateTables) -> Result<()> {
    let table = &schema.table;
    let mut found = ready(client, table).await?;
    if schema.streams && !has_stream(&found) {
        let update = client.update_table().table_name(table).stream_specification(new_images()?);
        let doing = format!("switching on the stream of table {table}");
        update.send().await.map_err(|error| failed(&doing, error))?;
        found = ready(client, table).await?;
    }
    if let Some(index) = &schema.index
        && find_index(&found, &index.name).is_none()
    {
        add_index(client, schema, index, &found).await?;
        found = ready(client, table).await?;
    }
    if options.deletion_protection && found.deletion_protection_enabled != Some(true) {
        let update = client.update_table().table_name(table).deletion_protection_enabled(true);
        let doing = format!("protecting table {table} against deletion");
        update.send().await.map_err(|error| failed(&doing, error))?;
        ready(client, table).await?;
    }
    if let Some(attribute) = schema.expires {
        expire(client, table, attribute).await?;
    }
    if options.point_in_time_recovery && recovery(client, table).await? != Some(true) {
        recover(client, table).await?;
    }
    Ok(())
}

async fn ready(client: &Client, table: &str) -> Result<TableDescription> {
    let found = settled(client, table).await?;
    found.ok_or_else(|| Error::not_found(format!("table {table} was deleted meanwhile")))
}

async fn add_index(
    client: &Client,
    schema: &Schema,
    index: &IndexSchema,
    found: &TableDescription,
) -> Result<()> {
    // An index is paid for as its table is.
    let units = found.provisioned_throughput();
    let units = units.map(|units| (units.read_capacity_units, units.write_capacity_units));
    let units = match units {
        Some((Some(read @ 1..), Some(write @ 1..))) => Some(units_of(read, write)?),
        _ => None,
    };
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(&index.name)
        .set_key_schema(Some(index.keys.schema()?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .set_provisioned_throughput(units)
        .build()
        .map_err(unbuilt)?;
    let update = client
        .update_table()
        .table_name(&schema.table)
        .set_attribute_definitions(Some(schema.attributes()?))
        .global_secondary_index_updates(
            GlobalSecondaryIndexUpdate::builder().create(create).build(),
        );
    let doing = format!("adding index {} to table {}", index.name, schema.table);
    update.send().await.map(|_| ()).map_err(|error| failed(&doing, error))
}

async fn expire(client: &Client, table: &str, attribute: &str) -> Result<()> {
    match expiry(client, table).await?.as_deref() {
        Some(found) if found == attribute => return Ok(()),
        Some(found) => {
            let wrong = format!("table {table}: items expire: found by {found}, needs {attribute}");
            return Err(Error::invalid(wrong));
        }
        None => {}
    }
    let specification = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true);
    let update = client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(specification.build().map_err(unbuilt)?);
    let doing = format!("letting items of table {table} expire");
    update.send().await.map(|_| ()).map_err(|error| failed(&doing, error))
}

/// Switches on point-in-time recovery, which a table that was just made refuses for a while.
async fn recover(client: &Client, table: &str) -> Result<()> {
    let specification = PointInTimeRecoverySpecification::builder();
    let specification =
        specification.point_in_time_recovery_enabled(true).build().map_err(unbuilt)?;
    let request = client
        .update_continuous_backups()
        .table_name(table)
        .point_in_time_recovery_specification(specification);
    let mut polls = 0;
    loop {
        match request.clone().send().await {
            Ok(_) => return Ok(()),
            Err(error) if not_yet(&error) && polls < TABLE_POLLS_MAX => {
                polls += 1;
                tokio::time::sleep(TABLE_POLL).await;
            }
            Err(error) => {
                let doing = format!("switching on point-in-time recovery of table {table}");
                return Err(failed(&doing, error));
            }
        }
    }
}

fn not_yet<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ContinuousBackupsUnavailableException")
}

async fn add_tags(client: &Client, found: &TableDescription, options: &CreateTables) -> Result<()> {
    let arn = found.table_arn().unwrap_or_default();
    let add = client.tag_resource().resource_arn(arn);
    let add = add.set_tags(Some(options.tags.iter().map(tag).collect::<Result<_>>()?));
    let doing = format!("tagging {arn}");
    add.send().await.map(|_| ()).map_err(|error| failed(&doing, error))
}

/// Writes down what the store is, once its tables are there.
async fn record(client: &Client, tables: &Tables, layout: &Layout) -> Result<()> {
    let put = client
        .put_item()
        .table_name(&tables.state)
        .set_item(Some(record_key()))
        .item("events", AttributeValue::S(tables.events.clone()))
        .item("layout", AttributeValue::S(layout.to_string()))
        .condition_expression("attribute_not_exists(#partition)")
        .expression_attribute_names("#partition", "partition");
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
            match recorded(client, tables).await? {
                Some((events, found)) if events == tables.events && found == *layout => Ok(()),
                _ => Err(Error::invalid(format!(
                    "store {} was made with another layout or events table meanwhile",
                    tables.store
                ))),
            }
        }
        Err(error) => Err(failed(&format!("writing the layout to table {}", tables.state), error)),
    }
}

fn new_images() -> Result<StreamSpecification> {
    let stream = StreamSpecification::builder().stream_enabled(true);
    stream.stream_view_type(StreamViewType::NewImage).build().map_err(unbuilt)
}

fn new_index(index: &IndexSchema, billing: Billing) -> Result<GlobalSecondaryIndex> {
    GlobalSecondaryIndex::builder()
        .index_name(&index.name)
        .set_key_schema(Some(index.keys.schema()?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .set_provisioned_throughput(throughput(billing)?)
        .build()
        .map_err(unbuilt)
}

fn billing_mode(billing: Billing) -> BillingMode {
    match billing {
        Billing::OnDemand => BillingMode::PayPerRequest,
        Billing::Provisioned { .. } => BillingMode::Provisioned,
    }
}

fn throughput(billing: Billing) -> Result<Option<ProvisionedThroughput>> {
    match billing {
        Billing::OnDemand => Ok(None),
        Billing::Provisioned { read, write } => units_of(read.into(), write.into()).map(Some),
    }
}

fn units_of(read: i64, write: i64) -> Result<ProvisionedThroughput> {
    let units = ProvisionedThroughput::builder();
    units.read_capacity_units(read).write_capacity_units(write).build().map_err(unbuilt)
}

fn tag((key, value): &(String, String)) -> Result<Tag> {
    Tag::builder().key(key).value(value).build().map_err(unbuilt)
}
