//! The way to a state: parents are walked back through the shards, then the states generated again forward.

use super::CheckError;
use super::fingerprint::Print;
use crate::space::Space;

/// The fingerprints from an initial state to the one with fingerprint `last`, found in `level`. `find` tells the parent
/// of a state in a level, and the level it has itself.
pub(super) fn walk_back<F: Print>(
    last: F,
    level: u32,
    mut find: impl FnMut(F, u32) -> Result<Option<(F, u32)>, CheckError>,
) -> Result<Vec<F>, CheckError> {
    let mut prints = vec![last];
    let mut print = last;
    for level in (0..=level).rev() {
        match find(print, level)? {
            Some((parent, found)) if found == level => print = parent,
            _ => return Err(CheckError::BrokenTrace(level as usize)),
        }
        if level > 0 {
            prints.push(print);
        }
    }
    prints.reverse();
    Ok(prints)
}

/// The states with these fingerprints, each a successor of the one before.
pub(super) fn walk<M: Space, F: Print>(
    space: &M,
    prints: &[F],
) -> Result<Vec<M::State>, CheckError> {
    let mut trace: Vec<M::State> = Vec::with_capacity(prints.len());
    for (step, print) in prints.iter().enumerate() {
        let mut found = None;
        let mut look = |state: &M::State| {
            if found.is_none() && F::of(state) == *print {
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
