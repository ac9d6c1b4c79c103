//! Does every close end when it is disturbed: by old segments, by users who abort, do not read or close too early, by a
//! window that is shut? Small worlds for the column of liveness in the ablation matrix: each needs a rule.

use super::build::{two_msl, world};
use super::progress::{CLIENT, ENDS, SERVER};
use super::{Ends, Scenario, Size};
use crate::endpoint::{Flags, OLDEST, TcpState};
use crate::spec::Spec;
use crate::spec::choices::Reopen;
use crate::world::{IsnPolicy, Plan, Step, Stray, When};

const AT_ONCE: When = When::AT_ONCE;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "ends-old-resets",
        shows: "old RSTs, in the window and outside it, meet the server; nobody writes",
        pinned: [128_500, 0],
        build: |size| {
            met_by(
                size,
                &[
                    stray(TcpState::CloseWait, 0, -20, None, Flags::RST),
                    stray(TcpState::CloseWait, 0, 4, None, Flags::RST),
                ],
            )
        },
        ..ENDS
    },
    Scenario {
        id: "ends-old-syn",
        shows: "an old SYN in the window meets the server; nobody writes",
        pinned: [84_074, 0],
        build: |size| met_by(size, &[stray(TcpState::CloseWait, 0, 4, None, Flags::SYN)]),
        ..ENDS
    },
    Scenario {
        id: "ends-old-text",
        shows: "old text whose number fits but whose ACK lies far behind meets the server; nobody writes",
        pinned: [86_656, 0],
        build: |size| met_by(size, &[text(Some(-20), None)]),
        ..ENDS
    },
    Scenario {
        id: "ends-old-stamp",
        shows: "the same, a full trip round the sequence space old, with timestamps: PAWS",
        pinned: [239_311, 0],
        build: |size| {
            let mut plan = met_by(size, &[text(Some(1), Some(OLDEST))]);
            for h in &mut plan.hosts {
                h.with_timestamps();
            }
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "ends-ack-beyond",
        shows: "an ACK of what was never sent meets the client's FIN; nobody writes",
        pinned: [69_178, 0],
        build: |size| {
            met_by(
                size,
                &[stray(TcpState::FinWait1, 1, 1, Some(9), Flags::default())],
            )
        },
        ..ENDS
    },
    Scenario {
        id: "ends-answered",
        shows: "the client closes its side, the server then writes a byte and closes",
        pinned: [185_427, 0],
        build: |_| {
            world(
                Size::Smoke,
                CLIENT,
                &[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Finish(1)],
            )
        },
        ..ENDS
    },
    Scenario {
        id: "ends-unread",
        shows: "the server closes for good, reading nothing of what the client writes; the client asks (keep-alive)",
        pinned: [678_867, 0],
        build: |_| {
            let mut plan = world(
                Size::Smoke,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(1),
                    Step::AwaitEnd,
                ],
                &[Step::Listen(AT_ONCE), Step::AwaitEstablished, Step::Close],
            );
            plan.hosts[0].tcp.keep_alive = Some(2);
            plan.hosts[1].reads = false;
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "ends-abort",
        shows: "the client aborts at any moment; both ask (keep-alive)",
        pinned: [236_804, 0],
        build: |size| {
            let mut plan = world(size, CLIENT, SERVER).both(|h| h.tcp.keep_alive = Some(2));
            plan.hosts[0].aborts = true;
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "ends-early-pending",
        shows: "the server writes a byte and closes before the handshake ends: its FIN waits behind it",
        pinned: [80_780, 0],
        build: |_| {
            world(
                Size::Smoke,
                &[Step::Connect(AT_ONCE), Step::AwaitEnd, Step::Shutdown],
                &[Step::Listen(AT_ONCE), Step::Finish(1), Step::AwaitEnd],
            )
        },
        ..ENDS
    },
    Scenario {
        id: "ends-old-reopening",
        shows: "the server closes first and listens again: an old SYN with a high number meets its TIME_WAIT; its R2 is finite, the client asks (keep-alive)",
        pinned: [593_064, 0],
        build: |size| {
            let mut plan = reopened(size);
            plan.hosts[0].tcp.keep_alive = Some(2);
            plan.hosts[1].tcp.give_up = Some(2);
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "reopened-for-ever",
        shows: "the same with R2 infinite",
        ends: Some(Ends::Never(
            "the client, in LAST_ACK, repeats its FIN, which is old to what the old SYN reopened: each answers the other, and R2 alone ends it",
        )),
        pinned: [37_260, 0],
        build: reopened,
        ..ENDS
    },
    Scenario {
        id: "ends-half-open",
        shows: "an old SYN meets the server, and its answer the client's SYN",
        pinned: [240_521, 0],
        build: |size| {
            let mut plan = met_by(size, &[stray(TcpState::Listen, 0, 16, None, Flags::SYN)]);
            plan.hosts[1].tcp.keep_alive = Some(2);
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "ends-old-ack",
        shows: "an old ACK, of nothing new, meets the server's SYN_RECEIVED; nobody writes",
        pinned: [143_386, 0],
        build: |size| {
            met_by(
                size,
                &[stray(
                    TcpState::SynReceived,
                    0,
                    1,
                    Some(0),
                    Flags::default(),
                )],
            )
        },
        ..ENDS
    },
    Scenario {
        id: "ends-crash",
        shows: "the server crashes and keeps quiet for 2 MSL; R2 is finite, both ask (keep-alive)",
        pinned: [102_563, 0],
        build: |size| {
            let mut plan = world(size, CLIENT, SERVER).both(|h| {
                h.tcp.give_up = Some(2);
                h.tcp.keep_alive = Some(2);
            });
            plan.hosts[1].crashes = 1;
            plan.hosts[1].quiet = two_msl(size.msl());
            plan
        },
        ..ENDS
    },
    Scenario {
        id: "ends-old-refusal",
        shows: "an old RST meets the client's SYN",
        pinned: [61_967, 0],
        build: |size| met_by(size, &[stray(TcpState::SynSent, 1, 0, None, Flags::RST)]),
        ..ENDS
    },
    Scenario {
        id: "ends-keep-alive",
        shows: "the client asks (keep-alive) and closes",
        pinned: [44_247, 0],
        build: |size| {
            let mut plan = world(size, CLIENT, SERVER);
            plan.hosts[0].tcp.keep_alive = Some(1);
            plan
        },
        ..ENDS
    },
];

/// The client closes first, the server when it has read the end; these turn up.
fn met_by(size: Size, strays: &[Stray]) -> Plan<Spec> {
    let mut plan = world(size, CLIENT, SERVER);
    plan.strays = strays.to_vec();
    plan
}

/// The server closes first and listens again in TIME_WAIT, which an old SYN with a high number meets.
fn reopened(size: Size) -> Plan<Spec> {
    let client = &[Step::Connect(AT_ONCE), Step::AwaitEnd, Step::Close];
    let server = &[
        Step::Listen(AT_ONCE),
        Step::AwaitEstablished,
        Step::Shutdown,
        Step::AwaitEnd,
    ];
    let mut plan = world(size, client, server).both(|h| {
        h.tcp.choices.reopen = Reopen::Newer;
        h.isn = IsnPolicy::Above;
    });
    plan.hosts[1].then(server);
    plan.strays = vec![stray(TcpState::TimeWait, 0, 20, None, Flags::SYN)];
    plan
}

/// An old segment from a host, without text.
fn stray(meets: TcpState, host: u8, seq: i8, ack: Option<i8>, flags: Flags) -> Stray {
    Stray {
        meets,
        host,
        seq,
        ack,
        flags,
        len: 0,
        age: None,
    }
}

/// A byte long ago from the client, just where the server expects the next one.
fn text(ack: Option<i8>, age: Option<u8>) -> Stray {
    Stray {
        len: 1,
        age,
        ..stray(TcpState::Established, 0, 1, ack, Flags::default())
    }
}
