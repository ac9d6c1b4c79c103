//! What the workers of all processes found, put together: every process comes to the same.

use super::cluster::{Run, Said};
use super::control::{Cause, Control};
use super::fingerprint::Print;
use super::found::Found;
use super::reduction::Applied;
use super::worker::Finished;
use super::{CheckError, End, trace};
use crate::space::Space;

/// What some workers found, and what was noted meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum<F> {
    pub(super) found: Found<F>,
    pub(super) peak: u64,
    pub(super) cause: Option<Cause>,
    /// What each process noted.
    pub(super) noted: Vec<Vec<u64>>,
}

/// All that was found, and the fingerprints on the way to the violation.
pub(super) struct Conclusion<F> {
    pub(super) sum: Sum<F>,
    pub(super) way: Vec<F>,
}

impl<F: Print> Sum<F> {
    /// What the workers of this process found.
    pub(super) fn of(workers: &[Finished<F>], control: &Control, noted: Vec<u64>) -> Self {
        let found = workers.iter().map(|worker| worker.found);
        Sum {
            found: found.fold(Found::default(), Found::and),
            peak: control.peak(),
            cause: control.cause(),
            noted: vec![noted],
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.noted.extend(other.noted);
        Sum {
            found: self.found.and(other.found),
            peak: self.peak.max(other.peak),
            cause: self.cause.or(other.cause),
            noted: self.noted,
        }
    }

    fn to_words(&self) -> Vec<u64> {
        let mut words = self.found.to_words().to_vec();
        words.extend([
            self.peak,
            self.cause.map_or(0, |cause| cause as u64),
            self.noted.len() as u64,
        ]);
        for noted in &self.noted {
            words.push(noted.len() as u64);
            words.extend(noted);
        }
        words
    }

    /// Takes a sum from the front of `words`.
    fn take(words: &mut &[u64]) -> Option<Self> {
        let (found, rest) = words.split_first_chunk()?;
        let (&[peak, cause, count], mut rest) = rest.split_first_chunk()?;
        let mut noted = Vec::new();
        for _ in 0..count {
            let (length, after) = rest.split_first()?;
            let (own, after) = after.split_at_checked(usize::try_from(*length).ok()?)?;
            noted.push(own.to_vec());
            rest = after;
        }
        *words = rest;
        Some(Sum {
            found: Found::of_words(*found)?,
            peak,
            cause: Cause::of(cause),
            noted,
        })
    }
}

/// Puts together what all processes found, and walks back from the violation, if there is one. `find` looks a state up
/// in the shard of a worker of this process, counted from 0: its parent and its level.
pub(super) fn conclude<F: Print>(
    own: Sum<F>,
    control: &Control,
    reduction: Applied,
    find: impl Fn(usize, F, u32) -> Result<Option<(F, u32)>, CheckError>,
) -> Result<Conclusion<F>, CheckError> {
    let Some(run) = control.run() else {
        let peers = control.workers();
        let anywhere =
            |print, level| among(reduction.workers_of(print, peers), print, level, &find);
        let way = match own.found.violation {
            Some((level, print, _)) => trace::walk_back(print, level, anywhere)?,
            None => Vec::new(),
        };
        return Ok(Conclusion { sum: own, way });
    };
    if run.process() == 0 {
        lead(own, run, reduction, find)
    } else {
        follow(own, run, reduction, find)
    }
}

type Traced<F> = Result<Option<(F, u32)>, CheckError>;

/// Looks a state up with some workers, until one has it.
fn among<F: Print>(
    workers: impl Iterator<Item = usize>,
    print: F,
    level: u32,
    find: impl Fn(usize, F, u32) -> Traced<F>,
) -> Traced<F> {
    for worker in workers {
        let found = find(worker, print, level)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Looks a state up in this process.
fn here<F: Print>(
    run: &Run,
    reduction: Applied,
    print: F,
    level: u32,
    find: impl Fn(usize, F, u32) -> Traced<F>,
) -> Traced<F> {
    let (first, peers) = run.workers();
    let own = reduction
        .workers_of(print, peers)
        .filter(|worker| run.process_of(*worker) == run.process())
        .map(|worker| worker - first);
    among(own, print, level, find)
}

/// Process 0: asks the others.
fn lead<F: Print>(
    own: Sum<F>,
    run: &Run,
    reduction: Applied,
    find: impl Fn(usize, F, u32) -> Traced<F>,
) -> Result<Conclusion<F>, CheckError> {
    let malformed = |from| run.malformed(from, "a message out of turn");
    let mut sums: Vec<Option<Sum<F>>> = vec![None; run.processes()];
    sums[0] = Some(own);
    while sums.iter().any(Option::is_none) {
        let (from, said) = run.listen()?;
        let sum = (said.kind == Said::Found).then(|| Sum::take(&mut &said.words[..]));
        let sum = sum.flatten().ok_or_else(|| malformed(from))?;
        if sums[from].replace(sum).is_some() {
            return Err(malformed(from).into());
        }
    }
    let sum = sums
        .into_iter()
        .flatten()
        .reduce(Sum::and)
        .ok_or_else(|| malformed(0))?;

    let peers = run.workers().1;
    let anywhere = |print: F, level: u32| {
        let [low, high] = print.halves();
        let mut processes: Vec<_> = reduction
            .workers_of(print, peers)
            .map(|worker| run.process_of(worker))
            .collect();
        processes.dedup();
        for process in processes {
            let found = if process == 0 {
                here(run, reduction, print, level, &find)?
            } else {
                run.tell(process, Said::Trace, vec![low, high, level.into()]);
                let (from, said) = run.listen()?;
                match (said.kind, &said.words[..]) {
                    (Said::Traced, &[1, low, high, level]) if from == process => {
                        Some((F::joined([low, high]), level as u32))
                    }
                    (Said::Traced, &[0, ..]) if from == process => None,
                    _ => return Err(malformed(from).into()),
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    };
    let way = match sum.found.violation {
        Some((level, print, _)) => trace::walk_back(print, level, anywhere)?,
        None => Vec::new(),
    };
    let mut words = sum.to_words();
    words.extend(way.iter().flat_map(|print| print.halves()));
    (1..run.processes()).for_each(|process| run.tell(process, Said::Ended, words.clone()));
    Ok(Conclusion { sum, way })
}

/// The others: answer, until they are told.
fn follow<F: Print>(
    own: Sum<F>,
    run: &Run,
    reduction: Applied,
    find: impl Fn(usize, F, u32) -> Traced<F>,
) -> Result<Conclusion<F>, CheckError> {
    let malformed = || run.malformed(0, "a message out of turn");
    run.tell(0, Said::Found, own.to_words());
    let peers = run.workers().1;
    loop {
        let (_, said) = run.listen()?;
        match (said.kind, &said.words[..]) {
            (Said::Trace, &[low, high, level]) => {
                let print = F::joined([low, high]);
                let mut workers = reduction.workers_of(print, peers);
                if !workers.any(|worker| run.process_of(worker) == run.process()) {
                    return Err(malformed().into());
                }
                let words = match here(run, reduction, print, level as u32, &find)? {
                    Some((parent, level)) => {
                        let [low, high] = parent.halves();
                        vec![1, low, high, level.into()]
                    }
                    None => vec![0; 4],
                };
                run.tell(0, Said::Traced, words);
            }
            (Said::Ended, mut words) => {
                let sum = Sum::take(&mut words).ok_or_else(malformed)?;
                let (pairs, []) = words.as_chunks() else {
                    return Err(malformed().into());
                };
                let way = pairs.iter().map(|print| F::joined(*print)).collect();
                return Ok(Conclusion { sum, way });
            }
            _ => return Err(malformed().into()),
        }
    }
}

impl<F: Print> Conclusion<F> {
    /// How the run ended. A cause that is no end is none of these.
    pub(super) fn end(&self, control: &Control) -> Result<End, Option<Cause>> {
        let cut = self
            .sum
            .cause
            .or_else(|| control.cut(self.sum.found.unique));
        match (self.sum.found.violation, cut) {
            (Some((_, _, violations)), _) => Ok(End::Violated { violations }),
            (None, None) => Ok(End::Exhausted),
            (None, Some(cause)) => cause.end().ok_or(Some(cause)),
        }
    }

    /// The states on the way. What all processes noted is noted here from now on.
    pub(super) fn walk<M: Space>(
        &self,
        space: &M,
        reduction: Applied,
    ) -> Result<Vec<M::State>, CheckError> {
        let trace = trace::walk(space, &self.way, |state| {
            F::of(&reduction.representative(space, state))
        })?;
        // The walk itself is no part of what was found.
        space.note_instead(&self.sum.noted);
        Ok(trace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_survives_its_words() {
        let sum = Sum {
            found: Found {
                unique: 1,
                violation: Some((6, u128::MAX - 7, 8)),
                ..Found::default()
            },
            peak: 5,
            cause: Some(Cause::Memory),
            noted: vec![vec![9, 10], vec![]],
        };
        let words = sum.to_words();
        let mut rest = &words[..];
        assert_eq!(Sum::take(&mut rest), Some(sum.clone()));
        assert!(rest.is_empty());
        for cut in 0..words.len() {
            assert_eq!(Sum::<u128>::take(&mut &words[..cut]), None, "{cut}");
        }
        let other = Sum {
            cause: None,
            peak: 4,
            ..sum.clone()
        };
        let both = sum.and(other);
        assert_eq!((both.found.unique, both.peak), (2, 5));
        assert_eq!((both.cause, both.noted.len()), (Some(Cause::Memory), 4));
    }
}
