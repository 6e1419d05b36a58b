//! The tables of a store are made, described and removed, and what is there already is left as it is.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use common::{Fault, Local};
use factlog::{Error, ErrorKind};
use factlog_dynamodb::{Billing, CreateTables, Described, Layout, Tables};

/// A place for a store whose tables are not there yet.
struct Place {
    local: Local,
    client: Client,
}

impl Place {
    fn new() -> Self {
        let local = Local::new();
        Self { client: local.client(), local }
    }

    fn table(&self, role: &str) -> String {
        format!("{}-{role}", self.local.name())
    }

    async fn create(&self, options: &CreateTables) -> Result<Tables, Error> {
        Tables::create(&self.client, self.local.name(), options).await
    }

    async fn describe(&self) -> Described {
        Tables::describe(&self.client, self.local.name()).await.unwrap()
    }

    async fn destroy(&self) -> Result<Vec<String>, Error> {
        Tables::destroy(&self.client, self.local.name()).await
    }

    /// Lets the tables be deleted again.
    async fn unprotect(&self) {
        for role in ["events", "log", "state"] {
            let update = self.client.update_table().table_name(self.table(role));
            update.deletion_protection_enabled(false).send().await.unwrap();
        }
    }

    /// A table that someone else made, with these keys.
    async fn foreign(&self, name: &str, keys: &[(&str, &str)], stream: Option<StreamViewType>) {
        let attributes = keys.iter().map(|(name, kind)| {
            let attribute = AttributeDefinition::builder().attribute_name(*name);
            attribute.attribute_type(ScalarAttributeType::from(*kind)).build().unwrap()
        });
        let kinds = [KeyType::Hash, KeyType::Range];
        let schema = keys.iter().zip(kinds).map(|((name, _), kind)| {
            KeySchemaElement::builder().attribute_name(*name).key_type(kind).build().unwrap()
        });
        let stream = stream.map(|view| {
            let stream = StreamSpecification::builder().stream_enabled(true);
            stream.stream_view_type(view).build().unwrap()
        });
        let create = self.client.create_table().table_name(name);
        let create = create.set_attribute_definitions(Some(attributes.collect()));
        let create = create.set_key_schema(Some(schema.collect())).set_stream_specification(stream);
        create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
    }
}

fn layout(layout: Layout) -> CreateTables {
    let mut options = CreateTables::default();
    options.layout = Some(layout);
    options
}

#[track_caller]
fn refused(result: Result<impl std::fmt::Debug, Error>, kind: &ErrorKind, says: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    for said in says {
        assert!(error.to_string().contains(said), "{said:?} is not in {error}");
    }
}

#[tokio::test]
async fn create_makes_three_tables_that_describe_shows() {
    let place = Place::new();
    place.create(&CreateTables::default()).await.unwrap();
    let described = place.describe().await;
    described.whole().unwrap();
    assert_eq!(described.layout, Some(Layout::native()));
    let shown: Vec<_> = described.tables.iter().map(|it| (it.role, it.name.clone())).collect();
    assert_eq!(shown, ["events", "log", "state"].map(|role| (role, place.table(role))));
    let [events, log, state] = described.tables.map(|it| it.found.unwrap());
    assert_eq!(events.keys, "stream (S), version (N)");
    assert_eq!(log.keys, "log (S), position (N)");
    assert_eq!(state.keys, "partition (S), sort (B)");
    assert!(events.stream.is_some() && log.stream.is_none() && state.stream.is_none());
    assert_eq!((log.expires, state.expires.as_deref()), (None, Some("expires")));
    for table in [&events, &state] {
        assert_eq!((&*table.status, &*table.billing), ("ACTIVE", "on demand"));
        assert!(!table.deletion_protection);
    }
    assert_eq!(state.items, 1);
}

#[tokio::test]
async fn billing_protection_and_tags_are_as_asked() {
    let place = Place::new();
    let mut options = layout(Layout::castore());
    options.billing = Billing::Provisioned { read: 7, write: 3 };
    options.deletion_protection = true;
    options.tags = vec![("team".into(), "loans".into())];
    place.create(&options).await.unwrap();
    for table in place.describe().await.tables {
        let found = table.found.unwrap();
        assert_eq!((&*found.billing, found.deletion_protection), ("7 read, 3 write units/s", true));
    }
    // Tables that are there get the tags, too. DynamoDB Local has none.
    let error = place.create(&options).await.unwrap_err().to_string();
    assert!(error.contains("tagging") && error.contains("not currently supported"), "{error}");
    place.unprotect().await;
}

#[tokio::test]
async fn point_in_time_recovery_is_asked_for() {
    let place = Place::new();
    let mut options = CreateTables::default();
    options.point_in_time_recovery = true;
    // DynamoDB Local has none.
    let error = place.create(&options).await.unwrap_err().to_string();
    let events = place.table("events");
    assert!(error.contains(&format!("switching on point-in-time recovery of table {events}")));
    assert!(place.describe().await.tables.iter().all(|table| {
        table.found.as_ref().is_none_or(|found| found.point_in_time_recovery.is_none())
    }));
}

#[tokio::test]
async fn create_again_completes_what_is_missing_and_changes_nothing_else() {
    let place = Place::new();
    place.create(&layout(Layout::castore())).await.unwrap();
    place.local.faults().none();
    place.create(&CreateTables::default()).await.unwrap();
    let writes = ["CreateTable", "UpdateTable", "UpdateTimeToLive", "PutItem"];
    let requests = place.local.faults().requests();
    assert!(writes.iter().all(|it| !requests.contains_key(*it)), "{requests:?}");

    place.client.delete_table().table_name(place.table("log")).send().await.unwrap();
    let mut options = CreateTables::default();
    options.deletion_protection = true;
    options.billing = Billing::Provisioned { read: 1, write: 1 };
    place.create(&options).await.unwrap();
    let described = place.describe().await;
    described.whole().unwrap();
    assert_eq!(described.layout, Some(Layout::castore()));
    let [events, log, state] = described.tables.map(|it| it.found.unwrap());
    assert!([&events, &log, &state].iter().all(|it| it.deletion_protection));
    assert_eq!([&*events.billing, &*state.billing], ["on demand"; 2]);
    assert_eq!(log.billing, "1 read, 1 write units/s");
    place.unprotect().await;
}

#[tokio::test]
async fn create_can_be_broken_off_at_any_request_and_run_again() {
    for fault in [Fault::Error("InternalServerError"), Fault::AnswerLost] {
        for number in 1.. {
            let place = Place::new();
            let config = aws_sdk_dynamodb::config::Builder::from(place.local.config());
            let client = Client::from_conf(config.retry_config(RetryConfig::disabled()).build());
            place.local.faults().at(number, fault);
            let options = layout(Layout::castore());
            let created = Tables::create(&client, place.local.name(), &options).await;
            if place.local.faults().hits() == 0 {
                created.unwrap();
                break;
            }
            refused(created, &ErrorKind::Unavailable, &[]);
            place.create(&options).await.unwrap();
            let described = place.describe().await;
            described.whole().unwrap();
            assert_eq!(described.layout, options.layout);
        }
    }
}

#[tokio::test]
async fn another_layout_or_events_table_than_the_store_has_is_refused() {
    let place = Place::new();
    place.create(&layout(Layout::castore())).await.unwrap();
    let other = place.create(&layout(Layout::native())).await;
    refused(other, &ErrorKind::Invalid, &["layout castore, not native"]);
    let mut options = CreateTables::default();
    options.events_table = Some("elsewhere".into());
    let events = place.table("events");
    let says = format!("events table {events}, not elsewhere");
    refused(place.create(&options).await, &ErrorKind::Invalid, &[&says]);
}

#[tokio::test]
async fn a_table_with_other_keys_is_refused_before_anything_is_made() {
    let place = Place::new();
    place.foreign(&place.table("state"), &[("partition", "S"), ("sort", "N")], None).await;
    let created = place.create(&CreateTables::default()).await;
    let says = "found partition (S), sort (N), needs partition (S), sort (B)";
    refused(created, &ErrorKind::Invalid, &[&place.table("state"), says]);
    let described = place.describe().await;
    refused(
        described.whole(),
        &ErrorKind::NotFound,
        &[&place.table("events"), &place.table("log")],
    );
    assert_eq!(described.tables[2].wrong.len(), 2, "{:?}", described.tables[2]);
}

#[tokio::test]
async fn an_events_table_that_is_there_is_altered_only_if_that_is_allowed_and_stays() {
    let place = Place::new();
    let theirs = place.table("theirs");
    let mut options = layout(Layout::castore());
    options.events_table = Some(theirs.clone());
    refused(place.create(&options).await, &ErrorKind::NotFound, &[&theirs]);

    place.foreign(&theirs, &[("aggregateId", "S"), ("version", "N")], None).await;
    let says = ["stream: found none, needs NEW_IMAGE", "index: found none, needs initialEvents"];
    refused(place.create(&options).await, &ErrorKind::Invalid, &says);
    options.alter_events_table = true;
    place.create(&options).await.unwrap();
    place.create(&CreateTables::default()).await.unwrap();
    let described = place.describe().await;
    described.whole().unwrap();
    assert_eq!(described.tables[0].name, theirs);

    let removed = place.destroy().await.unwrap();
    assert_eq!(removed, [place.table("log"), place.table("state")]);
    place.client.describe_table().table_name(&theirs).send().await.unwrap();
}

#[tokio::test]
async fn a_stream_without_new_images_is_refused() {
    let place = Place::new();
    let keys = [("stream", "S"), ("version", "N")];
    place.foreign(&place.table("events"), &keys, Some(StreamViewType::KeysOnly)).await;
    let created = place.create(&CreateTables::default()).await;
    let says = "found KEYS_ONLY, needs NEW_IMAGE or NEW_AND_OLD_IMAGES";
    refused(created, &ErrorKind::Invalid, &[&place.table("events"), says]);
}

#[tokio::test]
async fn opening_says_what_is_missing_or_wrong_and_what_to_do() {
    let place = Place::new();
    let open = async || Tables::open(&place.client, place.local.name()).await;
    let command = format!("`factlog tables create {}`", place.local.name());
    refused(open().await, &ErrorKind::NotFound, &[&place.table("state"), &command]);
    let tables = place.create(&layout(Layout::castore())).await.unwrap();
    assert_eq!(open().await.unwrap(), (tables, Layout::castore()));

    place.client.delete_table().table_name(place.table("log")).send().await.unwrap();
    refused(open().await, &ErrorKind::NotFound, &[&place.table("log"), &command]);
    place.foreign(&place.table("log"), &[("log", "S"), ("at", "N")], None).await;
    let says = "found log (S), at (N), needs log (S), position (N)";
    refused(open().await, &ErrorKind::Invalid, &[&place.table("log"), says]);

    place.client.delete_table().table_name(place.table("state")).send().await.unwrap();
    place.foreign(&place.table("state"), &[("partition", "S"), ("sort", "B")], None).await;
    refused(open().await, &ErrorKind::NotFound, &["does not say its layout", &command]);
}

#[tokio::test]
async fn destroy_removes_all_tables_but_not_protected_ones() {
    let place = Place::new();
    refused(place.destroy().await, &ErrorKind::NotFound, &[place.local.name()]);
    let mut options = CreateTables::default();
    options.deletion_protection = true;
    place.create(&options).await.unwrap();
    refused(place.destroy().await, &ErrorKind::Invalid, &["protected against deletion"]);
    place.describe().await.whole().unwrap();
    place.unprotect().await;
    let removed = place.destroy().await.unwrap();
    assert_eq!(removed, ["events", "log", "state"].map(|role| place.table(role)));
    assert!(place.describe().await.tables.iter().all(|table| table.found.is_none()));
}

#[tokio::test]
async fn a_name_that_no_table_can_have_is_refused() {
    let client = Local::new().client();
    for name in ["", "a/b", &"a".repeat(249)] {
        let created = Tables::create(&client, name, &CreateTables::default()).await;
        refused(created, &ErrorKind::Invalid, &["store name"]);
    }
}
