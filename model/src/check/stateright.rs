//! The reference engine: stateright's breadth-first checker over an adapter.
//!
//! The adapter's actions are the successors themselves, so that each is generated once; a state is hashed as one
//! slice of bytes; there is one property. Stateright cannot be told to stop, and a run that it cuts short itself
//! counts as done and passed. So the property also fails once a limit is met, which makes its threads leave at
//! once; what the run then found is judged by the last state of the path, never by the property's name.

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ::stateright::{Checker, Model, Property};

use super::control::Control;
use super::fingerprint::Print;
use super::{CheckError, End, Limits, Outcome, Progress, Width};
use crate::space::{Plain, Space, fingerprint};

/// The one property.
const CLEAN: &str = "no violation";
/// One call in so many is timed: a batch would need the checker's cooperation.
const SAMPLE: u32 = 16;

/// Explores with stateright.
pub(super) fn run<M: Space>(
    space: &Arc<M>,
    limits: &Limits,
    begun: Instant,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Outcome<M::State>, CheckError> {
    // Stateright expands an initial state as often as it is given.
    let mut seen = HashSet::new();
    let initial: Vec<_> = space
        .initial()
        .into_iter()
        .filter(|state| seen.insert(fingerprint(state)))
        .collect();
    if initial.is_empty() {
        return Err(CheckError::NoInitialState);
    }
    let given = initial.len() as u64;
    // Stateright's fingerprints cannot be widened: the outcome tells the probability of a collision.
    let control = Arc::new(Control::new(limits, u64::MAX, begun));
    control.check();
    let adapter = Adapter {
        space: Arc::clone(space),
        initial: initial.into_iter().map(Node).collect(),
        control: Arc::clone(&control),
        is_violated: AtomicBool::new(false),
        sampled: AtomicU64::new(0),
    };
    let mut checker = adapter.checker().threads(control.workers()).spawn_bfs();
    let handles = checker.handles();
    let counts = || Progress {
        unique: checker.unique_state_count() as u64,
        successors: (checker.state_count() as u64).saturating_sub(given),
        depth: (checker.max_depth() as u32).saturating_sub(1),
        ..Progress::default()
    };
    control.watch(
        || handles.iter().all(|handle| handle.is_finished()),
        counts,
        progress,
    );
    for handle in handles {
        handle.join().map_err(|_| CheckError::Panicked)?;
    }

    let Progress {
        unique,
        successors,
        depth,
        ..
    } = counts();
    let adapter = checker.model();
    let mut trace = Vec::new();
    if adapter.is_violated.load(Relaxed)
        && let Some(path) = checker.discovery(CLEAN)
    {
        trace = path.into_states().into_iter().map(|node| node.0).collect();
    }
    let violations = trace.last().map_or(0, |state| space.violations(state));
    let end = match control.cut(unique) {
        _ if violations != 0 => End::Violated { violations },
        None => End::Exhausted,
        Some(cause) => {
            trace.clear();
            cause.end().ok_or(CheckError::Panicked)?
        }
    };
    Ok(Outcome {
        end,
        unique,
        represented: unique,
        reduction: super::Reduction::None,
        successors,
        depth,
        elapsed: control.elapsed(),
        generating: Duration::from_nanos(adapter.sampled.load(Relaxed)) * SAMPLE,
        peak_memory: control.peak(),
        bound_hit: space.bound_hit(),
        width: Width::Bits64,
        collision_probability: <u64 as Print>::collision_probability(unique),
        trace,
    })
}

/// A space as a model.
struct Adapter<M: Space> {
    space: Arc<M>,
    initial: Vec<Node<M::State>>,
    control: Arc<Control>,
    is_violated: AtomicBool,
    /// Nanoseconds in the calls that were timed.
    sampled: AtomicU64,
}

/// A state that hashes as one slice of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Node<S>(S);

impl<S: Plain> Hash for Node<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write(self.0.bytes());
    }
}

impl<M: Space> Adapter<M> {
    fn is_clean(&self, node: &Node<M::State>) -> bool {
        if self.space.violations(&node.0) != 0 {
            self.is_violated.store(true, Relaxed);
            return false;
        }
        // A true discovery must not be written over.
        !self.control.is_stopped() || self.is_violated.load(Relaxed)
    }

    fn is_sampled() -> bool {
        thread_local!(static CALLS: Cell<u32> = const { Cell::new(0) });
        CALLS.with(|calls| {
            calls.set(calls.get().wrapping_add(1));
            calls.get().is_multiple_of(SAMPLE)
        })
    }
}

impl<M: Space> Model for Adapter<M> {
    type State = Node<M::State>;
    type Action = Node<M::State>;

    fn init_states(&self) -> Vec<Self::State> {
        self.initial.clone()
    }

    fn actions(&self, node: &Self::State, actions: &mut Vec<Self::Action>) {
        let begun = Self::is_sampled().then(Instant::now);
        self.space
            .successors(&node.0, &mut |state| actions.push(Node(*state)));
        if let Some(begun) = begun {
            self.sampled
                .fetch_add(begun.elapsed().as_nanos() as u64, Relaxed);
        }
    }

    fn next_state(&self, _: &Self::State, action: Self::Action) -> Option<Self::State> {
        Some(action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(CLEAN, Self::is_clean)]
    }
}
