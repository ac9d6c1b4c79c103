//! The way to a state: parents are walked back through the shards, then the states generated again forward.
//!
//! With a reduction the walk goes along states that stand for others. Those that dominate are reached themselves. By
//! symmetry a fingerprint is that of a state or of its mirror image: forward the successor is taken that either names, of
//! whichever of the two the way has come to, so that what comes out is always a run of the space itself.

use super::CheckError;
use super::fingerprint::Print;
use super::visited::Visited;
use crate::space::Space;

/// The states from an initial one to the one with fingerprint `last`, a shortest way.
pub(super) fn rebuild<M: Space, F: Print>(
    space: &M,
    shards: &[&Visited<F>],
    last: F,
    print_of: impl Fn(&M::State) -> F,
) -> Result<Vec<M::State>, CheckError> {
    // Not by its owner: that need not follow from the fingerprint.
    let find = |print: F| shards.iter().find_map(|shard| shard.find(print));
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
            if found.is_none() && print_of(state) == print {
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
