//! Applications: their scripts, their lives, the ISNs they open with.

use super::World;
use super::action::Action;
use super::host::{At, HostStep, Trial};
use super::net::Symbol;
use super::plan::{IsnPolicy, Step, UNSAFE_MENU, When};
use super::saturate;
use super::state::State;
use crate::endpoint::{Call, Endpoint, MAX_DATA, TcpState};
use crate::rules::Rule;
use arrayvec::ArrayVec;

impl<E: Endpoint, const N: usize> World<E, N> {
    /// The next step of the script, if it is possible now.
    pub(super) fn application(
        &self,
        at: At<'_, E::Image, N>,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        let At { s, host, before } = at;
        let app = &s.apps[host];
        let plan = &self.plan.hosts[host];
        let Some(script) = plan.lives.get(usize::from(app.life)) else {
            return;
        };
        let Some(&step) = script.steps.get(usize::from(app.pc)) else {
            self.open_again(at, trial, each);
            return;
        };
        let life = *s.seen.life(host, app.life);
        let call = match step {
            Step::Listen(_) | Step::Connect(_) => {
                if app.life == 0 && before.state == TcpState::Closed && app.quiet == 0 {
                    self.open(at, app.life, trial, each);
                }
                return;
            }
            Step::Activate => {
                if before.state == TcpState::Listen {
                    self.open_active(at, script.timestamps, trial, each);
                }
                return;
            }
            Step::AwaitEstablished => {
                return self.waited(at, before.state.is_synchronized(), trial, each);
            }
            Step::AwaitData(n) => {
                return self.waited(at, life.read() >= n, trial, each);
            }
            Step::AwaitEnd => {
                return self.waited(at, life.read_end(), trial, each);
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
                    return self.waited(at, true, trial, each);
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
        if !self.calls(at, &HostStep::call(call, None), trial) {
            return;
        }
        if matches!(step, Step::Finish(_)) {
            let text = trial.sent.clone();
            let mut sent = trial.next;
            sent.apps[host].pc -= 1; // the step is over only when the close has been called too
            let before = E::observe(&plan.tcp, &sent.ends[host]);
            let at = At {
                s: &sent,
                host,
                before: &before,
            };
            self.host_step(at, &HostStep::call(Call::Shutdown, None), trial);
            if trial.sent.try_extend_from_slice(&text).is_err() {
                self.coverage.hit_bound();
            }
        }
        each(Action::App(host as u8, None), trial);
    }

    /// A user's call. One that would change nothing is not made yet, even where other steps in vain are taken.
    fn calls(
        &self,
        at: At<'_, E::Image, N>,
        step: &HostStep<'_>,
        trial: &mut Trial<'_, E::Image, N>,
    ) -> bool {
        self.host_step(at, step, trial) && (!trial.every || trial.next != *at.s)
    }

    /// A step that only waits is taken when it is `over`.
    fn waited(
        &self,
        at: At<'_, E::Image, N>,
        over: bool,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        if over {
            trial.next = *at.s;
            trial.sent.clear();
            trial.next.apps[at.host].pc += 1;
            // At the end of its script a TIME_WAIT may be one that listens.
            let changed = saturate::Changed::Host(at.host, at.s);
            self.saturate_from(&mut trial.next, changed, trial.covered);
            each(Action::App(at.host as u8, None), trial);
        }
    }

    /// OPEN, active, with every ISN that the host may choose.
    fn open_active(
        &self,
        at: At<'_, E::Image, N>,
        timestamps: bool,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        for isn in self.isns(at.s, at.host) {
            let iss = self.bases[at.host] + isn as u32;
            let step = HostStep::call(Call::OpenActive { timestamps }, Some(iss));
            if self.calls(at, &step, trial) {
                each(Action::App(at.host as u8, Some(isn)), trial);
            }
        }
    }

    /// Between lives: opens the next one, if there is one and it may.
    fn open_again(
        &self,
        at: At<'_, E::Image, N>,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        let At { s, host, before } = at;
        let app = &s.apps[host];
        if before.state != TcpState::Closed || app.quiet > 0 {
            return;
        }
        let life = app.life + 1;
        if self.may_open(s, host, life) {
            self.open(at, life, trial, each);
        }
    }

    pub(super) fn may_open(&self, s: &State<E::Image, N>, host: usize, life: u8) -> bool {
        let Some(script) = self.plan.hosts[host].lives.get(usize::from(life)) else {
            return false;
        };
        match script.steps.first() {
            Some(Step::Listen(w) | Step::Connect(w)) => self.waits_over(s, host, *w),
            _ => false,
        }
    }

    pub(super) fn waits_over(&self, s: &State<E::Image, N>, host: usize, w: When) -> bool {
        let peer = 1 - host;
        let finished = || {
            let state = E::observe(&self.plan.hosts[peer].tcp, &s.ends[peer]).state;
            // What it is in now belongs to the life after, or is over.
            matches!(state, TcpState::Closed | TcpState::Listen)
                || s.apps[peer].life > s.apps[host].life
        };
        let listens =
            || E::observe(&self.plan.hosts[peer].tcp, &s.ends[peer]).state == TcpState::Listen;
        let drained = || s.apps[host].closed_for >= self.plan.surely_drained();
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

    fn open(
        &self,
        at: At<'_, E::Image, N>,
        life: u8,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        let At { s, host, .. } = at;
        let mut from = *s;
        if life > from.apps[host].life {
            self.begin_life(&mut from, host);
        }
        let Some(script) = self.plan.hosts[host].lives.get(usize::from(life)) else {
            return;
        };
        let timestamps = script.timestamps;
        let at = At { s: &from, ..at };
        match script.steps.first() {
            Some(Step::Listen(_)) => {
                let step = HostStep::call(Call::OpenPassive { timestamps }, None);
                if self.calls(at, &step, trial) {
                    each(Action::App(host as u8, None), trial);
                }
            }
            Some(Step::Connect(_)) => self.open_active(at, timestamps, trial, each),
            _ => {}
        }
    }

    /// The next life of a host begins: what was this incarnation is the one before.
    pub(super) fn begin_life(&self, s: &mut State<E::Image, N>, host: usize) {
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
        app.closed_for = 0;
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
        let policy = if app.crashes > 0 {
            plan.isn.after_a_crash()
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
            IsnPolicy::Clock(rate) => isns.push(self.ahead(iss, rate.into(), elapsed.into())),
            IsnPolicy::Menu(m) => {
                for d in m {
                    if isns.try_push(self.ahead(iss, (*d).into(), 1)).is_err() {
                        self.coverage.hit_bound();
                    }
                }
            }
        }
        isns
    }

    /// `iss` and `n` times `step`; a distance that has no room is a bound hit.
    fn ahead(&self, iss: i8, step: i16, n: i16) -> i8 {
        let to = i16::from(iss) + step * n;
        i8::try_from(to).unwrap_or_else(|_| {
            self.coverage.hit_bound();
            iss
        })
    }

    /// Whether the next life of a host waits for the segments of this one to drain. A host cannot see the network:
    /// it waits until its TCP has been CLOSED for longer than a lifetime, so that nothing the connection sent is left.
    /// (Not "nothing of it is in flight": a network with more in it could then do less, and saturation were unsound.)
    pub(super) fn waits_to_drain(&self, s: &State<E::Image, N>, host: usize) -> bool {
        self.next_opens(s, host).is_some_and(|w| w.drained) && self.is_over(s, host)
    }

    /// Whether that host need not wait any more once its TIME_WAIT is over.
    pub(super) fn has_lingered_enough(&self, s: &State<E::Image, N>, host: usize) -> bool {
        let may = |w: When| w.drained && w.or_lingered;
        self.next_opens(s, host).is_some_and(may) && self.is_over(s, host)
    }

    /// What the next life of a host waits for, if there is one.
    fn next_opens(&self, s: &State<E::Image, N>, host: usize) -> Option<When> {
        let life = usize::from(s.apps[host].life) + 1;
        match self.plan.hosts[host].lives.get(life)?.steps.first()? {
            Step::Listen(w) | Step::Connect(w) => Some(*w),
            _ => None,
        }
    }

    pub(super) fn is_over(&self, s: &State<E::Image, N>, host: usize) -> bool {
        let app = &s.apps[host];
        let len = self.plan.hosts[host]
            .lives
            .get(usize::from(app.life))
            .map_or(0, |l| l.steps.len());
        usize::from(app.pc) >= len
    }

    pub(super) fn end_of_script(&self, s: &State<E::Image, N>, host: usize) -> u8 {
        self.plan.hosts[host]
            .lives
            .get(usize::from(s.apps[host].life))
            .map_or(0, |l| l.steps.len() as u8)
    }
}
