//! RFC 9293 section 3.10 as code: a deterministic function from a state and an event to a state and outputs.
//!
//! One file per event class: [`calls`] (3.10.1-3.10.6), [`arrives`] (3.10.7), [`timeouts`] (3.10.8);
//! [`transition`] holds the state diagram, [`output`] forms segments, [`reopen`] is TIME_WAIT and the SYN,
//! [`tcb`] what is remembered. Hosts, the network and applications are elsewhere (`world`).

pub mod arrives;
pub mod calls;
pub mod choices;
pub mod output;
pub mod reopen;
pub mod tcb;
pub mod timeouts;
pub mod transition;

#[cfg(test)]
mod tests;

use crate::endpoint::{Armed, Effects, Endpoint, Event, Indication, Observed, TcpState};
use crate::rules::Rule;
use crate::seq::Seq;

pub use choices::{Choices, Config};
pub use tcb::Tcb;
use tcb::{Countdown, Flag};
use transition::Cause;

/// The executable specification.
#[derive(Clone, Copy, Debug)]
pub struct Spec;

impl Endpoint for Spec {
    type Image = Tcb;
    type Config = Config;

    fn boot(_: &Config) -> Tcb {
        Tcb::default()
    }

    fn step(c: &Config, i: &mut Tcb, e: Event, isn: Option<Seq>, out: &mut Effects) {
        let mut m = Machine {
            c,
            t: i,
            out,
            isn,
            owes_ack: false,
            may_send: false,
        };
        match e {
            Event::Call(call) => m.call(call),
            Event::Segment(s) => m.segment_arrives(&s),
            Event::Timer(t) => m.timeout(t),
            Event::Tick => m.tick(),
        }
        m.flush();
    }

    fn armed(c: &Config, i: &Tcb) -> Armed {
        timeouts::armed(c, i)
    }

    fn observe(c: &Config, i: &Tcb) -> Observed {
        i.observe(c)
    }

    fn mirrored([a, b]: [&Config; 2], i: &Tcb, renamed: impl Fn(u8) -> u8) -> Option<Tcb> {
        (a == b).then(|| i.with_text(renamed))
    }
}

/// One event being processed.
pub(crate) struct Machine<'a> {
    pub(crate) c: &'a Config,
    pub(crate) t: &'a mut Tcb,
    pub(crate) out: &'a mut Effects,
    pub(crate) isn: Option<Seq>,
    /// An acknowledgment goes out at the end of the event, on whatever else goes out.
    pub(crate) owes_ack: bool,
    /// An acknowledgment may have made room for what waits to be sent.
    pub(crate) may_send: bool,
}

impl Machine<'_> {
    /// Asks for a rule where its clause decides: notes that it was exercised, says whether it is on.
    #[inline]
    pub(crate) fn rule(&mut self, r: Rule) -> bool {
        self.out.rules = self.out.rules.with(r);
        self.c.rules.has(r)
    }

    /// The one function that changes the state. What a state does not use is zero from here on.
    pub(crate) fn enter(&mut self, to: TcpState, cause: Cause) {
        let from = self.t.state;
        match transition::index_of(from, cause, to) {
            Some(n) => self.out.transitions |= 1 << n,
            None => self.out.broken = true,
        }
        self.t.state = to;
        if to != TcpState::SynReceived {
            self.t.put(Flag::Passive, false); // MUST-11 speaks of SYN_RECEIVED only
        }
        match to {
            TcpState::Closed => *self.t = Tcb::default(),
            TcpState::Listen => {
                let timestamps = self.t.has(Flag::OffersTimestamps);
                *self.t = Tcb {
                    state: to,
                    ..Tcb::default()
                };
                self.t.put(Flag::Passive, true);
                self.t.put(Flag::OffersTimestamps, timestamps);
            }
            TcpState::TimeWait => self.settle_in_time_wait(cause),
            TcpState::FinWait2 if self.t.has(Flag::Orphan) => self.start_orphan_timer(),
            _ => {}
        }
    }

    /// FIN_WAIT_2 that nobody reads from.
    pub(crate) fn start_orphan_timer(&mut self) {
        if self.rule(Rule::OrphanTimeout) {
            self.t.fin_wait_2 = Countdown::start(self.c.fin_wait_2);
        }
    }

    /// "Start the time-wait timer, turn off the other timers."
    //= RFC 9293 3.10.7.4 eighth => rule:stop-timers, rule:arm-time-wait
    fn settle_in_time_wait(&mut self, cause: Cause) {
        let old = *self.t;
        *self.t = Tcb {
            state: TcpState::TimeWait,
            snd_una: old.snd_nxt,
            snd_nxt: old.snd_nxt,
            ..Tcb::default()
        };
        if cause == Cause::Abort {
            // It answers a segment by that segment's own numbers, so it remembers nothing else.
            self.t.put(Flag::Aborted, true);
            self.t.time_wait = Countdown::start(Some(self.c.time_wait));
            return;
        }
        let arm = cause != Cause::Ack || self.rule(Rule::ArmTimeWait);
        self.t.time_wait = if arm { self.two_msl() } else { Countdown::OFF };
        self.t.rcv_nxt = old.rcv_nxt;
        self.t.max_snd_wnd = old.max_snd_wnd;
        self.t.ts_recent_age = old.ts_recent_age;
        for f in [
            Flag::Timestamps,
            Flag::OffersTimestamps,
            Flag::CloseCalled,
            Flag::Orphan,
            Flag::FinSent,
            Flag::FinReceived,
        ] {
            self.t.put(f, old.has(f));
        }
        self.t.received = old.received; // for a half-closed user who has not read it yet
        if !self.rule(Rule::StopTimers) {
            self.t.fin_wait_2 = old.fin_wait_2;
            self.t.user = old.user;
            self.t.give_up = old.give_up;
            self.t.keep_alive = old.keep_alive;
        }
    }

    /// The time-wait timer, started. Without the rule it is due at once.
    //= RFC 9293 MUST-13 => rule:time-wait
    pub(crate) fn two_msl(&mut self) -> Countdown {
        Countdown::start(Some(if self.rule(Rule::TimeWait) {
            self.c.time_wait
        } else {
            0
        }))
    }

    /// The connection ends with a signal to the user.
    pub(crate) fn end_with(&mut self, i: Indication, cause: Cause) {
        self.out.tell(i);
        self.enter(TcpState::Closed, cause);
    }
}
