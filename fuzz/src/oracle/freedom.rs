//! What the RFCs leave open, and for how long. What is not compared is one table, with a reason each.

use farewell_model::endpoint::{Call, Event, Flags, MAX_DATA, Segment, TcpState};
use farewell_model::rules::{Profile, Rule, RuleSet};
use farewell_model::spec::choices::{Answers, OldSyn, Reopen, Restart, SynSentRst};
use farewell_model::spec::{Choices, Config, Tcb};

use crate::subject::Micros;
use crate::subjects::Terms;

/// The grain of time: a tick of the specification.
pub const QUANTUM: Micros = 250_000;
/// An acknowledgment is delayed less than half a second (RFC 9293 3.8.6.3, MUST-40).
pub const ACK_TICKS: u8 = 2;
/// Answers to what is not acceptable may be throttled (RFC 5961 section 7): one a second.
pub const THROTTLE_TICKS: u32 = 4;
/// TIME_WAIT is over this long after it may be, in ticks.
pub const OVERTIME: u8 = 8;
/// What is unacknowledged is sent again within this many ticks (RFC 6298: three seconds, and one for a clock that is coarse), or what follows from the longest
/// round trip, doubled by each time it was.
pub const RETRANSMIT_TICKS: u32 = 16;
/// While nothing arrives, intervals grow: after so many repetitions to at least twice the first (RFC 9293 3.8.1 MUST-19, RFC
/// 6298 5.5; a tail loss probe may come first), but where they are a minute already.
pub const BACKS_OFF_WITHIN: u32 = 4;
/// That minute, a little less for the grain of time.
pub const RETRANSMIT_LEAST_MOST: u32 = 4 * 59;
/// And within a minute and a little in any case (RFC 6298 section 2.4).
pub const RETRANSMIT_MOST: u32 = 4 * 66;

/// Where a stack is free, and why.
pub const FREEDOM: &[(&str, &str)] = &[
    (
        "when data is acknowledged, and with what",
        "RFC 9293 3.8.6.3: up to half a second later, on any segment, several at once",
    ),
    (
        "how text is cut into segments, whether FIN rides on it",
        "RFC 9293 3.7: any; all of what may be sent goes out at once, for Nagle is off",
    ),
    (
        "the order of acknowledgment and text within an instant",
        "RFC 9293 3.10.7.4 acknowledges last, MUST-58 before",
    ),
    (
        "when something is sent again, at the latest in the bound, with longer intervals while nothing arrives",
        "RFC 6298; any part of what is in flight, same text; at an instant each octet once (where time is real, three times), and one that arrives may draw a repetition at once (RFC 5681, RFC 8985)",
    ),
    ("acknowledgment of segments ahead of RCV.NXT", "MAY-13"),
    (
        "acknowledgment of text in the window behind the peer's FIN",
        "RFC 9293 3.10.7.4 seventh: \"ignore the segment text\"",
    ),
    (
        "text and FIN on a SYN that is not acknowledged yet: thrown away, or queued until the handshake has ended",
        "RFC 9293 3.10.7.2 and 3.10.7.3: \"should be queued for processing later\"",
    ),
    (
        "the number of the RST for text after CLOSE: SND.NXT, or SEG.ACK as from CLOSED",
        "RFC 1122 4.2.2.13, RFC 2525 2.17: neither says",
    ),
    (
        "segments ahead of RCV.NXT held or dropped",
        "SHLD-31; each segment its own",
    ),
    (
        "the window between what was offered and what there is room for",
        "RFC 9293 3.8.6.2.2: silly windows; it never shrinks (SHLD-14); where it was closed, half the buffer is announced within half a second",
    ),
    (
        "whether text is judged by the window last offered or by the room there is",
        "RFC 9293 3.3.1: RCV.WND is both",
    ),
    (
        "the window once the peer's FIN is in, and on SYN and RST",
        "nothing can be sent into it; a SYN's is an offer",
    ),
    (
        "a second answer to unacceptable segments within a second",
        "RFC 5961 section 7",
    ),
    (
        "ACK and acknowledgment on the RST of an ABORT",
        "RFC 9293 3.10.5 shows none, 3.10.7.1 has one: RCV.NXT if it is there",
    ),
    (
        "FIN into a closed window",
        "RFC 9293 3.8.6.1 and 3.10.4: as data, or at once",
    ),
    (
        "a probe: the next octet, counted in SND.NXT or not, or an old number",
        "RFC 9293 3.8.6.1 does not say",
    ),
    (
        "FIN behind the last octet of text, on its probe; what follows is not judged",
        "RFC 9293 3.8.6.1, MUST-36: at least one octet",
    ),
    (
        "RST in TIME_WAIT closes or not",
        "contradiction 1: RFC 9293 against RFC 1337 F1",
    ),
    ("what restarts 2 MSL", "contradiction 2"),
    ("lingering after ABORT", "contradiction 3"),
    (
        "which check of the acknowledgment is first in SYN_RECEIVED",
        "contradiction 4",
    ),
    (
        "a SYN left of the window in SYN_RECEIVED, with text in it or as the SYN,ACK of crossing SYNs: not acceptable, or trimmed",
        "RFC 9293 3.10.7.4 first: \"one could tailor actual segments … (including SYN and FIN)\"; figure 7 (3.5)",
    ),
    ("a RST told in CLOSING and LAST_ACK", "contradiction 5"),
    (
        "whether a SYN reopens TIME_WAIT, and what a refused one draws",
        "MAY-2; contradiction 6. What reopens it must go back there if the SYN was an old duplicate",
    ),
    ("the number of a RST in SYN_SENT", "contradiction 7"),
    ("acknowledgments older than MAX.SND.WND", "MAY-12"),
    (
        "pure acknowledgments in TIME_WAIT answered or not",
        "RFC 9293 3.10.7.4 first, against loops of acknowledgments",
    ),
    (
        "the kind of a call's error; errors of CLOSE, ABORT and STATUS",
        "the words of an interface are its own",
    ),
    ("a SEND that is refused for lack of room", "RFC 9293 3.10.2"),
    (
        "RECEIVE in CLOSED: refused, or what had come before the connection ended",
        "the interface's own: RFC 9293 has no connection there",
    ),
    (
        "PSH, and of the IP header all but lengths, addresses and checksum",
        "not about closing; an option that the peer did not offer is refused",
    ),
];

/// The rules that a conforming stack keeps: RFC 9293 with its SHOULDs.
pub fn strict() -> RuleSet {
    Profile::Hardened.rules()
}

fn config(terms: &Terms, rules: RuleSet) -> Config {
    let ticks = |t: Micros| (t / QUANTUM).clamp(1, 250) as u8;
    Config {
        rules,
        choices: Choices {
            send: farewell_model::spec::choices::SendWhen::AtTheEnd,
            ..Choices::default()
        },
        // One less: the stack's clock is not ours.
        time_wait: ticks(terms.time_wait) - 1,
        fin_wait_2: terms.fin_wait_2.map(|t| ticks(t) - 1),
        user_timeout: None,
        give_up: None,
        keep_alive: None,
        receive_buffer: terms.buffer,
        fixed_window: false,
        no_timer_in: None,
    }
}

/// The configuration of what has no choice.
pub fn plain(terms: &Terms, rules: RuleSet) -> Config {
    config(terms, rules)
}

/// What a stack can be seen to choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Choice {
    /// Contradiction 1.
    RstInTimeWait,
    /// Contradiction 2: what is answered and has no FIN restarts 2 MSL, or not.
    Restart,
    /// Contradiction 2: so does a repeated FIN, or not.
    RestartByFin,
    /// MAY-2.
    NewSynInTimeWait,
    /// Contradiction 6.
    OldSynInTimeWait,
    /// Against loops of acknowledgments.
    AckInTimeWait,
    /// Contradiction 3.
    AfterAbort,
    /// Contradiction 4.
    AckInSynReceived,
    /// Contradiction 5.
    RstWhenClosing,
    /// Contradiction 7.
    RstInSynSent,
    /// MAY-12.
    OldAck,
    /// SHLD-31.
    Ahead,
    /// RFC 9293 3.8.6.1 and 3.10.4.
    FinAtClosedWindow,
    /// RFC 9293 3.3.1.
    Window,
    /// RFC 9293 3.5, figure 7.
    SynTrimmed,
    /// RFC 9293 3.10.7.2.
    TextOnSyn,
}

/// What it is about, what the specification does by itself, and what else a stack may do.
pub const CHOICES: [(Choice, &str, [&str; 2]); 16] = [
    (
        Choice::RstInTimeWait,
        "a RST in TIME_WAIT (contradiction 1)",
        ["is ignored", "ends it"],
    ),
    (
        Choice::Restart,
        "in TIME_WAIT what is answered and has no FIN (contradiction 2)",
        ["does not restart 2 MSL", "restarts 2 MSL"],
    ),
    (
        Choice::RestartByFin,
        "a repeated FIN in TIME_WAIT (contradiction 2)",
        ["restarts 2 MSL", "does not restart 2 MSL"],
    ),
    (
        Choice::NewSynInTimeWait,
        "a new SYN in TIME_WAIT (MAY-2)",
        ["is refused", "reopens it"],
    ),
    (
        Choice::OldSynInTimeWait,
        "another SYN in TIME_WAIT (contradiction 6)",
        ["is answered", "is dropped"],
    ),
    (
        Choice::AckInTimeWait,
        "an empty segment outside the window in TIME_WAIT",
        ["is answered", "draws nothing"],
    ),
    (
        Choice::AfterAbort,
        "an ABORT (contradiction 3)",
        ["lingers in TIME_WAIT", "enters CLOSED"],
    ),
    (
        Choice::AckInSynReceived,
        "an acknowledgment in SYN_RECEIVED (contradiction 4)",
        ["meets RFC 5961's check first", "meets its own first"],
    ),
    (
        Choice::RstWhenClosing,
        "a RST in CLOSING or LAST_ACK (contradiction 5)",
        ["is told", "is not told"],
    ),
    (
        Choice::RstInSynSent,
        "a RST in SYN_SENT (contradiction 7)",
        ["is known by its acknowledgment", "by its number, too"],
    ),
    (
        Choice::OldAck,
        "what acknowledges less than MAX.SND.WND allows (MAY-12)",
        ["is challenged", "is taken"],
    ),
    (
        Choice::Ahead,
        "text and FIN ahead of RCV.NXT (SHLD-31)",
        ["are held", "are dropped"],
    ),
    (
        Choice::FinAtClosedWindow,
        "a FIN behind a closed window (3.8.6.1)",
        ["waits", "goes out at once"],
    ),
    (
        Choice::Window,
        "a segment is held against the window (3.3.1)",
        ["that there is room for", "that was offered last"],
    ),
    (
        Choice::SynTrimmed,
        "a SYN left of the window in SYN_RECEIVED (figure 7)",
        ["is not acceptable", "is trimmed"],
    ),
    (
        Choice::TextOnSyn,
        "text and FIN on a SYN (3.10.7.2)",
        ["are thrown away", "are queued"],
    ),
];

/// What a state was seen to choose: two bits for each [`Choice`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chosen(u64);

const _: () = assert!(CHOICES.len() <= 32);

impl Chosen {
    /// One choice.
    pub fn one(choice: Choice, other: bool) -> Chosen {
        Chosen(1 << (2 * choice as u8 + u8::from(other)))
    }

    /// Both.
    #[must_use]
    pub fn and(self, more: Chosen) -> Chosen {
        Chosen(self.0 | more.0)
    }

    /// What is sure where either can be.
    #[must_use]
    pub fn or(self, else_: Chosen) -> Chosen {
        Chosen(self.0 & else_.0)
    }

    /// All but that choice.
    #[must_use]
    pub fn without(self, choice: Choice) -> Chosen {
        let both = Chosen::one(choice, false).and(Chosen::one(choice, true));
        Chosen(self.0 & !both.0)
    }

    /// Whether that is among them.
    pub fn has(self, choice: Choice, other: bool) -> bool {
        self.or(Chosen::one(choice, other)) != Chosen::default()
    }
}

/// Every configuration that matters to this event in this state: all combinations of what is free, and which that is.
pub fn readings(terms: &Terms, rules: RuleSet, tcb: &Tcb, e: &Event) -> Vec<(Config, Chosen)> {
    use TcpState::*;
    let state = tcb.state;
    let mut all = vec![(config(terms, rules), Chosen::default())];
    let mut or = |choice: Choice, change: &dyn Fn(&mut Config)| {
        let mut more = all.clone();
        for (_, chosen) in &mut all {
            *chosen = chosen.and(Chosen::one(choice, false));
        }
        for (c, chosen) in &mut more {
            change(c);
            *chosen = chosen.and(Chosen::one(choice, true));
        }
        all.extend(more);
    };
    let without = |r: Rule| move |c: &mut Config| c.rules = c.rules.without(r);
    match e {
        Event::Call(call) => {
            or(Choice::FinAtClosedWindow, &|c| {
                c.choices.fin_into_zero_window = true;
            });
            if matches!(call, Call::Abort | Call::Close) {
                or(Choice::AfterAbort, &without(Rule::AbortLingers));
            }
        }
        Event::Segment(s) => match state {
            SynSent => or(Choice::RstInSynSent, &|c| {
                c.choices.syn_sent_rst = SynSentRst::ExactZero;
            }),
            TimeWait => {
                or(Choice::AckInTimeWait, &|c| {
                    c.choices.answers = Answers::SequenceSpace;
                });
                or(Choice::RstInTimeWait, &without(Rule::TimeWaitIgnoresRst));
                or(Choice::OldAck, &without(Rule::AckWindow));
                let syn = s.is(Flags::SYN) && !s.is(Flags::ACK) && !s.is(Flags::RST);
                if syn && tcb.rcv_nxt.at_or_before(s.seq) {
                    or(Choice::NewSynInTimeWait, &|c| {
                        c.choices.reopen = Reopen::Newer;
                    });
                } else if syn {
                    or(Choice::OldSynInTimeWait, &|c| {
                        (c.choices.reopen, c.choices.old_syn) = (Reopen::Newer, OldSyn::Drop);
                    });
                }
                all = restarts(&all, tcb, s);
            }
            Closed | Listen => {}
            _ => {
                or(Choice::FinAtClosedWindow, &|c| {
                    c.choices.fin_into_zero_window = true;
                });
                or(Choice::OldAck, &without(Rule::AckWindow));
                if s.seq_len() > 0 {
                    or(Choice::Ahead, &|c| c.choices.reassembly = false);
                    or(Choice::AfterAbort, &without(Rule::AbortLingers));
                }
                or(Choice::RstWhenClosing, &|c| {
                    c.choices.rst_tells_when_closing = false;
                });
                if state == SynReceived {
                    or(Choice::AckInSynReceived, &|c| {
                        c.choices.ack_check_first = false;
                    });
                }
            }
        },
        Event::Timer(_) | Event::Tick => {}
    }
    // What a stack does with other control bits may have other reasons.
    if let Event::Segment(s) = e
        && !ORDINARY.contains(&s.flags)
    {
        for (_, chosen) in &mut all {
            *chosen = Chosen::default();
        }
    }
    all
}

/// Control bits that TCPs send.
const ORDINARY: [Flags; 6] = [
    Flags::SYN,
    Flags::SYN.with(Flags::ACK),
    Flags::ACK,
    Flags::FIN.with(Flags::ACK),
    Flags::RST,
    Flags::RST.with(Flags::ACK),
];

/// The three readings of contradiction 2, by what each does with this segment.
fn restarts(all: &[(Config, Chosen)], tcb: &Tcb, s: &Segment) -> Vec<(Config, Chosen)> {
    let is_fin = s.is(Flags::FIN);
    let in_window = s.seq == tcb.rcv_nxt || s.seq.within(tcb.rcv_nxt, MAX_DATA as u32);
    let each = [
        (Restart::RepeatedFin, is_fin),
        (Restart::EveryAnswer, true),
        (Restart::AsWritten, in_window && !is_fin),
    ];
    let with = |(reading, does): (Restart, bool)| {
        let chosen = if is_fin {
            Chosen::one(Choice::RestartByFin, !does)
        } else {
            Chosen::one(Choice::Restart, does)
        };
        all.iter().map(move |(c, others)| {
            let mut c = *c;
            c.choices.restart = reading;
            (c, others.and(chosen))
        })
    };
    each.into_iter().flat_map(with).collect()
}

/// How much a clause weighs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// A MUST of RFC 9293, or what its section 3.10 prescribes.
    Must,
    /// A SHOULD.
    Should,
}

/// A rule without which a stack is explained, and what that means.
pub fn level(r: Rule) -> Level {
    match r {
        Rule::RstExact | Rule::SynChallenge | Rule::ResetUnread | Rule::ResetLateData => {
            Level::Should
        }
        _ => Level::Must,
    }
}
