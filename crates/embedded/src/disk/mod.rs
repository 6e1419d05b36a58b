//! What the log asks of a disk: so little that a simulated one can stand in for it and fail at
//! every call.

mod real;
#[cfg(test)]
pub(crate) mod simulated;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

pub(crate) use real::{Lock, RealDisk};

/// One directory of files.
pub(crate) trait Disk: Debug + Send + Sync + 'static {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file to read and write it.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

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
