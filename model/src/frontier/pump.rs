//! A counterexample that no TIME_WAIT outlasts.
//!
//! The TCP looks at the countdown of TIME_WAIT only to see whether it has run out. So if a run passes through two states that
//! are equal but for these countdowns, with ticks in between, what lies between may be repeated any number of times: each
//! time as many ticks pass, and a TIME_WAIT that is longer by as many ends at the same point of the run. A counterexample
//! with such a loop inside every TIME_WAIT that ends by its timer, or in which none does, is one for every length.
//!
//! That argument is not taken on trust: the run with its loops repeated is performed in worlds with longer TIME_WAITs.

use super::probe::Question;
use crate::endpoint::Timer;
use crate::report::actions_along;
use crate::spec::Spec;
use crate::spec::tcb::{Countdown, Tcb};
use crate::world::{Action, State, World};

/// TIME_WAITs, beyond that of the counterexample, in which its pumped form is performed.
const LONGER_BY: [u8; 6] = [1, 2, 3, 7, 20, 150];

/// A part of a run that may be repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loop {
    /// Its first step, counted from 0.
    pub from: usize,
    /// The step after its last.
    pub to: usize,
    /// Ticks in it.
    pub ticks: u8,
}

/// How a counterexample runs out any TIME_WAIT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pump {
    /// What is repeated; nothing if no TIME_WAIT ends by its timer in it.
    pub loops: Vec<Loop>,
    /// The TIME_WAITs, in ticks, in which the longer runs were performed.
    pub performed: Vec<u8>,
}

/// How this counterexample can be pumped, if it can.
pub(super) fn of<const N: usize>(
    q: &Question,
    world: &World<Spec, N>,
    trace: &[State<Tcb, N>],
) -> Option<Pump> {
    let actions = actions_along(world, trace);
    let mut loops: Vec<Loop> = Vec::new();
    for (end, action) in actions.iter().enumerate() {
        let Action::Fire(host, Timer::TimeWait) = *action else {
            continue;
        };
        let begin = began(trace, usize::from(host), end)?;
        let covered = |l: &Loop| begin <= l.from && l.to <= end;
        if !loops.iter().any(covered) {
            loops.push(repeats(trace, &actions, begin, end)?);
        }
    }
    loops.sort_by_key(|l| l.from);
    // Loops that overlap have no order to be repeated in.
    if loops.windows(2).any(|pair| pair[0].to > pair[1].from) {
        return None;
    }
    let mut performed = Vec::new();
    for longer in LONGER_BY {
        let time_wait = q.time_wait.checked_add(longer)?;
        let plan = Question { time_wait, ..*q }.plan();
        if !is_run(&World::new(plan), trace, &actions, &loops, longer) {
            return None;
        }
        performed.push(time_wait);
    }
    Some(Pump { loops, performed })
}

/// Since which state on the TIME_WAIT that ends by its timer in step `end` has been running down undisturbed.
fn began<const N: usize>(trace: &[State<Tcb, N>], host: usize, end: usize) -> Option<usize> {
    let left = |n: usize| trace.get(n).map(|s: &State<Tcb, N>| s.ends[host].time_wait);
    let mut begin = end;
    while begin > 0 && left(begin - 1)?.is_running() && left(begin - 1)? >= left(begin)? {
        begin -= 1;
    }
    left(end)?.is_running().then_some(begin)
}

/// The first shortest loop with a tick in it between two states.
fn repeats<const N: usize>(
    trace: &[State<Tcb, N>],
    actions: &[Action],
    begin: usize,
    end: usize,
) -> Option<Loop> {
    (1..=end - begin)
        .flat_map(|length| (begin..=end - length).map(move |from| (from, from + length)))
        .filter(|&(from, to)| timeless(trace[from]) == timeless(trace[to]))
        .find_map(|(from, to)| {
            let ticks = actions[from..to]
                .iter()
                .filter(|a| **a == Action::Tick)
                .count();
            let ticks = u8::try_from(ticks).ok().filter(|&n| n > 0)?;
            Some(Loop { from, to, ticks })
        })
}

/// A state with every TIME_WAIT at the same, as long as it runs.
fn timeless<const N: usize>(mut s: State<Tcb, N>) -> State<Tcb, N> {
    for tcb in &mut s.ends {
        if tcb.time_wait.is_running() {
            tcb.time_wait = Countdown::start(Some(0));
        }
    }
    s
}

/// Whether the actions, each loop repeated until it has lasted `longer` ticks more, are a run of that world to a violation.
fn is_run<const N: usize>(
    world: &World<Spec, N>,
    trace: &[State<Tcb, N>],
    actions: &[Action],
    loops: &[Loop],
    longer: u8,
) -> bool {
    let first = trace
        .first()
        .and_then(|s| world.initial_states().into_iter().find(|i| i == s));
    let Some(mut here) = first else {
        return false;
    };
    let mut next = 0;
    while next < actions.len() {
        // A loop is repeated where it begins; then comes its first time.
        let repeated = loops.iter().find(|l| l.from == next);
        let times = repeated.map_or(0, |l| longer.div_ceil(l.ticks));
        let again = repeated.map_or(&[][..], |l| &actions[l.from..l.to]);
        for _ in 0..times {
            if !again.iter().all(|a| take(world, &mut here, *a)) {
                return false;
            }
        }
        if !take(world, &mut here, actions[next]) {
            return false;
        }
        next += 1;
    }
    here.faults() & world.plan.judged != 0
}

/// Takes a step, if it is possible.
fn take<const N: usize>(world: &World<Spec, N>, here: &mut State<Tcb, N>, action: Action) -> bool {
    match world.perform(here, action) {
        Some(next) => *here = next,
        // A tick is always possible, and when nothing is left to age it changes nothing.
        None => return action == Action::Tick,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Engine, Limits, explore};
    use crate::frontier::{Cell, Judged};
    use crate::scenarios::Size;
    use crate::world::ROOM;
    use std::sync::Arc;

    /// Two ticks are too short and three are enough: the counterexample must not be taken for one of any length.
    #[test]
    fn what_is_not_the_same_state_again_is_no_loop() {
        let textbook = "frontier.equal.plain.client.finished.drained.f1.fixed.every.empty";
        let short = Question {
            cell: Cell::named(textbook).expect("it is a cell"),
            size: Size::Smoke,
            time_wait: 2,
            judged: Judged::Data,
        };
        let world = Arc::new(World::<Spec, ROOM>::new(short.plan()));
        let found = explore(Engine::Timely, &world, &Limits::default(), &|_| ());
        let trace = found.expect("the engine runs").trace;
        let actions = actions_along(&world, &trace);
        let ends = |a: &Action| matches!(a, Action::Fire(_, Timer::TimeWait));
        let end = actions.iter().position(ends).expect("TIME_WAIT ends in it");
        let Action::Fire(host, _) = actions[end] else {
            panic!("it was just found");
        };
        let begin = began(&trace, usize::from(host), end).expect("it ran");
        assert_eq!(repeats(&trace, &actions, begin, end), None);
        assert_eq!(of(&short, &world, &trace), None);
        // Nor is a run what somebody took for a loop nevertheless.
        assert!(is_run(&world, &trace, &actions, &[], 0));
        let enough = Question {
            time_wait: 3,
            ..short
        };
        let enough = World::<Spec, ROOM>::new(enough.plan());
        let ticks = (begin..end).filter(|&n| actions[n] == Action::Tick);
        let mut tried = 0;
        for from in ticks {
            let (to, ticks) = (from + 1, 1);
            let loops = [Loop { from, to, ticks }];
            assert!(!is_run(&enough, &trace, &actions, &loops, 1), "{loops:?}");
            tried += 1;
        }
        assert!(tried > 0);
    }
}
