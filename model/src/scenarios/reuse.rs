//! Two and three incarnations of one 4-tuple: what TIME_WAIT, ISNs and timestamps protect.

use super::build::{client, server, world};
use super::{Expect, Scenario, Size};
use crate::properties::Fault;
use crate::spec::Spec;
use crate::spec::choices::Reopen;
use crate::world::{Goal, IsnPolicy, Plan, Step, When};

const AT_ONCE: When = When::AT_ONCE;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "reuse",
        shows: "TIME_WAIT protects: any ISNs on both sides, the peer finished, the passive closer listens when its segments have drained",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::SecondLifeReads],
        pinned: [0, 0],
        special: 0,
        build: reuse,
    },
    Scenario {
        id: "reuse-equal",
        shows: "the same with the same ISNs again",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::SecondLifeReads],
        pinned: [0, 0],
        special: 0,
        build: |size| reuse(size).both(|h| h.isn = IsnPolicy::Equal),
    },
    Scenario {
        id: "reuse-above",
        shows: "ISNs above all that was used before protect a passive closer that listens at once",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::SecondLifeReads, Goal::OldDuplicate],
        pinned: [0, 0],
        special: 0,
        build: |size| at_once(size).both(|h| h.isn = IsnPolicy::Above),
    },
    Scenario {
        id: "reuse-menu-at-once",
        shows: "any ISNs and a passive closer that listens at once",
        expects: Expect::Violated("stream", "the passive closer has no TIME_WAIT: its ISN alone protects it"),
        goals: &[],
        pinned: [0, 0],
        special: 0,
        build: at_once,
    },
];

/// Menu ISNs, the peer finished, the passive closer drained.
pub(super) fn reuse(size: Size) -> Plan<Spec> {
    let n = size.bytes();
    let mut plan = world(size, &client(n, AT_ONCE), &server(n, AT_ONCE));
    for _ in 1..lives(size) {
        plan.hosts[0].then(&client(n, When::PEER_FINISHED));
        plan.hosts[1].then(&server(n, When::DRAINED));
    }
    plan
}

/// The same, but the passive closer listens at once and the client does not wait for it.
pub(super) fn at_once(size: Size) -> Plan<Spec> {
    let n = size.bytes();
    let mut plan = world(size, &client(n, AT_ONCE), &server(n, AT_ONCE));
    for _ in 1..lives(size) {
        plan.hosts[0].then(&client(n, When::PEER_FINISHED));
        plan.hosts[1].then(&server(n, AT_ONCE));
    }
    plan
}

fn lives(size: Size) -> usize {
    if size == Size::Deep { 3 } else { 2 }
}

#[allow(dead_code)]
fn unused() -> (Fault, Reopen, Step) {
    (Fault::Mixed, Reopen::Never, Step::Close)
}
