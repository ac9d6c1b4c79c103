//! The order of the eight checks of RFC 9293 3.10.7.4: what fails two of them is treated by the earlier.

use super::host::{Host, everywhere};
use crate::endpoint::Call;
use crate::endpoint::TcpState::*;
use crate::rules::Rule;

/// The rules that the last step asked for.
fn asked(h: &Host, r: Rule) -> bool {
    h.out.rules.has(r)
}

#[test]
fn first_the_sequence_number() {
    everywhere(|h| {
        let h = h.reach(Established);
        for outside in ["0", "5", "-9"] {
            // before RST: dropped, neither answered nor obeyed
            h.clone()
                .peer(&format!("RST seq={outside}"))
                .gives("", Established);
            // before SYN: an ACK, not yet as a challenge; without RFC 5961 not a reset either
            let mut syn = h.clone().without(Rule::SynChallenge);
            syn.peer(&format!("SYN seq={outside}"))
                .gives("ACK seq=1 ack=1", Established);
            assert!(!asked(&syn, Rule::SynChallenge));
            // before ACK: answered, though its ACK bit is off; and its acknowledgment is not looked at
            h.clone()
                .peer(&format!("- seq={outside}"))
                .gives("ACK seq=1 ack=1", Established);
            let mut ack = h.clone();
            ack.send("a")
                .peer(&format!("ACK seq={outside} ack=9"))
                .gives("ACK seq=2 ack=1", Established);
            assert!(!asked(&ack, Rule::AckBound));
            ack.peer(&format!("ACK seq={outside} ack=2"))
                .gives("ACK seq=2 ack=1", Established);
            assert_eq!(
                ack.t.snd_una,
                ack.t.iss + 1,
                "the ACK of an unacceptable segment is not taken"
            );
        }
        h.clone()
            .peer("FIN,ACK seq=5 ack=1")
            .gives("ACK seq=1 ack=1", Established);
        h.clone()
            .peer("FIN,ACK seq=-1 ack=1 data=a")
            .gives("ACK seq=1 ack=1", Established);
    });
}

/// The four cases of table 6.
#[test]
fn the_acceptability_test() {
    everywhere(|h| {
        let open = h.clone().reach(Established);
        let taken = |mut h: Host, segment: &str| {
            h.send("x").peer(segment);
            h.t.snd_una == h.t.snd_nxt
        };
        for (segment, acceptable) in [
            ("ACK seq=0 ack=2", false),
            ("ACK seq=1 ack=2", true),
            ("ACK seq=4 ack=2", true),
            ("ACK seq=5 ack=2", false),
            ("ACK seq=0 ack=2 data=a", false),
            ("ACK seq=0 ack=2 data=ab", true),
            ("ACK seq=4 ack=2 data=ab", true),
            ("ACK seq=5 ack=2 data=a", false),
            ("FIN,ACK seq=0 ack=2", false),
            ("FIN,ACK seq=0 ack=2 data=a", true),
        ] {
            assert_eq!(taken(open.clone(), segment), acceptable, "{segment}");
        }
        let mut full = open;
        full.peer("ACK seq=1 ack=1 data=abcd")
            .gives("ACK seq=1 ack=5 wnd=0", Established);
        for (segment, acceptable) in [
            ("ACK seq=4 ack=2", false),
            ("ACK seq=5 ack=2", true),
            ("ACK seq=6 ack=2", false),
        ] {
            assert_eq!(taken(full.clone(), segment), acceptable, "{segment}");
        }
    });
}

/// MUST-66: with a closed window valid ACKs and RSTs at RCV.NXT are processed, text and FIN are not.
#[test]
fn zero_window_still_takes_ack_and_rst() {
    everywhere(|h| {
        let mut h = h.reach(Established);
        h.peer("ACK seq=1 ack=1 data=abcd")
            .gives("ACK seq=1 ack=5 wnd=0", Established);
        h.send("x");
        let mut text = h.clone();
        text.peer("ACK seq=5 ack=2 data=e")
            .gives("ACK seq=2 ack=5 wnd=0", Established);
        assert_eq!(
            text.t.snd_una, text.t.snd_nxt,
            "its acknowledgment is taken"
        );
        text.peer("FIN,ACK seq=5 ack=2")
            .gives("ACK seq=2 ack=5 wnd=0", Established);
        h.clone()
            .peer("ACK seq=6 ack=2 data=f")
            .gives("ACK seq=2 ack=5 wnd=0", Established);
        h.clone().peer("RST seq=6").gives("", Established);
        h.clone()
            .peer("RST seq=5 data=f")
            .gives("told connection reset", Closed);
        h.peer("RST seq=5").gives("told connection reset", Closed);
    });
}

#[test]
fn second_the_reset() {
    everywhere(|h| {
        let h = h.reach(Established);
        h.clone()
            .peer("RST,SYN seq=1")
            .gives("told connection reset", Closed); // before SYN
        h.clone()
            .peer("RST,ACK seq=1 ack=99")
            .gives("told connection reset", Closed); // before ACK
        h.clone()
            .peer("RST,FIN,ACK seq=1 ack=1 data=a")
            .gives("told connection reset", Closed); // before text and FIN
        h.clone()
            .peer("RST,SYN seq=2")
            .gives("ACK seq=1 ack=1", Established); // RFC 5961's challenge, as a RST
    });
}

#[test]
fn fourth_the_syn() {
    everywhere(|h| {
        let h = h.reach(Established);
        let mut before_ack = h.clone();
        before_ack
            .peer("SYN seq=1")
            .gives("ACK seq=1 ack=1", Established); // its ACK bit is off, and it is answered
        let mut before_text = h.clone();
        before_text
            .peer("SYN,ACK seq=1 ack=1 data=a")
            .gives("ACK seq=1 ack=1", Established);
        let mut before_ack = h;
        before_ack.send("x").peer("SYN,ACK seq=1 ack=2");
        assert_ne!(before_ack.t.snd_una, before_ack.t.snd_nxt);
    });
}

#[test]
fn fifth_the_acknowledgment() {
    everywhere(|h| {
        let mut h = h.reach(Established);
        h.clone().peer("- seq=1 data=a").gives("", Established); // before text
        h.clone().peer("FIN seq=1").gives("", Established); // before FIN
        h.clone()
            .peer("FIN,ACK seq=1 ack=2 data=a")
            .gives("ACK seq=1 ack=1", Established);
        // The FIN of a segment that acknowledges ours finds FIN_WAIT_2.
        h.call(Call::Shutdown);
        h.clone()
            .peer("FIN,ACK seq=1 ack=1")
            .gives("ACK seq=2 ack=2", Closing);
        h.peer("FIN,ACK seq=1 ack=2")
            .gives("ACK seq=2 ack=2; told closed", TimeWait);
    });
}

#[test]
fn seventh_the_text_then_eighth_the_fin() {
    everywhere(|h| {
        let mut h = h.reach(FinWait2);
        h.peer("FIN,ACK seq=1 ack=2 data=ab")
            .gives("ACK seq=2 ack=4 wnd=2", TimeWait);
        h.call(Call::Receive(4)).gives("read ab", TimeWait);
        h.call(Call::Receive(4))
            .gives("end; error: connection closing", TimeWait);
    });
}

/// CLOSE_WAIT, CLOSING, LAST_ACK and TIME_WAIT ignore text and FIN, and remain.
#[test]
fn after_the_peers_fin_text_is_ignored() {
    everywhere(|h| {
        for state in [CloseWait, Closing, LastAck, TimeWait] {
            let mut h = h.clone().reach(state);
            let (next, ack) = (h.t.snd_nxt - h.t.iss, if state == TimeWait { 2 } else { 1 });
            let next = if state == TimeWait { 2 } else { next };
            let answer = format!("ACK seq={next} ack=2");
            h.peer(&format!("ACK seq=2 ack={ack} data=z"))
                .gives(&answer, state);
            h.peer(&format!("FIN,ACK seq=2 ack={ack}"))
                .gives(&answer, state);
            h.peer(&format!("FIN,ACK seq=1 ack={ack}"))
                .gives(&answer, state);
        }
    });
}
