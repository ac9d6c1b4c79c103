//! States that were found and wait to be expanded, by level.

use std::collections::BTreeMap;

/// States in a chunk. Chunks are used again, and a level gives its memory back as it is expanded.
pub(super) const CHUNK: usize = 256;

const SPARE: usize = 256;

/// A state with its fingerprint.
pub(super) struct Entry<S, F> {
    pub(super) state: S,
    pub(super) print: F,
}

/// The frontiers of one worker. There are at most three at a time: one being expanded, the next, and the one
/// after it when another worker is ahead.
pub(super) struct Frontiers<S, F> {
    levels: BTreeMap<u32, Vec<Vec<Entry<S, F>>>>,
    spare: Vec<Vec<Entry<S, F>>>,
    len: u64,
}

impl<S, F> Frontiers<S, F> {
    pub(super) fn new() -> Self {
        Frontiers {
            levels: BTreeMap::new(),
            spare: Vec::new(),
            len: 0,
        }
    }

    /// States waiting, in all levels.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing waits in a level.
    pub(super) fn is_empty(&self, level: u32) -> bool {
        !self.levels.contains_key(&level)
    }

    pub(super) fn push(&mut self, level: u32, entry: Entry<S, F>) {
        let chunks = self.levels.entry(level).or_default();
        self.len += 1;
        if let Some(chunk) = chunks.last_mut()
            && chunk.len() < CHUNK
        {
            chunk.push(entry);
            return;
        }
        let mut chunk = self
            .spare
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(CHUNK));
        chunk.push(entry);
        chunks.push(chunk);
    }

    /// Takes some states out of a level, at most [`CHUNK`]; none when it is empty.
    pub(super) fn take(&mut self, level: u32) -> Option<Vec<Entry<S, F>>> {
        let chunks = self.levels.get_mut(&level)?;
        let chunk = chunks.pop();
        if chunks.is_empty() {
            self.levels.remove(&level);
        }
        self.len -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        chunk
    }

    /// Gives back the room of a chunk that was taken.
    pub(super) fn recycle(&mut self, mut chunk: Vec<Entry<S, F>>) {
        if self.spare.len() < SPARE {
            chunk.clear();
            self.spare.push(chunk);
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}
