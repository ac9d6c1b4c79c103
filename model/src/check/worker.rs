//! One worker of the timely engine: its shard of the visited states, its frontier, and the expansion of both.
//!
//! Knows nothing of the dataflow: it is given parcels and asked for parcels.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::CheckError;
use super::control::{Cause, Control};
use super::fingerprint::Print;
use super::frontier::{Entry, Frontiers};
use super::parcel::Successor;
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

/// A violating state: the level, the fingerprint and the violations; the least one is shown.
pub(super) type Violation<F> = (u32, F, u32);

/// What is left of a worker when the run is over.
pub(super) struct Finished<F> {
    pub(super) visited: Visited<F>,
    pub(super) unique: u64,
    pub(super) successors: u64,
    pub(super) depth: u32,
    pub(super) generating: Duration,
    pub(super) violation: Option<Violation<F>>,
    pub(super) error: Option<CheckError>,
}

impl<F: Print> Finished<F> {
    fn new() -> Self {
        Finished {
            visited: Visited::new(),
            unique: 0,
            successors: 0,
            depth: 0,
            generating: Duration::ZERO,
            violation: None,
            error: None,
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
    batch: Records<M, F>,
    sent: Sent<F>,
    /// Parcels being filled, by owner.
    outgoing: Vec<Records<M, F>>,
    /// Parcels received and emptied, to be filled.
    spare: Vec<Records<M, F>>,
    done: Finished<F>,
}

impl<M: Space, F: Print> Worker<M, F> {
    /// A worker with its share of the initial states.
    pub(super) fn new(space: Arc<M>, control: Arc<Control>, index: usize, peers: usize) -> Self {
        let local = index % control.workers();
        let mut worker = Worker {
            space,
            control,
            index,
            local,
            peers,
            frontiers: Frontiers::new(),
            batch: Vec::new(),
            sent: Sent::new(),
            outgoing: (0..peers).map(|_| Vec::new()).collect(),
            spare: Vec::new(),
            done: Finished::new(),
        };
        for state in worker.space.initial() {
            // The others may begin to expand level 0 before the owner is there to judge it: every worker judges all.
            if worker.space.violations(&state) != 0 {
                worker.control.violation_at(0);
            }
            let print = F::of(&state);
            if print.owner(peers) == index {
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

    /// Whether nothing waits to be expanded in `level`.
    pub(super) fn is_idle(&self, level: u32) -> bool {
        self.frontiers.is_empty(level)
    }

    /// Notes that everything of `level` has arrived, as far as this worker sees; levels come in order.
    pub(super) fn arrived(&mut self, level: u32) {
        if self.control.arrive(self.local, level) {
            self.control.all_arrived(level);
        }
    }

    /// What came from another process makes no sense: ends the run.
    pub(super) fn refuse(&mut self) {
        self.done.error = Some(CheckError::MalformedStates);
        self.control.stop(Cause::Failed);
    }

    /// Takes in what others found in `level`.
    pub(super) fn receive(&mut self, level: u32, mut records: Records<M, F>) {
        if self.control.is_stopped() {
            return;
        }
        self.touch(&records);
        for record in &records {
            self.admit(level, record);
        }
        self.publish();
        if self.spare.len() < SPARE {
            records.clear();
            self.spare.push(records);
        }
    }

    /// Expands some states of `level`; `send` gets every parcel that is full, with its owner. Returns how many.
    pub(super) fn expand(
        &mut self,
        level: u32,
        mut send: impl FnMut(usize, Records<M, F>),
    ) -> usize {
        let Some(chunk) = self.frontiers.take(level) else {
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
            self.done.generating += begun.elapsed();
            self.done.successors += batch.len() as u64;
            self.distribute(level, &mut batch, &mut send);
            batch.clear();
            self.publish();
        }
        self.batch = batch;
        self.frontiers.recycle(chunk);
        next
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
        for record in &mut *batch {
            record.print = F::of(&record.state);
        }
        self.touch(batch);
        for record in &*batch {
            let owner = record.print.owner(self.peers);
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

    /// Has the table's slots for a batch fetched from memory, all at once.
    fn touch(&self, records: &Records<M, F>) {
        let touch = |sum, record: &Successor<M::State, F>| {
            if record.print.owner(self.peers) == self.index {
                sum ^ u32::from(self.done.visited.touch(record.print))
            } else {
                sum ^ self.sent.touch(record.print)
            }
        };
        black_box(records.iter().fold(0, touch));
    }

    /// Enters a state of this shard, found in `level`, and judges it if it is new.
    fn admit(&mut self, level: u32, found: &Successor<M::State, F>) {
        if level > DEEPEST {
            self.done.error = Some(CheckError::TooDeep(DEEPEST + 1));
            self.control.stop(Cause::Failed);
            return;
        }
        let mut grown = 0;
        let may_grow = |bytes| {
            let may = self.control.may_grow(bytes);
            grown = if may { bytes } else { 0 };
            may
        };
        let offered = self
            .done
            .visited
            .offer(found.print, found.parent, level, may_grow);
        if grown > 0 {
            self.control.grown(grown);
        }
        if offered != Offered::New {
            return;
        }
        self.done.unique += 1;
        self.done.depth = self.done.depth.max(level);
        let violations = self.space.violations(&found.state);
        if violations == 0 {
            self.frontiers.push(
                level,
                Entry {
                    state: found.state,
                    print: found.print,
                },
            );
        } else {
            self.control.violation_at(level);
            let violation = (level, found.print, violations);
            self.done.violation = Some(
                self.done
                    .violation
                    .map_or(violation, |least| least.min(violation)),
            );
        }
    }

    fn publish(&self) {
        let counts = self.control.counts(self.local);
        counts.unique.store(self.done.unique, Relaxed);
        counts.successors.store(self.done.successors, Relaxed);
        counts.frontier.store(self.frontiers.len(), Relaxed);
        counts.depth.store(self.done.depth, Relaxed);
    }
}
