//! Every scenario's number of unique states, every counterexample's length and every verdict, pinned exactly:
//! a changed number is a changed protocol and needs a reason in the commit that changes it.

use std::sync::Arc;

use farewell_model::ablation::NOT_SHOWN;
use farewell_model::check::{End, Engine, Limits, Outcome, explore};
use farewell_model::properties::Fault;
use farewell_model::rules::{RULES, RuleSet};
use farewell_model::scenarios::{self, Expect, Scenario, Size};
use farewell_model::spec::transition::TABLE;
use farewell_model::spec::{Spec, Tcb};
use farewell_model::world::{Covered, Plan, ROOM, State, World};

type Run = (Outcome<State<Tcb, ROOM>>, Covered);

fn run(plan: Plan<Spec>) -> Run {
    let world: Arc<World<Spec, ROOM>> = Arc::new(World::new(plan));
    let limits = Limits {
        threads: 2,
        ..Limits::default()
    };
    let outcome = explore(Engine::Timely, &world, &limits, &|_| {}).expect("the engine runs");
    let covered = world.coverage.snapshot();
    (outcome, covered)
}

/// What differs from what the scenario declares and pins.
fn differences(s: &Scenario, size: Size, pinned: u64) -> (Vec<String>, Covered) {
    let (o, covered) = run(s.plan(size, RuleSet::EMPTY));
    let mut wrong = Vec::new();
    match (s.expects, o.end) {
        (Expect::Verified, End::Exhausted) => {
            if o.unique != pinned {
                wrong.push(format!("{}: {} states, pinned {pinned}", s.id, o.unique));
            }
            if o.bound_hit {
                wrong.push(format!("{}: a bound was hit", s.id));
            }
            for g in s.goals.iter().filter(|g| !covered.reaches(**g)) {
                wrong.push(format!("{}: never reached: {}", s.id, g.text()));
            }
        }
        (Expect::Violated(fault, _), End::Violated { violations }) => {
            if violations != fault.bit() {
                wrong.push(format!("{}: {violations:#x} is not {fault:?}", s.id));
            }
            let steps = o.trace.len() as u64 - 1;
            if steps != pinned {
                wrong.push(format!("{}: {steps} steps, pinned {pinned}", s.id));
            }
        }
        (_, end) => wrong.push(format!("{}: ended {end:?}", s.id)),
    }
    (wrong, covered)
}

fn check_all(size: Size, column: usize) -> Covered {
    let mut all = Covered::default();
    let mut wrong = Vec::new();
    for s in scenarios::all() {
        let (w, covered) = differences(s, size, s.pinned[column]);
        wrong.extend(w);
        all = all.and(covered);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    all
}

#[test]
fn smoke_is_as_pinned_and_exercises_everything() {
    let all = check_all(Size::Smoke, 0);
    assert_eq!(all.state_names().count(), 11);
    let untaken: Vec<_> = TABLE
        .iter()
        .enumerate()
        .filter(|(n, _)| all.transitions & 1 << n == 0)
        .collect();
    assert!(untaken.is_empty(), "{untaken:?}");
    let idle: Vec<_> = RULES
        .iter()
        .filter(|r| !all.rules.has(r.rule))
        .map(|r| r.id)
        .collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[test]
fn standard_is_as_pinned() {
    check_all(Size::Standard, 1);
}

/// A scenario that does not judge late resets has them, and names one that declares just that.
#[test]
fn late_resets_are_declared() {
    for s in scenarios::all() {
        let Some(by) = s.late_resets else { continue };
        let declares = scenarios::named(by).expect("the scenario exists");
        assert!(
            matches!(declares.expects, Expect::Violated(Fault::FalseReset, _)),
            "{by}"
        );
        for (id, world) in [(s.id, s), (by, declares)] {
            let mut plan = world.plan(Size::Smoke, RuleSet::EMPTY);
            plan.judged = Fault::FalseReset.bit();
            let (found, _) = run(plan);
            assert!(matches!(found.end, End::Violated { .. }), "{id}");
        }
    }
}

/// Rows of the list of hazards.
const HAZARDS: u8 = 32;

#[test]
fn every_hazard_has_a_rule_or_a_reason() {
    for hazard in 1..=HAZARDS {
        let ruled = RULES.iter().any(|r| r.hazard == hazard);
        let reason = NOT_SHOWN.iter().any(|(h, _)| *h == hazard);
        assert!(ruled || reason, "hazard {hazard}");
    }
}
