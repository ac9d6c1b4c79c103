//! The way to a state: parents are walked back through the shards, then the states generated again forward.

use super::CheckError;
use super::fingerprint::Print;
use super::visited::Visited;
use crate::space::Space;

/// The states from an initial one to the one with fingerprint `last`, a shortest way.
pub(super) fn rebuild<M: Space, F: Print>(
    space: &M,
    shards: &[&Visited<F>],
    last: F,
) -> Result<Vec<M::State>, CheckError> {
    let find = |print: F| shards[print.owner(shards.len())].find(print);
    let (mut parent, mut level) = find(last).ok_or(CheckError::BrokenTrace(0))?;
    let mut prints = vec![last];
    while level > 0 {
        prints.push(parent);
        let broken = CheckError::BrokenTrace(level as usize - 1);
        match find(parent) {
            Some((next, above)) if above + 1 == level => (parent, level) = (next, above),
            _ => return Err(broken),
        }
    }

    let mut trace: Vec<M::State> = Vec::with_capacity(prints.len());
    for (step, print) in prints.into_iter().rev().enumerate() {
        let mut found = None;
        let mut look = |state: &M::State| {
            if found.is_none() && F::of(state) == print {
                found = Some(*state);
            }
        };
        match trace.last() {
            None => space.initial().iter().for_each(&mut look),
            Some(before) => space.successors(before, &mut look),
        }
        trace.push(found.ok_or(CheckError::BrokenTrace(step))?);
    }
    Ok(trace)
}
