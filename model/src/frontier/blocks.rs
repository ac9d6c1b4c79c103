//! Cells with the same result, together: a table in as few lines as its regularity allows.

use super::cell::AXES;

/// The cells in which each axis has one of some values; all with the same result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block<R> {
    /// The values, as bits, for each of [`AXES`].
    pub values: [u8; AXES.len()],
    /// Their result.
    pub result: R,
}

impl<R> Block<R> {
    /// How many cells it is.
    pub fn cells(&self) -> u32 {
        self.values.iter().map(|v| v.count_ones()).product()
    }

    /// The words for its values on an axis; none if it has all of them.
    pub fn words(&self, axis: usize) -> Option<Vec<&'static str>> {
        let (_, words) = AXES[axis];
        let has = |n: usize| self.values[axis] & (1 << n) != 0;
        let chosen: Vec<&str> = (0..words.len())
            .filter(|&n| has(n))
            .map(|n| words[n])
            .collect();
        (chosen.len() < words.len()).then_some(chosen)
    }

    /// Whether a cell at this place is one of them.
    pub fn has(&self, place: &[usize; AXES.len()]) -> bool {
        self.values
            .iter()
            .zip(place)
            .all(|(v, n)| v & (1 << n) != 0)
    }
}

/// Puts cells together: two blocks with the same result that differ on one axis only become one, until none do. The axis on
/// which most can be put together goes first.
pub fn together<R: PartialEq + Clone>(cells: &[([usize; AXES.len()], R)]) -> Vec<Block<R>> {
    let mut blocks: Vec<Block<R>> = cells
        .iter()
        .map(|(place, result)| Block {
            values: place.map(|n| 1 << n),
            result: result.clone(),
        })
        .collect();
    loop {
        let tries = (0..AXES.len()).map(|axis| along(axis, &blocks));
        match tries.min_by_key(Vec::len) {
            Some(fewer) if fewer.len() < blocks.len() => blocks = fewer,
            _ => return blocks,
        }
    }
}

/// Puts together what differs on this axis only.
fn along<R: PartialEq + Clone>(axis: usize, blocks: &[Block<R>]) -> Vec<Block<R>> {
    let mut out: Vec<Block<R>> = Vec::new();
    for b in blocks {
        let same = out.iter_mut().find(|o| {
            o.result == b.result && (0..AXES.len()).all(|a| a == axis || o.values[a] == b.values[a])
        });
        match same {
            Some(o) => o.values[axis] |= b.values[axis],
            None => out.push(b.clone()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::{Bytes, Cell};

    #[test]
    fn every_cell_is_in_one_block_and_that_has_its_result() {
        let mut state: u64 = 3;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for kinds in [1, 2, 5] {
            let cells: Vec<_> = Cell::all(Bytes::None)
                .map(|c| (c.place(), (random() % kinds, c.isn)))
                .collect();
            let blocks = together(&cells);
            for (place, result) in &cells {
                let its: Vec<_> = blocks.iter().filter(|b| b.has(place)).collect();
                assert_eq!(its.len(), 1);
                assert_eq!(its[0].result, *result);
            }
            let total: u32 = blocks.iter().map(Block::cells).sum();
            assert_eq!(total as usize, cells.len());
            if kinds == 1 {
                assert_eq!(blocks.len(), 3, "only ISNs matter");
                assert_eq!(blocks[0].words(0), Some(vec!["above"]));
                assert_eq!(blocks[0].words(1), None);
            }
        }
    }
}
