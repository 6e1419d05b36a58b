//! Requests as the contract knows them, and what a store answers.

use futures::TryStreamExt;

use crate::conformance::Bench;
use crate::{
    Append, Appended, Error, ErrorKind, EventStream, ListStreams, Position, ReadLog, ReadStream,
    RecordedEvent, Result, StreamInfo, StreamName, Version,
};

/// More pages than any list of the few streams has: a list that goes on is wrong.
const PAGES_MAX: usize = 20;

#[derive(Clone, Debug)]
pub(super) enum Request {
    Append(Append),
    ReadStream(ReadStream),
    ReadLog(ReadLog),
    List(ListStreams),
    StreamHead(StreamName),
    Head,
}

#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Appended(Appended),
    Events(Vec<RecordedEvent>),
    Pages(Vec<Vec<StreamInfo>>),
    Version(Version),
    Position(Position),
}

/// What the store answers, an error by its kind.
pub(super) async fn ask(bench: &mut Bench, request: Request) -> Result<Answer, ErrorKind> {
    let store = bench.store();
    let answer = match request {
        Request::Append(append) => bench.send_now(append).await.map(Answer::Appended),
        Request::ReadStream(read) => bench.read_events(read).await.map(Answer::Events),
        Request::ReadLog(read) => events(store.read_log(read)).await,
        Request::List(list) => pages(bench, list).await.map(Answer::Pages),
        Request::StreamHead(stream) => store.stream_head(&stream).await.map(Answer::Version),
        Request::Head => store.head().await.map(Answer::Position),
    };
    bench.settled().await;
    answer.map_err(|error| error.kind().clone())
}

async fn events(read: EventStream) -> Result<Answer> {
    read.try_collect().await.map(Answer::Events)
}

async fn pages(bench: &Bench, mut list: ListStreams) -> Result<Vec<Vec<StreamInfo>>> {
    let mut pages = Vec::new();
    while pages.len() < PAGES_MAX {
        let page = bench.store().list_streams(list.clone()).await?;
        pages.push(page.streams);
        let Some(token) = page.next else { return Ok(pages) };
        list = list.after(token);
    }
    Err(Error::internal(format!("a list of streams has more than {PAGES_MAX} pages")))
}

/// Leaves out of both answers what one of them may leave out.
pub(super) fn level(left: &mut Answer, right: &mut Answer) {
    match (left, right) {
        (Answer::Appended(left), Answer::Appended(right)) => {
            level_options(&mut left.position, &mut right.position);
        }
        (Answer::Pages(left), Answer::Pages(right)) => {
            let pairs = left.iter_mut().flatten().zip(right.iter_mut().flatten());
            pairs.for_each(|(left, right)| level_options(&mut left.version, &mut right.version));
        }
        _ => {}
    }
}

fn level_options<T>(left: &mut Option<T>, right: &mut Option<T>) {
    if left.is_none() || right.is_none() {
        (*left, *right) = (None, None);
    }
}
