//! CLOSE from every state, FIN and data, retransmission, "our FIN is acknowledged" (RFC 9293 3.6, 3.10.4, 3.10.8).

use super::host::{Host, everywhere};
use crate::endpoint::TcpState::{self, *};
use crate::endpoint::{Call, Timer};

#[test]
fn either_close_from_every_state_leads_to_the_end() {
    everywhere(|fresh| {
        for call in [Call::Shutdown, Call::Close] {
            let at = |state: TcpState| {
                let mut h = fresh.clone().reach(state);
                h.call(call);
                h
            };
            at(Listen).gives("", Closed);
            at(SynSent).gives("", Closed);
            at(SynReceived)
                .gives("FIN,ACK seq=1 ack=1", FinWait1)
                .peer("ACK seq=1 ack=2")
                .gives("told closed", FinWait2);
            at(Established)
                .peer("FIN,ACK seq=1 ack=2")
                .gives("ACK seq=2 ack=2; told closed", TimeWait);
            at(CloseWait)
                .peer("ACK seq=2 ack=2")
                .gives("told closed", Closed);
        }
    });
}

/// From SYN_RECEIVED: the FIN goes out at once, the SYN still unacknowledged, unless data are pending.
#[test]
fn close_before_the_handshake_ends() {
    everywhere(|h| {
        let mut h = h.reach(SynReceived);
        let mut pending = h.clone();
        h.call(Call::Shutdown)
            .gives("FIN,ACK seq=1 ack=1", FinWait1);
        h.fires(Timer::Retransmit)
            .gives("SYN,ACK seq=0 ack=1", FinWait1); // the front of the queue
        h.peer("SYN seq=0").gives("ACK seq=2 ack=1", FinWait1);
        let mut both = h.clone();
        both.peer("ACK seq=1 ack=2").gives("told closed", FinWait2);
        h.peer("ACK seq=1 ack=1").gives("", FinWait1);
        h.fires(Timer::Retransmit)
            .gives("FIN,ACK seq=1 ack=1", FinWait1);
        h.peer("FIN,ACK seq=1 ack=1")
            .gives("ACK seq=2 ack=2", Closing);

        pending.send("a").gives("", SynReceived);
        pending.call(Call::Shutdown).gives("", SynReceived);
        pending
            .send("b")
            .gives("error: connection closing", SynReceived);
        pending
            .call(Call::Shutdown)
            .gives("error: connection closing", SynReceived);
        pending
            .clone()
            .peer("ACK seq=1 ack=1")
            .gives("FIN,ACK seq=1 ack=1 data=a", FinWait1);
        pending
            .peer("FIN,ACK seq=1 ack=1")
            .gives("FIN,ACK seq=1 ack=1 data=a; ACK seq=3 ack=2", Closing);
    });
}

/// Behind a closed window the state changes at the call from ESTABLISHED, and with the FIN from CLOSE_WAIT.
#[test]
fn close_behind_a_closed_window() {
    everywhere(|h| {
        let mut first = h.clone().reach(SynSent);
        first
            .peer("SYN,ACK seq=0 ack=1 wnd=0")
            .gives("ACK seq=1 ack=1", Established);
        first.send("a").gives("", Established);
        let mut second = first.clone();
        first.call(Call::Shutdown).gives("", FinWait1);
        first
            .fires(Timer::Persist)
            .gives("ACK seq=1 ack=1 data=a", FinWait1);
        assert!(
            !first.is_due(Timer::Persist),
            "the probe is repeated by the retransmission timer"
        );
        first.peer("ACK seq=1 ack=1 wnd=0").gives("", FinWait1);
        first
            .fires(Timer::Retransmit)
            .gives("ACK seq=1 ack=1 data=a", FinWait1);
        first.peer("ACK seq=1 ack=2 wnd=0").gives("", FinWait1);
        let mut probed = first.clone();
        probed
            .fires(Timer::Persist)
            .gives("FIN,ACK seq=2 ack=1", FinWait1);
        probed
            .peer("ACK seq=1 ack=3 wnd=0")
            .gives("told closed", FinWait2);
        first
            .peer("ACK seq=1 ack=2 wnd=1")
            .gives("FIN,ACK seq=2 ack=1", FinWait1);

        second
            .peer("FIN,ACK seq=1 ack=1 wnd=0")
            .gives("ACK seq=1 ack=2", CloseWait);
        second.call(Call::Shutdown).gives("", CloseWait);
        second
            .peer("ACK seq=2 ack=1 wnd=1")
            .gives("ACK seq=1 ack=2 data=a", CloseWait);
        second
            .peer("ACK seq=2 ack=2 wnd=1")
            .gives("FIN,ACK seq=2 ack=2", LastAck);
        second.peer("ACK seq=2 ack=3").gives("told closed", Closed);
    });
}

/// A FIN into a closed window with nothing in front of it is a choice.
#[test]
fn fin_into_a_closed_window_is_a_choice() {
    everywhere(|h| {
        let closed = |h: Host| {
            let mut h = h.reach(SynSent);
            h.peer("SYN,ACK seq=0 ack=1 wnd=0");
            h
        };
        closed(h.clone()).call(Call::Shutdown).gives("", FinWait1);
        let mut eager = closed(h.with(|c| c.choices.fin_into_zero_window = true));
        eager
            .clone()
            .call(Call::Shutdown)
            .gives("FIN,ACK seq=1 ack=1", FinWait1);
        eager.send("a").call(Call::Shutdown).gives("", FinWait1); // not before the data
    });
}

#[test]
fn fin_rides_on_the_last_data_or_goes_alone() {
    everywhere(|h| {
        let mut rides = h.clone().reach(SynReceived);
        rides.send("ab").call(Call::Shutdown);
        rides
            .peer("ACK seq=1 ack=1")
            .gives("FIN,ACK seq=1 ack=1 data=ab", FinWait1);
        let mut alone = h
            .clone()
            .with(|c| c.choices.fin_rides = false)
            .reach(SynReceived);
        alone.send("ab").call(Call::Shutdown);
        alone
            .peer("ACK seq=1 ack=1")
            .gives("ACK seq=1 ack=1 data=ab; FIN,ACK seq=3 ack=1", FinWait1);
        // Where the window ends in front of the FIN, it waits.
        let mut narrow = h.reach(SynReceived);
        narrow.send("ab").call(Call::Shutdown);
        narrow
            .peer("ACK seq=1 ack=1 wnd=2")
            .gives("ACK seq=1 ack=1 data=ab", FinWait1);
        narrow
            .peer("ACK seq=1 ack=3 wnd=2")
            .gives("FIN,ACK seq=3 ack=1", FinWait1);
    });
}

/// "Send the segment at the front of the retransmission queue again", and no other.
#[test]
fn retransmission_sends_the_front_of_the_queue_only() {
    everywhere(|h| {
        let mut h = h.with(|c| c.choices.mss = 1).reach(Established);
        h.send("a").gives("ACK seq=1 ack=1 data=a", Established);
        h.send("b").gives("ACK seq=2 ack=1 data=b", Established);
        h.call(Call::Shutdown)
            .gives("FIN,ACK seq=3 ack=1", FinWait1);
        h.fires(Timer::Retransmit)
            .gives("ACK seq=1 ack=1 data=a", FinWait1);
        h.fires(Timer::Retransmit)
            .gives("ACK seq=1 ack=1 data=a", FinWait1);
        h.peer("ACK seq=1 ack=2").gives("", FinWait1);
        h.fires(Timer::Retransmit)
            .gives("FIN,ACK seq=2 ack=1 data=b", FinWait1);
        h.peer("ACK seq=1 ack=3").gives("", FinWait1);
        h.fires(Timer::Retransmit)
            .gives("FIN,ACK seq=3 ack=1", FinWait1);
        h.peer("ACK seq=1 ack=4").gives("told closed", FinWait2);
        assert!(!h.is_due(Timer::Retransmit));
    });
}

/// "Our FIN is acknowledged": sent, and SND.UNA past it; every closing state, across 2^32 as well.
#[test]
fn only_an_acknowledgment_of_our_fin_counts_as_one() {
    everywhere(|h| {
        for (state, acked, said) in [
            (FinWait1, FinWait2, "told closed"),
            (Closing, TimeWait, "told closed"),
            (LastAck, Closed, "told closed"),
        ] {
            let mut h = h.clone().reach(state);
            let seq = if state == FinWait1 { 1 } else { 2 };
            assert!(!h.t.fin_acknowledged());
            h.peer(&format!("ACK seq={seq} ack=1")).gives("", state); // the data in front of it
            h.peer(&format!("ACK seq={seq} ack=0")).gives("", state); // older
            h.peer(&format!("ACK seq={seq} ack=3"))
                .gives(&format!("ACK seq=2 ack={seq}"), state); // never sent
            assert!(!h.t.fin_acknowledged());
            h.peer(&format!("ACK seq={seq} ack=2")).gives(said, acked);
        }
        // All that was sent is acknowledged, and the FIN was not sent.
        let mut h = h.reach(Established);
        h.send("abcd")
            .peer("ACK seq=1 ack=5 wnd=0")
            .call(Call::Shutdown)
            .gives("", FinWait1);
        assert!(!h.t.fin_acknowledged());
        h.peer("ACK seq=1 ack=5 wnd=0").gives("", FinWait1);
        h.peer("ACK seq=1 ack=6 wnd=0")
            .gives("ACK seq=5 ack=1", FinWait1);
    });
}

/// CLOSING sends what is queued, then the FIN, until they are acknowledged.
#[test]
fn closing_still_sends() {
    everywhere(|h| {
        let mut h = h.reach(SynSent);
        h.peer("SYN,ACK seq=0 ack=1 wnd=1")
            .send("ab")
            .gives("ACK seq=1 ack=1 data=a", Established);
        h.call(Call::Shutdown).gives("", FinWait1);
        h.peer("FIN,ACK seq=1 ack=1 wnd=1")
            .gives("ACK seq=2 ack=2", Closing);
        h.peer("ACK seq=2 ack=2 wnd=4")
            .gives("FIN,ACK seq=2 ack=2 data=b", Closing);
        h.fires(Timer::Retransmit)
            .gives("FIN,ACK seq=2 ack=2 data=b", Closing);
        h.peer("ACK seq=2 ack=4").gives("told closed", TimeWait);
    });
}

/// Half close: FIN_WAIT_2 receives as ESTABLISHED does, CLOSE_WAIT sends.
#[test]
fn a_half_closed_connection_carries_data_the_other_way() {
    everywhere(|h| {
        let mut reader = h.clone().reach(FinWait2);
        reader
            .peer("ACK seq=1 ack=2 data=ab")
            .gives("ACK seq=2 ack=3 wnd=2", FinWait2);
        reader.call(Call::Receive(4)).gives("read ab", FinWait2);
        reader
            .peer("FIN,ACK seq=3 ack=2 data=c")
            .gives("ACK seq=2 ack=5 wnd=3", TimeWait);
        reader.call(Call::Receive(4)).gives("read c", TimeWait);
        reader
            .call(Call::Receive(4))
            .gives("end; error: connection closing", TimeWait);
        let mut writer = h.reach(CloseWait);
        writer
            .send("ab")
            .gives("ACK seq=1 ack=2 data=ab", CloseWait);
        writer
            .fires(Timer::Retransmit)
            .gives("ACK seq=1 ack=2 data=ab", CloseWait);
        writer.peer("ACK seq=2 ack=3").gives("", CloseWait);
        writer
            .call(Call::Shutdown)
            .gives("FIN,ACK seq=3 ack=2", LastAck);
    });
}

/// As written, a CLOSE in SYN_RECEIVED gives up the handshake's own check: in FIN_WAIT_1 an old acknowledgment is merely
/// old, and the text of its segment is taken, though the peer has never acknowledged our SYN.
#[test]
fn an_early_close_gives_up_the_check_of_the_handshake() {
    everywhere(|h| {
        let mut h = h.reach(SynReceived);
        let old = "ACK seq=1 ack=0 data=a";
        h.clone().peer(old).gives("RST seq=0", SynReceived);
        h.call(Call::Shutdown)
            .peer(old)
            .gives("ACK seq=2 ack=2 wnd=3", FinWait1);
    });
}

/// As written, a passive SYN_RECEIVED that a RST sends back to LISTEN forgets the SENDs and the CLOSE that were queued.
#[test]
fn back_in_listen_queued_calls_are_forgotten() {
    everywhere(|h| {
        let mut h = h.reach(SynReceived);
        h.send("a")
            .call(Call::Shutdown)
            .peer("RST seq=1")
            .gives("", Listen);
        h.peer("SYN seq=3")
            .peer("ACK seq=4 ack=1")
            .gives("", Established);
    });
}
