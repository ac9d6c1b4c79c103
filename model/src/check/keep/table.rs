//! Tables that stay in memory when a run is kept in files, closely packed: of fingerprints alone, and of the
//! fingerprints of one level with their parents'.
//!
//! Open addressing with linear probing, in segments that grow by an eighth, one at a time: between 0.71 and 0.8 of the
//! slots are used, so a state takes 10 to 11.3 bytes with 64-bit fingerprints and 15 to 16.9 with 96; with its parent
//! twice that.

use crate::check::fingerprint::Print;
use crate::check::visited::Offered;

const SEGMENT_BITS: u32 = 6;
const FIRST_SLOTS: usize = 64;

/// What a table holds of a state; all zeros is an empty slot.
pub(super) trait Slot: Copy + Default {
    type Print: Print;

    fn print(self) -> Self::Print;
}

/// A state that is known.
#[derive(Clone, Copy, Default)]
pub(super) struct Known<F>(pub(super) F);

impl<F: Print> Slot for Known<F> {
    type Print = F;

    fn print(self) -> F {
        self.0
    }
}

/// A state and where it was found from.
#[derive(Clone, Copy, Default)]
pub(super) struct Child<F> {
    pub(super) print: F,
    pub(super) parent: F,
}

impl<F: Print> Slot for Child<F> {
    type Print = F;

    fn print(self) -> F {
        self.print
    }
}

/// A set of states, by their fingerprints.
pub(super) struct Table<S> {
    segments: Vec<Segment<S>>,
    /// Zeros are empty slots; the state whose fingerprint is zero is here.
    zero: Option<S>,
}

struct Segment<S> {
    slots: Vec<S>,
    used: usize,
}

impl<S: Slot> Table<S> {
    pub(super) fn new() -> Self {
        let segment = || Segment {
            slots: vec![S::default(); FIRST_SLOTS],
            used: 0,
        };
        Table {
            segments: (0..1 << SEGMENT_BITS).map(|_| segment()).collect(),
            zero: None,
        }
    }

    /// Offers a state; what is there stays. `may_grow` is asked before that many bytes are allocated.
    pub(super) fn offer(&mut self, slot: S, may_grow: impl FnOnce(u64) -> bool) -> Offered {
        let print = slot.print();
        if is_zero(print) {
            let known = self.zero.is_some();
            self.zero.get_or_insert(slot);
            return if known { Offered::Known } else { Offered::New };
        }
        let segment = &mut self.segments[place(print)];
        let mut at = segment.find(print);
        if segment.slots[at].print() == print {
            return Offered::Known;
        }
        if segment.is_crowded() {
            if !may_grow(segment.growth()) {
                return Offered::Refused;
            }
            segment.grow();
            at = segment.find(print);
        }
        segment.slots[at] = slot;
        segment.used += 1;
        Offered::New
    }

    /// What is there of a state.
    pub(super) fn get_mut(&mut self, print: S::Print) -> Option<&mut S> {
        if is_zero(print) {
            return self.zero.as_mut();
        }
        let segment = &mut self.segments[place(print)];
        let at = segment.find(print);
        Some(&mut segment.slots[at]).filter(|slot| slot.print() == print)
    }

    /// Every state, in no order that matters.
    pub(super) fn iter(&self) -> impl Iterator<Item = S> {
        let slots = self
            .segments
            .iter()
            .flat_map(|segment| &segment.slots)
            .copied();
        slots.filter(|slot| !is_zero(slot.print())).chain(self.zero)
    }

    /// Reads where a state would be, so that a whole batch waits for memory at once.
    pub(super) fn touch(&self, print: S::Print) -> u32 {
        let segment = &self.segments[place(print)];
        segment.slots[segment.home(print)].print().low()
    }
}

/// The segment of a state.
fn place(print: impl Print) -> usize {
    (print.high() >> (64 - SEGMENT_BITS)) as usize
}

fn is_zero<F: Print>(print: F) -> bool {
    print == F::default()
}

impl<S: Slot> Segment<S> {
    /// Where probing begins. In order of the fingerprints, so growing writes in order.
    fn home(&self, print: S::Print) -> usize {
        let place = u128::from(print.high() << SEGMENT_BITS) * self.slots.len() as u128;
        (place >> 64) as usize
    }

    /// The slot that has the state, or the empty one where it belongs.
    fn find(&self, print: S::Print) -> usize {
        let mut at = self.home(print);
        loop {
            let there = self.slots[at].print();
            if there == print || is_zero(there) {
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
        (self.grown_len() * size_of::<S>()) as u64
    }

    fn grow(&mut self) {
        let larger = vec![S::default(); self.grown_len()];
        for slot in std::mem::replace(&mut self.slots, larger) {
            if !is_zero(slot.print()) {
                let at = self.find(slot.print());
                self.slots[at] = slot;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::check::fingerprint::Print96;

    fn holds_what_a_map_holds<F: Print>(make: impl Fn(u128) -> F) {
        let mut random = crate::check::tests::random(3);
        let mut prints: Vec<u128> = (0..60_000)
            .map(|_| u128::from(random()) << 64 | u128::from(random()))
            .collect();
        // Few distinct top bits: long probe sequences that wrap at the end of a segment; and the empty slot's.
        prints.extend((0..300).map(|n| u128::MAX - (n << 64) - n));
        prints.extend((0..300).map(|n| n << 64 | 7));
        prints.extend([0, 0]);
        let mut table = Table::new();
        let mut map = HashMap::new();
        for (n, print) in prints
            .iter()
            .chain(&prints)
            .map(|wide| make(*wide))
            .enumerate()
        {
            let parent = make(n as u128);
            let offered = table.offer(Child { print, parent }, |_| true);
            let new = !map.contains_key(&print.wide());
            map.entry(print.wide()).or_insert(parent.wide());
            assert_eq!(offered, if new { Offered::New } else { Offered::Known });
        }
        let got: HashMap<_, _> = table
            .iter()
            .map(|c| (c.print.wide(), c.parent.wide()))
            .collect();
        assert_eq!(got, map);
        for (print, parent) in &map {
            let found = table.get_mut(F::narrow(*print)).expect("it is there");
            assert_eq!(found.parent.wide(), *parent);
        }
        assert!(table.get_mut(make(12345 << 70)).is_none());
        let slots: usize = table
            .segments
            .iter()
            .map(|segment| segment.slots.len())
            .sum();
        let each = slots as f64 / map.len() as f64;
        assert!((1.25..1.55).contains(&each), "{each} slots a state");
    }

    #[test]
    fn it_holds_what_a_map_holds() {
        holds_what_a_map_holds::<u64>(|wide| (wide >> 64) as u64 ^ wide as u64);
        holds_what_a_map_holds::<Print96>(|wide| Print96::narrow(wide >> 32));
    }

    #[test]
    fn a_state_takes_as_many_bytes_as_its_fingerprint() {
        assert_eq!(size_of::<Known<u64>>(), 8);
        assert_eq!(size_of::<Known<Print96>>(), 12);
        assert_eq!(size_of::<Child<Print96>>(), 24);
    }

    #[test]
    fn it_does_not_grow_unasked() {
        let mut table = Table::<Known<u64>>::new();
        let taken = (1..100)
            .take_while(|n| table.offer(Known(*n), |_| false) != Offered::Refused)
            .count();
        assert_eq!(taken, FIRST_SLOTS * 4 / 5);
        assert_eq!(table.offer(Known(3), |_| false), Offered::Known);
    }
}
