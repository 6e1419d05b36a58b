//! Closing: what begins later is answered with `Closed`.

use futures::TryStreamExt;
use futures::future::join;

use crate::conformance::bench::*;
use crate::{
    ErrorKind, Expected, Filter, ListStreams, Position, ReadLog, ReadStream, StoreExt, Version,
};

use Expected::{Any, NoStream};

pub async fn every_call_after_closing_is_answered_with_closed(bench: &mut Bench) {
    bench.append("s-1", NoStream, 1..=2).await.unwrap();
    bench.settled().await;
    let store = bench.store();
    store.close().await.unwrap();
    let errors = [
        store.append(to("s-1", Any, [3])).await.unwrap_err(),
        store.append(to("s-1", NoStream, 1..=2)).await.unwrap_err(),
        first_error(store.read_stream(ReadStream::new(name("s-1")))).await,
        first_error(store.read_log(ReadLog::new())).await,
        store.list_streams(ListStreams::new()).await.unwrap_err(),
        store.stream_head(&name("s-1")).await.unwrap_err(),
        store.head().await.unwrap_err(),
        store.wait_past(Position::ZERO).await.unwrap_err(),
        store.wait_past(Position::MAX).await.unwrap_err(),
        store.subscribe(Position::ZERO, Filter::all()).try_next().await.unwrap_err(),
        store.subscribe_to(name("s-1"), Version::ZERO).try_next().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), &ErrorKind::Closed, "{error}");
        assert!(!error.may_have_happened(), "it never began: {error}");
    }
}

pub async fn closing_twice_is_harmless(bench: &mut Bench) {
    bench.append("s-1", NoStream, [1]).await.unwrap();
    let store = bench.store();
    let (one, other) = join(store.close(), store.close()).await;
    one.and(other).unwrap();
    store.close().await.unwrap();
}

pub async fn closing_ends_what_waits_with_closed(bench: &mut Bench) {
    bench.append("s-1", NoStream, [1]).await.unwrap();
    let head = bench.settled().await;
    let store = bench.store();
    let mut log = store.subscribe(head, Filter::all());
    let mut stream = store.subscribe_to(name("s-1"), Version::FIRST);
    assert!(log.try_next().await.unwrap().is_some(), "it has caught up");
    assert!(stream.try_next().await.unwrap().is_some(), "it has caught up");

    let mut wait = store.wait_past(head);
    let (mut next_of_log, mut next_of_stream) = (log.try_next(), stream.try_next());
    assert!(poll_once(&mut wait).is_none());
    assert!(poll_once(&mut next_of_log).is_none() && poll_once(&mut next_of_stream).is_none());
    store.close().await.unwrap();
    let ends = [
        wait.await.unwrap_err(),
        next_of_log.await.unwrap_err(),
        next_of_stream.await.unwrap_err(),
    ];
    for error in ends {
        assert_eq!(error.kind(), &ErrorKind::Closed, "{error}");
    }
}

pub async fn an_append_that_closing_overtakes_says_whether_it_happened(bench: &mut Bench) {
    let store = bench.store();
    for id in 0..10 {
        bench.append("s-1", Any, [id]).await.unwrap();
    }
    let (answer, closed) = join(store.append(to("s-2", NoStream, [100])), store.close()).await;
    closed.unwrap();
    if let Err(error) = answer {
        assert_eq!(error.kind(), &ErrorKind::Closed, "{error}");
    }
    assert!(store.head().await.is_err());
}
