//! What an input does to one state of the set, in one reading.

use farewell_model::endpoint::{
    Call, CallError, Effects, Endpoint, Event, Flags, Indication, TcpState, Timer,
};
use farewell_model::seq::Seq;
use farewell_model::spec::{Config, Spec};

use super::super::explain::{View, acknowledges, group};
use super::super::freedom::{ACK_TICKS, THROTTLE_TICKS};
use super::{Oracle, Seen, State, Why, has_connection};

impl Oracle {
    /// The reading in which the window is what was last offered, not what there is room for by now.
    pub(super) fn as_offered(&self, s: &State, c: &Config) -> Option<Config> {
        let room = s.tcb.rcv_nxt + u32::from(Spec::observe(c, &s.tcb).rcv_wnd);
        let less = room - self.edge?;
        let buffer = c.receive_buffer.checked_sub(u8::try_from(less).ok()?)?;
        (less > 0).then_some(Config {
            receive_buffer: buffer,
            ..*c
        })
    }

    /// One state, one reading.
    pub(super) fn one(
        &self,
        s: &State,
        c: &Config,
        e: Event,
        reply: Option<CallError>,
        seen: &Seen,
    ) -> Result<State, Why> {
        let mut out = Effects::default();
        let mut after = *s;
        // A stack may hand over fewer bytes than it has.
        let e = match e {
            Event::Call(Call::Receive(n))
                if !seen.read.is_empty() && seen.read.len() < n.into() =>
            {
                Event::Call(Call::Receive(seen.read.len() as u8))
            }
            e => e,
        };
        // The stack chooses its ISN: it is seen on its SYN.
        let isn = seen
            .segments
            .iter()
            .find(|s| s.is(Flags::SYN))
            .map_or(Seq::default(), |s| s.seq);
        Spec::step(c, &mut after.tcb, e, Some(isn), &mut out);
        if self.replied(s, e, reply, &out)? {
            return if seen.segments.is_empty() {
                Ok(*s)
            } else {
                Err(Why::Reply)
            };
        }
        self.told(s, &out, seen)?;
        let plain = &self.plain();
        let views = [View::of(plain, &s.tcb), View::of(plain, &after.tcb)];
        let acknowledged = group(
            [&views[0], &views[1]],
            &out,
            &seen.segments,
            s.owed > 0,
            self.edge,
        )?;
        let aborted =
            after.tcb.state == TcpState::TimeWait && Spec::observe(c, &after.tcb).lingering;
        if acknowledged || aborted || !has_connection(after.tcb.state) {
            (after.owed, after.must) = (0, false);
        } else if acknowledges(&out, &s.tcb, &after.tcb) {
            let must = self.must_acknowledge(s, &after, c, e);
            if after.owed == 0 {
                after.owed = ACK_TICKS + 1;
            }
            after.must |= must;
        }
        let ends = Spec::armed(c, &after.tcb).due;
        if !ends.has(Timer::TimeWait) && !ends.has(Timer::FinWait2) {
            after.over = 0;
        }
        Ok(after)
    }

    /// Compares the reply to a call; whether it was refused and nothing happened.
    fn replied(
        &self,
        s: &State,
        e: Event,
        reply: Option<CallError>,
        out: &Effects,
    ) -> Result<bool, Why> {
        let compared = match e {
            Event::Call(Call::Send { .. }) => {
                let full = matches!(
                    reply,
                    Some(CallError::InsufficientResources | CallError::RemoteUnspecified)
                );
                if full && out.error.is_none() {
                    return Ok(true);
                }
                true
            }
            Event::Call(Call::OpenActive { .. } | Call::OpenPassive { .. }) => {
                if s.tcb.state == TcpState::Listen && reply.is_some() {
                    return Ok(true);
                }
                s.tcb.state != TcpState::Listen
            }
            _ => false,
        };
        if compared && reply.is_some() != out.error.is_some() {
            Err(Why::Reply)
        } else {
            Ok(false)
        }
    }

    fn told(&self, s: &State, out: &Effects, seen: &Seen) -> Result<(), Why> {
        if self.terms.tells {
            let sorted = |told: &[Indication]| {
                let mut all: Vec<u8> = told.iter().map(|t| *t as u8).collect();
                all.sort_unstable();
                all
            };
            if sorted(&seen.told) != sorted(&out.told) {
                return Err(Why::Told);
            }
        }
        let same = seen.read[..] == out.read[..] && seen.end == out.end;
        if same || s.tcb.state == TcpState::Closed {
            Ok(())
        } else {
            Err(Why::Read)
        }
    }

    /// Whether the acknowledgment must come, or may.
    fn must_acknowledge(&self, s: &State, after: &State, c: &Config, e: Event) -> bool {
        if s.tcb.rcv_nxt != after.tcb.rcv_nxt {
            return true;
        }
        let Event::Segment(segment) = e else {
            // A window that opened: half the buffer must be announced (MUST-39).
            let edge = after.tcb.rcv_nxt + u32::from(Spec::observe(c, &after.tcb).rcv_wnd);
            return self
                .edge
                .is_some_and(|old| edge - old >= (u32::from(self.terms.buffer) / 2).max(1));
        };
        let ahead = after.tcb.rcv_nxt.before(segment.seq) && segment.seq_len() > 0;
        !ahead && self.since_ack >= THROTTLE_TICKS
    }
}
