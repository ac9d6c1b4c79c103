//! What must eventually happen, decided on the graph of all states.
//!
//! A run is *fair* if what is asked for again and again is granted again and again ([`Demand`]): strong fairness, for
//! each demand by itself. A world is live if every fair run comes to an end ([`Mark::END`]). That is decided by looking
//! for a fair cycle that avoids the end, on strongly connected components (Streett emptiness, with nested removal);
//! a state from which no end can be reached leads into such a cycle, too. Steps that change nothing are steps here: a
//! segment that is sent or delivered in vain has been sent or delivered.
//!
//! What is asked for and what an end is, the world says ([`Fair`]).

mod graph;
mod lasso;
mod scc;
mod streett;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Limits, Progress};
use crate::space::{Space, fingerprint};
use graph::{Builder, Graph, Node};

use streett::{Set, Streett};

/// Something that a fair run grants again and again if it is asked for again and again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Demand(u64);

const STANDING: u64 = 1 << 63;

impl Demand {
    /// Asked for in every state in which some step grants it.
    pub const fn standing(n: u64) -> Demand {
        Demand(n | STANDING)
    }

    /// Asked for by the steps that say so.
    pub const fn by_steps(n: u64) -> Demand {
        Demand(n & !STANDING)
    }

    /// Whether it is the first kind.
    pub const fn is_standing(self) -> bool {
        self.0 & STANDING != 0
    }
}

/// What a step does for fairness.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// What it grants.
    pub grants: Option<Demand>,
    /// What it asks for.
    pub asks: &'a [Demand],
}

/// What a state is for progress: bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mark(pub u8);

impl Mark {
    /// All is over, as it should be. Nothing is asked of a run from here on.
    pub const END: Mark = Mark(1);
    /// From here a clean end must be possible still.
    pub const OWES_CLEAN: Mark = Mark(2);
    /// A clean end.
    pub const CLEAN: Mark = Mark(4);

    /// Both.
    pub const fn with(self, m: Mark) -> Mark {
        Mark(self.0 | m.0)
    }

    /// Whether it has all of these.
    pub const fn has(self, m: Mark) -> bool {
        self.0 & m.0 == m.0
    }

    /// Whether it is an end.
    pub const fn is_end(self) -> bool {
        self.has(Mark::END)
    }
}

/// A space whose progress can be decided.
pub trait Fair: Space {
    /// Hands out every step of `state`, those that change nothing included, in an order that is always the same.
    fn every_step(&self, state: &Self::State, each: &mut impl FnMut(Taken<'_>, &Self::State));

    /// What a state is for progress.
    fn mark(&self, state: &Self::State) -> Mark;
}

/// A run that shows what is wrong.
#[derive(Clone, Debug)]
pub struct Lasso<S> {
    /// Its states. Each follows from the one before by a step, which may change nothing.
    pub states: Vec<S>,
    /// For each step but the first state, which of the steps of the state before it is, as [`Fair::every_step`] counts.
    pub steps: Vec<usize>,
    /// The last state is this one again: from here on it is repeated for ever. The last state itself if nothing is.
    pub again_from: usize,
}

/// What was decided.
#[derive(Clone, Debug)]
pub enum Verdict<S> {
    /// Every fair run comes to an end.
    Live,
    /// A fair run that never does.
    NeverEnds {
        /// The run.
        lasso: Lasso<S>,
        /// No end can be reached any more where it repeats itself; otherwise the run only never gets there.
        beyond_help: bool,
    },
    /// A clean end should still be possible, and is not.
    NotClean {
        /// The way there.
        way: Lasso<S>,
    },
}

/// What was decided, and on what.
#[derive(Clone, Debug)]
pub struct Decision<S> {
    /// What was decided.
    pub verdict: Verdict<S>,
    /// Unique states: all of them, unless a run without an end was found before.
    pub states: u64,
    /// Steps between them.
    pub transitions: u64,
    /// Ends among the states.
    pub ends: u64,
    /// States from which no end can be reached, for certain.
    pub lost: u64,
    /// Different demands.
    pub demands: usize,
    /// Bytes that the graph took, with all that deciding on it takes.
    pub bytes: u64,
    /// The same with the states that waited to be expanded, at most, and what finds a state again.
    pub peak: u64,
    /// Time from start to end.
    pub elapsed: Duration,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LivenessError {
    /// The space has no initial state, so nothing would be checked.
    #[error("the space has no initial state")]
    NoInitialState,
    /// The graph does not fit the memory that it may use.
    #[error("the graph of the states does not fit the memory limit: {0} states so far")]
    MemoryLimit(u64),
    /// More nodes than can be numbered.
    #[error("the graph has more than 2^32 states")]
    TooLarge,
    /// More demands than can be numbered.
    #[error("more than 65536 different segments, timers and steps")]
    TooManyDemands,
    /// Something did not fit a bound of the space: what is left out might be what ends a run.
    #[error("a bound was hit: progress cannot be decided")]
    BoundHit,
    /// Stopped by [`Limits::stop`].
    #[error("interrupted")]
    Interrupted,
    /// What was found does not hold when it is played again.
    #[error("the run that was found is not fair, or does not exist: a mistake of this program")]
    Unfair,
}

/// So many states are looked at for a fair run without an end before the rest is explored, then twice as many, and so on.
const FIRST_LOOK: usize = 25_000;

/// Decides whether every fair run of `space` comes to an end.
///
/// # Errors
///
/// When the graph cannot be built completely.
pub fn decide<S: Fair>(
    space: &S,
    limits: &Limits,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Decision<S::State>, LivenessError> {
    let begun = Instant::now();
    let progress = |p: &Progress| {
        progress(&Progress {
            elapsed: begun.elapsed(),
            ..*p
        });
    };
    let mut builder = Builder::new(space, limits)?;
    let mut enough = FIRST_LOOK;
    let verdict = loop {
        let whole = builder.grow(enough, &progress)?;
        if space.bound_hit() {
            return Err(LivenessError::BoundHit);
        }
        // A fair cycle in what is known so far is one in the whole graph, too.
        if let Some(v) = never_ends(space, &builder.g)? {
            break v;
        }
        if whole {
            break ends_cleanly(space, &builder.g);
        }
        enough *= 2;
    };
    let g = builder.g;
    let ends = g.marks.iter().filter(|m| m.is_end()).count() as u64;
    let lost = g
        .can_reach(Mark::is_end)
        .iter()
        .filter(|can| !**can)
        .count() as u64;
    Ok(Decision {
        verdict,
        states: g.len() as u64,
        transitions: g.transitions(),
        ends,
        lost,
        demands: g.demands.len(),
        bytes: g.bytes_to_decide() as u64,
        peak: g.most_bytes() as u64,
        elapsed: begun.elapsed(),
    })
}

/// A fair run without an end in what is known of the graph.
fn never_ends<S: Fair>(space: &S, g: &Graph) -> Result<Option<Verdict<S::State>>, LivenessError> {
    let can_end = g.can_reach(Mark::is_end);
    let open: Vec<Node> = (0..g.expanded() as Node)
        .filter(|n| !g.marks[*n as usize].is_end())
        .collect();
    let mut streett = Streett::new(g);
    let parts = streett.fair_parts(open, Set::default(), false);
    // The shallowest, and before these one without hope.
    let worst = parts
        .into_iter()
        .min_by_key(|p| (can_end[p.nodes[0] as usize], p.nodes[0]));
    let Some(part) = worst else {
        return Ok(None);
    };
    let beyond_help = !can_end[part.nodes[0] as usize];
    let part = streett.least(part);
    let lasso = replayed(space, g, &lasso::lasso(g, &part));
    if !is_fair(space, &lasso) {
        return Err(LivenessError::Unfair);
    }
    Ok(Some(Verdict::NeverEnds { lasso, beyond_help }))
}

/// Every fair run ends in this graph, which is whole: whether a clean end stays possible where it is owed.
fn ends_cleanly<S: Fair>(space: &S, g: &Graph) -> Verdict<S::State> {
    let clean = g.can_reach(|m| m.has(Mark::CLEAN));
    let spoilt = (0..g.len() as Node)
        .find(|n| g.marks[*n as usize].has(Mark::OWES_CLEAN) && !clean[*n as usize]);
    match spoilt {
        Some(n) => {
            let mut way = lasso::way_to(g, n);
            way.again_from = way.steps.len();
            Verdict::NotClean {
                way: replayed(space, g, &way),
            }
        }
        None => Verdict::Live,
    }
}

/// Whether a run that repeats itself is one, never comes to an end, and grants in what it repeats whatever is asked for
/// there. This looks at the run alone, without the graph in which it was found.
pub fn is_fair<S: Fair>(space: &S, lasso: &Lasso<S::State>) -> bool {
    let (mut asked, mut granted) = (HashSet::new(), HashSet::new());
    for (n, step) in lasso.steps.iter().enumerate() {
        let Some([here, there]) = lasso.states.get(n..n + 2) else {
            return false;
        };
        let repeated = n >= lasso.again_from;
        let (mut at, mut leads) = (0, false);
        space.every_step(here, &mut |taken, next| {
            let standing = taken.grants.filter(|d| repeated && d.is_standing());
            asked.extend(standing);
            if at == *step {
                leads = next == there;
                if repeated {
                    asked.extend(taken.asks);
                    granted.extend(taken.grants);
                }
            }
            at += 1;
        });
        if !leads || space.mark(here).is_end() {
            return false;
        }
    }
    lasso.again_from < lasso.steps.len()
        && lasso.states.get(lasso.again_from) == lasso.states.last()
        && asked.is_subset(&granted)
}

/// The states along a way: only their fingerprints were kept.
fn replayed<S: Fair>(space: &S, g: &Graph, way: &lasso::Way) -> Lasso<S::State> {
    let begins = g.prints[way.begins as usize];
    let first = space
        .initial()
        .into_iter()
        .find(|s| fingerprint(s) == begins);
    let mut states: Vec<S::State> = first.into_iter().collect();
    let mut steps = Vec::new();
    let mut at = way.begins;
    for e in &way.steps {
        let Some(&here) = states.last() else { break };
        let Some(which) = g
            .edges(at)
            .iter()
            .position(|f| (f.to, f.label) == (e.to, e.label))
        else {
            break;
        };
        let mut n = 0;
        let mut there = None;
        space.every_step(&here, &mut |_, next| {
            if n == which {
                there = Some(*next);
            }
            n += 1;
        });
        let Some(there) = there else { break };
        states.push(there);
        steps.push(which);
        at = e.to;
    }
    Lasso {
        states,
        steps,
        again_from: way.again_from,
    }
}
