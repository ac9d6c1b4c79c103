//! The least value that is enough, by exhaustive checks. A timer of n ticks may fire at any tick from the n-th on, so a
//! longer one is never less safe and bisection is sound.

/// The answer to one check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The whole world was explored and nothing is wrong.
    Enough,
    /// There is a counterexample.
    NotEnough {
        /// It is one for every greater value too.
        pumped: bool,
    },
}

/// What the checks came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Least {
    /// This is enough, and one less is not; 0 is enough if nothing is.
    Is(u8),
    /// No value is enough: the counterexample at this one can be pumped.
    Never {
        /// Where it was found.
        at: u8,
    },
    /// Nothing up to this value is enough, and no counterexample could be pumped.
    Above(u8),
}

/// The least value that is enough, looked for from `floor` (everything below is known not to be), first at `guess`, at most
/// at `most`.
///
/// # Errors
///
/// Those of `check`.
pub fn least<E>(
    floor: u8,
    guess: u8,
    most: u8,
    mut check: impl FnMut(u8) -> Result<Answer, E>,
) -> Result<Least, E> {
    let mut low = floor;
    let mut high = guess.max(floor).min(most);
    let step = high.max(1);
    // Upwards until something is enough.
    loop {
        match check(high)? {
            Answer::Enough => break,
            Answer::NotEnough { pumped: true } => return Ok(Least::Never { at: high }),
            Answer::NotEnough { pumped: false } if high == most => return Ok(Least::Above(most)),
            Answer::NotEnough { pumped: false } => {
                low = high + 1;
                high = high.saturating_add(step).min(most);
            }
        }
    }
    // `high` is enough, everything below `low` is not. The guess is good more often than not: one less comes first.
    let mut middle = high.saturating_sub(1);
    while low < high {
        match check(middle)? {
            Answer::Enough => high = middle,
            Answer::NotEnough { .. } => low = middle + 1,
        }
        middle = low + (high - low) / 2;
    }
    Ok(Least::Is(high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Looks for `truth` (none: never) and notes what was asked.
    fn look(truth: Option<u8>, floor: u8, guess: u8, most: u8) -> (Least, Vec<u8>) {
        let asked = RefCell::new(Vec::new());
        let found = least(floor, guess, most, |n| {
            asked.borrow_mut().push(n);
            Ok::<_, ()>(if truth.is_some_and(|t| n >= t) {
                Answer::Enough
            } else {
                Answer::NotEnough {
                    pumped: truth.is_none() && n >= 6,
                }
            })
        });
        (found.unwrap_or(Least::Above(0)), asked.into_inner())
    }

    #[test]
    fn it_finds_the_least_and_has_seen_one_less_fail() {
        for truth in 0..=20 {
            for guess in 0..=20 {
                let (found, asked) = look(Some(truth), 0, guess, 20);
                assert_eq!(found, Least::Is(truth));
                assert!(
                    asked.contains(&truth),
                    "{truth} was never seen to be enough"
                );
                assert!(
                    truth == 0 || asked.contains(&(truth - 1)),
                    "{truth}: one less was never seen to fail: {asked:?}"
                );
                let mut once = asked.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), asked.len(), "nothing is asked twice");
            }
        }
    }

    #[test]
    fn below_the_floor_nothing_is_asked() {
        let (found, asked) = look(Some(5), 5, 9, 20);
        assert_eq!(found, Least::Is(5));
        assert!(asked.iter().all(|&n| n >= 5));
        assert_eq!(look(Some(3), 5, 3, 20).0, Least::Is(5));
    }

    #[test]
    fn never_and_not_up_to_the_most_are_told_apart() {
        assert_eq!(look(None, 0, 3, 20).0, Least::Never { at: 6 });
        assert_eq!(look(None, 0, 3, 5).0, Least::Above(5));
        assert_eq!(look(Some(21), 0, 3, 20).0, Least::Above(20));
    }
}
