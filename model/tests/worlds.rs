//! What must hold of every world, whatever its scenario is about.

use std::collections::HashSet;
use std::sync::Arc;

use farewell_model::check::{End, Engine, Limits, Outcome, explore};
use farewell_model::properties::{self, Fault};
use farewell_model::rules::{Rule, RuleSet};
use farewell_model::scenarios::{self, Expect, Size};
use farewell_model::seq::Seq;
use farewell_model::space::{Plain, Space};
use farewell_model::spec::{Spec, Tcb};
use farewell_model::world::net::InFlight;
use farewell_model::world::{Clocks, Goal, Plan, ROOM, State, World};

/// Beyond 300,000 unique states at smoke size: left to a smaller sibling by the tests that run all scenarios.
const LARGE: &[(&str, &str)] = &[
    (
        "close-simultaneous",
        "user-timeout-closing closes at once too",
    ),
    ("reuse", "reuse-equal is the same with one ISN each"),
    ("three-clock", "reuse-clock is the same with two lives"),
    (
        "reopen-old-stamp",
        "reopen-timestamps is the same without the stray",
    ),
    (
        "broken-promise",
        "crash-no-quiet is violated by old segments too",
    ),
    ("broken-promise-above", "reuse-above has the same ISNs"),
];

fn plan(id: &str, off: RuleSet) -> Plan<Spec> {
    scenarios::named(id).unwrap().plan(Size::Smoke, off)
}

/// Every scenario that is not too large.
fn small() -> impl Iterator<Item = (&'static str, Plan<Spec>)> {
    for (id, _) in LARGE {
        assert!(scenarios::named(id).is_some(), "{id}");
    }
    scenarios::all()
        .filter(|s| LARGE.iter().all(|(id, _)| *id != s.id))
        .map(|s| (s.id, s.plan(Size::Smoke, RuleSet::EMPTY)))
}

fn run<const N: usize>(
    engine: Engine,
    threads: usize,
    world: &Arc<World<Spec, N>>,
) -> Outcome<State<Tcb, N>> {
    let limits = Limits {
        threads,
        states: Some(5_000_000),
        ..Limits::default()
    };
    let found = explore(engine, world, &limits, &|_| {}).unwrap();
    assert!(
        matches!(found.end, End::Exhausted | End::Violated { .. }),
        "{:?}",
        found.end
    );
    found
}

fn timely<const N: usize>(plan: Plan<Spec>) -> Outcome<State<Tcb, N>> {
    run(Engine::Timely, 2, &Arc::new(World::new(plan)))
}

/// Unique states, successors and depth.
fn counts<S>(o: &Outcome<S>) -> (u64, u64, u32) {
    (o.unique, o.successors, o.depth)
}

#[test]
fn the_engines_agree() {
    let mut violated = 0;
    for (id, plan) in small() {
        let world = || Arc::new(World::<Spec, ROOM>::new(plan.clone()));
        let two = run(Engine::Timely, 2, &world());
        let one = run(Engine::Timely, 1, &world());
        let reference = run(Engine::Stateright, 1, &world());
        assert_eq!((one.end, counts(&one)), (two.end, counts(&two)), "{id}");
        assert_eq!(one.trace, two.trace, "{id}");
        if one.end == End::Exhausted {
            assert_eq!(reference.end, End::Exhausted, "{id}");
            assert_eq!(counts(&reference), counts(&one), "{id}");
        } else {
            violated += 1;
            assert!(
                matches!(reference.end, End::Violated { .. }),
                "{id}: {:?}",
                reference.end
            );
            assert_eq!(reference.trace.len(), one.trace.len(), "{id}");
        }
        assert_eq!(
            (one.bound_hit, two.bound_hit, reference.bound_hit),
            (false, false, false),
            "{id}"
        );
    }
    assert!(violated > 0);
}

/// Whether a network of that room shows that TIME_WAIT is needed; whatever it says, a full one is reported.
fn shows_the_need_of_time_wait<const N: usize>() -> bool {
    let mut plan = plan("reuse", RuleSet::EMPTY.with(Rule::TimeWait));
    plan.judged = properties::named("stream").unwrap().faults;
    let found = timely::<N>(plan);
    assert_eq!(found.bound_hit, N < ROOM, "room for {N}");
    matches!(found.end, End::Violated { .. })
}

#[test]
fn a_full_network_is_never_verified() {
    // With room for five the counterexample is gone, with six it is there (and longer than without a cap).
    assert!(!shows_the_need_of_time_wait::<4>());
    assert!(!shows_the_need_of_time_wait::<5>());
    assert!(shows_the_need_of_time_wait::<6>());
    assert!(shows_the_need_of_time_wait::<12>());
    assert!(shows_the_need_of_time_wait::<ROOM>());
}

#[test]
fn memory_of_quiet_deliveries_hides_nothing() {
    // A RST that is answered with a RST changes no endpoint: were such a delivery taken for a quiet one because
    // saturation has met it, nobody would judge it. Without saturation the last answers are steps of their own.
    for (saturated, steps) in [(true, 17), (false, 21)] {
        let mut plan = plan("close-half", RuleSet::EMPTY.with(Rule::NeverAnswerRst));
        plan.saturated = saturated;
        let found = timely::<ROOM>(plan);
        assert_eq!(
            found.end,
            End::Violated {
                violations: Fault::RstAnswered.bit()
            }
        );
        assert_eq!(found.trace.len() - 1, steps, "saturated: {saturated}");
    }
}

#[test]
fn numbers_wrap_without_a_trace() {
    let explored = |id, bases: [u32; 2]| {
        let mut plan = plan(id, RuleSet::EMPTY);
        for (host, base) in plan.hosts.iter_mut().zip(bases) {
            host.base = Seq::new(base);
        }
        let world = Arc::new(World::<Spec, ROOM>::new(plan));
        let found = run(Engine::Timely, 2, &world);
        assert_eq!(found.end, End::Exhausted, "{id} {bases:?}");
        (
            counts(&found),
            world.coverage.snapshot().reaches(Goal::Wrapped),
        )
    };
    let (far, wraps) = explored("close-half", [1_000, 5_000]);
    assert!(!wraps);
    assert_eq!(
        explored("close-half", [u32::MAX - 1, u32::MAX - 3]),
        (far, true)
    );
    // One number is not like the others: the RST that answers a SYN has the absolute number 0 (3.10.7.1). The
    // scenario's own numbers let it be the very one that a later incarnation expects.
    assert_ne!(
        explored("wrap", [u32::MAX - 1, u32::MAX - 3]).0,
        explored("wrap", [1_000, 5_000]).0
    );
}

/// The plan with the hosts' names exchanged explores to the same numbers.
fn is_its_own_mirror(id: &str, plan: Plan<Spec>) {
    let mut mirror = plan.clone();
    mirror.hosts.swap(0, 1);
    let (found, mirrored) = (timely::<ROOM>(plan), timely::<ROOM>(mirror));
    assert_eq!(counts(&found), counts(&mirrored), "{id}");
    assert_eq!(found.end, mirrored.end, "{id}");
    assert_eq!(found.trace.len(), mirrored.trace.len(), "{id}");
}

#[test]
fn nothing_is_drawn_from_the_host_names() {
    for (id, plan) in small() {
        // Strays name hosts themselves.
        if plan.strays.is_empty() && plan.clocks == Clocks::Together {
            is_its_own_mirror(id, plan);
        }
    }
}

#[test]
fn a_state_is_small() {
    assert!(size_of::<State<Tcb, 40>>() <= 512);
    assert_eq!(
        size_of::<State<Tcb, 41>>() - size_of::<State<Tcb, 40>>(),
        size_of::<InFlight>()
    );
    let world = World::<Spec, 40>::new(plan("close-half", RuleSet::EMPTY));
    let (mut todo, mut lengths) = (world.initial(), HashSet::new());
    for _ in 0..8 {
        let mut next = Vec::new();
        for s in &todo {
            let unused = 40 - usize::from(s.live);
            assert_eq!(
                s.bytes().len(),
                size_of_val(s) - unused * size_of::<InFlight>()
            );
            assert!(
                s.net[usize::from(s.live)..]
                    .iter()
                    .all(|f| *f == InFlight::NONE)
            );
            lengths.insert(s.bytes().len());
            world.successors(s, &mut |n| next.push(*n));
        }
        todo = next;
    }
    assert!(lengths.len() > 4);
}

#[test]
fn longer_time_wait_is_never_less_safe() {
    // MSL is one tick. A TIME_WAIT of one tick may begin just before a tick and end at it; what was sent just before
    // that tick too can still be delivered until the next one, into the connection after. Two ticks outlast it,
    // because the side without TIME_WAIT waits until what it sent itself has drained.
    const LEAST: u8 = 2;
    let mut plan = plan("reuse-equal", RuleSet::EMPTY);
    plan.judged = properties::named("stream").unwrap().faults;
    let safe = (0..=5).map(|time_wait| {
        plan.hosts
            .iter_mut()
            .for_each(|h| h.tcp.time_wait = time_wait);
        timely::<ROOM>(plan.clone()).end == End::Exhausted
    });
    let safe: Vec<bool> = safe.collect();
    assert_eq!(safe, (0..=5).map(|n| n >= LEAST).collect::<Vec<_>>());
}

#[test]
fn every_violated_scenario_replays() {
    let mut replayed = 0;
    for s in scenarios::all() {
        let Expect::Violated(property, _) = s.expects else {
            continue;
        };
        let world = Arc::new(World::<Spec, ROOM>::new(
            s.plan(Size::Smoke, RuleSet::EMPTY),
        ));
        let found = run(Engine::Timely, 2, &world);
        let End::Violated { violations } = found.end else {
            panic!("{}: {:?}", s.id, found.end)
        };
        assert!(
            properties::violated(violations).any(|p| p.id == property),
            "{}: {violations:#x}",
            s.id
        );
        // On a world that has seen nothing yet.
        let world = World::<Spec, ROOM>::new(s.plan(Size::Smoke, RuleSet::EMPTY));
        assert!(world.initial().contains(&found.trace[0]), "{}", s.id);
        for (n, step) in found.trace.windows(2).enumerate() {
            assert_eq!(world.violations(&step[0]), 0, "{}, step {n}", s.id);
            assert_eq!(step[0].faults(), 0, "{}, step {n}", s.id);
            let mut reached = false;
            world.successors(&step[0], &mut |next| reached |= *next == step[1]);
            assert!(reached, "{}, step {n}", s.id);
        }
        assert_eq!(
            world.violations(found.trace.last().unwrap()),
            violations,
            "{}",
            s.id
        );
        replayed += 1;
    }
    assert!(replayed > 0);
}
