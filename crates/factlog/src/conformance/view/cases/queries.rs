//! Every form of query, against a filter over all documents.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;

use async_trait::async_trait;
use serde_json::json;

use crate::conformance::view::{random::Random, *};
use crate::projection::Documents;
use crate::view::{Condition, Count, Index, KEY, Kind, Scalar, Values};
use crate::{
    Append, Appended, Direction, ErrorKind, EventStream, ListStreams, ReadStream, StreamName,
    StreamPage, Version,
};

/// The values that a document has in a field of the model.
fn values(document: &Document, field: &str) -> Vec<Scalar> {
    let kind = match field {
        KEY => return vec![document.key.as_str().into()],
        "amount" | "number" | "paid" => Kind::Number,
        "due.at" => Kind::Time,
        "open" => Kind::Boolean,
        _ => Kind::String,
    };
    let pointer = format!("/{}", field.replace('.', "/"));
    let root = Value::Object(document.data.clone());
    match root.pointer(&pointer) {
        Some(Value::Array(values)) => {
            values.iter().filter_map(|value| kind.scalar(value)).collect()
        }
        Some(value) => kind.scalar(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Compares without encodings.
fn compare(left: &Scalar, right: &Scalar) -> Ordering {
    match (left, right) {
        (Scalar::Boolean(left), Scalar::Boolean(right)) => left.cmp(right),
        (Scalar::Time(left), Scalar::Time(right)) => left.cmp(right),
        (Scalar::String(left), Scalar::String(right)) => left.cmp(right),
        (Scalar::Number(left), Scalar::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap(),
        },
        _ => panic!("{left:?} and {right:?} are of two kinds"),
    }
}

fn passes(value: &Scalar, values: &Values) -> bool {
    match values {
        Values::Equal(other) => compare(value, other) == Ordering::Equal,
        Values::Prefix(prefix) => value.to_string().starts_with(prefix.as_str()),
        Values::Between(from, to) => {
            let above = match from {
                Bound::Included(from) => compare(value, from) != Ordering::Less,
                Bound::Excluded(from) => compare(value, from) == Ordering::Greater,
                Bound::Unbounded => true,
            };
            let below = match to {
                Bound::Included(to) => compare(value, to) != Ordering::Greater,
                Bound::Excluded(to) => compare(value, to) == Ordering::Less,
                Bound::Unbounded => true,
            };
            above && below
        }
    }
}

fn meets(document: &Document, condition: &Condition) -> bool {
    values(document, &condition.field).iter().any(|value| passes(value, &condition.values))
}

const FIELDS: [&str; 7] = [KEY, "status", "amount", "due.at", "open", "tags", "number"];

fn condition(random: &mut Random, documents: &[Document], field: &str) -> Condition {
    let mut value = || {
        let all: Vec<_> = documents.iter().flat_map(|document| values(document, field)).collect();
        all.get(usize::try_from(random.below(all.len() as u64 + 1)).unwrap()).cloned()
    };
    let (Some(one), other) = (value(), value()) else { return Condition::prefix(KEY, "loan") };
    let end = |value: Option<Scalar>, random: &mut Random| match (value, random.below(3)) {
        (None, _) | (_, 0) => Bound::Unbounded,
        (Some(value), 1) => Bound::Included(value),
        (Some(value), _) => Bound::Excluded(value),
    };
    let values = match random.below(4) {
        0 => Values::Equal(one),
        1 if one.kind() == Kind::String => {
            let text = one.to_string();
            let length = usize::try_from(random.below(5)).unwrap();
            Values::Prefix(text.chars().take(length).collect())
        }
        2 => Values::Between(Bound::Included(one), end(other, random)),
        _ => Values::Between(end(other, random), Bound::Excluded(one)),
    };
    Condition::new(field, values)
}

pub async fn a_query_answers_what_a_filter_over_all_documents_does(bench: &mut ViewBench) {
    let mut random = Random::new(2);
    bench.append_some(&mut random, 250).await;
    bench.catch_up(&model::projection()).await;
    let view = bench.view(&model::name()).await;
    let documents = all(&view, Query::new()).await;
    assert!(documents.len() > 10, "{}", documents.len());
    for _ in 0..2_000 {
        let mut query = Query::new().limit(1 + usize::try_from(random.below(5)).unwrap());
        for _ in 0..random.below(3) {
            let field = random.one_of(&FIELDS);
            query = query.with(condition(&mut random, &documents, field));
        }
        if random.below(2) == 0 {
            query = query.order_by(random.one_of(&FIELDS));
        }
        if random.below(2) == 0 {
            query = query.backward();
        }
        let asked = format!("{query:?}");
        check_answer(&documents, &query, &all(&view, query.clone()).await, &asked);
        let meets_all = |document: &&Document| query.conditions.iter().all(|c| meets(document, c));
        let count = documents.iter().filter(meets_all).count() as u64;
        assert_eq!(view.count(&query.conditions).await.unwrap(), Count::Exact(count), "{asked}");
    }
}

fn check_answer(documents: &[Document], query: &Query, found: &[Document], asked: &str) {
    let order = query.order.as_deref();
    let expected = documents.iter().filter(|document| {
        let has_order = order.is_none_or(|field| !values(document, field).is_empty());
        has_order && query.conditions.iter().all(|condition| meets(document, condition))
    });
    let expected: BTreeSet<_> = expected.map(|document| document.key.as_str()).collect();
    assert_eq!(found.len(), expected.len(), "{asked}: each once");
    assert_eq!(keys(found).into_iter().collect::<BTreeSet<_>>(), expected, "{asked}");
    let Some(field) = order else { return };
    // By the first condition on the field: of a list, the element that comes first of those that
    // pass.
    let range = query.conditions.iter().find(|condition| condition.field == field);
    let first = |document: &Document| {
        let passing = values(document, field).into_iter();
        let passing =
            passing.filter(|value| range.is_none_or(|range| passes(value, &range.values)));
        match query.direction {
            Direction::Forward => passing.min_by(compare),
            Direction::Backward => passing.max_by(compare),
        }
    };
    for pair in found.windows(2) {
        let ordering = compare(&first(&pair[0]).unwrap(), &first(&pair[1]).unwrap());
        let wrong = match query.direction {
            Direction::Forward => Ordering::Greater,
            Direction::Backward => Ordering::Less,
        };
        assert_ne!(ordering, wrong, "{asked}");
    }
}

pub async fn pages_under_change_have_once_what_stays(bench: &mut ViewBench) {
    for number in 0..40 {
        bench.append(&format!("loan-{number}"), "Changed", json!({"amount": number})).await;
    }
    let projection = model::projection();
    bench.catch_up(&projection).await;
    let mut query = Query::new().order_by("amount").limit(3);
    let mut seen = Vec::new();
    for round in 0.. {
        let page = bench.view(&projection.name).await.query(&query).await.unwrap();
        seen.extend(page.documents.into_iter().map(|document| document.key));
        // Behind the page one comes, before it one goes; those of even numbers stay.
        let (gone, moved) = (round * 2 + 1, 39 - round * 2);
        bench.append(&format!("loan-{gone}"), "Removed", json!({})).await;
        bench.append(&format!("loan-{moved}"), "Changed", json!({"amount": -1})).await;
        bench.append(&format!("loan-{}", 100 + round), "Changed", json!({"amount": round})).await;
        bench.catch_up(&projection).await;
        match page.next {
            Some(token) => query = query.after(token),
            None => break,
        }
    }
    for number in (0..40).step_by(2) {
        let key = format!("loan-{number}");
        assert_eq!(seen.iter().filter(|other| **other == key).count(), 1, "{key}: {seen:?}");
    }
    let other = Query::new().order_by("number").after(query.after.unwrap());
    let error = bench.view(&projection.name).await.query(&other).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Invalid, "a token of another query");
}

pub async fn long_values_are_found_exactly(bench: &mut ViewBench) {
    let handler = |event: &RecordedEvent, documents: &mut Documents<'_>| {
        documents.put(event.stream.as_str(), data(event)?)
    };
    let projection = Projection::new("texts".parse().unwrap(), handler);
    let projection = projection.with_index(Index::new("text", Kind::String));
    let text = |end: &str| "ä".repeat(500) + end;
    for (number, end) in ["a", "b", "ba", "", "a"].into_iter().enumerate() {
        bench.append(&format!("s-{number}"), "Changed", json!({"text": text(end)})).await;
    }
    bench.append("s-5", "Changed", json!({"text": "ä"})).await;
    bench.catch_up(&projection).await;
    let view = bench.view(&projection.name).await;
    let (equal, prefix) =
        (Condition::equal("text", text("a")), Condition::prefix("text", text("b")));
    let (from, before) = (Condition::from("text", text("b")), Condition::before("text", text("b")));
    for (condition, expected) in [
        (equal, vec!["s-0", "s-4"]),
        (prefix, vec!["s-1", "s-2"]),
        (from, vec!["s-1", "s-2"]),
        (before, vec!["s-0", "s-3", "s-4", "s-5"]),
    ] {
        let found = all(&view, Query::new().with(condition.clone()).limit(1)).await;
        let mut found = keys(&found);
        found.sort_unstable();
        assert_eq!(found, expected, "{condition:?}");
        let count = Count::Exact(expected.len() as u64);
        assert_eq!(view.count(&[condition]).await.unwrap(), count);
    }
}

pub async fn a_query_that_no_index_leads_says_which_is_missing(bench: &mut ViewBench) {
    bench.catch_up(&model::projection()).await;
    let view = bench.view(&model::name()).await;
    for (query, says) in [
        (Query::new().with(Condition::equal("paid", 1)), "declare one on paid"),
        (Query::new().order_by("paid"), "ordered by paid, which has no index"),
        (Query::new().with(Condition::equal("amount", "1")), "index amount is of kind number"),
        (Query::new().limit(0), "it holds 1 to"),
    ] {
        let error = view.query(&query).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(says), "{error}");
    }
    let led =
        Query::new().with(Condition::equal("paid", 1)).with(Condition::equal("status", "open"));
    assert!(view.query(&led).await.is_ok());
}

pub async fn counts_and_groups_are_exact(bench: &mut ViewBench) {
    let mut random = Random::new(3);
    bench.append_some(&mut random, 100).await;
    bench.catch_up(&model::projection()).await;
    let view = bench.view(&model::name()).await;
    let documents = all(&view, Query::new()).await;
    assert_eq!(view.count(&[]).await.unwrap(), Count::Exact(documents.len() as u64));
    for field in ["status", "open", "tags"] {
        let groups = view.groups(field).await.unwrap();
        let mut expected = BTreeMap::<String, u64>::new();
        for document in &documents {
            let distinct: BTreeSet<_> =
                values(document, field).iter().map(Scalar::to_string).collect();
            for value in distinct {
                *expected.entry(value).or_default() += 1;
            }
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let groups: Vec<_> = groups.iter().map(|(value, count)| (text(value), *count)).collect();
        assert_eq!(groups, expected.into_iter().collect::<Vec<_>>(), "{field}");
    }
    assert_eq!(*view.groups("amount").await.unwrap_err().kind(), ErrorKind::Invalid);
}

/// A store that refuses every call.
#[derive(Debug)]
struct Away;

fn away() -> crate::Error {
    crate::Error::closed("the log is taken away")
}

#[async_trait]
impl Store for Away {
    async fn append(&self, _: Append) -> Result<Appended> {
        Err(away())
    }
    fn read_stream(&self, _: ReadStream) -> EventStream {
        Box::pin(futures::stream::iter([Err(away())]))
    }
    fn read_log(&self, _: ReadLog) -> EventStream {
        Box::pin(futures::stream::iter([Err(away())]))
    }
    async fn list_streams(&self, _: ListStreams) -> Result<StreamPage> {
        Err(away())
    }
    async fn stream_head(&self, _: &StreamName) -> Result<Version> {
        Err(away())
    }
    async fn head(&self) -> Result<Position> {
        Err(away())
    }
    async fn wait_past(&self, _: Position) -> Result<Position> {
        Err(away())
    }
    async fn close(&self) -> Result<()> {
        Err(away())
    }
}

pub async fn queries_work_with_the_log_taken_away(bench: &mut ViewBench) {
    bench.append_some(&mut Random::new(4), 50).await;
    bench.catch_up(&model::projection()).await;
    let projections = Projections::new(Arc::new(Away), bench.state(), bench.clock.clone());
    let view = projections.view(&model::name()).await.unwrap();
    let documents = all(&view, Query::new()).await;
    assert!(!documents.is_empty());
    let key = &documents[0].key;
    assert_eq!(view.get(key).await.unwrap().as_ref(), Some(&documents[0]));
    let open = Condition::equal("open", true);
    let count = all(&view, Query::new().with(open.clone())).await.len() as u64;
    assert_eq!(view.count(&[open]).await.unwrap(), Count::Exact(count));
    assert!(!view.groups("status").await.unwrap().is_empty());
    assert_eq!(view.position().await.unwrap(), Position::new(50));
}
