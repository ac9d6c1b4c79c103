//! Saturation: sends that change no endpoint are added at once, at full lifetime, up to a fixpoint.
//!
//! The network only grows between ticks, and such a send (a retransmission, a repeated acknowledgment, the RST of
//! a closed port) may happen at any moment and does nothing else. A state with them contains every state without,
//! and can do whatever those can: for safety nothing is lost, as long as no bound is hit and no counter counts sends.
//!
//! After a step only what may have changed is looked at again. What comes out is the fixpoint all the same: what is in
//! flight beyond the network's set before follows from the rest of the state, never from the way it was reached.

use arrayvec::ArrayVec;

use super::World;
use super::coverage::Covered;
use super::host::may_refuse;
use super::memo::{Asks, Quiet, Who};
use super::net::{self, Added, InFlight, Sender, Unfit};
use super::state::State;
use crate::endpoint::{Effects, Endpoint, Event, Flags, TcpState, Timer};
use crate::seq::Seq;

/// What has changed since the last fixpoint.
#[derive(Clone, Copy)]
pub(super) enum Changed<'a, I, const N: usize> {
    /// One host, and the network by what it sent: the (saturated) state before.
    Host(usize, &'a State<I, N>),
    /// Lifetimes too.
    Everything,
}

type Segments = ArrayVec<InFlight, 64>;

impl<E: Endpoint, const N: usize> World<E, N> {
    pub(super) fn saturate_from(
        &self,
        s: &mut State<E::Image, N>,
        changed: Changed<'_, E::Image, N>,
        covered: &mut Covered,
    ) {
        if !self.plan.saturated || s.faults() != 0 {
            return;
        }
        let mut out = Effects::default();
        // For each host: look again at everything on its way to it, or only at what is new.
        let mut all = [true, true];
        let mut fresh = [Segments::new(), Segments::new()];
        if let Changed::Host(h, before) = changed {
            all[1 - h] = self.answers_depend_on_the_peer(s, 1 - h);
            if !all[1 - h] {
                self.find_new(before, s, h, &mut fresh[1 - h]);
            }
        }
        loop {
            let Some(host) = (0..2).find(|&h| all[h] || !fresh[h].is_empty()) else {
                return;
            };
            let todo = std::mem::take(&mut fresh[host]);
            let everything = std::mem::take(&mut all[host]);
            if s.apps[host].gone == 0 && s.apps[host].quiet == 0 {
                let new =
                    self.repeat_sends(s, host, (!everything).then_some(&todo), &mut out, covered);
                for f in new {
                    if fresh[1 - host].try_push(f).is_err() {
                        all[1 - host] = true;
                    }
                }
            }
        }
    }

    /// Whether what `host` answers takes more than its TCP and the segment: what a SYN meets in a TCP that refuses, or may
    /// be reopened, depends on where the peer is. Then everything on its way there is looked at again when the peer moves.
    fn answers_depend_on_the_peer(&self, s: &State<E::Image, N>, host: usize) -> bool {
        let o = E::observe(&self.plan.hosts[host].tcp, &s.ends[host]);
        may_refuse(&o) || o.state == TcpState::TimeWait
    }

    /// Segments of `from` in `s` that are not in `before`. One that was renewed only has been answered before.
    fn find_new(
        &self,
        before: &State<E::Image, N>,
        s: &State<E::Image, N>,
        from: usize,
        new: &mut Segments,
    ) {
        let mut old = before.in_flight().iter().peekable();
        for f in s.in_flight() {
            while old.next_if(|o| o.identity() < f.identity()).is_some() {}
            let known = old.peek().is_some_and(|o| o.identity() == f.identity());
            if !known && usize::from(f.from()) == from && new.try_push(*f).is_err() {
                self.coverage.hit_bound();
            }
        }
    }

    /// Adds every send of `host` that changes nothing else, answering `only` these segments or all. Returns what is new.
    fn repeat_sends(
        &self,
        s: &mut State<E::Image, N>,
        host: usize,
        only: Option<&Segments>,
        out: &mut Effects,
        covered: &mut Covered,
    ) -> Segments {
        let tcp = &self.plan.hosts[host].tcp;
        let o = E::observe(tcp, &s.ends[host]);
        let by = Sender {
            host: host as u8,
            life: s.apps[host].life,
            iss: o.iss,
            ttl: self.plan.lifetime,
        };
        let mut sent = Segments::new();
        if only.is_none() {
            let due = E::armed(tcp, &s.ends[host]).due;
            for timer in [Timer::Retransmit, Timer::Persist, Timer::DelayedAck] {
                if due.has(timer) {
                    self.try_send(
                        s,
                        host,
                        Event::Timer(timer),
                        None,
                        by,
                        out,
                        covered,
                        &mut sent,
                    );
                }
            }
        }
        let listens = o.state == TcpState::Listen
            || (o.state == TcpState::TimeWait && self.would_listen(s, host));
        let isn = if listens {
            self.isns(s, host)
                .first()
                .map(|n| self.bases[host] + *n as u32)
        } else {
            None
        };
        let who = Who::new(Asks::Saturation, self.id, host, &s.ends[host], listens);
        for &f in only.map_or(s.in_flight(), |f| f.as_slice()) {
            if usize::from(f.from()) == host {
                continue;
            }
            let may_be_refused = may_refuse(&o) && f.has(Flags::SYN);
            if !may_be_refused && let Some(quiet) = who.recall(f) {
                if let Quiet::Sends(answer) = quiet
                    && !sent.contains(&answer)
                    && sent.try_push(answer).is_err()
                {
                    self.coverage.hit_bound();
                }
                continue;
            }
            let seg = f.unpack(&self.bases);
            // What marks the peer as refused changes more than the network.
            if may_be_refused && self.refuses(s, host, Some((&seg, f))) {
                continue;
            }
            if let Some(quiet) = self.try_send(
                s,
                host,
                Event::Segment(seg),
                isn,
                by,
                out,
                covered,
                &mut sent,
            ) && matches!(quiet, Quiet::Sends(_))
            {
                who.remember(f, quiet);
            }
        }
        let mut new = Segments::new();
        for f in sent {
            match net::add(&mut s.net, &mut s.live, f) {
                Added::New => new.push(f),
                Added::Renewed | Added::Nothing => {}
                Added::NoRoom => self.coverage.hit_bound(),
            }
        }
        new
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
        new: &mut Segments,
    ) -> Option<Quiet> {
        let mut image = s.ends[host];
        out.clear();
        E::step(&self.plan.hosts[host].tcp, &mut image, event, isn, out);
        if image != s.ends[host] || !out.told.is_empty() || out.isn_used {
            return None;
        }
        covered.rules.0 |= out.rules.0;
        let mut quiet = Some(Quiet::Nothing);
        for seg in &out.segments {
            let f = match InFlight::pack(seg, by, &self.bases) {
                Ok(f) => f,
                Err(Unfit::Range) => {
                    self.coverage.hit_bound();
                    continue;
                }
                // Not a quiet send: the step that makes it is judged.
                Err(Unfit::Text) => return None,
            };
            // A segment of a stream says whose it is: that is not the endpoint's alone.
            let alone = out.segments.len() == 1 && !f.is_in_stream();
            quiet = alone.then_some(Quiet::Sends(f));
            if !new.contains(&f) && new.try_push(f).is_err() {
                self.coverage.hit_bound();
            }
        }
        quiet
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::rules::RuleSet;
    use crate::scenarios::{self, Size};
    use crate::space::{Space, fingerprint};
    use crate::spec::Spec;
    use crate::world::ROOM;

    /// Those in which what is sent in answer changes with where the peer is, and one in which nothing of the kind happens.
    const SCENARIOS: &[&str] = &[
        "close-half",
        "close-unread",
        "data-after-close",
        "peer-vanishes",
        "reading-3-single",
        "abort-reuse",
        "reuse-equal",
        "reopen-old-syn",
        "crash-no-quiet",
        // Timestamps, clocks that tick in turn, closed windows, ACKs that wait, another reading.
        "reopen-timestamps",
        "reuse-clocks-apart",
        "zero-window",
        "delayed-ack",
        "reading-6",
    ];

    #[test]
    fn a_state_is_saturated_however_it_was_reached() {
        for id in SCENARIOS {
            let scenario = scenarios::named(id).expect("the scenario exists");
            let world = World::<Spec, ROOM>::new(scenario.plan(Size::Smoke, RuleSet::EMPTY));
            let mut todo = world.initial();
            let mut known: HashSet<u64> = todo.iter().map(fingerprint).collect();
            while let Some(s) = todo.pop() {
                let mut again = s;
                world.saturate_from(&mut again, Changed::Everything, &mut Covered::default());
                assert!(again == s, "{id}: more is sent from {s:?}");
                world.successors(&s, &mut |n| {
                    if known.insert(fingerprint(n)) {
                        todo.push(*n);
                    }
                });
            }
            assert!(known.len() > 3_000, "{id}: {}", known.len());
        }
    }
}
