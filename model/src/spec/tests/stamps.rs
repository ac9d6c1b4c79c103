//! Timestamps and PAWS (RFC 7323), the window of acknowledgments and the exact RST (RFC 5961).

use super::host::everywhere;
use crate::endpoint::TcpState::*;
use crate::endpoint::{Call, NOW};
use crate::rules::Rule;
use crate::spec::choices::AckWhen;

/// RFC 7323 3.2: in use only if both SYNs offer them; then on every segment that is not a RST, echoing TS.Recent.
#[test]
fn timestamps_are_negotiated_and_echoed() {
    let active = Call::OpenActive { timestamps: true };
    let passive = Call::OpenPassive { timestamps: true };
    everywhere(|h| {
        let mut both = h.clone();
        both.call(active).gives("SYN seq=0 ts=0/none", SynSent);
        let mut crossed = both.clone();
        both.peer("SYN,ACK seq=0 ack=1 ts=-2/0")
            .gives("ACK seq=1 ack=1 ts=0/-2", Established);
        both.ticks(1)
            .send("a")
            .gives("ACK seq=1 ack=1 data=a ts=0/-3", Established); // it grows old
        both.peer("ACK seq=1 ack=2 ts=-1/0")
            .call(Call::Shutdown)
            .gives("FIN,ACK seq=2 ack=1 ts=0/-1", FinWait1);
        both.peer("FIN,ACK seq=1 ack=3 ts=0/0")
            .gives("ACK seq=3 ack=2 ts=0/0; told closed", TimeWait);
        both.call(Call::Abort).gives("", Closed);
        crossed
            .peer("SYN seq=0 ts=-2/0")
            .gives("SYN,ACK seq=0 ack=1 ts=0/-2", SynReceived);
        h.clone()
            .call(active)
            .peer("SYN,ACK seq=0 ack=1")
            .gives("ACK seq=1 ack=1", Established);
        h.clone()
            .connect()
            .peer("SYN,ACK seq=0 ack=1 ts=0/0")
            .gives("ACK seq=1 ack=1", Established);
        h.clone()
            .call(passive)
            .peer("SYN seq=0 ts=-1/0")
            .gives("SYN,ACK seq=0 ack=1 ts=0/-1", SynReceived);
        h.clone()
            .call(passive)
            .peer("SYN seq=0")
            .gives("SYN,ACK seq=0 ack=1", SynReceived);
        h.clone()
            .listen()
            .peer("SYN seq=0 ts=-1/0")
            .gives("SYN,ACK seq=0 ack=1", SynReceived);
    });
}

/// RFC 7323 5.3: R1 before the window, RST exempt, TS.Recent from segments at or left of Last.ACK.sent only.
#[test]
fn an_old_timestamp_makes_a_segment_unacceptable() {
    everywhere(|h| {
        let h = h.stamped();
        h.clone()
            .peer("ACK seq=1 ack=1 data=a ts=-2/0")
            .gives("ACK seq=1 ack=1 ts=0/-1", Established);
        h.clone()
            .peer("FIN,ACK seq=1 ack=1 ts=-2/0")
            .gives("ACK seq=1 ack=1 ts=0/-1", Established);
        h.clone()
            .peer("ACK seq=1 ack=1 data=a ts=-1/0")
            .gives("ACK seq=1 ack=2 wnd=3 ts=0/-1", Established);
        h.clone()
            .peer("ACK seq=1 ack=1 data=a ts=0/0")
            .gives("ACK seq=1 ack=2 wnd=3 ts=0/0", Established);
        h.clone()
            .peer("RST seq=1 ts=-2/0")
            .gives("told connection reset", Closed);
        h.clone()
            .peer("RST seq=1")
            .gives("told connection reset", Closed);
        h.clone()
            .peer("ACK seq=1 ack=1 data=a")
            .gives("", Established); // 3.2: without the option, silently
        let mut ahead = h.clone();
        ahead
            .peer("ACK seq=2 ack=1 data=b ts=0/0")
            .gives("ACK seq=1 ack=1 ts=0/-1", Established); // not recorded
        ahead
            .peer("ACK seq=1 ack=1 data=a ts=-1/0")
            .gives("ACK seq=1 ack=3 wnd=2 ts=0/-1", Established);
        let mut off = h.without(Rule::Paws);
        off.clone()
            .peer("ACK seq=1 ack=1 data=a ts=-2/0")
            .gives("ACK seq=1 ack=2 wnd=3 ts=0/-1", Established);
        off.peer("ACK seq=1 ack=1 data=a").gives("", Established);
    });
}

/// Last.ACK.sent, not RCV.NXT, when acknowledgments are delayed; a keep-alive is an acknowledgment too.
#[test]
fn last_ack_sent_decides_what_is_echoed() {
    everywhere(|h| {
        let h = h.with(|c| {
            c.choices.ack = AckWhen::Delayed;
            c.keep_alive = Some(1);
        });
        let mut h = h.stamped();
        h.peer("ACK seq=1 ack=1 data=a ts=-1/0")
            .gives("", Established);
        let mut later = h.clone();
        h.peer("ACK seq=2 ack=1 data=b ts=0/0")
            .gives("", Established);
        h.send("x")
            .gives("ACK seq=1 ack=3 data=x wnd=2 ts=0/-1", Established);
        later
            .ticks(1)
            .fires(crate::endpoint::Timer::KeepAlive)
            .gives("ACK seq=0 ack=2 wnd=3 ts=0/-2", Established);
        later
            .peer("ACK seq=2 ack=1 data=b ts=0/0")
            .send("x")
            .gives("ACK seq=1 ack=3 data=x wnd=2 ts=0/0", Established);
    });
}

/// RFC 5961 3.2: exact resets, inside is challenged, outside is dropped.
#[test]
fn only_an_exact_reset_resets() {
    everywhere(|h| {
        for state in [Established, FinWait1, FinWait2, CloseWait, Closing, LastAck] {
            let h = h.clone().reach(state);
            let nxt = if matches!(state, Established | FinWait1 | FinWait2) {
                1
            } else {
                2
            };
            let ours = if matches!(state, Established | CloseWait) {
                1
            } else {
                2
            };
            let challenge = format!("ACK seq={ours} ack={nxt}");
            for inside in 1..4 {
                h.clone()
                    .peer(&format!("RST seq={}", nxt + inside))
                    .gives(&challenge, state);
            }
            h.clone()
                .peer(&format!("RST seq={}", nxt + 4))
                .gives("", state);
            h.clone()
                .peer(&format!("RST seq={}", nxt - 1))
                .gives("", state);
            h.clone()
                .peer(&format!("RST seq={nxt}"))
                .gives("told connection reset", Closed);
            h.clone()
                .without(Rule::RstExact)
                .peer(&format!("RST seq={}", nxt + 3))
                .gives("told connection reset", Closed);
        }
    });
}

/// RFC 5961 4.2: a SYN in a synchronized state is challenged, whatever its number.
#[test]
fn a_syn_in_a_synchronized_state_is_challenged() {
    everywhere(|h| {
        for state in [
            Established,
            FinWait1,
            FinWait2,
            CloseWait,
            Closing,
            LastAck,
            TimeWait,
        ] {
            let h = h.clone().reach(state);
            let nxt = if matches!(state, Established | FinWait1 | FinWait2) {
                1
            } else {
                2
            };
            let ours = if matches!(state, Established | CloseWait) {
                1
            } else {
                2
            };
            for seq in [-7, 0, nxt, nxt + 2, nxt + 9] {
                h.clone()
                    .peer(&format!("SYN seq={seq}"))
                    .gives(&format!("ACK seq={ours} ack={nxt}"), state);
                h.clone()
                    .peer(&format!("SYN,ACK seq={seq} ack=9"))
                    .gives(&format!("ACK seq={ours} ack={nxt}"), state);
            }
            // RFC 793: in the window it resets; the closing states are left out of the planted mistake.
            let mut old = h.without(Rule::SynChallenge);
            old.peer(&format!("SYN seq={nxt}"));
            if matches!(state, Established | FinWait1 | FinWait2 | CloseWait) {
                old.gives(&format!("RST seq={ours}; told connection reset"), Closed);
            }
        }
    });
}

/// RFC 5961 5: `SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT`, for the largest window ever offered.
#[test]
fn acknowledgments_have_a_window() {
    everywhere(|h| {
        let mut h = h.reach(SynSent);
        h.peer("SYN,ACK seq=0 ack=1 wnd=2")
            .peer("ACK seq=1 ack=1 wnd=3")
            .peer("ACK seq=1 ack=1 wnd=1");
        h.clone()
            .peer("ACK seq=1 ack=-2 data=a")
            .gives("ACK seq=1 ack=2 wnd=3", Established); // SND.UNA - 3
        h.clone()
            .peer("ACK seq=1 ack=-3 data=a")
            .gives("ACK seq=1 ack=1", Established);
        h.clone()
            .peer("ACK seq=1 ack=2 data=a")
            .gives("ACK seq=1 ack=1", Established);
        // The largest may be the handshake's own.
        let mut passive = h.other_end().reach(Listen);
        passive
            .peer("SYN seq=0 wnd=1")
            .peer("ACK seq=1 ack=1 wnd=3")
            .peer("ACK seq=1 ack=1 wnd=1");
        passive
            .clone()
            .peer("ACK seq=1 ack=-2 data=a")
            .gives("ACK seq=1 ack=2 wnd=3", Established);
        passive
            .peer("ACK seq=1 ack=-3 data=a")
            .gives("ACK seq=1 ack=1", Established);
        let mut off = h.without(Rule::AckWindow);
        off.clone()
            .peer("ACK seq=1 ack=2 data=a")
            .gives("ACK seq=1 ack=1", Established);
        off.peer("ACK seq=1 ack=-3 data=a")
            .gives("ACK seq=1 ack=2 wnd=3", Established);
    });
}

/// RFC 7323 5.3, R2 and R3: what is outside the window leaves TS.Recent alone; appendix D records it all the same.
#[test]
fn a_stamp_is_recorded_within_the_window() {
    everywhere(|h| {
        for (before_window, echoed) in [(false, "-1"), (true, "0")] {
            let mut h = h
                .clone()
                .with(|c| c.choices.stamp_before_window = before_window);
            h = h.stamped();
            // Left of the window, with a newer timestamp.
            h.peer("ACK seq=0 ack=1 ts=0/0")
                .gives(&format!("ACK seq=1 ack=1 ts=0/{echoed}"), Established);
            // At its left edge.
            h.peer("ACK seq=1 ack=1 ts=0/0")
                .send("a")
                .gives("ACK seq=1 ack=1 data=a ts=0/0", Established);
        }
    });
}

/// RFC 7323 5.2: a RST does not change TS.Recent, not even one that is otherwise ignored; and on our clock a timestamp
/// from the future is no older than now.
#[test]
fn a_reset_leaves_the_stamp_alone() {
    everywhere(|h| {
        let mut h = h.clone().stamped();
        h.call(Call::Shutdown).peer("FIN,ACK seq=1 ack=2 ts=-1/0");
        let recent = h.t.ts_recent_age;
        h.peer("RST seq=2 ts=0/0");
        assert_eq!((h.t.state, h.t.ts_recent_age), (TimeWait, recent));
    });
    let age = crate::spec::arrives::age_of;
    assert_eq!([age(NOW + 5000), age(NOW), age(NOW - 2)], [0, 0, 2]);
    assert_eq!(age(NOW - 5000), crate::endpoint::OLDEST);
}
