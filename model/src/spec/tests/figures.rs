//! The figures of RFC 9293, line by line, in their own numbers: A's ISN is 100, B's is 300.

use super::host::Host;
use crate::endpoint::TcpState::*;
use crate::endpoint::{Call, Segment, Timer};

/// A and B of a figure. Numbers are the figure's, moved so that 100 and 300 lie anywhere, also just below 2^32.
fn figure(run: impl Fn(Host, Host)) {
    for (a, b) in [
        (100, 300),
        (u32::MAX - 1, 300),
        (100, u32::MAX - 1),
        (u32::MAX - 1, u32::MAX),
        (u32::MAX, u32::MAX),
    ] {
        let host = Host::new(a.wrapping_sub(100), b.wrapping_sub(300));
        let other = host.other_end().isn(Some(300));
        run(host.isn(Some(100)), other);
    }
}

fn established(mut a: Host, mut b: Host) -> (Host, Host) {
    b.listen().gives("", Listen);
    let syn = a.connect().gives("SYN seq=100", SynSent).sent();
    let syn_ack = b
        .arrives(&syn)
        .gives("SYN,ACK seq=300 ack=101", SynReceived)
        .sent();
    let ack = a
        .arrives(&syn_ack)
        .gives("ACK seq=101 ack=301", Established)
        .sent();
    b.arrives(&ack).gives("", Established);
    (a, b)
}

#[test]
fn figure_6_basic_three_way_handshake() {
    figure(|a, b| {
        let (mut a, mut b) = established(a, b);
        let data = a
            .send("x")
            .gives("ACK seq=101 ack=301 data=x", Established)
            .sent();
        b.arrives(&data)
            .gives("ACK seq=301 ack=102 wnd=3", Established);
    });
}

/// Line 6 cannot happen as drawn: the SYN,ACK at 300 lies left of the window that begins at 301, so step one of
/// 3.10.7.4 answers it and drops it. The two answers establish the connection.
#[test]
fn figure_7_simultaneous_open() {
    figure(|mut a, mut b| {
        let syn_a = a.connect().gives("SYN seq=100", SynSent).sent();
        let syn_b = b.connect().gives("SYN seq=300", SynSent).sent();
        let syn_ack_a = a
            .arrives(&syn_b)
            .gives("SYN,ACK seq=100 ack=301", SynReceived)
            .sent();
        let syn_ack_b = b
            .arrives(&syn_a)
            .gives("SYN,ACK seq=300 ack=101", SynReceived)
            .sent();
        let ack_a = a
            .arrives(&syn_ack_b)
            .gives("ACK seq=101 ack=301", SynReceived)
            .sent();
        let ack_b = b
            .arrives(&syn_ack_a)
            .gives("ACK seq=301 ack=101", SynReceived)
            .sent();
        a.arrives(&ack_b).gives("", Established);
        b.arrives(&ack_a).gives("", Established);
    });
}

#[test]
fn figure_8_recovery_from_an_old_duplicate_syn() {
    figure(|mut a, mut b| {
        b.listen();
        let syn = a.connect().gives("SYN seq=100", SynSent).sent();
        let stray = b
            .peer("SYN seq=90")
            .gives("SYN,ACK seq=300 ack=91", SynReceived)
            .sent();
        let reset = a.arrives(&stray).gives("RST seq=91", SynSent).sent();
        b.arrives(&reset).gives("", Listen);
        b = b.isn(Some(400));
        let syn_ack = b
            .arrives(&syn)
            .gives("SYN,ACK seq=400 ack=101", SynReceived)
            .sent();
        let ack = a
            .arrives(&syn_ack)
            .gives("ACK seq=101 ack=401", Established)
            .sent();
        b.arrives(&ack).gives("", Established);
    });
}

/// B sends 300 and receives 100 on a connection of A's life before the reboot.
fn half_open(a: &Host, b: &Host) -> Host {
    let mut b = b.clone().isn(Some(299));
    b.listen();
    b.peer("SYN seq=99")
        .gives("SYN,ACK seq=299 ack=100", SynReceived);
    b.peer("ACK seq=100 ack=300").gives("", Established);
    assert_eq!(a.t.state, Closed);
    b
}

#[test]
fn figure_9_half_open_connection_discovery() {
    figure(|a, b| {
        let mut b = half_open(&a, &b);
        let mut a = a.isn(Some(400));
        let syn = a.connect().gives("SYN seq=400", SynSent).sent();
        let ack = b
            .arrives(&syn)
            .gives("ACK seq=300 ack=100", Established)
            .sent();
        let reset = a.arrives(&ack).gives("RST seq=100", SynSent).sent();
        b.arrives(&reset).gives("told connection reset", Closed);
        a.fires(Timer::Retransmit).gives("SYN seq=400", SynSent);
    });
}

/// The SYN may lie in B's window by chance: RFC 5961's challenge leads to the same end.
#[test]
fn figure_9_with_the_syn_in_the_window() {
    figure(|a, b| {
        let mut b = half_open(&a, &b);
        let mut a = a.isn(Some(102));
        let syn = a.connect().gives("SYN seq=102", SynSent).sent();
        let ack = b
            .arrives(&syn)
            .gives("ACK seq=300 ack=100", Established)
            .sent();
        let reset = a.arrives(&ack).gives("RST seq=100", SynSent).sent();
        b.arrives(&reset).gives("told connection reset", Closed);
    });
}

/// Hazard 19: ISS+1 is what B expects, so B's answer is an acceptable ACK, and no RST comes. It is dropped without a
/// SYN; only R2 or the user ends it.
#[test]
fn figure_9_goes_wrong_when_the_answer_is_acceptable() {
    figure(|a, b| {
        let mut b = half_open(&a, &b);
        let mut a = a.isn(Some(99)).with(|c| c.give_up = Some(2));
        let syn = a.connect().gives("SYN seq=99", SynSent).sent();
        let ack = b
            .arrives(&syn)
            .gives("ACK seq=300 ack=100", Established)
            .sent();
        a.arrives(&ack).gives("", SynSent);
        a.ticks(2)
            .fires(Timer::GiveUp)
            .gives("told gave up (R2)", Closed);
    });
}

#[test]
fn figure_10_active_side_causes_half_open_connection_discovery() {
    figure(|mut a, b| {
        let mut b = half_open(&a, &b);
        let data = b
            .send("x")
            .gives("ACK seq=300 ack=100 data=x", Established)
            .sent();
        let reset = a.arrives(&data).gives("RST seq=100", Closed).sent();
        b.arrives(&reset).gives("told connection reset", Closed);
    });
}

#[test]
fn figure_11_old_duplicate_syn_on_two_passive_sockets() {
    figure(|mut a, mut b| {
        a.listen();
        b.listen();
        let syn_ack = b
            .peer("SYN seq=70")
            .gives("SYN,ACK seq=300 ack=71", SynReceived)
            .sent();
        let reset = a.arrives(&syn_ack).gives("RST seq=71", Listen).sent();
        b.arrives(&reset).gives("", Listen);
    });
}

/// Figures 12 and 13 begin with SND.NXT 100 at A and 300 at B.
fn about_to_close(run: impl Fn(Host, Host)) {
    figure(|a, b| {
        let (mut a, mut b) = (a.isn(Some(99)), b.isn(Some(299)));
        b.listen();
        let syn = a.connect().sent();
        let syn_ack = b.arrives(&syn).sent();
        let ack: Segment = a
            .arrives(&syn_ack)
            .gives("ACK seq=100 ack=300", Established)
            .sent();
        b.arrives(&ack).gives("", Established);
        run(a, b);
    });
}

#[test]
fn figure_12_normal_close_sequence() {
    about_to_close(|mut a, mut b| {
        let fin = a
            .call(Call::Shutdown)
            .gives("FIN,ACK seq=100 ack=300", FinWait1)
            .sent();
        let ack = b
            .arrives(&fin)
            .gives("ACK seq=300 ack=101", CloseWait)
            .sent();
        a.arrives(&ack).gives("told closed", FinWait2);
        let fin = b
            .call(Call::Shutdown)
            .gives("FIN,ACK seq=300 ack=101", LastAck)
            .sent();
        let ack = a
            .arrives(&fin)
            .gives("ACK seq=101 ack=301", TimeWait)
            .sent();
        b.arrives(&ack).gives("told closed", Closed);
        a.ticks(4).fires(Timer::TimeWait).gives("", Closed);
    });
}

#[test]
fn figure_13_simultaneous_close_sequence() {
    about_to_close(|mut a, mut b| {
        let fin_a = a
            .call(Call::Shutdown)
            .gives("FIN,ACK seq=100 ack=300", FinWait1)
            .sent();
        let fin_b = b
            .call(Call::Shutdown)
            .gives("FIN,ACK seq=300 ack=100", FinWait1)
            .sent();
        let ack_a = a
            .arrives(&fin_b)
            .gives("ACK seq=101 ack=301", Closing)
            .sent();
        let ack_b = b
            .arrives(&fin_a)
            .gives("ACK seq=301 ack=101", Closing)
            .sent();
        a.arrives(&ack_b).gives("told closed", TimeWait);
        b.arrives(&ack_a).gives("told closed", TimeWait);
        for mut h in [a, b] {
            assert!(!h.ticks(3).is_due(Timer::TimeWait));
            h.ticks(1).fires(Timer::TimeWait).gives("", Closed);
        }
    });
}
