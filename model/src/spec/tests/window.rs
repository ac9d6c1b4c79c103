//! Windows (RFC 9293 3.8.6).

use super::host::everywhere;
use crate::endpoint::TcpState::*;
use crate::endpoint::{Call, Timer};

/// MUST-34, SHLD-15, SHLD-16, MAY-7: a window that shrinks stops new data, not the repetition of what was sent.
#[test]
fn a_window_that_shrinks_stops_only_new_data() {
    everywhere(|h| {
        let mut h = h.with(|c| c.choices.mss = 2).reach(Established);
        h.send("abc").gives(
            "ACK seq=1 ack=1 data=ab; ACK seq=3 ack=1 data=c",
            Established,
        );
        h.peer("ACK seq=1 ack=1 wnd=1").gives("", Established);
        h.send("d").gives("", Established);
        h.fires(Timer::Retransmit)
            .gives("ACK seq=1 ack=1 data=ab", Established);
        h.peer("ACK seq=1 ack=3 wnd=0").gives("", Established);
        h.fires(Timer::Retransmit)
            .gives("ACK seq=3 ack=1 data=c", Established);
        h.peer("ACK seq=1 ack=4 wnd=0").gives("", Established);
        h.fires(Timer::Persist)
            .gives("ACK seq=4 ack=1 data=d", Established); // MUST-35
    });
}

/// SHLD-14: whatever arrives or is read, the right edge of our window does not move to the left.
#[test]
fn the_right_window_edge_never_moves_left() {
    everywhere(|h| {
        let mut h = h.reach(Established);
        let mut edge = h.t.rcv_nxt + u32::from(h.t.rcv_wnd(&h.c));
        let steps: [&str; 6] = [
            "ACK seq=2 ack=1 data=b",
            "ACK seq=1 ack=1 data=a",
            "read",
            "ACK seq=3 ack=1 data=cdef",
            "read",
            "FIN,ACK seq=7 ack=1",
        ];
        for step in steps {
            if step == "read" {
                h.call(Call::Receive(3))
            } else {
                h.peer(step)
            };
            let now = h.t.rcv_nxt + u32::from(h.t.rcv_wnd(&h.c));
            assert!(edge.at_or_before(now), "after {step}");
            edge = now;
        }
    });
}

/// Old segments do not update the window: SND.WL1, SND.WL2.
#[test]
fn only_newer_segments_update_the_window() {
    everywhere(|h| {
        let mut h = h.reach(SynSent);
        h.peer("SYN,ACK seq=0 ack=1 wnd=0");
        h.peer("ACK seq=2 ack=1 wnd=3").gives("", Established);
        h.peer("ACK seq=1 ack=1 wnd=0").gives("", Established); // an older sequence number
        h.send("abc").gives("ACK seq=1 ack=1 data=abc", Established);
        h.peer("ACK seq=2 ack=3 wnd=2").gives("", Established);
        h.peer("ACK seq=2 ack=2 wnd=0").gives("", Established); // an older acknowledgment
        h.send("de").gives("ACK seq=4 ack=1 data=d", Established);
    });
}

/// MAY-8 at the receiver: a window stays closed as long as its user does not read, and its opening is announced.
#[test]
fn a_closed_window_answers_probes_and_announces_its_opening() {
    everywhere(|h| {
        let mut h = h.reach(Established);
        h.peer("ACK seq=1 ack=1 data=abcd")
            .gives("ACK seq=1 ack=5 wnd=0", Established);
        for _ in 0..3 {
            h.peer("ACK seq=5 ack=1 data=e")
                .gives("ACK seq=1 ack=5 wnd=0", Established);
        }
        h.call(Call::Receive(1))
            .gives("ACK seq=1 ack=5 wnd=1; read a", Established);
        h.peer("ACK seq=5 ack=1 data=e")
            .gives("ACK seq=1 ack=6 wnd=0", Established);
    });
}
