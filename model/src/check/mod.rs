//! The engines that explore a finite transition system exhaustively.
//!
//! What lives here: the two engines behind one function, [`explore`], with their common limits, progress and
//! outcome; what they are built of (fingerprints, the table of visited states, frontiers, traces, the reading
//! of memory). What does not: the systems themselves ([`crate::space`] is all that is known of them), what
//! makes a state a violation, and how an outcome is shown.
//!
//! | engine | is |
//! |---|---|
//! | [`Engine::Timely`] | the fast one: breadth first, level by level, on timely dataflow, the visited states sharded over workers |
//! | [`Engine::Stateright`] | the reference: stateright's own breadth-first checker over an adapter |
//!
//! On a run that ends [`End::Exhausted`] both agree on unique states and successors, and on depth when
//! stateright runs on one thread. On a run that ends [`End::Violated`] they agree on the verdict and, with
//! one thread, on the length of the trace: the counts then differ, because stateright stops in the middle of
//! a level and judges states when it expands them, not when it finds them.

pub mod cluster;
mod conclude;
mod control;
mod fingerprint;
mod found;
mod frontier;
pub mod keep;
pub mod liveness;
mod memory;
mod parcel;
mod probe;
mod reduction;
mod sent;
mod stateright;
mod tally;
mod timely;
mod trace;
mod visited;
mod worker;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::space::Space;

pub use cluster::{Team, TeamError};
pub use keep::{Keep, KeepError, has_run};
pub use memory::{available, resident};
pub use reduction::Reduction;

/// Unique states beyond which 64-bit fingerprints are given up for 128-bit ones.
pub const WIDEN_AT: u64 = 100_000_000;

/// Which engine explores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Breadth first on timely dataflow.
    Timely,
    /// Stateright's breadth-first checker, the reference.
    Stateright,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Engine::Timely => "timely",
            Engine::Stateright => "stateright",
        })
    }
}

impl FromStr for Engine {
    type Err = CheckError;

    fn from_str(name: &str) -> Result<Self, CheckError> {
        match name {
            "timely" => Ok(Engine::Timely),
            "stateright" => Ok(Engine::Stateright),
            _ => Err(CheckError::UnknownEngine(name.to_owned())),
        }
    }
}

/// How many bits identify a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 64 bits; a run that passes [`WIDEN_AT`] unique states starts again with 128, or 96.
    Bits64,
    /// 96 bits; what a run that is kept in files has beyond 64.
    Bits96,
    /// 128 bits.
    Bits128,
}

/// What a run may use, and what stops it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Worker threads; 0 means 1.
    pub threads: usize,
    /// Bytes the process may have resident. A table about to grow past it stops the run instead. Where the
    /// system does not tell what is resident (anything but Linux), this is not enforced.
    pub memory: u64,
    /// The most unique states to accept: a run that finds more never ends [`End::Exhausted`].
    pub states: Option<u64>,
    /// Stops the run when set, from any thread or a signal handler.
    pub stop: Arc<AtomicBool>,
    /// Bits of a fingerprint. Stateright has 64 of its own and refuses 128.
    pub width: Width,
    /// Which states stand for others. Of the reductions asked for those apply that the space has. Stateright has none.
    pub reduction: Reduction,
    /// The processes that explore together, if there are others; timely's engine alone can. Limits on memory are each
    /// process's own, those on states of all together.
    pub team: Option<Arc<Team>>,
    /// Where the run is kept, so that it can go on when it was killed; timely's engine alone can. Then only fingerprints
    /// stay in memory: of 64 bits, or 96 when 64 do not do.
    pub keep: Option<Keep>,
    /// What is explored, a fact a line: what processes that explore together must agree on.
    pub about: String,
    /// The unique states at which 64 bits no longer do; only tests set anything but [`WIDEN_AT`].
    #[doc(hidden)]
    pub widen_at: u64,
}

impl Default for Limits {
    /// All processors, no bound on memory or states, 64 bits, no reduction.
    fn default() -> Self {
        Limits {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory: u64::MAX,
            states: None,
            stop: Arc::default(),
            width: Width::Bits64,
            reduction: Reduction::None,
            team: None,
            keep: None,
            about: String::new(),
            widen_at: WIDEN_AT,
        }
    }
}

/// How far a run has come. Counts start again from zero when a run is restarted with wider fingerprints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Unique states found.
    pub unique: u64,
    /// Successors generated.
    pub successors: u64,
    /// The deepest level found.
    pub depth: u32,
    /// States found but not yet expanded (for stateright 0: it does not tell).
    pub frontier: u64,
    /// Time since the start.
    pub elapsed: Duration,
    /// Bytes resident, of the whole process; 0 where the system does not tell.
    pub memory: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every reachable state was found, and none is a violation.
    Exhausted,
    /// A violation was found; [`Outcome::trace`] leads to it.
    Violated {
        /// The bits of [`Space::violations`] in the last state of the trace.
        violations: u32,
    },
    /// Cut short: one more allocation would have passed [`Limits::memory`].
    MemoryLimit,
    /// Cut short: more than [`Limits::states`] were found.
    StateLimit,
    /// Cut short by [`Limits::stop`].
    Interrupted,
}

/// What a run found. The counts of a run that was cut short are those so far.
#[derive(Clone, Debug)]
pub struct Outcome<S> {
    /// How it ended.
    pub end: End,
    /// Unique states found; with a reduction those *stored*: expanded, or a violation.
    pub unique: u64,
    /// States that these stand for: themselves, those found and dropped because another dominates them (each once), and
    /// the mirror images of both. Without a reduction the same as [`Outcome::unique`]; with one a lower bound of what it
    /// would be without.
    pub represented: u64,
    /// The reductions that applied.
    pub reduction: Reduction,
    /// Successors generated: calls of `each` by [`Space::successors`], repeated ones included.
    pub successors: u64,
    /// Breadth-first level of the deepest state found; the initial states are level 0. Stateright with more
    /// than one thread does not go strictly level by level: its depth may then be off.
    pub depth: u32,
    /// Time from start to end, restarts included.
    pub elapsed: Duration,
    /// Time inside [`Space::successors`], summed over threads, restarts included. Timely measures it by
    /// batches; stateright by a sample of the calls.
    pub generating: Duration,
    /// The most bytes seen resident, of the whole process; 0 where the system does not tell. With several processes,
    /// of the one that had most.
    pub peak_memory: u64,
    /// [`Space::bound_hit`] at the end.
    pub bound_hit: bool,
    /// The fingerprints that [`Outcome::collision_probability`] is about.
    pub width: Width,
    /// An upper estimate of the probability that two states had one fingerprint: n^2/2^65, n^2/2^97 or n^2/2^129.
    pub collision_probability: f64,
    /// The way from an initial state to the violation, both included; empty if there is none. From timely a
    /// shortest one, and always the same; from stateright a shortest one when it runs on one thread.
    pub trace: Vec<S>,
}

/// Why an exploration has no outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Not the name of an engine.
    #[error("there is no engine `{0}`: it is `timely` or `stateright`")]
    UnknownEngine(String),
    /// The space has no initial state, so nothing would be checked.
    #[error("the space has no initial state")]
    NoInitialState,
    /// Not the name of a reduction.
    #[error("there is no reduction `{0}`: it is `none`, `symmetry`, `network` or `all`")]
    UnknownReduction(String),
    /// Stateright's checker is the reference: it explores every state.
    #[error("stateright explores without reductions: use --reduction none, or the timely engine")]
    ReducedByTimelyOnly,
    /// Which states dominate which is known in memory only.
    #[error(
        "the reduction of the network needs all in memory: with a checkpoint use --reduction symmetry or none"
    )]
    ReducedInMemory,
    /// Stateright's fingerprints have 64 bits.
    #[error("stateright's fingerprints have 64 bits: 128 are for the timely engine")]
    NarrowOnly,
    /// Stateright explores in one process.
    #[error("stateright explores in one process: several are for the timely engine")]
    OneProcess,
    /// Another process was lost, or this one never met it.
    #[error(transparent)]
    Team(#[from] TeamError),
    /// Stateright keeps nothing.
    #[error("stateright keeps nothing in files: checkpoints are for the timely engine")]
    NothingKept,
    /// The files of the run.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// Another process sent what are no states of the space.
    #[error("states from another process came damaged: are all processes of the same build?")]
    MalformedStates,
    /// There are more levels than the table of visited states can count.
    #[error("the space has more than {0} levels")]
    TooDeep(u32),
    /// The threads of the engine could not be started.
    #[error("the engine did not start: {0}")]
    Start(String),
    /// A thread of the engine panicked, most likely in the space's own code.
    #[error("a thread of the engine panicked")]
    Panicked,
    /// The violation was found but the way to it could not be walked again: the space is not deterministic, or
    /// two states share a fingerprint.
    #[error(
        "the trace breaks off at step {0}: the space is not deterministic, or two states share a fingerprint"
    )]
    BrokenTrace(usize),
}

/// Explores `space` until every state is found, a violation is, or a limit is met.
///
/// `progress` is called about four times a second on the calling thread, never after this returns. Any number
/// of explorations may run in one process, one after another or at once; [`Limits::memory`] and
/// [`Outcome::peak_memory`] are about the whole process.
///
/// With [`Limits::keep`] a run that was killed, or stopped by a limit, goes on where it was when this is called again
/// with [`Keep::resume`]; the outcome is the same, but for times and memory.
///
/// With [`Limits::team`] every process calls this with the same space, one after the other in the same order, and all
/// return the same outcome; [`Space::noted`] is then that of all together.
///
/// With timely, counts, depth, verdict and trace do not depend on the number of threads or processes: a violation ends the
/// run only when its level is complete, and of the violating states in it the one with the least fingerprint
/// is shown. If a limit cuts that very level short, the violation is still reported by a shortest trace, but
/// which one may vary.
///
/// # Errors
///
/// See [`CheckError`].
pub fn explore<M: Space>(
    engine: Engine,
    space: &Arc<M>,
    limits: &Limits,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Outcome<M::State>, CheckError> {
    let begun = Instant::now();
    if engine == Engine::Stateright && limits.reduction != Reduction::None {
        return Err(CheckError::ReducedByTimelyOnly);
    }
    match (engine, limits.width) {
        (Engine::Stateright, _) if limits.team.is_some() => Err(CheckError::OneProcess),
        (Engine::Stateright, _) if limits.keep.is_some() => Err(CheckError::NothingKept),
        (Engine::Timely, _) if limits.keep.is_some() && limits.reduction.has_network() => {
            Err(CheckError::ReducedInMemory)
        }
        (Engine::Stateright, Width::Bits64) => stateright::run(space, limits, begun, progress),
        (Engine::Stateright, _) => Err(CheckError::NarrowOnly),
        (Engine::Timely, Width::Bits96 | Width::Bits128) => {
            timely::run_wide(space, limits, begun, Duration::ZERO, progress)
        }
        (Engine::Timely, Width::Bits64) => {
            timely::run::<M, u64>(space, limits, begun, Duration::ZERO, progress)
        }
    }
}
