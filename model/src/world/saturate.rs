//! Saturation: sends that change no endpoint are added at once, at full lifetime, up to a fixpoint.
//!
//! The network only grows between ticks, and such a send (a retransmission, a repeated acknowledgment, the RST of
//! a closed port) may happen at any moment and does nothing else. A state with them contains every state without,
//! and can do whatever those can: for safety nothing is lost, as long as no bound is hit and no counter counts sends.

use super::World;
use super::coverage::Covered;
use super::net::{self, Added, InFlight, Sender};
use super::state::State;
use crate::endpoint::{Effects, Endpoint, Event, TcpState, Timer};
use crate::seq::Seq;

/// Since the last fixpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Changed {
    /// One host and what it sent.
    Host(usize),
    /// Lifetimes too.
    Everything,
}

impl<E: Endpoint, const N: usize> World<E, N> {
    pub(super) fn saturate_from(&self, s: &mut State<E::Image, N>, changed: Changed, covered: &mut Covered) {
        if !self.plan.saturated || s.faults() != 0 {
            return;
        }
        let mut out = Effects::default();
        // Which host has to look again at everything that is on its way to it.
        let mut look = match changed {
            Changed::Host(h) => [h == 0, h == 1],
            Changed::Everything => [true, true],
        };
        // The other host looks at what is new only; a renewed or new segment of the changed host is found by comparing.
        if let Changed::Host(h) = changed {
            look[1 - h] = true;
        }
        let mut host = match changed {
            Changed::Host(h) => h,
            Changed::Everything => 0,
        };
        while look[0] || look[1] {
            if !look[host] {
                host = 1 - host;
            }
            look[host] = false;
            if s.apps[host].gone == 0 && s.apps[host].quiet == 0 && self.repeat_sends(s, host, &mut out, covered) {
                look[1 - host] = true;
            }
        }
    }

    /// Adds every send of `host` that changes nothing else. Says whether the network grew or a lifetime was renewed.
    fn repeat_sends(&self, s: &mut State<E::Image, N>, host: usize, out: &mut Effects, covered: &mut Covered) -> bool {
        let tcp = &self.plan.hosts[host].tcp;
        let o = E::observe(tcp, &s.ends[host]);
        let by = Sender { host: host as u8, life: s.apps[host].life, iss: o.iss, ttl: self.plan.lifetime };
        let mut grew = false;
        let mut new: arrayvec::ArrayVec<InFlight, 64> = arrayvec::ArrayVec::new();
        let due = E::armed(tcp, &s.ends[host]).due;
        for timer in [Timer::Retransmit, Timer::Persist, Timer::DelayedAck] {
            if due.has(timer) {
                self.try_send(s, host, Event::Timer(timer), None, by, out, covered, &mut new);
            }
        }
        let listens = o.state == TcpState::Listen || (o.state == TcpState::TimeWait && self.would_listen(s, host));
        let isn = if listens { self.isns(s, host).first().map(|n| self.bases[host] + *n as u32) } else { None };
        for n in 0..usize::from(s.live) {
            let f = s.net[n];
            if usize::from(f.from()) == host {
                continue;
            }
            let seg = f.unpack(&self.bases);
            // What marks the peer as refused changes more than the network.
            if o.state == TcpState::Closed && self.refuses(s, host, Some((&seg, f))) {
                continue;
            }
            self.try_send(s, host, Event::Segment(seg), isn, by, out, covered, &mut new);
        }
        for f in new {
            match net::add(&mut s.net, &mut s.live, f) {
                Added::New | Added::Renewed => grew = true,
                Added::Nothing => {}
                Added::NoRoom => self.coverage.hit_bound(),
            }
        }
        grew
    }

    #[allow(clippy::too_many_arguments)]
    fn try_send(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        event: Event,
        isn: Option<Seq>,
        by: Sender,
        out: &mut Effects,
        covered: &mut Covered,
        new: &mut arrayvec::ArrayVec<InFlight, 64>,
    ) {
        let mut image = s.ends[host];
        out.clear();
        E::step(&self.plan.hosts[host].tcp, &mut image, event, isn, out);
        if image != s.ends[host] || !out.told.is_empty() || out.segments.is_empty() {
            return;
        }
        covered.rules.0 |= out.rules.0;
        for seg in &out.segments {
            if let Ok(f) = InFlight::pack(seg, by, &self.bases)
                && !new.contains(&f)
                && new.try_push(f).is_err()
            {
                self.coverage.hit_bound();
            }
        }
    }
}
