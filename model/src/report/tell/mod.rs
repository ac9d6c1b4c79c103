//! Makes a [`Story`] of a trace: which action led from each state to the next, what was sent and why.
//!
//! A saturated world adds sends that change no endpoint without a step of their own (a retransmission, the answer to
//! an old segment). Those that matter later are told all the same, with what drew them.

mod causes;
mod redo;

use std::collections::HashMap;

use super::story::{Beat, Carried, Moment, Story};
use crate::endpoint::{Endpoint, Flags, NOW, TcpState, Timer};
use crate::seq::Seq;
use crate::world::action::NAMES;
use crate::world::net::InFlight;
use crate::world::{Action, Clocks, Covered, State, World};

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
    /// In answer to this one, the copy sent in this tick, without a step of its own.
    Answer(usize, u32),
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
    tell_along(world, trace, &actions_along(world, trace))
}

/// The actions of a trace, as far as each state follows from the one before.
pub(crate) fn actions_along<E: Endpoint, const N: usize>(
    world: &World<E, N>,
    trace: &[State<E::Image, N>],
) -> Vec<Action> {
    trace
        .windows(2)
        .map_while(|pair| action_between(world, &pair[0], &pair[1]))
        .collect()
}

/// Tells a trace whose actions are known: some of them may change nothing.
pub fn tell_along<E: Endpoint, const N: usize>(
    world: &World<E, N>,
    trace: &[State<E::Image, N>],
    actions: &[Action],
) -> Story {
    let mut t = Telling {
        world,
        latest: HashMap::new(),
        sendings: Vec::new(),
        tick: 0,
    };
    let mut told = Vec::new();
    for (moment, (pair, &action)) in trace.windows(2).zip(actions).enumerate() {
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

/// What comes of one action, a line for each thing that happens; for stateright's Explorer.
pub fn outcome<E: Endpoint, const N: usize>(
    world: &World<E, N>,
    state: &State<E::Image, N>,
    action: Action,
) -> Option<String> {
    let next = world.perform(state, action)?;
    let story = tell(world, &[*state, next]);
    let how = story.notation(false);
    let line = |b: &Beat| match b {
        Beat::Tick { now: _, of: None } => "tick".to_owned(),
        Beat::Tick {
            now: _,
            of: Some(h),
        } => format!("{}'s clock ticks", NAMES[h & 1]),
        Beat::Note { host, text } | Beat::User { host, text } => {
            format!("{}: {text}", NAMES[host & 1])
        }
        Beat::Enters { host, state } => format!("{} → {}", NAMES[host & 1], state.name()),
        Beat::Sent { segment } => format!("sent: {}", story.segments[*segment].notation(&how)),
        Beat::Arrives { segment, .. } => {
            format!("arrives: {}", story.segments[*segment].notation(&how))
        }
    };
    Some(story.beats().map(line).collect::<Vec<_>>().join("\n"))
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
            Action::Stray(n) => {
                let from = self
                    .world
                    .plan
                    .strays
                    .get(usize::from(n))
                    .map_or(0, |stray| stray.host);
                raw.push(note(from, "an old segment turns up".into()));
            }
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
        if !in_turn || s.phase & 1 == 0 {
            self.tick += 1;
            let oldest = u32::from(crate::endpoint::OLDEST);
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
            of: in_turn.then_some(usize::from(s.phase & 1)),
        })
    }

    fn arrival(&mut self, f: InFlight) -> Raw {
        let sending = match self.latest.get(&self.key(f)) {
            Some(&n) => n,
            None => self.begin(f, 0, Why::Action, f.life()),
        };
        Raw::Arrives {
            sending,
            sent: self.sent_at(f),
        }
    }

    /// The tick in which this copy was sent.
    fn sent_at(&self, f: InFlight) -> u32 {
        let age = self.world.plan.lifetime.saturating_sub(f.ttl());
        self.tick.saturating_sub(u32::from(age))
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
            text: f.unpack(&self.world.bases()).text,
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
                    if let Why::Answer(m, _) = self.sendings[n].why {
                        n = m;
                    }
                }
            }
        }
        for (moment, Told { action, lives, raw }) in told.into_iter().enumerate() {
            let mut beats = Vec::new();
            for raw in raw {
                match raw {
                    Raw::Beat(b) => beats.push(b),
                    Raw::Sent(n) => beats.push(Beat::Sent {
                        segment: self.number(n, story),
                    }),
                    Raw::Arrives { sending, sent } => {
                        beats.push(self.arrives(sending, sent, lives, story))
                    }
                }
            }
            // Sends without a step of their own, if something comes of them.
            for (n, is_needed) in needed.iter().enumerate() {
                let sending = &self.sendings[n];
                if !is_needed || sending.moment != moment {
                    continue;
                }
                let host = sending.carried.from;
                match sending.why {
                    Why::Action => continue,
                    Why::Timer(t) => beats.push(Beat::Note {
                        host,
                        text: format!("{} timer", t.name()),
                    }),
                    Why::Answer(m, sent) => beats.push(self.arrives(m, sent, lives, story)),
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
