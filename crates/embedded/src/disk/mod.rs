//! What the log asks of a disk: so little that a simulated one can stand in for it and fail at
//! every call.

mod real;
#[cfg(test)]
pub(crate) mod simulated;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

pub(crate) use real::{Lock, RealDisk};

/// Bytes of zeros that are written at once, at most.
pub(crate) const ZEROS_BYTES: usize = 1 << 18;

/// Zeros that begin where a page of memory does: as a disk wants them that reads them by itself.
#[repr(align(4096))]
struct Zeros([u8; ZEROS_BYTES]);

static ZEROS: Zeros = Zeros([0; ZEROS_BYTES]);

/// One directory of files.
pub(crate) trait Disk: Debug + Send + Sync + 'static {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file to read and write it.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Opens a file to write it, each write durable when it returns where the disk can do that at once;
    /// what that leaves to be done, [`File::sync`] does.
    fn open_durable(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Writes zeros to a file that nobody has read or written there, to be synced by whoever made it.
    fn write_zeros(&self, name: &str, offset: u64, length: usize) -> io::Result<()>;

    /// Makes an empty file, in place of one that has this name.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a file away.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names durable: what was created, renamed and removed.
    fn sync_names(&self) -> io::Result<()>;
}

/// One file.
pub(crate) trait File: Debug + Send + Sync {
    /// Fills the buffer with the bytes at the offset.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all the bytes at the offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes what was written durable. After an error nothing is known of what was written since the
    /// last success, and asking again proves nothing.
    fn sync(&self) -> io::Result<()>;

    /// Bytes of the file.
    fn len(&self) -> io::Result<u64>;
}
