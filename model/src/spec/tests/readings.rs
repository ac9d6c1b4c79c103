//! Where the RFCs contradict themselves: each reading does what its text says, and only there do the two differ.

use super::host::{Host, everywhere};
use crate::endpoint::TcpState::*;
use crate::endpoint::{Call, Timer};
use crate::rules::{Profile, Rule};
use crate::spec::choices::{OldSyn, Reopen, Restart, SynSentRst};

/// 3.10.7.4, second: a RST in TIME_WAIT closes. RFC 1337 F1: it is ignored.
#[test]
fn reading_1_a_reset_in_time_wait() {
    everywhere(|h| {
        let ignores = h.reach(TimeWait);
        let closes = ignores.clone().with(|c| c.rules = Profile::Rfc9293.rules());
        ignores.clone().peer("RST seq=2").gives("", TimeWait);
        closes.clone().peer("RST seq=2").gives("", Closed);
        for outside in ["RST seq=1", "RST seq=6"] {
            ignores.clone().peer(outside).gives("", TimeWait);
            closes.clone().peer(outside).gives("", TimeWait);
        }
    });
}

/// The ticks until TIME_WAIT ends after a segment that came at its third tick.
fn lasts(mut h: Host, segment: &str) -> u8 {
    h.ticks(3).peer(segment);
    (0..)
        .find(|_| {
            h.is_due(Timer::TimeWait) || {
                h.ticks(1);
                false
            }
        })
        .unwrap_or_default()
}

/// As written no repeated FIN restarts 2 MSL (it is left of the window), and an in-window ACK does, and is answered:
/// two TIME_WAITs answer each other for ever.
#[test]
fn reading_2_what_restarts_2_msl() {
    everywhere(|h| {
        let meant = h.reach(TimeWait);
        let with = |restart| meant.clone().with(|c| c.choices.restart = restart);
        let (written, every) = (with(Restart::AsWritten), with(Restart::EveryAnswer));
        let (fin, ack, old) = ("FIN,ACK seq=1 ack=2", "ACK seq=2 ack=2", "ACK seq=0 ack=1");
        let lasting = |h: &Host| [fin, ack, old].map(|s| lasts(h.clone(), s));
        assert_eq!(lasting(&meant), [4, 1, 1]);
        assert_eq!(lasting(&written), [1, 4, 1]);
        assert_eq!(lasting(&every), [4, 1, 4]);
        meant.clone().peer(ack).gives("", TimeWait);

        let mut a = written.clone();
        let mut b = a
            .other_end()
            .with(|c| c.choices.restart = Restart::AsWritten)
            .reach(TimeWait);
        let mut flying = a.peer(ack).gives(ack, TimeWait).sent();
        for _ in 0..3 {
            flying = b.arrives(&flying).gives(ack, TimeWait).sent();
            flying = a.arrives(&flying).gives(ack, TimeWait).sent();
        }
        // The ACK that leads from CLOSING into TIME_WAIT is CLOSING's, and is not answered.
        let mut closing = written
            .other_end()
            .with(|c| c.choices.restart = Restart::AsWritten)
            .reach(Closing);
        closing.peer(ack).gives("told closed", TimeWait);
    });
}

/// 3.10.5: ABORT enters CLOSED. 3.5.2: the issuer of a RST lingers; it answers RST and is not restarted.
#[test]
fn reading_3_abort_lingers_or_not() {
    everywhere(|h| {
        let mut lingers = h.clone().reach(Established);
        let mut closes = h.clone().without(Rule::AbortLingers).reach(Established);
        lingers.call(Call::Abort).gives("RST seq=1", TimeWait);
        closes.call(Call::Abort).gives("RST seq=1", Closed);
        for h in [&mut lingers, &mut closes] {
            let state = h.t.state;
            h.peer("ACK seq=1 ack=1 data=a").gives("RST seq=1", state);
        }
        lingers
            .listen()
            .gives("error: connection already exists", TimeWait);
        closes.listen().gives("", Listen);
    });
}

/// RFC 5961's range comes first and challenges; else SYN_RECEIVED answers RST. Between SND.UNA - MAX.SND.WND and
/// SND.UNA both say RST.
#[test]
fn reading_4_an_unacceptable_acknowledgment_in_syn_received() {
    everywhere(|h| {
        let first = h.reach(SynReceived);
        let own = first.clone().with(|c| c.choices.ack_check_first = false);
        let plain = first.clone().without(Rule::AckWindow);
        for (ack, masked) in [(2, true), (9, true), (-5, true), (-4, false), (0, false)] {
            let (segment, reset) = (format!("ACK seq=1 ack={ack}"), format!("RST seq={ack}"));
            first
                .clone()
                .peer(&segment)
                .gives(if masked { "ACK seq=1 ack=1" } else { &reset }, SynReceived);
            own.clone().peer(&segment).gives(&reset, SynReceived);
            plain.clone().peer(&segment).gives(&reset, SynReceived);
        }
        own.clone().peer("ACK seq=1 ack=1").gives("", Established);
    });
}

/// 3.10.7.4, second: CLOSING and LAST_ACK close in silence. 3.5.3, MUST-12: the user is told.
#[test]
fn reading_5_a_reset_while_closing() {
    everywhere(|h| {
        for state in [Closing, LastAck] {
            let tells = h.clone().reach(state);
            let silent = tells
                .clone()
                .with(|c| c.choices.rst_tells_when_closing = false);
            tells
                .clone()
                .peer("RST seq=2")
                .gives("told connection reset", Closed);
            silent.clone().peer("RST seq=2").gives("", Closed);
        }
        let mut other = h
            .with(|c| c.choices.rst_tells_when_closing = false)
            .reach(FinWait1);
        other
            .peer("RST seq=1")
            .gives("told connection reset", Closed);
    });
}

/// MAY-2 takes a newer SYN before steps one and four would answer it; what it refuses is answered or dropped.
#[test]
fn reading_6_a_syn_in_time_wait() {
    everywhere(|h| {
        let reading = |reopen, old_syn| {
            h.clone().reach(TimeWait).isn(Some(9)).with(|c| {
                c.choices.reopen = reopen;
                c.choices.old_syn = old_syn;
            })
        };
        let (newer, older) = ("SYN seq=5", "SYN seq=1");
        for old_syn in [OldSyn::Challenge, OldSyn::Drop] {
            reading(Reopen::Newer, old_syn)
                .peer(newer)
                .gives("SYN,ACK seq=9 ack=6", SynReceived);
            reading(Reopen::Never, old_syn)
                .peer(newer)
                .gives("ACK seq=2 ack=2", TimeWait);
        }
        reading(Reopen::Newer, OldSyn::Challenge)
            .peer(older)
            .gives("ACK seq=2 ack=2", TimeWait);
        reading(Reopen::Newer, OldSyn::Drop)
            .peer(older)
            .gives("", TimeWait);
    });
}

/// Errata 8167: RCV.NXT is not defined in SYN_SENT. Compared with zero, it lets in the RST that CLOSED forms for a SYN
/// and keeps out the others.
#[test]
fn reading_7_the_reset_check_of_syn_sent() {
    everywhere(|h| {
        let ack_only = h.reach(SynSent);
        let exact = ack_only
            .clone()
            .with(|c| c.choices.syn_sent_rst = SynSentRst::ExactZero);
        let mut closed = ack_only.other_end();
        let reset = closed
            .peer("SYN seq=0")
            .gives("RST,ACK seq=zero ack=1", Closed)
            .sent();
        ack_only
            .clone()
            .arrives(&reset)
            .gives("told connection reset", Closed);
        exact
            .clone()
            .arrives(&reset)
            .gives("told connection reset", Closed);
        ack_only
            .clone()
            .peer("RST,ACK seq=3 ack=1")
            .gives("told connection reset", Closed);
        exact.clone().peer("RST,ACK seq=3 ack=1").gives("", SynSent);
    });
}
