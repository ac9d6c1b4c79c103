//! One worker of the timely engine: its shard of the visited states, its frontier, and the expansion of both.
//!
//! Knows nothing of the dataflow: it is given parcels and asked for parcels.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::CheckError;
use super::control::{Cause, Control};
use super::fingerprint::Print;
use super::found::Found;
use super::frontier::{CHUNK, Entry, Frontiers};
use super::keep::{Part, Shard, Store};
use super::parcel::Successor;
use super::reduction::{Applied, Maximal, weight};
use super::sent::Sent;
use super::visited::{DEEPEST, Offered, Visited};
use crate::space::Space;

/// Successors generated before any is looked up: few enough to stay in the nearest cache.
const BATCH: usize = 64;
/// Records in a parcel.
const PARCEL: usize = 256;
/// Empty parcels kept for later.
const SPARE: usize = 64;

type Records<M, F> = Vec<Successor<<M as Space>::State, F>>;

/// What is left of a worker when the run is over.
pub(super) struct Finished<F> {
    visited: Visited<F>,
    /// Instead of that, when the run is kept in files.
    kept: Option<Shard<F>>,
    pub(super) found: Found<F>,
    pub(super) error: Option<CheckError>,
}

impl<F: Print> Finished<F> {
    fn new() -> Self {
        Finished {
            visited: Visited::new(),
            kept: None,
            found: Found::default(),
            error: None,
        }
    }

    /// The parent of a state that was found in `level`, and its level.
    pub(super) fn find(&self, print: F, level: u32) -> Result<Option<(F, u32)>, CheckError> {
        match &self.kept {
            Some(kept) => Ok(kept.find(print, level)?),
            None => Ok(self.visited.find(print)),
        }
    }
}

/// One worker.
pub(super) struct Worker<M: Space, F: Print> {
    space: Arc<M>,
    control: Arc<Control>,
    index: usize,
    /// Its number in this process.
    local: usize,
    peers: usize,
    frontiers: Frontiers<M::State, F>,
    reduction: Applied,
    maximal: Maximal<F>,
    /// The level that has been reduced to its maximal states.
    reduced: Option<u32>,
    /// Who owns each state of the batch.
    owners: Vec<usize>,
    batch: Records<M, F>,
    sent: Sent<F>,
    /// Parcels being filled, by owner.
    outgoing: Vec<Records<M, F>>,
    /// Parcels received and emptied, to be filled.
    spare: Vec<Records<M, F>>,
    /// The level it begins with.
    first: u32,
    /// The last level that was begun to be expanded.
    begun: Option<u32>,
    done: Finished<F>,
}

impl<M: Space, F: Print> Worker<M, F> {
    /// A worker with its share of the initial states, or of the level that a kept run goes on from.
    pub(super) fn new(
        space: Arc<M>,
        control: Arc<Control>,
        reduction: Applied,
        store: Option<&Arc<Store>>,
        index: usize,
        peers: usize,
    ) -> Self {
        let local = index % control.workers();
        let mut worker = Worker {
            space,
            control,
            index,
            local,
            peers,
            frontiers: Frontiers::new(),
            reduction,
            maximal: Maximal::new(),
            reduced: None,
            owners: Vec::new(),
            batch: Vec::new(),
            sent: Sent::new(),
            outgoing: (0..peers).map(|_| Vec::new()).collect(),
            spare: Vec::new(),
            first: 0,
            begun: None,
            done: Finished::new(),
        };
        if let Some(store) = store {
            match worker.open(store) {
                Ok(true) => return worker,
                Ok(false) => {}
                Err(error) => {
                    worker.fail(error);
                    return worker;
                }
            }
        }
        for state in worker.space.initial() {
            // The others may begin to expand level 0 before the owner is there to judge it: every worker judges all.
            if worker.space.violations(&state) != 0 {
                worker.control.violation_at(0);
            }
            let state = reduction.representative(&*worker.space, &state);
            let print = F::of(&state);
            if reduction.owner(&*worker.space, &state, print, peers) == index {
                worker.admit(
                    0,
                    &Successor {
                        state,
                        print,
                        parent: print,
                    },
                );
            }
        }
        worker.publish();
        worker
    }

    /// Opens its files; true if there is a level to go on from.
    fn open(&mut self, store: &Arc<Store>) -> Result<bool, CheckError> {
        let may_grow = |bytes| {
            let may = self.control.may_grow(bytes);
            if may {
                self.control.grown(bytes);
            }
            may
        };
        let (kept, part) = Shard::open(store, self.local, may_grow)?;
        self.done.kept = Some(kept);
        let (Some(part), Some((first, _))) = (part, store.last()) else {
            return Ok(false);
        };
        self.first = first;
        self.done.found = store.found(&part)?;
        if let Some((level, ..)) = self.done.found.violation {
            self.control.violation_at(level);
        }
        self.publish();
        Ok(true)
    }

    /// The level it begins with.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    fn fail(&mut self, error: impl Into<CheckError>) {
        self.done.error.get_or_insert(error.into());
        self.control.stop(Cause::Failed);
    }

    /// Whether nothing waits to be expanded in `level`.
    pub(super) fn is_idle(&self, level: u32) -> bool {
        match &self.done.kept {
            Some(kept) => kept.is_empty(level),
            None => self.frontiers.is_empty(level),
        }
    }

    /// Notes that everything of `level` has arrived, as far as this worker sees; levels come in order.
    pub(super) fn arrived(&mut self, level: u32) {
        if self.control.is_stopped() {
            return; // something may have been dropped
        }
        if let Err(error) = self.complete(level) {
            self.fail(error);
        }
    }

    fn complete(&mut self, level: u32) -> Result<(), CheckError> {
        let mut part = Part::of(self.done.found);
        let mut is_new = false;
        if let Some(kept) = &mut self.done.kept {
            is_new = kept.finish(level, &mut part)?;
            if is_new {
                kept.store().put(self.local, part);
            }
        }
        if self.control.arrive(self.local, level) {
            if let Some(kept) = self.done.kept.as_ref().filter(|_| is_new) {
                kept.store().mark(level, &self.space.noted())?;
            }
            self.control.all_arrived(level);
        }
        Ok(())
    }

    /// What came from another process makes no sense: ends the run.
    pub(super) fn refuse(&mut self) {
        self.fail(CheckError::MalformedStates);
    }

    /// Takes in what others found in `level`.
    pub(super) fn receive(&mut self, level: u32, mut records: Records<M, F>) {
        if self.control.is_stopped() {
            return;
        }
        black_box(
            records
                .iter()
                .fold(0, |sum, record| sum ^ self.done.visited.touch(record.print)),
        );
        for record in &records {
            self.admit(level, record);
        }
        self.publish();
        if self.spare.len() < SPARE {
            records.clear();
            self.spare.push(records);
        }
    }

    /// Expands some states of `level`, which is complete; `send` gets every parcel that is full, with its owner. Returns
    /// how many.
    pub(super) fn expand(
        &mut self,
        level: u32,
        mut send: impl FnMut(usize, Records<M, F>),
    ) -> usize {
        if self.reduction.network && self.reduced != Some(level) {
            self.reduce(level);
            self.reduced = Some(level);
        }
        let Some(chunk) = self.take(level) else {
            return 0;
        };
        let mut batch = std::mem::take(&mut self.batch);
        let mut next = 0;
        while next < chunk.len() && !self.control.is_stopped() {
            let begun = Instant::now();
            while next < chunk.len() && batch.len() < BATCH {
                let Entry { state, print } = &chunk[next];
                let each = &mut |state: &M::State| {
                    batch.push(Successor {
                        state: *state,
                        print: F::default(),
                        parent: *print,
                    });
                };
                self.space.successors(state, each);
                next += 1;
            }
            self.done.found.generating += begun.elapsed();
            self.done.found.successors += batch.len() as u64;
            self.distribute(level, &mut batch, &mut send);
            batch.clear();
            self.publish();
        }
        self.batch = batch;
        self.frontiers.recycle(chunk);
        next
    }

    fn take(&mut self, level: u32) -> Option<Vec<Entry<M::State, F>>> {
        let Some(kept) = &mut self.done.kept else {
            return self.frontiers.take(level);
        };
        if self.begun.replace(level) != Some(level)
            && let Err(error) = kept.entered(level)
        {
            self.fail(error);
            return None;
        }
        match kept.take(level) {
            Ok(chunk) => chunk,
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    /// Sends the parcels that are not full.
    pub(super) fn flush(&mut self, mut send: impl FnMut(usize, Records<M, F>)) {
        for (owner, records) in self.outgoing.iter_mut().enumerate() {
            if !records.is_empty() {
                send(owner, std::mem::take(records));
            }
        }
    }

    /// Forgets what is still to be expanded.
    pub(super) fn abandon(&mut self) {
        self.frontiers.clear();
        if let Some(kept) = &mut self.done.kept {
            kept.abandon();
        }
        self.outgoing.iter_mut().for_each(Vec::clear);
        self.publish();
    }

    /// What the worker found; it is left with nothing.
    pub(super) fn finish(&mut self) -> Finished<F> {
        std::mem::replace(&mut self.done, Finished::new())
    }

    fn distribute(
        &mut self,
        level: u32,
        batch: &mut Records<M, F>,
        send: &mut impl FnMut(usize, Records<M, F>),
    ) {
        self.owners.clear();
        for record in &mut *batch {
            if self.reduction.symmetry {
                record.state = self.reduction.representative(&*self.space, &record.state);
            }
            record.print = F::of(&record.state);
            let owner = self
                .reduction
                .owner(&*self.space, &record.state, record.print, self.peers);
            self.owners.push(owner);
        }
        self.touch(batch);
        for (n, record) in batch.iter().enumerate() {
            let owner = self.owners[n];
            if owner == self.index {
                self.admit(level + 1, record);
            } else if !self.sent.knows(record.print, record.parent, level) {
                let parcel = &mut self.outgoing[owner];
                if parcel.capacity() == 0 {
                    *parcel = self
                        .spare
                        .pop()
                        .unwrap_or_else(|| Vec::with_capacity(PARCEL));
                }
                parcel.push(*record);
                if parcel.len() >= PARCEL {
                    send(owner, std::mem::take(parcel));
                }
            }
        }
    }

    /// Drops the states of a complete level that another dominates, of the same level or stored before.
    fn reduce(&mut self, level: u32) {
        let chunks: Vec<_> = std::iter::from_fn(|| self.frontiers.take(level)).collect();
        let at = |(chunk, n): (usize, usize)| -> &Entry<M::State, F> { &chunks[chunk][n] };
        // What a state has; a space that compares one state compares all.
        let has =
            |entry: &Entry<M::State, F>| self.space.compared(&entry.state).map(|c| weight(c.has));
        let mut heaviest: Vec<_> = (0..chunks.len())
            .flat_map(|chunk| (0..chunks[chunk].len()).map(move |n| (chunk, n)))
            .map(|place| (has(at(place)), place))
            .collect();
        // Whoever dominates is heavier and comes first.
        heaviest.sort_unstable_by(|a, b| b.cmp(a));
        for (n, (_, place)) in heaviest.into_iter().enumerate() {
            if n % CHUNK == 0 && self.control.is_stopped() {
                return;
            }
            let Entry { state, print } = at(place);
            let (state, print) = (*state, *print);
            let grown = self.maximal.growth();
            if grown > 0 && !self.control.may_grow(grown) {
                return;
            }
            let is_kept = self
                .space
                .compared(&state)
                .is_none_or(|c| self.maximal.offer(F::of_bytes(c.class), c.has));
            if grown > 0 {
                self.control.grown(grown);
            }
            if is_kept {
                self.frontiers.push(level, Entry { state, print });
            } else {
                self.done.found.dropped += 1;
            }
        }
        self.done.found.classes = self.maximal.classes();
        for chunk in chunks {
            self.frontiers.recycle(chunk);
        }
    }

    /// Has the table's slots for a batch fetched from memory, all at once.
    fn touch(&self, records: &Records<M, F>) {
        let touch = |sum, (record, owner): (&Successor<M::State, F>, &usize)| {
            if *owner == self.index {
                match &self.done.kept {
                    Some(kept) => sum ^ kept.touch(record.print),
                    None => sum ^ u32::from(self.done.visited.touch(record.print)),
                }
            } else {
                sum ^ self.sent.touch(record.print)
            }
        };
        black_box(records.iter().zip(&self.owners).fold(0, touch));
    }

    /// Enters a state of this shard, found in `level`, and judges it if it is new.
    fn admit(&mut self, level: u32, found: &Successor<M::State, F>) {
        if level > DEEPEST {
            return self.fail(CheckError::TooDeep(DEEPEST + 1));
        }
        let mut grown = 0;
        let mut may_grow = |bytes| {
            let may = self.control.may_grow(bytes);
            grown += if may { bytes } else { 0 };
            may
        };
        let offered = match &mut self.done.kept {
            Some(kept) => kept.offer(found.print, found.parent, &mut may_grow),
            None => self
                .done
                .visited
                .offer(found.print, found.parent, level, may_grow),
        };
        if grown > 0 {
            self.control.grown(grown);
        }
        if offered != Offered::New {
            return;
        }
        self.done.found.unique += 1;
        if self.reduction.has_image(&*self.space, &found.state) {
            self.done.found.twins += 1;
        }
        self.done.found.depth = self.done.found.depth.max(level);
        let violations = self.space.violations(&found.state);
        if violations == 0 {
            self.push(level, found);
        } else {
            self.control.violation_at(level);
            let violation = (level, found.print, violations);
            let least = self.done.found.violation.unwrap_or(violation);
            self.done.found.violation = Some(least.min(violation));
        }
    }

    /// Has a state wait to be expanded.
    fn push(&mut self, level: u32, found: &Successor<M::State, F>) {
        let (state, print) = (found.state, found.print);
        match &mut self.done.kept {
            None => self.frontiers.push(level, Entry { state, print }),
            Some(kept) => {
                if let Err(error) = kept.push(&state, print) {
                    self.fail(error);
                }
            }
        }
    }

    fn publish(&self) {
        let waiting = self
            .done
            .kept
            .as_ref()
            .map_or(self.frontiers.len(), Shard::len);
        let counts = self.control.counts(self.local);
        counts.unique.store(self.done.found.unique, Relaxed);
        counts.successors.store(self.done.found.successors, Relaxed);
        counts.frontier.store(waiting, Relaxed);
        counts.depth.store(self.done.found.depth, Relaxed);
    }
}
