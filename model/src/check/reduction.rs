//! Reductions: fewer states are stored and expanded, each standing for others.
//!
//! Two, each resting on a promise of the space and off unless asked for ([`Limits::reduction`](super::Limits)):
//!
//! - **Dominance** ([`Space::compared`]). A state that another dominates can do nothing that the other cannot. When a
//!   level is complete, before it is expanded, every state in it that is dominated by another of the same level or by one
//!   stored in a level before is dropped. By induction over levels, whatever state the unreduced search reaches at level
//!   *n* is dominated by one that is stored at a level of at most *n*: if `s` leads to `s'`, then what stands for `s`
//!   leads to something that dominates `s'` in one step or none. So nothing reachable is missed as to its class, and a
//!   shortest way to a violation is as long as before. Domination is transitive and, fingerprints being equal when states
//!   are, antisymmetric: what is kept of a level is its set of maximal states, whatever the order of arrival and the number
//!   of workers. States that can dominate each other have equal classes, so states are sharded by the fingerprint of the class
//!   and each worker decides alone.
//! - **Symmetry** ([`Space::mirrored`]). Of a state and its mirror image the one with the lesser bytes is stored for
//!   both. An automorphism keeps distances: levels and shortest ways stay.
//!
//! Both at once: the lesser of two images is taken first, then dominance decides among those. That is sound whichever image
//! was taken, as an image of a run is a run.
//!
//! What is counted: *stored* states are those that were expanded (or are violations); *represented* are the stored ones,
//! those that were found and dropped, each once, and the mirror images of both. The unreduced space has at
//! least as many: it also has what only dropped states would have led to.

use std::collections::HashMap;
use std::fmt;
use std::mem::size_of;
use std::ops::Range;
use std::str::FromStr;

use zerocopy::little_endian::U64;

use super::CheckError;
use super::fingerprint::Print;
use crate::space::{Compared, Plain, Space};

/// Which states stand for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Every state stands for itself.
    #[default]
    None,
    /// One of two mirror images for both, where the space is symmetric.
    Symmetry,
    /// A state for all that it dominates: those that differ by less in the network.
    Network,
    /// Both.
    All,
}

impl Reduction {
    /// All of them.
    pub const ALL: [Reduction; 4] = [
        Reduction::None,
        Reduction::Symmetry,
        Reduction::Network,
        Reduction::All,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Reduction::None => "none",
            Reduction::Symmetry => "symmetry",
            Reduction::Network => "network",
            Reduction::All => "all",
        }
    }

    /// Whether states that dominate are among it.
    pub(super) fn has_network(self) -> bool {
        matches!(self, Reduction::Network | Reduction::All)
    }

    fn has_symmetry(self) -> bool {
        matches!(self, Reduction::Symmetry | Reduction::All)
    }

    /// What is left of it where the space has an `order` or not, and is `symmetric` or not.
    fn within(self, order: bool, symmetric: bool) -> Reduction {
        let network = order && self.has_network();
        let symmetry = symmetric && self.has_symmetry();
        match (network, symmetry) {
            (false, false) => Reduction::None,
            (false, true) => Reduction::Symmetry,
            (true, false) => Reduction::Network,
            (true, true) => Reduction::All,
        }
    }
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Reduction {
    type Err = CheckError;

    fn from_str(name: &str) -> Result<Self, CheckError> {
        Reduction::ALL
            .into_iter()
            .find(|r| r.name() == name)
            .ok_or_else(|| CheckError::UnknownReduction(name.to_owned()))
    }
}

/// A reduction as it applies to one space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applied {
    /// What applies.
    pub(super) reduction: Reduction,
    pub(super) network: bool,
    pub(super) symmetry: bool,
}

impl Applied {
    /// What of `wanted` applies to a space: all of its states compare, or none; likewise mirror images.
    pub(super) fn to<M: Space>(space: &M, wanted: Reduction) -> Applied {
        let first = space.initial();
        let order = first.first().is_some_and(|s| space.compared(s).is_some());
        let symmetric = first.first().is_some_and(|s| space.mirrored(s).is_some());
        let reduction = wanted.within(order, symmetric);
        Applied {
            reduction,
            network: reduction.has_network(),
            symmetry: reduction.has_symmetry(),
        }
    }

    /// The state that stands for `state` and its mirror image.
    pub(super) fn representative<M: Space>(self, space: &M, state: &M::State) -> M::State {
        match space.mirrored(state) {
            Some(image) if self.symmetry && image.bytes() < state.bytes() => image,
            _ => *state,
        }
    }

    /// Whether `state` stands for a mirror image besides itself.
    pub(super) fn has_image<M: Space>(self, space: &M, state: &M::State) -> bool {
        self.symmetry && space.mirrored(state).is_some_and(|image| image != *state)
    }

    /// Those of `peers` workers among whom is the owner of the state with this fingerprint.
    pub(super) fn workers_of(self, print: impl Print, peers: usize) -> Range<usize> {
        if self.network {
            return 0..peers; // it follows from the class, which nobody has any more
        }
        let owner = print.owner(peers);
        owner..owner + 1
    }

    /// Which of `peers` workers owns a state with this fingerprint.
    pub(super) fn owner<M: Space, F: Print>(
        self,
        space: &M,
        state: &M::State,
        print: F,
        peers: usize,
    ) -> usize {
        if !self.network || peers == 1 {
            return print.owner(peers);
        }
        let class = space.compared(state).map(|c| F::of_bytes(c.class));
        class.unwrap_or(print).owner(peers)
    }
}

/// What each stored state of a worker has, by class: those that no other dominates.
///
/// A state takes eight bytes a word, the two sizes of [`Kept`] and of an allocation (some 56 bytes), and its share of the
/// entry of its class.
pub(super) struct Maximal<F> {
    classes: HashMap<F, Vec<Kept>>,
}

/// What one state has. The other fields serve to tell quickly that it does not dominate.
struct Kept {
    /// One bit for each key, by its hash.
    keys: u64,
    weight: u32,
    has: Box<[U64]>,
}

/// Amounts and one for each key: whoever strictly dominates is heavier.
pub(super) fn weight(has: &[U64]) -> u32 {
    has.iter()
        .map(|w| 1 + (w.get() & Compared::AMOUNT) as u32)
        .sum()
}

fn keys(has: &[U64]) -> u64 {
    let bit = |w: &U64| (w.get() >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
    has.iter().fold(0, |keys, w| keys | 1 << bit(w))
}

/// Whether `more` has everything that `less` has, in at least the amount. Both ascend.
pub(super) fn covers(more: &[U64], less: &[U64]) -> bool {
    let mut rest = more.iter();
    less.iter().all(|l| {
        let l = l.get();
        let same = |m: &&U64| m.get() | Compared::AMOUNT >= l | Compared::AMOUNT;
        rest.find(same)
            .is_some_and(|m| m.get() | Compared::AMOUNT == l | Compared::AMOUNT && m.get() >= l)
    })
}

impl<F: Print> Maximal<F> {
    pub(super) fn new() -> Self {
        Maximal {
            classes: HashMap::new(),
        }
    }

    /// How many classes there are.
    pub(super) fn classes(&self) -> u64 {
        self.classes.len() as u64
    }

    /// Bytes that the table of classes is about to allocate, if one more class makes it grow.
    pub(super) fn growth(&self) -> u64 {
        if self.classes.len() < self.classes.capacity() {
            return 0;
        }
        let entry = size_of::<F>() + size_of::<Vec<Kept>>() + 1;
        (self.classes.capacity().max(3) * 2 * entry) as u64 * 8 / 7
    }

    /// Keeps what a state of a class has, unless a state that is kept dominates it; says whether it was kept. States that
    /// it dominates are forgotten: what they would keep away it keeps away.
    pub(super) fn offer(&mut self, class: F, has: &[U64]) -> bool {
        let kept = self.classes.entry(class).or_default();
        let (keys, weight) = (keys(has), weight(has));
        let dominated = kept
            .iter()
            .any(|k| k.weight >= weight && keys & !k.keys == 0 && covers(&k.has, has));
        if dominated {
            return false;
        }
        kept.retain(|k| !(weight >= k.weight && k.keys & !keys == 0 && covers(has, &k.has)));
        kept.push(Kept {
            keys,
            weight,
            has: has.into(),
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(has: &[(u64, u64)]) -> Vec<U64> {
        has.iter()
            .map(|(key, amount)| U64::new(key << 4 | amount))
            .collect()
    }

    /// The definition, word by word.
    fn covers_slowly(more: &[U64], less: &[U64]) -> bool {
        less.iter().all(|l| {
            more.iter()
                .any(|m| m.get() >> 4 == l.get() >> 4 && m.get() & 15 >= l.get() & 15)
        })
    }

    #[test]
    fn what_covers_covers_by_definition() {
        let mut random = crate::check::tests::random(11);
        let mut draw = || {
            let mut some = Vec::new();
            for key in 0..6 {
                let r = random();
                if r & 3 != 0 {
                    some.push((key, r >> 8 & 1));
                }
            }
            words(&some)
        };
        let (mut yes, mut no) = (0, 0);
        for _ in 0..20_000 {
            let (a, b) = (draw(), draw());
            assert_eq!(covers(&a, &b), covers_slowly(&a, &b), "{a:?} {b:?}");
            if covers(&a, &b) {
                yes += 1;
                assert!(weight(&a) > weight(&b) || a == b);
                assert_eq!(keys(&b) & !keys(&a), 0);
            } else {
                no += 1;
            }
        }
        assert!(yes > 500 && no > 500, "{yes} {no}");
    }

    #[test]
    fn only_what_nothing_dominates_is_kept() {
        let mut maximal = Maximal::<u64>::new();
        assert!(maximal.offer(1, &words(&[(3, 1), (5, 0)])));
        assert!(!maximal.offer(1, &words(&[(3, 1), (5, 0)])), "the same");
        assert!(!maximal.offer(1, &words(&[(3, 0)])), "fewer, and for less");
        assert!(!maximal.offer(1, &words(&[])));
        assert!(maximal.offer(2, &words(&[])), "another class");
        assert!(maximal.offer(1, &words(&[(3, 2)])), "for longer");
        assert!(maximal.offer(1, &words(&[(4, 0)])), "another key");
        assert!(maximal.offer(1, &words(&[(3, 2), (4, 0), (5, 0)])));
        assert_eq!(maximal.classes[&1].len(), 1, "it stands for all before it");
        assert!(!maximal.offer(1, &words(&[(3, 1), (5, 0)])));
        assert_eq!(maximal.classes(), 2);
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for r in Reduction::ALL {
            assert_eq!(r.name().parse::<Reduction>().ok(), Some(r));
        }
        assert!("some".parse::<Reduction>().is_err());
    }
}
