//! TIME_WAIT and the SYN: RFC 9293 MAY-2, RFC 6191, RFC 1337 F1.

use super::host::{Host, everywhere};
use crate::endpoint::TcpState::*;
use crate::endpoint::{Call, Timer};
use crate::endpoint::{Endpoint, NOW};
use crate::rules::Rule;
use crate::spec::Spec;
use crate::spec::choices::{Answers, OldSyn, Reopen};

/// TIME_WAIT with SND.NXT 2 and RCV.NXT 2, next ISN 9; with timestamps the peer's last was `now - 3`.
fn time_wait(h: Host, offers: bool, old: bool) -> Host {
    let mut h = h.with(|c| c.choices.reopen = Reopen::Newer);
    h.call(Call::OpenActive { timestamps: offers });
    let ts = |s: &str| {
        if old {
            format!("{s} ts=-2/0")
        } else {
            s.to_owned()
        }
    };
    h.peer(&ts("SYN,ACK seq=0 ack=1"))
        .call(Call::Shutdown)
        .peer(&ts("FIN,ACK seq=1 ack=2"));
    assert_eq!(h.t.state, TimeWait);
    h.ticks(1);
    h.isn(Some(9))
}

/// RFC 6191 2: the five branches that honour a SYN, and those that leave TIME_WAIT as it is.
#[test]
fn the_branches_of_rfc_6191() {
    // (our user offers timestamps, the old incarnation used them, the SYN's sequence number and timestamp) => honoured
    let table = [
        ("1: newer timestamp", true, true, 0, Some(-2), true),
        (
            "1: newer timestamp, higher number",
            true,
            true,
            2,
            Some(-2),
            true,
        ),
        (
            "2: equal timestamp, higher number",
            true,
            true,
            2,
            Some(-3),
            true,
        ),
        (
            "equal timestamp, the FIN's number",
            true,
            true,
            1,
            Some(-3),
            false,
        ),
        (
            "older timestamp, higher number",
            true,
            true,
            2,
            Some(-4),
            false,
        ),
        (
            "older timestamp, lower number",
            true,
            true,
            0,
            Some(-4),
            false,
        ),
        (
            "3: no timestamps any more, higher number",
            true,
            true,
            2,
            None,
            true,
        ),
        (
            "no timestamps any more, the FIN's number",
            true,
            true,
            1,
            None,
            false,
        ),
        (
            "4: timestamps now, lower number",
            true,
            false,
            -5,
            Some(-9),
            true,
        ),
        (
            "5: never timestamps, higher number",
            false,
            false,
            2,
            None,
            true,
        ),
        ("5: we do not offer them", false, false, 2, Some(0), true),
        (
            "never timestamps, the FIN's number",
            false,
            false,
            1,
            None,
            false,
        ),
        (
            "we do not offer them, lower number",
            false,
            false,
            0,
            Some(0),
            false,
        ),
    ];
    everywhere(|h| {
        for (branch, offers, old, seq, ts, honoured) in table {
            let mut h = time_wait(h.clone(), offers, old);
            let guarded = h.t;
            let stamp = ts.map_or(String::new(), |t| format!(" ts={t}/0"));
            h.peer(&format!("SYN seq={seq}{stamp}"));
            assert_eq!(
                h.t.state,
                if honoured { SynReceived } else { TimeWait },
                "{branch}"
            );
            if honoured {
                assert!(
                    h.said()
                        .starts_with(&format!("SYN,ACK seq=9 ack={}", seq + 1)),
                    "{branch}: {}",
                    h.said()
                );
            } else {
                // RFC 7323 3.2 drops what lacks the option; 3.10.7.4 answers the rest.
                let answer = if old && ts.is_none() {
                    ""
                } else {
                    "ACK seq=2 ack=2"
                };
                assert!(
                    h.said().starts_with(answer) && h.said().is_empty() == answer.is_empty(),
                    "{branch}: {}",
                    h.said()
                );
                assert_eq!(h.t.time_wait, guarded.time_wait, "{branch}: not restarted");
            }
        }
    });
}

/// MAY-2 (1): above everything used before, however low the number that was offered.
#[test]
fn a_reopened_connection_numbers_above_the_old_one() {
    everywhere(|h| {
        for (offered, chosen) in [(1, 2), (-4, 2), (2, 2), (7, 7)] {
            let mut h = time_wait(h.clone(), false, false).isn(Some(offered));
            h.peer("SYN seq=5")
                .gives(&format!("SYN,ACK seq={chosen} ack=6"), SynReceived);
        }
        let mut below = time_wait(h, false, false)
            .isn(Some(1))
            .without(Rule::ReopenIsnAbove);
        below
            .peer("SYN seq=5")
            .gives("SYN,ACK seq=1 ack=6", SynReceived);
    });
}

/// MAY-2 (2): RST, another SYN and silence all lead back, to the same numbers, for the whole time.
#[test]
fn a_reopening_that_was_none_goes_back() {
    everywhere(|h| {
        for old in [false, true] {
            let waiting = time_wait(h.clone().with(|c| c.give_up = Some(1)), old, old);
            let ts = if old { " ts=0/0" } else { "" };
            let mut h = waiting.clone();
            h.peer(&format!("SYN seq=5 wnd=1{ts}"));
            assert_eq!(h.t.state, SynReceived);
            let mut reset = h.clone();
            reset.peer("RST seq=6").gives("", TimeWait);
            let mut syn = h.clone();
            syn.peer(&format!("SYN seq=7{ts}")).gives("", TimeWait);
            let mut silence = h.clone();
            silence.ticks(1).fires(Timer::GiveUp).gives("", TimeWait);
            let recent = Spec::observe(&silence.c, &silence.t).ts_recent;
            assert_eq!(
                recent,
                old.then_some(NOW - 4),
                "TS.Recent has grown old meanwhile"
            );
            for mut back in [reset, syn, silence] {
                assert_eq!(
                    (back.t.snd_nxt, back.t.rcv_nxt),
                    (waiting.t.snd_nxt, waiting.t.rcv_nxt)
                );
                assert_eq!(back.t.max_snd_wnd, waiting.t.max_snd_wnd);
                assert!(!back.ticks(3).is_due(Timer::TimeWait));
                let stamp = if old { " ts=-1/0" } else { "" };
                back.peer(&format!("FIN,ACK seq=1 ack=2{stamp}"));
                assert!(
                    back.said().starts_with("ACK seq=2 ack=2"),
                    "it guards the old connection: {}",
                    back.said()
                );
                back.ticks(4).fires(Timer::TimeWait).gives("", Closed);
            }
            h.peer(&format!("ACK seq=6 ack=10{ts}"))
                .gives("", Established);
            assert!(
                !h.clone()
                    .without(Rule::ReopenGoesBack)
                    .peer("RST seq=6")
                    .said()
                    .is_empty(),
                "an ordinary connection"
            );
        }
    });
}

/// CLOSE waits until it is clear whether the reopening holds.
#[test]
fn close_of_a_reopened_connection_waits_for_the_handshake() {
    everywhere(|h| {
        let mut h = time_wait(h, false, false);
        h.peer("SYN seq=5")
            .call(Call::Shutdown)
            .gives("", SynReceived);
        h.clone().peer("RST seq=6").gives("", TimeWait);
        h.peer("ACK seq=6 ack=10")
            .gives("FIN,ACK seq=10 ack=6", FinWait1);
    });
}

#[test]
fn nobody_listening_or_not_allowed_means_not_reopened() {
    everywhere(|h| {
        let mut nobody = time_wait(h.clone(), false, false).isn(None);
        nobody.peer("SYN seq=5").gives("ACK seq=2 ack=2", TimeWait);
        let mut never =
            time_wait(h.clone(), false, false).with(|c| c.choices.reopen = Reopen::Never);
        never.peer("SYN seq=5").gives("ACK seq=2 ack=2", TimeWait);
        let mut not_a_syn = time_wait(h, false, false);
        not_a_syn
            .peer("SYN,ACK seq=5 ack=9")
            .gives("ACK seq=2 ack=2", TimeWait);
        not_a_syn.peer("RST,SYN seq=5").gives("", TimeWait);
    });
}

/// RFC 1337 F1, on and off; RFC 5961's exact match does not help, for the RST stands exactly at RCV.NXT.
#[test]
fn time_wait_assassination() {
    everywhere(|h| {
        let mut h = h.reach(TimeWait);
        // An old duplicate draws an ACK; the CLOSED peer answers it with a RST.
        let ack = h
            .peer("ACK seq=0 ack=1")
            .gives("ACK seq=2 ack=2", TimeWait)
            .sent();
        let mut peer = h.other_end();
        let reset = peer.arrives(&ack).gives("RST seq=2", Closed).sent();
        h.clone().arrives(&reset).gives("", TimeWait);
        h.without(Rule::TimeWaitIgnoresRst)
            .arrives(&reset)
            .gives("", Closed);
    });
}

/// RFC 6191's "silently drop" against the ACK of RFC 9293.
#[test]
fn a_refused_syn_is_answered_or_dropped() {
    everywhere(|h| {
        let answers = time_wait(h, false, false);
        answers
            .clone()
            .peer("SYN seq=1")
            .gives("ACK seq=2 ack=2", TimeWait);
        answers
            .with(|c| c.choices.old_syn = OldSyn::Drop)
            .peer("SYN seq=1")
            .gives("", TimeWait);
    });
}

/// An incarnation begins with the ISN it uses: an OPEN, a SYN in LISTEN, a reopening; nothing else takes one.
#[test]
fn an_isn_is_used_where_an_incarnation_begins() {
    everywhere(|h| {
        assert!(h.clone().connect().out.isn_used);
        assert!(h.clone().reach(Listen).peer("SYN seq=0").out.isn_used);
        assert!(h.clone().reach(Listen).send("a").out.isn_used);
        let mut reopened = time_wait(h.clone(), false, false);
        assert!(reopened.peer("SYN seq=5").out.isn_used);
        assert!(!reopened.peer("SYN seq=5").out.isn_used);
        assert!(!h.clone().listen().out.isn_used);
        assert!(!h.reach(SynSent).peer("SYN seq=0").out.isn_used);
    });
}

/// Once established, a reopened connection is like any other; what it was before is forgotten.
#[test]
fn a_reopened_connection_becomes_an_ordinary_one() {
    everywhere(|h| {
        let mut reopened = time_wait(h.clone(), true, true);
        reopened.peer("SYN seq=5 ts=0/0");
        assert!(Spec::observe(&reopened.c, &reopened.t).lingering);
        reopened
            .peer("ACK seq=6 ack=10 ts=0/0")
            .gives("", Established);
        let mut ordinary = h.isn(Some(9));
        ordinary
            .call(Call::OpenPassive { timestamps: true })
            .peer("SYN seq=5 ts=0/0")
            .peer("ACK seq=6 ack=10 ts=0/0");
        assert_eq!(reopened.t, ordinary.t);
        assert!(!Spec::observe(&reopened.c, &reopened.t).lingering);
    });
}

/// Which old segments TIME_WAIT answers: every one, or only what occupies sequence space. In-window text always.
#[test]
fn time_wait_answers_every_old_segment_or_those_with_text() {
    everywhere(|h| {
        let every = h.reach(TimeWait);
        let some = every
            .clone()
            .with(|c| c.choices.answers = Answers::SequenceSpace);
        for (segment, occupies) in [
            ("ACK seq=0 ack=1", false),
            ("ACK seq=0 ack=1 data=a", true),
            ("FIN,ACK seq=1 ack=2", true),
            ("ACK seq=2 ack=9", false),
            ("ACK seq=2 ack=9 data=a", true),
            ("ACK seq=2 ack=2 data=a", true),
        ] {
            every
                .clone()
                .peer(segment)
                .gives("ACK seq=2 ack=2", TimeWait);
            some.clone()
                .peer(segment)
                .gives(if occupies { "ACK seq=2 ack=2" } else { "" }, TimeWait);
        }
    });
}
