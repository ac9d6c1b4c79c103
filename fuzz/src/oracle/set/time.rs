//! What a tick of the clock does to the set: what comes out late or by a timer, and what must have come by now.

use farewell_model::endpoint::{Effects, Endpoint, Event, Flags, Segment, TcpState, Timer};
use farewell_model::spec::{Config, Spec};

use super::super::explain::{View, is_pure_ack};
use super::super::freedom::{
    ACK_TICKS, BACKS_OFF_WITHIN, OVERTIME, RETRANSMIT_LEAST_MOST, RETRANSMIT_MOST, RETRANSMIT_TICKS,
};
use super::{Next, Oracle, Seen, State, Stop, Why};
use crate::targets::lockstep::has_connection;

impl Oracle {
    /// A tick of the clock went by, in which this came out.
    ///
    /// # Errors
    ///
    /// Nothing explains it, or too much does.
    pub fn quantum(&mut self, seen: &Seen) -> Result<(), Stop> {
        let c = self.plain();
        self.quiet = self.quiet.saturating_add(1);
        self.since_ack = self.since_ack.saturating_add(1);
        self.in_flight = self.in_flight.map(|n| n.saturating_add(1));
        let (mut states, mut against) = (Next::default(), Vec::new());
        for s in &self.states {
            let mut s = *s;
            if s.lost {
                states.add(s);
                continue;
            }
            let mut out = Effects::default();
            Spec::step(&c, &mut s.tcb, Event::Tick, None, &mut out);
            states.add(s);
            for timer in [Timer::TimeWait, Timer::FinWait2] {
                if Spec::armed(&c, &s.tcb).due.has(timer) {
                    let mut over = s;
                    Spec::step(&c, &mut over.tcb, Event::Timer(timer), None, &mut out);
                    (over.owed, over.must, over.over) = (0, false, 0);
                    over.leaves(&s.tcb);
                    states.add(over);
                }
            }
        }
        for segment in &seen.segments {
            let mut next = Next::default();
            for s in &states.states {
                let c = self.of_state(c, &s.tcb);
                if let Err(why) = self.by_itself(s, &c, segment, &mut next) {
                    against.push((s.tcb.state, why));
                }
            }
            states = next;
        }
        if self.says_twice(seen) {
            against.extend(self.all_against(Why::TwiceAtOnce));
            states = Next::default();
        }
        let probes = self.is_probe(&states.states, seen);
        if self.hurries(seen, probes) {
            against.extend(states.states.iter().map(|s| (s.tcb.state, Why::Hurried)));
            states = Next::default();
        }
        self.note(seen, probes, true);
        self.spoke |= !seen.segments.is_empty();
        let mut next = Next::default();
        for s in &states.states {
            match self.in_time(*s, &c, seen) {
                Ok(s) => next.add(s),
                Err(why) => against.push((s.tcb.state, why)),
            }
        }
        self.settle(next, against)
    }

    /// Whether something is sent again, and again, while nothing arrives, without ever waiting longer: after so many times the
    /// interval must at least have doubled, or be a minute.
    fn hurries(&mut self, seen: &Seen, probes: bool) -> bool {
        self.again.0 += 1;
        let old = |s: &Segment| {
            let end = s.seq + s.seq_len();
            s.seq_len() > 0 && self.sent_to.is_some_and(|to| end.at_or_before(to))
        };
        if !probes && !seen.segments.iter().any(old) {
            return false;
        }
        let (interval, first, count) = self.again;
        let first = first.unwrap_or(interval);
        self.again = (0, Some(first), count + 1);
        count >= BACKS_OFF_WITHIN && interval < 2 * first && interval < RETRANSMIT_LEAST_MOST
    }

    /// A segment came out by a timer, or late.
    pub(super) fn by_itself(
        &self,
        s: &State,
        c: &Config,
        o: &Segment,
        next: &mut Next,
    ) -> Result<(), Why> {
        if s.lost {
            next.add(*s);
            return Ok(());
        }
        let view = View::of(c, &s.tcb);
        let clear = |mut s: State| {
            (s.owed, s.must) = (0, false);
            s
        };
        if !has_connection(s.tcb.state) && s.tcb.state != TcpState::SynSent {
            return Err(if o.is(Flags::RST) {
                Why::Reset
            } else {
                Why::Silence
            });
        }
        if o.is(Flags::RST) {
            return Err(Why::Reset);
        }
        let syn_only = o.is(Flags::SYN) && s.tcb.state == TcpState::SynSent;
        if syn_only == o.is(Flags::ACK) {
            return Err(Why::NoAck);
        }
        if !syn_only && o.ack != s.tcb.rcv_nxt {
            return Err(view.acknowledged_wrongly(o));
        }
        if !view.offers(o, self.edge) {
            return Err(Why::Window);
        }
        if view.has_in_flight(o) {
            next.add(clear(*s));
            return Ok(());
        }
        if is_pure_ack(o) {
            let opens = self
                .edge
                .is_some_and(|e| e.before(o.ack + u32::from(o.wnd)));
            return if o.seq == s.tcb.snd_nxt {
                if s.owed == 0 && !opens {
                    return Err(Why::Unasked);
                }
                next.add(clear(*s));
                Ok(())
            } else if view.is_old_probe(o) {
                next.add(clear(*s)); // it acknowledges like any other
                Ok(())
            } else {
                Err(Why::Sequence)
            };
        }
        if view.persists && o.seq == s.tcb.snd_nxt {
            let mut probed = *s;
            let mut out = Effects::default();
            Spec::step(
                c,
                &mut probed.tcb,
                Event::Timer(Timer::Persist),
                None,
                &mut out,
            );
            let user = Spec::observe(c, &s.tcb);
            let rides = o.is(Flags::FIN) && o.len > 0 && user.close_called && user.unsent == o.len;
            let text = Segment {
                flags: if rides { Flags::ACK } else { o.flags },
                ..*o
            };
            if View::of(c, &probed.tcb).has_in_flight(&text) {
                next.add(State {
                    lost: rides, // the specification has no name for what SND.NXT is now
                    ..clear(probed)
                });
                next.add(State {
                    lost: rides,
                    ..clear(*s) // SND.NXT need not count it
                });
                return Ok(());
            }
        }
        Err(if o.is(Flags::SYN) {
            Why::Syn
        } else {
            Why::Text
        })
    }

    /// Whether half the buffer has been free for longer than an acknowledgment is delayed, and the peer thinks that all is full.
    fn keeps_the_window(&self, s: &State, c: &Config) -> bool {
        let c = self.of_state(*c, &s.tcb);
        let o = Spec::observe(&c, &s.tcb);
        let receives = matches!(
            o.state,
            TcpState::Established | TcpState::FinWait1 | TcpState::FinWait2
        );
        receives
            && !self.terms.steady_window
            && self.quiet > u32::from(ACK_TICKS) + 1
            && self.edge.is_some_and(|e| {
                e.at_or_before(o.rcv_nxt) && o.rcv_wnd >= (self.terms.buffer / 2).max(1)
            })
    }

    /// What should have come by now has.
    fn in_time(&self, mut s: State, c: &Config, seen: &Seen) -> Result<State, Why> {
        if s.lost {
            return Ok(s);
        }
        if self.terms.tells && !seen.told.is_empty() {
            return Err(Why::Told);
        }
        if s.owed > 0 {
            s.owed -= 1;
            if s.owed == 0 && s.must {
                return Err(Why::Unanswered);
            }
        }
        let armed = Spec::armed(c, &s.tcb);
        if armed.due.has(Timer::TimeWait) || armed.due.has(Timer::FinWait2) {
            s.over += 1;
            if s.over > OVERTIME {
                return Err(Why::Overtime);
            }
        }
        if self.keeps_the_window(&s, c) {
            return Err(Why::WindowKept);
        }
        let repeats = armed.running.has(Timer::Retransmit) || armed.running.has(Timer::Persist);
        // RFC 6298: SRTT + 4 RTTVAR, neither more than the longest round trip.
        let timeout = RETRANSMIT_TICKS
            .max(5 * self.slowest + 4)
            .min(RETRANSMIT_MOST);
        let bound = (timeout << self.backoff.min(6)).min(RETRANSMIT_MOST);
        if repeats && self.quiet > bound {
            return Err(Why::NotRepeated);
        }
        Ok(s)
    }
}
