//! The set of the specification's states that explain what has been observed so far.

use std::collections::HashSet;

use farewell_model::endpoint::{
    Call, CallError, Effects, Endpoint, Event, Flags, Indication, Observed, Segment, TcpState,
    Timer,
};
use farewell_model::rules::RuleSet;
use farewell_model::seq::Seq;
use farewell_model::spec::{Config, Spec, Tcb};
use zerocopy::IntoBytes;

use super::explain::{View, acknowledges, group, is_pure_ack};
use super::freedom::{
    ACK_TICKS, OVERTIME, RETRANSMIT_MOST, RETRANSMIT_TICKS, THROTTLE_TICKS, plain, readings, strict,
};
use crate::subjects::Terms;

/// States that the set may hold; beyond, nothing is decided.
pub const MOST: usize = 10_000;

/// What came out at one instant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Segments, in order.
    pub segments: Vec<Segment>,
    /// Indications.
    pub told: Vec<Indication>,
    /// What a RECEIVE returned.
    pub read: Vec<u8>,
    /// It found the end of the stream.
    pub end: bool,
}

/// Why a state does not explain an observation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
pub enum Why {
    /// A RST that nothing calls for, or with other numbers.
    #[error("a RST that is not the one this state sends")]
    Reset,
    /// The RST that answers a segment without ACK has none either.
    #[error("a RST without ACK, for a segment without ACK")]
    BareReset,
    /// What follows the peer's FIN is acknowledged.
    #[error("what came behind the peer's FIN is acknowledged")]
    AfterFin,
    /// Text at once into a closed window.
    #[error("a probe at once, when the window has just been found closed")]
    EarlyProbe,
    /// The RST is missing.
    #[error("the RST this state sends did not come")]
    NoReset,
    /// A SYN that is none of ours.
    #[error("a SYN that is not the one this state sends")]
    Syn,
    /// The SYN is missing.
    #[error("the SYN this state sends did not come")]
    NoSyn,
    /// No ACK bit on what must have one.
    #[error("a segment without ACK")]
    NoAck,
    /// This state sends nothing but RST.
    #[error("a segment from a state that has no connection to send on")]
    Silence,
    /// A wrong acknowledgment number.
    #[error("the acknowledgment is not RCV.NXT")]
    Acknowledgment,
    /// A wrong window.
    #[error("the window is larger than the room, or its right edge moved left")]
    Window,
    /// A wrong sequence number on an acknowledgment.
    #[error("the sequence number of an acknowledgment is not SND.NXT")]
    Sequence,
    /// Nothing was to be acknowledged.
    #[error("an acknowledgment that nothing called for")]
    Unasked,
    /// Text or FIN that are not in flight.
    #[error("text or FIN other than what the user sent and this state may send")]
    Text,
    /// Text or FIN are missing.
    #[error("text or FIN that the window allows did not come")]
    Unsent,
    /// An acknowledgment is missing.
    #[error("what arrived was not acknowledged in time")]
    Unanswered,
    /// Nothing is sent again.
    #[error("what is unacknowledged was not sent again in time")]
    NotRepeated,
    /// TIME_WAIT lasts.
    #[error("TIME_WAIT did not end")]
    Overtime,
    /// The reply to a call.
    #[error("the call should have had the other reply")]
    Reply,
    /// The user was told something else.
    #[error("the user should have been told otherwise")]
    Told,
    /// The user reads something else.
    #[error("the user should have read otherwise")]
    Read,
}

impl Why {
    /// A word for it.
    pub fn id(self) -> String {
        let mut id = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !id.is_empty() {
                id.push('-');
            }
            id.push(c.to_ascii_lowercase());
        }
        id
    }
}

/// A state that explains everything so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct State {
    tcb: Tcb,
    /// An acknowledgment is to come within so many ticks, less one; 0 for none.
    owed: u8,
    /// It must.
    must: bool,
    /// For how many ticks TIME_WAIT could have been over.
    over: u8,
}

/// No state explains the last observation: the last states, and what spoke against each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unexplained {
    /// State by state, each pair once.
    pub against: Vec<(TcpState, Why)>,
    /// The variables of the first.
    pub observed: Observed,
}

/// Why the oracle stops.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// A divergence.
    Unexplained(Unexplained),
    /// More than [`MOST`] states.
    Undecided,
}

/// The set.
#[derive(Clone, Debug)]
pub struct Oracle {
    terms: Terms,
    rules: RuleSet,
    states: Vec<State>,
    /// The right edge of the window that was last offered.
    edge: Option<Seq>,
    /// Ticks since an acknowledgment came out.
    since_ack: u32,
    /// Ticks since anything arrived, or anything came out that occupies sequence space.
    quiet: u32,
    /// How often the same was sent again.
    backoff: u32,
    /// The most states there ever were.
    pub largest: usize,
}

impl Oracle {
    /// CLOSED, by RFC 9293 with its SHOULDs.
    pub fn new(terms: Terms) -> Self {
        Self::with_rules(terms, strict())
    }

    /// CLOSED, by these rules.
    pub fn with_rules(terms: Terms, rules: RuleSet) -> Self {
        let tcb = Spec::boot(&plain(&terms, rules));
        let state = State {
            tcb,
            owed: 0,
            must: false,
            over: 0,
        };
        Oracle {
            terms,
            rules,
            states: vec![state],
            edge: None,
            since_ack: u32::MAX / 2,
            quiet: 0,
            backoff: 0,
            largest: 1,
        }
    }

    fn plain(&self) -> Config {
        plain(&self.terms, self.rules)
    }

    /// Variables of one of the states.
    pub fn observed(&self) -> Observed {
        self.states
            .first()
            .map(|s| Spec::observe(&self.plain(), &s.tcb))
            .unwrap_or_default()
    }

    /// The states' names, each once.
    pub fn names(&self) -> Vec<TcpState> {
        let mut names: Vec<_> = self.states.iter().map(|s| s.tcb.state).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// A call or a segment went in, and this came out at once.
    ///
    /// # Errors
    ///
    /// Nothing explains it, or too much does.
    pub fn input(&mut self, e: Event, reply: Option<CallError>, seen: &Seen) -> Result<(), Stop> {
        self.quiet = 0;
        let (mut next, mut against) = (Next::default(), Vec::new());
        for s in &self.states {
            let mut all = readings(&self.terms, self.rules, s.tcb.state, &e);
            if matches!(e, Event::Segment(_)) {
                let as_offered: Vec<_> = all.iter().filter_map(|c| self.as_offered(s, c)).collect();
                all.extend(as_offered);
            }
            for c in all {
                match self.one(s, &c, e, reply, seen) {
                    Ok(after) => next.add(after),
                    Err(why) => against.push((s.tcb.state, why)),
                }
            }
        }
        self.note(seen);
        self.settle(next, against)
    }

    /// A tick of the clock went by, in which this came out.
    ///
    /// # Errors
    ///
    /// Nothing explains it, or too much does.
    pub fn quantum(&mut self, seen: &Seen) -> Result<(), Stop> {
        let c = self.plain();
        self.quiet = self.quiet.saturating_add(1);
        self.since_ack = self.since_ack.saturating_add(1);
        let (mut states, mut against) = (Next::default(), Vec::new());
        for s in &self.states {
            let mut s = *s;
            let mut out = Effects::default();
            Spec::step(&c, &mut s.tcb, Event::Tick, None, &mut out);
            states.add(s);
            for timer in [Timer::TimeWait, Timer::FinWait2] {
                if Spec::armed(&c, &s.tcb).due.has(timer) {
                    let mut over = s;
                    Spec::step(&c, &mut over.tcb, Event::Timer(timer), None, &mut out);
                    (over.owed, over.must, over.over) = (0, false, 0);
                    states.add(over);
                }
            }
        }
        for segment in &seen.segments {
            let mut next = Next::default();
            for s in &states.states {
                if let Err(why) = self.by_itself(s, &c, segment, &mut next) {
                    against.push((s.tcb.state, why));
                }
            }
            states = next;
        }
        self.note(seen);
        let mut next = Next::default();
        for s in &states.states {
            match self.in_time(*s, &c, seen) {
                Ok(s) => next.add(s),
                Err(why) => against.push((s.tcb.state, why)),
            }
        }
        self.settle(next, against)
    }

    fn settle(&mut self, next: Next, mut against: Vec<(TcpState, Why)>) -> Result<(), Stop> {
        if next.states.is_empty() {
            against.sort_unstable();
            against.dedup();
            return Err(Stop::Unexplained(Unexplained {
                against,
                observed: self.observed(),
            }));
        }
        self.states = next.states;
        self.largest = self.largest.max(self.states.len());
        if self.states.len() > MOST {
            Err(Stop::Undecided)
        } else {
            Ok(())
        }
    }

    /// The next input finds a receive buffer that is larger by a byte, or no more.
    pub fn widen(&mut self, wider: bool) {
        self.terms.buffer = if wider {
            self.terms.buffer + 1
        } else {
            self.terms.buffer - 1
        };
    }

    /// What is known without knowing the state.
    fn note(&mut self, seen: &Seen) {
        for s in &seen.segments {
            if s.is(Flags::RST) {
                continue;
            }
            if s.is(Flags::SYN) {
                self.edge = None;
                self.backoff += 1;
            }
            if s.is(Flags::ACK) {
                self.edge = Some(s.ack + u32::from(s.wnd));
            }
            if is_pure_ack(s) {
                self.since_ack = 0;
            }
            if s.seq_len() > 0 {
                self.quiet = 0;
                self.backoff += 1;
            }
        }
    }

    /// The reading in which the window is what was last offered, not what there is room for by now.
    fn as_offered(&self, s: &State, c: &Config) -> Option<Config> {
        let room = s.tcb.rcv_nxt + u32::from(Spec::observe(c, &s.tcb).rcv_wnd);
        let less = room - self.edge?;
        let buffer = c.receive_buffer.checked_sub(u8::try_from(less).ok()?)?;
        (less > 0).then_some(Config {
            receive_buffer: buffer,
            ..*c
        })
    }

    /// One state, one reading.
    fn one(
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
        after.over = 0;
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

    /// A segment came out by a timer, or late.
    fn by_itself(&self, s: &State, c: &Config, o: &Segment, next: &mut Next) -> Result<(), Why> {
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
        let persists = Spec::armed(c, &s.tcb).running.has(Timer::Persist);
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
            } else if persists && o.seq + 1 == s.tcb.snd_nxt {
                next.add(*s);
                Ok(())
            } else {
                Err(Why::Sequence)
            };
        }
        if persists && o.seq == s.tcb.snd_nxt {
            let mut probed = *s;
            let mut out = Effects::default();
            Spec::step(
                c,
                &mut probed.tcb,
                Event::Timer(Timer::Persist),
                None,
                &mut out,
            );
            if View::of(c, &probed.tcb).has_in_flight(o) {
                next.add(clear(probed));
                next.add(clear(*s)); // SND.NXT need not count it
                return Ok(());
            }
        }
        Err(if o.is(Flags::SYN) {
            Why::Syn
        } else {
            Why::Text
        })
    }

    /// What should have come by now has.
    fn in_time(&self, mut s: State, c: &Config, seen: &Seen) -> Result<State, Why> {
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
        if armed.due.has(Timer::TimeWait) {
            s.over += 1;
            if s.over > OVERTIME {
                return Err(Why::Overtime);
            }
        }
        let repeats = armed.running.has(Timer::Retransmit) || armed.running.has(Timer::Persist);
        let bound = (RETRANSMIT_TICKS << self.backoff.min(6)).min(RETRANSMIT_MOST);
        if repeats && self.quiet > bound {
            return Err(Why::NotRepeated);
        }
        Ok(s)
    }
}

fn has_connection(s: TcpState) -> bool {
    !matches!(s, TcpState::Closed | TcpState::Listen | TcpState::SynSent)
}

/// States, each once.
#[derive(Default)]
struct Next {
    states: Vec<State>,
    known: HashSet<Vec<u8>>,
}

impl Next {
    fn add(&mut self, s: State) {
        let mut key = s.tcb.as_bytes().to_vec();
        key.extend([s.owed, u8::from(s.must), s.over]);
        if self.known.insert(key) {
            self.states.push(s);
        }
    }
}
