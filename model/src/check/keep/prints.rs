//! The table of visited states when their parents are in files: fingerprints alone, closely packed.
//!
//! Open addressing with linear probing, in segments that grow by an eighth, one at a time: between 0.71 and 0.8 of the
//! slots are used, so a state takes 10 to 11.3 bytes with 64-bit fingerprints and 15 to 16.9 with 96.

use crate::check::fingerprint::Print;
use crate::check::visited::Offered;

const SEGMENT_BITS: u32 = 6;
const FIRST_SLOTS: usize = 64;

/// A set of fingerprints.
pub(super) struct Prints<F> {
    segments: Vec<Segment<F>>,
    /// Zeros are empty slots; the state whose fingerprint is zero is here.
    has_zero: bool,
}

struct Segment<F> {
    slots: Vec<F>,
    used: usize,
}

impl<F: Print> Prints<F> {
    pub(super) fn new() -> Self {
        let segment = || Segment {
            slots: vec![F::default(); FIRST_SLOTS],
            used: 0,
        };
        Prints {
            segments: (0..1 << SEGMENT_BITS).map(|_| segment()).collect(),
            has_zero: false,
        }
    }

    /// Offers a state. `may_grow` is asked before that many bytes are allocated.
    pub(super) fn offer(&mut self, print: F, may_grow: impl FnOnce(u64) -> bool) -> Offered {
        if print == F::default() {
            let known = std::mem::replace(&mut self.has_zero, true);
            return if known { Offered::Known } else { Offered::New };
        }
        let segment = &mut self.segments[Self::segment(print)];
        let mut at = segment.find(print);
        if segment.slots[at] == print {
            return Offered::Known;
        }
        if segment.is_crowded() {
            if !may_grow(segment.growth()) {
                return Offered::Refused;
            }
            segment.grow();
            at = segment.find(print);
        }
        segment.slots[at] = print;
        segment.used += 1;
        Offered::New
    }

    /// Reads where a state would be, so that a whole batch waits for memory at once.
    pub(super) fn touch(&self, print: F) -> u32 {
        let segment = &self.segments[Self::segment(print)];
        segment.slots[segment.home(print)].low()
    }

    fn segment(print: F) -> usize {
        (print.high() >> (64 - SEGMENT_BITS)) as usize
    }
}

impl<F: Print> Segment<F> {
    /// Where probing begins. In order of the fingerprints, so growing writes in order.
    fn home(&self, print: F) -> usize {
        let place = u128::from(print.high() << SEGMENT_BITS) * self.slots.len() as u128;
        (place >> 64) as usize
    }

    /// The slot that has the state, or the empty one where it belongs.
    fn find(&self, print: F) -> usize {
        let mut at = self.home(print);
        loop {
            let slot = self.slots[at];
            if slot == print || slot == F::default() {
                return at;
            }
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
    }

    fn is_crowded(&self) -> bool {
        (self.used + 1) * 5 > self.slots.len() * 4
    }

    fn grown_len(&self) -> usize {
        self.slots.len() + (self.slots.len() / 8).max(FIRST_SLOTS)
    }

    /// Bytes that growing allocates.
    fn growth(&self) -> u64 {
        (self.grown_len() * size_of::<F>()) as u64
    }

    fn grow(&mut self) {
        let larger = vec![F::default(); self.grown_len()];
        for print in std::mem::replace(&mut self.slots, larger) {
            if print != F::default() {
                let at = self.find(print);
                self.slots[at] = print;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::check::fingerprint::Print96;

    fn holds_what_a_set_holds<F: Print>(make: impl Fn(u128) -> F) {
        let mut random = crate::check::tests::random(3);
        let mut prints: Vec<u128> = (0..60_000)
            .map(|_| u128::from(random()) << 64 | u128::from(random()))
            .collect();
        // Few distinct top bits: long probe sequences that wrap at the end of a segment; and the empty slot's.
        prints.extend((0..300).map(|n| u128::MAX - (n << 64) - n));
        prints.extend((0..300).map(|n| n << 64 | 7));
        prints.extend([0, 0]);
        let mut table = Prints::<F>::new();
        let mut set = HashSet::new();
        let mut bytes = 0;
        for print in prints.iter().chain(&prints).map(|wide| make(*wide)) {
            let offered = table.offer(print, |_| true);
            let new = set.insert(print.wide());
            assert_eq!(offered, if new { Offered::New } else { Offered::Known });
        }
        for segment in &table.segments {
            bytes += segment.slots.len() * size_of::<F>();
        }
        let each = bytes as f64 / set.len() as f64 / size_of::<F>() as f64;
        assert!((1.25..1.55).contains(&each), "{each} slots a state");
    }

    #[test]
    fn it_holds_what_a_set_holds() {
        holds_what_a_set_holds::<u64>(|wide| (wide >> 64) as u64 ^ wide as u64);
        holds_what_a_set_holds::<Print96>(|wide| Print96::narrow(wide >> 32));
    }

    #[test]
    fn a_fingerprint_of_96_bits_takes_12_bytes() {
        assert_eq!(size_of::<Print96>(), 12);
    }

    #[test]
    fn it_does_not_grow_unasked() {
        let mut table = Prints::<u64>::new();
        let taken = (1..100)
            .take_while(|n| table.offer(*n, |_| false) != Offered::Refused)
            .count();
        assert_eq!(taken, FIRST_SLOTS * 4 / 5);
        assert_eq!(table.offer(3, |_| false), Offered::Known);
    }
}
