//! The shipping code in every scenario's world, and in lockstep with the specification there, at smoke size.
//!
//! Unique states are pinned, most by the scenario's own number, which the specification's world has: they are the same
//! machine. The others stand in [`PINNED`], each with its reason.

use std::sync::Arc;

use farewell_fuzz::engine::Engine;
use farewell_fuzz::lockstep::last_difference;
use farewell_fuzz::worlds::{Both, expected, of_both, of_the_engine, replaced};
use farewell_model::check::{self, End, Limits, Outcome};
use farewell_model::endpoint::Endpoint;
use farewell_model::properties::Fault;
use farewell_model::rules::RuleSet;
use farewell_model::scenarios::{self, Expect, Scenario, Size};
use farewell_model::world::{Plan, ROOM, State, World};

fn run<E: Endpoint>(plan: Plan<E>) -> Outcome<State<E::Image, ROOM>> {
    let world: Arc<World<E, ROOM>> = Arc::new(World::new(plan));
    let limits = Limits {
        threads: 2,
        ..Limits::default()
    };
    let o = check::explore(check::Engine::Timely, &world, &limits, &|_| {});
    o.expect("the engine runs")
}

/// Unique states where they are not the scenario's own, with the reason.
const PINNED: &[(&str, u64)] = &[
    // The engine sends what an acknowledgment lets go at the end of the event. The specification with that choice has as many.
    ("close-early-pending", 92_864),
    ("zero-window-closing", 139_635),
    // The engine's readings in place of the scenario's: the specification with these has as many.
    ("reorder-held", 73_877),
    ("reorder-dropped", 73_877),
    ("reading-1", 21_412), // as close-half
    ("reading-2", 6_484),
    ("reading-2-every-answer", 6_484),
    ("reading-4", 50_407),
    ("reading-5", 21_412),  // as close-half
    ("reading-7", 139_114), // in lockstep; the engine alone ends at the RST
    ("reading-8", 33_234),  // as paws
    ("reading-syn", 77_136),
    // The engine remembers the right edge of the window it last offered, the specification does not.
    ("zero-window", 41_425),
    ("zero-window-close-wait", 84_625),
    ("zero-window-fin", 17_429), // and its reading
    // The engine remembers how it was opened, the specification in SYN_RECEIVED only: a client whose peer reopened differs.
    ("reopen", 33_209),
    ("reopen-timestamps", 93_014),
    ("reopen-old-stamp", 304_593),
    ("reading-6", 304_593), // as reopen-old-stamp
];

fn pinned(s: &Scenario) -> Option<u64> {
    let own = PINNED.iter().find(|p| p.0 == s.id).map(|p| p.1);
    let same = s.expects == Expect::Verified && replaced(s).is_empty();
    own.or(same.then_some(s.pinned[0]))
}

#[test]
fn the_engine_ends_as_every_scenario_declares() {
    let mut wrong = Vec::new();
    for s in scenarios::all() {
        let o = run::<Engine>(of_the_engine(s.plan(Size::Smoke, RuleSet::EMPTY)));
        let steps = o.trace.len().saturating_sub(1) as u64;
        match (expected(s), o.end) {
            (Expect::Verified, End::Exhausted) if !o.bound_hit => {
                if pinned(s).is_some_and(|n| n != o.unique) {
                    wrong.push(format!(
                        "{}: {} states, pinned {:?}",
                        s.id,
                        o.unique,
                        pinned(s)
                    ));
                }
            }
            (Expect::Violated(fault, _), End::Violated { violations })
                if violations == fault.bit() =>
            {
                let same = s.expects == expected(s);
                if same && steps != s.pinned[0] {
                    wrong.push(format!("{}: {steps} steps, pinned {}", s.id, s.pinned[0]));
                }
            }
            (_, end) => wrong.push(format!("{}: ended {end:?}", s.id)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn specification_and_engine_are_the_same_machine() {
    let mut wrong = Vec::new();
    for s in scenarios::all() {
        let declared = s.plan(Size::Smoke, RuleSet::EMPTY);
        let judged = declared.judged;
        let mut plan = of_both(declared);
        // `conform check` goes on behind a declared violation, but for one space that is too large; a test need not.
        let ends = s.expects != Expect::Verified && replaced(s).is_empty();
        if ends {
            plan.judged |= judged;
        }
        let o = run::<Both>(plan);
        let steps = o.trace.len().saturating_sub(1) as u64;
        match o.end {
            End::Violated { violations } if ends && violations & Fault::Difference.bit() == 0 => {
                if steps != s.pinned[0] {
                    wrong.push(format!("{}: {steps} steps, pinned {}", s.id, s.pinned[0]));
                }
            }
            End::Exhausted if !ends && !o.bound_hit => {
                if pinned(s) != Some(o.unique) {
                    wrong.push(format!("(\"{}\", {}),", s.id, o.unique));
                }
            }
            end => wrong.push(format!("{}: ended {end:?}\n{}", s.id, last_difference())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
