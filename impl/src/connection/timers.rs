//! Timeouts: RFC 9293 section 3.10.8, RFC 6298, R2 (3.8.3), probes (3.8.6.1), keep-alives (3.8.4), and the local ones.

use core::time::Duration;

use super::{Buffers, Congestion, Connection, Indication, is, owes};
use crate::config::Config;
use crate::state::State;
use crate::time::Instant;

/// A timer of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Timer {
    /// Something is not acknowledged (RFC 6298).
    Retransmit,
    /// Something waits for a window (RFC 9293 section 3.8.6.1).
    Persist,
    /// An acknowledgment waits for company.
    DelayedAck,
    /// FIN_WAIT_2 that nobody reads from.
    FinWait2,
    /// The user timeout.
    User,
    /// R2.
    GiveUp,
    /// Keep-alive.
    KeepAlive,
}

/// A moment at which something is due, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Deadline(Instant);

impl Default for Deadline {
    fn default() -> Self {
        Deadline(Instant::NEVER)
    }
}

impl Deadline {
    #[inline]
    pub(crate) fn is_set(self) -> bool {
        self.0 != Instant::NEVER
    }

    #[inline]
    pub(crate) fn set(&mut self, at: Instant) {
        self.0 = at;
    }

    pub(crate) fn set_if_clear(&mut self, at: Instant) {
        if !self.is_set() {
            self.0 = at;
        }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.0 = Instant::NEVER;
    }

    /// Starts afresh; not at all for `None`.
    #[inline]
    pub(crate) fn start(&mut self, now: Instant, lasts: Option<Duration>) {
        self.0 = lasts.map_or(Instant::NEVER, |d| now + d);
    }

    /// Starts afresh, or stops.
    #[inline]
    pub(crate) fn start_if(&mut self, on: bool, now: Instant, lasts: Option<Duration>) {
        self.start(now, lasts.filter(|_| on));
    }

    #[inline]
    pub(crate) fn at(self) -> Instant {
        self.0
    }

    pub(crate) fn get(self) -> Option<Instant> {
        self.is_set().then_some(self.0)
    }
}

/// All timers of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Timers {
    /// Retransmission while something is in flight, else the persist timer.
    pub(crate) retransmit: Deadline,
    pub(crate) delayed_ack: Deadline,
    pub(crate) give_up: Deadline,
    pub(crate) user: Deadline,
    pub(crate) fin_wait_2: Deadline,
    pub(crate) keep_alive: Deadline,
}

impl<B: Buffers, C: Congestion> Connection<B, C> {
    /// The timers that run, and when they expire. A keep-alive waits for as long as the connection is not idle.
    pub fn timers(&self) -> impl Iterator<Item = (Timer, Instant)> {
        let t = &self.timers;
        let sending = if self.snd_una == self.snd_nxt {
            Timer::Persist
        } else {
            Timer::Retransmit
        };
        [
            (Timer::User, t.user),
            (Timer::GiveUp, t.give_up),
            (Timer::FinWait2, t.fin_wait_2),
            (sending, t.retransmit),
            (Timer::DelayedAck, t.delayed_ack),
            (Timer::KeepAlive, t.keep_alive),
        ]
        .into_iter()
        .filter_map(|(timer, d)| d.get().map(|at| (timer, at)))
    }

    /// When [`Self::handle_timeout`] wants to be called; `None` if nothing is waited for.
    #[inline(always)]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let t = &self.timers;
        let mut first = t.retransmit.at().min(t.delayed_ack.at());
        first = first
            .min(t.give_up.at())
            .min(t.user.at())
            .min(t.fin_wait_2.at());
        if t.keep_alive.is_set() && self.is_idle() {
            first = first.min(t.keep_alive.at());
        }
        (first != Instant::NEVER).then_some(first)
    }

    /// Time has come to `now`: whatever is due happens.
    pub fn handle_timeout(&mut self, config: &Config, now: Instant) {
        // Each timer that fires is stopped or starts afresh, so that none fires twice at one moment.
        for timer in [
            Timer::User,
            Timer::GiveUp,
            Timer::FinWait2,
            Timer::Retransmit,
            Timer::DelayedAck,
            Timer::KeepAlive,
        ] {
            let t = &mut self.timers;
            let deadline = match timer {
                Timer::User => &mut t.user,
                Timer::GiveUp => &mut t.give_up,
                Timer::FinWait2 => &mut t.fin_wait_2,
                Timer::Retransmit | Timer::Persist => &mut t.retransmit,
                Timer::DelayedAck => &mut t.delayed_ack,
                Timer::KeepAlive => &mut t.keep_alive,
            };
            if deadline.at() > now {
                continue;
            }
            match timer {
                Timer::User => self.give_up(Indication::UserTimeout),
                Timer::GiveUp => self.give_up(Indication::GaveUp),
                Timer::FinWait2 => self.enter(State::Closed),
                Timer::Retransmit | Timer::Persist => self.send_again(config, now),
                Timer::DelayedAck => {
                    deadline.clear();
                    self.owes.put(owes::ACK, true);
                }
                Timer::KeepAlive => self.keep_alive(config, now),
            }
        }
    }

    /// Nothing in flight, nothing to send (MUST-26).
    fn is_idle(&self) -> bool {
        self.snd_una == self.snd_nxt && self.unsent() == 0 && !self.owes.has(owes::PROBE)
    }

    fn give_up(&mut self, why: Indication) {
        if self.is_reopening() && self.state == State::SynReceived {
            self.go_back_to_time_wait();
        } else {
            self.end(why);
        }
    }

    /// The retransmission timer has expired (RFC 6298 section 5), or the persist timer.
    fn send_again(&mut self, config: &Config, now: Instant) {
        let in_flight = self.snd_una != self.snd_nxt;
        if !in_flight || self.flags.has(is::PROBED) {
            return self.probe(config, now, in_flight);
        }
        self.rto.expired(&config.rto);
        self.timers.retransmit.set(self.rto.after(now));
        self.flags.put(is::TIMING, false);
        if self.syn_is_in_flight() {
            self.flags.put(is::SYN_REPEATED, true);
            self.owes.put(owes::SYN, true);
            return;
        }
        self.owes.put(owes::FRONT, true);
        self.resend = self.snd_una;
        self.duplicates = 0;
        if self.congestion.resends_all() {
            let (in_flight, mss) = (self.in_flight(), self.text_per_segment());
            self.congestion.timed_out(in_flight, mss);
            self.recover = self.snd_nxt;
            self.flags.put(is::RECOVERING | is::LOST, true);
        }
    }

    /// A closed window is asked again, at intervals that grow (RFC 9293 section 3.8.6.1). Nothing is lost on the way, so that
    /// neither the timeout nor the congestion window hears of it. When the window has opened, what asked for it is sent anew.
    fn probe(&mut self, config: &Config, now: Instant, in_flight: bool) {
        self.flags.put(is::TIMING, false);
        let closed = self.snd_wnd == 0;
        let hurried = self.timers.retransmit.at() == Instant::default();
        self.backoff = match (closed, hurried) {
            (true, true) => self.backoff,
            (true, false) => (self.backoff + 1).min(16),
            (false, _) => 0,
        };
        let interval = self.rto.get() * (1 << self.backoff);
        self.timers
            .retransmit
            .set(now + interval.min(config.rto.max));
        if in_flight {
            self.owes.put(owes::FRONT, true);
            self.resend = self.snd_una;
            self.flags.put(is::PROBED, closed);
        } else {
            self.owes.put(owes::PROBE, true);
        }
    }

    /// What is in flight only asks whether a window has opened, and now there is something to say: at once.
    pub(super) fn hurry_probe(&mut self) {
        if self.flags.has(is::PROBED) && self.snd_una != self.snd_nxt {
            self.timers.retransmit.set(Instant::default());
        }
    }

    fn keep_alive(&mut self, config: &Config, now: Instant) {
        if !self.is_idle() {
            return; // later
        }
        let Some(k) = config.keep_alive else {
            return self.timers.keep_alive.clear();
        };
        // An unanswered probe says nothing (MUST-29); many do.
        if k.probes.is_some_and(|most| self.probes >= most) {
            return self.end(Indication::GaveUp);
        }
        self.probes = self.probes.saturating_add(1);
        self.timers
            .keep_alive
            .start(now, config.keep_alive.map(|k| k.idle));
        self.owes.put(owes::KEEP_ALIVE, true);
    }
}
