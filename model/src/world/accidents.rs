//! What no script foresees: aborts, crashes, hosts that vanish, segments from long ago.

use super::World;
use super::action::Action;
use super::host::{At, HostStep, Trial};
use super::net::{self, InFlight, Sender, Symbol};
use super::plan::{LONG_AGO, Stray};
use super::saturate;
use super::state::State;
use crate::endpoint::{Call, Endpoint, Flags, MAX_DATA, NOW, Segment, TcpState, Timestamps};
use crate::rules::Rule;
use crate::seq::Seq;

impl<E: Endpoint, const N: usize> World<E, N> {
    /// ABORT, crash and vanishing, where the plan has them.
    pub(super) fn accidents(
        &self,
        at: At<'_, E::Image, N>,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        let At { s, host, before } = at;
        let plan = &self.plan.hosts[host];
        let app = &s.apps[host];
        let open = before.state != TcpState::Closed;
        let lingering = before.state == TcpState::TimeWait && before.lingering;
        let aborts = plan.aborts && open && !lingering;
        if aborts && self.host_step(at, &HostStep::call(Call::Abort, None), trial) {
            trial.next.apps[host].pc = self.end_of_script(&trial.next, host);
            each(Action::Abort(host as u8), trial);
        }
        trial.sent.clear();
        if app.crashes < plan.crashes && open {
            let Trial { next, covered, .. } = trial;
            *next = *s;
            next.ends[host] = E::boot(&plan.tcp);
            let a = &mut next.apps[host];
            a.crashes += 1;
            //= RFC 9293 3.4.3 => rule:quiet-time
            if self.plan.rules.has(Rule::QuietTime) {
                a.quiet = plan.quiet;
            }
            a.fin_held_of = 0;
            a.fin_of = 0;
            a.pc = self.end_of_script(s, host);
            if plan.quiet > 0 {
                covered.rules = covered.rules.with(Rule::QuietTime);
            }
            next.seen.life_mut(host, app.life).set_cause();
            self.settle(next, host);
            self.saturate_from(next, saturate::Changed::Host(host, s), covered);
            each(Action::Crash(host as u8), trial);
        }
        if plan.vanishes && open {
            let Trial { next, covered, .. } = trial;
            *next = *s;
            next.apps[host].gone = 1;
            next.ends[host] = E::boot(&plan.tcp);
            next.seen.life_mut(host, app.life).set_cause();
            self.saturate_from(next, saturate::Changed::Host(host, s), covered);
            each(Action::Vanish(host as u8), trial);
        }
    }

    /// Strays that turn up now.
    pub(super) fn strays(
        &self,
        s: &State<E::Image, N>,
        trial: &mut Trial<'_, E::Image, N>,
        each: &mut impl FnMut(Action, &Trial<'_, E::Image, N>),
    ) {
        trial.sent.clear();
        for (n, stray) in (0u8..7).zip(&self.plan.strays) {
            let to = 1 - usize::from(stray.host & 1);
            let bit = 2 << n;
            if s.phase & bit == 0
                && E::observe(&self.plan.hosts[to].tcp, &s.ends[to]).state == stray.meets
            {
                let Trial { next, covered, .. } = &mut *trial;
                *next = *s;
                next.phase |= bit;
                self.stray(next, stray);
                self.saturate_from(next, saturate::Changed::Everything, covered);
                each(Action::Stray(n), trial);
            }
        }
    }

    /// Puts a stray into the network.
    pub(super) fn stray(&self, s: &mut State<E::Image, N>, stray: &Stray) {
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
}
