//! Whether other commands wrote to an embedded store, by its files: it can't be open to be asked, since one
//! process at a time has it open.

use std::path::Path;
use std::time::{Duration, SystemTime};

/// How often the files are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Waits until the files are to be looked at again.
pub(crate) async fn pause() {
    tokio::time::sleep(LOOK_AGAIN).await;
}

/// When the log was last written to.
pub(crate) fn log_changed(store: &Path) -> Option<SystemTime> {
    newest(store, "segment-")
}

/// When the log or the state was last written to. Who only reads a store changes neither.
pub(crate) fn changed(store: &Path) -> Option<SystemTime> {
    log_changed(store).max(newest(&store.join("state"), "journal-"))
}

/// When a file whose name begins so was last written to.
fn newest(directory: &Path, prefix: &str) -> Option<SystemTime> {
    let entries = std::fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let files = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(prefix)));
    files.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
}
