//! Timeouts: RFC 9293 section 3.10.8, R2 (3.8.3), probes (3.8.6.1), keep-alives (3.8.4), and the local ones.

use super::choices::AckWhen;
use super::choices::Config;
use super::tcb::{Countdown, Flag};
use super::transition::Cause;
use super::{Machine, Tcb};
use crate::endpoint::TcpState::*;
use crate::endpoint::{Armed, Indication, OLDEST, Timer, TimerSet};
use crate::rules::Rule;

/// Which timers run, and which of them may fire now.
pub(super) fn armed(c: &Config, t: &Tcb) -> Armed {
    let mut running = TimerSet::default();
    let mut due = TimerSet::default();
    let in_flight = t.snd_nxt != t.snd_una;
    let open = !matches!(t.state, Closed | Listen | TimeWait);
    let closing = matches!(t.state, FinWait1 | Closing | LastAck);
    let retransmit = open
        && in_flight
        && (!closing || c.rules.has(Rule::RetransmitFin))
        && c.no_timer_in != Some(t.state);
    let closed_window = matches!(
        t.state,
        Established | FinWait1 | CloseWait | Closing | LastAck
    ) && !in_flight
        && (t.unsent() > 0 || (t.has(Flag::CloseCalled) && !t.has(Flag::FinSent)))
        && t.snd_wnd == 0
        && c.rules.has(Rule::Persist);
    for (timer, on) in [
        (Timer::Retransmit, retransmit),
        (Timer::Persist, closed_window),
        (
            Timer::DelayedAck,
            c.choices.ack == AckWhen::Delayed && t.unacked > 0,
        ),
    ] {
        running.set(timer, on);
        due.set(timer, on);
    }
    //= RFC 9293 MUST-26 => test:spec::tests::keep_alive_probes_when_idle
    let idle = !in_flight && t.unsent() == 0;
    for (timer, count, may_fire) in [
        (Timer::TimeWait, t.time_wait, true),
        (Timer::FinWait2, t.fin_wait_2, true),
        (Timer::User, t.user, true),
        (Timer::GiveUp, t.give_up, true),
        (Timer::KeepAlive, t.keep_alive, idle),
    ] {
        running.set(timer, count.is_running());
        due.set(timer, count.is_due() && may_fire);
    }
    Armed { running, due }
}

impl Machine<'_> {
    pub(super) fn timeout(&mut self, timer: Timer) {
        if !armed(self.c, self.t).due.has(timer) {
            return;
        }
        match timer {
            Timer::Retransmit => {
                if matches!(self.t.state, FinWait1 | Closing | LastAck) {
                    self.out.rules = self.out.rules.with(Rule::RetransmitFin);
                }
                self.retransmit();
            }
            Timer::Persist => {
                self.out.rules = self.out.rules.with(Rule::Persist);
                self.probe();
            }
            Timer::DelayedAck => self.owes_ack = true,
            //= RFC 9293 3.10.8 => test:spec::tests::time_wait_expires
            Timer::TimeWait => self.enter(Closed, Cause::Timeout),
            Timer::FinWait2 => self.enter(Closed, Cause::Timeout),
            //= RFC 9293 3.10.8 => scenario:user-timeout
            Timer::User => self.give_up(Indication::UserTimeout),
            //= RFC 9293 MUST-20 => scenario:peer-vanishes, test:spec::tests::r2_ends_what_is_never_acknowledged
            //= RFC 9293 MUST-22 => test:spec::tests::r2_ends_what_is_never_acknowledged
            Timer::GiveUp => self.give_up(Indication::GaveUp),
            //= RFC 9293 MAY-5 => test:spec::tests::keep_alive_probes_when_idle, scenario:keep-alive
            //= RFC 9293 MUST-29 => test:spec::tests::keep_alive_probes_when_idle
            Timer::KeepAlive => {
                self.t.keep_alive = Countdown::start(self.c.keep_alive);
                self.keep_alive_probe();
            }
        }
    }

    fn give_up(&mut self, i: Indication) {
        if self.t.state == SynReceived && self.t.has(Flag::Reopened) {
            return self.go_back_to_time_wait(Cause::GiveUp);
        }
        if self.t.state == TimeWait {
            // Only a timer that entering TIME_WAIT should have turned off comes here.
            self.out.tell(i);
            return self.enter(Closed, Cause::Timeout);
        }
        self.end_with(i, Cause::GiveUp);
    }

    pub(super) fn tick(&mut self) {
        let t = &mut *self.t;
        for count in [
            &mut t.time_wait,
            &mut t.fin_wait_2,
            &mut t.user,
            &mut t.give_up,
            &mut t.keep_alive,
        ] {
            count.tick();
        }
        if t.has(Flag::Timestamps) {
            t.ts_recent_age = older(t.ts_recent_age);
        }
        if t.has(Flag::OldTimestamps) {
            t.old_ts_recent_age = older(t.old_ts_recent_age);
        }
    }
}

/// The age of TS.Recent a tick later: it stays one younger than what is simply old, unless it is that already.
fn older(age: u8) -> u8 {
    if age + 1 < OLDEST { age + 1 } else { age }
}
