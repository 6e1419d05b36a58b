//! Appends, reads and reopens.
use factlog::*;
use futures::TryStreamExt;
use futures::executor::block_on;

fn event(n: u128) -> Event {
    Event::new(
        uuid::Uuid::from_u128(n),
        EventType::new(if n % 2 == 0 { "Even" } else { "Odd" }).unwrap(),
        vec![b'x'; 256],
    )
}

#[test]
fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        factlog_embedded::Store::open(dir.path().join("s"), Default::default(), SystemClock)
            .unwrap()
    };
    let n = 20000u128;
    {
        let store = open();
        block_on(async {
            for i in (0..n).step_by(50) {
                let stream = StreamName::new(format!("s-{}", i / 50 % 100)).unwrap();
                let events = (i..i + 50).map(event).collect();
                store.append_to(&stream, Expected::Any, events).await.unwrap();
            }
            let all: Vec<_> = store.read_log(ReadLog::new()).try_collect().await.unwrap();
            assert_eq!(all.len() as u128, n);
            for (i, e) in all.iter().enumerate() {
                assert_eq!(e.position.number(), i as u64 + 1);
            }
            let odd: Vec<_> = store
                .read_log(
                    ReadLog::new()
                        .with_filter(Filter::all().with_type(EventType::new("Odd").unwrap())),
                )
                .try_collect()
                .await
                .unwrap();
            assert_eq!(odd.len() as u128, n / 2);
            let back: Vec<_> =
                store.read_log(ReadLog::new().backward()).try_collect().await.unwrap();
            assert!(back.iter().rev().eq(all.iter()));
            let s: Vec<_> = store.load(&StreamName::new("s-7").unwrap()).await.unwrap();
            assert_eq!(s.len(), 200);
            println!("{:?} {:?}", store.stat().unwrap(), store.verify(|_, _| ()).unwrap());
        });
    }
    let store = open();
    println!("{:?} {:?}", store.stat().unwrap(), store.verify(|_, _| ()).unwrap());
    let page = block_on(store.list_streams(ListStreams::new().limit(10).backward())).unwrap();
    println!("{page:?}");
    let s: Vec<_> = block_on(store.load(&StreamName::new("s-7").unwrap())).unwrap();
    assert_eq!(s.len(), 200);
}
