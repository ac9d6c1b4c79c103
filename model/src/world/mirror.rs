//! Symmetry: two hosts that do the same exchange their parts.
//!
//! The **mirror image** of a state has everything that one host has at the other: TCP, application, history, what it sent,
//! and with clocks in turn whose tick is due. What names a host names the other: the sender of a segment in flight, and
//! the writer in every byte of text that a TCP holds. Numbers stay as they are, because both hosts count from the same
//! first ISN; a life's number, a window, a lifetime and the bits of faults name no host.
//!
//! Where both hosts have the same plan this is an **automorphism**: nothing in a step asks which host it is but to find its
//! plan, its first ISN, its peer and its text's writer, and the hosts are served in an order that decides nothing (a tick
//! steps each by itself, saturation is a fixpoint). An initial state's image is an initial state: with clocks together it
//! is its own, with clocks in turn either may tick first. The tests compare the successors of images with the images of the
//! successors, on every reachable state.
//!
//! Where the plans differ in anything, where strays are to turn up (each has one sender), or where an endpoint does not say
//! what its image is, there is none.

use super::World;
use super::history::History;
use super::net::Symbol;
use super::plan::{Clocks, HostPlan, Plan};
use super::state::State;
use crate::endpoint::Endpoint;

/// The byte that stands for the same symbol of the other host.
fn renamed(byte: u8) -> u8 {
    Symbol::of(byte).mirrored().byte()
}

/// The endpoint's part of a mirror image.
fn image_of<E: Endpoint>(plan: &Plan<E>, image: &E::Image) -> Option<E::Image> {
    let [a, b] = &plan.hosts;
    E::mirrored([&a.tcp, &b.tcp], image, renamed)
}

/// Whether both hosts do the same.
pub(super) fn is_symmetric<E: Endpoint>(plan: &Plan<E>) -> bool {
    // Exhaustive: a new field decides here.
    let HostPlan {
        tcp,
        lives,
        reads,
        isn,
        aborts,
        crashes,
        quiet,
        vanishes,
        orphan_timer,
        base,
    } = &plan.hosts[0];
    let b = &plan.hosts[1];
    *lives == b.lives
        && *reads == b.reads
        && *isn == b.isn
        && *aborts == b.aborts
        && *crashes == b.crashes
        && *quiet == b.quiet
        && *vanishes == b.vanishes
        && *orphan_timer == b.orphan_timer
        && *base == b.base
        && plan.strays.is_empty()
        && image_of(plan, &E::boot(tcp)).is_some()
}

impl<E: Endpoint, const N: usize> World<E, N> {
    /// The mirror image of a state; `None` where the hosts differ.
    pub(super) fn mirror_image(&self, s: &State<E::Image, N>) -> Option<State<E::Image, N>> {
        if !self.symmetric {
            return None;
        }
        let State {
            ends: [a, b],
            apps: [app_a, app_b],
            seen: History {
                lives: [seen_a, seen_b],
            },
            fault,
            phase,
            live,
            mut net,
        } = *s;
        let n = usize::from(live);
        for f in &mut net[..n] {
            *f = f.mirrored();
        }
        net[..n].sort_unstable_by_key(|f| f.identity());
        let turn = u8::from(self.plan.clocks == Clocks::InTurn);
        Some(State {
            ends: [image_of(&self.plan, &b)?, image_of(&self.plan, &a)?],
            apps: [app_b, app_a],
            seen: History {
                lives: [seen_b, seen_a],
            },
            fault,
            phase: phase ^ turn,
            live,
            net,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;
    use crate::rules::RuleSet;
    use crate::scenarios::{self, Size, build};
    use crate::space::{Plain, Space, fingerprint};
    use crate::spec::{Spec, Tcb};
    use crate::world::{IsnPolicy, ROOM, Step, When};

    type Here = State<Tcb, ROOM>;

    /// Two hosts that do the same.
    fn twins(steps: &[Step]) -> Plan<Spec> {
        let mut plan = build::twins(Size::Smoke, steps);
        plan.judged = crate::properties::EVERYWHERE;
        plan
    }

    /// Plans in which both hosts do the same, each with something else that a mirror image must not forget.
    fn symmetric() -> Vec<(&'static str, Plan<Spec>)> {
        let open = Step::Connect(When::AT_ONCE);
        let both_close = [
            open,
            Step::AwaitEstablished,
            Step::Finish(1),
            Step::AwaitEnd,
        ];
        let both_read = [
            open,
            Step::AwaitEstablished,
            Step::Send(2),
            Step::Receive(1),
            Step::Shutdown,
            Step::ReceiveAll,
        ];
        let again = |p: &mut HostPlan<crate::spec::Config>| {
            p.then(&[Step::Connect(When::DRAINED), Step::Shutdown]);
            p.isn = IsnPolicy::Above;
        };
        let mut reads_late = twins(&both_read).both(|h| h.reads = false);
        reads_late.lifetime = 0;
        let two_segments = [
            open,
            Step::AwaitEstablished,
            Step::Send(1),
            Step::Finish(1),
            Step::AwaitEnd,
        ];
        let mut out_of_order = twins(&two_segments);
        out_of_order.lifetime = 0;
        let mut in_turn = twins(&both_close).both(again);
        in_turn.clocks = Clocks::InTurn;
        vec![
            ("close", twins(&both_close)),
            ("reads late", reads_late),
            ("out of order", out_of_order),
            ("clocks in turn", in_turn),
            ("aborts", twins(&both_close).both(|h| h.aborts = true)),
            (
                "crashes",
                twins(&both_close).both(|h| {
                    h.crashes = 1;
                    h.quiet = 2;
                    again(h);
                }),
            ),
            ("vanishes", twins(&both_close).both(|h| h.vanishes = true)),
            (
                "clock",
                twins(&both_close).both(|h| {
                    again(h);
                    h.isn = IsnPolicy::Clock(2);
                }),
            ),
            (
                "timestamps",
                twins(&both_close).both(HostPlan::with_timestamps),
            ),
        ]
    }

    /// The most states of a plan that are looked at; scenarios are looked at in full.
    const SOME: usize = 12_000;

    /// The first state that is found on which `image` is no automorphism.
    fn breaks(
        world: &World<Spec, ROOM>,
        most: usize,
        image: impl Fn(&Here) -> Here,
    ) -> Option<Here> {
        let successors = |s: &Here, of: &dyn Fn(&Here) -> Here| {
            let mut all = BTreeSet::new();
            world.successors(s, &mut |n| {
                all.insert(of(n).bytes().to_vec());
            });
            all
        };
        let mut todo = world.initial();
        let initial: BTreeSet<_> = todo.iter().map(|s| s.bytes().to_vec()).collect();
        let images: BTreeSet<_> = todo.iter().map(|s| image(s).bytes().to_vec()).collect();
        if initial != images {
            return todo.pop();
        }
        let mut known: HashSet<u64> = todo.iter().map(fingerprint).collect();
        let mut at = 0;
        while let Some(&s) = todo.get(at) {
            at += 1;
            let there = image(&s);
            let is_inverse = image(&there) == s;
            let alike = world.violations(&s) == world.violations(&there);
            if !is_inverse || !alike || successors(&s, &|n| image(n)) != successors(&there, &|n| *n)
            {
                return Some(s);
            }
            world.successors(&s, &mut |n| {
                if known.len() < most && known.insert(fingerprint(n)) {
                    todo.push(*n);
                }
            });
        }
        None
    }

    fn right(world: &World<Spec, ROOM>) -> impl Fn(&Here) -> Here {
        |s| world.mirror_image(s).expect("both hosts do the same")
    }

    #[test]
    fn successors_of_the_image_are_images_of_the_successors() {
        for (name, plan) in symmetric() {
            let world = World::new(plan);
            let broken = breaks(&world, SOME, right(&world));
            assert!(broken.is_none(), "{name}: {broken:?}");
        }
        let all = scenarios::all().map(|s| (s.id, World::new(s.plan(Size::Smoke, RuleSet::EMPTY))));
        let mut symmetric = 0;
        for (id, world) in all.filter(|(_, w)| w.symmetric) {
            let broken = breaks(&world, usize::MAX, right(&world));
            assert!(broken.is_none(), "{id}: {broken:?}");
            symmetric += 1;
        }
        assert_eq!(symmetric, SYMMETRIC.len());
    }

    /// The scenarios in which both hosts do the same.
    const SYMMETRIC: &[&str] = &["both-alike", "reuse-alike"];

    #[test]
    fn hosts_that_differ_have_no_image() {
        for s in scenarios::all() {
            let world = World::<Spec, ROOM>::new(s.plan(Size::Smoke, RuleSet::EMPTY));
            let image = world.initial().first().and_then(|i| world.mirrored(i));
            assert_eq!(image.is_some(), SYMMETRIC.contains(&s.id), "{}", s.id);
        }
        // One thing that differs is enough.
        type Change = fn(&mut Plan<Spec>);
        let changes: [Change; 11] = [
            |p| p.hosts[1].tcp.time_wait += 1,
            |p| p.hosts[1].tcp.rules = RuleSet::EMPTY,
            |p| p.hosts[1].lives[0].timestamps = true,
            |p| p.hosts[1].reads = false,
            |p| p.hosts[1].isn = IsnPolicy::Equal,
            |p| p.hosts[1].aborts = true,
            |p| p.hosts[1].crashes = 1,
            |p| p.hosts[1].quiet = 1,
            |p| p.hosts[1].vanishes = true,
            |p| p.hosts[1].orphan_timer = true,
            |p| p.hosts[1].base = crate::seq::Seq::new(5),
        ];
        let steps = [Step::Connect(When::AT_ONCE), Step::Shutdown];
        assert!(is_symmetric(&twins(&steps)));
        for (n, change) in changes.iter().enumerate() {
            let mut plan = twins(&steps);
            change(&mut plan);
            assert!(!is_symmetric(&plan), "change {n}");
        }
    }

    #[test]
    fn an_image_that_forgets_something_is_noticed() {
        /// What is forgotten, given the state and its image.
        type Forgets = fn(&Here, &mut Here);
        let planted: [(&str, Forgets); 8] = [
            ("TCPs", |s, image| image.ends = s.ends),
            ("applications", |s, image| image.apps = s.apps),
            ("history", |s, image| image.seen = s.seen),
            ("whose clock is next", |s, image| image.phase = s.phase),
            ("the network", |s, image| image.net = s.net),
            ("text to send", |s, image| {
                for host in 0..2 {
                    image.ends[host].queued = s.ends[1 - host].queued;
                }
            }),
            ("text to read", |s, image| {
                for host in 0..2 {
                    image.ends[host].received = s.ends[1 - host].received;
                }
            }),
            ("text that waits", |s, image| {
                for host in 0..2 {
                    image.ends[host].held = s.ends[1 - host].held;
                }
            }),
        ];
        for (what, forgets) in planted {
            let noticed = symmetric().into_iter().any(|(_, plan)| {
                let world = World::new(plan);
                let right = right(&world);
                let image = |s: &Here| {
                    let mut image = right(s);
                    forgets(s, &mut image);
                    image
                };
                breaks(&world, SOME, image).is_some()
            });
            assert!(noticed, "an image that forgets {what} passes");
        }
    }
}
