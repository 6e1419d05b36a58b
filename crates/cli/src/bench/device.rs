//! What the disk does by itself: one thread, one write and one `fdatasync` after the other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of the file, made ahead of time and never written twice in a round.
const FILE_BYTES: u64 = 512 << 20;

/// A preallocated file filled with zeros.
pub(super) struct Device {
    file: File,
}

impl Device {
    pub(super) fn prepare(directory: &Path) -> io::Result<Self> {
        let path = directory.join("device");
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).open(path)?;
        let zeros = vec![0; 1 << 20];
        for offset in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self { file })
    }

    /// Writes of so many bytes a second, each synced.
    pub(super) fn writes_a_second(&self, bytes: usize, round: Duration) -> io::Result<f64> {
        let text = vec![b'x'; bytes];
        let (started, mut offset, mut writes) = (Instant::now(), 0, 0.0);
        while started.elapsed() < round && offset + bytes as u64 <= FILE_BYTES {
            self.file.write_all_at(&text, offset)?;
            self.file.sync_data()?;
            offset += bytes as u64;
            writes += 1.0;
        }
        Ok(writes / started.elapsed().as_secs_f64())
    }
}
