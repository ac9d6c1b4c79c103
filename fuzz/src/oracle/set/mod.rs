//! The set of the specification's states that explain what has been observed so far.

use std::collections::{BTreeSet, HashMap};

use farewell_model::endpoint::{
    Call, CallError, Endpoint, Event, Flags, Indication, Observed, Segment, TcpState, Timer,
};
use farewell_model::rules::RuleSet;
use farewell_model::seq::Seq;
use farewell_model::spec::tcb::Bytes;
use farewell_model::spec::{Config, Spec, Tcb};
use zerocopy::IntoBytes;

use super::expectations::Expectation;
use super::explain::{View, is_pure_ack};
use super::freedom::{Chosen, plain, strict};
use super::odd::{Oddity, kind};
use crate::subjects::Terms;

mod input;
mod time;
mod why;

pub use why::Why;
pub(super) use why::words_of;

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
    /// The connection was reset before the peer's FIN, and the user has not found out by a call.
    reset: bool,
    /// What it does is not judged any more.
    lost: bool,
    /// What the user had not read when the connection ended, and how much of that since.
    unread: Bytes,
    read: u8,
    /// What came with the SYN is queued until the handshake has ended.
    behind_syn: Option<Segment>,
    /// What the stack has chosen, if this is its state.
    chosen: Chosen,
}

impl State {
    fn new(tcb: Tcb) -> State {
        State {
            tcb,
            owed: 0,
            must: false,
            over: 0,
            reset: false,
            lost: false,
            unread: Bytes::default(),
            read: 0,
            behind_syn: None,
            chosen: Chosen::default(),
        }
    }

    /// What is there for the user of a connection that ends like this.
    fn leaves(&mut self, before: &Tcb) {
        if self.tcb.state == TcpState::Closed && before.state != TcpState::Closed {
            (self.unread, self.read) = (before.received, 0);
        } else if self.tcb.state != TcpState::Closed {
            (self.unread, self.read) = (Bytes::default(), 0);
        }
    }
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
    /// Divergences that are allowed, and which of them are for now.
    known: Vec<(Expectation, bool)>,
    /// What the next input may meet besides.
    odd: Option<Oddity>,
    /// Which of those that are known explained an input.
    used: BTreeSet<usize>,
    /// The right edge of the window that was last offered.
    edge: Option<Seq>,
    /// The last OPEN was active.
    is_active: bool,
    /// The acknowledgment number that was last sent.
    acked: Option<Seq>,
    /// Ticks since an acknowledgment came out.
    since_ack: u32,
    /// Ticks since anything arrived, or anything came out that occupies sequence space.
    quiet: u32,
    /// How often the same was sent again in this incarnation.
    backoff: u32,
    /// What this incarnation has sent ends here.
    sent_to: Option<Seq>,
    /// Ticks since something was sent again, or anything happened; the first such interval, and how many there were since.
    again: (u32, Option<u32>, u32),
    /// Something came out by itself since the last input.
    spoke: bool,
    /// Ticks since the first of what is unacknowledged was sent.
    in_flight: Option<u32>,
    /// The most there were when something was acknowledged: the longest round trip that can have been measured.
    slowest: u32,
    /// The most states there ever were.
    pub largest: usize,
}

impl Oracle {
    /// CLOSED, by RFC 9293 with its SHOULDs.
    pub fn new(terms: Terms) -> Self {
        let rules = strict();
        let tcb = Spec::boot(&plain(&terms, rules));
        Oracle {
            terms,
            rules,
            states: vec![State::new(tcb)],
            known: Vec::new(),
            odd: None,
            used: BTreeSet::new(),
            edge: None,
            is_active: false,
            acked: None,
            since_ack: u32::MAX / 2,
            quiet: 0,
            backoff: 0,
            sent_to: None,
            again: (0, None, 0),
            spoke: false,
            in_flight: None,
            slowest: 0,
            largest: 1,
        }
    }

    fn plain(&self) -> Config {
        plain(&self.terms, self.rules)
    }

    /// The configuration as that state has it.
    fn of_state(&self, c: Config, t: &Tcb) -> Config {
        if !self.terms.steady_window {
            return c;
        }
        let receive_buffer = c.receive_buffer + Spec::observe(&c, t).readable;
        Config {
            receive_buffer,
            ..c
        }
    }

    fn observe(&self, t: &Tcb) -> Observed {
        Spec::observe(&self.of_state(self.plain(), t), t)
    }

    /// Variables of one of the states.
    pub fn observed(&self) -> Observed {
        self.states
            .first()
            .map(|s| self.observe(&s.tcb))
            .unwrap_or_default()
    }

    /// The most that a state has for its user to read.
    pub fn readable(&self) -> u8 {
        let readable = |s: &State| self.observe(&s.tcb).readable;
        self.states.iter().map(readable).max().unwrap_or(0)
    }

    /// What the stack has chosen, whichever state it is in.
    pub fn chosen(&self) -> Chosen {
        let each = self.states.iter().map(|s| s.chosen);
        each.reduce(Chosen::or).unwrap_or_default()
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
        if reply.is_none() {
            match e {
                Event::Call(Call::OpenActive { .. }) => self.is_active = true,
                Event::Call(Call::OpenPassive { .. }) => self.is_active = false,
                _ => {}
            }
        }
        self.quiet = 0;
        (self.again, self.spoke) = ((0, None, 0), false);
        let (mut next, mut against) = (Next::default(), Vec::new());
        if self.says_twice(seen) {
            return self.settle(next, self.all_against(Why::TwiceAtOnce));
        }
        for s in self.states.clone() {
            self.each(&s, e, reply, seen, &mut next, &mut against);
        }
        self.time_round_trip(&next);
        self.note(
            seen,
            self.is_probe(&self.states, seen),
            self.terms.real_time,
        );
        self.settle(next, against)
    }

    /// That is against every state.
    fn all_against(&self, why: Why) -> Vec<(TcpState, Why)> {
        self.states.iter().map(|s| (s.tcb.state, why)).collect()
    }

    /// Something was acknowledged, perhaps: how long that took at most.
    fn time_round_trip(&mut self, next: &Next) {
        let Some(ticks) = self.in_flight else { return };
        let una = |s: &State| s.tcb.snd_una;
        if next.states.iter().map(una).ne(self.states.iter().map(una)) {
            self.slowest = self.slowest.max(ticks);
        }
        if next.states.iter().all(|s| s.tcb.snd_una == s.tcb.snd_nxt) {
            self.in_flight = None;
        }
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

    /// Whether nothing is judged any more, whichever state it is.
    pub fn is_lost(&self) -> bool {
        self.states.iter().all(|s| s.lost)
    }

    /// Whether something has to be sent again until it is acknowledged, whichever state it is.
    pub fn repeats(&self) -> bool {
        let c = self.plain();
        self.states.iter().all(|s| {
            let running = Spec::armed(&c, &s.tcb).running;
            !s.lost && (running.has(Timer::Retransmit) || running.has(Timer::Persist))
        })
    }

    /// From now on, the stack may do what is known of it.
    pub(super) fn allow(&mut self, known: &[Expectation], on: impl Fn(usize) -> bool) {
        self.known = known.iter().cloned().zip((0..).map(on)).collect();
    }

    /// The next input may be treated like this, or as usual again.
    pub(super) fn expect(&mut self, odd: Option<Oddity>) {
        self.odd = odd;
    }

    /// Which of those that are known have explained an input so far.
    pub(super) fn used(&self) -> &BTreeSet<usize> {
        &self.used
    }

    /// What that input is to the first state; time, to the first whose window is closed. Where nothing has come out since the
    /// last input, that is `time-at-closed`: a probe that is sent once is another matter.
    pub(super) fn kind(&self, e: Option<&Event>) -> String {
        let closed = |s: &&State| e.is_none() && s.tcb.snd_wnd == 0;
        let state = self.states.iter().find(closed).or(self.states.first());
        let kind = state
            .map(|s| {
                let c = self.of_state(self.plain(), &s.tcb);
                kind(&c, &s.tcb, self.edge, self.is_active, e)
            })
            .unwrap_or_default();
        match kind.strip_suffix("-at-closed") {
            Some(time) if e.is_none() && self.spoke => time.to_owned(),
            _ => kind,
        }
    }

    /// What that input is to each state, once.
    pub(super) fn kinds(&self, e: Option<&Event>) -> BTreeSet<String> {
        let each = self.states.iter().map(|s| {
            let c = self.of_state(self.plain(), &s.tcb);
            kind(&c, &s.tcb, self.edge, self.is_active, e)
        });
        each.collect()
    }

    /// Whether a probe by an old number came out: it has no length, and counts as sent again all the same.
    fn is_probe(&self, states: &[State], seen: &Seen) -> bool {
        let c = self.plain();
        states.iter().any(|s| {
            let view = View::of(&c, &s.tcb);
            seen.segments.iter().any(|o| view.is_old_probe(o))
        })
    }

    /// Whether the same octet comes out twice at this instant. Where time is real, several timers may have run out in it.
    fn says_twice(&self, seen: &Seen) -> bool {
        if self.states.iter().any(|s| s.lost) {
            return false;
        }
        let most = if self.terms.real_time { 3 } else { 1 };
        let octets = || {
            let counted = |s: &&Segment| !s.is(Flags::RST);
            let each = |s: &Segment| {
                let seq = s.seq;
                (0..s.seq_len()).map(move |n| seq + n)
            };
            seen.segments.iter().filter(counted).flat_map(each)
        };
        octets().any(|octet| octets().filter(|o| *o == octet).count() > most)
    }

    /// What is known without knowing the state. What is sent again by a timer backs off.
    fn note(&mut self, seen: &Seen, probes: bool, by_timer: bool) {
        if probes {
            self.quiet = 0;
        }
        let mut again = probes;
        for s in &seen.segments {
            if s.is(Flags::RST) {
                continue;
            }
            let end = s.seq + s.seq_len();
            if s.is(Flags::SYN) {
                (self.edge, self.acked) = (None, None);
                if self.sent_to.is_none_or(|to| !end.at_or_before(to)) {
                    (self.backoff, self.sent_to, self.slowest) = (0, None, 0);
                }
            }
            if s.is(Flags::ACK) {
                (self.edge, self.acked) = (Some(s.ack + u32::from(s.wnd)), Some(s.ack));
            }
            if is_pure_ack(s) {
                self.since_ack = 0;
            }
            if s.seq_len() > 0 {
                self.quiet = 0;
                if self.sent_to.is_some_and(|to| end.at_or_before(to)) {
                    again = true;
                    self.in_flight = None; // Karn's algorithm
                } else {
                    self.sent_to = Some(end);
                    self.in_flight.get_or_insert(0);
                }
            }
        }
        self.backoff += u32::from(again && by_timer);
    }
}

/// States, each once: what was chosen on every way there.
#[derive(Default)]
struct Next {
    states: Vec<State>,
    known: HashMap<Vec<u8>, usize>,
}

impl Next {
    fn add(&mut self, s: State) {
        let mut key = s.tcb.as_bytes().to_vec();
        key.extend([
            s.owed,
            u8::from(s.must),
            s.over,
            u8::from(s.reset),
            u8::from(s.lost),
            s.read,
        ]);
        key.extend(s.unread.as_bytes());
        if let Some(s) = s.behind_syn {
            key.extend([s.flags.0, s.len]);
            key.extend(s.data());
        }
        let n = *self.known.entry(key).or_insert(self.states.len());
        match self.states.get_mut(n) {
            Some(there) => there.chosen = there.chosen.or(s.chosen),
            None => self.states.push(s),
        }
    }
}
