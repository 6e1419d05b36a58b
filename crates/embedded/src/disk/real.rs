//! The real disk: a directory of the file system.

use std::fs;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use factlog::{Error, Result};

use super::{Disk, File, ZEROS};

/// What opens a file past the page cache, where that exists.
#[cfg(target_os = "linux")]
const PAST_THE_CACHE: i32 = libc::O_DIRECT;
#[cfg(not(target_os = "linux"))]
const PAST_THE_CACHE: i32 = 0;

/// How often a lock that another process holds is tried.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// A directory of the file system.
#[derive(Debug)]
pub(crate) struct RealDisk {
    path: PathBuf,
}

impl RealDisk {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let names =
            fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(fs::File::options().read(true).write(true).open(self.path.join(name))?))
    }

    fn open_durable(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut options = fs::File::options();
        let options = options.read(true).write(true).custom_flags(libc::O_DSYNC);
        Ok(Arc::new(Durable(options.open(self.path.join(name))?)))
    }

    /// Past the page cache: zeros would push out of it what is read, and take the processor's time.
    fn write_zeros(&self, name: &str, offset: u64, length: usize) -> io::Result<()> {
        let write = |flags| {
            let mut options = fs::File::options();
            let file = options.write(true).custom_flags(flags).open(self.path.join(name))?;
            file.write_all_at(&ZEROS.0[..length], offset)
        };
        // Not every file system can do it, nor for every length.
        write(PAST_THE_CACHE).or_else(|_| write(0))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut options = fs::File::options();
        let file = options.read(true).write(true).create(true).truncate(true);
        Ok(Arc::new(file.open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }
}

impl File for fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// A file whose writes are durable when they return (`O_DSYNC`): one call instead of two.
#[derive(Debug)]
struct Durable(fs::File);

impl File for Durable {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        File::read_at(&self.0, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        File::write_at(&self.0, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        File::len(&self.0)
    }
}

/// Keeps other processes from writing to the directory, for as long as it lives. The file stays when
/// the process is killed; the lock does not.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: fs::File,
}

impl Lock {
    /// Takes the lock, if need be after waiting, and leaves the number of this process in the file for
    /// others to read.
    pub(crate) fn take(directory: &Path, wait: Duration) -> Result<Self> {
        let path = directory.join("LOCK");
        let failed = |e: io::Error| {
            Error::unavailable(format!("locking {} failed: {e}", path.display())).with_source(e)
        };
        let mut options = fs::File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        let until = Instant::now() + wait;
        let mut locked = file.try_lock();
        while matches!(locked, Err(fs::TryLockError::WouldBlock)) && Instant::now() < until {
            std::thread::sleep(LOCK_POLL);
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failed)?;
                return Err(Error::unavailable(format!(
                    "the store in {} is open in another process ({}); one writes at a time",
                    directory.display(),
                    holder.trim()
                )));
            }
            Err(fs::TryLockError::Error(e)) => return Err(failed(e)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "process {}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
