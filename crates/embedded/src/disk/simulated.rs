//! A disk in memory that fails on purpose.
//!
//! It keeps what was written apart from what was synced. At a *crash* it forgets, sector by sector
//! and as the seed has it, writes that were not synced; a write may be torn in its middle. Names that
//! were not synced may be lost too. Each call is counted, and a [`Fault`] can be put on any of them.
//!
//! A sync that fails takes what it was to write for written, as the page cache of Linux does: later ones succeed
//! without it, and programs go on reading what the device never gets.

use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, File, ZEROS};

/// Bytes that a device writes whole or not at all.
pub(crate) const SECTOR_BYTES: usize = 512;

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The machine stops: the call and all after it fail, until [`SimulatedDisk::restart`].
    Crash,
    /// The call fails, once.
    Fail,
    /// The call fails as on a full disk, once.
    Full,
    /// The call panics, as a program with a fault does.
    Panic,
}

#[derive(Clone, Debug)]
pub(crate) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Names as programs see them, and as the device has them: each with the number of a file.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    files: Vec<Content>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    crashed: bool,
    /// Whether no file can be made.
    full: bool,
    random: u64,
}

/// A file's bytes, as programs see them and as the device has them.
#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    /// What the next sync writes, in whole sectors.
    dirty: Vec<Range<usize>>,
    /// Whether they may differ.
    differs: bool,
}

impl SimulatedDisk {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State { random: seed.wrapping_mul(2).wrapping_add(1), ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Puts a fault on the call of this number, counted from 1 over the disk's life.
    pub(crate) fn fail_at(&self, call: u64, fault: Fault) {
        self.lock().fault = Some((call, fault));
    }

    pub(crate) fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Whether the disk has no room for another file.
    pub(crate) fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Starts the machine again after a crash (or stops and starts it): what was not synced may be lost.
    pub(crate) fn restart(&self) {
        let mut state = self.lock();
        let state = &mut *state;
        if state.next_random().is_multiple_of(2) {
            state.names.clone_from(&state.durable_names);
        }
        state.durable_names.clone_from(&state.names);
        for index in 0..state.files.len() {
            if !state.files[index].differs {
                continue;
            }
            let mut survived = state.files[index].durable.clone();
            let written = state.files[index].bytes.clone();
            survived.resize(written.len(), 0);
            // Either all unsynced sectors are lost, or all kept, or each one for itself.
            let mood = state.next_random() % 3;
            for (old, new) in survived.chunks_mut(SECTOR_BYTES).zip(written.chunks(SECTOR_BYTES)) {
                if old != new && (mood == 1 || mood == 2 && state.next_random().is_multiple_of(2)) {
                    old.copy_from_slice(new);
                }
            }
            state.files[index] =
                Content { bytes: survived.clone(), durable: survived, ..Content::default() };
        }
        state.crashed = false;
        state.fault = None;
    }

    /// Flips a bit of a byte of a file.
    pub(crate) fn flip(&self, name: &str, offset: usize, bit: u8) {
        let mut state = self.lock();
        let file = state.names[name];
        state.files[file].bytes[offset] ^= 1 << bit;
        state.files[file].durable[offset] ^= 1 << bit;
    }

    pub(crate) fn bytes_of(&self, name: &str) -> Vec<u8> {
        let state = self.lock();
        state.files[state.names[name]].bytes.clone()
    }

    /// How many bytes of a file are used: the rest is zeros.
    pub(crate) fn used(&self, name: &str) -> usize {
        self.bytes_of(name).iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.lock().names.contains_key(name)
    }

    /// A disk with the same files, of which each goes its own way.
    pub(crate) fn forked(&self) -> Self {
        let state = self.lock();
        let copy = State {
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            files: state.files.clone(),
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(copy)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call that changes something, and fails it if a fault is on it.
    fn call(&self, what: &'static str) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.calls += 1;
        if state.crashed {
            return Err(Error::other("the simulated machine is down"));
        }
        match state.fault {
            Some((call, fault)) if call == state.calls => {
                state.fault = None;
                match fault {
                    Fault::Crash => {
                        state.crashed = true;
                        Err(Error::other("the simulated machine went down"))
                    }
                    Fault::Fail => Err(Error::other(format!("a simulated fault of {what}"))),
                    Fault::Full => Err(Error::from(ErrorKind::StorageFull)),
                    Fault::Panic => panic!("a simulated panic of {what}"),
                }
            }
            _ => Ok(state),
        }
    }
}

impl State {
    /// xorshift64*: Marsaglia, "Xorshift RNGs", 2003; Vigna, 2016.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let number = self.lock().names.get(name).copied();
        let number = number.ok_or_else(|| Error::from(ErrorKind::NotFound))?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn open_durable(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.open(name)
    }

    fn write_zeros(&self, name: &str, offset: u64, length: usize) -> io::Result<()> {
        self.open(name)?.write_at(&ZEROS.0[..length], offset)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut state = self.call("create")?;
        if state.full {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        let number = state.files.len();
        state.files.push(Content::default());
        state.names.insert(name.to_owned(), number);
        drop(state);
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.call("rename")?;
        let number = state.names.remove(from).ok_or_else(|| Error::from(ErrorKind::NotFound))?;
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call("remove")?.names.remove(name);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.call("sync names")?;
        let state = &mut *state;
        state.durable_names.clone_from(&state.names);
        Ok(())
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    number: usize,
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.lock();
        let offset = usize::try_from(offset).map_err(Error::other)?;
        let bytes = state.files[self.number].bytes.get(offset..offset + buffer.len());
        buffer.copy_from_slice(bytes.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let outcome = self.disk.call("write").map(drop);
        let mut state = self.disk.lock();
        // A write that fails may have written its beginning.
        let length = match &outcome {
            Ok(()) => bytes.len(),
            Err(_) if state.crashed && outcome.is_err() => {
                let random = usize::try_from(state.next_random()).map_err(Error::other)?;
                random % (bytes.len() + 1)
            }
            Err(_) => bytes.len() / 2,
        };
        let start = usize::try_from(offset).map_err(Error::other)?;
        let file = &mut state.files[self.number];
        if file.bytes.len() < start + length {
            file.bytes.resize(start + length, 0);
        }
        file.bytes[start..start + length].copy_from_slice(&bytes[..length]);
        file.differs = true;
        let first = start / SECTOR_BYTES * SECTOR_BYTES;
        file.dirty.push(first..(start + length).next_multiple_of(SECTOR_BYTES));
        outcome
    }

    fn sync(&self) -> io::Result<()> {
        let outcome = self.disk.call("sync").map(drop);
        let mut state = self.disk.lock();
        if state.crashed {
            return outcome;
        }
        let file = &mut state.files[self.number];
        let dirty = std::mem::take(&mut file.dirty);
        if outcome.is_ok() {
            file.durable.resize(file.bytes.len(), 0);
            for Range { start, end } in dirty {
                let end = end.min(file.bytes.len());
                file.durable[start..end].copy_from_slice(&file.bytes[start..end]);
            }
        }
        outcome
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().files[self.number].bytes.len() as u64)
    }
}
