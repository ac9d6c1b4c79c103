//! What must hold of every world, whatever its scenario is about.

use std::collections::HashSet;
use std::sync::Arc;

use farewell_model::check::{End, Engine, Limits, Outcome, explore};
use farewell_model::endpoint::{Armed, Effects, Endpoint, Event, Flags, Observed, TcpState};
use farewell_model::properties::{self, Fault};
use farewell_model::rules::{Rule, RuleSet};
use farewell_model::scenarios::{self, Expect, Size};
use farewell_model::seq::Seq;
use farewell_model::space::{Plain, Space, fingerprint_wide};
use farewell_model::spec::choices::{OldSyn, Restart, SynSentRst};
use farewell_model::spec::{Choices, Config, Spec, Tcb};
use farewell_model::world::net::InFlight;
use farewell_model::world::{Action, Clocks, Goal, Plan, ROOM, State, Step, When, World};

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

/// Where the first numbers lie: far from zero, and so that both hosts' numbers cross it within a connection.
const FAR: [u32; 2] = [1_000, 5_000];
const NEAR: [[u32; 2]; 3] = [
    [u32::MAX, u32::MAX],
    [u32::MAX - 1, u32::MAX - 3],
    [u32::MAX - 1, 5_000],
];

/// A scenario with its first numbers moved.
fn moved(mut plan: Plan<Spec>, bases: [u32; 2]) -> (Outcome<State<Tcb, ROOM>>, bool) {
    for (host, base) in plan.hosts.iter_mut().zip(bases) {
        host.base = Seq::new(base);
    }
    let world = Arc::new(World::new(plan));
    let found = run(Engine::Timely, 2, &world);
    let wraps = world.coverage.snapshot().reaches(Goal::Wrapped);
    (found, wraps)
}

/// Whether a SYN is ever refused: the RST that answers it has the absolute number 0 (3.10.7.1), the one number that does
/// not move with the others.
fn refuses_a_syn(plan: &Plan<Spec>) -> bool {
    let world = World::<Spec, ROOM>::new(plan.clone());
    let mut known: HashSet<u128> = HashSet::new();
    let mut todo = world.initial();
    while let Some(s) = todo.pop() {
        let zero = |f: &InFlight| {
            let seg = f.unpack(&world.bases());
            seg.is(Flags::RST) && seg.is(Flags::ACK)
        };
        if s.in_flight().iter().any(zero) {
            return true;
        }
        world.successors(&s, &mut |n| {
            if known.insert(fingerprint_wide(n)) {
                todo.push(*n);
            }
        });
    }
    false
}

#[test]
fn numbers_wrap_without_a_trace() {
    let (mut same, mut differ) = (0, Vec::new());
    for (id, plan) in small() {
        let (far, wraps) = moved(plan.clone(), FAR);
        assert!(!wraps, "{id}");
        if far.unique > 30_000 || far.end != End::Exhausted {
            continue;
        }
        let mut moves = NEAR.into_iter();
        if moves.all(|bases| {
            let (near, wraps) = moved(plan.clone(), bases);
            assert!(wraps || id == "refused", "{id} {bases:?}");
            (near.end, counts(&near)) == (far.end, counts(&far))
        }) {
            same += 1;
        } else {
            differ.push(id);
            assert!(refuses_a_syn(&plan), "{id}");
            let mut others = plan.clone();
            others.judged &= !Fault::FalseReset.bit();
            for bases in NEAR {
                let found = moved(others.clone(), bases).0.end;
                assert_eq!(found, End::Exhausted, "{id} {bases:?}");
            }
        }
    }
    assert!(same >= 10, "{same} the same, {differ:?} differ");
}

#[test]
fn only_the_reset_with_number_zero_feels_the_wrap() {
    // Where a SYN is refused, that RST can fit a connection that expects number 0, and its user is told "reset" without
    // a cause. Nothing else is ever wrong.
    let mut told = 0;
    for id in ["open-simultaneous", "reuse-above", "reopen", "half-open"] {
        let plan = plan(id, RuleSet::EMPTY);
        assert!(refuses_a_syn(&plan), "{id}");
        for bases in NEAR {
            let mut others = plan.clone();
            others.judged &= !Fault::FalseReset.bit();
            assert_eq!(moved(others, bases).0.end, End::Exhausted, "{id} {bases:?}");
            told += usize::from(moved(plan.clone(), bases).0.end != End::Exhausted);
        }
    }
    assert!(told > 0);
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
fn clocks_in_turn_favour_no_host() {
    let mut apart = 0;
    for (id, plan) in small() {
        if plan.strays.is_empty() && plan.clocks == Clocks::InTurn {
            is_its_own_mirror(id, plan);
            apart += 1;
        }
    }
    assert!(apart > 0);
}

#[test]
fn clocks_apart_cost_a_tick() {
    let apart = |id: &str, more: u8| {
        let mut plan = plan(id, RuleSet::EMPTY);
        plan.clocks = Clocks::InTurn;
        for h in &mut plan.hosts {
            h.tcp.time_wait += more;
            h.quiet += if h.crashes > 0 { more } else { 0 };
        }
        timely::<ROOM>(plan).end
    };
    // Both TIME_WAIT and quiet time want a tick more.
    for id in ["reuse-equal", "crash"] {
        let violations = Fault::FalseClosed.bit();
        assert_eq!(apart(id, 0), End::Violated { violations }, "{id}");
        assert_eq!(apart(id, 1), End::Exhausted, "{id}");
    }
    for id in [
        "close-half",
        "open-simultaneous",
        "abort-reuse",
        "reuse-above",
        "reopen",
    ] {
        assert_eq!(apart(id, 1), End::Exhausted, "{id}");
    }
}

type Back = fn(&mut Choices);

/// How a scenario of the second reading goes back to the first.
const READINGS: &[(&str, Back)] = &[
    ("reading-2", |c| c.restart = Restart::RepeatedFin),
    ("reading-2-every-answer", |c| {
        c.restart = Restart::RepeatedFin
    }),
    ("reading-4", |c| c.ack_check_first = true),
    ("reading-6", |c| c.old_syn = OldSyn::Challenge),
    ("reading-7", |c| c.syn_sent_rst = SynSentRst::AckOnly),
    ("reading-8", |c| c.stamp_before_window = false),
];

#[test]
fn every_reading_decides_something() {
    for (id, back) in READINGS {
        let other = plan(id, RuleSet::EMPTY);
        let mut base = other.clone();
        base.hosts.iter_mut().for_each(|h| back(&mut h.tcp.choices));
        let (other, base) = (timely::<ROOM>(other), timely::<ROOM>(base));
        assert_eq!(other.end, End::Exhausted, "{id}");
        assert_ne!(
            (base.end, counts(&base)),
            (other.end, counts(&other)),
            "{id}"
        );
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

/// Which values of TIME_WAIT, from 0 to 5 ticks, are safe where MSL is one tick.
fn safe_time_waits(id: &str, property: Option<&str>) -> Vec<bool> {
    let mut plan = plan(id, RuleSet::EMPTY);
    if let Some(property) = property {
        plan.judged &= properties::named(property).unwrap().faults;
    }
    let safe = (0..=5).map(|time_wait| {
        plan.hosts
            .iter_mut()
            .for_each(|h| h.tcp.time_wait = time_wait);
        timely::<ROOM>(plan.clone()).end == End::Exhausted
    });
    safe.collect()
}

#[test]
fn longer_time_wait_is_never_less_safe() {
    let from = |least: usize| (0..=5).map(|n| n >= least).collect::<Vec<_>>();
    // The streams alone: a TIME_WAIT of one tick may begin just before a tick and end at it; what was sent just before
    // that tick too can still be delivered until the next one, into the connection after. Two ticks outlast it, because
    // the side without TIME_WAIT waits until the connection's segments have drained.
    assert_eq!(safe_time_waits("reuse-equal", Some("stream")), from(2));
    // And what users are told: what TIME_WAIT itself answers just before it ends lives an MSL more. 2 MSL, made sure of.
    assert_eq!(safe_time_waits("reuse-equal", None), from(3));
    // Clocks that are apart lose a tick more, between the two of them.
    assert_eq!(
        safe_time_waits("reuse-clocks-apart", Some("stream")),
        from(3)
    );
    assert_eq!(safe_time_waits("reuse-clocks-apart", None), from(4));
}

/// Scenarios of standard size in which a host writes nothing, or MSL is not two ticks, and why.
const SMALLER: &[(&str, &str)] = &[
    ("ack-beyond", "zero-window writes both ways"),
    ("both-alike", "close-simultaneous writes both ways"),
    ("reuse-alike", "a FIN is enough to be taken for another"),
    ("close-early-active", "closes before it could write"),
    ("close-early-passive", "closes with nothing to send"),
    (
        "zero-window-closing",
        "the window of the other is what is closed",
    ),
    ("close-unread", "who throws data away says nothing itself"),
    ("abort-active", "abort-passive writes both ways"),
    ("half-open-coincidence", "half-open writes both ways"),
    ("user-timeout-closing", "user-timeout writes both ways"),
    ("refused", "nobody is there"),
    ("three-menu", "three-equal writes both ways"),
    ("reopen-old-syn", "reopen writes both ways"),
    (
        "reopen-old-stamp",
        "an old SYN multiplies everything: MSL of one tick",
    ),
    ("paws", "reopen-timestamps writes both ways"),
    ("reading-8", "the same world as paws"),
    ("reading-6", "the same world as reopen-old-stamp"),
    ("broken-promise", "the hosts' MSL is not the network's"),
    (
        "broken-promise-above",
        "the hosts' MSL is not the network's",
    ),
    (
        "reading-2",
        "two TIME_WAITs answer each other, whatever came before",
    ),
    ("reading-2-every-answer", "the same"),
    ("reading-3-single", "abort-active writes"),
    ("reading-7", "the side that is refused writes"),
    ("reading-syn", "half-open writes both ways"),
];

#[test]
fn the_standard_size_is_what_it_says() {
    for s in scenarios::all() {
        let plan = s.plan(Size::Standard, RuleSet::EMPTY);
        let writes = |step: &Step| step.written() > 0;
        let both_write = plan
            .hosts
            .iter()
            .all(|h| h.lives.iter().flat_map(|l| &l.steps).any(writes));
        let sure = plan.hosts.iter().all(|h| h.tcp.time_wait >= 5);
        let full = both_write && plan.lifetime == 2 && sure;
        let excused = SMALLER.iter().any(|(id, _)| *id == s.id);
        assert_ne!(full, excused, "{}", s.id);
    }
    for (id, _) in SMALLER {
        assert!(scenarios::named(id).is_some(), "{id}");
    }
}

#[test]
fn what_a_world_cannot_tell_is_never_verified() {
    let bounded = |plan: Plan<Spec>| {
        let world = Arc::new(World::<Spec, ROOM>::new(plan));
        world.bound_hit()
    };
    let stamped = plan("reopen-timestamps", RuleSet::EMPTY);
    assert!(!bounded(stamped.clone()));
    // Timestamps whose age two clocks count, or that are simply old within a lifetime.
    let mut apart = stamped.clone();
    apart.clocks = Clocks::InTurn;
    assert!(bounded(apart));
    let mut long = stamped;
    long.lifetime = 4;
    assert!(bounded(long));
    // A stray's text would be that of the third life.
    let mut third = plan("old-ack", RuleSet::EMPTY);
    assert!(!bounded(third.clone()));
    for _ in 1..3 {
        third.hosts[0].then(&[Step::Connect(When::AT_ONCE)]);
    }
    assert!(bounded(third));
    // A clock that stands still while there are numbers left to reach.
    let mut clock = plan("reuse-clock", RuleSet::EMPTY);
    assert!(!bounded(clock.clone()));
    clock.hosts[0].lives[0].steps.push(Step::Send(7));
    assert!(bounded(clock));
}

/// The specification, but for a tick that does something.
struct Ticking;

impl Endpoint for Ticking {
    type Image = Tcb;
    type Config = Config;

    fn boot(c: &Config) -> Tcb {
        Spec::boot(c)
    }

    fn step(c: &Config, i: &mut Tcb, e: Event, isn: Option<Seq>, out: &mut Effects) {
        Spec::step(c, i, e, isn, out);
        if e == Event::Tick && i.state == TcpState::Listen {
            i.state = TcpState::Closed;
        }
    }

    fn armed(c: &Config, i: &Tcb) -> Armed {
        Spec::armed(c, i)
    }

    fn observe(c: &Config, i: &Tcb) -> Observed {
        Spec::observe(c, i)
    }
}

#[test]
fn a_tick_only_makes_timers_due() {
    let plan = plan("refused", RuleSet::EMPTY);
    let mut listens = plan.hosts[1].clone();
    listens.lives[0].steps = vec![Step::Listen(When::AT_ONCE)];
    let hosts = [plan.hosts[0].clone(), listens];
    let world = World::<Ticking, ROOM>::new(Plan {
        hosts,
        lifetime: plan.lifetime,
        clocks: plan.clocks,
        rules: plan.rules,
        saturated: plan.saturated,
        strays: plan.strays,
        judged: plan.judged,
    });
    let begin = world.initial()[0];
    let after = world.perform(&begin, Action::Tick).unwrap();
    assert_eq!(after.faults(), Fault::Transition.bit());
}

#[test]
fn every_violated_scenario_replays() {
    let mut replayed = 0;
    for s in scenarios::all() {
        let Expect::Violated(fault, _) = s.expects else {
            continue;
        };
        let world = Arc::new(World::<Spec, ROOM>::new(
            s.plan(Size::Smoke, RuleSet::EMPTY),
        ));
        let found = run(Engine::Timely, 2, &world);
        let End::Violated { violations } = found.end else {
            panic!("{}: {:?}", s.id, found.end)
        };
        assert_eq!(violations, fault.bit(), "{}: {violations:#x}", s.id);
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
