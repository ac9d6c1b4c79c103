//! What an input does to one state of the set, in one reading.

use farewell_model::endpoint::{
    Call, CallError, Effects, Endpoint, Event, Flags, Indication, Segment, TcpState, Timer,
};
use farewell_model::seq::Seq;
use farewell_model::spec::{Config, Spec, Tcb};

use super::super::explain::{View, acknowledges, group};
use super::super::freedom::{ACK_TICKS, Choice, Chosen, THROTTLE_TICKS, readings};
use super::super::odd::{Lenience, Oddity, Treated, kind};
use super::{Next, Oracle, Seen, State, Why};
use crate::targets::lockstep::has_connection;

impl Oracle {
    /// One state, in all readings and by all oddities that are allowed.
    pub(super) fn each(
        &mut self,
        s: &State,
        e: Event,
        reply: Option<CallError>,
        seen: &Seen,
        next: &mut Next,
        against: &mut Vec<(TcpState, Why)>,
    ) {
        if s.lost {
            return next.add(*s);
        }
        let mut all = readings(&self.terms, self.rules, &s.tcb, &e);
        for (c, chosen) in &mut all {
            *c = self.of_state(*c, &s.tcb);
            if seen.segments.is_empty() {
                *chosen = chosen.without(Choice::Restart); // that is about what is answered
            }
        }
        if matches!(e, Event::Segment(_)) {
            let as_offered = |(c, chosen): &(Config, Chosen)| {
                let chosen = chosen.and(Chosen::one(Choice::Window, true));
                Some((self.as_offered(s, c)?, chosen))
            };
            let as_offered: Vec<_> = all.iter().filter_map(as_offered).collect();
            if !as_offered.is_empty() {
                for (_, chosen) in &mut all {
                    *chosen = chosen.and(Chosen::one(Choice::Window, false));
                }
            }
            all.extend(as_offered);
        }
        let (trimmed, above) = (trimmed(&s.tcb, &e), just_above(&s.tcb, &e));
        let mut is_explained = false;
        for (c, chosen) in &all {
            let chosen = s.chosen.and(*chosen);
            let choose = |choice, other| chosen.and(Chosen::one(choice, other));
            match self.one(s, c, e, Lenience::default(), reply, seen) {
                Ok(mut after) => {
                    is_explained = true;
                    after.chosen = chosen;
                    if trimmed.is_some() {
                        after.chosen = choose(Choice::SynTrimmed, false);
                    }
                    let queued = behind_syn(&s.tcb, &e, &after.tcb);
                    if queued.is_some() {
                        after.chosen = choose(Choice::TextOnSyn, false);
                    }
                    next.add(after);
                    if queued.is_some() {
                        next.add(State {
                            behind_syn: queued,
                            chosen: choose(Choice::TextOnSyn, true),
                            ..after
                        });
                    }
                }
                Err(why) => against.push((s.tcb.state, why)),
            }
            if let Some((trimmed, lenience)) = trimmed
                && let Ok(mut after) = self.one(s, c, trimmed, lenience, reply, seen)
            {
                after.chosen = choose(Choice::SynTrimmed, true);
                next.add(after);
            }
            if let Some(tcb) = above {
                let near = State { tcb, ..*s };
                let after = self.one(&near, c, e, Lenience::default(), reply, seen);
                if let Ok(mut after) = after
                    && after.tcb.state == TcpState::SynReceived
                {
                    after.tcb.old_rcv_nxt = s.tcb.rcv_nxt;
                    after.chosen = chosen;
                    next.add(after);
                }
            }
        }
        if self.terms.real_time && !is_explained {
            self.beside_timers(s, &all, e, reply, seen, next);
        }
        if self.odd.is_none() && self.known.is_empty() {
            return;
        }
        let plain = self.of_state(self.plain(), &s.tcb);
        let kind = kind(&plain, &s.tcb, self.edge, self.is_active, Some(&e));
        for odd in Oddity::ALL {
            let id = format!("{}/{kind}", odd.id());
            let known = self.known.iter().position(|(k, on)| *on && k.is_about(&id));
            if known.is_none() && self.odd != Some(odd) {
                continue;
            }
            let mut explains = false;
            for (c, chosen) in &all {
                // Each reading by itself: what fits into the window depends on which window that is.
                let treated = odd.treats(c, &s.tcb, &e, self.acked);
                for mut after in treated.map_or(Vec::new(), |t| self.oddly(s, t, reply, seen)) {
                    explains = true;
                    after.chosen = s.chosen.and(*chosen);
                    next.add(after);
                }
            }
            if explains && let Some(n) = known {
                self.used.insert(n);
            }
        }
    }

    /// One state, where timers ran out just before the input, or just behind it.
    fn beside_timers(
        &self,
        s: &State,
        readings: &[(Config, Chosen)],
        e: Event,
        reply: Option<CallError>,
        seen: &Seen,
        next: &mut Next,
    ) {
        let (first, last) = (seen.segments.first(), seen.segments.last());
        let (Some(first), Some(last)) = (first, last) else {
            return;
        };
        let without = |n: usize| {
            let mut segments = seen.segments.clone();
            segments.remove(n);
            Seen {
                segments,
                ..seen.clone()
            }
        };
        let by_timer = |s: &State, o: &Segment, next: &mut Next| {
            let c = self.of_state(self.plain(), &s.tcb);
            let _ = self.by_itself(s, &c, o, next); // what is against it has been said
        };
        let mut before = Next::default();
        by_timer(s, first, &mut before);
        let lenience = Lenience {
            unsent: first.seq_len() > 0,
            ..Lenience::default()
        };
        for s in &before.states {
            for (c, _) in readings {
                let after = self.one(s, c, e, lenience, reply, &without(0));
                after.into_iter().for_each(|s| next.add(s));
            }
        }
        // Behind it, what was sent before: a window that has just closed is not probed at once.
        let rest = without(seen.segments.len() - 1);
        for (c, _) in readings {
            if let Ok(after) = self.one(s, c, e, Lenience::default(), reply, &rest) {
                let c = self.of_state(self.plain(), &after.tcb);
                if View::of(&c, &after.tcb).has_in_flight(last) {
                    by_timer(&after, last, next);
                }
            }
        }
    }

    fn oddly(
        &self,
        s: &State,
        mut t: Treated,
        reply: Option<CallError>,
        seen: &Seen,
    ) -> Vec<State> {
        if t.lost {
            return vec![State { lost: true, ..*s }];
        }
        let Some(event) = t.event else {
            let nothing = *seen == Seen::default();
            return nothing.then_some(*s).into_iter().collect();
        };
        // What has just been reset has nothing else to say.
        if t.resets && !seen.segments.iter().all(|s| s.is(Flags::RST)) {
            return Vec::new();
        }
        let from = State { tcb: t.tcb, ..*s };
        let mut all = Vec::new();
        for uncounted in [false, true] {
            t.lenience.uncounted = uncounted;
            if !uncounted || t.lenience.early_probe {
                let after = self.one(&from, &t.config, event, t.lenience, reply, seen);
                all.extend(after.map(|s| State {
                    lost: s.lost || t.lost_after,
                    ..s
                }));
            }
        }
        all
    }

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
        lenience: Lenience,
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
        take_behind_syn(c, s, &mut after, &mut out);
        after.leaves(&s.tcb);
        if self.replied(s, e, reply, &out)? {
            return if self.terms.real_time {
                self.nothing(s, lenience, seen)
            } else if *seen == Seen::default() {
                Ok(*s)
            } else {
                Err(Why::Reply)
            };
        }
        self.told(s, &out, seen)?;
        if s.tcb.state == TcpState::Closed {
            after.read += seen.read.len() as u8;
        }
        let mut lenience = lenience;
        if let Event::Segment(arrived) = e
            && arrived.is(Flags::ACK)
            && arrived.len > 0
            && Spec::observe(c, &s.tcb).orphan
        {
            lenience.reset_as_closed = Some(arrived.ack);
        }
        let uncounted = after.tcb;
        if lenience.early_probe && Spec::armed(c, &after.tcb).running.has(Timer::Persist) {
            let (persist, mut probe) = (Event::Timer(Timer::Persist), Effects::default());
            Spec::step(c, &mut after.tcb, persist, None, &mut probe);
        }
        let plain = [s.tcb, after.tcb].map(|t| self.of_state(self.plain(), &t));
        let views = [View::of(&plain[0], &s.tcb), View::of(&plain[1], &after.tcb)];
        let occupied = matches!(e, Event::Segment(s) if s.seq_len() > 0);
        let owes = acknowledges(&out, occupied);
        let acknowledged = group(
            [&views[0], &views[1]],
            &out,
            &seen.segments,
            [owes, s.owed > 0],
            self.edge,
            lenience,
        )?;
        if lenience.uncounted {
            after.tcb = uncounted;
        }
        let aborted =
            after.tcb.state == TcpState::TimeWait && Spec::observe(c, &after.tcb).lingering;
        if acknowledged || aborted || !has_connection(after.tcb.state) {
            (after.owed, after.must) = (0, false);
        } else if owes {
            let must = self.must_acknowledge(s, &after, c, e);
            if after.owed == 0 {
                after.owed = ACK_TICKS + 1;
            }
            after.must |= must;
        }
        match e {
            // Refused, any call says it.
            Event::Call(Call::Receive(_)) if reply.is_none() => {}
            Event::Call(call) if call != Call::Status => after.reset = false,
            _ if out.told.contains(&Indication::Reset) => {
                after.reset = !Spec::observe(c, &s.tcb).fin_received;
            }
            _ => {}
        }
        let ends = Spec::armed(c, &after.tcb).due;
        if !ends.has(Timer::TimeWait) && !ends.has(Timer::FinWait2) {
            after.over = 0;
        }
        Ok(after)
    }

    /// Nothing happened, but that a timer may have run out, or an acknowledgment that is owed have come.
    fn nothing(&self, s: &State, lenience: Lenience, seen: &Seen) -> Result<State, Why> {
        if !seen.read.is_empty() || seen.end || !seen.told.is_empty() {
            return Err(Why::Reply);
        }
        let c = self.of_state(self.plain(), &s.tcb);
        let view = View::of(&c, &s.tcb);
        let lenience = Lenience {
            sequence_at_edge: lenience.sequence_at_edge,
            ..Lenience::default()
        };
        let acknowledged = group(
            [&view, &view],
            &Effects::default(),
            &seen.segments,
            [false, s.owed > 0],
            self.edge,
            lenience,
        )?;
        let mut after = *s;
        if acknowledged {
            (after.owed, after.must) = (0, false);
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
            // There is no such call now.
            Event::Call(Call::Receive(_) | Call::Shutdown | Call::Close | Call::Abort)
                if reply == Some(CallError::InsufficientResources) =>
            {
                return Ok(true);
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
        if out.end && !seen.read.is_empty() {
            return Err(Why::ReadAfterFin);
        }
        if s.reset && seen.end {
            return Err(Why::EndAfterReset);
        }
        // CLOSED may hand over what the connection has left, and say in its own way that it is gone; but not that it was all.
        let right = if s.tcb.state == TcpState::Closed {
            let left = s.unread.as_slice().get(usize::from(s.read)..);
            let left = left.and_then(|left| left.strip_prefix(&seen.read[..]));
            left.is_some_and(|left| left.is_empty() || !seen.end)
        } else {
            seen.read[..] == out.read[..] && seen.end == out.end
        };
        if right { Ok(()) } else { Err(Why::Read) }
    }

    /// Whether the acknowledgment must come, or may.
    fn must_acknowledge(&self, s: &State, after: &State, c: &Config, e: Event) -> bool {
        if s.tcb.rcv_nxt != after.tcb.rcv_nxt {
            return true;
        }
        if self.terms.steady_window && matches!(e, Event::Call(_)) {
            return false;
        }
        let Event::Segment(segment) = e else {
            // A window that opened: half the buffer must be announced (MUST-39).
            let edge = after.tcb.rcv_nxt + u32::from(Spec::observe(c, &after.tcb).rcv_wnd);
            return self
                .edge
                .is_some_and(|old| edge - old >= (u32::from(self.terms.buffer) / 2).max(1));
        };
        let edge = after.tcb.rcv_nxt + u32::from(Spec::observe(c, &after.tcb).rcv_wnd);
        let inside = after.tcb.rcv_nxt.before(segment.seq) && segment.seq.before(edge);
        let ahead = inside && segment.seq_len() > 0;
        if is_behind_fin(c, &s.tcb, &segment) {
            return false;
        }
        !ahead && self.since_ack >= THROTTLE_TICKS
    }
}

/// Text in the window behind the peer's FIN: "ignore the segment text" (RFC 9293 3.10.7.4 seventh), with or without an answer.
fn is_behind_fin(c: &Config, t: &Tcb, s: &Segment) -> bool {
    let o = Spec::observe(c, t);
    o.fin_received
        && s.flags == Flags::ACK
        && s.len > 0
        && s.ack.at_or_before(o.snd_nxt)
        && o.rcv_nxt.before(s.seq + u32::from(s.len))
        && s.seq.before(o.rcv_nxt + u32::from(o.rcv_wnd))
}

/// What may be queued when it comes with a SYN: "should be queued for processing later" (RFC 9293 3.10.7.2, 3.10.7.3 fourth).
fn behind_syn(before: &Tcb, e: &Event, after: &Tcb) -> Option<Segment> {
    let Event::Segment(mut s) = *e else {
        return None;
    };
    use TcpState::{Listen, SynReceived, SynSent, TimeWait};
    let begins = matches!(before.state, Listen | SynSent | TimeWait) && after.state == SynReceived;
    if !begins || !s.is(Flags::SYN) || s.len == 0 && !s.is(Flags::FIN) {
        return None;
    }
    s.seq = s.seq + 1;
    s.flags = Flags(s.flags.0 & Flags::FIN.0).with(Flags::ACK);
    Some(s)
}

/// The handshake has ended: what was queued is processed now.
fn take_behind_syn(c: &Config, before: &State, after: &mut State, out: &mut Effects) {
    if after.tcb.state == TcpState::SynReceived {
        return;
    }
    let queued = after.behind_syn.take();
    if before.tcb.state != TcpState::SynReceived || !has_connection(after.tcb.state) {
        return;
    }
    if let Some(mut s) = queued {
        (s.ack, s.wnd) = (after.tcb.snd_una, after.tcb.snd_wnd);
        let mut more = Effects::default();
        Spec::step(c, &mut after.tcb, Event::Segment(s), None, &mut more);
        let _ = out.segments.try_extend_from_slice(&more.segments);
        let _ = out.told.try_extend_from_slice(&more.told);
    }
}

/// A SYN that is half the sequence space away from TIME_WAIT is as much above as below: the reading in which it is above.
fn just_above(t: &Tcb, e: &Event) -> Option<Tcb> {
    let Event::Segment(s) = e else {
        return None;
    };
    let is_opposite = t.state == TcpState::TimeWait && s.seq - t.rcv_nxt == 1 << 31;
    (is_opposite && s.is(Flags::SYN)).then(|| {
        let mut near = *t;
        near.rcv_nxt = t.rcv_nxt + 1;
        near
    })
}

/// The reading of a SYN left of the window, in SYN_RECEIVED, in which step one has trimmed the SYN: of one with text in it, and
/// of the SYN,ACK of figure 7, which may still draw the acknowledgment that step one has for it.
fn trimmed(t: &Tcb, e: &Event) -> Option<(Event, Lenience)> {
    let Event::Segment(mut s) = *e else {
        return None;
    };
    let overlaps = s.seq != t.rcv_nxt && t.rcv_nxt.within(s.seq, s.seq_len());
    let crossed = s.seq + 1 == t.rcv_nxt && s.is(Flags::ACK);
    let left = overlaps || crossed;
    if t.state != TcpState::SynReceived || !s.is(Flags::SYN) || s.is(Flags::RST) || !left {
        return None;
    }
    s.flags = Flags(s.flags.0 & !Flags::SYN.0);
    s.seq = s.seq + 1;
    let lenience = Lenience {
        extra_ack: true,
        ..Lenience::default()
    };
    Some((Event::Segment(s), lenience))
}
