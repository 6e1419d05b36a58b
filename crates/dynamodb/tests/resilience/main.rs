//! Whatever becomes of a request, the store answers right or says that it can't now; nothing is lost, nothing is there twice.
//!
//! Here are the calls; [`faults`] says what befalls them. [`worker`]: the sequencer beside a store. [`throttling`]: what a
//! throttled request is to the others.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod throttling;
mod trial;
mod worker;

use factlog::state::{Condition, Write, Written};
use factlog::{Append, Expected, Filter, ListStreams, ReadLog, ReadStream, Store as _, Version};
use factlog_dynamodb::Layout;
use futures::{FutureExt, TryStreamExt};

use faults::survives;
use trial::{Place, Scope, Trial, appended, told};

/// One test for each call: in which layout, what is there before, and the call.
macro_rules! calls {
    ($($name:ident: $layout:expr, $scope:ident, $before:expr, $call:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            survives(Place::new($layout).await, Scope::$scope, $before, $call).await;
        })*
    };
}

/// Appends these events of stream `a` in another process.
async fn a(trial: &Trial, numbers: std::ops::RangeInclusive<u32>) {
    let events = trial.events('a', numbers);
    trial.append(Append::to(trial.stream('a'), Expected::Any, events)).await;
}

/// Two streams, one of them of two commits, and their places in the log.
async fn a_log(trial: &Trial) {
    a(trial, 1..=3).await;
    a(trial, 4..=4).await;
    let b = trial.events('b', 1..=2);
    trial.append(Append::to(trial.stream('b'), Expected::NoStream, b)).await;
    trial.calm.catch_up().await.unwrap();
}

/// Appends event 9 to stream `a`.
async fn append(trial: &Trial, expected: Expected) -> factlog::Result<String> {
    let append = Append::to(trial.stream('a'), expected, trial.events('a', 9..=9));
    appended(trial.store.append(append).await)
}

async fn read(trial: &Trial, read: ReadLog) -> factlog::Result<String> {
    let mine = Filter::all().with_category(trial.category());
    let filter = if read.filter.is_all() { mine } else { read.filter.clone() };
    let events: Vec<_> = trial.store.read_log(read.with_filter(filter)).try_collect().await?;
    Ok(told(&events))
}

async fn write(trial: &Trial, writes: Vec<Write>) -> factlog::Result<String> {
    let refused = match trial.store.state().write(writes).await? {
        Written::Done(_) => return Ok("done".to_owned()),
        Written::Refused { found, .. } => found,
    };
    Ok(refused
        .map_or("it stands", |item| match &item.value[..] {
            b"mine" => "it stands",
            _ => "refused",
        })
        .to_owned())
}

/// Items `x` and `y`, and the revision of both.
async fn x_and_y(trial: &Trial) {
    let puts = ["x", "y"].map(|key| Write::put(trial.key(key), "old"));
    let written = trial.calm.state().write(puts.into()).await.unwrap();
    let Written::Done(revision) = written else { panic!("{written:?}") };
    trial.revision.set(revision).unwrap();
}

/// More items than one batch or one page has.
async fn many_items(trial: &Trial) {
    let puts = many(trial);
    trial.calm.state().write_each(puts).await.unwrap();
}

fn many(trial: &Trial) -> Vec<Write> {
    (0..120_u32)
        .map(|number| Write::put(trial.key(number.to_be_bytes().to_vec()), "mine"))
        .collect()
}

fn nothing(_: &Trial) -> futures::future::BoxFuture<'_, ()> {
    futures::future::ready(()).boxed()
}

calls! {
    append_to_a_new_stream: Layout::native(), Each, nothing, |t| append(t, Expected::NoStream).boxed();
    append_to_a_stream_that_is_known: Layout::native(), Each, |t| async {
        let events = t.events('a', 1..=3);
        t.store.append(Append::to(t.stream('a'), Expected::Any, events)).await.unwrap();
    }.boxed(), |t| append(t, Expected::Exact(Version::new(3))).boxed();
    append_to_a_stream_that_has_moved: Layout::native(), Each, |t| async {
        let events = t.events('a', 1..=3);
        t.store.append(Append::to(t.stream('a'), Expected::Any, events)).await.unwrap();
        a(t, 4..=5).await;
    }.boxed(), |t| append(t, Expected::StreamExists).boxed();
    append_to_a_stream_that_is_not_known: Layout::native(), Each,
        |t| a(t, 1..=3).boxed(), |t| append(t, Expected::Any).boxed();
    append_that_conflicts: Layout::native(), Each,
        |t| a(t, 1..=3).boxed(), |t| append(t, Expected::Exact(Version::new(2))).boxed();
    append_that_stands: Layout::native(), Each, |t| async {
        a(t, 9..=9).await;
        a(t, 10..=11).await;
    }.boxed(), |t| append(t, Expected::NoStream).boxed();
    append_to_several_streams: Layout::native(), Each, |t| a(t, 1..=3).boxed(), |t| async {
        let append = Append::to(t.stream('a'), Expected::Any, t.events('a', 8..=9));
        let append = append.and(t.stream('b'), Expected::NoStream, t.events('b', 1..=2));
        appended(t.store.append(append.check(t.stream('c'), Expected::NoStream)).await)
    }.boxed();
    append_of_several_items: Layout::native(), Each, |t| a(t, 1..=3).boxed(), |t| async {
        let mut events = t.events('a', 8..=10);
        for (event, byte) in events.iter_mut().zip([1_u64, 2, 3]) {
            // Bytes that don't compress.
            let mut word = byte;
            let mut next = || { word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); (word >> 56) as u8 };
            event.data = (0..300 << 10).map(|_| next()).collect::<Vec<u8>>().into();
        }
        appended(t.store.append(Append::to(t.stream('a'), Expected::Any, events)).await)
    }.boxed();
    append_in_castore: Layout::castore(), Each, |t| a(t, 1..=1).boxed(), |t| append(t, Expected::Any).boxed();

    read_a_stream: Layout::native(), All, |t| async {
        a(t, 1..=3).await;
        a(t, 4..=9).await;
    }.boxed(), |t| async {
        let read = ReadStream::new(t.stream('a')).from(Version::new(2));
        let events: Vec<_> = t.store.read_stream(read).try_collect().await?;
        Ok(told(&events))
    }.boxed();
    read_the_log: Layout::native(), All, |t| a_log(t).boxed(), |t| read(t, ReadLog::new()).boxed();
    read_the_log_backward: Layout::native(), All, |t| a_log(t).boxed(), |t| read(t, ReadLog::new().backward()).boxed();
    read_the_log_filtered: Layout::native(), All, |t| a_log(t).boxed(), |t| async {
        let filter = Filter::all().with_type("Even".parse().unwrap());
        read(t, ReadLog::new().with_filter(filter)).await
    }.boxed();
    list_from_the_log: Layout::native(), All, |t| a_log(t).boxed(), |t| list(t).boxed();
    list_from_the_index: Layout::castore(), All, |t| a_log(t).boxed(), |t| list(t).boxed();
    heads: Layout::native(), All, |t| a_log(t).boxed(), |t| async {
        Ok(format!("{} {}", t.store.head().await?, t.store.stream_head(&t.stream('a')).await?))
    }.boxed();
    wait_past_the_head: Layout::native(), Each, |t| a_log(t).boxed(), |t| async {
        let head = t.store.wait_past(t.start).await?;
        Ok((head > t.start).to_string())
    }.boxed();

    get_an_item: Layout::native(), All, |t| x_and_y(t).boxed(), |t| async {
        Ok(format!("{:?}", t.store.state().get(&t.key("x")).await?.map(|item| item.value)))
    }.boxed();
    get_many_items: Layout::native(), All, |t| many_items(t).boxed(), |t| async {
        let keys: Vec<_> = many(t).into_iter().map(|write| write.key).collect();
        let items = t.store.state().get_many(&keys).await?;
        Ok(items.iter().flatten().count().to_string())
    }.boxed();
    scan_items: Layout::native(), All, |t| many_items(t).boxed(), |t| async {
        let items: Vec<_> = t.store.state().scan(t.items()).try_collect().await?;
        Ok(items.len().to_string())
    }.boxed();
    put_an_item: Layout::native(), Each, nothing, |t| async {
        write(t, vec![Write::put(t.key("x"), "mine").expecting(Condition::Absent)]).await
    }.boxed();
    replace_an_item: Layout::native(), Each, |t| x_and_y(t).boxed(), |t| async {
        let revision = Condition::Revision(*t.revision.get().unwrap());
        write(t, vec![Write::put(t.key("x"), "mine").expecting(revision)]).await
    }.boxed();
    delete_an_item: Layout::native(), Each, |t| x_and_y(t).boxed(), |t| async {
        let revision = Condition::Revision(*t.revision.get().unwrap());
        write(t, vec![Write::delete(t.key("x")).expecting(revision)]).await
    }.boxed();
    delete_an_item_whatever_it_is: Layout::native(), Each, |t| x_and_y(t).boxed(),
        |t| async { write(t, vec![Write::delete(t.key("x"))]).await }.boxed();
    write_several_items: Layout::native(), Each, |t| x_and_y(t).boxed(), |t| async {
        let revision = Condition::Revision(*t.revision.get().unwrap());
        write(t, vec![
            Write::put(t.key("z"), "mine").expecting(Condition::Absent),
            Write::check(t.key("x"), revision),
            Write::delete(t.key("y")),
        ]).await
    }.boxed();
    write_each_item: Layout::native(), Each, nothing, |t| async {
        t.store.state().write_each(many(t)).await?;
        Ok(String::new())
    }.boxed();

    open: Layout::native(), All, |t| a_log(t).boxed(), |t| async {
        t.open().await?;
        Ok(String::new())
    }.boxed();
    sequence: Layout::native(), Each, |t| async {
        a(t, 1..=3).await;
        let append = Append::to(t.stream('a'), Expected::Any, t.events('a', 4..=4));
        t.append(append.and(t.stream('b'), Expected::NoStream, t.events('b', 1..=2))).await;
    }.boxed(), |t| async {
        t.store.catch_up().await?;
        Ok(String::new())
    }.boxed();
    verify: Layout::native(), All, |t| a_log(t).boxed(), |t| async {
        Ok(format!("{:?}", t.store.verify(|_| {}).await?))
    }.boxed();
}

async fn list(trial: &Trial) -> factlog::Result<String> {
    let page = trial.store.list_streams(ListStreams::new().backward().limit(1)).await?;
    let next = page.next.clone().unwrap();
    let rest = trial.store.list_streams(ListStreams::new().backward().after(next)).await?;
    Ok(format!("{:?} {:?}", page.streams, rest.streams))
}
