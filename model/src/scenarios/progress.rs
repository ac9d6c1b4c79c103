//! Does every close end? Small worlds for `farewell check --liveness`: every send is a step there, so they carry no data
//! unless it is the subject.

use super::build::world;
use super::closing::reads_late;
use super::{Ends, SCENARIO, Scenario, Size};
use crate::endpoint::{Flags, TcpState};
use crate::rules::{Rule, RuleSet};
use crate::spec::Spec;
use crate::world::{IsnPolicy, Plan, Step, Stray, When};

const AT_ONCE: When = When::AT_ONCE;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "ends-half",
        shows: "the client closes first, the server when it has read the end; nobody writes",
        pinned: [23_007, 0],
        build: |size| world(size, CLIENT, SERVER),
        ..ENDS
    },
    Scenario {
        id: "ends-simultaneous",
        shows: "both sides close at any moment, also at once; nobody writes",
        pinned: [168_451, 0],
        build: at_once,
        ..ENDS
    },
    Scenario {
        id: "ends-open-simultaneous",
        shows: "both open actively, then close one after the other",
        pinned: [330_709, 0],
        build: |size| {
            world(
                size,
                CLIENT,
                &[Step::Connect(AT_ONCE), Step::AwaitEnd, Step::Close],
            )
        },
        ..ENDS
    },
    Scenario {
        id: "ends-data",
        shows: "the client writes a byte and closes",
        pinned: [117_909, 0],
        build: |_| {
            world(
                Size::Smoke,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(1),
                    Step::AwaitEnd,
                ],
                SERVER,
            )
        },
        ..ENDS
    },
    Scenario {
        id: "ends-zero-window",
        shows: "the client writes a byte and closes; the server's window has room for one, and it reads late",
        pinned: [116_343, 0],
        build: |_| {
            let plan = world(
                Size::Smoke,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(1),
                    Step::AwaitEnd,
                ],
                &[Step::Listen(AT_ONCE), Step::ReceiveAll, Step::Close],
            );
            reads_late(plan, 1)
        },
        ..ENDS
    },
    Scenario {
        id: "ends-early",
        shows: "both sides close before the handshake ends",
        pinned: [232_965, 0],
        build: |size| {
            world(
                size,
                &[Step::Connect(AT_ONCE), Step::Shutdown, Step::AwaitEnd],
                &[Step::Listen(AT_ONCE), Step::Shutdown, Step::AwaitEnd],
            )
        },
        ..ENDS
    },
    Scenario {
        id: "ends-reuse",
        shows: "two connections, one after the other, the ISNs above all before",
        pinned: [278_961, 0],
        build: |_| {
            let mut plan = world(Size::Smoke, CLIENT, SERVER).both(|h| h.isn = IsnPolicy::Above);
            plan.hosts[0].then(&[
                Step::Connect(When::PEER_LISTENS),
                Step::AwaitEstablished,
                Step::Shutdown,
                Step::AwaitEnd,
            ]);
            plan.hosts[1].then(SERVER);
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "never-closes",
        shows: "the server's application reads the end and never closes",
        ends: Some(Ends::WhenItsUserCloses(
            "CLOSE_WAIT waits for its user alone, for ever: no timer of TCP may end it (RFC 9293 3.6)",
        )),
        pinned: [1_362, 0],
        build: |size| world(size, CLIENT, &[Step::Listen(AT_ONCE), Step::AwaitEnd]),
        ..ENDS
    },
    Scenario {
        id: "no-timer-fin-wait-1",
        shows: "no retransmission timer in FIN_WAIT_1",
        ends: Some(Ends::Never("the FIN is lost once, and nobody repeats it")),
        pinned: [18_639, 0],
        build: |size| {
            world(size, CLIENT, SERVER).both(|h| h.tcp.no_timer_in = Some(TcpState::FinWait1))
        },
        ..ENDS
    },
    Scenario {
        id: "no-timer-closing",
        shows: "no retransmission timer in CLOSING",
        ends: Some(Ends::Never(
            "the peer's FIN arrived and stopped the timer of ours, which is lost",
        )),
        pinned: [36_907, 0],
        build: |size| at_once(size).both(|h| h.tcp.no_timer_in = Some(TcpState::Closing)),
        ..ENDS
    },
    Scenario {
        id: "no-timer-last-ack",
        shows: "no retransmission timer in LAST_ACK",
        ends: Some(Ends::Never(
            "the second FIN is lost once, and nobody repeats it",
        )),
        pinned: [19_657, 0],
        build: |size| {
            world(size, CLIENT, SERVER).both(|h| h.tcp.no_timer_in = Some(TcpState::LastAck))
        },
        ..ENDS
    },
    Scenario {
        id: "no-timer-close-wait",
        shows: "no retransmission timer in CLOSE_WAIT, which a close behind a small window does not leave",
        ends: Some(Ends::Never(
            "text sent in CLOSE_WAIT is lost once, and nobody repeats it",
        )),
        pinned: [38_625, 0],
        build: |_| {
            let mut plan = world(
                Size::Smoke,
                CLIENT,
                &[
                    Step::Listen(AT_ONCE),
                    Step::AwaitEnd,
                    Step::Send(2),
                    Step::Close,
                ],
            )
            .both(|h| {
                h.tcp.no_timer_in = Some(TcpState::CloseWait);
                h.tcp.choices.mss = 1;
            });
            plan.hosts[0].tcp.receive_buffer = 1;
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "time-wait-silent",
        shows: "TIME_WAIT does not answer a repeated FIN",
        ends: Some(Ends::NotCleanly(
            "the last ACK is lost: LAST_ACK repeats its FIN to nobody, until TIME_WAIT is over and a RST answers",
        )),
        pinned: [20_911, 0],
        build: |size| without(world(size, CLIENT, SERVER), Rule::TimeWaitAnswers),
        ..ENDS
    },
    Scenario {
        id: "ends-reuse-numbers",
        shows: "two connections, the client's numbers the same in both, the server's above; the client closes the first, the server the second; the client asks (keep-alive)",
        pinned: [1_248_893, 0],
        build: |_| turned(),
        ..ENDS
    },
    Scenario {
        id: "assassinated",
        shows: "the same, where a RST ends TIME_WAIT (no F1): RFC 1337's H2",
        ends: Some(Ends::Never(
            "an old FIN is taken for new: who acknowledges it acknowledges what was never sent, and each end answers the other for ever",
        )),
        pinned: [4_990_709, 0],
        build: |_| without(turned(), Rule::TimeWaitIgnoresRst),
        ..ENDS
    },
    Scenario {
        id: "reuse-equal-at-once",
        shows: "two connections with the same numbers; who closed last listens again at once",
        ends: Some(Ends::Never(
            "there is no TIME_WAIT for who closes last: his FIN, sent again when the client's TIME_WAIT was nearly over, is taken for that of the next connection",
        )),
        pinned: [140_422, 0],
        build: |_| {
            let mut plan = reused();
            plan.hosts[0].tcp.keep_alive = Some(2);
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "reuse-late-reset-quiet",
        shows: "the same; nobody asks (no keep-alive)",
        ends: Some(Ends::Never(
            "a late RST of the first connection ends the server's end of the second, and the client waits in FIN_WAIT_2",
        )),
        pinned: [68_809, 0],
        build: |_| reused(),
        ..ENDS
    },
    Scenario {
        id: "half-open-both",
        shows: "old text has reached both ends: each expects numbers that the other has not sent",
        ends: Some(Ends::Never(
            "each takes the other's segments for old or for acknowledgments of what was never sent, and answers them",
        )),
        pinned: [39_578, 0],
        build: |_| {
            let mut plan = world(Size::Smoke, CLIENT, SERVER);
            plan.strays = vec![old_text(0), old_text(1)];
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "half-open-coincidence-quiet",
        shows: "an old SYN and an old ACK have established the server's end; the client opens with the same number; nobody writes",
        ends: Some(Ends::Never(
            "the server's challenge ACK is acceptable in SYN_SENT and draws no RST (RFC 5961 4.2): SYN and challenge ACK for ever",
        )),
        pinned: [38_825, 0],
        build: |size| {
            let mut plan = world(size, CLIENT, SERVER);
            let syn = Stray {
                meets: TcpState::Listen,
                host: 0,
                seq: 0,
                ack: None,
                flags: Flags::SYN,
                len: 0,
                age: None,
            };
            let ack = Stray {
                meets: TcpState::SynReceived,
                seq: 1,
                ack: Some(1),
                flags: Flags::default(),
                ..syn
            };
            plan.strays = vec![syn, ack];
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "orphan",
        shows: "the peer vanishes at any moment, R2 is finite, FIN_WAIT_2 of an orphan has a timeout, the server asks (keep-alive)",
        pinned: [45_458, 0],
        build: |size| orphan(size).both(|h| h.tcp.fin_wait_2 = Some(2)),
        ..ENDS
    },
    Scenario {
        id: "orphan-no-timeout",
        shows: "the same without that timeout",
        ends: Some(Ends::Never("FIN_WAIT_2 waits for a peer that is gone")),
        pinned: [31_114, 0],
        build: orphan,
        ..ENDS
    },
    Scenario {
        id: "reader-waits",
        shows: "the client closes its side and reads; the server crashes and forgets the connection; R2 is finite",
        ends: Some(Ends::Never(
            "in FIN_WAIT_2 there is nothing to retransmit, and nobody asks whether the peer is still there",
        )),
        pinned: [37_397, 0],
        build: reader,
        ..ENDS
    },
    Scenario {
        id: "reader-asks",
        shows: "the same with keep-alives: a RST answers",
        pinned: [165_934, 0],
        build: |size| reader(size).both(|h| h.tcp.keep_alive = Some(2)),
        ..ENDS
    },
    Scenario {
        id: "gives-up",
        shows: "both sides close; R2 is finite: every end comes to CLOSED, whatever is lost",
        pinned: [825_975, 0],
        build: |size| {
            at_once(size).both(|h| {
                h.tcp.give_up = Some(2);
                h.tcp.keep_alive = Some(2);
            })
        },
        ..ENDS
    },
];

pub(super) const ENDS: Scenario = Scenario {
    ends: Some(Ends::Always),
    ..SCENARIO
};

/// Closes its side when established, reads to the end.
pub(super) const CLIENT: &[Step] = &[
    Step::Connect(AT_ONCE),
    Step::AwaitEstablished,
    Step::Shutdown,
    Step::AwaitEnd,
];

/// Closes when it has read to the end.
pub(super) const SERVER: &[Step] = &[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Close];

fn without(mut plan: Plan<Spec>, rule: Rule) -> Plan<Spec> {
    plan.without(RuleSet::EMPTY.with(rule));
    plan
}

fn at_once(size: Size) -> Plan<Spec> {
    world(
        size,
        CLIENT,
        &[
            Step::Listen(AT_ONCE),
            Step::AwaitEstablished,
            Step::Shutdown,
            Step::AwaitEnd,
        ],
    )
}

/// A byte long ago, just where the next one is expected.
fn old_text(host: u8) -> Stray {
    Stray {
        meets: TcpState::Established,
        host,
        seq: 1,
        ack: Some(1),
        flags: Flags::default(),
        len: 1,
        age: None,
    }
}

/// The client closes first in both connections; each opens again when the other has finished.
fn reused() -> Plan<Spec> {
    let mut plan = world(Size::Smoke, CLIENT, SERVER).both(|h| h.isn = IsnPolicy::Equal);
    plan.hosts[0].then(CLIENT);
    plan.hosts[0].lives[1].steps[0] = Step::Connect(When::PEER_FINISHED);
    plan.hosts[1].then(SERVER);
    plan.hosts[1].lives[1].steps[0] = Step::Listen(When::PEER_FINISHED);
    plan
}

/// The client closes the first connection, the server the second. A client that is alone in a connection asks.
fn turned() -> Plan<Spec> {
    let mut plan = world(Size::Smoke, CLIENT, SERVER);
    plan.hosts[0].tcp.keep_alive = Some(1);
    plan.hosts[0].isn = IsnPolicy::Equal;
    plan.hosts[0].then(&[
        Step::Connect(When::PEER_FINISHED),
        Step::AwaitEnd,
        Step::Close,
    ]);
    plan.hosts[1].isn = IsnPolicy::Above;
    plan.hosts[1].then(&[
        Step::Listen(AT_ONCE),
        Step::AwaitEstablished,
        Step::Shutdown,
        Step::AwaitEnd,
    ]);
    plan
}

/// The client closes for good; the server may vanish.
fn orphan(size: Size) -> Plan<Spec> {
    let mut plan = world(
        size,
        &[Step::Connect(AT_ONCE), Step::AwaitEstablished, Step::Close],
        SERVER,
    )
    .both(|h| h.tcp.give_up = Some(2));
    plan.hosts[1].tcp.keep_alive = Some(2);
    plan.hosts[1].vanishes = true;
    plan
}

/// The client reads on; the server may crash.
fn reader(size: Size) -> Plan<Spec> {
    let mut plan = world(size, CLIENT, SERVER).both(|h| h.tcp.give_up = Some(2));
    plan.hosts[1].crashes = 1;
    plan
}
