//! The suite can fail: a store with a defect fails a case, and the differential test by few
//! operations.

use std::sync::Arc;

use async_trait::async_trait;
use factlog::conformance::differential::{self, Plan};
use factlog::conformance::{TestClock, cases, run};
use factlog::{
    Append, Appended, Error, EventStream, ListStreams, Memory, Position, ReadLog, ReadStream,
    Result, Store, StreamName, StreamPage, Version,
};
use futures::{StreamExt, TryStreamExt};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    ForgetsRepeats,
    AcceptsEveryRepeat,
    AnswersOneMore,
    ForgetsTheFilterBackward,
    ListsTheLastStreamTwice,
    RecordsInWholeSeconds,
}

/// A memory store with a defect.
#[derive(Debug)]
struct Broken {
    store: Memory,
    defect: Defect,
}

impl Broken {
    fn open(defect: Defect) -> impl Fn(TestClock) -> Arc<Self> {
        move |clock| Arc::new(Self { store: Memory::new(clock), defect })
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    async fn first_conflict(&self, append: &Append) -> Result<()> {
        for part in append.streams() {
            let actual = self.store.stream_head(&part.stream).await?;
            if !part.expected.holds_at(actual) {
                return Err(Error::conflict(part.stream.clone(), part.expected, actual));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Broken {
    async fn append(&self, append: Append) -> Result<Appended> {
        append.validate()?;
        if self.has(Defect::ForgetsRepeats) {
            self.first_conflict(&append).await?;
        }
        if self.has(Defect::AcceptsEveryRepeat) {
            let log = self.store.read_log(ReadLog::new()).try_collect::<Vec<_>>().await?;
            let first = &append.streams().iter().find_map(|part| part.events.first());
            if let Some(event) = log.iter().find(|event| first.is_some_and(|f| f.id == event.id)) {
                let versions = vec![(event.stream.clone(), event.version)];
                return Ok(Appended::new(versions, Some(event.position), event.recorded));
            }
        }
        let mut answer = self.store.append(append).await?;
        if self.has(Defect::RecordsInWholeSeconds) {
            let nanos = answer.recorded.unix_nanos();
            answer.recorded = factlog::Timestamp::from_unix_nanos(nanos - nanos % 1_000_000_000);
        }
        Ok(answer)
    }

    fn read_stream(&self, mut read: ReadStream) -> EventStream {
        if self.has(Defect::AnswersOneMore) {
            read.limit = read.limit.saturating_add(1);
        }
        self.store.read_stream(read)
    }

    fn read_log(&self, mut read: ReadLog) -> EventStream {
        let limit = usize::try_from(read.limit).unwrap_or(usize::MAX);
        if self.has(Defect::ForgetsTheFilterBackward)
            && read.direction == factlog::Direction::Backward
        {
            read.filter = factlog::Filter::all();
        }
        Box::pin(self.store.read_log(read).take(limit))
    }

    async fn list_streams(&self, list: ListStreams) -> Result<StreamPage> {
        let first_page = list.after.is_none();
        let mut page = self.store.list_streams(list).await?;
        if self.has(Defect::ListsTheLastStreamTwice) && !first_page {
            page.streams.extend(page.streams.last().cloned());
        }
        Ok(page)
    }

    async fn stream_head(&self, stream: &StreamName) -> Result<Version> {
        self.store.stream_head(stream).await
    }

    async fn head(&self) -> Result<Position> {
        self.store.head().await
    }

    async fn wait_past(&self, position: Position) -> Result<Position> {
        self.store.wait_past(position).await
    }

    async fn close(&self) -> Result<()> {
        self.store.close().await
    }
}

/// Each defect, and a case that must not pass with it.
const DEFECTS: [(Defect, fn(Defect)); 6] = [
    (Defect::ForgetsRepeats, |defect| {
        run(Broken::open(defect), cases::with_a_known_version_a_repeat_is_recognised_for_ever);
    }),
    (Defect::AcceptsEveryRepeat, |defect| {
        run(Broken::open(defect), cases::events_that_stand_otherwise_are_a_conflict);
    }),
    (Defect::AnswersOneMore, |defect| {
        let case = cases::a_range_has_both_ends_and_the_direction_says_which_comes_first;
        run(Broken::open(defect), case);
    }),
    (Defect::ForgetsTheFilterBackward, |defect| {
        run(Broken::open(defect), cases::filter_range_direction_and_limit_work_together);
    }),
    (Defect::ListsTheLastStreamTwice, |defect| {
        run(
            Broken::open(defect),
            cases::pages_hold_at_most_their_limit_and_tell_whether_more_follows,
        );
    }),
    (Defect::RecordsInWholeSeconds, |defect| {
        run(
            Broken::open(defect),
            cases::an_event_keeps_its_time_and_offset_or_takes_the_recorded_time,
        );
    }),
];

#[test]
fn every_defect_fails_a_case() {
    for (defect, case) in DEFECTS {
        assert!(std::panic::catch_unwind(|| case(defect)).is_err(), "{defect:?} is not caught");
    }
}

#[test]
fn the_differential_test_catches_every_defect_by_few_operations() {
    for (defect, _) in DEFECTS {
        let open = |clock| Arc::new(Memory::new(clock));
        let difference = differential::find(&Plan::new(500), open, Broken::open(defect))
            .unwrap_or_else(|| panic!("{defect:?} is not caught"));
        let count = difference.operations.len();
        assert!(count <= 4, "{defect:?} takes {count} operations:\n{difference}");
    }
}
