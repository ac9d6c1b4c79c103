//! Makes a [`Story`] of a trace: which action led from each state to the next, what was sent and why.
//!
//! A saturated world adds sends that change no endpoint without a step of their own (a retransmission, the answer to
//! an old segment). Those that matter later are told all the same, with what drew them.

use std::collections::HashMap;

use super::story::{Beat, Carried, Moment, Story};
use crate::endpoint::{
    Call, Effects, Endpoint, Event, Flags, MAX_DATA, NOW, Segment, TcpState, Timer,
};
use crate::seq::Seq;
use crate::world::net::{InFlight, Sender, Symbol};
use crate::world::{Action, Clocks, Covered, State, Step, World};

/// What distinguishes a segment from others, its lifetime apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    from: u8,
    life: u8,
    seq: u32,
    ack: u32,
    flags: Flags,
    len: u8,
    wnd: u8,
    /// The age of the timestamp, which grows with every tick.
    stamp: Option<u32>,
}

/// Why a segment was sent.
#[derive(Clone, Copy)]
enum Why {
    /// By the action itself.
    Action,
    /// By a timer, without a step of its own.
    Timer(Timer),
    /// In answer to this one, without a step of its own.
    Answer(usize),
}

/// One sending of a segment that was not in flight from the same life before.
struct Sending {
    carried: Carried,
    tick: u32,
    moment: usize,
    why: Why,
    /// Its number, if it plays a part.
    number: Option<usize>,
    arrived: bool,
}

struct Telling<'a, E: Endpoint, const N: usize> {
    world: &'a World<E, N>,
    /// The latest sending of what is or was in flight.
    latest: HashMap<Key, usize>,
    sendings: Vec<Sending>,
    tick: u32,
}

/// What one step shows before segments have numbers.
enum Raw {
    Beat(Beat),
    Sent(usize),
    Arrives { sending: usize, sent: u32 },
}

/// One step before segments have numbers: the action, the lives after it, what happens.
struct Told {
    action: String,
    lives: [u8; 2],
    raw: Vec<Raw>,
}

/// Tells a trace: states that each follow from the one before. Stops early where one does not.
pub fn tell<E: Endpoint, const N: usize>(
    world: &World<E, N>,
    trace: &[State<E::Image, N>],
) -> Story {
    let mut t = Telling {
        world,
        latest: HashMap::new(),
        sendings: Vec::new(),
        tick: 0,
    };
    let mut told = Vec::new();
    for (moment, pair) in trace.windows(2).enumerate() {
        let Some(action) = action_between(world, &pair[0], &pair[1]) else {
            break;
        };
        let raw = t.step(moment, action, &pair[0], &pair[1]);
        let lives = [0, 1].map(|h| pair[1].apps[h].life);
        told.push(Told {
            action: action.describe(&world.bases()),
            lives,
            raw,
        });
    }
    let begins = trace.first().map_or([TcpState::Closed; 2], |s| t.states(s));
    let start = trace
        .first()
        .and_then(|s| world.initial_states().iter().position(|i| i == s))
        .unwrap_or(0);
    let mut story = Story {
        start,
        bases: world.bases().map(Seq::raw),
        begins,
        lives: t.has_lives(),
        faults: trace.last().map_or(0, |s| s.faults() & world.plan.judged),
        ..Story::default()
    };
    t.write(told, &mut story);
    story
}

/// The action that leads from one state to another; the first if there are several.
pub fn action_between<E: Endpoint, const N: usize>(
    world: &World<E, N>,
    from: &State<E::Image, N>,
    to: &State<E::Image, N>,
) -> Option<Action> {
    let mut found = None;
    world.for_each_step(from, &mut Covered::default(), &mut |action, next| {
        if found.is_none() && next == to {
            found = Some(action);
        }
    });
    found
}

impl<E: Endpoint, const N: usize> Telling<'_, E, N> {
    fn state(&self, s: &State<E::Image, N>, host: usize) -> TcpState {
        E::observe(&self.world.plan.hosts[host].tcp, &s.ends[host]).state
    }

    fn states(&self, s: &State<E::Image, N>) -> [TcpState; 2] {
        [self.state(s, 0), self.state(s, 1)]
    }

    fn key(&self, f: InFlight) -> Key {
        let s = f.unpack(&self.world.bases());
        Key {
            from: f.from(),
            life: f.life(),
            seq: s.seq.raw(),
            ack: s.ack.raw(),
            flags: s.flags,
            len: s.len,
            wnd: s.wnd,
            stamp: s.ts.map(|t| NOW - t.val),
        }
    }

    /// One step, told; keeps book of what is in flight and why.
    fn step(
        &mut self,
        moment: usize,
        action: Action,
        s: &State<E::Image, N>,
        next: &State<E::Image, N>,
    ) -> Vec<Raw> {
        let mut raw = Vec::new();
        let note = |host: u8, text: String| {
            Raw::Beat(Beat::Note {
                host: usize::from(host),
                text,
            })
        };
        match action {
            Action::Tick => raw.push(self.tick(s)),
            Action::Deliver(f, _) => raw.push(self.arrival(f)),
            Action::Fire(h, t) => raw.push(note(h, format!("{} timer", t.name()))),
            Action::App(h, _) => raw.extend(self.call_text(s, next, h).map(|text| note(h, text))),
            Action::Abort(h) => raw.push(note(h, "ABORT".into())),
            Action::Crash(h) => raw.push(note(h, "CRASH, forgets all".into())),
            Action::Vanish(h) => raw.push(note(h, "VANISHES".into())),
        }
        for host in 0..2 {
            let (before, after) = (s.apps[host].life, next.apps[host].life);
            if after != before && !matches!(action, Action::App(..)) {
                let text = if after > before {
                    format!("life {}", after + 1)
                } else {
                    format!("back to life {}", after + 1)
                };
                raw.push(note(host as u8, text));
            }
            let state = self.state(next, host);
            if state != self.state(s, host) {
                raw.push(Raw::Beat(Beat::Enters { host, state }));
            }
        }
        let (host, sent) = self.redo(action, s, next, &mut raw);
        if let Some(host) = host {
            for f in sent {
                let sending = self.note_sent(f, moment, Why::Action, host, next);
                raw.push(Raw::Sent(sending));
            }
        }
        self.explain(moment, s, next);
        raw
    }

    fn tick(&mut self, s: &State<E::Image, N>) -> Raw {
        let in_turn = self.world.plan.clocks == Clocks::InTurn;
        if !in_turn || s.phase == 0 {
            self.tick += 1;
            let oldest = u32::from(crate::spec::tcb::OLDEST);
            let aged = |k: Key| Key {
                stamp: k.stamp.map(|a| (a + 1).min(oldest)),
                ..k
            };
            let mut known: Vec<_> = self.latest.drain().map(|(k, n)| (aged(k), n)).collect();
            known.sort_by_key(|(_, n)| *n);
            self.latest = known.into_iter().collect();
        }
        Raw::Beat(Beat::Tick {
            now: self.tick,
            of: in_turn.then_some(usize::from(s.phase)),
        })
    }

    fn arrival(&mut self, f: InFlight) -> Raw {
        let age = self.world.plan.lifetime.saturating_sub(f.ttl());
        let sending = match self.latest.get(&self.key(f)) {
            Some(&n) => n,
            None => self.begin(f, 0, Why::Action, f.life()),
        };
        Raw::Arrives {
            sending,
            sent: self.tick.saturating_sub(u32::from(age)),
        }
    }

    fn begin(&mut self, f: InFlight, moment: usize, why: Why, life: u8) -> usize {
        let key = self.key(f);
        let carried = Carried {
            from: usize::from(key.from),
            life,
            seq: key.seq,
            ack: key.ack,
            flags: key.flags,
            len: key.len,
            wnd: key.wnd,
            stamp: key.stamp,
        };
        self.sendings.push(Sending {
            carried,
            tick: self.tick,
            moment,
            why,
            number: None,
            arrived: false,
        });
        self.latest.insert(key, self.sendings.len() - 1);
        self.sendings.len() - 1
    }

    /// Notes that `f` was sent: again, or for the first time in this life of its sender.
    fn note_sent(
        &mut self,
        f: InFlight,
        moment: usize,
        why: Why,
        host: usize,
        next: &State<E::Image, N>,
    ) -> usize {
        let life = next.apps[host].life;
        match self.latest.get(&self.key(f)) {
            Some(&n) if self.sendings[n].carried.life == life => n,
            _ => self.begin(f, moment, why, life),
        }
    }

    /// Does the action's event again, to see what was sent, told and read. Adds what the user saw to `raw`.
    fn redo(
        &self,
        action: Action,
        s: &State<E::Image, N>,
        next: &State<E::Image, N>,
        raw: &mut Vec<Raw>,
    ) -> (Option<usize>, Vec<InFlight>) {
        let base = |host: usize, isn: Option<i8>| isn.map(|n| self.world.bases()[host] + n as u32);
        let (host, events, isn) = match action {
            Action::Deliver(f, isn) => {
                let host = 1 - usize::from(f.from());
                (
                    host,
                    vec![Event::Segment(f.unpack(&self.world.bases()))],
                    base(host, isn),
                )
            }
            Action::Fire(h, t) => (usize::from(h), vec![Event::Timer(t)], None),
            Action::Abort(h) => (usize::from(h), vec![Event::Call(Call::Abort)], None),
            Action::App(h, isn) => {
                let host = usize::from(h);
                (
                    host,
                    self.calls(s, host).into_iter().map(Event::Call).collect(),
                    base(host, isn),
                )
            }
            Action::Crash(_) | Action::Vanish(_) | Action::Tick => return (None, Vec::new()),
        };
        let plan = &self.world.plan.hosts[host];
        let mut image = s.ends[host];
        let mut out = Effects::default();
        let (mut segments, mut user, mut bytes, mut end) =
            (Vec::<Segment>::new(), Vec::new(), Vec::new(), false);
        let mut iss = E::observe(&plan.tcp, &image).iss;
        for event in events {
            out.clear();
            E::step(&plan.tcp, &mut image, event, isn, &mut out);
            iss = E::observe(&plan.tcp, &image).iss;
            segments.extend(out.segments.iter());
            user.extend(out.told.iter().map(|i| format!("told \"{}\"", i.name())));
            user.extend(out.error.map(|e| format!("error: {e}")));
            bytes.extend(out.read.iter());
            end |= out.end;
        }
        // A host whose RECEIVEs are always outstanding takes what is there.
        for _ in 0..3 {
            if !plan.reads || image == next.ends[host] {
                break;
            }
            out.clear();
            E::step(
                &plan.tcp,
                &mut image,
                Event::Call(Call::Receive(MAX_DATA as u8)),
                None,
                &mut out,
            );
            bytes.extend(out.read.iter());
            end |= out.end;
            segments.extend(out.segments.iter());
        }
        let (was, is) = (
            s.seen.life(host, s.apps[host].life),
            next.seen.life(host, next.apps[host].life),
        );
        user.extend(bytes.iter().map(|b| self.byte(*b)));
        if end && is.read_end() && (!was.read_end() || next.apps[host].life != s.apps[host].life) {
            let of = is.pair().map_or(String::new(), |l| self.of_life(l));
            user.push(format!("reads the end{of}"));
        }
        raw.extend(
            user.into_iter()
                .map(|text| Raw::Beat(Beat::User { host, text })),
        );
        let by = Sender {
            host: host as u8,
            life: next.apps[host].life,
            iss,
            ttl: self.world.plan.lifetime,
        };
        let packed = segments
            .iter()
            .filter_map(|s| InFlight::pack(s, by, &self.world.bases()).ok());
        (Some(host), packed.collect())
    }

    fn byte(&self, byte: u8) -> String {
        let s = Symbol::of(byte);
        format!("reads byte {}{}", s.offset + 1, self.of_life(s.life))
    }

    /// Which life of the peer's, where there are several.
    fn of_life(&self, life: u8) -> String {
        if self.has_lives() {
            format!(" of life {}", life + 1)
        } else {
            String::new()
        }
    }

    fn has_lives(&self) -> bool {
        self.world.plan.hosts.iter().any(|h| h.lives.len() > 1)
    }

    /// What the application's next step is, and in which life it is taken.
    fn script_step(&self, s: &State<E::Image, N>, host: usize) -> Option<(Step, u8, bool)> {
        let app = &s.apps[host];
        let lives = &self.world.plan.hosts[host].lives;
        let here = lives.get(usize::from(app.life))?;
        match here.steps.get(usize::from(app.pc)) {
            Some(step) => Some((*step, app.life, here.timestamps)),
            None => {
                let then = lives.get(usize::from(app.life) + 1)?;
                Some((*then.steps.first()?, app.life + 1, then.timestamps))
            }
        }
    }

    fn calls(&self, s: &State<E::Image, N>, host: usize) -> Vec<Call> {
        let Some((step, life, timestamps)) = self.script_step(s, host) else {
            return Vec::new();
        };
        let send = |len: u8| {
            let mut text = [0; MAX_DATA];
            let written = s.seen.life(host, life).written();
            for (i, b) in (0u8..).zip(text.iter_mut().take(usize::from(len))) {
                *b = Symbol {
                    host: host as u8,
                    life,
                    offset: written + i,
                }
                .byte();
            }
            Call::Send { len, text }
        };
        match step {
            Step::Listen(_) => vec![Call::OpenPassive { timestamps }],
            Step::Connect(_) => vec![Call::OpenActive { timestamps }],
            Step::Send(n) => vec![send(n)],
            Step::Finish(n) => vec![send(n), Call::Shutdown],
            Step::Receive(n) => vec![Call::Receive(n)],
            Step::ReceiveAll if s.seen.life(host, life).read_end() => Vec::new(),
            Step::ReceiveAll => vec![Call::Receive(1)],
            Step::Shutdown => vec![Call::Shutdown],
            Step::Close => vec![Call::Close],
            Step::Abort => vec![Call::Abort],
            Step::AwaitEstablished | Step::AwaitData(_) | Step::AwaitEnd => Vec::new(),
        }
    }

    fn call_text(
        &self,
        s: &State<E::Image, N>,
        next: &State<E::Image, N>,
        host: u8,
    ) -> Option<String> {
        let host = usize::from(host);
        let life = next.apps[host].life;
        let open = |how: &str| {
            if life > 0 {
                format!("OPEN {how}, life {}", life + 1)
            } else {
                format!("OPEN {how}")
            }
        };
        let words = |call: &Call| match call {
            Call::OpenPassive { .. } => open("passive"),
            Call::OpenActive { .. } => open("active"),
            Call::Send { len: 1, .. } => "SEND 1 byte".into(),
            Call::Send { len, .. } => format!("SEND {len} bytes"),
            Call::Receive(_) => "RECEIVE".into(),
            Call::Shutdown => "SHUTDOWN".into(),
            Call::Close => "CLOSE".into(),
            Call::Abort => "ABORT".into(),
            Call::Status => "STATUS".into(),
        };
        let calls = self.calls(s, host);
        (!calls.is_empty()).then(|| calls.iter().map(words).collect::<Vec<_>>().join(", "))
    }

    /// Finds out why everything else that is in flight now was sent: timers and answers that changed no endpoint.
    fn explain(&mut self, moment: usize, s: &State<E::Image, N>, next: &State<E::Image, N>) {
        let full = self.world.plan.lifetime;
        let old: HashMap<Key, u8> = s
            .in_flight()
            .iter()
            .map(|f| (self.key(*f), f.ttl()))
            .collect();
        let is_known = |t: &Self, f: InFlight| {
            t.latest
                .get(&t.key(f))
                .is_some_and(|n| t.sendings[*n].moment == moment || f.ttl() < full)
        };
        let mut known: Vec<InFlight> = Vec::new();
        let mut open: Vec<InFlight> = Vec::new();
        for &f in next.in_flight() {
            let carried_over = old.get(&self.key(f)).is_some_and(|ttl| *ttl >= f.ttl());
            if carried_over || is_known(self, f) {
                known.push(f)
            } else {
                open.push(f)
            }
        }
        while !open.is_empty() {
            let before = open.len();
            for host in 0..2 {
                if next.apps[host].gone == 0 && next.apps[host].quiet == 0 {
                    self.explain_host(moment, next, host, &mut known, &mut open);
                }
            }
            if open.len() == before {
                break;
            }
        }
        // What is left was sent by the action in a way that `redo` does not see.
        for f in open {
            self.note_sent(f, moment, Why::Action, usize::from(f.from()), next);
        }
    }

    fn explain_host(
        &mut self,
        moment: usize,
        next: &State<E::Image, N>,
        host: usize,
        known: &mut Vec<InFlight>,
        open: &mut Vec<InFlight>,
    ) {
        let tcp = &self.world.plan.hosts[host].tcp;
        let bases = self.world.bases();
        let iss = E::observe(tcp, &next.ends[host]).iss;
        let by = Sender {
            host: host as u8,
            life: next.apps[host].life,
            iss,
            ttl: self.world.plan.lifetime,
        };
        let due = E::armed(tcp, &next.ends[host]).due;
        let timers = [Timer::Retransmit, Timer::Persist, Timer::DelayedAck]
            .into_iter()
            .filter(|t| due.has(*t));
        let mut tries: Vec<(Event, Why)> =
            timers.map(|t| (Event::Timer(t), Why::Timer(t))).collect();
        for f in known.iter().filter(|f| usize::from(f.from()) != host) {
            if let Some(&n) = self.latest.get(&self.key(*f)) {
                tries.push((Event::Segment(f.unpack(&bases)), Why::Answer(n)));
            }
        }
        let mut out = Effects::default();
        for (event, why) in tries {
            let mut image = next.ends[host];
            out.clear();
            E::step(tcp, &mut image, event, None, &mut out);
            if image != next.ends[host] || !out.told.is_empty() {
                continue;
            }
            for f in out
                .segments
                .iter()
                .filter_map(|s| InFlight::pack(s, by, &bases).ok())
            {
                if let Some(at) = open.iter().position(|o| self.key(*o) == self.key(f)) {
                    open.remove(at);
                    known.push(f);
                    self.note_sent(f, moment, why, host, next);
                }
            }
        }
    }
}

impl<E: Endpoint, const N: usize> Telling<'_, E, N> {
    /// Numbers what plays a part and writes the beats.
    fn write(&mut self, told: Vec<Told>, story: &mut Story) {
        let mut needed = vec![false; self.sendings.len()];
        for r in told.iter().flat_map(|t| &t.raw) {
            if let Raw::Arrives { sending, .. } = r {
                let mut n = *sending;
                while !needed[n] {
                    needed[n] = true;
                    if let Why::Answer(m) = self.sendings[n].why {
                        n = m;
                    }
                }
            }
        }
        let mut tick = 0;
        for (moment, Told { action, lives, raw }) in told.into_iter().enumerate() {
            let mut beats = Vec::new();
            for raw in raw {
                match raw {
                    Raw::Beat(b) => {
                        if let Beat::Tick { now, .. } = b {
                            tick = now;
                        }
                        beats.push(b);
                    }
                    Raw::Sent(n) => beats.push(Beat::Sent {
                        segment: self.number(n, story),
                    }),
                    Raw::Arrives { sending, sent } => {
                        beats.push(self.arrives(sending, sent, lives, story))
                    }
                }
            }
            // Sends without a step of their own, if something comes of them.
            for n in 0..self.sendings.len() {
                let sending = &self.sendings[n];
                if !needed[n] || sending.moment != moment {
                    continue;
                }
                let host = sending.carried.from;
                match sending.why {
                    Why::Action => continue,
                    Why::Timer(t) => beats.push(Beat::Note {
                        host,
                        text: format!("{} timer", t.name()),
                    }),
                    Why::Answer(m) => {
                        let sent = self.sendings[m].tick;
                        beats.push(self.arrives(m, sent.min(tick), lives, story));
                    }
                }
                beats.push(Beat::Sent {
                    segment: self.number(n, story),
                });
            }
            story.moments.push(Moment { action, beats });
        }
    }

    fn number(&mut self, sending: usize, story: &mut Story) -> usize {
        let s = &mut self.sendings[sending];
        *s.number.get_or_insert_with(|| {
            story.segments.push(s.carried);
            story.segments.len() - 1
        })
    }

    fn arrives(&mut self, sending: usize, sent: u32, lives: [u8; 2], story: &mut Story) -> Beat {
        let segment = self.number(sending, story);
        let s = &mut self.sendings[sending];
        let again = std::mem::replace(&mut s.arrived, true);
        let old = lives.iter().any(|l| *l > s.carried.life);
        Beat::Arrives {
            segment,
            sent,
            repeated: sent > s.tick,
            again,
            old,
        }
    }
}
