//! The lines of a file, plain or compressed, read and parsed on a thread of their own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use factlog::Error;
use tokio::sync::mpsc;

use crate::exit::Failure;
use crate::jsonl::{LINE_BYTES_MAX, Line};

/// Lines that go to the import at once, and how many such parcels may be under way.
const PARCEL_LINES: usize = 256;
const PARCELS: usize = 4;

/// A line with its number, counted from 1, or why it can't be taken.
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) line: Result<Line, Error>,
    /// Bytes of the file that were read by then.
    pub(super) bytes_read: u64,
}

pub(super) struct Source {
    parcels: mpsc::Receiver<io::Result<Vec<Numbered>>>,
    parcel: std::vec::IntoIter<Numbered>,
    bytes: Option<u64>,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let stdin = path.as_os_str() == "-";
        let bytes = if stdin { None } else { Some(std::fs::metadata(path)?.len()) };
        let from: Box<dyn Read + Send> =
            if stdin { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
        let (sender, parcels) = mpsc::channel(PARCELS);
        let work = move || {
            // Whoever no longer listens has stopped the import.
            if let Err(error) = read_all(from, &sender) {
                let _ = sender.blocking_send(Err(error));
            }
        };
        std::thread::Builder::new().name("factlog-lines".to_owned()).spawn(work)?;
        Ok(Self { parcels, parcel: Vec::new().into_iter(), bytes })
    }

    /// Bytes of the file, where that is known.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    pub(super) async fn next(&mut self) -> Option<Result<Numbered, Failure>> {
        loop {
            if let Some(numbered) = self.parcel.next() {
                return Some(Ok(numbered));
            }
            match self.parcels.recv().await? {
                Ok(parcel) => self.parcel = parcel.into_iter(),
                Err(error) => {
                    return Some(Err(Failure::Store(
                        Error::unavailable(format!("reading the lines failed: {error}"))
                            .with_source(error),
                    )));
                }
            }
        }
    }
}

/// Counts what goes through.
struct Counted<R> {
    from: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.count.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

fn read_all(
    from: Box<dyn Read + Send>,
    to: &mpsc::Sender<io::Result<Vec<Numbered>>>,
) -> io::Result<()> {
    let count = Arc::new(AtomicU64::new(0));
    let mut lines = decompressed(Counted { from, count: Arc::clone(&count) })?;
    let mut parcel = Vec::with_capacity(PARCEL_LINES);
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let length = lines.by_ref().take(limit).read_until(b'\n', &mut text)?;
        if length == 0 {
            break;
        }
        let line = if length > LINE_BYTES_MAX && text.last() != Some(&b'\n') {
            lines.skip_until(b'\n')?;
            Err(Error::invalid(format!("it has more than {LINE_BYTES_MAX} bytes")))
        } else if text.trim_ascii().is_empty() {
            continue;
        } else {
            Line::parse(&text, None)
        };
        parcel.push(Numbered { number, line, bytes_read: count.load(Ordering::Relaxed) });
        if parcel.len() == PARCEL_LINES
            && to.blocking_send(Ok(std::mem::take(&mut parcel))).is_err()
        {
            return Ok(());
        }
    }
    let _ = to.blocking_send(Ok(parcel));
    Ok(())
}

/// The bytes as they were before they were compressed, told by how they begin.
fn decompressed(from: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut from = BufReader::with_capacity(1 << 16, from);
    let start = from.fill_buf()?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(from))));
    }
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(Box::new(BufReader::new(zstd::Decoder::with_buffer(from)?)));
    }
    Ok(Box::new(from))
}
