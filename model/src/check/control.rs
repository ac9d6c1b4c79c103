//! What the threads of a run share: why to stop, and how far each has come.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::cluster::Run;
use super::memory::resident;
pub(super) use super::tally::{Cause, Tally};
use super::{Limits, Progress};

/// How long a reading of the resident memory is good for.
const READING: Duration = Duration::from_millis(5);
/// How often [`Control::watch`] looks at the limits at least.
const LOOK: Duration = Duration::from_millis(10);
/// How often it reports.
const REPORT: Duration = Duration::from_millis(250);

/// One worker's counts so far. On cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Counts {
    pub(super) unique: AtomicU64,
    pub(super) successors: AtomicU64,
    pub(super) frontier: AtomicU64,
    pub(super) depth: AtomicU32,
}

/// Shared by all threads of a run.
pub(super) struct Control {
    limits: Limits,
    /// Unique states beyond which to stop with [`Cause::Widen`].
    widen_at: u64,
    begun: Instant,
    cause: AtomicU8,
    /// The least level known to have a violation.
    violated: AtomicU32,
    counts: Vec<Counts>,
    /// Bytes that tables are about to allocate.
    growing: AtomicU64,
    memory: AtomicU64,
    peak: AtomicU64,
    /// When `memory` was read, in microseconds after `begun`.
    read_at: AtomicU64,
    /// How far the other processes have come, by their last word.
    far: Mutex<Tally>,
    /// Unique states they had found then.
    far_unique: AtomicU64,
    /// By worker: levels that have arrived whole as far as it sees.
    arrived: Mutex<Vec<u32>>,
    /// Levels entered: those below may be expanded.
    entered: AtomicU32,
    /// Workers to wake when a level is entered.
    sleepers: Mutex<Vec<Thread>>,
    /// The processes that take part, if there are others.
    run: Option<Arc<Run>>,
}

impl Control {
    pub(super) fn new(limits: &Limits, widen_at: u64, begun: Instant) -> Self {
        Self::with(limits, widen_at, begun, None)
    }

    /// The same with other processes.
    pub(super) fn with(
        limits: &Limits,
        widen_at: u64,
        begun: Instant,
        run: Option<Arc<Run>>,
    ) -> Self {
        let workers = limits.threads.max(1);
        Control {
            limits: limits.clone(),
            widen_at,
            begun,
            cause: AtomicU8::new(0),
            violated: AtomicU32::new(u32::MAX),
            counts: (0..workers).map(|_| Counts::default()).collect(),
            growing: AtomicU64::new(0),
            memory: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            read_at: AtomicU64::new(0),
            far: Mutex::default(),
            far_unique: AtomicU64::new(0),
            arrived: Mutex::new(vec![0; workers]),
            entered: AtomicU32::new(0),
            sleepers: Mutex::default(),
            run,
        }
    }

    /// The other processes' side of the run, if there are others.
    pub(super) fn run(&self) -> Option<&Arc<Run>> {
        self.run.as_ref()
    }

    /// How many workers there are to be.
    pub(super) fn workers(&self) -> usize {
        self.counts.len()
    }

    /// The counts of one worker, for it to store and others to read.
    pub(super) fn counts(&self, worker: usize) -> &Counts {
        &self.counts[worker]
    }

    /// Stops the run; the first cause stands, but a failure comes before all.
    pub(super) fn stop(&self, cause: Cause) {
        if cause == Cause::Failed {
            self.cause.store(cause as u8, Relaxed);
        } else {
            let _ = self
                .cause
                .compare_exchange(0, cause as u8, Relaxed, Relaxed);
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.cause.load(Relaxed) != 0
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        Cause::of(self.cause.load(Relaxed).into())
    }

    /// Why a run that found `unique` states is not a whole one, if it is not. The limit on states counts even if
    /// all of them were found before anybody looked: the verdict is no matter of timing.
    pub(super) fn cut(&self, unique: u64) -> Option<Cause> {
        self.cause().or_else(|| self.over_count(unique))
    }

    /// Notes that there is a violation in `level`.
    pub(super) fn violation_at(&self, level: u32) {
        self.violated.fetch_min(level, Relaxed);
    }

    /// Whether `level` need not be expanded because a violation was found in it or before it.
    pub(super) fn is_over(&self, level: u32) -> bool {
        level >= self.violated.load(Relaxed)
    }

    /// Notes that everything of `level` has arrived, as far as a worker of this process (from 0) sees. True for the
    /// last of them; it then calls [`Control::all_arrived`].
    pub(super) fn arrive(&self, worker: usize, level: u32) -> bool {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let least = |arrived: &[u32]| arrived.iter().copied().min().unwrap_or(0);
        let before = least(&arrived);
        arrived[worker] = arrived[worker].max(level + 1);
        before <= level && least(&arrived) > level
    }

    /// A level has arrived whole in this process: enters it, when it has in all.
    pub(super) fn all_arrived(&self, level: u32) {
        match &self.run {
            None => self.enter(level, u32::MAX),
            Some(run) => run.arrive(level, self.violated.load(Relaxed)),
        }
    }

    /// Lets `level` be expanded; `violated` is the least level with a violation in any process.
    pub(super) fn enter(&self, level: u32, violated: u32) {
        self.violation_at(violated);
        self.entered.fetch_max(level.saturating_add(1), Relaxed);
        self.wake();
    }

    /// Whether `level` may be expanded: all its states are known, in every process.
    pub(super) fn has_entered(&self, level: u32) -> bool {
        level < self.entered.load(Relaxed)
    }

    /// A number that changes when a worker that waits has something to look at.
    pub(super) fn turn(&self) -> u64 {
        u64::from(self.entered.load(Relaxed)) << 1 | u64::from(self.is_stopped())
    }

    /// The calling thread is to be woken when there is a turn.
    pub(super) fn wakes_me(&self) {
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        sleepers.push(thread::current());
    }

    /// Wakes the workers.
    pub(super) fn wake(&self) {
        let sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        sleepers.iter().for_each(Thread::unpark);
    }

    /// How far this process has come.
    pub(super) fn tally(&self) -> Tally {
        let own = self.local();
        Tally {
            unique: own.unique,
            successors: own.successors,
            frontier: own.frontier,
            depth: own.depth,
            cause: self.cause(),
        }
    }

    /// Takes in how far the other processes have come.
    pub(super) fn hear(&self, far: &Tally) {
        *self.far.lock().unwrap_or_else(PoisonError::into_inner) = *far;
        self.far_unique.store(far.unique, Relaxed);
        if let Some(cause) = far.cause {
            if cause == Cause::Interrupted {
                // Nor is anything else to be begun here.
                self.limits.stop.store(true, Relaxed);
            }
            self.stop(cause);
            self.wake();
        }
    }

    /// Looks at every limit and stops the run if one is met.
    pub(super) fn check(&self) {
        self.check_against(self.sum(|counts| &counts.unique));
    }

    /// `here` is the number of unique states in this process.
    fn check_against(&self, here: u64) {
        let unique = here + self.far_unique.load(Relaxed);
        if self.limits.stop.load(Relaxed) {
            self.stop(Cause::Interrupted);
        }
        if let Some(cause) = self.over_count(unique) {
            self.stop(cause);
        }
        let now = self.begun.elapsed().as_micros() as u64;
        let then = self.read_at.load(Relaxed);
        let is_due = then == 0 || now.saturating_sub(then) >= READING.as_micros() as u64;
        if is_due
            && self
                .read_at
                .compare_exchange(then, now.max(1), Relaxed, Relaxed)
                .is_ok()
        {
            self.read_memory();
        }
        if self.memory.load(Relaxed) > self.limits.memory {
            self.stop(Cause::Memory);
        }
    }

    fn over_count(&self, unique: u64) -> Option<Cause> {
        if self.limits.states.is_some_and(|most| unique > most) {
            Some(Cause::States)
        } else if unique > self.widen_at {
            Some(Cause::Widen)
        } else {
            None
        }
    }

    /// Whether `bytes` more fit under the limit on memory; stops the run if not. Call [`Control::grown`] when
    /// they are allocated.
    pub(super) fn may_grow(&self, bytes: u64) -> bool {
        let growing = self.growing.fetch_add(bytes, Relaxed) + bytes;
        if self.limits.memory == u64::MAX
            || self.read_memory().saturating_add(growing) <= self.limits.memory
        {
            return true;
        }
        self.growing.fetch_sub(bytes, Relaxed);
        self.stop(Cause::Memory);
        false
    }

    /// The growth that [`Control::may_grow`] allowed has happened.
    pub(super) fn grown(&self, bytes: u64) {
        self.growing.fetch_sub(bytes, Relaxed);
    }

    fn read_memory(&self) -> u64 {
        let now = resident().unwrap_or(0);
        self.memory.store(now, Relaxed);
        self.peak.fetch_max(now, Relaxed);
        now
    }

    /// The most that was seen resident so far.
    pub(super) fn peak(&self) -> u64 {
        self.read_memory();
        self.peak.load(Relaxed)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn sum(&self, count: impl Fn(&Counts) -> &AtomicU64) -> u64 {
        self.counts
            .iter()
            .map(|counts| count(counts).load(Relaxed))
            .sum()
    }

    /// How far the workers of all processes have come.
    pub(super) fn progress(&self) -> Progress {
        let far = *self.far.lock().unwrap_or_else(PoisonError::into_inner);
        let here = self.local();
        Progress {
            unique: here.unique + far.unique,
            successors: here.successors + far.successors,
            depth: here.depth.max(far.depth),
            frontier: here.frontier + far.frontier,
            ..here
        }
    }

    /// How far the workers of this process have come, from their counts.
    fn local(&self) -> Progress {
        Progress {
            unique: self.sum(|counts| &counts.unique),
            successors: self.sum(|counts| &counts.successors),
            depth: self
                .counts
                .iter()
                .map(|counts| counts.depth.load(Relaxed))
                .max()
                .unwrap_or(0),
            frontier: self.sum(|counts| &counts.frontier),
            ..Progress::default()
        }
    }

    /// Watches over a run from the calling thread until it has finished: checks the limits and reports what
    /// `counts` tells (it need not fill in time and memory).
    pub(super) fn watch(
        &self,
        has_finished: impl Fn() -> bool,
        counts: impl Fn() -> Progress,
        report: &(dyn Fn(&Progress) + Sync),
    ) {
        let mut pause = Duration::from_micros(50);
        let mut reported = Instant::now();
        while !has_finished() {
            let counts = counts();
            let far = self.far_unique.load(Relaxed);
            self.check_against(counts.unique.saturating_sub(far));
            if reported.elapsed() >= REPORT {
                reported = Instant::now();
                report(&Progress {
                    elapsed: self.elapsed(),
                    memory: self.memory.load(Relaxed),
                    ..counts
                });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_past_the_limit_is_refused_before_it_happens() {
        let limits = Limits {
            memory: 1 << 40,
            ..Limits::default()
        };
        let control = Control::new(&limits, u64::MAX, Instant::now());
        assert!(control.may_grow((1 << 40) - (64 << 30)));
        assert!(!control.is_stopped());
        if resident().is_some() {
            assert!(!control.may_grow(64 << 30), "two at once count together");
            assert_eq!(control.cause(), Some(Cause::Memory));
        }
    }

    #[test]
    fn the_first_cause_stands_but_a_failure_comes_before_all() {
        let control = Control::new(&Limits::default(), u64::MAX, Instant::now());
        assert_eq!(control.cause(), None);
        control.stop(Cause::States);
        control.stop(Cause::Interrupted);
        assert_eq!(control.cause(), Some(Cause::States));
        control.stop(Cause::Failed);
        control.stop(Cause::Memory);
        assert_eq!(control.cause(), Some(Cause::Failed));
    }
}
