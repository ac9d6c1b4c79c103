//! What a process keeps of a run as a whole: what is explored, and which levels are complete.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use super::{Keep, KeepError, damaged, system, write_whole};
use crate::check::cluster::difference;
use crate::check::fingerprint::Print;
use crate::check::found::{Found, WORDS};

const MAGIC: u64 = u64::from_le_bytes(*b"farewel\x02");

/// What one worker has of a level, and has found up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::check) struct Part {
    /// In words, for their fingerprints are as long as those of the run.
    found: [u64; WORDS],
    /// States to expand, bytes of their file.
    pub(in crate::check) states: u64,
    pub(in crate::check) states_bytes: u64,
    /// Bytes of the file of parents, and their checksum.
    pub(in crate::check) parents_bytes: u64,
    pub(in crate::check) parents_hash: u64,
}

const PART: usize = WORDS + 4;

impl Part {
    /// What was found, and nothing of a level yet.
    pub(in crate::check) fn of<F: Print>(found: Found<F>) -> Part {
        Part {
            found: found.to_words(),
            ..Part::default()
        }
    }

    fn to_words(self) -> impl Iterator<Item = u64> {
        let files = [
            self.states,
            self.states_bytes,
            self.parents_bytes,
            self.parents_hash,
        ];
        self.found.into_iter().chain(files)
    }

    fn of_words(words: &[u64; PART]) -> Option<Part> {
        let (found, files) = words.split_first_chunk()?;
        let &[states, states_bytes, parents_bytes, parents_hash] = files.as_array()?;
        Some(Part {
            found: *found,
            states,
            states_bytes,
            parents_bytes,
            parents_hash,
        })
    }
}

/// The file that says what a process explores there.
pub(super) fn run_file(dir: &Path, process: usize) -> PathBuf {
    dir.join(format!("process-{process}")).join("run")
}

/// What is complete of a level.
struct Done {
    parts: Vec<Part>,
    noted: Vec<u64>,
}

/// See the module. Whoever has it has the directory to itself.
pub(in crate::check) struct Store {
    dir: PathBuf,
    /// Of what is explored; in every file.
    id: u64,
    workers: usize,
    _lock: File,
    /// The complete levels that the run goes on from, in order.
    levels: Vec<Done>,
    parts: Mutex<Vec<Part>>,
}

impl Store {
    /// Opens the directory of a process with so many workers; `about` says what is explored.
    pub(in crate::check) fn open(
        keep: &Keep,
        process: usize,
        workers: usize,
        about: &str,
    ) -> Result<Store, KeepError> {
        let dir = keep.dir.join(format!("process-{process}"));
        fs::create_dir_all(&dir).map_err(system("make", &dir))?;
        let lock_file = dir.join("lock");
        let lock = File::create(&lock_file).map_err(system("write", &lock_file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(KeepError::InUse(dir)),
            Err(TryLockError::Error(e)) => return Err(system("lock", &lock_file)(e)),
        }
        let about = format!("{about}\nworkers: {workers} in process {process}\n");
        let run = dir.join("run");
        let there = run.try_exists().map_err(system("read", &run))?;
        if there && !keep.resume {
            return Err(KeepError::Occupied(dir));
        }
        if there {
            let text = fs::read_to_string(&run).map_err(system("read", &run))?;
            if let Some(difference) = difference(&text, &about) {
                return Err(KeepError::Differs { dir, difference });
            }
        } else {
            write_whole(&run, about.as_bytes())?;
        }
        let mut store = Store {
            dir,
            id: xxh3_64(about.as_bytes()),
            workers,
            _lock: lock,
            levels: Vec::new(),
            parts: Mutex::new(vec![Part::default(); workers]),
        };
        while let Some(done) = store.read_done(store.levels.len() as u32)? {
            store.levels.push(done);
        }
        Ok(store)
    }

    /// The number of bits that the fingerprints of the run in a directory have, if there is one.
    pub(in crate::check) fn bits(keep: &Keep, process: usize) -> Option<u32> {
        let run = run_file(&keep.dir, process);
        let text = fs::read_to_string(run).ok().filter(|_| keep.resume)?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("fingerprints: "))?;
        line.strip_suffix(" bits")?.parse().ok()
    }

    /// How many levels are complete.
    pub(in crate::check) fn complete(&self) -> u32 {
        self.levels.len() as u32
    }

    /// Goes on from the first `levels` levels; what was found beyond them is dropped.
    pub(in crate::check) fn go_on_from(&mut self, levels: u32) -> Result<(), KeepError> {
        self.levels.truncate(levels as usize);
        let entries = fs::read_dir(&self.dir).map_err(system("read", &self.dir))?;
        let (mut marks, mut others) = (Vec::new(), Vec::new());
        for entry in entries {
            let file = entry.map_err(system("read", &self.dir))?.path();
            let name = file
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or("");
            let level = name
                .strip_prefix("level-")
                .and_then(|rest| rest.get(..5)?.parse::<u32>().ok());
            if level.is_some_and(|level| level >= levels) || name.ends_with(".new") {
                let is_mark = name.ends_with(".done");
                if is_mark { &mut marks } else { &mut others }.push(file);
            }
        }
        // A level must not be marked as complete without its files, nor one without the level before: the last mark goes
        // first, and files when no mark is left.
        marks.sort();
        for files in [marks, others] {
            for file in files.iter().rev() {
                fs::remove_file(file).map_err(system("remove", file))?;
            }
            File::open(&self.dir)
                .and_then(|dir| dir.sync_all())
                .map_err(system("write", &self.dir))?;
        }
        Ok(())
    }

    /// Forgets the run: it begins anew, as another.
    pub(in crate::check) fn wipe(mut self) -> Result<(), KeepError> {
        self.go_on_from(0)?;
        let run = self.dir.join("run");
        fs::remove_file(&run).map_err(system("remove", &run))
    }

    /// What the run goes on from: the last complete level, and what was noted up to it.
    pub(in crate::check) fn last(&self) -> Option<(u32, &[u64])> {
        let done = self.levels.last()?;
        Some((self.levels.len() as u32 - 1, &done.noted))
    }

    /// What was noted up to the last level is not what this space notes.
    pub(in crate::check) fn is_foreign(&self) -> KeepError {
        let level = self.complete().saturating_sub(1);
        damaged(&self.done(level), "it belongs to another model")
    }

    /// What a worker has found up to the last level.
    pub(in crate::check) fn found<F: Print>(&self, part: &Part) -> Result<Found<F>, KeepError> {
        let level = self.complete().saturating_sub(1);
        let senseless = || damaged(&self.done(level), "its counts make no sense");
        Found::of_words(part.found).ok_or_else(senseless)
    }

    /// What a worker has of the levels to go on from.
    pub(super) fn parts_of(&self, worker: usize) -> impl Iterator<Item = Part> {
        self.levels.iter().map(move |done| done.parts[worker])
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn states(&self, level: u32, worker: usize) -> PathBuf {
        self.dir.join(format!("level-{level:05}-{worker}.states"))
    }

    pub(super) fn parents(&self, level: u32, worker: usize) -> PathBuf {
        self.dir.join(format!("level-{level:05}-{worker}.parents"))
    }

    fn done(&self, level: u32) -> PathBuf {
        self.dir.join(format!("level-{level:05}.done"))
    }

    /// A worker has its files of a level ready.
    pub(in crate::check) fn put(&self, worker: usize, part: Part) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)[worker] = part;
    }

    /// Marks a level as complete, when all workers have put theirs.
    pub(in crate::check) fn mark(&self, level: u32, noted: &[u64]) -> Result<(), KeepError> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words = vec![MAGIC, self.id, level.into(), self.workers as u64];
        words.extend(parts.iter().flat_map(|part| part.to_words()));
        words.push(noted.len() as u64);
        words.extend(noted);
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        write_whole(&self.done(level), &bytes)
    }

    fn read_done(&self, level: u32) -> Result<Option<Done>, KeepError> {
        let file = self.done(level);
        if !file.try_exists().map_err(system("read", &file))? {
            return Ok(None);
        }
        let bytes = fs::read(&file).map_err(system("read", &file))?;
        self.parse_done(&bytes, level, &file).map(Some)
    }

    fn parse_done(&self, bytes: &[u8], level: u32, file: &Path) -> Result<Done, KeepError> {
        let torn = || damaged(file, "its checksum is wrong");
        let (body, sum) = bytes.split_last_chunk().ok_or_else(torn)?;
        if xxh3_64(body) != u64::from_le_bytes(*sum) {
            return Err(torn());
        }
        let words: Vec<u64> = body
            .as_chunks()
            .0
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .collect();
        let other = || damaged(file, "it belongs to another run");
        let (head, rest) = words.split_first_chunk::<4>().ok_or_else(other)?;
        if *head != [MAGIC, self.id, level.into(), self.workers as u64] {
            return Err(other());
        }
        let (parts, noted) = rest
            .split_at_checked(self.workers * PART)
            .ok_or_else(other)?;
        let noted = noted
            .split_first()
            .filter(|(n, noted)| **n == noted.len() as u64);
        Ok(Done {
            parts: parts
                .as_chunks()
                .0
                .iter()
                .map(Part::of_words)
                .collect::<Option<_>>()
                .ok_or_else(other)?,
            noted: noted.ok_or_else(other)?.1.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_complete_or_damaged_and_another_run_is_refused() {
        let dir = std::env::temp_dir().join(format!("farewell-store-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let keep = |resume| Keep {
            dir: dir.clone(),
            resume,
        };
        let found = Found {
            unique: 5,
            violation: Some((1, 2u64, 9)),
            ..Found::default()
        };
        let part = Part {
            states: 3,
            parents_hash: 4,
            ..Part::of(found)
        };
        {
            let store = Store::open(&keep(false), 1, 2, "a\nfingerprints: 96 bits").unwrap();
            assert!(matches!(
                Store::open(&keep(true), 1, 2, "a"),
                Err(KeepError::InUse(_))
            ));
            store.put(1, part);
            store.mark(0, &[7, 8]).unwrap();
        }
        assert_eq!(Store::bits(&keep(true), 1), Some(96));
        let about = "a\nfingerprints: 96 bits";
        assert!(matches!(
            Store::open(&keep(false), 1, 2, about),
            Err(KeepError::Occupied(_))
        ));
        for (workers, other) in [(2, "b\nfingerprints: 96 bits"), (3, about)] {
            let refused = Store::open(&keep(true), 1, workers, other);
            assert!(matches!(refused, Err(KeepError::Differs { .. })));
        }
        let file = {
            let store = Store::open(&keep(true), 1, 2, about).unwrap();
            assert_eq!(store.last(), Some((0, &[7, 8][..])));
            assert_eq!(store.parts_of(1).collect::<Vec<_>>(), [part]);
            assert_eq!(store.found(&part), Ok(found));
            store.done(0)
        };
        let good = fs::read(&file).unwrap();
        for at in [0, 9, 40, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&file, &bad).unwrap();
            let refused = Store::open(&keep(true), 1, 2, about)
                .map(|_| ())
                .unwrap_err();
            assert!(
                refused.to_string().contains("level-00000.done"),
                "{refused}"
            );
        }
        fs::write(&file, &good[..good.len() - 8]).unwrap();
        assert!(Store::open(&keep(true), 1, 2, about).is_err());
        fs::write(&file, &good).unwrap();
        Store::open(&keep(true), 1, 2, about)
            .unwrap()
            .wipe()
            .unwrap();
        assert_eq!(Store::open(&keep(false), 1, 2, "c").unwrap().complete(), 0);
        fs::remove_dir_all(&dir).unwrap();
    }
}
