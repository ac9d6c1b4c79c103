//! What goes wrong with hosts and users: aborts, crashes, peers that vanish, users that give up.

use super::build::{client, server, two_msl, world};
use super::{Expect, SCENARIO, Scenario, Size};
use crate::properties::Fault;
use crate::spec::Spec;
use crate::world::{Goal, IsnPolicy, Plan, Step, When};

const AT_ONCE: When = When::AT_ONCE;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "abort-active",
        shows: "the user who opened actively aborts at any moment, in any state",
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::ToldReset],
        pinned: [105_271, 912_284],
        build: |size| {
            let mut plan = both_finish(size);
            plan.hosts[0].aborts = true;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "abort-passive",
        shows: "the user who listened aborts at any moment, in any state",
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::ToldReset],
        pinned: [50_233, 484_201],
        build: |size| {
            let mut plan = world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            );
            plan.hosts[1].aborts = true;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "abort-reuse",
        shows: "the client aborts and opens again: the side that sent the RST lingers first",
        goals: &[Goal::Finished, Goal::SecondLifeReads],
        pinned: [53_123, 367_720],
        late_resets: Some("crash-late-reset"),
        build: aborting,
        ..SCENARIO
    },
    Scenario {
        id: "crash",
        shows: "the client crashes, keeps quiet for 2 MSL and opens again, with any number, when the server has given the old connection up",
        goals: &[Goal::Finished, Goal::SecondLifeReads, Goal::ToldReset],
        pinned: [198_623, 1_451_155],
        late_resets: Some("crash-late-reset"),
        build: |size| crashing(size, 0),
        ..SCENARIO
    },
    Scenario {
        id: "crash-late-reset",
        shows: "the same, and whether a user is ever told \"reset\" without a cause",
        expects: Expect::Violated(
            Fault::FalseReset,
            "an old SYN,ACK of the half-open connection fits a number that is used again, and the RST that ends it ends the new connection",
        ),
        pinned: [11, 13],
        build: |size| crashing(size, 0),
        ..SCENARIO
    },
    Scenario {
        id: "crash-blind",
        shows: "the same, but the client opens again whether or not the old connection is still half open at the server",
        expects: Expect::Violated(
            Fault::FalseClosed,
            "a half-open peer never drains: it goes on acknowledging numbers that are used again, and the ISN alone protects",
        ),
        late_resets: Some("crash-late-reset"),
        pinned: [13, 15],
        build: |size| {
            let mut plan = crashing(size, 0);
            plan.hosts[0].lives[1].steps[0] = Step::Connect(AT_ONCE);
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "crash-one-msl",
        shows: "as `crash`, with the quiet time of RFC 9293 3.4.3, one MSL",
        expects: Expect::Violated(
            Fault::FalseClosed,
            "the peer's answers to what was sent before the crash live for another MSL, and acknowledge a number used again",
        ),
        pinned: [12, 13],
        late_resets: Some("crash-late-reset"),
        build: |size| {
            let mut plan = crashing(size, 0);
            plan.hosts[0].quiet = plan.surely_drained();
            // So that an answer to the first SYN acknowledges the FIN behind one byte, or two.
            plan.hosts[0].isn = IsnPolicy::Menu(&[-3, -2]);
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "crash-no-quiet",
        shows: "as `crash`, without quiet time",
        expects: Expect::Violated(
            Fault::EarlyEnd,
            "old segments of the life before the crash are still in the network",
        ),
        pinned: [10, 10],
        build: |size| {
            let mut plan = crashing(size, 0);
            plan.rules = plan.rules.without(crate::rules::Rule::QuietTime);
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "crash-server",
        shows: "the server crashes and keeps quiet for 2 MSL; the client, which is told, goes on with numbers above all before",
        goals: &[Goal::Finished, Goal::SecondLifeReads, Goal::ToldReset],
        pinned: [241_983, 1_876_643],
        build: |size| crashing(size, 1),
        ..SCENARIO
    },
    Scenario {
        id: "half-open",
        shows: "the client crashes and its new SYN meets the old connection: challenge ACK, RST, SYN again",
        goals: &[Goal::Finished, Goal::SecondLifeReads, Goal::ToldReset],
        pinned: [195_637, 1_501_876],
        build: |size| {
            let mut plan = crashing(size, 0);
            plan.hosts[0].quiet = plan.surely_drained();
            plan.hosts[0].lives[1].steps[0] = Step::Connect(AT_ONCE);
            plan.hosts[1].lives[1].steps[0] = Step::Listen(AT_ONCE);
            plan.hosts[0].isn = IsnPolicy::Menu(&[16]);
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "half-open-coincidence",
        shows: "the same, but the new number is one below what the peer expects: its challenge ACK is acceptable and draws no RST; nobody writes",
        goals: &[Goal::Coincidence, Goal::Finished, Goal::SecondLifeReads],
        late_resets: Some("crash-late-reset"),
        pinned: [103_156, 669_411],
        build: |size| {
            let mut plan = crashing(size, 0);
            plan.hosts[0].quiet = plan.surely_drained();
            for (host, life) in [(0, 0), (1, 0), (0, 1)] {
                plan.hosts[host].lives[life].steps[2] = Step::Shutdown;
            }
            plan.hosts[0].lives[1].steps[0] = Step::Connect(AT_ONCE);
            plan.hosts[1].lives[1].steps[0] = Step::Listen(AT_ONCE);
            plan.hosts[0].isn = IsnPolicy::Menu(&[1]);
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "peer-vanishes",
        shows: "the peer vanishes at any moment: R2 ends what waits for an ACK, the orphan's timeout ends FIN_WAIT_2",
        goals: &[Goal::ToldGaveUp],
        pinned: [14_457, 105_050],
        build: |size| {
            let mut plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Send(size.bytes()),
                    Step::Close,
                ],
                &[
                    Step::Listen(AT_ONCE),
                    Step::AwaitEnd,
                    Step::Finish(size.bytes()),
                ],
            )
            .both(|h| {
                h.tcp.give_up = Some(2);
                h.tcp.fin_wait_2 = Some(2);
                h.orphan_timer = true;
            });
            plan.hosts[1].vanishes = true;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "user-timeout",
        shows: "the user timeout ends a connection, and both users are told the truth",
        goals: &[
            Goal::Finished,
            Goal::AllDelivered,
            Goal::ToldUserTimeout,
            Goal::ToldReset,
        ],
        pinned: [36_199, 368_537],
        build: |size| {
            world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            )
            .both(|h| h.tcp.user_timeout = Some(1))
        },
        ..SCENARIO
    },
    Scenario {
        id: "user-timeout-closing",
        shows: "the user timeout when both close at once",
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::ToldUserTimeout],
        pinned: [76_001, 720_225],
        build: |size| both_finish(size).both(|h| h.tcp.user_timeout = Some(1)),
        ..SCENARIO
    },
    Scenario {
        id: "refused",
        shows: "nobody listens: the SYN is answered with a RST",
        goals: &[Goal::ToldRefused],
        pinned: [7, 9],
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
        ..SCENARIO
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

/// One host may crash once; both open again. The server writes in the first connection, the client in the second, and in
/// the first too if it is to crash.
pub(super) fn crashing(size: Size, who: usize) -> Plan<Spec> {
    let n = size.bytes();
    let first = if who == 0 {
        Step::Finish(n)
    } else {
        Step::Shutdown
    };
    let mut plan = world(
        size,
        &[
            Step::Connect(AT_ONCE),
            Step::AwaitEstablished,
            first,
            Step::AwaitEnd,
        ],
        &[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Finish(n)],
    );
    plan.hosts[0].then(&[
        Step::Connect(When::PEER_LISTENS),
        Step::AwaitEstablished,
        Step::Finish(n),
        Step::AwaitEnd,
    ]);
    plan.hosts[1].then(&[Step::Listen(When::DRAINED), Step::AwaitEnd, Step::Close]);
    plan.hosts[who].crashes = 1;
    plan.hosts[who].quiet = two_msl(size.msl());
    // Who has crashed has forgotten its numbers: any will do from then on.
    plan.both(|h| h.isn = IsnPolicy::Above)
}
