//! Doing a script to a stack, under the oracle's eyes.

use farewell_model::endpoint::{Call, CallError, Event, Flags, MAX_DATA, Segment, TcpState};
use farewell_model::seq::Seq;

use super::caught::{Panic, caught};
use super::expectations::Expectation;
use super::explained::{least, named, replay};
use super::freedom::{Chosen, QUANTUM};
use super::odd::Oddity;
use super::packet::{self, PEER, SUBJECT};
use super::script::{Peer, Script, Step};
use super::set::{Oracle, Seen, Stop, Unexplained, Why};
use crate::subject::{Input, Micros, Output, Subject, SubjectError};
use crate::subjects::{Stack, Terms};
use crate::targets::lockstep::has_connection;

/// The window of a peer into which everything fits.
const WIDE: u8 = 60;
/// After a script, a stack that has no connection is watched this long, in ticks.
const CLOSED_WATCHED: u32 = 8;
/// Segments that may arrive again.
const REMEMBERED: usize = 16;

/// Something that happened, and what came out at once.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Microseconds since the beginning.
    pub at: Micros,
    /// What went in and the reply to it; none for a tick that passed.
    pub input: Option<(Event, Option<CallError>)>,
    /// What came out.
    pub seen: Seen,
    /// The states that explain it.
    pub states: Vec<TcpState>,
}

/// How it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// There is an explanation for everything.
    Conforms,
    /// There are too many.
    Undecided,
    /// There is none for the last moment.
    Diverges(Divergence),
    /// What came out is no TCP, or the model cannot say it.
    Malformed(Kind, String),
    /// The stack panicked.
    Panicked {
        /// At what input.
        kind: Kind,
        /// File and line.
        place: String,
        /// What it said.
        said: String,
    },
}

/// What an input is to the state that it meets, see [`super::odd::kind`].
pub type Kind = String;

impl Divergence {
    /// Its name.
    pub fn id(&self) -> String {
        let what = self.odd.map_or_else(|| self.why.id(), |(odd, _)| odd.id());
        format!("{what}/{}", self.kind)
    }
}

impl End {
    fn panicked(kind: Kind, Panic { place, said }: Panic) -> End {
        End::Panicked { kind, place, said }
    }
}

/// What has no explanation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// The oddity that would explain it, and the moment.
    pub odd: Option<(Oddity, usize)>,
    /// What kind of input was treated so; without an oddity, the last.
    pub kind: Kind,
    /// What was wrong with what came out.
    pub why: Why,
    /// What speaks against each state.
    pub unexplained: Unexplained,
}

/// What came of a script.
#[derive(Clone, Debug)]
pub struct Run {
    /// Everything that happened.
    pub moments: Vec<Moment>,
    /// How it ended.
    pub end: End,
    /// Which of the known divergences it needs for an explanation, by their places in the list.
    pub known: Vec<usize>,
    /// Packets in and out with their moments, as a capture has them; `true` for out.
    pub packets: Vec<(Micros, bool, Vec<u8>)>,
    /// Steps of the script that met a state of the specification: none is left behind some oddities, and a divergence ends it.
    pub judged: u64,
    /// The most states that the oracle had to follow.
    pub largest: usize,
    /// What it chose of what the RFCs leave open.
    pub chosen: Chosen,
}

struct Driver<'a> {
    script: &'a Script,
    known: &'a [Expectation],
    terms: Terms,
    /// Known divergences are allowed, for there is no other explanation.
    tolerant: bool,
    subject: Box<dyn Subject>,
    oracle: Oracle,
    at: Micros,
    arrived: Vec<Segment>,
    /// SYNs of new incarnations that came out.
    lives: u32,
    last_iss: Option<Seq>,
    /// The peer's ISN in the last connection there was.
    peer_iss: Option<Seq>,
    run: Run,
}

/// Does the script to a fresh stack of which these divergences are known.
///
/// # Errors
///
/// The stack cannot be had.
pub fn drive(
    stack: &dyn Stack,
    script: &Script,
    known: &[Expectation],
) -> Result<Run, SubjectError> {
    let mut d = Driver {
        script,
        known,
        terms: stack.terms(),
        tolerant: false,
        subject: stack.start()?,
        oracle: Oracle::new(stack.terms()),
        at: 0,
        arrived: Vec::new(),
        lives: 0,
        last_iss: None,
        peer_iss: None,
        run: Run {
            moments: Vec::new(),
            end: End::Conforms,
            known: Vec::new(),
            packets: Vec::new(),
            judged: 0,
            largest: 0,
            chosen: Chosen::default(),
        },
    };
    if let Err(end) = d.all() {
        d.run.end = end;
    }
    (d.run.largest, d.run.chosen) = (d.oracle.largest, d.oracle.chosen());
    if d.tolerant {
        let explained = match d.run.end {
            End::Conforms | End::Undecided => d.run.moments.len(),
            End::Diverges(_) | End::Malformed(..) | End::Panicked { .. } => d.run.moments.len() - 1,
        };
        let moments = &d.run.moments[..explained];
        d.run.known = least(moments, d.terms, known, d.oracle.used());
    }
    Ok(d.run)
}

impl Driver<'_> {
    fn all(&mut self) -> Result<(), End> {
        for step in &self.script.steps {
            self.run.judged += u64::from(!self.oracle.is_lost());
            match *step {
                Step::Call(call) => self.input(Event::Call(call))?,
                Step::Segment(p) => {
                    let s = self.segment(&p);
                    if self.arrived.len() == REMEMBERED {
                        self.arrived.remove(0);
                    }
                    self.arrived.push(s);
                    self.input(Event::Segment(s))?;
                }
                Step::Again(n) => {
                    let from_last = usize::from(n) + 1;
                    let again = self.arrived.len().checked_sub(from_last);
                    if let Some(s) = again.and_then(|n| self.arrived.get(n)) {
                        self.input(Event::Segment(*s))?;
                    }
                }
                Step::Wait(ms) => {
                    for _ in 0..(Micros::from(ms) * 1_000).div_ceil(QUANTUM) {
                        self.tick()?;
                    }
                }
            }
        }
        let (mut rest, mut most) = (self.terms.watched, self.terms.watched_repeating);
        while rest > 0 {
            self.tick()?;
            let open = |s: &TcpState| !matches!(s, TcpState::Closed | TcpState::Listen);
            if !self.oracle.names().iter().any(open) {
                rest = rest.min(CLOSED_WATCHED);
            }
            most = most.saturating_sub(1);
            if rest > 1 || most == 0 || !self.oracle.repeats() {
                rest -= 1;
            }
        }
        Ok(())
    }

    fn input(&mut self, e: Event) -> Result<(), End> {
        // The model has no room for more than a window of unread text.
        if let Event::Segment(s) = &e
            && self.terms.steady_window
            && s.len > 0
            && self.oracle.readable() > 0
        {
            self.input(Event::Call(Call::Receive(MAX_DATA as u8)))?;
        }
        // Now above the last incarnation's numbers, now below.
        let apart = self.lives * 0x100;
        let isn = Some(if self.lives.is_multiple_of(2) {
            self.script.isn.wrapping_add(apart)
        } else {
            self.script.isn.wrapping_sub(apart)
        });
        let input = match e {
            Event::Call(call) => Input::Call(call, isn),
            Event::Segment(s) => {
                let bytes = packet::write(&s, PEER, SUBJECT)
                    .map_err(|why| End::Malformed(Kind::new(), format!("what arrives: {why}")))?;
                self.run.packets.push((self.at, false, bytes.clone()));
                Input::Packet(bytes, isn)
            }
            Event::Timer(_) | Event::Tick => return Ok(()),
        };
        let (at, subject) = (self.at, &mut self.subject);
        let reply = caught(|| subject.input(at, input));
        let kind = self.oracle.kind(Some(&e));
        let reply = match reply {
            Ok(reply) => reply,
            Err(why) => {
                self.remember(Some((e, None)), Seen::default());
                return Err(End::panicked(kind, why));
            }
        };
        let reply = match reply {
            Ok(()) => None,
            Err(SubjectError::Call(e)) => Some(e),
            Err(SubjectError::Broken(why)) => {
                self.remember(Some((e, None)), Seen::default());
                return Err(End::Malformed(kind, why));
            }
        };
        let seen = self.seen(kind);
        self.remember(Some((e, reply)), seen.clone().unwrap_or_default());
        let seen = seen?;
        let before = self.oracle.observed().state;
        let judged = self.oracle.input(e, reply, &seen);
        self.judged(judged)?;
        let after = self.oracle.observed().state;
        let begins = !has_connection(before) || before == TcpState::TimeWait && after != before;
        if let Event::Segment(s) = e
            && s.is(Flags::SYN)
            && begins
            && has_connection(after)
        {
            self.peer_iss = Some(s.seq);
        }
        // In real time, many inputs take longer than a tick: the oracle's clock is not to run behind.
        let now = self.subject.now();
        while self.at + QUANTUM <= now {
            self.tick()?;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), End> {
        self.at += QUANTUM;
        let seen = self.seen(self.oracle.kind(None));
        self.remember(None, seen.clone().unwrap_or_default());
        let seen = seen?;
        let judged = self.oracle.quantum(&seen);
        self.judged(judged)
    }

    fn remember(&mut self, input: Option<(Event, Option<CallError>)>, seen: Seen) {
        for s in seen.segments.iter().filter(|s| s.is(Flags::SYN)) {
            if self.last_iss != Some(s.seq) {
                self.lives += 1;
                self.last_iss = Some(s.seq);
            }
        }
        self.run.moments.push(Moment {
            at: self.at,
            input,
            seen,
            states: Vec::new(),
        });
    }

    fn judged(&mut self, judged: Result<(), Stop>) -> Result<(), End> {
        match judged {
            Ok(()) => {
                let names = self.oracle.names();
                if let Some(last) = self.run.moments.last_mut() {
                    last.states = names;
                }
                Ok(())
            }
            Err(Stop::Undecided) => Err(End::Undecided),
            Err(Stop::Unexplained(u)) => self.unexplained(u),
        }
    }

    fn unexplained(&mut self, u: Unexplained) -> Result<(), End> {
        if !self.tolerant && !self.known.is_empty() {
            let mut oracle = Oracle::new(self.terms);
            oracle.allow(self.known, |_| true);
            if replay(&mut oracle, &self.run.moments) {
                (self.oracle, self.tolerant) = (oracle, true);
                return self.judged(Ok(()));
            }
        }
        if u.against.iter().all(|(_, why)| *why == Why::NotRepeated) && self.comes_later()? {
            let again = self.lives > 1;
            return Err(End::Diverges(Divergence {
                odd: None,
                kind: self.oracle.kind(None),
                why: [Why::Late, Why::LateInAnotherLife][usize::from(again)],
                unexplained: u,
            }));
        }
        // By itself, if that has a name; else as what comes of what is known.
        let name = |allowed| {
            named(
                &self.run.moments,
                self.terms,
                self.known,
                allowed,
                u.clone(),
            )
        };
        let alone = (!self.tolerant).then(|| name(false));
        Err(End::Diverges(match alone {
            Some(d) if d.odd.is_some() => d,
            _ => name(true),
        }))
    }

    /// Whether what did not come in time does after all: late is not never.
    fn comes_later(&mut self) -> Result<bool, End> {
        for _ in 0..self.terms.watched_repeating {
            self.at += QUANTUM;
            let seen = self.seen(self.oracle.kind(None))?;
            let repeated = |s: &Segment| s.seq_len() > 0 && !s.is(Flags::RST);
            if seen.segments.iter().any(repeated) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All that has come out until now, after that.
    fn seen(&mut self, kind: Kind) -> Result<Seen, End> {
        let mut outputs = Vec::new();
        let (at, subject) = (self.at, &mut self.subject);
        caught(|| subject.advance(at, &mut |at, o| outputs.push((at, o))))
            .map_err(|why| End::panicked(kind.clone(), why))?;
        let mut seen = Seen::default();
        for (at, output) in outputs {
            match output {
                Output::Packet(bytes) => {
                    let s = packet::read(&bytes, SUBJECT, PEER);
                    self.run.packets.push((at, true, bytes));
                    let malformed =
                        |why| End::Malformed(kind.clone(), format!("what came out: {why}"));
                    seen.segments.push(s.map_err(malformed)?);
                }
                Output::Told(i) => seen.told.push(i),
                Output::Read(bytes, end) => {
                    seen.read.extend(bytes);
                    seen.end |= end;
                }
            }
        }
        Ok(seen)
    }

    /// The peer's segment, with numbers. Each incarnation of the peer begins at least 0x100 above the one before.
    fn segment(&self, p: &Peer) -> Segment {
        let o = self.oracle.observed();
        let known = has_connection(o.state);
        let by_lives = Seq::new(self.script.peer_isn) + self.lives * 0x100;
        let above = self.peer_iss.map(|last| last + 0x100);
        let initial = match above {
            Some(above) if known || by_lives.before(above) => above,
            _ => by_lives,
        };
        let peer_iss = self.peer_iss.filter(|_| known).unwrap_or(initial);
        let next = if known { o.rcv_nxt } else { initial };
        let new_syn = p.flags == Flags::SYN && known;
        let edge = next + u32::from(o.rcv_wnd);
        let first = if new_syn { initial } else { peer_iss };
        let seq = p.seq.0.number(p.seq.1, [next, edge, first]);
        let ack = p.ack.0.number(p.ack.1, [o.snd_nxt, o.snd_una, o.iss]);
        let mut text = [0; MAX_DATA];
        for (n, b) in (0u32..).zip(&mut text[..usize::from(p.len).min(MAX_DATA)]) {
            *b = b'a' + ((seq + n).raw() % 26) as u8;
        }
        Segment {
            seq,
            ack: if p.flags.has(Flags::ACK) {
                ack
            } else {
                Seq::default()
            },
            flags: p.flags,
            wnd: if self.terms.whole_windows && p.wnd > 0 {
                WIDE
            } else {
                p.wnd
            },
            len: p.len.min(MAX_DATA as u8),
            text,
            ts: None,
        }
    }
}
