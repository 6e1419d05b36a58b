//! The thread that merges the files of a tree, one merge at a time.

use std::fmt::Debug;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use lsm_tree::compaction::Leveled;
use lsm_tree::{AbstractTree, AnyTree, Error, Result, SeqNo};

use crate::limits::UNMERGED_MAX;

/// What something newer hides is dropped, whenever it was written: nobody reads the past of a tree, and a
/// read under way keeps the files that it began with.
const HIDDEN: SeqNo = SeqNo::MAX;

/// Merges when it is asked to. Dropping it waits for the merge that is under way.
#[derive(Debug)]
pub(crate) struct Merger {
    /// Asks for a merge. The thread takes it only when it has nothing to do.
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Why the last merge failed, until somebody is told.
    failed: Arc<Mutex<Option<Error>>>,
}

impl Merger {
    /// A merger of the tree.
    pub(crate) fn start(tree: &AnyTree) -> std::io::Result<Self> {
        let (ask, asked) = mpsc::sync_channel(0);
        let failed = Arc::default();
        let (tree, failure) = (tree.clone(), Arc::clone(&failed));
        let work = move || merge_when_asked(&tree, &asked, &failure);
        let thread = thread::Builder::new().name("factlog-merge".to_owned()).spawn(work)?;
        Ok(Self { ask: Some(ask), thread: Some(thread), failed })
    }

    /// Asks for a merge, unless one is under way; waits for that one if too much has gathered. Answers
    /// how the last one ended.
    pub(crate) fn ask(&self, tree: &AnyTree) -> Result<()> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ask) = &self.ask {
            if tree.l0_run_count() < UNMERGED_MAX {
                // A merge that is under way is followed by another one after the next batch.
                let _ = ask.try_send(());
            } else {
                let _ = ask.send(());
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

impl Drop for Merger {
    fn drop(&mut self) {
        self.ask = None;
        // A merge that panicked leaves the files as they were.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn merge_when_asked(tree: &AnyTree, asked: &Receiver<()>, failed: &Mutex<Option<Error>>) {
    while asked.recv().is_ok() {
        if let Err(error) = tree.compact(Arc::new(Leveled::default()), HIDDEN) {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}
