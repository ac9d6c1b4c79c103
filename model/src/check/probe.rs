//! A few bits that tell two spaces apart: those of two versions of a model, say.

use std::collections::HashSet;

use crate::space::{Plain, Space, fingerprint};

/// States that are expanded, breadth first.
const MOST: usize = 2000;
/// Walks from an initial state, and the steps of each at most: for what lies deeper.
const WALKS: u64 = 100;
const STEPS: usize = 200;

/// A fingerprint of the beginning of a space and of some ways through it: of its initial states, the first states after them,
/// the states on walks drawn by their own fingerprints, and all successors of all these in their order. What is noted on
/// the way is forgotten.
pub(super) fn probe<M: Space>(space: &M) -> u64 {
    let noted = space.noted();
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    let mut seen = HashSet::new();
    let mut queue = space.initial();
    queue.retain(|state| seen.insert(fingerprint(state)));
    hasher.update(&(size_of::<M::State>() as u64).to_le_bytes());
    queue.iter().for_each(|state| hasher.update(state.bytes()));
    let mut next = 0;
    while next < queue.len().min(MOST) {
        let state = queue[next];
        next += 1;
        let violations = space.violations(&state);
        hasher.update(&violations.to_le_bytes());
        if violations != 0 {
            continue;
        }
        space.successors(&state, &mut |successor| {
            let print = fingerprint(successor);
            hasher.update(&print.to_le_bytes());
            if seen.insert(print) && queue.len() < MOST {
                queue.push(*successor);
            }
        });
    }
    let first = space.initial();
    for walk in 0..WALKS {
        let mut drawn = walk.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let Some(mut here) = first.get(walk as usize % first.len().max(1)).copied() else {
            break;
        };
        let mut next = Vec::new();
        for _ in 0..STEPS {
            let violations = space.violations(&here);
            hasher.update(&violations.to_le_bytes());
            next.clear();
            if violations == 0 {
                space.successors(&here, &mut |successor| {
                    hasher.update(&fingerprint(successor).to_le_bytes());
                    next.push(*successor);
                });
            }
            // Not the state's fingerprint alone: two walks that meet part again.
            drawn = (drawn ^ fingerprint(&here)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            match next.get((drawn >> 32) as usize % next.len().max(1)) {
                Some(successor) => here = *successor,
                None => break,
            }
        }
    }
    space.note_instead(&[noted]);
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::Graph;

    #[test]
    fn it_tells_spaces_apart() {
        let base = probe(&Graph::grid(7, 4));
        assert_eq!(base, probe(&Graph::grid(7, 4)));
        assert_ne!(base, probe(&Graph::grid(7, 5)));
        assert_ne!(base, probe(&Graph::grid(6, 4)));
        // Far beyond the states that come first: a tree of which only the leaves differ.
        let tree = || {
            Graph::new(&[0], |id| {
                if id < 1 << 20 {
                    vec![2 * id + 1, 2 * id + 2]
                } else {
                    vec![]
                }
            })
        };
        let leaves = tree().with_bad(|id| u32::from(id >= 1 << 20));
        assert_ne!(probe(&*leaves), probe(&tree()));
        let bad = Graph::grid(7, 4).with_bad(|id| u32::from(id == 20));
        assert_ne!(base, probe(&*bad));
    }
}
