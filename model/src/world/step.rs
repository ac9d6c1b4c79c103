//! What can happen next: deliveries, timers, ticks, and what [`apps`](super::apps) and [`accidents`](super::accidents) add.

use super::World;
use super::action::Action;
use super::coverage::Covered;
use super::host::{At, CLOCK_CAP, HostStep, Sent, Trial, may_refuse};
use super::memo::{Asks, Quiet, Who};
use super::net;
use super::plan::{Clocks, IsnPolicy};
use super::saturate;
use super::state::State;
use crate::endpoint::{Effects, Endpoint, Event, Flags, TcpState, Timer};
use crate::properties::Fault;

impl<E: Endpoint, const N: usize> World<E, N> {
    /// Calls `each` with every action and the state it leads to. Steps that change nothing are left out.
    pub(crate) fn for_each_step(
        &self,
        s: &State<E::Image, N>,
        covered: &mut Covered,
        each: &mut impl FnMut(Action, &State<E::Image, N>),
    ) {
        self.steps(s, covered, false, &mut |action, trial| {
            each(action, &trial.next);
        });
    }

    /// The same, with what each step sent; with `every`, steps that change nothing are not left out.
    pub(super) fn steps(
        &self,
        s: &State<E::Image, N>,
        covered: &mut Covered,
        every: bool,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        if s.faults() & self.plan.judged != 0 {
            return;
        }
        let mut trial = Trial {
            next: *s,
            out: Effects::default(),
            sent: Sent::new(),
            every,
            covered,
        };
        for host in 0..2 {
            if s.apps[host].gone != 0 {
                self.in_vain(s, host, &mut trial, each);
                continue;
            }
            let before = E::observe(&self.plan.hosts[host].tcp, &s.ends[host]);
            let at = At {
                s,
                host,
                before: &before,
            };
            trial.covered.states |= 1 << before.state as u8;
            if s.apps[host].quiet == 0 {
                self.deliveries(at, &mut trial, each);
            } else {
                self.in_vain(s, host, &mut trial, each);
            }
            self.timers(at, &mut trial, each);
            self.application(at, &mut trial, each);
            self.accidents(at, &mut trial, each);
        }
        self.strays(s, &mut trial, each);
        self.pair_goals(s, trial.covered);
        trial.sent.clear();
        if self.tick(s, &mut trial.next) || every {
            each(Action::Tick, &trial);
        }
    }

    /// What reaches a host that does not receive changes nothing.
    fn in_vain(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        if !trial.every {
            return;
        }
        trial.next = *s;
        trial.sent.clear();
        for &f in s
            .in_flight()
            .iter()
            .filter(|f| usize::from(f.from()) != host)
        {
            each(Action::Deliver(f, None), trial);
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

    fn deliveries(
        &self,
        at: At<'_, E::Image, N>,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        let At { s, host, before } = at;
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
            if !(opens && listens) {
                if self.host_step(at, &HostStep::arrival(&seg, flight, None), trial) {
                    each(Action::Deliver(flight, None), trial);
                } else if self.plan.saturated && !opens {
                    who.remember(flight, Quiet::Nothing);
                }
                continue;
            }
            for isn in self.isns(s, host) {
                let iss = self.bases[host] + isn as u32;
                let changed =
                    self.host_step(at, &HostStep::arrival(&seg, flight, Some(iss)), trial);
                let used = trial.out.isn_used;
                if changed {
                    each(Action::Deliver(flight, Some(isn)), trial);
                }
                if !used {
                    break; // it does not choose an ISN here: one try is enough
                }
            }
        }
    }

    fn timers(
        &self,
        at: At<'_, E::Image, N>,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        let due = E::armed(&self.plan.hosts[at.host].tcp, &at.s.ends[at.host]).due;
        if due.0 == 0 {
            return;
        }
        for timer in Timer::ALL {
            if due.has(timer) && self.host_step(at, &HostStep::timer(timer), trial) {
                each(Action::Fire(at.host as u8, timer), trial);
            }
        }
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
        net::tick(&mut next.net, &mut next.live, |f| {
            hosts.contains(&usize::from(f.from()))
        });
        let mut out = Effects::default();
        for &host in hosts {
            if s.apps[host].gone != 0 {
                continue;
            }
            let tcp = &self.plan.hosts[host].tcp;
            out.clear();
            E::step(tcp, &mut next.ends[host], Event::Tick, None, &mut out);
            let state = E::observe(tcp, &s.ends[host]).state;
            // What a tick makes due is done when its timer fires.
            let acts = !out.segments.is_empty() || !out.told.is_empty() || out.broken;
            let after = E::observe(tcp, &next.ends[host]);
            let mut faults = 0;
            if acts || after.state != state {
                faults |= Fault::Transition.bit();
            }
            if after.differs {
                faults |= Fault::Difference.bit();
            }
            next.fault = (next.faults() | faults & self.plan.judged).to_le_bytes();
            let waits = state == TcpState::Closed && self.waits_to_drain(s, host);
            let app = &mut next.apps[host];
            app.closed_for = if waits {
                (app.closed_for + 1).min(self.plan.surely_drained())
            } else {
                0
            };
            app.quiet = app.quiet.saturating_sub(1);
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
