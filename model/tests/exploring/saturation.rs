//! Saturation changes the number of states and nothing else: every scenario, small enough for the plain network,
//! is explored in full with it and without it.

use std::collections::HashSet;

use farewell_model::properties;
use farewell_model::rules::{Rule, RuleSet};
use farewell_model::scenarios::{self, Size};
use farewell_model::space::{Space, fingerprint_wide};
use farewell_model::spec::{Config, Spec};
use farewell_model::world::{HostPlan, Plan, ROOM, Step, World};
use zerocopy::IntoBytes;

/// Small enough as they are.
const WHOLE: &[&str] = &[
    "refused",
    "reading-2",
    "reading-1",
    "reading-3",
    "crash-no-quiet",
    "reuse-clock-outrun",
    "reuse-menu-at-once",
];

/// Small enough when only the client writes.
const ONE_WAY: &[&str] = &["zero-window", "peer-vanishes"];

/// Too large even without data: no segment outlives a tick either.
const HASTY: &[&str] = &[
    "half-open-coincidence",
    "crash-server",
    "abort-active",
    "both-alike",
    "reuse-alike",
    "abort-reuse",
    "half-open",
    "reuse",
    "reuse-late-reset",
    "three-above",
    "three-clock",
    "three-menu",
    "reopen",
    "reopen-timestamps",
    "reopen-old-syn",
    "reopen-old-stamp",
    "broken-promise",
    "broken-promise-above",
    "reading-3-single",
    "reading-6",
    "reading-syn",
    "user-timeout-closing",
];

/// The most states that a plain network may have here.
const MOST: usize = 1_000_000;

/// A scenario at smoke size, shrunk until the plain network can be explored.
fn small(id: &str) -> Plan<Spec> {
    let mut plan = scenarios::named(id)
        .unwrap()
        .plan(Size::Smoke, RuleSet::EMPTY);
    if ONE_WAY.contains(&id) {
        silence(&mut plan.hosts[1..]);
    } else if !WHOLE.contains(&id) {
        silence(&mut plan.hosts);
    }
    if HASTY.contains(&id) {
        plan.lifetime = 0;
    }
    plan
}

/// They write nothing.
fn silence(hosts: &mut [HostPlan<Config>]) {
    for life in hosts.iter_mut().flat_map(|h| &mut h.lives) {
        life.steps
            .retain(|s| !matches!(s, Step::Send(_) | Step::Receive(_) | Step::AwaitData(_)));
        for step in &mut life.steps {
            if matches!(step, Step::Finish(_)) {
                *step = Step::Shutdown;
            }
        }
    }
}

/// Whether a host looks at the network before it opens.
fn looks_at_the_network(plan: &Plan<Spec>) -> bool {
    let mut steps = plan
        .hosts
        .iter()
        .flat_map(|h| &h.lives)
        .flat_map(|l| &l.steps);
    steps.any(|s| matches!(s, Step::Listen(w) | Step::Connect(w) if w.drained))
}

/// What exploring a plan shows of its hosts and users.
struct Found {
    states: usize,
    /// The faults of the first level that has any.
    faults: u32,
    /// Endpoints, applications and history of every state, as bytes.
    seen: HashSet<Vec<u8>>,
}

/// Breadth first, until the level of the first violation; nothing of the checker is used.
fn found(id: &str, mut plan: Plan<Spec>, saturated: bool) -> Found {
    plan.saturated = saturated;
    let world = World::<Spec, ROOM>::new(plan);
    let mut found = Found {
        states: 0,
        faults: 0,
        seen: HashSet::new(),
    };
    let mut known = HashSet::new();
    let mut level = world.initial();
    level.retain(|s| known.insert(fingerprint_wide(s)));
    while !level.is_empty() && found.faults == 0 {
        let mut next = Vec::new();
        for s in &level {
            found.faults |= world.violations(s);
            found
                .seen
                .insert([s.ends.as_bytes(), s.apps.as_bytes(), s.seen.as_bytes()].concat());
            world.successors(s, &mut |n| {
                if known.insert(fingerprint_wide(n)) {
                    next.push(*n);
                }
            });
        }
        level = next;
        assert!(
            known.len() <= MOST || found.faults != 0,
            "{id} is not small"
        );
    }
    assert!(!world.bound_hit());
    found.states = known.len();
    found
}

/// Explores both ways. Returns what is wrong, if anything is, and whether there was a violation.
fn compared(id: &str, plan: Plan<Spec>) -> (Option<String>, bool) {
    let (saturated, plain) = (found(id, plan.clone(), true), found(id, plan, false));
    let names = |faults| properties::faults(faults).collect::<Vec<_>>();
    let violated = (saturated.faults != 0, plain.faults != 0);
    let agree = match violated {
        (false, false) => saturated.seen == plain.seen,
        (true, true) => saturated.faults & plain.faults != 0,
        _ => false,
    };
    assert!(saturated.states <= plain.states, "{id}");
    let missing = plain.seen.difference(&saturated.seen).count();
    let extra = saturated.seen.difference(&plain.seen).count();
    let wrong = (!agree).then(|| {
        format!(
            "{id}: saturated {:?}, plain {:?}; of {} situations {missing} only without saturation, {extra} only with it",
            names(saturated.faults),
            names(plain.faults),
            plain.seen.len(),
        )
    });
    (wrong, violated.1)
}

fn all_agree(worlds: impl Iterator<Item = (&'static str, Plan<Spec>)>, at_least: usize) {
    let (mut all, mut violated, mut wrong) = (0, 0, Vec::new());
    for (id, plan) in worlds {
        let (disagrees, found) = compared(id, plan);
        all += 1;
        violated += usize::from(found);
        wrong.extend(disagrees);
    }
    assert!(
        all >= at_least && violated > 0,
        "{all} worlds, {violated} of them violated"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn every_scenario() -> impl Iterator<Item = (&'static str, Plan<Spec>)> {
    for id in WHOLE.iter().chain(ONE_WAY).chain(HASTY) {
        assert!(scenarios::named(id).is_some(), "{id}");
    }
    scenarios::all().map(|s| (s.id, small(s.id)))
}

#[test]
fn saturation_agrees_with_the_plain_network() {
    all_agree(
        every_scenario().filter(|(_, p)| !looks_at_the_network(p)),
        40,
    );
}

#[test]
fn saturation_agrees_where_a_host_waits_for_its_segments_to_drain() {
    let mut without = small("reuse-equal");
    without.without(RuleSet::EMPTY.with(Rule::TimeWait));
    let more = [("reuse-equal without time-wait", without)];
    all_agree(
        every_scenario()
            .filter(|(_, p)| looks_at_the_network(p))
            .chain(more),
        10,
    );
}
