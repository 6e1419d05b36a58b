//! The journal: what the part of the state in memory is made from after a crash.
//!
//! ```text
//!   journal-7.log   | head | record | record | … | record |          <- its part is sealed
//!   journal-8.log   | head | record | record | 0 0 0 0 0             <- written now
//!                      └ says where the one before it ends
//! ```
//!
//! One file for each part in memory; it is taken away, the oldest first, when its part is in the tree. Zeros
//! stand ahead of what is written, so that most syncs change no size. All of a file is synced before the
//! next one is made, which says where it ends: an earlier file is whole or damaged.
//!
//! Where the records of the last file end, a write was torn or a record was damaged later. As in
//! the log (`recover.rs`), evidence decides: a record behind that place which was written when that
//! place was durable proves damage, and the state is refused. Else what is there was never
//! acknowledged; it is overwritten with zeros. Closing leaves an empty record as proof of all before it.

use std::sync::Arc;

use factlog::{Error, Result};

use super::record::Record;
use crate::disk::{Disk, File};
use crate::frame::{u32_at, u64_at};
use crate::limits::STATE_ROOM_BYTES;
use crate::segment::io_error;

const HEAD_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"factjnl\0";
const FORMAT: u32 = 1;

/// The journal's files, the last of them open.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    /// The directory, for messages.
    shown: String,
    identity: u64,
    /// The number of the file that is written.
    number: u64,
    file: Arc<dyn File>,
    /// Where the next record goes.
    end: u64,
    /// How much is durable.
    synced: u64,
    /// How much of the file is there, records and zeros.
    room: u64,
    /// The mark that the journal was closed with, until something is written: then it is written once more, since
    /// the device may lack it if the sync behind it failed.
    mark: Option<Vec<u8>>,
}

/// A file that is ready and has no name yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    head: Head,
    file: Arc<dyn File>,
}

/// What the head of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    number: u64,
    /// No record in it has a lower number.
    first: u64,
    /// Where the file before it ends.
    end_before: u64,
    identity: u64,
}

/// What is found in the journal, in order.
pub(crate) enum Replayed<'a> {
    /// A write of this number, with its changes.
    Write(u64, &'a [u8]),
    /// The end of the file of this number; another one follows.
    Sealed(u64),
    /// Numbers below this are taken.
    Taken(u64),
}

impl Journal {
    /// The files that there are, in order.
    pub(crate) fn files(disk: &dyn Disk) -> std::io::Result<Vec<String>> {
        let mut names = disk.list()?;
        names.retain(|name| name.starts_with("journal-") && name.ends_with(".log"));
        names.sort();
        Ok(names)
    }

    /// Makes the first file.
    pub(crate) fn create(disk: &Arc<dyn Disk>, shown: &str, identity: u64) -> Result<Self> {
        let head = Head { number: 1, first: 1, end_before: 0, identity };
        let file =
            write_new(&**disk, head).and_then(|file| give_name(&**disk, head).map(|()| file));
        let file = file.map_err(|e| failed(shown, "making", 1, e))?;
        Ok(Self::at(disk, shown, head, file, HEAD_BYTES as u64))
    }

    fn at(disk: &Arc<dyn Disk>, shown: &str, head: Head, file: Arc<dyn File>, end: u64) -> Self {
        let (disk, shown) = (Arc::clone(disk), shown.to_owned());
        let Head { number, identity, .. } = head;
        Self { disk, shown, identity, number, file, end, synced: end, room: end, mark: None }
    }

    /// Reads all files and makes the end of the last one clean.
    ///
    /// # Errors
    /// `Corrupt`, naming directory, file and offset, if something that was durable can't be read.
    pub(crate) fn recover(
        disk: &Arc<dyn Disk>,
        shown: &str,
        identity: u64,
        names: &[String],
        replay: &mut dyn FnMut(Replayed<'_>),
    ) -> Result<Self> {
        let mut last: Option<Self> = None;
        for name in names {
            let (file, bytes) = read(&**disk, name)
                .map_err(|e| io_error(&format!("reading {name} of the state in {shown}"), e))?;
            let refuse = |offset: usize, why: &str| {
                Error::corrupt(format!(
                    "the state in {shown} is refused: {name} offset {offset}: {why}"
                ))
            };
            let head = Head::decode(&bytes).ok_or_else(|| refuse(0, "its head is damaged"))?;
            if file_name(head.number) != *name || head.identity != identity {
                return Err(refuse(0, "it belongs elsewhere"));
            }
            if let Some(before) = &last {
                if head.number != before.number + 1 {
                    return Err(refuse(0, "the file before it is not there"));
                }
                if head.end_before != before.end {
                    let (name, end) = (file_name(before.number), before.end);
                    return Err(refuse(0, &format!("{name} ends at {end} and not where it ended")));
                }
                replay(Replayed::Sealed(before.number));
            }
            replay(Replayed::Taken(head.first));
            let walked = walk(&bytes, replay);
            let is_last = names.last() == Some(name);
            if is_last && let Some(proof) = walked.proof_of_damage(&bytes) {
                let why =
                    format!("no sound record, though the one at {proof} shows that it was durable");
                return Err(refuse(walked.end, &why));
            }
            let mut journal = Self::at(disk, shown, head, file, walked.end as u64);
            journal.room = journal.room.max(bytes.len() as u64);
            if is_last && let Some(mark) = walked.closing_mark(&bytes) {
                journal.synced -= mark.len() as u64;
                journal.mark = Some(mark.to_vec());
            } else if is_last {
                let cleaned = walked.clean(&*journal.file, &bytes);
                cleaned.map_err(|e| failed(shown, "repairing", head.number, e))?;
            }
            last = Some(journal);
        }
        last.ok_or_else(|| Error::internal("a journal without files is recovered"))
    }

    /// How much of the file is durable.
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// Whether it ends with a mark, and nothing was written since it was opened.
    pub(crate) fn is_closed(&self) -> bool {
        self.mark.is_some()
    }

    /// Bytes that are written and not known to be durable.
    pub(crate) fn unsynced(&self) -> u64 {
        self.end - self.synced
    }

    /// Makes room for so many bytes. Where there is none, nothing has happened.
    pub(crate) fn reserve(&mut self, bytes: usize) -> Result<()> {
        let needed = self.end + bytes as u64;
        if needed > self.room {
            let room = needed.next_multiple_of(STATE_ROOM_BYTES);
            let zeros = vec![0; usize::try_from(room - self.room).unwrap_or(usize::MAX)];
            self.file.write_at(&zeros, self.room).map_err(|e| self.failed("enlarging", e))?;
            self.room = room;
        }
        Ok(())
    }

    /// Writes records where there is room for them.
    pub(crate) fn write(&mut self, records: &[u8]) -> Result<()> {
        self.write_mark_again()?;
        self.file.write_at(records, self.end).map_err(|e| self.failed("writing", e))?;
        self.end += records.len() as u64;
        Ok(())
    }

    pub(crate) fn sync(&mut self) -> Result<()> {
        self.write_mark_again()?;
        self.file.sync().map_err(|e| self.failed("syncing", e))?;
        self.synced = self.end;
        Ok(())
    }

    fn write_mark_again(&mut self) -> Result<()> {
        let Some(mark) = self.mark.take() else { return Ok(()) };
        let written = self.file.write_at(&mark, self.end - mark.len() as u64);
        written.map_err(|e| self.failed("writing", e))
    }

    /// Makes another file ready, whose records have this number and higher ones. All of this one is durable.
    pub(crate) fn prepare(&self, first: u64) -> Result<Prepared> {
        let Self { number, end, identity, .. } = *self;
        let head = Head { number: number + 1, first, end_before: end, identity };
        let file = write_new(&*self.disk, head);
        let file = file.map_err(|e| failed(&self.shown, "making", head.number, e))?;
        Ok(Prepared { head, file })
    }

    /// Goes on in the other file; answers the number of the full one. After an error nobody knows which of
    /// them will be the last.
    pub(crate) fn go_on(&mut self, prepared: Prepared) -> Result<u64> {
        let (full, Prepared { head, file }) = (self.number, prepared);
        let named = give_name(&*self.disk, head);
        named.map_err(|e| failed(&self.shown, "naming", head.number, e))?;
        *self = Self::at(&self.disk, &self.shown, head, file, HEAD_BYTES as u64);
        Ok(full)
    }

    /// Takes a file away, if it is still there. It is gone for good before the next one goes.
    pub(crate) fn remove(&self, number: u64) -> Result<()> {
        let removed = match self.disk.remove(&file_name(number)) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        let removed = removed.and_then(|()| self.disk.sync_names());
        removed.map_err(|e| failed(&self.shown, "removing", number, e))
    }

    fn failed(&self, doing: &str, e: std::io::Error) -> Error {
        failed(&self.shown, doing, self.number, e)
    }
}

fn failed(shown: &str, doing: &str, number: u64, e: std::io::Error) -> Error {
    io_error(&format!("{doing} {} of the state in {shown}", file_name(number)), e)
}

fn file_name(number: u64) -> String {
    format!("journal-{number:010}.log")
}

/// Makes a durable file with this head, under a name that nobody looks for.
fn write_new(disk: &dyn Disk, head: Head) -> std::io::Result<Arc<dyn File>> {
    let file = disk.create(&unfinished(head.number))?;
    file.write_at(&head.encode(), 0)?;
    file.sync()?;
    Ok(file)
}

fn give_name(disk: &dyn Disk, head: Head) -> std::io::Result<()> {
    disk.rename(&unfinished(head.number), &file_name(head.number))?;
    disk.sync_names()
}

fn unfinished(number: u64) -> String {
    format!("{}.new", file_name(number))
}

/// All of a file: its part in memory is as large.
fn read(disk: &dyn Disk, name: &str) -> std::io::Result<(Arc<dyn File>, Vec<u8>)> {
    let file = disk.open(name)?;
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(usize::MAX)];
    file.read_at(&mut bytes, 0)?;
    Ok((file, bytes))
}

impl Head {
    fn encode(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        let numbers = [self.number, self.first, self.end_before, self.identity];
        for (place, number) in bytes[16..48].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c(&bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEAD_BYTES)?;
        let sound = bytes[..8] == MAGIC
            && u32_at(bytes, 8) == FORMAT
            && u32_at(bytes, 12) == crc32c::crc32c(&bytes[16..]);
        let number = |at| u64_at(bytes, at);
        sound.then(|| Self {
            number: number(16),
            first: number(24),
            end_before: number(32),
            identity: number(40),
        })
    }
}

/// Where the records of a file end.
#[derive(Clone, Copy, Debug)]
struct Walked {
    end: usize,
    /// The number of the last one.
    number: u64,
    /// How much was durable when the last one was written.
    synced: usize,
    /// Where the last one begins, if it is a mark.
    mark: Option<usize>,
}

fn walk(bytes: &[u8], replay: &mut dyn FnMut(Replayed<'_>)) -> Walked {
    let mut walked = Walked { end: HEAD_BYTES, number: 0, synced: HEAD_BYTES, mark: None };
    while let Some(record) = Record::decode(&bytes[walked.end..]) {
        if record.number <= walked.number {
            break;
        }
        replay(Replayed::Write(record.number, record.body));
        walked.mark = record.body.is_empty().then_some(walked.end);
        walked.end += record.length();
        walked.number = record.number;
        walked.synced = usize::try_from(record.synced).unwrap_or(usize::MAX).min(walked.end);
    }
    walked
}

impl Walked {
    /// The offset of a record that was written when more than all up to the end was durable.
    fn proof_of_damage(&self, bytes: &[u8]) -> Option<usize> {
        let is_proof = |offset: &usize| {
            Record::decode(&bytes[*offset..]).is_some_and(|record| {
                record.synced > self.end as u64 && record.number > self.number
            })
        };
        (self.end + 1..bytes.len()).find(is_proof)
    }

    /// The mark that the file ends with, if nothing stands behind it: then all before it is durable.
    fn closing_mark<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let is_last = bytes[self.end..].iter().all(|byte| *byte == 0);
        self.mark.filter(|_| is_last).map(|start| &bytes[start..self.end])
    }

    /// Writes the last records once more, since the device may not have what the page cache shows,
    /// overwrites with zeros what stands behind them, and syncs.
    fn clean(&self, file: &dyn File, bytes: &[u8]) -> std::io::Result<()> {
        file.write_at(&bytes[self.synced..self.end], self.synced as u64)?;
        if bytes[self.end..].iter().any(|byte| *byte != 0) {
            file.write_at(&vec![0; bytes.len() - self.end], self.end as u64)?;
        }
        file.sync()
    }
}
