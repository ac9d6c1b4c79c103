//! What can happen next: deliveries, timers, ticks, and what [`apps`](super::apps) and [`accidents`](super::accidents) add.

use super::World;
use super::action::Action;
use super::coverage::Covered;
use super::host::{CLOCK_CAP, HostStep, may_refuse};
use super::memo::{Asks, Quiet, Who};
use super::net::{self};
use super::plan::{Clocks, IsnPolicy};
use super::saturate;
use super::state::State;
use crate::endpoint::{Effects, Endpoint, Event, Flags, Observed, TcpState, Timer};

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
    pub(super) fn deliveries(
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
    pub(super) fn timers(
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

    /// A tick: ages, lifetimes, timers. Says whether anything changed.
    pub(super) fn tick(&self, s: &State<E::Image, N>, next: &mut State<E::Image, N>) -> bool {
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
            let closed =
                E::observe(&self.plan.hosts[host].tcp, &s.ends[host]).state == TcpState::Closed;
            app.closed_for = if closed && self.waits_to_drain(s, host) {
                (s.apps[host].closed_for + 1).min(self.plan.lifetime + 1)
            } else {
                0
            };
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
}
