//! Does an action's event again, to see what was sent, told and read.

use super::{Raw, Telling};
use crate::endpoint::{Call, Effects, Endpoint, Event, MAX_DATA, Segment};
use crate::report::story::Beat;
use crate::world::net::{InFlight, Sender, Symbol};
use crate::world::{Action, State, Step};

impl<E: Endpoint, const N: usize> Telling<'_, E, N> {
    /// Does the action's event again, to see what was sent, told and read. Adds what the user saw to `raw`.
    pub(super) fn redo(
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
            Action::Crash(_) | Action::Vanish(_) | Action::Stray(_) | Action::Tick => {
                return (None, Vec::new());
            }
        };
        let plan = &self.world.plan.hosts[host];
        let mut image = s.ends[host];
        let mut out = Effects::default();
        let (mut segments, mut user, mut bytes) = (Vec::<Segment>::new(), Vec::new(), Vec::new());
        let mut iss = E::observe(&plan.tcp, &image).iss;
        for event in events {
            out.clear();
            E::step(&plan.tcp, &mut image, event, isn, &mut out);
            iss = E::observe(&plan.tcp, &image).iss;
            segments.extend(out.segments.iter());
            user.extend(out.told.iter().map(|i| format!("told \"{}\"", i.name())));
            user.extend(out.error.map(|e| format!("error: {e}")));
            bytes.extend(out.read.iter());
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
            segments.extend(out.segments.iter());
        }
        let life = next.apps[host].life;
        let (was, is) = (s.seen.life(host, life), next.seen.life(host, life));
        user.extend(bytes.iter().map(|b| self.byte(*b)));
        if is.read_end() && !was.read_end() {
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

    pub(super) fn has_lives(&self) -> bool {
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

    pub(super) fn calls(&self, s: &State<E::Image, N>, host: usize) -> Vec<Call> {
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
            Step::Activate => vec![Call::OpenActive { timestamps }],
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

    pub(super) fn call_text(
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
}
