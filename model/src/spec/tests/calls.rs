//! User calls (RFC 9293 3.10.1 to 3.10.6).

use super::host::{Host, everywhere, send};
use crate::endpoint::Call;
use crate::endpoint::TcpState::{self, *};
use crate::rules::Rule;

const GONE: &str = "error: connection does not exist";
const EXISTS: &str = "error: connection already exists";
const CLOSING: &str = "error: connection closing";
const END: &str = "end; error: connection closing";

/// For each call, in the order of [`TcpState::ALL`], the reply and what is sent, and the next state (`None`: the same).
/// The connection was opened actively where it is open, and half-closed where our FIN is sent.
type Row = [(&'static str, Option<TcpState>); 11];

const fn all(reply: &'static str) -> Row {
    let mut row = [(reply, None); 11];
    row[0] = (GONE, None);
    row
}

fn table() -> [(Call, Row); 8] {
    let mut passive = all(EXISTS);
    passive[0] = ("", Some(Listen));
    let mut active = all(EXISTS);
    active[0] = ("SYN seq=0", Some(SynSent));
    active[1] = ("SYN seq=0", Some(SynSent));
    let send_row: Row = [
        (GONE, None),
        ("SYN seq=0", Some(SynSent)),
        ("", None),
        ("", None),
        ("ACK seq=1 ack=1 data=a", None),
        (CLOSING, None),
        (CLOSING, None),
        ("ACK seq=1 ack=2 data=a", None),
        (CLOSING, None),
        (CLOSING, None),
        (CLOSING, None),
    ];
    let receive: Row = [
        (GONE, None),
        ("", None),
        ("", None),
        ("", None),
        ("", None),
        ("", None),
        ("", None),
        (END, None),
        (END, None),
        (END, None),
        (END, None),
    ];
    let shutdown: Row = [
        (GONE, None),
        ("", Some(Closed)),
        ("", Some(Closed)),
        ("FIN,ACK seq=1 ack=1", Some(FinWait1)),
        ("FIN,ACK seq=1 ack=1", Some(FinWait1)),
        (CLOSING, None),
        (CLOSING, None),
        ("FIN,ACK seq=1 ack=2", Some(LastAck)),
        (CLOSING, None),
        (CLOSING, None),
        (CLOSING, None),
    ];
    // After a half close, CLOSE gives up reading (MAY-1): "ok", and no second FIN.
    let mut close = shutdown;
    for state in [FinWait1, FinWait2, Closing, LastAck] {
        close[state as usize] = ("", None);
    }
    let abort: Row = [
        (GONE, None),
        ("", Some(Closed)),
        ("", Some(Closed)),
        ("RST seq=1", Some(TimeWait)),
        ("RST seq=1", Some(TimeWait)),
        ("RST seq=2", Some(TimeWait)),
        ("RST seq=2", Some(TimeWait)),
        ("RST seq=1", Some(TimeWait)),
        ("", Some(Closed)),
        ("", Some(Closed)),
        ("", Some(Closed)),
    ];
    [
        (Call::OpenPassive { timestamps: false }, passive),
        (Call::OpenActive { timestamps: false }, active),
        (send("a"), send_row),
        (Call::Receive(4), receive),
        (Call::Shutdown, shutdown),
        (Call::Close, close),
        (Call::Abort, abort),
        (Call::Status, all("")),
    ]
}

#[test]
fn every_call_in_every_state() {
    everywhere(|fresh| {
        for (call, row) in table() {
            for (state, (said, next)) in TcpState::ALL.into_iter().zip(row) {
                let mut h = fresh.clone().reach(state);
                h.call(call);
                let got = (h.said(), h.t.state);
                assert_eq!(
                    got,
                    (said.to_owned(), next.unwrap_or(state)),
                    "{call:?} in {}",
                    state.name()
                );
            }
        }
    });
}

#[test]
fn open_and_send_need_a_remote_socket() {
    everywhere(|h| {
        let h = h.isn(None);
        h.clone()
            .connect()
            .gives("error: remote socket unspecified", Closed);
        h.clone()
            .reach(Listen)
            .connect()
            .gives("error: remote socket unspecified", Listen);
        h.reach(Listen)
            .send("a")
            .gives("error: remote socket unspecified", Listen);
    });
}

#[test]
fn data_sent_before_the_handshake_ends_waits_for_it() {
    everywhere(|h| {
        let mut active = h.clone().reach(Listen);
        active.send("ab").gives("SYN seq=0", SynSent);
        active.send("c").gives("", SynSent);
        active
            .send("de")
            .gives("error: insufficient resources", SynSent);
        active
            .peer("SYN,ACK seq=0 ack=1 wnd=2")
            .gives("ACK seq=1 ack=1 data=ab", Established);
        let mut passive = h.reach(SynReceived);
        passive.send("ab").gives("", SynReceived);
        passive
            .peer("ACK seq=1 ack=1")
            .gives("ACK seq=1 ack=1 data=ab", Established);
    });
}

#[test]
fn receive_takes_what_is_there_and_then_the_end() {
    everywhere(|h| {
        let mut h = h.reach(Established);
        h.peer("ACK seq=1 ack=1 data=abc")
            .gives("ACK seq=1 ack=4 wnd=1", Established);
        h.call(Call::Receive(2)).gives("read ab", Established);
        h.peer("FIN,ACK seq=4 ack=1")
            .gives("ACK seq=1 ack=5 wnd=3", CloseWait);
        h.call(Call::Receive(0)).gives("", CloseWait); // nothing asked for is not the end
        h.call(Call::Receive(4)).gives("read c", CloseWait);
        h.call(Call::Receive(4)).gives(END, CloseWait);
        h.call(Call::Receive(4)).gives(END, CloseWait);
    });
}

/// RFC 2525 2.17, SHLD-3: unread data and a full close give a RST; a half close does not.
#[test]
fn close_with_unread_data_resets() {
    everywhere(|h| {
        for state in [Established, FinWait1, FinWait2] {
            let mut h = h.clone().reach(state);
            let seq = if state == Established { 1 } else { 2 };
            h.peer("ACK seq=1 ack=1 data=ab");
            let mut half = h.clone();
            half.call(Call::Shutdown);
            assert!(!half.said().contains("RST"), "{}", half.said());
            let mut read = h.clone();
            read.call(Call::Receive(4)).call(Call::Close);
            assert!(!read.said().contains("RST"), "{}", read.said());
            h.call(Call::Close)
                .gives(&format!("RST seq={seq}"), TimeWait);
        }
        let mut h = h.reach(Established);
        h.peer("FIN,ACK seq=1 ack=1 data=ab")
            .gives("ACK seq=1 ack=4 wnd=2", CloseWait);
        h.clone().call(Call::Close).gives("RST seq=1", TimeWait);
        h.call(Call::Shutdown)
            .gives("FIN,ACK seq=1 ack=4 wnd=2", LastAck);
        h.call(Call::Close).gives("RST seq=2", Closed); // 3.10.5 has nobody linger here
    });
}

/// SHLD-3: nobody will read; after a half close somebody will.
#[test]
fn data_after_a_full_close_is_answered_with_reset() {
    everywhere(|h| {
        let mut half = h.clone().reach(FinWait2);
        half.peer("ACK seq=1 ack=2 data=a")
            .gives("ACK seq=2 ack=2 wnd=3", FinWait2);
        half.call(Call::Close).gives("RST seq=2", TimeWait);
        let mut full = h.reach(Established);
        full.call(Call::Close)
            .gives("FIN,ACK seq=1 ack=1", FinWait1);
        full.clone()
            .peer("ACK seq=1 ack=1 data=a")
            .gives("RST seq=2", TimeWait);
        // A FIN ahead of its time is no data, nor is old text in front of a FIN.
        full.clone()
            .peer("FIN,ACK seq=2 ack=1")
            .gives("ACK seq=2 ack=1", FinWait1);
        full.clone()
            .peer("FIN,ACK seq=0 ack=1 data=_")
            .gives("ACK seq=2 ack=2", Closing);
        full.peer("ACK seq=1 ack=2").gives("told closed", FinWait2);
        full.clone()
            .peer("ACK seq=1 ack=2 data=a")
            .gives("RST seq=2", TimeWait);
        full.clone()
            .peer("FIN,ACK seq=1 ack=2 data=a")
            .gives("RST seq=2", TimeWait);
        full.peer("FIN,ACK seq=1 ack=2")
            .gives("ACK seq=2 ack=2", TimeWait);
    });
}

/// 3.10.5, with 3.5.2's lingering; without it CLOSED at once.
#[test]
fn abort_in_every_state() {
    let resets = [SynReceived, Established, FinWait1, FinWait2, CloseWait];
    everywhere(|h| {
        for state in TcpState::ALL.into_iter().skip(1) {
            let mut lingering = h.clone().reach(state);
            let mut at_once = h.clone().without(Rule::AbortLingers).reach(state);
            assert!(lingering.call(Call::Abort).out.error.is_none());
            assert_eq!(at_once.call(Call::Abort).t.state, Closed);
            assert_eq!(at_once.said(), lingering.said());
            assert_eq!(
                lingering.said().starts_with("RST seq="),
                resets.contains(&state),
                "{}",
                state.name()
            );
            assert_eq!(
                lingering.t.state,
                if resets.contains(&state) {
                    TimeWait
                } else {
                    Closed
                }
            );
        }
        h.reach(Closed).call(Call::Abort).gives(GONE, Closed);
    });
}

/// An aborted lingerer answers RST, as CLOSED would, is not restarted by anything and ends after 2 MSL.
#[test]
fn an_aborted_connection_lingers_and_answers_reset() {
    everywhere(|h| {
        let mut h = h.reach(FinWait2);
        h.call(Call::Abort).gives("RST seq=2", TimeWait);
        h.ticks(3);
        h.peer("ACK seq=1 ack=2 data=a")
            .gives("RST seq=2", TimeWait);
        h.peer("FIN,ACK seq=1 ack=2").gives("RST seq=2", TimeWait);
        h.peer("SYN seq=9")
            .gives("RST,ACK seq=zero ack=10", TimeWait);
        h.peer("RST seq=1").gives("", TimeWait);
        h.call(Call::Receive(1)).gives(CLOSING, TimeWait);
        h.ticks(1);
        h.fires(crate::endpoint::Timer::TimeWait).gives("", Closed);
    });
}

/// No field tells apart what cannot differ any more: two ways to one situation are one state.
#[test]
fn what_a_state_does_not_use_is_zero() {
    everywhere(|h| {
        let at = |state: TcpState| h.clone().reach(state);
        let mut by_reset = at(Established);
        by_reset
            .peer("RST seq=1")
            .gives("told connection reset", Closed);
        assert_eq!(by_reset.t, at(Closed).t);
        let mut back = at(SynReceived);
        back.peer("RST seq=1").gives("", Listen);
        assert_eq!(back.t, at(Listen).t);
        // FIN_WAIT_1 from SYN_RECEIVED and from ESTABLISHED, once the SYN is acknowledged.
        let mut early = at(SynReceived);
        early
            .call(Call::Shutdown)
            .peer("ACK seq=1 ack=1")
            .gives("", FinWait1);
        let mut late = at(SynReceived);
        late.peer("ACK seq=1 ack=1")
            .gives("", Established)
            .call(Call::Shutdown)
            .gives("FIN,ACK seq=1 ack=1", FinWait1);
        assert_eq!(early.t, late.t);
        // Bytes that are acknowledged, and bytes that are read.
        let passed = |ours: &str, theirs: &str| {
            let mut h = at(Established);
            h.send(ours).peer("ACK seq=1 ack=3");
            h.peer(&format!("ACK seq=2 ack=3 data={theirs}"))
                .peer("ACK seq=1 ack=3 data=_");
            h.call(Call::Receive(4));
            h.t
        };
        assert_eq!(passed("ab", "cd"), passed("ef", "gh"));
        // Strays behind the peer's FIN.
        let steady = h.clone().with(|c| c.fixed_window = true).reach(Established);
        let (mut plain, mut stray) = (steady.clone(), steady);
        stray.peer("ACK seq=3 ack=1 data=z");
        assert_eq!(
            stray.peer("FIN,ACK seq=1 ack=1").t,
            plain.peer("FIN,ACK seq=1 ack=1").t
        );
        // Aborts of connections at the same SND.NXT.
        let (mut one, mut other) = (at(FinWait2), at(FinWait1));
        assert_eq!(one.call(Call::Abort).t, other.call(Call::Abort).t);
        // However the windows were, TIME_WAIT is the same.
        let mut narrow = at(FinWait2);
        narrow
            .peer("FIN,ACK seq=1 ack=2 wnd=0")
            .gives("ACK seq=2 ack=2", TimeWait);
        assert_eq!(narrow.t, at(TimeWait).t);
    });
}

/// The full table again: a call that is answered with an error changes nothing.
#[test]
fn an_error_changes_nothing() {
    everywhere(|fresh| {
        for state in TcpState::ALL {
            for (call, _) in table() {
                let before = fresh.clone().reach(state);
                let mut after: Host = before.clone();
                after.call(call);
                if after.out.error.is_some() {
                    assert_eq!(after.t, before.t, "{call:?} in {}", state.name());
                }
            }
        }
    });
}
