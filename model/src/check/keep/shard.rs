//! One worker's states when they are kept in files: which are known, which wait to be expanded, where each came from.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use super::store::{Part, Store};
use super::table::{Child, Known, Table};
use super::{KeepError, damaged, system};
use crate::check::fingerprint::Print;
use crate::check::frontier::{CHUNK, Entry};
use crate::check::visited::Offered;
use crate::space::Plain;

/// Bytes that a file is read or written in.
const BUFFER: usize = 1 << 20;
/// The most bytes of a state.
const LONGEST: usize = 1 << 20;

/// See the module.
pub(in crate::check) struct Shard<F> {
    store: Arc<Store>,
    worker: usize,
    known: Table<Known<F>>,
    /// The states of the level that is being found, with their parents.
    fresh: Table<Child<F>>,
    /// That level.
    finding: u32,
    writing: Option<Writing>,
    reading: Option<Reading>,
    /// Nothing is to be expanded any more.
    is_abandoned: bool,
}

/// The states of the level that is being found.
struct Writing {
    file: PathBuf,
    to: BufWriter<File>,
    states: u64,
    bytes: u64,
    record: Vec<u8>,
}

/// The states of the level that is being expanded.
struct Reading {
    level: u32,
    file: PathBuf,
    from: BufReader<File>,
    left: u64,
    record: Vec<u8>,
}

impl<F: Print> Shard<F> {
    /// A worker's shard, with what the run goes on from. `may_grow` is asked before memory is taken.
    pub(in crate::check) fn open(
        store: &Arc<Store>,
        worker: usize,
        may_grow: impl Fn(u64) -> bool,
    ) -> Result<(Shard<F>, Option<Part>), KeepError> {
        let mut shard = Shard {
            store: Arc::clone(store),
            worker,
            known: Table::new(),
            fresh: Table::new(),
            finding: 0,
            writing: None,
            reading: None,
            is_abandoned: false,
        };
        let mut last = None;
        for part in store.parts_of(worker) {
            let level = shard.finding;
            let known = &mut shard.known;
            // One that may not grow has stopped the run.
            each_parent::<F>(store, level, worker, Some(&part), |print, _| {
                known.offer(Known(print), &may_grow);
            })?;
            shard.finding += 1;
            last = Some(part);
        }
        if let Some(part) = &last {
            shard.read(shard.finding - 1, part)?;
        }
        Ok((shard, last))
    }

    /// Offers a state of the level that is being found. Of two parents the lesser stays.
    pub(in crate::check) fn offer(
        &mut self,
        print: F,
        parent: F,
        may_grow: &mut impl FnMut(u64) -> bool,
    ) -> Offered {
        match self.known.offer(Known(print), &mut *may_grow) {
            Offered::New => self.fresh.offer(Child { print, parent }, may_grow),
            Offered::Known => {
                if let Some(child) = self.fresh.get_mut(print) {
                    child.parent = child.parent.min(parent);
                }
                Offered::Known
            }
            Offered::Refused => Offered::Refused,
        }
    }

    /// Reads where a state would be.
    pub(in crate::check) fn touch(&self, print: F) -> u32 {
        self.known.touch(print) ^ self.fresh.touch(print)
    }

    /// Writes a state that is to be expanded in `level`.
    pub(in crate::check) fn push(&mut self, state: &impl Plain, print: F) -> Result<(), KeepError> {
        if self.is_abandoned {
            return Ok(());
        }
        let writing = match &mut self.writing {
            Some(writing) => writing,
            None => self
                .writing
                .insert(Writing::new(&self.store, self.finding, self.worker)?),
        };
        writing.push(state, print)
    }

    /// Whether nothing waits to be expanded in a level.
    pub(in crate::check) fn is_empty(&self, level: u32) -> bool {
        let reading = self
            .reading
            .as_ref()
            .filter(|reading| reading.level == level);
        let left = match reading {
            Some(reading) => reading.left,
            None if level == self.finding => {
                self.writing.as_ref().map_or(0, |writing| writing.states)
            }
            None => 0,
        };
        left == 0 || self.is_abandoned
    }

    /// States that wait to be expanded.
    pub(in crate::check) fn len(&self) -> u64 {
        let reading = self.reading.as_ref().map_or(0, |reading| reading.left);
        reading + self.writing.as_ref().map_or(0, |writing| writing.states)
    }

    /// Takes some states to expand out of a level.
    pub(in crate::check) fn take<S: Plain>(
        &mut self,
        level: u32,
    ) -> Result<Option<Vec<Entry<S, F>>>, KeepError> {
        match &mut self.reading {
            Some(reading) if reading.level == level && reading.left > 0 => reading.take().map(Some),
            _ => Ok(None),
        }
    }

    /// Nothing is to be expanded any more.
    pub(in crate::check) fn abandon(&mut self) {
        self.is_abandoned = true;
    }

    /// Everything of the level being found is here: writes it out, for good, and has it read from now on. The level
    /// before is complete everywhere, so its states are not needed any more. False if that was done before.
    pub(in crate::check) fn finish(
        &mut self,
        level: u32,
        part: &mut Part,
    ) -> Result<bool, KeepError> {
        if level != self.finding {
            return Ok(false);
        }
        let writing = match self.writing.take() {
            Some(writing) => writing,
            None => Writing::new(&self.store, level, self.worker)?,
        };
        (part.states, part.states_bytes) = writing.finish()?;
        let fresh = std::mem::replace(&mut self.fresh, Table::new());
        (part.parents_bytes, part.parents_hash) = self.write_parents(level, &fresh)?;
        self.finding += 1;
        self.read(level, part)?;
        Ok(true)
    }

    /// `level` has been entered everywhere: nobody goes on from the one before.
    pub(in crate::check) fn entered(&self, level: u32) -> Result<(), KeepError> {
        let Some(before) = level.checked_sub(1) else {
            return Ok(());
        };
        let file = self.store.states(before, self.worker);
        match fs::remove_file(&file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(system("remove", &file)(e)),
            _ => Ok(()),
        }
    }

    /// Marks a level as complete in this process.
    pub(in crate::check) fn store(&self) -> &Store {
        &self.store
    }

    /// The parent of a state and its level, if it is one of `level`.
    pub(in crate::check) fn find(
        &self,
        print: F,
        level: u32,
    ) -> Result<Option<(F, u32)>, KeepError> {
        if level == self.finding {
            let child = self.fresh.iter().find(|child| child.print == print);
            return Ok(child.map(|child| (child.parent, level)));
        }
        let mut found = None;
        each_parent::<F>(&self.store, level, self.worker, None, |child, parent| {
            if child == print {
                found = Some((parent, level));
            }
        })?;
        Ok(found)
    }

    fn read(&mut self, level: u32, part: &Part) -> Result<(), KeepError> {
        let file = self.store.states(level, self.worker);
        let from = File::open(&file).map_err(system("read", &file))?;
        let length = from.metadata().map_err(system("read", &file))?.len();
        if length != part.states_bytes {
            return Err(damaged(&file, "its length is wrong"));
        }
        let mut reading = Reading {
            level,
            from: BufReader::with_capacity(BUFFER, from),
            file,
            left: part.states,
            record: Vec::new(),
        };
        if reading.fixed::<8>()? != self.store.id().to_le_bytes() {
            return Err(damaged(&reading.file, "it belongs to another run"));
        }
        self.reading = Some(reading);
        Ok(())
    }

    fn write_parents(&self, level: u32, fresh: &Table<Child<F>>) -> Result<(u64, u64), KeepError> {
        let file = self.store.parents(level, self.worker);
        let failed = |e| system("write", &file)(e);
        let to = File::create(&file).map_err(failed)?;
        let mut to = BufWriter::with_capacity(BUFFER, to);
        let mut hash = Xxh3::new();
        let mut bytes = 8;
        to.write_all(&self.store.id().to_le_bytes())
            .map_err(failed)?;
        let mut record = Vec::new();
        for Child { print, parent } in fresh.iter() {
            record.clear();
            print.put(&mut record);
            parent.put(&mut record);
            hash.update(&record);
            bytes += record.len() as u64;
            to.write_all(&record).map_err(failed)?;
        }
        to.flush()
            .and_then(|()| to.get_ref().sync_all())
            .map_err(failed)?;
        Ok((bytes, hash.digest()))
    }
}

/// Reads the parents of a level. What it should be is checked if it is known.
fn each_parent<F: Print>(
    store: &Store,
    level: u32,
    worker: usize,
    part: Option<&Part>,
    mut each: impl FnMut(F, F),
) -> Result<(), KeepError> {
    let file = store.parents(level, worker);
    let from = File::open(&file).map_err(system("read", &file))?;
    let length = from.metadata().map_err(system("read", &file))?.len();
    let record = 2 * F::BYTES;
    let whole = length
        .checked_sub(8)
        .filter(|rest| rest % record as u64 == 0);
    if part.is_some_and(|part| part.parents_bytes != length) || whole.is_none() {
        return Err(damaged(&file, "its length is wrong"));
    }
    let mut from = BufReader::with_capacity(BUFFER, from);
    let mut id = [0; 8];
    from.read_exact(&mut id).map_err(system("read", &file))?;
    if id != store.id().to_le_bytes() {
        return Err(damaged(&file, "it belongs to another run"));
    }
    let mut hash = Xxh3::new();
    let mut bytes = vec![0; record];
    for _ in 0..whole.unwrap_or(0) / record as u64 {
        from.read_exact(&mut bytes).map_err(system("read", &file))?;
        hash.update(&bytes);
        let mut rest = &bytes[..];
        if let Some((print, parent)) = F::take(&mut rest).zip(F::take(&mut rest)) {
            each(print, parent);
        }
    }
    if part.is_some_and(|part| part.parents_hash != hash.digest()) {
        return Err(damaged(&file, "its checksum is wrong"));
    }
    Ok(())
}

impl Writing {
    fn new(store: &Store, level: u32, worker: usize) -> Result<Writing, KeepError> {
        let file = store.states(level, worker);
        let to = File::create(&file).map_err(system("write", &file))?;
        let mut to = BufWriter::with_capacity(BUFFER, to);
        to.write_all(&store.id().to_le_bytes())
            .map_err(system("write", &file))?;
        Ok(Writing {
            file,
            to,
            states: 0,
            bytes: 8,
            record: Vec::new(),
        })
    }

    fn push(&mut self, state: &impl Plain, print: impl Print) -> Result<(), KeepError> {
        let bytes = state.bytes();
        self.record.clear();
        print.put(&mut self.record);
        self.record
            .extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.record.extend_from_slice(bytes);
        self.states += 1;
        self.bytes += self.record.len() as u64;
        self.to
            .write_all(&self.record)
            .map_err(system("write", &self.file))
    }

    fn finish(mut self) -> Result<(u64, u64), KeepError> {
        self.to
            .flush()
            .and_then(|()| self.to.get_ref().sync_all())
            .map_err(system("write", &self.file))?;
        Ok((self.states, self.bytes))
    }
}

impl Reading {
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], KeepError> {
        let mut bytes = [0; N];
        self.from
            .read_exact(&mut bytes)
            .map_err(system("read", &self.file))?;
        Ok(bytes)
    }

    fn take<S: Plain, F: Print>(&mut self) -> Result<Vec<Entry<S, F>>, KeepError> {
        let mut chunk = Vec::with_capacity(CHUNK);
        while self.left > 0 && chunk.len() < CHUNK {
            self.record.resize(F::BYTES, 0);
            self.from
                .read_exact(&mut self.record)
                .map_err(system("read", &self.file))?;
            let print = F::take(&mut &self.record[..]);
            let length = u32::from_le_bytes(self.fixed()?) as usize;
            if length > LONGEST {
                return Err(damaged(&self.file, "a state is too long"));
            }
            self.record.resize(length, 0);
            self.from
                .read_exact(&mut self.record)
                .map_err(system("read", &self.file))?;
            let state = S::of_bytes(&self.record).zip(print);
            let entry = state.filter(|(state, print)| F::of(state) == *print);
            let (state, print) = entry
                .ok_or_else(|| damaged(&self.file, "a state does not have its fingerprint"))?;
            chunk.push(Entry { state, print });
            self.left -= 1;
        }
        Ok(chunk)
    }
}
