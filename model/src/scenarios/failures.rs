//! What goes wrong with hosts and users: aborts, crashes, peers that vanish, users that give up.

use super::build::{client, server, world};
use super::{Expect, Scenario, Size};
use crate::spec::Spec;
use crate::world::{Goal, IsnPolicy, Plan, Step, When};

use super::reuse::LATE_RESETS;

const AT_ONCE: When = When::AT_ONCE;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "abort-active",
        shows: "the user who opened actively aborts at any moment, in any state",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::ToldReset],
        pinned: [105_954, 917_199],
        special: 0,
        spares: 0,
        build: |size| {
            let mut plan = both_finish(size);
            plan.hosts[0].aborts = true;
            plan
        },
    },
    Scenario {
        id: "abort-passive",
        shows: "the user who listened aborts at any moment, in any state",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::ToldReset],
        pinned: [50_374, 482_879],
        special: 0,
        spares: 0,
        build: |size| {
            let mut plan = world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            );
            plan.hosts[1].aborts = true;
            plan
        },
    },
    Scenario {
        id: "abort-reuse",
        shows: "the client aborts and opens again: the side that sent the RST lingers first",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::SecondLifeReads],
        pinned: [73_154, 514_291],
        special: 0,
        spares: LATE_RESETS,
        build: aborting,
    },
    Scenario {
        id: "crash",
        shows: "the client crashes, keeps quiet for one MSL and opens again with any number",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::SecondLifeReads, Goal::ToldReset],
        pinned: [228_391, 1_931_516],
        special: 0,
        spares: LATE_RESETS,
        build: crashing,
    },
    Scenario {
        id: "crash-no-quiet",
        shows: "the same without quiet time",
        expects: Expect::Violated(
            "stream",
            "old segments of the life before the crash are still in the network",
        ),
        goals: &[],
        pinned: [10, 10],
        special: 0,
        spares: LATE_RESETS,
        build: |size| {
            let mut plan = crashing(size);
            plan.rules = plan.rules.without(crate::rules::Rule::QuietTime);
            plan
        },
    },
    Scenario {
        id: "half-open",
        shows: "the client crashes and its new SYN meets the old connection: challenge ACK, RST, SYN again",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::SecondLifeReads, Goal::ToldReset],
        pinned: [145_704, 1_060_279],
        special: 0,
        spares: 0,
        build: |size| {
            let mut plan = crashing(size);
            plan.hosts[0].lives[1].steps[0] = Step::Connect(AT_ONCE);
            plan.hosts[1].lives[1].steps[0] = Step::Listen(AT_ONCE);
            plan.hosts[0].isn = IsnPolicy::Menu(&[16]);
            plan
        },
    },
    Scenario {
        id: "peer-vanishes",
        shows: "the peer vanishes at any moment: R2 ends what waits for an ACK, the orphan's timeout ends FIN_WAIT_2",
        expects: Expect::Verified,
        goals: &[Goal::ToldGaveUp],
        pinned: [11_763, 85_521],
        special: 0,
        spares: 0,
        build: |size| {
            let mut plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Send(size.bytes()),
                    Step::Close,
                ],
                &[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Close],
            )
            .both(|h| {
                h.tcp.give_up = Some(2);
                h.tcp.fin_wait_2 = Some(2);
                h.orphan_timer = true;
            });
            plan.hosts[1].vanishes = true;
            plan
        },
    },
    Scenario {
        id: "user-timeout",
        shows: "the user timeout ends a connection, and both users are told the truth",
        expects: Expect::Verified,
        goals: &[
            Goal::Finished,
            Goal::AllDelivered,
            Goal::ToldUserTimeout,
            Goal::ToldReset,
        ],
        pinned: [36_391, 370_039],
        special: 0,
        spares: 0,
        build: |size| {
            world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            )
            .both(|h| h.tcp.user_timeout = Some(1))
        },
    },
    Scenario {
        id: "user-timeout-closing",
        shows: "the user timeout when both close at once",
        expects: Expect::Verified,
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::ToldUserTimeout],
        pinned: [76_347, 722_397],
        special: 0,
        spares: 0,
        build: |size| both_finish(size).both(|h| h.tcp.user_timeout = Some(1)),
    },
    Scenario {
        id: "refused",
        shows: "nobody listens: the SYN is answered with a RST",
        expects: Expect::Verified,
        goals: &[Goal::ToldRefused],
        pinned: [7, 9],
        special: 0,
        spares: 0,
        build: |size| {
            let mut plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Send(size.bytes()),
                    Step::Shutdown,
                ],
                &[],
            );
            plan.hosts[0].isn = IsnPolicy::Above;
            plan
        },
    },
];

/// Both sides close, also at once; the client writes.
pub(super) fn both_finish(size: Size) -> Plan<Spec> {
    world(
        size,
        &[
            Step::Connect(AT_ONCE),
            Step::AwaitEstablished,
            Step::Finish(size.bytes()),
            Step::AwaitEnd,
        ],
        &[
            Step::Listen(AT_ONCE),
            Step::AwaitEstablished,
            Step::Shutdown,
            Step::AwaitEnd,
        ],
    )
}

/// The client aborts when data has flowed both ways, and opens again.
pub(super) fn aborting(size: Size) -> Plan<Spec> {
    let n = size.bytes();
    let mut plan = world(
        size,
        &[
            Step::Connect(AT_ONCE),
            Step::AwaitEstablished,
            Step::Send(n),
            Step::AwaitData(n),
            Step::Abort,
        ],
        &[
            Step::Listen(AT_ONCE),
            Step::AwaitEstablished,
            Step::Send(n),
            Step::AwaitEnd,
            Step::Close,
        ],
    );
    plan.hosts[0].then(&[
        Step::Connect(When::PEER_LISTENS),
        Step::AwaitEstablished,
        Step::Finish(n),
        Step::AwaitEnd,
    ]);
    plan.hosts[1].then(&[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Close]);
    plan.hosts[1].isn = IsnPolicy::Above;
    plan
}

/// The client may crash once, and opens again.
pub(super) fn crashing(size: Size) -> Plan<Spec> {
    let n = size.bytes();
    let mut plan = world(
        size,
        &[
            Step::Connect(AT_ONCE),
            Step::AwaitEstablished,
            Step::Send(n),
            Step::Shutdown,
            Step::AwaitEnd,
        ],
        &[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Close],
    );
    plan.hosts[0].then(&[
        Step::Connect(When::PEER_LISTENS),
        Step::AwaitEstablished,
        Step::Finish(n),
        Step::AwaitEnd,
    ]);
    plan.hosts[1].then(&[Step::Listen(When::DRAINED), Step::AwaitEnd, Step::Close]);
    plan.hosts[0].crashes = 1;
    plan.hosts[0].quiet = size.msl();
    plan.hosts[1].isn = IsnPolicy::Above;
    plan
}
