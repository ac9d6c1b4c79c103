//! A script, played on the specification and the engine at once.

use farewell_model::endpoint::{
    Armed, Call, Effects, Endpoint, Event, Flags, MAX_DATA, NOW, Observed, Segment, TcpState,
    Timer, Timestamps,
};
use farewell_model::seq::Seq;
use farewell_model::spec::{Spec, Tcb};

use super::script::{Anchor, Op, Parting, Place, Script, Setup, Shape, has_connection};
use crate::engine::{Engine, EngineConfig, Image, Live, packet_of};
use crate::lockstep::{Seen, difference};
use crate::subject::{Input, Output, Subject, SubjectError};
use crate::targets::tape;

/// What a script came to.
#[derive(Clone, Debug, Default)]
pub struct Came {
    /// States reached, as bits.
    pub states: u64,
    /// Transitions taken, by index into the specification's table.
    pub transitions: u64,
    /// Rules that decided something.
    pub rules: u64,
    /// The first difference.
    pub differs: Option<String>,
    /// What happened, a line a step, if it was asked for.
    pub ladder: Vec<String>,
}

/// The last segments that arrived.
const REMEMBERED: usize = 16;
const TICK_MICROS: u64 = 1_000;
/// In captures.
const FAREWELL: usize = 0;
const PEER: usize = 1;

/// What is in lockstep with the specification.
enum Other {
    /// Saved and restored around every event.
    Saved(Box<Image>),
    /// Alive.
    Live(Box<Live>),
}

struct Player<'a> {
    setup: &'a Setup,
    engine: EngineConfig,
    spec: Tcb,
    other: Other,
    /// Microseconds, for who is alive and for captures.
    at: u64,
    lives: u32,
    arrived: Vec<Segment>,
    came: Came,
    tells: bool,
}

/// Plays a script; with a ladder if `tells`.
pub fn play(script: &Script, tells: bool) -> Came {
    let setup = &script.setup;
    let engine = EngineConfig::like(&setup.config, setup.timestamps);
    let other = if setup.live {
        Other::Live(Box::new(Live::new(engine)))
    } else {
        Other::Saved(Box::new(Engine::boot(&engine)))
    };
    let mut p = Player {
        setup,
        engine,
        spec: Spec::boot(&setup.config),
        other,
        at: 0,
        lives: 0,
        arrived: Vec::new(),
        came: Came::default(),
        tells,
    };
    p.go_to(script.goes_to);
    if let Some(parting) = script.leaves_by {
        p.leave(parting);
    }
    for op in &script.ops {
        if p.came.differs.is_some() {
            break;
        }
        p.op(op);
    }
    p.came
}

impl Player<'_> {
    fn observed(&self) -> Observed {
        Spec::observe(&self.setup.config, &self.spec)
    }

    fn armed(&self) -> Armed {
        Spec::armed(&self.setup.config, &self.spec)
    }

    /// Our next ISN: above what was used, as far as that matters here.
    fn isn(&self) -> Seq {
        Seq::new(self.setup.isn[0]) + self.lives * 100
    }

    fn peer_isn(&self) -> Seq {
        Seq::new(self.setup.isn[1]) + self.lives * 100
    }

    fn op(&mut self, op: &Op) {
        match *op {
            Op::Call(call) => self.event(Event::Call(call), Some(self.isn())),
            Op::Segment(shape) => {
                let s = self.segment(&shape);
                self.arrives(s, shape.listens);
            }
            Op::Again(n) => {
                if let Some(s) = self.arrived.get(usize::from(n) % REMEMBERED).copied() {
                    self.arrives(s, true);
                }
            }
            Op::Timer(n) => {
                let due = self.armed().due;
                let due: Vec<Timer> = Timer::ALL.into_iter().filter(|t| due.has(*t)).collect();
                // Who is alive looks at the clock.
                if !self.setup.live
                    && let Some(t) = due.get(usize::from(n) % due.len().max(1))
                {
                    self.event(Event::Timer(*t), None);
                }
            }
            Op::Tick if self.setup.live => self.time_goes_on(),
            Op::Tick => {
                self.at += TICK_MICROS;
                self.event(Event::Tick, None);
            }
        }
    }

    fn arrives(&mut self, s: Segment, listens: bool) {
        if self.arrived.len() == REMEMBERED {
            self.arrived.remove(0);
        }
        self.arrived.push(s);
        self.event(Event::Segment(s), listens.then(|| self.isn()));
    }

    fn segment(&self, shape: &Shape) -> Segment {
        let o = self.observed();
        let known = has_connection(o.state);
        let next = if known { o.rcv_nxt } else { self.peer_isn() };
        let wnd = u32::from(o.rcv_wnd);
        let acks = shape.flags.has(Flags::ACK);
        let mut text = [0; MAX_DATA];
        let len = usize::from(shape.len);
        text[..len].copy_from_slice(&shape.text[..len]);
        let stamped =
            self.setup.timestamps && (o.ts_recent.is_some() || shape.flags.has(Flags::SYN));
        Segment {
            seq: shape
                .seq
                .0
                .number(shape.seq.1, [next, next + wnd, self.peer_isn()]),
            ack: if acks {
                shape
                    .ack
                    .0
                    .number(shape.ack.1, [o.snd_nxt, o.snd_una, o.iss])
            } else {
                Seq::default()
            },
            flags: shape.flags,
            wnd: shape.wnd,
            len: shape.len,
            text,
            ts: shape.age.filter(|_| stamped).map(|age| Timestamps {
                val: NOW - u32::from(age),
                ecr: if acks { NOW } else { 0 },
            }),
        }
    }

    /// One event for both.
    fn event(&mut self, e: Event, isn: Option<Seq>) {
        let mut out = Effects::default();
        Spec::step(&self.setup.config, &mut self.spec, e, isn, &mut out);
        self.lives += u32::from(out.isn_used);
        let o = self.observed();
        self.came.states |= 1 << o.state as u8;
        self.came.transitions |= out.transitions;
        self.came.rules |= out.rules.0;
        if self.tells {
            self.tell(&e, &out, &o);
        }
        if !matches!(e, Event::Segment(_)) {
            tape::comment(|| event_words(&e));
        }
        let differs = match &mut self.other {
            Other::Saved(image) => {
                if let Event::Segment(s) = e {
                    tape::both(PEER, self.at, || packet_of(&s, true));
                }
                let mut other = Effects::default();
                Engine::step(&self.engine, image, e, isn, &mut other);
                for s in &other.segments {
                    tape::both(FAREWELL, self.at, || packet_of(s, false));
                }
                let a = Seen::of::<Spec>(&self.setup.config, &self.spec, &out);
                let b = Seen::of::<Engine>(&self.engine, image, &other);
                (a != b || other.broken).then(|| difference(e, &a, &b, other.broken))
            }
            Other::Live(live) => {
                let input = match e {
                    Event::Call(call) => Input::Call(call, isn.map(Seq::raw)),
                    Event::Segment(s) => {
                        let packet = live.packet_for(&s);
                        tape::both(PEER, self.at, || packet.clone());
                        Input::Packet(packet, isn.map(Seq::raw))
                    }
                    Event::Timer(_) | Event::Tick => return, // by `time_goes_on`
                };
                let reply = live.input(self.at, input);
                let mut outputs = Vec::new();
                live.advance(self.at, &mut |_, o| outputs.push(o));
                leave(self.at, &outputs);
                let error = match reply {
                    Ok(()) => None,
                    Err(SubjectError::Call(e)) => Some(e),
                    Err(SubjectError::Broken(why)) => return self.came.differs = Some(why),
                };
                let same = error == out.error;
                let differs = black_box(live, &o, &[&out], &outputs);
                if same {
                    differs
                } else {
                    Some(format!("after {e:?}: {:?}, {error:?}", out.error))
                }
            }
        };
        self.came.differs = differs;
    }

    /// A tick for who is alive: whatever has become due happens, in the engine's order.
    fn time_goes_on(&mut self) {
        let mut all = Vec::new();
        let mut step = |p: &mut Self, e| {
            let mut out = Effects::default();
            Spec::step(&p.setup.config, &mut p.spec, e, None, &mut out);
            p.came.transitions |= out.transitions;
            p.came.rules |= out.rules.0;
            all.push(out);
        };
        step(self, Event::Tick);
        let order = [
            Timer::User,
            Timer::GiveUp,
            Timer::FinWait2,
            Timer::Retransmit,
            Timer::Persist,
            Timer::DelayedAck,
            Timer::KeepAlive,
            Timer::TimeWait,
        ];
        // The engine's look at the clock is one: what a timer starts does not fire in it, nor TIME_WAIT that it enters.
        let waited = self.observed().state == TcpState::TimeWait;
        let (mut delayed, mut carried) = (false, false);
        for t in order {
            let enters = t == Timer::TimeWait && !waited;
            if self.armed().due.has(t) && !enters {
                if t == Timer::KeepAlive {
                    // A keep-alive carries the acknowledgment that was delayed: the engine sends one segment.
                    carried = delayed;
                }
                delayed |= t == Timer::DelayedAck;
                step(self, Event::Timer(t));
            }
        }
        if carried && let Some(ack) = all.iter_mut().rev().nth(1) {
            ack.segments.clear();
        }
        let o = self.observed();
        self.came.states |= 1 << o.state as u8;
        self.at += TICK_MICROS;
        let Other::Live(live) = &mut self.other else {
            return;
        };
        tape::comment(|| "a tick".into());
        let mut outputs = Vec::new();
        live.advance(self.at, &mut |_, o| outputs.push(o));
        leave(self.at, &outputs);
        let effects: Vec<&Effects> = all.iter().collect();
        self.came.differs =
            black_box(live, &o, &effects, &outputs).map(|d| format!("after a tick: {d}"));
        if self.tells {
            let sent: Vec<String> = all.iter().flat_map(|e| &e.segments).map(words).collect();
            self.came.ladder.push(format!(
                "{:<44}{:<14}{}",
                "a tick",
                o.state.name(),
                sent.join("; ")
            ));
        }
    }

    fn tell(&mut self, e: &Event, out: &Effects, o: &Observed) {
        let what = event_words(e);
        let mut line = format!("{what:<44}{:<14}", o.state.name());
        for s in &out.segments {
            line += &format!("◀── {} ", words(s));
        }
        for t in &out.told {
            line += &format!("\"{}\" ", t.name());
        }
        if let Some(e) = out.error {
            line += &format!("error: {e}");
        }
        self.came.ladder.push(line);
    }

    /// The shortest way to a place.
    fn go_to(&mut self, place: Place) {
        use Place::*;
        let timestamps = self.setup.timestamps;
        let active = matches!(place, SynSent | SynReceivedActively)
            || (!matches!(place, Closed | Listen | SynReceived) && self.setup.isn[0] & 1 == 0);
        let open = if active {
            Call::OpenActive { timestamps }
        } else {
            Call::OpenPassive { timestamps }
        };
        let steps: &[Go] = match place {
            Closed => return,
            Listen | SynSent => &[],
            SynReceived | SynReceivedActively => &[Go::Peer(Flags::SYN)],
            Established => &[Go::Handshake],
            FinWait1 => &[Go::Handshake, Go::User(Call::Shutdown)],
            FinWait2 => &[
                Go::Handshake,
                Go::User(Call::Shutdown),
                Go::Peer(Flags::ACK),
            ],
            CloseWait => &[Go::Handshake, Go::Peer(FIN)],
            Closing => &[Go::Handshake, Go::User(Call::Close), Go::Crossing],
            LastAck => &[Go::Handshake, Go::Peer(FIN), Go::User(Call::Close)],
            TimeWait | Reopened => &[
                Go::Handshake,
                Go::User(Call::Close),
                Go::Peer(Flags::ACK),
                Go::Peer(FIN),
            ],
            Aborted => &[Go::Handshake, Go::User(Call::Abort)],
        };
        self.event(Event::Call(open), Some(self.isn()));
        for step in steps {
            self.go(step, active);
        }
        if place == Reopened {
            self.go(&Go::Peer(Flags::SYN), active);
        }
    }

    /// A way out of where it is.
    fn leave(&mut self, by: Parting) {
        match by {
            Parting::Ack => self.fitting(Flags::ACK, Anchor::Next),
            Parting::Reset if self.observed().state == TcpState::SynSent => {
                self.fitting(Flags::RST.with(Flags::ACK), Anchor::Next);
            }
            Parting::Reset => self.fitting(Flags::RST, Anchor::Next),
            Parting::Syn => {
                // Inside the window, where the peer starts over.
                let s = self.segment(&Shape {
                    seq: (Anchor::Next, 0),
                    ..FITTING
                });
                self.arrives(s, true);
            }
            Parting::Close => self.event(Event::Call(Call::Close), None),
            Parting::Abort => self.event(Event::Call(Call::Abort), None),
            Parting::GiveUp => {
                let text = [7; MAX_DATA];
                self.event(Event::Call(Call::Send { len: 1, text }), None);
                self.wait(1, Timer::GiveUp);
            }
            Parting::Timeout => {
                self.event(Event::Call(Call::Close), None);
                let ticks = self.setup.config.time_wait;
                self.wait(ticks, Timer::FinWait2);
                self.wait(0, Timer::TimeWait);
            }
        }
    }

    /// That many ticks, and then the timer.
    fn wait(&mut self, ticks: u8, timer: Timer) {
        for _ in 0..ticks {
            if self.came.differs.is_none() {
                self.op(&Op::Tick);
            }
        }
        let due = self.armed().due.has(timer);
        if due && !self.setup.live && self.came.differs.is_none() {
            self.event(Event::Timer(timer), None);
        }
    }

    fn go(&mut self, step: &Go, active: bool) {
        match *step {
            Go::User(call) => self.event(Event::Call(call), None),
            Go::Peer(flags) => self.fitting(flags, Anchor::Next),
            Go::Crossing => self.fitting(FIN, Anchor::Edge),
            Go::Handshake if active => self.fitting(Flags::SYN.with(Flags::ACK), Anchor::Next),
            Go::Handshake => {
                self.fitting(Flags::SYN, Anchor::Next);
                self.fitting(Flags::ACK, Anchor::Next);
            }
        }
    }

    /// A segment as a peer would send it.
    fn fitting(&mut self, flags: Flags, ack: Anchor) {
        if self.came.differs.is_some() {
            return;
        }
        let syn = flags.has(Flags::SYN);
        let s = self.segment(&Shape {
            seq: (if syn { Anchor::Initial } else { Anchor::Next }, 0),
            ack: (ack, 0),
            flags,
            ..FITTING
        });
        self.arrives(s, true);
    }
}

/// A SYN as a peer would send it.
const FITTING: Shape = Shape {
    seq: (Anchor::Initial, 0),
    ack: (Anchor::Next, 0),
    flags: Flags::SYN,
    wnd: 4,
    text: [0; MAX_DATA],
    len: 0,
    age: Some(0),
    listens: true,
};

const FIN: Flags = Flags(Flags::ACK.0 | Flags::FIN.0);

/// A step on the way.
enum Go {
    User(Call),
    Peer(Flags),
    /// A FIN that crosses ours.
    Crossing,
    Handshake,
}

/// The outputs of a stack seen from outside, beside the specification's.
fn black_box(live: &Live, o: &Observed, out: &[&Effects], outputs: &[Output]) -> Option<String> {
    let mut segments = Vec::new();
    let (mut told, mut read, mut end) = (Vec::new(), Vec::new(), false);
    for output in outputs {
        match output {
            Output::Packet(bytes) => segments.push(live.segment_in(bytes)),
            Output::Told(i) => told.push(*i as u8),
            Output::Read(bytes, ends) => {
                read.extend(bytes);
                end |= ends;
            }
        }
    }
    let expected: Vec<Option<Segment>> = out
        .iter()
        .flat_map(|e| &e.segments)
        .copied()
        .map(Some)
        .collect();
    let mut should: Vec<u8> = out.iter().flat_map(|e| &e.told).map(|t| *t as u8).collect();
    should.sort_unstable();
    told.sort_unstable();
    let text: Vec<u8> = out.iter().flat_map(|e| &e.read).copied().collect();
    let ends = out.iter().any(|e| e.end);
    let seen = live.observe()?;
    let mut lines = Vec::new();
    let mut line = |what: &str, same: bool, a: String, b: String| {
        if !same {
            lines.push(format!("{what}: specification {a}, engine {b}"));
        }
    };
    line(
        "variables",
        seen == *o,
        format!("{o:?}"),
        format!("{seen:?}"),
    );
    line(
        "segments",
        segments == expected,
        format!("{expected:?}"),
        format!("{segments:?}"),
    );
    line(
        "told",
        told == should,
        format!("{should:?}"),
        format!("{told:?}"),
    );
    line(
        "read",
        (&read, end) == (&text, ends),
        format!("{text:?} {ends}"),
        format!("{read:?} {end}"),
    );
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Packets of who is alive.
fn leave(at: u64, outputs: &[Output]) {
    for output in outputs {
        if let Output::Packet(bytes) = output {
            tape::both(FAREWELL, at, || bytes.clone());
        }
    }
}

fn event_words(e: &Event) -> String {
    match e {
        Event::Segment(s) => format!("──▶ {}", words(s)),
        Event::Call(Call::Send { len, .. }) => format!("SEND {len}"),
        Event::Call(call) => format!("{call:?}"),
        Event::Timer(t) => format!("{} timer", t.name()),
        Event::Tick => "a tick".into(),
    }
}

/// A segment in words.
pub fn words(s: &Segment) -> String {
    let mut text = format!("{:?} seq={} ", s.flags, s.seq.raw());
    if s.is(Flags::ACK) {
        text += &format!("ack={} ", s.ack.raw());
    }
    text += &format!("len={} wnd={}", s.len, s.wnd);
    if let Some(ts) = s.ts {
        text += &format!(" ts={}", i64::from(ts.val) - i64::from(NOW));
    }
    text
}
