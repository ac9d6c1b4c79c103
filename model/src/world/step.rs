//! What can happen next: deliveries, timers, applications, crashes, ticks.

use arrayvec::ArrayVec;

use super::coverage::{Covered, Goal};
use super::judge::{self, Judged};
use super::memo::{Asks, Quiet, Who};
use super::net::{self, Added, InFlight, Sender, Symbol, Unfit};
use super::plan::{Clocks, IsnPolicy, LONG_AGO, MAX_LIVES, Step, Stray, UNSAFE_MENU, When};
use super::state::State;
use super::{World, saturate};
use crate::endpoint::{
    Call, Effects, Endpoint, Event, Flags, MAX_DATA, NOW, Observed, Segment, TcpState, Timer,
    Timestamps,
};
use crate::properties::Fault;
use crate::rules::Rule;
use crate::seq::Seq;

/// One thing that happens. Numbers name hosts: 0 is A, 1 is B.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Action {
    /// A segment in flight reaches the other host, which would use this ISN (a distance from its first) to answer a SYN.
    Deliver(InFlight, Option<i8>),
    /// A timer fires.
    Fire(u8, Timer),
    /// The application takes its next step; an OPEN with this ISN.
    App(u8, Option<i8>),
    /// The application aborts.
    Abort(u8),
    /// The host crashes and forgets everything.
    Crash(u8),
    /// The host vanishes.
    Vanish(u8),
    /// A segment from long ago turns up.
    Stray(u8),
    /// A tick, of both clocks or (in turn) of one.
    Tick,
}

/// Host names.
pub const NAMES: [&str; 2] = ["A", "B"];

impl Action {
    /// In words that also name it: no two actions of one state read alike.
    pub fn describe(&self, bases: &[Seq; 2]) -> String {
        let isn = |i: &Option<i8>| i.map_or(String::new(), |n| format!(" isn={n:+}"));
        match self {
            Action::Deliver(s, i) => {
                let to = NAMES[1 - usize::from(s.from())];
                let mark = if s.is_in_stream() {
                    format!(" life={}", s.life() + 1)
                } else {
                    String::new()
                };
                let stamp = s.unpack(bases).ts.map_or(String::new(), |t| {
                    format!(" ts=now-{}", crate::endpoint::NOW - t.val)
                });
                format!(
                    "deliver to {to}: {}{mark}{stamp} ttl={}{}",
                    textbook(&s.unpack(bases), s.from(), bases),
                    s.ttl(),
                    isn(i)
                )
            }
            Action::Fire(h, t) => format!("{}: {} timer", NAMES[usize::from(*h & 1)], t.name()),
            Action::App(h, i) => format!("{}: application{}", NAMES[usize::from(*h & 1)], isn(i)),
            Action::Abort(h) => format!("{}: ABORT", NAMES[usize::from(*h & 1)]),
            Action::Crash(h) => format!("{}: crash", NAMES[usize::from(*h & 1)]),
            Action::Vanish(h) => format!("{}: vanishes", NAMES[usize::from(*h & 1)]),
            Action::Stray(n) => format!("stray {n} turns up"),
            Action::Tick => "tick".into(),
        }
    }
}

/// A segment in the notation of textbooks, numbers relative to the hosts' first ISNs: `FIN=1 ACK=1 seq=2 ack=3`.
pub fn textbook(s: &Segment, from: u8, bases: &[Seq; 2]) -> String {
    let own = bases[usize::from(from & 1)];
    let other = bases[usize::from(1 - (from & 1))];
    let mut out = String::new();
    for (flag, name) in [
        (Flags::SYN, "SYN"),
        (Flags::FIN, "FIN"),
        (Flags::RST, "RST"),
        (Flags::ACK, "ACK"),
    ] {
        if s.is(flag) {
            out += &format!("{name}=1 ");
        }
    }
    let zero = s.flags == Flags::RST.with(Flags::ACK) && s.seq.raw() == 0;
    if zero {
        out += "seq=0(absolute)";
    } else {
        out += &format!("seq={}", (s.seq - own) as i32);
    }
    if s.is(Flags::ACK) {
        out += &format!(" ack={}", (s.ack - other) as i32);
    }
    if s.len > 0 {
        out += &format!(" len={}", s.len);
    }
    out += &format!(" wnd={}", s.wnd);
    out
}

/// Everything a step of one host needs besides the state.
struct HostStep<'a> {
    host: usize,
    event: Event,
    isn: Option<Seq>,
    arrived: Option<(&'a Segment, InFlight)>,
    by_user: bool,
}

impl<E: Endpoint, const N: usize> World<E, N> {
    /// Calls `each` with every action and the state it leads to. Steps that change nothing are left out.
    pub(crate) fn for_each_step(
        &self,
        s: &State<E::Image, N>,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        if s.faults() & self.plan.judged != 0 {
            return;
        }
        let mut next = *s;
        let mut out = Effects::default();
        for host in 0..2 {
            if s.apps[host].gone != 0 {
                continue;
            }
            let before = E::observe(&self.plan.hosts[host].tcp, &s.ends[host]);
            covered.states |= 1 << before.state as u8;
            if s.apps[host].quiet == 0 {
                self.deliveries(s, host, &before, &mut next, &mut out, covered, each);
            }
            self.timers(s, host, &before, &mut next, &mut out, covered, each);
            self.application(s, host, &before, &mut next, &mut out, covered, each);
            self.accidents(s, host, &before, &mut next, &mut out, covered, each);
        }
        self.strays(s, &mut next, covered, each);
        self.pair_goals(s, covered);
        if self.tick(s, &mut next) {
            each(Action::Tick, &next);
        }
    }

    /// The state that an action leads to, if it is possible and changes anything.
    pub fn perform(&self, s: &State<E::Image, N>, action: Action) -> Option<State<E::Image, N>> {
        let mut found = None;
        self.for_each_step(s, &mut Covered::default(), &mut |a, next| {
            if a == action && found.is_none() {
                found = Some(*next);
            }
        });
        found
    }

    #[allow(clippy::too_many_arguments)]
    fn deliveries(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        before: &Observed,
        next: &mut State<E::Image, N>,
        out: &mut Effects,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        let refusing = may_refuse(before);
        let listens = before.state == TcpState::Listen
            || (before.state == TcpState::TimeWait && self.would_listen(s, host));
        let who = Who::new(Asks::Step, self.id, host, &s.ends[host], listens);
        for &flight in s.in_flight() {
            if usize::from(flight.from()) == host {
                continue;
            }
            // Whether a SYN is refused is remembered in the world, not in the endpoint.
            if self.plan.saturated
                && !(refusing && flight.has(Flags::SYN))
                && who.recall(flight).is_some()
            {
                continue;
            }
            let seg = flight.unpack(&self.bases);
            let opens = flight.has(Flags::SYN)
                && matches!(before.state, TcpState::Listen | TcpState::TimeWait);
            if !opens {
                let step = HostStep {
                    host,
                    event: Event::Segment(seg),
                    isn: None,
                    arrived: Some((&seg, flight)),
                    by_user: false,
                };
                if self.host_step(s, before, &step, next, out, covered) {
                    each(Action::Deliver(flight, None), next);
                } else if self.plan.saturated {
                    who.remember(flight, Quiet::Nothing);
                }
                continue;
            }
            if !listens {
                let step = HostStep {
                    host,
                    event: Event::Segment(seg),
                    isn: None,
                    arrived: Some((&seg, flight)),
                    by_user: false,
                };
                if self.host_step(s, before, &step, next, out, covered) {
                    each(Action::Deliver(flight, None), next);
                }
                continue;
            }
            let mut used = true;
            for isn in self.isns(s, host) {
                if !used {
                    break; // it does not choose an ISN here: one try is enough
                }
                let step = HostStep {
                    host,
                    event: Event::Segment(seg),
                    isn: Some(self.bases[host] + isn as u32),
                    arrived: Some((&seg, flight)),
                    by_user: false,
                };
                let changed = self.host_step(s, before, &step, next, out, covered);
                used = out.isn_used;
                if changed {
                    each(Action::Deliver(flight, Some(isn)), next);
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn timers(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        before: &Observed,
        next: &mut State<E::Image, N>,
        out: &mut Effects,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        let due = E::armed(&self.plan.hosts[host].tcp, &s.ends[host]).due;
        if due.0 == 0 {
            return;
        }
        for timer in Timer::ALL {
            if due.has(timer) {
                let step = HostStep {
                    host,
                    event: Event::Timer(timer),
                    isn: None,
                    arrived: None,
                    by_user: false,
                };
                if self.host_step(s, before, &step, next, out, covered) {
                    each(Action::Fire(host as u8, timer), next);
                }
            }
        }
    }

    /// The next step of the script, if it is possible now.
    #[allow(clippy::too_many_arguments)]
    fn application(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        before: &Observed,
        next: &mut State<E::Image, N>,
        out: &mut Effects,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        let app = &s.apps[host];
        let plan = &self.plan.hosts[host];
        let Some(script) = plan.lives.get(usize::from(app.life)) else {
            return;
        };
        let Some(&step) = script.steps.get(usize::from(app.pc)) else {
            self.open_again(s, host, before, next, out, covered, each);
            return;
        };
        let life = *s.seen.life(host, app.life);
        let call = match step {
            Step::Listen(_) | Step::Connect(_) => {
                if app.life == 0 && before.state == TcpState::Closed && app.quiet == 0 {
                    self.open(s, host, before, app.life, next, out, covered, each);
                }
                return;
            }
            Step::Activate => {
                if before.state == TcpState::Listen {
                    self.activate(s, host, before, script.timestamps, next, out, covered, each);
                }
                return;
            }
            Step::AwaitEstablished => {
                if before.state.is_synchronized() {
                    self.advance(s, host, next);
                    each(Action::App(host as u8, None), next);
                }
                return;
            }
            Step::AwaitData(n) => {
                if life.read() >= n {
                    self.advance(s, host, next);
                    each(Action::App(host as u8, None), next);
                }
                return;
            }
            Step::AwaitEnd => {
                if life.read_end() {
                    self.advance(s, host, next);
                    each(Action::App(host as u8, None), next);
                }
                return;
            }
            Step::Send(n) | Step::Finish(n) => {
                let mut text = [0; MAX_DATA];
                for (i, b) in (0u8..).zip(text.iter_mut().take(usize::from(n))) {
                    *b = Symbol {
                        host: host as u8,
                        life: app.life,
                        offset: life.written() + i,
                    }
                    .byte();
                }
                Call::Send { len: n, text }
            }
            Step::Receive(n) => {
                if before.readable < n {
                    return;
                }
                Call::Receive(n)
            }
            Step::ReceiveAll => {
                if life.read_end() {
                    self.advance(s, host, next);
                    each(Action::App(host as u8, None), next);
                    return;
                }
                if before.readable == 0 && !before.fin_received {
                    return;
                }
                Call::Receive(1)
            }
            Step::Shutdown => Call::Shutdown,
            Step::Close => Call::Close,
            Step::Abort => Call::Abort,
        };
        if before.state == TcpState::Closed {
            return;
        }
        // In LISTEN a SEND would turn the connection active: these applications wait for one.
        if before.state == TcpState::Listen && matches!(step, Step::Send(_) | Step::Finish(_)) {
            return;
        }
        let finishes = matches!(step, Step::Finish(_));
        let step = HostStep {
            host,
            event: Event::Call(call),
            isn: None,
            arrived: None,
            by_user: true,
        };
        if !self.host_step(s, before, &step, next, out, covered) {
            return;
        }
        if finishes {
            let mut sent = *next;
            sent.apps[host].pc -= 1; // the step is over only when the close has been called too
            let before = E::observe(&plan.tcp, &sent.ends[host]);
            let step = HostStep {
                event: Event::Call(Call::Shutdown),
                ..step
            };
            self.host_step(&sent, &before, &step, next, out, covered);
        }
        each(Action::App(host as u8, None), next);
    }

    /// OPEN, active, in LISTEN.
    #[allow(clippy::too_many_arguments)]
    fn activate(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        before: &Observed,
        timestamps: bool,
        next: &mut State<E::Image, N>,
        out: &mut Effects,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        for isn in self.isns(s, host) {
            let event = Event::Call(Call::OpenActive { timestamps });
            let at = Some(self.bases[host] + isn as u32);
            let step = HostStep {
                host,
                event,
                isn: at,
                arrived: None,
                by_user: true,
            };
            if self.host_step(s, before, &step, next, out, covered) {
                each(Action::App(host as u8, Some(isn)), next);
            }
        }
    }

    fn advance(&self, s: &State<E::Image, N>, host: usize, next: &mut State<E::Image, N>) {
        *next = *s;
        next.apps[host].pc += 1;
    }

    /// Between lives: opens the next one, if there is one and it may.
    #[allow(clippy::too_many_arguments)]
    fn open_again(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        before: &Observed,
        next: &mut State<E::Image, N>,
        out: &mut Effects,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        let app = &s.apps[host];
        if before.state != TcpState::Closed || app.quiet > 0 {
            return;
        }
        let life = app.life + 1;
        if self.may_open(s, host, life) {
            self.open(s, host, before, life, next, out, covered, each);
        }
    }

    fn may_open(&self, s: &State<E::Image, N>, host: usize, life: u8) -> bool {
        let Some(script) = self.plan.hosts[host].lives.get(usize::from(life)) else {
            return false;
        };
        match script.steps.first() {
            Some(Step::Listen(w) | Step::Connect(w)) => self.waits_over(s, host, *w),
            _ => false,
        }
    }

    fn waits_over(&self, s: &State<E::Image, N>, host: usize, w: When) -> bool {
        let peer = 1 - host;
        let finished = || {
            let state = E::observe(&self.plan.hosts[peer].tcp, &s.ends[peer]).state;
            // What it is in now belongs to the life after, or is over.
            matches!(state, TcpState::Closed | TcpState::Listen)
                || s.apps[peer].life > s.apps[host].life
        };
        let listens =
            || E::observe(&self.plan.hosts[peer].tcp, &s.ends[peer]).state == TcpState::Listen;
        let drained = || !s.in_flight().iter().any(|f| usize::from(f.from()) == host);
        (!w.peer_finished || finished())
            && (!w.peer_listens || listens())
            && (!w.drained || drained())
    }

    /// Whether a SYN that reaches TIME_WAIT would find a listener: the next life begins with a passive OPEN.
    pub(super) fn would_listen(&self, s: &State<E::Image, N>, host: usize) -> bool {
        let app = &s.apps[host];
        let lives = &self.plan.hosts[host].lives;
        let over = lives
            .get(usize::from(app.life))
            .is_some_and(|l| usize::from(app.pc) >= l.steps.len());
        let listens = lives
            .get(usize::from(app.life) + 1)
            .is_some_and(|l| matches!(l.steps.first(), Some(Step::Listen(_))));
        over && listens && self.may_open(s, host, app.life + 1)
    }

    #[allow(clippy::too_many_arguments)]
    fn open(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        before: &Observed,
        life: u8,
        next: &mut State<E::Image, N>,
        out: &mut Effects,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        let mut from = *s;
        if life > from.apps[host].life {
            self.begin_life(&mut from, host);
        }
        let Some(script) = self.plan.hosts[host].lives.get(usize::from(life)) else {
            return;
        };
        let timestamps = script.timestamps;
        match script.steps.first() {
            Some(Step::Listen(_)) => {
                let event = Event::Call(Call::OpenPassive { timestamps });
                let step = HostStep {
                    host,
                    event,
                    isn: None,
                    arrived: None,
                    by_user: true,
                };
                if self.host_step(&from, before, &step, next, out, covered) {
                    each(Action::App(host as u8, None), next);
                }
            }
            Some(Step::Connect(_)) => {
                for isn in self.isns(&from, host) {
                    let event = Event::Call(Call::OpenActive { timestamps });
                    let at = Some(self.bases[host] + isn as u32);
                    let step = HostStep {
                        host,
                        event,
                        isn: at,
                        arrived: None,
                        by_user: true,
                    };
                    if self.host_step(&from, before, &step, next, out, covered) {
                        each(Action::App(host as u8, Some(isn)), next);
                    }
                }
            }
            _ => {}
        }
    }

    /// The next life of a host begins: what was this incarnation is the one before.
    fn begin_life(&self, s: &mut State<E::Image, N>, host: usize) {
        let app = &mut s.apps[host];
        app.life += 1;
        app.pc = 0;
        app.last_iss = app.iss;
        app.last_top = app.top;
        app.last_elapsed = app.elapsed;
        app.iss = 0;
        app.top = 0;
        app.elapsed = 0;
        app.begun = 0;
        app.refused = 0;
        app.fin_held_of = 0;
        app.fin_of = 0;
    }

    /// The ISNs a host may choose now, as distances from its first.
    pub(super) fn isns(&self, s: &State<E::Image, N>, host: usize) -> ArrayVec<i8, 16> {
        let app = &s.apps[host];
        // In TIME_WAIT the next incarnation is a life further.
        let (life, iss, top, elapsed) = if app.begun != 0 && self.is_over(s, host) {
            (app.life + 1, app.iss, app.top, app.elapsed)
        } else {
            (app.life, app.last_iss, app.last_top, app.last_elapsed)
        };
        let mut isns = ArrayVec::new();
        if life == 0 {
            isns.push(0);
            return isns;
        }
        let plan = &self.plan.hosts[host];
        let safe = matches!(plan.isn, IsnPolicy::Above | IsnPolicy::Clock(_));
        let policy = if safe && !self.plan.rules.has(Rule::IsnAbove) {
            IsnPolicy::Menu(UNSAFE_MENU)
        } else {
            plan.isn
        };
        // A host that has forgotten its numbers in a crash can be anywhere.
        let policy = if app.crashes > 0 && !matches!(plan.isn, IsnPolicy::Menu(_)) {
            IsnPolicy::Menu(UNSAFE_MENU)
        } else {
            policy
        };
        match policy {
            IsnPolicy::Equal => isns.push(iss),
            IsnPolicy::Above => {
                isns.push(top);
                // A reopened TIME_WAIT has to see to it itself (MAY-2 (1)): its host may offer any number.
                if life > app.life {
                    isns.push(iss);
                }
            }
            IsnPolicy::Clock(rate) => {
                isns.push(iss.saturating_add((rate.saturating_mul(elapsed)) as i8))
            }
            IsnPolicy::Menu(m) => isns.extend(m.iter().take(16).map(|d| iss.saturating_add(*d))),
        }
        isns
    }

    fn is_over(&self, s: &State<E::Image, N>, host: usize) -> bool {
        let app = &s.apps[host];
        let len = self.plan.hosts[host]
            .lives
            .get(usize::from(app.life))
            .map_or(0, |l| l.steps.len());
        usize::from(app.pc) >= len
    }

    /// Puts a stray into the network.
    fn stray(&self, s: &mut State<E::Image, N>, stray: &Stray) {
        let host = usize::from(stray.host & 1);
        let seq = self.bases[host] + stray.seq as u32;
        let mut text = [0; MAX_DATA];
        for (offset, b) in (0u8..).zip(text.iter_mut().take(usize::from(stray.len))) {
            *b = Symbol {
                host: stray.host,
                life: LONG_AGO,
                offset,
            }
            .byte();
        }
        let segment = Segment {
            seq,
            ack: stray
                .ack
                .map_or(Seq::default(), |n| self.bases[1 - host] + n as u32),
            flags: stray
                .ack
                .map_or(stray.flags, |_| stray.flags.with(Flags::ACK)),
            wnd: 4,
            len: stray.len,
            text,
            ts: stray.age.map(|age| Timestamps {
                val: NOW - u32::from(age),
                ecr: 0,
            }),
        };
        // Its text begins its stream, wherever its number lies.
        let by = Sender {
            host: stray.host,
            life: LONG_AGO,
            iss: seq - 1,
            ttl: self.plan.lifetime,
        };
        match InFlight::pack(&segment, by, &self.bases) {
            Ok(f) => {
                net::add(&mut s.net, &mut s.live, f);
            }
            Err(_) => self.coverage.hit_bound(),
        }
    }

    /// Strays that turn up now.
    fn strays(
        &self,
        s: &State<E::Image, N>,
        next: &mut State<E::Image, N>,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        for (n, stray) in (0u8..7).zip(&self.plan.strays) {
            let to = 1 - usize::from(stray.host & 1);
            let bit = 2 << n;
            if s.phase & bit == 0
                && E::observe(&self.plan.hosts[to].tcp, &s.ends[to]).state == stray.meets
            {
                *next = *s;
                next.phase |= bit;
                self.stray(next, stray);
                self.saturate_from(next, saturate::Changed::Everything, covered);
                each(Action::Stray(n), next);
            }
        }
    }

    /// ABORT, crash and vanishing, where the plan has them.
    #[allow(clippy::too_many_arguments)]
    fn accidents(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        before: &Observed,
        next: &mut State<E::Image, N>,
        out: &mut Effects,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        let plan = &self.plan.hosts[host];
        let app = &s.apps[host];
        let open = before.state != TcpState::Closed;
        let lingering = before.state == TcpState::TimeWait && before.lingering;
        if plan.aborts && open && !lingering {
            let step = HostStep {
                host,
                event: Event::Call(Call::Abort),
                isn: None,
                arrived: None,
                by_user: true,
            };
            if self.host_step(s, before, &step, next, out, covered) {
                next.apps[host].pc = self.end_of_script(next, host);
                each(Action::Abort(host as u8), next);
            }
        }
        if app.crashes < plan.crashes && open {
            *next = *s;
            next.ends[host] = E::boot(&plan.tcp);
            let a = &mut next.apps[host];
            a.crashes += 1;
            if self.plan.rules.has(Rule::QuietTime) {
                a.quiet = plan.quiet + 1;
            }
            a.fin_held_of = 0;
            a.fin_of = 0;
            a.pc = self.end_of_script(s, host);
            covered.rules = covered.rules.with(Rule::QuietTime);
            next.seen.life_mut(host, app.life).set_cause();
            self.settle(next, host, covered);
            self.saturate_from(next, saturate::Changed::Host(host, s), covered);
            each(Action::Crash(host as u8), next);
        }
        if plan.vanishes && open {
            *next = *s;
            next.apps[host].gone = 1;
            next.ends[host] = E::boot(&plan.tcp);
            next.seen.life_mut(host, app.life).set_cause();
            each(Action::Vanish(host as u8), next);
        }
    }

    fn end_of_script(&self, s: &State<E::Image, N>, host: usize) -> u8 {
        self.plan.hosts[host]
            .lives
            .get(usize::from(s.apps[host].life))
            .map_or(0, |l| l.steps.len() as u8)
    }

    /// One event of one host: the endpoint's step, judged, with its consequences for the world in `next`.
    /// Says whether anything changed.
    fn host_step(
        &self,
        s: &State<E::Image, N>,
        before: &Observed,
        step: &HostStep<'_>,
        next: &mut State<E::Image, N>,
        out: &mut Effects,
        covered: &mut Covered,
    ) -> bool {
        let host = step.host;
        let tcp = &self.plan.hosts[host].tcp;
        let mut image = s.ends[host];
        out.clear();
        E::step(tcp, &mut image, step.event, step.isn, out);
        covered.rules.0 |= out.rules.0;
        covered.transitions |= out.transitions;
        let same = image == s.ends[host];
        let arrived = step.arrived;
        if same && self.plan.saturated && matches!(step.event, Event::Timer(_)) {
            return false; // a send that changes nothing: saturation has it
        }
        if same && out.told.is_empty() && !out.isn_used && step.arrived.is_some() {
            let judged = self.judged(host, before, before, s, out, step, arrived);
            let faults = judged.answers() & self.plan.judged;
            let refusal = may_refuse(before) && self.refuses(s, host, arrived);
            if faults == 0 && !refusal {
                if self.plan.saturated || out.segments.is_empty() {
                    return false;
                }
                *next = *s;
                self.send_all(next, host, before, out);
                return next.net != s.net;
            }
            *next = *s;
            next.fault = (s.faults() | faults).to_le_bytes();
            if refusal {
                next.apps[1 - host].refused = 1;
            }
            self.send_all(next, host, before, out);
            self.saturate_from(next, saturate::Changed::Host(host, s), covered);
            return *next != *s;
        }
        *next = *s;
        next.ends[host] = image;
        let after = E::observe(tcp, &image);
        self.incarnation(next, host, before, &after, out, covered);
        let judged = self.judged(host, before, &after, next, out, step, arrived);
        let mut faults = judged.answers() | judged.machine();
        judged.follow_fin(next);
        faults |= judge::told(next, &judged, out);
        if before.state != TcpState::Established && after.state == TcpState::Established {
            faults |= self.phantom(s, host, &after);
        }
        if step.event == Event::Timer(Timer::FinWait2) {
            next.seen.life_mut(host, next.apps[host].life).set_cause();
        }
        if let Event::Call(call) = step.event {
            faults |= self.after_call(next, host, call, before, out, covered);
        }
        faults |= self.send_all(next, host, &after, out);
        self.goals(s, next, host, out, &after, covered);
        if self.plan.hosts[host].reads {
            faults |= self.read_at_once(next, host, out, covered);
        }
        self.settle(next, host, covered);
        next.fault = (next.faults() | faults & self.plan.judged).to_le_bytes();
        self.saturate_from(next, saturate::Changed::Host(host, s), covered);
        *next != *s
    }

    #[allow(clippy::too_many_arguments)]
    fn judged<'a>(
        &self,
        host: usize,
        before: &'a Observed,
        after: &'a Observed,
        s: &State<E::Image, N>,
        out: &'a Effects,
        step: &HostStep<'_>,
        arrived: Option<(&'a Segment, InFlight)>,
    ) -> Judged<'a> {
        let plan = &self.plan.hosts[host];
        let app = &s.apps[host];
        let steps = plan
            .lives
            .get(usize::from(app.life))
            .map_or(&[][..], |l| &l.steps);
        let taken = &steps[..usize::from(app.pc).min(steps.len())];
        Judged {
            host,
            before,
            after,
            armed: E::armed(&plan.tcp, &s.ends[host]),
            arrived,
            out,
            user_closed: taken
                .iter()
                .any(|t| matches!(t, Step::Close | Step::Shutdown | Step::Finish(_))),
            user_listens: matches!(steps.first(), Some(Step::Listen(_))),
            orphan_timer: plan.orphan_timer,
            by_user: step.by_user,
        }
    }

    /// A SYN of the peer's present incarnation meets a TCP that does not listen.
    pub(super) fn refuses(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        arrived: Option<(&Segment, InFlight)>,
    ) -> bool {
        let peer = 1 - host;
        arrived.is_some_and(|(seg, _)| {
            let syn = seg.is(Flags::SYN) && !seg.is(Flags::RST);
            syn && s.apps[peer].refused == 0
                && E::observe(&self.plan.hosts[peer].tcp, &s.ends[peer]).iss == seg.seq
        })
    }

    /// An incarnation begins, goes back, or uses numbers.
    fn incarnation(
        &self,
        next: &mut State<E::Image, N>,
        host: usize,
        before: &Observed,
        after: &Observed,
        out: &Effects,
        covered: &mut Covered,
    ) {
        let lives = self.plan.hosts[host].lives.len();
        if out.isn_used {
            covered.rules = covered.rules.with(Rule::IsnAbove);
            if before.state == TcpState::TimeWait {
                self.begin_life(next, host);
                next.apps[host].pc = 1;
            }
            let app = &mut next.apps[host];
            app.begun = 1;
            app.refused = 0;
            app.elapsed = 0;
        }
        let app = &mut next.apps[host];
        let back = before.state == TcpState::SynReceived && after.state == TcpState::TimeWait;
        if back && before.lingering && !after.lingering && app.life > 0 {
            // The reopening was an old SYN's: back to the life before.
            app.life -= 1;
            app.iss = app.last_iss;
            app.top = app.last_top;
            app.elapsed = app.last_elapsed;
            app.last_iss = 0;
            app.last_top = 0;
            app.last_elapsed = 0;
            app.begun = 1;
            app.pc = self.plan.hosts[host]
                .lives
                .get(usize::from(app.life))
                .map_or(0, |l| l.steps.len() as u8);
        }
        let app = &mut next.apps[host];
        let remember = usize::from(app.life) + 1 < lives;
        if remember
            && after.state != TcpState::Closed
            && after.state != TcpState::Listen
            && after.state != TcpState::TimeWait
        {
            let relative = |n: Seq| (n - self.bases[host]) as i32 as i8;
            app.iss = relative(after.iss);
            if self.plan.hosts[host].isn == IsnPolicy::Above {
                app.top = relative(after.snd_nxt);
            }
        }
        if usize::from(app.life) + 1 >= lives {
            (app.iss, app.top, app.elapsed) = (0, 0, 0);
            if app.begun != 0
                && after.state != TcpState::Listen
                && after.state != TcpState::SynReceived
            {
                (app.last_iss, app.last_top, app.last_elapsed) = (0, 0, 0);
            }
        }
    }

    /// A user's call has been made: the script goes on.
    fn after_call(
        &self,
        next: &mut State<E::Image, N>,
        host: usize,
        call: Call,
        before: &Observed,
        out: &Effects,
        _covered: &mut Covered,
    ) -> u32 {
        let life = next.apps[host].life;
        let mut faults = 0;
        match call {
            Call::Send { len, .. } => {
                if out.error.is_none() {
                    next.seen.life_mut(host, life).write(len);
                }
                next.apps[host].pc += 1;
            }
            Call::Receive(_) => {
                faults |= judge::read(next, host, out);
                let all = self.plan.hosts[host].lives[usize::from(life)]
                    .steps
                    .get(usize::from(next.apps[host].pc));
                if !matches!(all, Some(Step::ReceiveAll)) {
                    next.apps[host].pc += 1;
                }
            }
            Call::Abort => {
                if before.state != TcpState::Listen && before.state != TcpState::TimeWait {
                    next.seen.life_mut(host, life).set_cause();
                }
                next.apps[host].pc += 1;
            }
            Call::Close | Call::Shutdown => {
                if before.state == TcpState::SynSent {
                    next.seen.life_mut(host, life).set_cause();
                }
                next.apps[host].pc += 1;
            }
            Call::OpenActive { .. } | Call::OpenPassive { .. } => next.apps[host].pc += 1,
            Call::Status => {}
        }
        faults
    }

    /// A host whose RECEIVEs are always outstanding takes what is there.
    fn read_at_once(
        &self,
        next: &mut State<E::Image, N>,
        host: usize,
        out: &mut Effects,
        covered: &mut Covered,
    ) -> u32 {
        let tcp = &self.plan.hosts[host].tcp;
        let mut faults = 0;
        for _ in 0..3 {
            let o = E::observe(tcp, &next.ends[host]);
            let life = next.apps[host].life;
            let waiting =
                o.readable > 0 || (o.fin_received && !next.seen.life(host, life).read_end());
            let ended_by_reset = o.state == TcpState::Closed && next.ends[host] != E::boot(tcp);
            if (!waiting || o.orphan || o.state == TcpState::Closed) && !ended_by_reset {
                break;
            }
            out.clear();
            E::step(
                tcp,
                &mut next.ends[host],
                Event::Call(Call::Receive(MAX_DATA as u8)),
                None,
                out,
            );
            covered.rules.0 |= out.rules.0;
            faults |= judge::read(next, host, out);
            let after = E::observe(tcp, &next.ends[host]);
            faults |= self.send_all(next, host, &after, out);
            if out.read.is_empty() && !out.end {
                break;
            }
        }
        faults
    }

    /// The connection may be over for its user; a cause may have arisen.
    fn settle(&self, next: &mut State<E::Image, N>, host: usize, _covered: &mut Covered) {
        let o = E::observe(&self.plan.hosts[host].tcp, &next.ends[host]);
        let app = &mut next.apps[host];
        let opened = app.pc > 0;
        let over = o.state == TcpState::Closed || (o.state == TcpState::TimeWait && o.lingering);
        if opened && over {
            app.pc = self.plan.hosts[host]
                .lives
                .get(usize::from(app.life))
                .map_or(0, |l| l.steps.len() as u8);
        }
        if o.state == TcpState::Closed {
            app.fin_held_of = 0;
            app.fin_of = 0;
        }
        // "Who read the end" is settled once it has been read.
        if o.orphan || next.seen.life(host, next.apps[host].life).read_end() {
            next.apps[host].fin_of = 0;
        }
    }

    /// Puts what came out into the network. Returns faults of the text.
    pub(super) fn send_all(
        &self,
        next: &mut State<E::Image, N>,
        host: usize,
        o: &Observed,
        out: &Effects,
    ) -> u32 {
        let mut faults = 0;
        for s in &out.segments {
            let by = Sender {
                host: host as u8,
                life: next.apps[host].life,
                iss: o.iss,
                ttl: self.plan.lifetime,
            };
            match InFlight::pack(s, by, &self.bases) {
                Ok(f) => {
                    if net::add(&mut next.net, &mut next.live, f) == Added::NoRoom {
                        self.coverage.hit_bound();
                    }
                }
                Err(Unfit::Text) => faults |= Fault::Text.bit(),
                Err(Unfit::Range) => self.coverage.hit_bound(),
            }
            // The issuer of a RST is the cause of what its peer is told.
            let gave_up =
                o.state == TcpState::Closed || (o.lingering && o.state == TcpState::TimeWait);
            if s.is(Flags::RST) && gave_up && out.transitions != 0 {
                let life = next.apps[host].life;
                next.seen.life_mut(host, life).set_cause();
            }
        }
        faults
    }

    /// A tick: ages, lifetimes, timers. Says whether anything changed.
    fn tick(&self, s: &State<E::Image, N>, next: &mut State<E::Image, N>) -> bool {
        *next = *s;
        let hosts: &[usize] = match self.plan.clocks {
            Clocks::Together => &[0, 1],
            Clocks::InTurn if s.phase & 1 == 0 => &[0],
            Clocks::InTurn => &[1],
        };
        if self.plan.clocks == Clocks::InTurn {
            next.phase ^= 1;
        }
        if s.phase & 1 == 0 || self.plan.clocks == Clocks::Together {
            net::tick(&mut next.net, &mut next.live);
        }
        let mut out = Effects::default();
        for &host in hosts {
            if s.apps[host].gone != 0 {
                continue;
            }
            E::step(
                &self.plan.hosts[host].tcp,
                &mut next.ends[host],
                Event::Tick,
                None,
                &mut out,
            );
            let app = &mut next.apps[host];
            if app.quiet > 0 {
                app.quiet -= 1;
            }
            if matches!(self.plan.hosts[host].isn, IsnPolicy::Clock(_)) {
                let lives = self.plan.hosts[host].lives.len();
                if app.begun != 0 && usize::from(app.life) + 1 < lives {
                    app.elapsed = (app.elapsed + 1).min(CLOCK_CAP);
                }
                if app.begun == 0 && app.life > 0 {
                    app.last_elapsed = (app.last_elapsed + 1).min(CLOCK_CAP);
                }
            }
        }
        self.saturate_from(next, saturate::Changed::Everything, &mut Covered::default());
        *next != *s
    }

    /// Established, though the peer's TCP never chose the number that this one expects.
    fn phantom(&self, s: &State<E::Image, N>, host: usize, after: &Observed) -> u32 {
        let peer = E::observe(&self.plan.hosts[1 - host].tcp, &s.ends[1 - host]);
        if peer.iss + 1 == after.rcv_nxt {
            0
        } else {
            Fault::Phantom.bit()
        }
    }

    /// Goals that a host's step may reach.
    #[allow(clippy::too_many_arguments)]
    fn goals(
        &self,
        s: &State<E::Image, N>,
        next: &State<E::Image, N>,
        host: usize,
        out: &Effects,
        after: &Observed,
        covered: &mut Covered,
    ) {
        use crate::endpoint::Indication as I;
        let mut reach = |g: Goal, when: bool| covered.goals |= u64::from(when) << g as u8;
        for i in &out.told {
            reach(Goal::ToldReset, *i == I::Reset);
            reach(
                Goal::ToldRefused,
                *i == I::Refused || (*i == I::Reset && next.apps[host].refused != 0),
            );
            reach(Goal::ToldUserTimeout, *i == I::UserTimeout);
            reach(Goal::ToldGaveUp, *i == I::GaveUp);
        }
        let life = next.apps[host].life;
        let read = next.seen.life(host, life);
        reach(
            Goal::SecondLifeReads,
            life > 0 && (read.read() > 0 || read.read_end()),
        );
        reach(
            Goal::Wrapped,
            after.state.is_synchronized()
                && after.snd_nxt.raw() < 64
                && self.bases[host].raw() > u32::MAX - 64,
        );
        let old = after.state.is_synchronized()
            && next.apps[host].life > 0
            && s.in_flight()
                .iter()
                .any(|f| usize::from(f.from()) != host && f.is_in_stream() && f.life() < life);
        reach(Goal::OldDuplicate, old);
    }

    /// Goals that take both hosts to see.
    fn pair_goals(&self, s: &State<E::Image, N>, covered: &mut Covered) {
        let o = [0, 1].map(|h| E::observe(&self.plan.hosts[h].tcp, &s.ends[h]).state);
        let mut reach = |g: Goal, when: bool| covered.goals |= u64::from(when) << g as u8;
        reach(Goal::BothClosing, o == [TcpState::Closing; 2]);
        reach(Goal::BothTimeWait, o == [TcpState::TimeWait; 2]);
        let finished = o == [TcpState::Closed; 2]
            && (0..2).all(|h| {
                self.is_over(s, h)
                    && usize::from(s.apps[h].life) + 1 == self.plan.hosts[h].lives.len()
            });
        reach(Goal::Finished, finished);
        if finished {
            let clean = (0..2).all(|h| {
                (0..self.plan.hosts[h].lives.len().min(MAX_LIVES)).all(|l| {
                    let mine = s.seen.life(h, l as u8);
                    let read = mine
                        .pair()
                        .is_some_and(|p| mine.read() == s.seen.life(1 - h, p).written());
                    mine.told_closed() && !mine.told_error() && mine.read_end() && read
                })
            });
            reach(Goal::AllDelivered, clean);
        }
    }
}

/// Whether a SYN would be answered with a RST: CLOSED, and the lingering end of an aborted connection.
pub(super) fn may_refuse(o: &Observed) -> bool {
    o.state == TcpState::Closed || (o.state == TcpState::TimeWait && o.lingering)
}

/// Ticks after which the ISN clock counts as far ahead.
const CLOCK_CAP: u8 = 8;
