//! The way to a state: parents are walked back through the shards, then the states generated again forward.
//!
//! With a reduction the walk goes along states that stand for others. Those that dominate are reached themselves. By
//! symmetry a fingerprint is that of a state or of its mirror image: forward the successor is taken that either names, of
//! whichever of the two the way has come to, so that what comes out is always a run of the space itself.

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

/// The states with these fingerprints, as `print_of` tells them, each a successor of the one before.
pub(super) fn walk<M: Space, F: Print>(
    space: &M,
    prints: &[F],
    print_of: impl Fn(&M::State) -> F,
) -> Result<Vec<M::State>, CheckError> {
    let mut trace: Vec<M::State> = Vec::with_capacity(prints.len());
    for (step, print) in prints.iter().enumerate() {
        let mut found = None;
        let mut look = |state: &M::State| {
            if found.is_none() && print_of(state) == *print {
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
