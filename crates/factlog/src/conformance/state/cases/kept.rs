//! Closing and reopening the store that the state belongs to.

use crate::ErrorKind;
use crate::conformance::state::*;

pub async fn every_call_after_closing_the_store_is_answered_with_closed(bench: &mut StateBench) {
    bench.put([&b"k"[..]]).await;
    let (state, key) = (bench.state(), key("p", b"k"));
    bench.close().await;
    for error in [
        state.get(&key).await.unwrap_err(),
        state.get_many(std::slice::from_ref(&key)).await.unwrap_err(),
        state.scan(all()).try_next().await.unwrap_err(),
        state.write(vec![Write::put(key.clone(), "v")]).await.unwrap_err(),
        state.write_each(vec![Write::put(key.clone(), "v")]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), &ErrorKind::Closed, "{error}");
        assert!(!error.may_have_happened());
    }
}

pub async fn what_was_written_is_there_after_reopening(bench: &mut StateBench) {
    bench.put([&b"a"[..], b"b", b"c"]).await;
    bench.done([Write::put(key("p", b"b"), "new"), Write::delete(key("p", b"c"))]).await;
    let before = bench.scan(all()).await;
    assert_eq!(before.len(), 2);
    bench.reopen().await;
    assert_eq!(bench.scan(all()).await, before);
    bench.done([Write::put(key("p", b"d"), "v")]).await;
    bench.reopen().await;
    assert_eq!(bench.sorts(all()).await, [b"a", b"b", b"d"]);
}

pub async fn no_revision_comes_again_after_reopening(bench: &mut StateBench) {
    let key = key("p", b"k");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3 {
        assert!(seen.insert(bench.done([Write::put(key.clone(), "same")]).await));
        bench.done([Write::delete(key.clone())]).await;
        bench.reopen().await;
    }
}
