//! One connection: every way of opening and closing it.

use super::build::{client, server, world};
use super::{SCENARIO, Scenario, Size};
use crate::endpoint::{Flags, TcpState};
use crate::spec::Spec;
use crate::spec::choices::AckWhen;
use crate::world::{Goal, Plan, Step, Stray, When};

const AT_ONCE: When = When::AT_ONCE;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "close-half",
        shows: "the client half-closes first, data still flows the other way, then the server closes",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [21_412, 201_584],
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
        id: "close-passive-first",
        shows: "the side that listened closes first and goes through TIME_WAIT",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [8_956, 72_836],
        build: |size| {
            let n = size.bytes();
            world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Send(n),
                    Step::AwaitEnd,
                    Step::Close,
                ],
                &[
                    Step::Listen(AT_ONCE),
                    Step::AwaitData(n),
                    Step::Send(n),
                    Step::Shutdown,
                    Step::AwaitEnd,
                ],
            )
        },
        ..SCENARIO
    },
    Scenario {
        id: "close-simultaneous",
        shows: "both sides write and close at any moment, also at once: CLOSING, and TIME_WAIT on both sides",
        goals: &[
            Goal::Finished,
            Goal::AllDelivered,
            Goal::BothClosing,
            Goal::BothTimeWait,
        ],
        pinned: [436_036, 5_014_487],
        build: |size| {
            let n = size.bytes();
            world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(n),
                    Step::AwaitEnd,
                ],
                &[
                    Step::Listen(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(n),
                    Step::AwaitEnd,
                ],
            )
        },
        ..SCENARIO
    },
    Scenario {
        id: "open-simultaneous",
        shows: "both sides open actively at once; then one closes, and the other",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [47_080, 379_855],
        build: |size| {
            let n = size.bytes();
            world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(n),
                    Step::AwaitEnd,
                ],
                &[Step::Connect(AT_ONCE), Step::AwaitEnd, Step::Finish(n)],
            )
        },
        ..SCENARIO
    },
    Scenario {
        id: "close-early-active",
        shows: "the side that opened actively closes before the handshake ends",
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::ToldReset],
        pinned: [27_663, 207_347],
        build: |size| {
            let n = size.bytes();
            let a = [Step::Connect(AT_ONCE), Step::Shutdown, Step::AwaitEnd];
            let b = [Step::Connect(AT_ONCE), Step::AwaitEnd, Step::Finish(n)];
            world(size, &a, &b)
        },
        ..SCENARIO
    },
    Scenario {
        id: "close-early-passive",
        shows: "the side that listened closes in LISTEN or in SYN_RECEIVED, with nothing to send",
        goals: &[Goal::Finished, Goal::AllDelivered, Goal::ToldRefused],
        pinned: [24_610, 201_635],
        build: |size| {
            world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Send(size.bytes()),
                    Step::AwaitEnd,
                    Step::Shutdown,
                ],
                &[Step::Listen(AT_ONCE), Step::Shutdown, Step::AwaitEnd],
            )
        },
        ..SCENARIO
    },
    Scenario {
        id: "close-early-pending",
        shows: "the side that listened closes in SYN_RECEIVED with data pending: the FIN waits behind it",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [93_236, 892_920],
        build: |size| {
            let n = size.bytes();
            world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Send(n),
                    Step::AwaitEnd,
                    Step::Shutdown,
                ],
                &[Step::Listen(AT_ONCE), Step::Finish(n), Step::AwaitEnd],
            )
        },
        ..SCENARIO
    },
    Scenario {
        id: "reorder-held",
        shows: "data and FIN arrive out of order and are held until what stands in front of them has come",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [44_742, 525_994],
        build: |size| reordered(size, true),
        ..SCENARIO
    },
    Scenario {
        id: "reorder-dropped",
        shows: "the same without a reassembly queue: what is out of order is dropped and sent again",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [27_653, 324_924],
        build: |size| reordered(size, false),
        ..SCENARIO
    },
    Scenario {
        id: "zero-window",
        shows: "a close behind a closed window: probes, then the data, then the FIN",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [31_721, 296_186],
        build: |size| behind_a_window(size, Step::Finish(1)),
        ..SCENARIO
    },
    Scenario {
        id: "zero-window-close-wait",
        shows: "the side that was closed first has data behind a closed window: LAST_ACK only when its FIN goes out",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [52_577, 441_727],
        build: |size| {
            let plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(1),
                    Step::ReceiveAll,
                ],
                &[
                    Step::Listen(AT_ONCE),
                    Step::AwaitEnd,
                    Step::Send(2),
                    Step::Close,
                ],
            );
            reads_late(plan, 0)
        },
        ..SCENARIO
    },
    Scenario {
        id: "zero-window-closing",
        shows: "both close, one behind a closed window: CLOSING still sends its data, then its FIN",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [144_091, 1_071_738],
        build: |size| {
            let plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(1),
                    Step::AwaitEnd,
                ],
                &[
                    Step::Listen(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Shutdown,
                    Step::ReceiveAll,
                ],
            );
            reads_late(plan, 1)
        },
        ..SCENARIO
    },
    Scenario {
        id: "zero-window-fin",
        shows: "the FIN goes out into a closed window when no data stands in front of it: dropped there, and sent again",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [43_106, 348_908],
        build: |size| {
            let plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Send(1),
                    Step::Shutdown,
                    Step::AwaitEnd,
                ],
                &[Step::Listen(AT_ONCE), Step::ReceiveAll, Step::Finish(1)],
            )
            .both(|h| h.tcp.choices.fin_into_zero_window = true);
            reads_late(plan, 1)
        },
        ..SCENARIO
    },
    Scenario {
        id: "ack-beyond",
        shows: "an old ACK for what was never sent meets a connection with data and a FIN behind a closed window",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [96_224, 1_023_315],
        build: |size| {
            let mut plan = behind_a_window(size, Step::Close);
            plan.strays.push(Stray {
                meets: TcpState::FinWait1,
                host: 1,
                seq: 1,
                ack: Some(3), // SYN and two bytes, of which one was sent
                flags: Flags::default(),
                len: 0,
                age: None,
            });
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "open-from-listen",
        shows: "a side that listens opens actively instead",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [7_495, 57_219],
        build: |size| {
            let n = size.bytes();
            world(
                size,
                &[
                    Step::Listen(AT_ONCE),
                    Step::Activate,
                    Step::AwaitEstablished,
                    Step::Finish(n),
                    Step::AwaitEnd,
                ],
                &[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Finish(n)],
            )
        },
        ..SCENARIO
    },
    Scenario {
        id: "close-unread",
        shows: "a close with unread data sends a RST, and the peer is told",
        goals: &[Goal::Finished, Goal::ToldReset],
        pinned: [24_906, 133_703],
        build: |size| {
            let mut plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Send(size.bytes()),
                    Step::Shutdown,
                    Step::AwaitEnd,
                ],
                &[Step::Listen(AT_ONCE), Step::AwaitEstablished, Step::Close],
            );
            plan.hosts[1].reads = false;
            plan.hosts[1].tcp.fixed_window = false;
            plan.hosts[0].tcp.fixed_window = false;
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "data-after-close",
        shows: "data that arrives after a full close is answered with a RST, and its sender is told",
        goals: &[Goal::Finished, Goal::ToldReset],
        pinned: [9_260, 70_435],
        build: |size| {
            world(
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
                    Step::Send(size.bytes()),
                    Step::Close,
                ],
            )
        },
        ..SCENARIO
    },
    Scenario {
        id: "delayed-ack",
        shows: "acknowledgments that wait for the timer or for something to ride on",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [23_141, 213_770],
        build: |size| {
            world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            )
            .both(|h| h.tcp.choices.ack = AckWhen::Delayed)
        },
        ..SCENARIO
    },
    Scenario {
        id: "keep-alive",
        shows: "keep-alives probe an idle connection, and stop when it closes",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [19_773, 205_399],
        build: |size| {
            let mut plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(size.bytes()),
                    Step::AwaitEnd,
                ],
                &[
                    Step::Listen(AT_ONCE),
                    Step::AwaitEnd,
                    Step::Finish(size.bytes()),
                ],
            );
            plan.hosts[0].tcp.keep_alive = Some(1);
            plan
        },
        ..SCENARIO
    },
];

/// Two bytes in two segments and the FIN in a third.
fn reordered(size: Size, held: bool) -> crate::world::Plan<crate::spec::Spec> {
    world(
        size,
        &[
            Step::Connect(AT_ONCE),
            Step::AwaitEstablished,
            Step::Send(2),
            Step::Shutdown,
            Step::AwaitEnd,
        ],
        &[
            Step::Listen(AT_ONCE),
            Step::AwaitEnd,
            Step::Send(1),
            Step::Close,
        ],
    )
    .both(|h| {
        h.tcp.choices.mss = 1;
        h.tcp.choices.fin_rides = false;
        h.tcp.choices.reassembly = held;
    })
}

/// The client writes two bytes and closes; the server's window has room for one, and it reads late. What it does `last`.
fn behind_a_window(size: Size, last: Step) -> Plan<Spec> {
    let plan = world(
        size,
        &[
            Step::Connect(AT_ONCE),
            Step::AwaitEstablished,
            Step::Send(2),
            Step::Shutdown,
            Step::AwaitEnd,
        ],
        &[Step::Listen(AT_ONCE), Step::ReceiveAll, last],
    );
    reads_late(plan, 1)
}

/// A host has room for one byte and reads when its script says so: its window closes.
pub(super) fn reads_late(plan: Plan<Spec>, host: usize) -> Plan<Spec> {
    let mut plan = plan.both(|h| h.tcp.fixed_window = false);
    plan.hosts[host].reads = false;
    plan.hosts[host].tcp.receive_buffer = 1;
    plan
}
