//! Dominance: which states can do whatever another can.
//!
//! A state's *projection* is all of it but the network: both TCPs with their timers, applications, history, faults, whose
//! clock ticks next, which strays have turned up. `t` **dominates** `s` (`s ≤ t`) when their projections are equal and
//! every segment in flight in `s` is in flight in `t` with at least the lifetime that it has left. Segments are the same
//! when all but their lifetimes is: sender, numbers, control bits, window, text and its mark, age of the timestamp.
//!
//! **Whatever `s` can do, `t` can do.** If `s` steps to `s'`, then `t` steps to a `t'` with `s' ≤ t'`, or `s' ≤ t`
//! already. By kinds of steps:
//!
//! - *A delivery.* The segment is in flight in `t` too. What it does is decided by the receiver's TCP, its application,
//!   the history, and of the segment by all but its lifetime: `host_step` and the judge are given the segment as its receiver
//!   sees it and the mark of its stream. So the projections of `s'` and `t'` are equal, and both sent the same, at full
//!   lifetime, which no segment exceeds.
//! - *Timers, applications, aborts, crashes, vanishing, strays.* Possible, and done, by the projection alone. Nobody looks
//!   at the network: who waits for his segments to drain counts ticks (`waits_to_drain`), quiet time is a count, a stray
//!   turns up by the receiver's state and once by a bit of the projection.
//! - *A tick.* Every segment of a host whose clock ticks loses one tick and goes when it has none: what is left in `s` is
//!   left in `t`. Ages of timestamps grow alike, so the same segments stay the same; where two become one because ages
//!   saturate, the longer lifetime stays, which is monotone. The rest is decided by the projection.
//! - *Saturation*, after each step, adds what TCPs send without changing, to a fixpoint. What is sent depends on the
//!   projection, and grows with what there is to answer: a closure, so monotone. That takes that a saturated state is
//!   saturated however it was reached; `saturate`'s tests look at that.
//! - *A step that changes nothing* is left out. If a step that changes `s` is one that would leave `t` as it is, then its
//!   projection stays, and what it sent is in `t` already, at full lifetime: `s' ≤ t`.
//!
//! Nothing is possible only in the absence of a segment, and nothing counts segments, but for bounds: the room for segments
//! in flight and what one step may send. A state that hits one drops segments, and does not dominate any more; but
//! the run then has hit a bound, says so, and is no verification. (Conversely, a state without a hit dominates as said.)
//! Faults are in the projection, so `s` and `t` violate the same. What a run exercises (states, transitions, rules, goals)
//! is noted when a state is expanded, by the projection or by a segment that is there: `t` exercises whatever `s` does.
//!
//! Nothing of it needs saturation: it holds with every send as a step of its own as well. It does not hold for liveness, where
//! a run in `t` is not a run in `s`: the graph of all steps is never reduced.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, IntoBytes};

use super::state::State;
use crate::space::{Compared, Plain};

/// A state taken apart: its projection and its network.
pub(super) fn compared<I, const N: usize>(s: &State<I, N>) -> Compared<'_>
where
    State<I, N>: Plain,
{
    let all = s.bytes();
    let net = s.in_flight().as_bytes();
    // What is in flight stands last, and how much that is, right before it.
    let (front, _) = all.split_at(all.len() - net.len() - size_of_val(&s.live));
    Compared {
        class: front,
        has: <[U64]>::ref_from_bytes(net).expect("a segment in flight is one word"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleSet;
    use crate::scenarios::{self, Size};
    use crate::space::Space;
    use crate::spec::Spec;
    use crate::world::net::InFlight;
    use crate::world::{ROOM, World};

    #[test]
    fn the_class_is_all_but_the_network() {
        let plan = scenarios::named("close-half").map(|s| s.plan(Size::Smoke, RuleSet::EMPTY));
        let world = World::<Spec, ROOM>::new(plan.expect("the scenario exists"));
        let s = world.initial_states()[0];
        let mut with_more = None;
        world.successors(&s, &mut |n| with_more = Some(*n));
        let s = with_more.expect("A opens");
        let c = world.compared(&s).expect("worlds have an order");
        assert!(s.live > 0 && c.has.len() == usize::from(s.live));
        let parts = [
            s.ends.as_bytes(),
            s.apps.as_bytes(),
            s.seen.as_bytes(),
            &s.fault,
            &[s.phase],
        ];
        assert_eq!(c.class, parts.concat());
        for (word, f) in c.has.iter().zip(s.in_flight()) {
            assert_eq!(word.get() & Compared::AMOUNT, u64::from(f.ttl()));
            assert_eq!(word.get() >> 4, f.identity());
        }
        let mut none = s;
        none.net = [InFlight::NONE; ROOM];
        none.live = 0;
        let c = world.compared(&none).expect("worlds have an order");
        assert_eq!((c.class, c.has.len()), (&*parts.concat(), 0));
    }
}
