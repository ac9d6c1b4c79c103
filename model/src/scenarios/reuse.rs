//! Two and three incarnations of one 4-tuple: what TIME_WAIT, ISNs and timestamps protect.

use super::build::{client, server, two_msl, world};
use super::{Expect, SCENARIO, Scenario, Size};
use crate::endpoint::{Flags, OLDEST, TcpState};
use crate::properties::Fault;
use crate::seq::Seq;
use crate::spec::Spec;
use crate::spec::choices::Reopen;
use crate::world::{Clocks, Goal, IsnPolicy, Plan, Step, Stray, When};

const AT_ONCE: When = When::AT_ONCE;

const REUSED: &[Goal] = &[Goal::Finished, Goal::AllDelivered, Goal::SecondLifeReads];

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "reuse",
        shows: "TIME_WAIT protects: any ISNs on both sides, the peer finished, the passive closer listens when its segments have drained",
        goals: REUSED,
        pinned: [517_792, 5_020_056],
        late_resets: Some("reuse-late-reset"),
        build: reuse,
        ..SCENARIO
    },
    Scenario {
        id: "reuse-late-reset",
        shows: "the same, and whether a user is ever told \"reset\" without a cause",
        expects: Expect::Violated(
            Fault::FalseReset,
            "a closed port answers the last FIN with a RST, which can outlive TIME_WAIT and hit the next incarnation",
        ),
        pinned: [19, 21],
        build: reuse,
        ..SCENARIO
    },
    Scenario {
        id: "reuse-equal",
        shows: "TIME_WAIT protects though both sides choose the same ISNs again",
        goals: REUSED,
        pinned: [40_210, 321_358],
        late_resets: Some("reuse-late-reset"),
        build: |size| reuse(size).both(|h| h.isn = IsnPolicy::Equal),
        ..SCENARIO
    },
    Scenario {
        id: "reuse-clocks-apart",
        shows: "the same ISNs again, and the hosts' clocks tick in turn, up to a tick apart",
        goals: REUSED,
        pinned: [187_198, 1_393_446],
        late_resets: Some("reuse-late-reset"),
        build: |size| {
            // One tick more makes sure of 2 MSL: between clocks that are apart one more is lost.
            let mut plan = reuse(size).both(|h| {
                h.isn = IsnPolicy::Equal;
                h.tcp.time_wait += 1;
            });
            plan.clocks = Clocks::InTurn;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "reuse-clock",
        shows: "the client's ISNs by the clock of MUST-8, one number a tick: slower than the connection's own; the server's are equal",
        goals: REUSED,
        pinned: [238_475, 1_256_558],
        build: |size| {
            let mut plan = reuse(size);
            plan.hosts[0].isn = IsnPolicy::Clock(1);
            plan.hosts[1].isn = IsnPolicy::Equal;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "reuse-clock-outrun",
        shows: "the same clock when the passive closer listens at once: the connection has outrun it (RFC 1337 1 (4))",
        expects: Expect::Violated(
            Fault::Twice,
            "the new ISN lies inside the sequence space of the connection before",
        ),
        pinned: [13, 13],
        build: |size| at_once(size).both(|h| h.isn = IsnPolicy::Clock(1)),
        ..SCENARIO
    },
    Scenario {
        id: "reuse-above",
        shows: "ISNs above all that was used before protect a passive closer that listens at once",
        goals: &[
            Goal::Finished,
            Goal::AllDelivered,
            Goal::SecondLifeReads,
            Goal::OldDuplicate,
        ],
        pinned: [52_400, 423_370],
        build: |size| at_once(size).both(|h| h.isn = IsnPolicy::Above),
        ..SCENARIO
    },
    Scenario {
        id: "reuse-menu-at-once",
        shows: "any ISNs and a passive closer that listens at once",
        expects: Expect::Violated(
            Fault::Twice,
            "the passive closer has no TIME_WAIT: its ISN alone protects it",
        ),
        pinned: [13, 13],
        build: at_once,
        ..SCENARIO
    },
    Scenario {
        id: "three-above",
        shows: "three incarnations, ISNs above all before, the passive closer listens at once",
        goals: REUSED,
        pinned: [290_563, 2_886_501],
        build: |size| lives(size, 3, AT_ONCE).both(|h| h.isn = IsnPolicy::Above),
        ..SCENARIO
    },
    Scenario {
        id: "three-equal",
        shows: "three incarnations with the same ISNs; who was reset waits until its segments have drained",
        goals: REUSED,
        pinned: [131_684, 1_773_487],
        late_resets: Some("reuse-late-reset"),
        build: |size| three(size).both(|h| h.isn = IsnPolicy::Equal),
        ..SCENARIO
    },
    Scenario {
        id: "three-clock",
        shows: "three incarnations, the client's ISNs by the clock, the server's above all before",
        goals: REUSED,
        pinned: [659_493, 1_114_270],
        build: |size| {
            let mut plan = three(size);
            plan.hosts[0].isn = IsnPolicy::Clock(1);
            plan.hosts[1].isn = IsnPolicy::Above;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "three-menu",
        shows: "three incarnations, the client's ISNs may repeat, no data; who was reset waits until its segments have drained",
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::SecondLifeReads],
        pinned: [51_137, 510_238],
        late_resets: Some("crash-late-reset"),
        build: |size| {
            let a = |when| {
                vec![
                    Step::Connect(when),
                    Step::AwaitEstablished,
                    Step::Shutdown,
                    Step::AwaitEnd,
                ]
            };
            let b = |when| vec![Step::Listen(when), Step::AwaitEnd, Step::Close];
            let mut plan = world(size, &a(AT_ONCE), &b(AT_ONCE));
            for _ in 1..3 {
                plan.hosts[0].then(&a(When {
                    drained: true,
                    ..When::PEER_LISTENS
                }));
                plan.hosts[1].then(&b(When::DRAINED));
            }
            plan.hosts[0].isn = IsnPolicy::Menu(&[0, 1]);
            plan.hosts[1].isn = IsnPolicy::Equal;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "reopen",
        shows: "a SYN with a higher number reopens TIME_WAIT at once (MAY-2)",
        goals: &[
            Goal::Finished,
            Goal::AllDelivered,
            Goal::SecondLifeReads,
            Goal::Reopened,
        ],
        pinned: [32_667, 310_001],
        special: Fault::Assassinated.bit(),
        build: reopening,
        ..SCENARIO
    },
    Scenario {
        id: "reopen-timestamps",
        shows: "the same with timestamps, by RFC 6191",
        goals: &[
            Goal::Finished,
            Goal::AllDelivered,
            Goal::SecondLifeReads,
            Goal::Reopened,
        ],
        pinned: [90_478, 1_525_044],
        special: Fault::Assassinated.bit(),
        build: |size| {
            let mut plan = reopening(size);
            for h in &mut plan.hosts {
                h.with_timestamps();
            }
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "reopen-old-syn",
        shows: "an old SYN with a high number reopens TIME_WAIT; the reopening fails and goes back",
        goals: &[Goal::Reopened, Goal::WentBack],
        pinned: [75_713, 661_106],
        special: Fault::Assassinated.bit(),
        build: |size| {
            let mut plan = reopening(size);
            plan.hosts[0].lives.truncate(1);
            for seq in [3, 5] {
                let syn = Stray {
                    meets: TcpState::TimeWait,
                    host: 0,
                    seq,
                    ack: None,
                    flags: Flags::SYN,
                    len: 0,
                    age: None,
                };
                plan.strays.push(Stray {
                    meets: if seq == 3 {
                        syn.meets
                    } else {
                        TcpState::SynReceived
                    },
                    ..syn
                });
            }
            plan.hosts[1].tcp.give_up = Some(1);
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "paws",
        shows: "a segment from a full trip round the sequence space earlier is dropped by its timestamp (PAWS)",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [33_234, 464_829],
        build: wrapped_round,
        ..SCENARIO
    },
    Scenario {
        id: "reopen-old-stamp",
        shows: "an old SYN with a high number but an old timestamp meets TIME_WAIT (RFC 6191); MSL of one tick at standard size too",
        goals: &[
            Goal::Finished,
            Goal::AllDelivered,
            Goal::SecondLifeReads,
            Goal::Reopened,
        ],
        pinned: [299_497, 299_497],
        special: Fault::Assassinated.bit(),
        build: old_stamp,
        ..SCENARIO
    },
    Scenario {
        id: "old-ack",
        shows: "old text whose number fits but whose ACK lies far behind meets a connection (RFC 5961 section 5)",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [20_234, 165_742],
        build: |size| {
            let mut plan = world(
                size,
                &finisher(size.bytes(), AT_ONCE),
                &answerer(size.bytes(), AT_ONCE),
            );
            plan.strays.push(Stray {
                meets: TcpState::Established,
                host: 0,
                seq: 1,
                ack: Some(-20),
                flags: Flags::default(),
                len: 1,
                age: None,
            });
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "old-resets",
        shows: "old RSTs, in the window and outside it, meet a connection (RFC 5961 section 3)",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [43_419, 385_633],
        build: |size| {
            let mut plan = world(
                size,
                &finisher(size.bytes(), AT_ONCE),
                &answerer(size.bytes(), AT_ONCE),
            );
            for (flags, seq) in [(Flags::RST, -20), (Flags::RST, 6)] {
                let meets = TcpState::CloseWait;
                plan.strays.push(Stray {
                    meets,
                    host: 0,
                    seq,
                    ack: None,
                    flags,
                    len: 0,
                    age: None,
                });
            }
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "old-syn",
        shows: "an old SYN in the window meets a connection (RFC 5961 section 4)",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [17_615, 144_515],
        build: |size| {
            let mut plan = world(
                size,
                &finisher(size.bytes(), AT_ONCE),
                &answerer(size.bytes(), AT_ONCE),
            );
            let (meets, flags) = (TcpState::CloseWait, Flags::SYN);
            plan.strays.push(Stray {
                meets,
                host: 0,
                seq: 6,
                ack: None,
                flags,
                len: 0,
                age: None,
            });
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "assassination",
        shows: "an old duplicate draws an ACK from TIME_WAIT and the ACK a RST: TIME_WAIT survives it (RFC 1337)",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [21_412, 201_584],
        special: Fault::Assassinated.bit(),
        build: |size| {
            world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            )
        },
        ..SCENARIO
    },
    Scenario {
        id: "broken-promise",
        shows: "hosts count on an MSL of one tick, the network keeps segments for three",
        expects: Expect::Violated(
            Fault::Twice,
            "TIME_WAIT is counted in MSL, and MSL is the network's promise",
        ),
        pinned: [19, 19],
        build: |size| {
            let mut plan = reuse(size);
            plan.hosts
                .iter_mut()
                .for_each(|h| h.tcp.time_wait = two_msl(1));
            plan.lifetime = 3;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "broken-promise-above",
        shows: "the network keeps segments for three times MSL, and ISNs lie above all that was used before",
        goals: REUSED,
        pinned: [2_213_772, 2_213_772],
        build: |size| {
            let mut plan = reuse(size).both(|h| h.isn = IsnPolicy::Above);
            plan.hosts
                .iter_mut()
                .for_each(|h| h.tcp.time_wait = two_msl(1));
            plan.lifetime = 3;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "wrap",
        shows: "sequence numbers cross 2^32 within a connection and between two",
        goals: &[
            Goal::Finished,
            Goal::AllDelivered,
            Goal::SecondLifeReads,
            Goal::Wrapped,
        ],
        pinned: [45_046, 337_270],
        late_resets: Some("wrap-reset"),
        build: wrapping,
        ..SCENARIO
    },
    Scenario {
        id: "wrap-reset",
        shows: "the same: the RST that refuses a SYN has SEQ=0, and a connection that wraps expects number 0 at some time",
        expects: Expect::Violated(
            Fault::FalseReset,
            "a SYN is refused while nobody listens and, as a duplicate, accepted later: the RST of the refusal fits when RCV.NXT is 0, and only then",
        ),
        pinned: [20, 22],
        build: wrapping,
        ..SCENARIO
    },
];

/// Menu ISNs, the peer finished, the passive closer drained.
pub(super) fn reuse(size: Size) -> Plan<Spec> {
    lives(size, if size == Size::Deep { 3 } else { 2 }, When::DRAINED)
}

/// The same, but the passive closer listens at once.
fn at_once(size: Size) -> Plan<Spec> {
    lives(size, if size == Size::Deep { 3 } else { 2 }, AT_ONCE)
}

/// `n` lives on each side: the client closes first, and opens again when its TIME_WAIT is over and the peer finished. Its
/// second life may have been reset, and has had no TIME_WAIT then: the third waits as the server does.
fn lives(size: Size, n: usize, listens: When) -> Plan<Spec> {
    let bytes = size.bytes();
    let mut plan = world(size, &finisher(bytes, AT_ONCE), &answerer(bytes, AT_ONCE));
    for life in 1..n {
        let drained = life > 1 && listens.drained;
        let opens = When {
            drained,
            ..When::PEER_FINISHED
        };
        plan.hosts[0].then(&finisher(bytes, opens));
        plan.hosts[1].then(&answerer(bytes, listens));
    }
    plan
}

/// Three lives on each side; the client waits until the server listens, the server until its segments have drained.
fn three(size: Size) -> Plan<Spec> {
    let bytes = size.bytes();
    let mut plan = world(size, &finisher(bytes, AT_ONCE), &answerer(bytes, AT_ONCE));
    for _ in 1..3 {
        plan.hosts[0].then(&finisher(
            bytes,
            When {
                drained: true,
                ..When::PEER_LISTENS
            },
        ));
        plan.hosts[1].then(&answerer(bytes, When::DRAINED));
    }
    plan
}

/// A server that answers in one go when it has read to the end.
fn answerer(bytes: u8, when: When) -> Vec<Step> {
    vec![Step::Listen(when), Step::AwaitEnd, Step::Finish(bytes)]
}

/// A client that writes and closes in one go.
fn finisher(bytes: u8, when: When) -> Vec<Step> {
    vec![
        Step::Connect(when),
        Step::AwaitEstablished,
        Step::Finish(bytes),
        Step::AwaitEnd,
    ]
}

/// The server closes first, so that it is the one in TIME_WAIT; its next life listens at once. The server writes in
/// the first connection, the client in the second.
pub(super) fn reopening(size: Size) -> Plan<Spec> {
    let n = size.bytes();
    let mut plan = world(
        size,
        &[Step::Connect(AT_ONCE), Step::AwaitEnd, Step::Close],
        &[
            Step::Listen(AT_ONCE),
            Step::AwaitEstablished,
            Step::Finish(n),
            Step::AwaitEnd,
        ],
    )
    .both(|h| {
        h.tcp.choices.reopen = Reopen::Newer;
        h.isn = IsnPolicy::Above;
    });
    plan.hosts[0].then(&[Step::Connect(AT_ONCE), Step::AwaitEnd, Step::Finish(n)]);
    plan.hosts[1].then(&[
        Step::Listen(AT_ONCE),
        Step::AwaitEstablished,
        Step::Shutdown,
        Step::AwaitEnd,
    ]);
    plan
}

/// Reopening with timestamps, and an old SYN whose number is high. The old SYN multiplies everything: MSL stays at one
/// tick but at deep size.
pub(super) fn old_stamp(size: Size) -> Plan<Spec> {
    let mut plan = reopening(Size::Smoke);
    if size == Size::Deep {
        plan = reopening(size);
    }
    for h in &mut plan.hosts {
        h.with_timestamps();
    }
    plan.strays.push(Stray {
        meets: TcpState::TimeWait,
        host: 0,
        seq: 20,
        ack: None,
        flags: Flags::SYN,
        len: 0,
        age: Some(OLDEST),
    });
    plan
}

/// Numbers above all before, close to 2^32.
fn wrapping(size: Size) -> Plan<Spec> {
    let mut plan = reuse(size).both(|h| h.isn = IsnPolicy::Above);
    plan.hosts[0].base = Seq::new(u32::MAX - 1);
    // The server's second SYN has the last number, so that its connection begins at 0.
    plan.hosts[1].base = Seq::new(u32::MAX - 2 - u32::from(size.bytes()));
    plan
}

/// A segment of the first connection turns up that is as old as a full trip round the sequence space.
pub(super) fn wrapped_round(size: Size) -> Plan<Spec> {
    let mut plan = world(
        size,
        &finisher(size.bytes(), AT_ONCE),
        &[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Shutdown],
    );
    for h in &mut plan.hosts {
        h.with_timestamps();
    }
    plan.strays.push(Stray {
        meets: TcpState::Established,
        host: 0,
        seq: 1,
        ack: Some(1),
        flags: Flags::default(),
        len: 1,
        age: Some(OLDEST),
    });
    plan
}
