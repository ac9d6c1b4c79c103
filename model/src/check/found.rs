//! What was found of a space: by a worker, by a process, by all of them.

use std::time::Duration;

use super::fingerprint::Print;

/// Words that say what was found.
pub(super) const WORDS: usize = 11;

/// A violating state: the level, the fingerprint and the violations; the least one is shown.
pub(super) type Violation<F> = (u32, F, u32);

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found<F> {
    /// Each once.
    pub(super) unique: u64,
    /// Of these, dropped because another dominates them.
    pub(super) dropped: u64,
    /// Of these, with a mirror image that they stand for as well.
    pub(super) twins: u64,
    /// Classes of states that compare.
    pub(super) classes: u64,
    pub(super) successors: u64,
    pub(super) depth: u32,
    pub(super) generating: Duration,
    pub(super) violation: Option<Violation<F>>,
}

impl<F: Print> Found<F> {
    /// What both found.
    pub(super) fn and(self, other: Self) -> Self {
        let violations = [self.violation, other.violation];
        Found {
            unique: self.unique.saturating_add(other.unique),
            dropped: self.dropped.saturating_add(other.dropped),
            twins: self.twins.saturating_add(other.twins),
            classes: self.classes.saturating_add(other.classes),
            successors: self.successors.saturating_add(other.successors),
            depth: self.depth.max(other.depth),
            generating: self.generating.saturating_add(other.generating),
            violation: violations.into_iter().flatten().min(),
        }
    }

    /// For messages and files.
    pub(super) fn to_words(self) -> [u64; WORDS] {
        let (level, print, violations) = self.violation.unwrap_or_default();
        let [low, high] = print.halves();
        [
            self.unique,
            self.dropped,
            self.twins,
            self.classes,
            self.successors,
            self.depth.into(),
            self.generating.as_nanos() as u64,
            level.into(),
            low,
            high,
            violations.into(),
        ]
    }

    /// Back from words, if they make sense.
    pub(super) fn of_words(words: [u64; WORDS]) -> Option<Self> {
        let [
            unique,
            dropped,
            twins,
            classes,
            successors,
            depth,
            generating,
            level,
            low,
            high,
            violations,
        ] = words;
        let violations = u32::try_from(violations).ok()?;
        let violation = (
            u32::try_from(level).ok()?,
            F::joined([low, high]),
            violations,
        );
        let found = Found {
            unique,
            dropped,
            twins,
            classes,
            successors,
            depth: u32::try_from(depth).ok()?,
            generating: Duration::from_nanos(generating),
            violation: (violations != 0).then_some(violation),
        };
        (dropped <= unique).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Found<u128> = Found {
        unique: 1,
        dropped: 1,
        twins: 12,
        classes: 13,
        successors: 2,
        depth: 3,
        generating: Duration::from_nanos(4),
        violation: Some((6, u128::MAX - 7, 8)),
    };

    #[test]
    fn it_survives_its_words() {
        assert_eq!(Found::of_words(FOUND.to_words()), Some(FOUND));
        let none = Found {
            violation: None,
            ..FOUND
        };
        assert_eq!(Found::of_words(none.to_words()), Some(none));
        let more_dropped = Found { unique: 0, ..FOUND };
        assert_eq!(Found::<u128>::of_words(more_dropped.to_words()), None);
    }

    #[test]
    fn of_two_the_least_violation_and_all_states() {
        let both = FOUND.and(Found {
            depth: 2,
            violation: Some((6, 3, 1)),
            ..FOUND
        });
        let expected = Found {
            unique: 2,
            dropped: 2,
            twins: 24,
            classes: 26,
            successors: 4,
            generating: Duration::from_nanos(8),
            violation: Some((6, 3, 1)),
            ..FOUND
        };
        assert_eq!(both, expected);
        assert_eq!(Found::default().and(FOUND), FOUND);
    }
}
