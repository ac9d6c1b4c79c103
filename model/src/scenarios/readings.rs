//! The contradictions of the RFCs, in the reading that the other scenarios do not take.
//!
//! Numbers are those of the README: each is checked here in one reading and in the rest of the run in the other.

use super::build::{client, server, world};
use super::failures::aborting;
use super::reuse::{old_stamp, wrapped_round};
use super::{Expect, SCENARIO, Scenario, Size};
use crate::endpoint::{Flags, TcpState};
use crate::properties::Fault;
use crate::rules::Rule;
use crate::spec::Spec;
use crate::spec::choices::{OldSyn, Restart, SynSentRst};
use crate::world::{Goal, IsnPolicy, Plan, Step, Stray, When};

const AT_ONCE: When = When::AT_ONCE;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "reading-1",
        shows: "RFC 9293 has a RST end TIME_WAIT; RFC 1337 F1 has it ignored (the other scenarios)",
        expects: Expect::Violated(
            Fault::Assassinated,
            "TIME_WAIT assassination: its own ACK of an old duplicate draws the RST",
        ),
        pinned: [13, 13],
        special: Fault::Assassinated.bit(),
        build: |size| {
            world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            )
            .both(|h| h.tcp.rules = h.tcp.rules.without(Rule::TimeWaitIgnoresRst))
        },
        ..SCENARIO
    },
    Scenario {
        id: "reading-2",
        shows: "step five as written: any acceptable ACK restarts 2 MSL, also that of the other TIME_WAIT (safe; whether it ends is another question)",
        goals: &[Goal::BothTimeWait, Goal::AllDelivered],
        pinned: [6_583, 39_860],
        build: |size| both_shut_down(size).both(|h| h.tcp.choices.restart = Restart::AsWritten),
        ..SCENARIO
    },
    Scenario {
        id: "reading-2-every-answer",
        shows: "every acknowledgment that TIME_WAIT sends restarts 2 MSL (safe; whether it ends is another question)",
        goals: &[Goal::BothTimeWait, Goal::AllDelivered],
        pinned: [6_372, 39_144],
        build: |size| both_shut_down(size).both(|h| h.tcp.choices.restart = Restart::EveryAnswer),
        ..SCENARIO
    },
    Scenario {
        id: "reading-3",
        shows: "3.10.5 has ABORT enter CLOSED; 3.5.2 has the issuer of a RST linger (the other scenarios)",
        expects: Expect::Violated(
            Fault::Twice,
            "segments of the aborted connection are accepted by the next",
        ),
        pinned: [16, 16],
        build: |size| {
            aborting(size).both(|h| h.tcp.rules = h.tcp.rules.without(Rule::AbortLingers))
        },
        ..SCENARIO
    },
    Scenario {
        id: "reading-3-single",
        shows: "the same reading without reuse: ABORT enters CLOSED from every state",
        goals: &[Goal::Finished, Goal::ToldReset],
        pinned: [30_721, 194_534],
        build: |size| {
            both_shut_down(size).both(|h| {
                h.tcp.rules = h.tcp.rules.without(Rule::AbortLingers);
                h.aborts = true;
            })
        },
        ..SCENARIO
    },
    Scenario {
        id: "reading-4",
        shows: "SYN_RECEIVED's own check of the ACK comes before RFC 5961's, so that an unacceptable ACK draws a RST",
        goals: &[Goal::AllDelivered],
        pinned: [63_791, 642_996],
        build: |size| {
            let mut plan = world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            )
            .both(|h| h.tcp.choices.ack_check_first = false);
            // Its ACK lies farther back than any window: RFC 5961 would challenge it, SYN_RECEIVED answers with a RST.
            plan.strays.push(Stray {
                meets: TcpState::SynReceived,
                host: 0,
                seq: 1,
                ack: Some(-20),
                flags: Flags::default(),
                len: 0,
                age: None,
            });
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "reading-5",
        shows: "3.10.7.4 tells the user nothing of a RST in CLOSING or LAST_ACK; 3.5.3 and MUST-12 do (the other scenarios)",
        expects: Expect::Violated(
            Fault::Untold,
            "the connection is gone and its user never hears of it",
        ),
        pinned: [16, 18],
        build: |size| {
            world(
                size,
                &client(size.bytes(), AT_ONCE),
                &server(size.bytes(), AT_ONCE),
            )
            .both(|h| h.tcp.choices.rst_tells_when_closing = false)
        },
        ..SCENARIO
    },
    Scenario {
        id: "reading-6",
        shows: "RFC 6191 has a SYN that does not reopen TIME_WAIT dropped silently; RFC 9293 has it answered (the other scenarios)",
        goals: &[Goal::AllDelivered, Goal::SecondLifeReads],
        pinned: [329_442, 329_442],
        special: Fault::Assassinated.bit(),
        build: |size| old_stamp(size).both(|h| h.tcp.choices.old_syn = OldSyn::Drop),
        ..SCENARIO
    },
    Scenario {
        id: "reading-7",
        shows: "SYN_SENT compares a RST with RCV.NXT, which is still zero (errata 8167)",
        goals: &[Goal::AllDelivered, Goal::ToldRefused],
        pinned: [138_943, 1_253_751],
        build: |size| {
            let mut plan = world(
                size,
                &[
                    Step::Connect(AT_ONCE),
                    Step::AwaitEstablished,
                    Step::Finish(size.bytes()),
                    Step::AwaitEnd,
                ],
                &[Step::Listen(AT_ONCE), Step::Shutdown, Step::AwaitEnd],
            )
            .both(|h| h.tcp.choices.syn_sent_rst = SynSentRst::ExactZero);
            // It acknowledges the SYN, but its number is not zero.
            plan.strays.push(Stray {
                meets: TcpState::SynSent,
                host: 1,
                seq: 5,
                ack: Some(1),
                flags: Flags::RST,
                len: 0,
                age: None,
            });
            plan
        },
        ..SCENARIO
    },
    Scenario {
        id: "reading-8",
        shows: "RFC 7323 appendix D records a timestamp before the window is looked at; its 5.3 after (the other scenarios)",
        goals: &[Goal::Finished, Goal::AllDelivered],
        pinned: [50_475, 1_036_081],
        build: |size| wrapped_round(size).both(|h| h.tcp.choices.stamp_before_window = true),
        ..SCENARIO
    },
    Scenario {
        id: "reading-syn",
        shows: "RFC 793 has a SYN in the window reset the connection; RFC 5961 has it challenged (the other scenarios)",
        goals: &[Goal::ToldReset, Goal::SecondLifeReads],
        pinned: [154_454, 1_111_815],
        build: |size| {
            let mut plan = both_shut_down(size)
                .both(|h| h.tcp.rules = h.tcp.rules.without(Rule::SynChallenge));
            plan.hosts[0].then(&[
                Step::Connect(AT_ONCE),
                Step::AwaitEstablished,
                Step::Shutdown,
                Step::AwaitEnd,
            ]);
            plan.hosts[1].then(&[Step::Listen(AT_ONCE), Step::AwaitEnd, Step::Close]);
            plan.hosts[0].crashes = 1;
            plan.hosts[0].quiet = plan.surely_drained();
            plan.hosts[1].isn = IsnPolicy::Above;
            plan.hosts[0].isn = IsnPolicy::Menu(&[4]);
            plan
        },
        ..SCENARIO
    },
];

/// Both close at any moment, also at once; nobody writes.
fn both_shut_down(size: Size) -> Plan<Spec> {
    let steps = [Step::AwaitEstablished, Step::Shutdown, Step::AwaitEnd];
    let with = |open| [&[open][..], &steps].concat();
    world(
        size,
        &with(Step::Connect(AT_ONCE)),
        &with(Step::Listen(AT_ONCE)),
    )
}
