//! How far a run has come and why it stopped, in a form that processes tell each other.

use super::End;

/// Why a run was stopped before it was through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Cause {
    Memory = 1,
    States,
    Interrupted,
    /// The fingerprints are too short for so many states.
    Widen,
    /// An error that the thread concerned reports, or its panic.
    Failed,
}

impl Cause {
    /// The cause of that number.
    pub(super) fn of(number: u64) -> Option<Cause> {
        use Cause::{Failed, Interrupted, Memory, States, Widen};
        [Memory, States, Interrupted, Widen, Failed]
            .into_iter()
            .find(|known| *known as u64 == number)
    }

    /// How the run ends by it, if that is an end at all.
    pub(super) fn end(self) -> Option<End> {
        match self {
            Cause::Memory => Some(End::MemoryLimit),
            Cause::States => Some(End::StateLimit),
            Cause::Interrupted => Some(End::Interrupted),
            Cause::Widen | Cause::Failed => None,
        }
    }
}

/// How far some workers have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) unique: u64,
    pub(super) successors: u64,
    pub(super) frontier: u64,
    pub(super) depth: u32,
    pub(super) cause: Option<Cause>,
}

impl Tally {
    /// Both together.
    pub(super) fn and(self, other: &Tally) -> Tally {
        Tally {
            unique: self.unique + other.unique,
            successors: self.successors + other.successors,
            frontier: self.frontier + other.frontier,
            depth: self.depth.max(other.depth),
            cause: self.cause.or(other.cause),
        }
    }

    pub(super) fn to_words(self) -> Vec<u64> {
        let cause = self.cause.map_or(0, |cause| cause as u64);
        let depth = u64::from(self.depth);
        vec![self.unique, self.successors, self.frontier, depth, cause]
    }

    pub(super) fn of_words(words: &[u64]) -> Option<Tally> {
        let &[unique, successors, frontier, depth, cause] = words else {
            return None;
        };
        // Sums of sums must not overflow, whatever was sent.
        let is_count = |count: &u64| *count <= 1 << 48;
        [unique, successors, frontier]
            .iter()
            .all(is_count)
            .then_some(Tally {
                unique,
                successors,
                frontier,
                depth: depth as u32,
                cause: Cause::of(cause),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_survives_its_words() {
        let tally = Tally {
            unique: 5,
            successors: 6,
            frontier: 7,
            depth: 8,
            cause: Some(Cause::Widen),
        };
        assert_eq!(Tally::of_words(&tally.to_words()), Some(tally));
        assert_eq!(Tally::of_words(&[0; 4]), None);
        assert_eq!(Tally::of_words(&[u64::MAX, 0, 0, 0, 0]), None);
        let sum = tally.and(&Tally {
            unique: 1,
            depth: 9,
            ..Tally::default()
        });
        assert_eq!(
            (sum.unique, sum.depth, sum.cause),
            (6, 9, Some(Cause::Widen))
        );
    }
}
