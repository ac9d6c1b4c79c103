//! Reductions change the number of states and nothing else: every scenario, and every counterexample of the matrix with its
//! rule off, is explored in full with and without. Verdict, length of the shortest counterexample, what was exercised, and
//! the set of situations of hosts and users are the same. Three unsound reductions are planted, and caught.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};

use farewell_model::ablation::{Cell, MATRIX, SAFE, SIZE, judged, property};
use farewell_model::check::{CheckError, End, Engine, Limits, Outcome, Reduction, explore};
use farewell_model::rules::{Rule, RuleSet};
use farewell_model::scenarios::{self, Size};
use farewell_model::space::{Compared, Space};
use farewell_model::spec::{Spec, Tcb};
use farewell_model::world::{Covered, Plan, ROOM, State, World};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U64;

type Here = State<Tcb, ROOM>;

/// How states compare.
type Compare = for<'s> fn(&World<Spec, ROOM>, &'s Here) -> Compared<'s>;

/// A world whose situations are written down as they are found.
struct Watched {
    world: World<Spec, ROOM>,
    compare: Compare,
    /// Of ends, applications, history, faults and phase, by 64 bits.
    seen: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

fn rightly<'s>(world: &World<Spec, ROOM>, s: &'s Here) -> Compared<'s> {
    world.compared(s).expect("worlds have an order")
}

impl Space for Watched {
    type State = Here;

    fn initial(&self) -> Vec<Here> {
        self.world.initial()
    }

    fn successors(&self, s: &Here, each: &mut impl FnMut(&Here)) {
        self.world.successors(s, each)
    }

    fn violations(&self, s: &Here) -> u32 {
        let situation = |s: &Here| {
            let (ends, apps, seen) = (s.ends.as_bytes(), s.apps.as_bytes(), s.seen.as_bytes());
            self.hasher.hash_one((ends, apps, seen, s.fault, s.phase))
        };
        let mut all = self.seen.lock().expect("no thread panics");
        all.insert(situation(s));
        // Its mirror image is a situation too, whether or not it is found.
        all.extend(self.world.mirrored(s).as_ref().map(situation));
        self.world.violations(s)
    }

    fn bound_hit(&self) -> bool {
        self.world.bound_hit()
    }

    fn compared<'s>(&self, s: &'s Here) -> Option<Compared<'s>> {
        Some((self.compare)(&self.world, s))
    }

    fn mirrored(&self, s: &Here) -> Option<Here> {
        self.world.mirrored(s)
    }
}

fn smoke(id: &str) -> Plan<Spec> {
    let scenario = scenarios::named(id).expect("the scenario exists");
    scenario.plan(Size::Smoke, RuleSet::EMPTY)
}

struct Found {
    outcome: Outcome<Here>,
    seen: HashSet<u64>,
    covered: Covered,
}

fn found(
    plan: Plan<Spec>,
    reduction: Reduction,
    compare: Compare,
    hasher: &RandomState,
    threads: usize,
) -> Found {
    let space = Arc::new(Watched {
        world: World::new(plan),
        compare,
        seen: Mutex::default(),
        hasher: hasher.clone(),
    });
    let limits = Limits {
        threads,
        reduction,
        ..Limits::default()
    };
    let outcome = explore(Engine::Timely, &space, &limits, &|_| {}).expect("the engine runs");
    let seen = std::mem::take(&mut *space.seen.lock().expect("no thread panics"));
    Found {
        outcome,
        seen,
        covered: space.world.coverage.snapshot(),
    }
}

/// What differs between a plan explored in full and reduced, and by what factor it is reduced.
fn compared(plan: &Plan<Spec>, reduction: Reduction, compare: Compare) -> (Vec<String>, [u64; 3]) {
    let hasher = RandomState::new();
    let full = found(plan.clone(), Reduction::None, rightly, &hasher, 2);
    let less = found(plan.clone(), reduction, compare, &hasher, 2);
    let (f, l) = (&full.outcome, &less.outcome);
    let mut wrong = Vec::new();
    let mut differs = |what: &str, full: String, less: String| {
        if full != less {
            wrong.push(format!("{what}: in full {full}, reduced {less}"));
        }
    };
    let end = |o: &Outcome<Here>| match o.end {
        End::Violated { .. } => format!("violated in {} steps", o.trace.len() - 1),
        end => format!("{end:?}, bound hit: {}", o.bound_hit),
    };
    differs("verdict", end(f), end(l));
    let both = full.seen.intersection(&less.seen).count();
    let only = |of: &Found| format!("{} more situations", of.seen.len() - both);
    differs("situations", only(&full), only(&less));
    let exercised = |c: &Covered| {
        format!(
            "{:x} {:x} {:?} {:x}",
            c.states, c.transitions, c.rules, c.goals
        )
    };
    if f.end == End::Exhausted {
        differs(
            "exercised",
            exercised(&full.covered),
            exercised(&less.covered),
        );
    }
    assert_eq!(f.unique, f.represented);
    assert!(l.unique <= l.represented && l.represented <= f.unique);
    (wrong, [f.unique, l.unique, l.represented])
}

/// A plan for each counterexample of the matrix, its rule off and its property judged; and one for each row that has none.
fn ablated() -> Vec<(String, Plan<Spec>)> {
    let mut all = Vec::new();
    for row in MATRIX.rows {
        let mut planned = |place: usize, judged: u32, of: &str| {
            let scenario = scenarios::named(row.safety[place]).expect("the scenario exists");
            let mut plan = scenario.plan(SIZE, row.off_anyway().with(row.rule));
            plan.judged &= judged;
            let name = format!("{} without {}: {of}", scenario.id, row.rule.id());
            all.push((name, plan));
        };
        let mut shown = 0;
        for (column, cell) in row.cells.iter().enumerate().take(SAFE) {
            if let Cell::Violated { place, .. } = *cell {
                let p = property(column).expect("it is a property");
                planned(place, p.faults, p.id);
                shown += 1;
            }
        }
        if shown == 0 {
            planned(0, judged(), "all");
        }
    }
    all
}

fn all_agree(plans: impl IntoIterator<Item = (String, Plan<Spec>)>) -> [u64; 3] {
    let (mut all, mut wrong) = ([0; 3], Vec::new());
    for (name, plan) in plans {
        let (differences, counts) = compared(&plan, Reduction::All, rightly);
        let factor = counts[0] as f64 / counts[1] as f64;
        println!(
            "{name:<44} {:>9} {:>7} {:>7} {factor:>7.1}",
            counts[0], counts[1], counts[2]
        );
        all = [0, 1, 2].map(|n| all[n] + counts[n]);
        wrong.extend(differences.into_iter().map(|d| format!("{name}: {d}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "in full {}, stored {}, represented {}",
        all[0], all[1], all[2]
    );
    all
}

#[test]
fn every_scenario_ends_the_same() {
    let plans = scenarios::all().map(|s| (s.id.to_owned(), s.plan(Size::Smoke, RuleSet::EMPTY)));
    let [full, stored, _] = all_agree(plans);
    assert!(stored * 40 < full, "{stored} of {full}");
}

#[test]
fn every_rule_is_missed_the_same() {
    let [full, stored, _] = all_agree(ablated());
    assert!(stored < full);
}

/// The scenarios in which both hosts do the same.
const SYMMETRIC: [&str; 2] = ["both-alike", "reuse-alike"];

#[test]
fn one_of_two_mirror_images_is_enough() {
    for id in SYMMETRIC {
        let plan = smoke(id);
        for reduction in [Reduction::Symmetry, Reduction::Network, Reduction::All] {
            let (wrong, [full, stored, represented]) = compared(&plan, reduction, rightly);
            println!("{id} {reduction}: {full} {stored} {represented}");
            assert!(wrong.is_empty(), "{id} {reduction}: {wrong:?}");
            if reduction == Reduction::Symmetry {
                assert_eq!(represented, full, "{id}");
                assert!(stored * 19 < full * 10, "{id}: {stored} of {full}");
            }
        }
    }
}

/// However few states are stored, what is told is a run.
#[test]
fn a_shortest_way_is_a_run() {
    let mut without = smoke("both-alike");
    without.without(RuleSet::EMPTY.with(Rule::TimeWaitAnswers));
    let plans = [
        ("reuse-alike", smoke("reuse-alike")),
        ("both-alike", without),
    ];
    for (id, plan) in plans {
        let world = World::<Spec, ROOM>::new(plan.clone());
        for reduction in Reduction::ALL {
            let found = found(plan.clone(), reduction, rightly, &RandomState::new(), 3);
            let way = found.outcome.trace;
            assert!(way.len() > 10, "{id} {reduction}: {}", way.len());
            assert!(world.initial().contains(&way[0]));
            assert_ne!(world.violations(&way[way.len() - 1]), 0);
            for step in way.windows(2) {
                let mut is_step = false;
                world.successors(&step[0], &mut |n| is_step |= *n == step[1]);
                assert!(is_step, "{id} {reduction}");
            }
        }
    }
}

/// A segment in flight is a segment in flight, however soon it dies.
fn without_lifetimes<'s>(world: &World<Spec, ROOM>, s: &'s Here) -> Compared<'s> {
    let c = rightly(world, s);
    let all = c.has.iter().map(|w| U64::new(w.get() & !Compared::AMOUNT));
    Compared {
        has: Box::leak(all.collect()), // a test's few states
        ..c
    }
}

/// What users saw is forgotten, faults and phase with it.
fn without_history<'s>(world: &World<Spec, ROOM>, s: &'s Here) -> Compared<'s> {
    let c = rightly(world, s);
    let less = size_of_val(&s.seen) + size_of_val(&s.fault) + size_of_val(&s.phase);
    Compared {
        class: &c.class[..c.class.len() - less],
        ..c
    }
}

/// The network is forgotten: the first state of a projection stands for all.
fn without_the_network<'s>(world: &World<Spec, ROOM>, s: &'s Here) -> Compared<'s> {
    Compared {
        has: &[],
        ..rightly(world, s)
    }
}

#[test]
fn an_unsound_order_is_noticed() {
    let planted: [(&str, Compare); 3] = [
        ("lifetimes", without_lifetimes),
        ("history", without_history),
        ("network", without_the_network),
    ];
    for (forgets, compare) in planted {
        let noticed = ["close-unread", "crash-one-msl"].iter().any(|id| {
            let plan = smoke(id);
            let (wrong, counts) = compared(&plan, Reduction::Network, compare);
            println!("{id} without {forgets}: {counts:?} {wrong:?}");
            !wrong.is_empty()
        });
        assert!(noticed, "an order that forgets the {forgets} passes");
    }
}

#[test]
fn nothing_depends_on_the_number_of_workers() {
    let plans = ["reuse", "crash-no-quiet", "reuse-alike"].map(smoke);
    for plan in plans {
        let hasher = RandomState::new();
        let facts = [1, 2, 5].map(|threads| {
            let o = found(plan.clone(), Reduction::All, rightly, &hasher, threads).outcome;
            let trace: Vec<Vec<u8>> = o.trace.iter().map(|s| s.as_bytes().to_vec()).collect();
            (o.end, o.unique, o.represented, o.successors, o.depth, trace)
        });
        assert_eq!(facts[0], facts[1]);
        assert_eq!(facts[0], facts[2]);
    }
}

#[test]
fn the_reference_is_not_reduced() {
    let plan = smoke("refused");
    let space = Arc::new(World::<Spec, ROOM>::new(plan));
    let limits = Limits {
        reduction: Reduction::Network,
        ..Limits::default()
    };
    let refused = explore(Engine::Stateright, &space, &limits, &|_| {});
    assert!(matches!(refused, Err(CheckError::ReducedByTimelyOnly)));
}
