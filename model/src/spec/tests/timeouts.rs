//! Timeouts (RFC 9293 3.10.8), R2 (3.8.3), keep-alives (3.8.4), the orphan's timeout.

use super::host::everywhere;
use crate::endpoint::TcpState::{self, *};
use crate::endpoint::{Call, Flags, Timer};
use crate::rules::Rule;
use crate::scenarios::{self, Size};

/// MUST-13: due at the fourth tick and not before; a repeated FIN starts it afresh.
#[test]
fn time_wait_expires() {
    everywhere(|h| {
        let mut h = h.reach(TimeWait);
        for _ in 0..3 {
            assert!(!h.ticks(1).is_due(Timer::TimeWait));
        }
        h.clone().ticks(1).fires(Timer::TimeWait).gives("", Closed);
        h.peer("FIN,ACK seq=1 ack=2")
            .gives("ACK seq=2 ack=2", TimeWait);
        assert!(!h.ticks(3).is_due(Timer::TimeWait));
        h.ticks(1).fires(Timer::TimeWait).gives("", Closed);
    });
}

/// Each of the three ways into TIME_WAIT starts the timer, and no other runs there.
#[test]
fn every_way_into_time_wait_starts_its_timer() {
    everywhere(|h| {
        let h = h.with(|c| {
            c.keep_alive = Some(9);
            c.fin_wait_2 = Some(9);
            c.user_timeout = Some(9);
            c.give_up = Some(9);
        });
        let mut closing = h.clone().reach(Closing);
        closing
            .peer("ACK seq=2 ack=2")
            .gives("told closed", TimeWait);
        let mut at_once = h.clone().reach(FinWait1);
        at_once
            .peer("FIN,ACK seq=1 ack=2")
            .gives("ACK seq=2 ack=2; told closed", TimeWait);
        let mut orphan = h.clone().reach(FinWait2);
        orphan
            .call(Call::Close)
            .peer("FIN,ACK seq=1 ack=2")
            .gives("ACK seq=2 ack=2", TimeWait);
        for mut h in [closing, at_once, orphan, h.reach(TimeWait)] {
            assert_eq!(h.armed().running.0, 1 << Timer::TimeWait as u8);
            h.ticks(4).fires(Timer::TimeWait).gives("", Closed);
        }
    });
}

/// MUST-20, MUST-21, MUST-22: R2 is the user's, counts from the first transmission of what is unacknowledged, SYN
/// and FIN alike, and begins again with every advance of SND.UNA.
#[test]
fn r2_ends_what_is_never_acknowledged() {
    everywhere(|h| {
        let h = h.with(|c| c.give_up = Some(2));
        for state in [SynSent, SynReceived, FinWait1, Closing, LastAck] {
            let mut h = h.clone().reach(state);
            assert!(!h.ticks(1).is_due(Timer::GiveUp));
            h.fires(Timer::Retransmit);
            h.ticks(1)
                .fires(Timer::GiveUp)
                .gives("told gave up (R2)", Closed);
        }
        let mut h = h.reach(Established);
        h.ticks(9);
        assert!(!h.is_due(Timer::GiveUp), "nothing is outstanding");
        h.send("a").ticks(1).send("b").ticks(1);
        assert!(h.is_due(Timer::GiveUp), "the first byte is two ticks old");
        h.peer("ACK seq=1 ack=2").ticks(1);
        assert!(!h.is_due(Timer::GiveUp), "SND.UNA has advanced");
        h.peer("ACK seq=1 ack=2").ticks(1); // a duplicate is no progress
        h.fires(Timer::GiveUp).gives("told gave up (R2)", Closed);
    });
}

/// 3.10.8, 3.9.1.1: all data handed over, sent or not, in time; the FIN and the SYN too.
#[test]
fn the_user_timeout_ends_any_state_that_waits() {
    everywhere(|h| {
        let h = h.with(|c| c.user_timeout = Some(2));
        for state in [SynSent, SynReceived, FinWait1, Closing, LastAck] {
            let mut h = h.clone().reach(state);
            h.ticks(2)
                .fires(Timer::User)
                .gives("told user timeout", Closed);
        }
        let mut unsent = h.clone().reach(SynSent);
        unsent
            .peer("SYN,ACK seq=0 ack=1 wnd=0")
            .send("a")
            .gives("", Established);
        unsent
            .ticks(2)
            .fires(Timer::User)
            .gives("told user timeout", Closed);
        let mut no_fin = h.clone().reach(SynSent);
        no_fin
            .peer("SYN,ACK seq=0 ack=1 wnd=0")
            .call(Call::Shutdown)
            .gives("", FinWait1);
        no_fin
            .ticks(2)
            .fires(Timer::User)
            .gives("told user timeout", Closed);
        let mut early = h.clone().reach(SynSent);
        early.send("a").peer("SYN,ACK seq=0 ack=1 wnd=0").ticks(2);
        early.fires(Timer::User).gives("told user timeout", Closed);
        let mut nothing = h.clone().reach(Established);
        assert!(!nothing.send("").armed().running.has(Timer::User));
        // Progress begins it again as long as something is left, sent or not.
        let mut behind = h.clone().reach(SynSent);
        behind.peer("SYN,ACK seq=0 ack=1 wnd=1").send("ab").ticks(1);
        behind.peer("ACK seq=1 ack=2 wnd=0").ticks(1);
        assert!(!behind.is_due(Timer::User));
        behind
            .ticks(1)
            .fires(Timer::User)
            .gives("told user timeout", Closed);
        for state in [Established, FinWait2, CloseWait] {
            assert!(
                !h.clone()
                    .reach(state)
                    .ticks(9)
                    .armed()
                    .running
                    .has(Timer::User),
                "nothing is outstanding"
            );
        }
    });
}

/// MUST-37: as long as probes are answered R2 does not strike; the user's own limit does.
#[test]
fn answered_probes_restart_r2_but_not_the_user_timeout() {
    everywhere(|h| {
        let h = h.with(|c| {
            c.give_up = Some(2);
            c.user_timeout = Some(9);
        });
        let mut h = h.reach(SynSent);
        h.peer("SYN,ACK seq=0 ack=1 wnd=0").send("a");
        h.fires(Timer::Persist)
            .gives("ACK seq=1 ack=1 data=a", Established);
        let mut unanswered = h.clone();
        unanswered
            .ticks(2)
            .fires(Timer::GiveUp)
            .gives("told gave up (R2)", Closed);
        for _ in 0..4 {
            h.ticks(2)
                .fires(Timer::Retransmit)
                .gives("ACK seq=1 ack=1 data=a", Established);
            h.peer("ACK seq=1 ack=1 wnd=0").gives("", Established);
            assert!(!h.is_due(Timer::GiveUp));
            assert!(!h.is_due(Timer::User));
        }
        h.ticks(1)
            .fires(Timer::User)
            .gives("told user timeout", Closed);
    });
}

/// MUST-24, MUST-26, MUST-27, MUST-29, SHLD-12: asked for, idle for the interval, nothing outstanding, no text, never fatal.
#[test]
fn keep_alive_probes_when_idle() {
    everywhere(|h| {
        let off = h.clone().reach(Established);
        assert!(!off.armed().running.has(Timer::KeepAlive));
        let mut h = h.with(|c| c.keep_alive = Some(2)).reach(Established);
        assert!(!h.ticks(1).is_due(Timer::KeepAlive));
        h.peer("ACK seq=1 ack=1").ticks(1);
        assert!(!h.is_due(Timer::KeepAlive), "something has arrived");
        let mut busy = h.clone();
        for _ in 0..5 {
            h.ticks(if h.is_due(Timer::KeepAlive) { 2 } else { 1 });
            h.fires(Timer::KeepAlive)
                .gives("ACK seq=0 ack=1", Established);
            h.ticks(1);
        }
        busy.send("a").ticks(9);
        assert!(!busy.is_due(Timer::KeepAlive), "data is outstanding");
        busy.peer("ACK seq=1 ack=2").ticks(2);
        assert!(busy.is_due(Timer::KeepAlive));
        // The probe is unacceptable at the other end, which must answer it.
        let mut peer = busy.other_end().reach(Established);
        peer.peer("ACK seq=0 ack=1")
            .gives("ACK seq=1 ack=1", Established);
    });
}

/// MUST-25: no scenario but the one that is about keep-alives turns them on.
#[test]
fn keep_alive_is_off_unless_asked_for() {
    for s in scenarios::all() {
        for size in Size::ALL {
            let on = (s.build)(size)
                .hosts
                .iter()
                .any(|h| h.tcp.keep_alive.is_some());
            assert!(
                !on || s.id.contains("keep-alive") || s.id.contains("stray"),
                "{}",
                s.id
            );
        }
    }
}

/// Local: FIN_WAIT_2 that nobody reads from; a half-closed user who still reads waits as long as the peer likes.
#[test]
fn only_an_orphan_has_a_timeout_in_fin_wait_2() {
    everywhere(|h| {
        let h = h.with(|c| c.fin_wait_2 = Some(2));
        let mut reader = h.clone().reach(FinWait2);
        assert!(!reader.armed().running.has(Timer::FinWait2));
        reader.ticks(9).call(Call::Close).gives("", FinWait2); // gives up reading
        reader.ticks(2).fires(Timer::FinWait2).gives("", Closed);
        let mut orphan = h.clone().reach(Established);
        orphan
            .call(Call::Close)
            .peer("ACK seq=1 ack=2")
            .gives("told closed", FinWait2);
        orphan.ticks(2).fires(Timer::FinWait2).gives("", Closed);
        let mut off = h.without(Rule::OrphanTimeout).reach(FinWait2);
        assert!(!off.call(Call::Close).armed().running.has(Timer::FinWait2));
    });
}

/// The timers of each state, nothing being queued: what could be waited for has one.
#[test]
fn which_timers_run_in_which_state() {
    everywhere(|h| {
        for state in TcpState::ALL {
            let expected: &[Timer] = match state {
                SynSent | SynReceived | FinWait1 | Closing | LastAck => &[Timer::Retransmit],
                TimeWait => &[Timer::TimeWait],
                Closed | Listen | Established | FinWait2 | CloseWait => &[],
            };
            let running = h.clone().reach(state).armed().running;
            let got: Vec<Timer> = Timer::ALL.into_iter().filter(|t| running.has(*t)).collect();
            assert_eq!(got, expected, "{}", state.name());
        }
    });
}

/// SND.UNA is ISS again, and what is in flight there is text, or the FIN.
#[test]
fn after_as_many_bytes_as_there_are_numbers_no_syn_is_in_flight() {
    everywhere(|h| {
        let mut h = h.reach(Established);
        h.t.iss = h.t.snd_una;
        let mut closes = h.clone();
        h.send("ab");
        assert_eq!((h.sent().flags, h.sent().len), (Flags::ACK, 2));
        assert_eq!(h.t.unsent(), 0);
        h.fires(Timer::Retransmit);
        assert_eq!((h.sent().flags, h.sent().len), (Flags::ACK, 2));
        h.peer("ACK seq=1 ack=3");
        assert!(h.t.queued.is_empty() && h.t.snd_una == h.t.snd_nxt);
        closes.call(Call::Shutdown);
        assert!(closes.sent().is(Flags::FIN) && !closes.sent().is(Flags::SYN));
        closes.fires(Timer::Retransmit);
        assert!(closes.sent().is(Flags::FIN) && !closes.sent().is(Flags::SYN));
        closes.peer("ACK seq=1 ack=2");
        assert_eq!(closes.t.state, FinWait2);
    });
}
