//! A finite transition system, as the engines of [`crate::check`] see it.
//!
//! The world implements this beside [`stateright::Model`]: stateright's trait is the reference and
//! feeds its checker and Explorer; this one hands successors out in place, without a list of actions,
//! and a state as one slice of bytes.

use zerocopy::little_endian::U64;

/// What the engines ask of a state: a plain value, identified by its bytes alone.
pub trait Plain: Copy + Eq + Send + Sync + 'static {
    /// The bytes that identify the state: two states are the same exactly when these are.
    ///
    /// The length may differ between states (unused room at the end is left out); the bytes are canonical.
    fn bytes(&self) -> &[u8];

    /// The state that has these [`Plain::bytes`], which may come from a file or another process; none if no state has.
    fn of_bytes(bytes: &[u8]) -> Option<Self>;
}

/// A state taken apart for [`Space::compared`].
#[derive(Clone, Copy, Debug)]
pub struct Compared<'s> {
    /// What must be equal for two states to be compared.
    pub class: &'s [u8],
    /// What the state has besides: words in ascending order, each a key in the upper 60 bits and an amount in the lowest 4;
    /// no key comes twice.
    pub has: &'s [U64],
}

impl Compared<'_> {
    /// The bits of a word that are its amount.
    pub const AMOUNT: u64 = 15;
}

/// A transition system to explore exhaustively.
pub trait Space: Send + Sync + 'static {
    /// One state.
    type State: Plain;

    /// The states to begin with; at least one, in an order that is always the same.
    fn initial(&self) -> Vec<Self::State>;

    /// Hands every successor of `state` to `each`, in an order that is always the same.
    ///
    /// Steps that change nothing may be left out. The same successor may come more than once.
    fn successors(&self, state: &Self::State, each: &mut impl FnMut(&Self::State));

    /// The violations in `state`, one bit each; 0 when there is none.
    ///
    /// A state with a violation is an end: it is counted but not expanded.
    fn violations(&self, state: &Self::State) -> u32;

    /// Whether some successor had to be left out because it did not fit a bound (a full network, say).
    ///
    /// Sticky over the whole run; shared by all threads.
    fn bound_hit(&self) -> bool;

    /// What was noted on the way (coverage, [`Space::bound_hit`]), for another process or a later run to take in.
    fn noted(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Puts what several have noted, together, in the place of what is noted here. False, and nothing changes, if one of
    /// them is not from [`Space::noted`]. Of none at all: what a new space has noted.
    fn note_instead(&self, parts: &[Vec<u64>]) -> bool {
        parts.iter().all(Vec::is_empty)
    }

    /// The state taken apart, for the reduction to states that no other dominates; `None`, for every state, where there
    /// is no such order.
    ///
    /// `t` dominates `s` when their classes are equal and `t` has every key that `s` has, in at least the amount. Who
    /// returns `Some` promises that then `t` can do whatever `s` can: the violations of both are the same, and for every
    /// successor of `s` there is a state that dominates it among the successors of `t`, or it is `t` itself.
    fn compared<'s>(&self, _state: &'s Self::State) -> Option<Compared<'s>> {
        None
    }

    /// The mirror image of a state, for the reduction by symmetry; `None`, for every state, where there is no symmetry.
    ///
    /// Who returns `Some` promises an automorphism that is its own inverse: the mirror image of an initial state is one,
    /// the successors of the image are the images of the successors, and the violations are the same.
    fn mirrored(&self, _state: &Self::State) -> Option<Self::State> {
        None
    }
}

/// The 64-bit fingerprint of a state.
pub fn fingerprint(state: &impl Plain) -> u64 {
    xxhash_rust::xxh3::xxh3_64(state.bytes())
}

/// The 128-bit fingerprint of a state, for runs beyond 10^8 states.
pub fn fingerprint_wide(state: &impl Plain) -> u128 {
    xxhash_rust::xxh3::xxh3_128(state.bytes())
}
