//! Runs on files: what was found goes to a directory, level by level, and a run that was killed goes on from its last
//! complete level.
//!
//! What lives here: the table that then stays in memory (`table`, fingerprints alone), one worker's shard with its
//! files (`shard`), and what a process keeps of a run as a whole (`store`). In memory there remain the table, the
//! parents of the level that is being found, and buffers.
//!
//! A process has a directory of its own. In it `run` says what is explored, in words. Of level 12 and worker 0,
//! `level-00012-0.parents` has every state's fingerprint and its parent's, for good, and `level-00012-0.states` the
//! states to expand, until the level after has been completed; `level-00012.done` has lengths, checksums and counts,
//! is written last, under another name, and renamed: a level is complete when it is there. Fingerprints and numbers are
//! little-endian.

mod shard;
mod store;
mod table;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) use self::shard::Shard;
pub(super) use self::store::{Part, Store};

/// Where a run is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The directory; each process has one of its own in it.
    pub dir: PathBuf,
    /// Go on with the run that is kept there, if there is one; if not so, there must be none.
    pub resume: bool,
}

/// What is wrong with the files of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The system refused something.
    #[error("cannot {what} {}: {why}", .file.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// On which file.
        file: PathBuf,
        /// What the system says.
        why: String,
    },
    /// There is a run already.
    #[error("{} has a run already: go on with it by --resume, or remove it", .0.display())]
    Occupied(PathBuf),
    /// Another process has it open.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The run there is another.
    #[error("{} has another run: {difference}", .dir.display())]
    Differs {
        /// The directory.
        dir: PathBuf,
        /// The first fact that differs.
        difference: String,
    },
    /// A file of a complete level is not as it was written.
    #[error("{} is damaged: {why}", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        why: &'static str,
    },
}

/// Whether a process has a run in a directory, complete levels or not.
pub fn has_run(dir: &Path, process: usize) -> bool {
    store::run_file(dir, process).exists()
}

fn system(what: &'static str, file: &Path) -> impl FnOnce(io::Error) -> KeepError {
    move |e| KeepError::System {
        what,
        file: file.to_owned(),
        why: e.to_string(),
    }
}

fn damaged(file: &Path, why: &'static str) -> KeepError {
    KeepError::Damaged {
        file: file.to_owned(),
        why,
    }
}

/// Writes a file so that it is there whole or not at all, even if the machine stops.
fn write_whole(file: &Path, bytes: &[u8]) -> Result<(), KeepError> {
    let other = file.with_extension("new");
    let mut to = File::create(&other).map_err(system("write", &other))?;
    to.write_all(bytes)
        .and_then(|()| to.sync_all())
        .map_err(system("write", &other))?;
    std::fs::rename(&other, file).map_err(system("write", file))?;
    let dir = file.parent().unwrap_or(Path::new("."));
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(system("write", dir))
}
