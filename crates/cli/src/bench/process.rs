//! What the operating system says of this process and this machine.

use std::fs::read_to_string;
use std::path::Path;

/// Resident memory now and at its most, in bytes, where `/proc` tells it.
pub(super) fn memory() -> Vec<(&'static str, f64)> {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: f64 =
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()?;
        Some(kilobytes * 1_024.0)
    };
    let figures = [("resident memory", "VmRSS"), ("resident memory at most", "VmHWM")];
    figures.into_iter().filter_map(|(what, name)| Some((what, bytes(name)?))).collect()
}

/// The machine in one line.
pub(super) fn machine(directory: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let file_system = file_system(directory).unwrap_or_default();
    format!(
        "{} {}, {cores} processors, kernel {}, file system {file_system}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        kernel.trim(),
    )
}

/// The type of the file system that has the directory: of the longest mount point above it.
fn file_system(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let mounts = read_to_string("/proc/mounts").ok()?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        directory.starts_with(point).then(|| (point.len(), kind.to_owned()))
    });
    mounts.max().map(|(_, kind)| kind)
}
