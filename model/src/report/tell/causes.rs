//! Why something is in flight that no step of its own sent: saturation added it.

use std::collections::HashMap;

use super::{Key, Telling, Why};
use crate::endpoint::{Effects, Endpoint, Event, Timer};
use crate::world::State;
use crate::world::net::{InFlight, Sender};

impl<E: Endpoint, const N: usize> Telling<'_, E, N> {
    /// Finds out why everything else that is in flight now was sent: timers and answers that changed no endpoint.
    pub(super) fn explain(
        &mut self,
        moment: usize,
        s: &State<E::Image, N>,
        next: &State<E::Image, N>,
    ) {
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
                tries.push((
                    Event::Segment(f.unpack(&bases)),
                    Why::Answer(n, self.sent_at(*f)),
                ));
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
