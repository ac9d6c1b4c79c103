//! The table of visited states: one worker's shard of it.
//!
//! Open addressing with linear probing, indexed by the top bits of the fingerprint. The table is cut into
//! segments that double one at a time, so that growing never holds two copies of the whole.

use super::fingerprint::Print;

/// The deepest level a slot can hold.
pub(super) const DEEPEST: u32 = u16::MAX as u32 - 1;

const SEGMENT_BITS: u32 = 6;
const FIRST_SLOTS: usize = 64;

/// One state: 18 bytes with 64-bit fingerprints, 34 with 128. Packed, so fields are read by value only.
#[derive(Clone, Copy, Default)]
#[repr(C, packed)]
struct Slot<F> {
    print: F,
    parent: F,
    /// Level plus one; 0 is an empty slot.
    mark: u16,
}

/// What became of a state that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// It was not there before.
    New,
    /// It was there.
    Known,
    /// It was not taken: the table would have to grow and may not.
    Refused,
}

/// Fingerprints of states with their parents' fingerprints and their levels.
pub(super) struct Visited<F> {
    segments: Vec<Segment<F>>,
}

struct Segment<F> {
    slots: Vec<Slot<F>>,
    used: usize,
}

impl<F: Print> Visited<F> {
    pub(super) fn new() -> Self {
        let segment = || Segment {
            slots: vec![Slot::default(); FIRST_SLOTS],
            used: 0,
        };
        Visited {
            segments: (0..1 << SEGMENT_BITS).map(|_| segment()).collect(),
        }
    }

    /// Offers a state found at `level`, at most [`DEEPEST`]. Of two parents in the same level the lesser stays.
    /// `may_grow` is asked before that many bytes are allocated.
    pub(super) fn offer(
        &mut self,
        print: F,
        parent: F,
        level: u32,
        may_grow: impl FnOnce(u64) -> bool,
    ) -> Offered {
        debug_assert!(level <= DEEPEST);
        let mark = (level + 1) as u16;
        let segment = &mut self.segments[Self::segment(print)];
        let mut at = segment.find(print);
        let slot = &mut segment.slots[at];
        if slot.mark != 0 {
            if slot.mark == mark && parent < { slot.parent } {
                slot.parent = parent;
            }
            return Offered::Known;
        }
        if segment.is_crowded() {
            if !may_grow(segment.growth()) {
                return Offered::Refused;
            }
            segment.double();
            at = segment.find(print);
        }
        segment.slots[at] = Slot {
            print,
            parent,
            mark,
        };
        segment.used += 1;
        Offered::New
    }

    /// The parent and the level of a state, if it is there. An initial state is its own parent.
    pub(super) fn find(&self, print: F) -> Option<(F, u32)> {
        let segment = &self.segments[Self::segment(print)];
        let slot = segment.slots[segment.find(print)];
        (slot.mark != 0).then(|| (slot.parent, u32::from(slot.mark) - 1))
    }

    /// Reads where a state would be, so that a whole batch waits for memory at once; use the result, or the read
    /// is optimised away.
    pub(super) fn touch(&self, print: F) -> u16 {
        let segment = &self.segments[Self::segment(print)];
        segment.slots[segment.home(print)].mark
    }

    fn segment(print: F) -> usize {
        (print.high() >> (64 - SEGMENT_BITS)) as usize
    }
}

impl<F: Print> Segment<F> {
    /// Where probing begins. Consecutive in the fingerprint, so doubling writes in order.
    fn home(&self, print: F) -> usize {
        ((print.high() << SEGMENT_BITS) >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    /// The slot that has the state, or the empty one where it belongs.
    fn find(&self, print: F) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(print);
        loop {
            let slot = self.slots[at & mask];
            if slot.mark == 0 || { slot.print } == print {
                return at & mask;
            }
            at += 1;
        }
    }

    /// At most 5/8 of the slots are used.
    fn is_crowded(&self) -> bool {
        (self.used + 1) * 8 > self.slots.len() * 5
    }

    /// Bytes that doubling allocates.
    fn growth(&self) -> u64 {
        (self.slots.len() * 2 * size_of::<Slot<F>>()) as u64
    }

    fn double(&mut self) {
        let twice = vec![Slot::default(); self.slots.len() * 2];
        let old = std::mem::replace(&mut self.slots, twice);
        for slot in old {
            if slot.mark != 0 {
                let at = self.find(slot.print);
                self.slots[at] = slot;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_slot_takes_18_bytes_or_34() {
        assert_eq!(size_of::<Slot<u64>>(), 18);
        assert_eq!(size_of::<Slot<u128>>(), 34);
    }

    #[test]
    fn it_holds_what_a_map_holds() {
        // Few distinct top bits: long probe sequences that wrap at the end of a segment.
        let mut random = crate::check::tests::random(7);
        let mut prints: Vec<u64> = (0..40_000).map(|_| random()).collect();
        prints.extend((0..200).map(|n| u64::MAX - n));
        prints.extend((0..200).map(|n| (1 << 58) - 1 - n));
        prints.push(0);
        let mut table = Visited::<u64>::new();
        let mut map = HashMap::new();
        for (n, &print) in prints.iter().chain(&prints).enumerate() {
            let offered = table.offer(print, n as u64, n as u32 / 1000, |_| true);
            let new = map.insert(print, ()).is_none();
            assert_eq!(offered, if new { Offered::New } else { Offered::Known });
        }
        for (n, &print) in prints.iter().enumerate() {
            assert_eq!(table.find(print), Some((n as u64, n as u32 / 1000)));
        }
        assert_eq!(table.find(12345), None);
    }

    #[test]
    fn the_least_parent_of_the_same_level_stays() {
        let mut table = Visited::<u128>::new();
        let mut offer = |parent, level| table.offer(5, parent, level, |_| true);
        assert_eq!(offer(30, 2), Offered::New);
        assert_eq!(offer(20, 2), Offered::Known);
        assert_eq!(offer(25, 2), Offered::Known);
        assert_eq!(offer(10, 3), Offered::Known);
        assert_eq!(table.find(5), Some((20, 2)));
    }

    #[test]
    fn it_does_not_grow_unasked() {
        let mut table = Visited::<u64>::new();
        let taken = (0..100u64)
            .take_while(|&n| table.offer(n, 0, 0, |_| false) != Offered::Refused)
            .count();
        assert_eq!(taken, FIRST_SLOTS * 5 / 8);
        assert_eq!(table.offer(3, 0, 0, |_| false), Offered::Known);
        let mut asked = 0;
        let note = |bytes| {
            asked = bytes;
            true
        };
        assert_eq!(table.offer(99, 0, 0, note), Offered::New);
        assert_eq!(asked, (2 * FIRST_SLOTS * 18) as u64);
    }
}
