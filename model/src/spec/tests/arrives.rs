//! SEGMENT ARRIVES in CLOSED, LISTEN, SYN_SENT (RFC 9293 3.10.7.1 to 3.10.7.3), reassembly and acknowledgments.

use super::host::everywhere;
use crate::endpoint::TcpState::*;
use crate::endpoint::{Call, Flags, Timer};
use crate::rules::Rule;
use crate::spec::choices::AckWhen;

/// 3.10.7.1, 3.5.2: formed so that the sender finds the RST acceptable.
#[test]
fn closed_answers_with_reset() {
    everywhere(|mut h| {
        h.peer("SYN seq=9").gives("RST,ACK seq=zero ack=10", Closed);
        h.peer("FIN seq=9 data=ab")
            .gives("RST,ACK seq=zero ack=12", Closed);
        h.peer("- seq=9").gives("RST,ACK seq=zero ack=9", Closed);
        h.peer("ACK seq=9 ack=7 data=a").gives("RST seq=7", Closed);
        h.peer("SYN,ACK seq=9 ack=7").gives("RST seq=7", Closed);
        h.peer("RST seq=9").gives("", Closed);
        h.peer("RST,ACK seq=9 ack=7").gives("", Closed);
    });
}

/// 3.10.7.2: first RST, second ACK, third SYN.
#[test]
fn listen_checks_rst_ack_syn() {
    everywhere(|h| {
        let h = h.reach(Listen);
        h.clone().peer("RST,SYN,ACK seq=9 ack=7").gives("", Listen);
        h.clone()
            .peer("SYN,ACK seq=9 ack=7")
            .gives("RST seq=7", Listen);
        h.clone()
            .peer("ACK seq=9 ack=7 data=a")
            .gives("RST seq=7", Listen);
        h.clone().peer("FIN seq=9").gives("", Listen);
        h.clone()
            .peer("SYN seq=9")
            .gives("SYN,ACK seq=0 ack=10", SynReceived);
    });
}

/// 3.10.7.3: `ISS < SEG.ACK =< SND.NXT`, then RST, then SYN.
#[test]
fn syn_sent_checks_ack_rst_syn() {
    everywhere(|h| {
        let h = h.reach(SynSent);
        for bad in ["0", "2", "-1"] {
            let answer = format!("RST seq={bad}");
            h.clone()
                .peer(&format!("SYN,ACK seq=9 ack={bad}"))
                .gives(&answer, SynSent);
            h.clone()
                .peer(&format!("ACK seq=9 ack={bad}"))
                .gives(&answer, SynSent);
            h.clone()
                .peer(&format!("RST,ACK seq=9 ack={bad}"))
                .gives("", SynSent);
            h.clone()
                .peer(&format!("RST,SYN,ACK seq=9 ack={bad}"))
                .gives("", SynSent);
        }
        h.clone().peer("RST seq=9").gives("", SynSent);
        h.clone()
            .peer("RST,ACK seq=zero ack=1")
            .gives("told connection reset", Closed);
        h.clone()
            .peer("RST,SYN,ACK seq=9 ack=1")
            .gives("told connection reset", Closed);
        h.clone().peer("ACK seq=9 ack=1").gives("", SynSent);
        h.clone()
            .peer("FIN,ACK seq=9 ack=1 data=a")
            .gives("", SynSent);
        h.clone()
            .peer("SYN,ACK seq=9 ack=1")
            .gives("ACK seq=1 ack=10", Established);
        h.clone()
            .peer("SYN seq=9")
            .gives("SYN,ACK seq=0 ack=10", SynReceived);
    });
}

/// What stands behind the SYN of a SYN,ACK is processed from the sixth step on.
#[test]
fn text_and_fin_on_a_syn_ack_are_taken() {
    everywhere(|h| {
        let mut text = h.clone().reach(SynSent);
        text.peer("SYN,ACK seq=0 ack=1 data=a")
            .gives("ACK seq=1 ack=2 wnd=3", Established);
        text.call(Call::Receive(4)).gives("read a", Established);
        let mut fin = h.reach(SynSent);
        fin.peer("FIN,SYN,ACK seq=0 ack=1 data=a")
            .gives("ACK seq=1 ack=3 wnd=3", CloseWait);
    });
}

/// MUST-11: where a RST in SYN_RECEIVED leads depends on how the connection was opened.
#[test]
fn syn_received_remembers_how_it_was_opened() {
    everywhere(|h| {
        let passive = h.clone().reach(SynReceived);
        passive.clone().peer("RST seq=1").gives("", Listen);
        passive.clone().peer("SYN seq=1").gives("", Listen);
        let mut active = h.clone().reach(SynSent);
        active
            .peer("SYN seq=0")
            .gives("SYN,ACK seq=0 ack=1", SynReceived);
        active
            .clone()
            .peer("RST seq=1")
            .gives("told connection refused", Closed);
        active
            .clone()
            .peer("SYN seq=1")
            .gives("ACK seq=1 ack=1", SynReceived);
        // LISTEN made active by a SEND is an active open.
        let mut turned = h.reach(Listen);
        turned
            .send("a")
            .peer("SYN seq=0")
            .gives("SYN,ACK seq=0 ack=1", SynReceived);
        turned
            .peer("RST seq=1")
            .gives("told connection refused", Closed);
    });
}

/// SHLD-2.
#[test]
fn a_reset_may_carry_text() {
    everywhere(|h| {
        let h = h.reach(Established);
        h.clone()
            .peer("RST seq=1 data=why")
            .gives("told connection reset", Closed);
        // Its number decides, not its text: this one begins left of the window.
        h.clone().peer("RST seq=0 data=why").gives("", Established);
        h.clone()
            .peer("RST seq=4 data=why")
            .gives("ACK seq=1 ack=1", Established);
    });
}

/// SHLD-31: held, in any order, the first copy of a byte stays; MAY-13: each draws an ACK of RCV.NXT.
#[test]
fn segments_ahead_are_held() {
    everywhere(|h| {
        let fresh = h.clone().reach(Established);
        let mut h = fresh.clone();
        h.peer("FIN,ACK seq=4 ack=1")
            .gives("ACK seq=1 ack=1", Established);
        h.peer("ACK seq=3 ack=1 data=c")
            .gives("ACK seq=1 ack=1", Established);
        h.peer("ACK seq=2 ack=1 data=bX")
            .gives("ACK seq=1 ack=1", Established);
        h.peer("ACK seq=1 ack=1 data=a")
            .gives("ACK seq=1 ack=5 wnd=1", CloseWait);
        h.call(Call::Receive(4)).gives("read abc", CloseWait);
        // Of what straddles an edge of the window the inside is taken: four bytes, and no room for the FIN.
        let mut h = fresh.clone();
        h.peer("ACK seq=0 ack=1 data=_ab")
            .gives("ACK seq=1 ack=3 wnd=2", Established);
        // Both ends outside is "not acceptable" in table 6, though the middle is new; the sender's next try begins at 3.
        h.peer("FIN,ACK seq=2 ack=1 data=bcd")
            .gives("ACK seq=1 ack=3 wnd=2", Established);
        h.peer("FIN,ACK seq=3 ack=1 data=cd")
            .gives("ACK seq=1 ack=5 wnd=0", Established);
        h.call(Call::Receive(4))
            .gives("ACK seq=1 ack=5; read abcd", Established);
        h.peer("FIN,ACK seq=3 ack=1 data=cd")
            .gives("ACK seq=1 ack=6", CloseWait);
        // Of two FINs ahead the first to come stays.
        let mut h = fresh.clone();
        h.peer("FIN,ACK seq=2 ack=1").peer("FIN,ACK seq=3 ack=1");
        h.peer("ACK seq=1 ack=1 data=a")
            .gives("ACK seq=1 ack=3 wnd=3", CloseWait);
        // Without a queue what is ahead is dropped, with the same answer.
        let mut h = fresh.with(|c| c.choices.reassembly = false);
        h.peer("FIN,ACK seq=2 ack=1")
            .gives("ACK seq=1 ack=1", Established);
        h.peer("ACK seq=1 ack=1 data=a")
            .gives("ACK seq=1 ack=2 wnd=3", Established);
        h.peer("FIN,ACK seq=2 ack=1")
            .gives("ACK seq=1 ack=3 wnd=3", CloseWait);
    });
}

/// MUST-58, MUST-59: one, after everything in the event, on whatever goes out anyway.
#[test]
fn one_acknowledgment_an_event() {
    everywhere(|h| {
        let mut h = h.reach(SynSent);
        h.send("x")
            .peer("SYN,ACK seq=0 ack=1 wnd=0")
            .gives("ACK seq=1 ack=1", Established);
        h.peer("ACK seq=2 ack=1 data=b wnd=0")
            .gives("ACK seq=1 ack=1", Established);
        h.peer("FIN,ACK seq=3 ack=1 wnd=0")
            .gives("ACK seq=1 ack=1", Established);
        // Text, held text and FIN are acknowledged together; then on the data that the window lets go.
        let mut rides = h.clone();
        h.peer("ACK seq=1 ack=1 data=a wnd=0")
            .gives("ACK seq=1 ack=4 wnd=2", CloseWait);
        rides
            .peer("ACK seq=4 ack=1 wnd=4")
            .gives("ACK seq=1 ack=1 data=x", Established);
        // An event of 3.10.7.4 that both acknowledges late and sends has the later number last, and once.
        rides.send("y").gives("ACK seq=2 ack=1 data=y", Established);
        rides
            .peer("ACK seq=1 ack=2 data=a")
            .gives("ACK seq=3 ack=4 wnd=2", CloseWait);
        assert_eq!(
            rides
                .out
                .segments
                .iter()
                .filter(|s| s.is(Flags::ACK))
                .count(),
            1
        );
    });
}

/// SHLD-18, SHLD-19: later, but a FIN, a gap and more than a segment's worth at once.
#[test]
fn acknowledgments_may_be_delayed() {
    everywhere(|h| {
        let h = h.with(|c| {
            c.choices.ack = AckWhen::Delayed;
            c.choices.mss = 1;
        });
        let mut h = h.reach(Established);
        h.peer("ACK seq=1 ack=1 data=a").gives("", Established);
        assert!(h.is_due(Timer::DelayedAck));
        h.clone()
            .fires(Timer::DelayedAck)
            .gives("ACK seq=1 ack=2 wnd=3", Established);
        h.clone()
            .peer("ACK seq=2 ack=1 data=b")
            .gives("ACK seq=1 ack=3 wnd=2", Established);
        h.clone()
            .peer("ACK seq=3 ack=1 data=c")
            .gives("ACK seq=1 ack=2 wnd=3", Established);
        h.clone()
            .peer("FIN,ACK seq=2 ack=1")
            .gives("ACK seq=1 ack=3 wnd=3", CloseWait);
        h.send("x")
            .gives("ACK seq=1 ack=2 data=x wnd=3", Established);
        assert!(
            !h.is_due(Timer::DelayedAck),
            "the acknowledgment rode on the data"
        );
    });
}

/// H3: in SYN_RECEIVED an ACK that is not ours draws a RST of its own number (3.10.7.4, fifth).
#[test]
fn syn_received_resets_an_unacceptable_acknowledgment() {
    everywhere(|h| {
        let h = h.reach(SynReceived);
        h.clone()
            .peer("ACK seq=1 ack=0 data=a")
            .gives("RST seq=0", SynReceived);
        let mut alone = h.clone().without(Rule::AckWindow);
        alone
            .clone()
            .peer("ACK seq=1 ack=2")
            .gives("RST seq=2", SynReceived);
        alone
            .peer("ACK seq=1 ack=-9")
            .gives("RST seq=-9", SynReceived);
    });
}
