//! A few bits that tell two spaces apart: those of two versions of a model, say.

use std::collections::HashSet;

use crate::space::{Plain, Space, fingerprint};

/// States that are expanded.
const MOST: usize = 2000;

/// A fingerprint of the beginning of a space: of its initial states, the first states after them, and all of their
/// successors in their order. What is noted on the way is forgotten.
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
        let bad = Graph::grid(7, 4).with_bad(|id| u32::from(id == 20));
        assert_ne!(base, probe(&*bad));
    }
}
