//! The records of one address family, in the order of their expiry.

extern crate alloc;

use alloc::vec::Vec;

use super::index::{Index, NONE};
use super::record::TimeWait;
use crate::time::Instant;

#[derive(Clone, Debug)]
struct Slot<K> {
    key: K,
    record: TimeWait,
    /// An [`Instant`] in halves: an alignment of eight would cost four bytes a record.
    ends: [u32; 2],
    /// Neighbours in the order of expiry; `after` links free slots, too.
    before: u32,
    after: u32,
}

impl<K> Slot<K> {
    fn ends(&self) -> Instant {
        Instant(u64::from(self.ends[0]) << 32 | u64::from(self.ends[1]))
    }
}

fn halves(at: Instant) -> [u32; 2] {
    [(at.0 >> 32) as u32, at.0 as u32]
}

/// What became of a record that was to be entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entered {
    /// It is new.
    New,
    /// It took the place of one with the same key.
    Again,
    /// There was no room.
    Refused,
}

/// A list of records with an index. All memory is taken at the beginning.
#[derive(Clone, Debug)]
pub(super) struct Fifo<K> {
    slots: Vec<Slot<K>>,
    index: Index,
    limit: usize,
    len: usize,
    first: u32,
    last: u32,
    free: u32,
}

impl<K: Copy + Eq> Fifo<K> {
    /// Room for `limit` records; none if there is no memory for them.
    pub(super) fn new(limit: u32) -> Option<Self> {
        let limit = usize::try_from(limit).ok()?;
        let mut slots = Vec::new();
        slots.try_reserve_exact(limit).ok()?;
        Some(Fifo {
            slots,
            index: Index::new(limit)?,
            limit,
            len: 0,
            first: NONE,
            last: NONE,
            free: NONE,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes of memory, used or not.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<K>>() + self.index.bytes()
    }

    #[inline]
    pub(super) fn get(&self, hash: u64, key: &K) -> Option<(&TimeWait, Instant)> {
        let slot = self.slot(self.find(hash, key)?)?;
        Some((&slot.record, slot.ends()))
    }

    pub(super) fn get_mut(&mut self, hash: u64, key: &K) -> Option<&mut TimeWait> {
        let at = self.find(hash, key)?;
        self.slot_mut(at).map(|s| &mut s.record)
    }

    pub(super) fn enter(&mut self, hash: u64, key: K, record: TimeWait, ends: Instant) -> Entered {
        if let Some(at) = self.find(hash, &key) {
            if let Some(slot) = self.slot_mut(at) {
                slot.record = record;
            }
            self.move_to_end(at, ends);
            return Entered::Again;
        }
        if self.len >= self.limit || !self.index.insert(hash, self.next_slot()) {
            return Entered::Refused;
        }
        let at = self.take_slot(Slot {
            key,
            record,
            ends: halves(ends),
            before: NONE,
            after: NONE,
        });
        self.append(at);
        self.len += 1;
        Entered::New
    }

    pub(super) fn restart(&mut self, hash: u64, key: &K, ends: Instant) -> bool {
        let Some(at) = self.find(hash, key) else {
            return false;
        };
        self.move_to_end(at, ends);
        true
    }

    pub(super) fn remove(&mut self, hash: u64, key: &K) -> Option<TimeWait> {
        let at = self.find(hash, key)?;
        let record = self.slot(at)?.record;
        self.take_out(hash, at);
        Some(record)
    }

    /// When the first one ends.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.slot(self.first).map(Slot::ends)
    }

    /// Takes out the first one.
    pub(super) fn pop(&mut self, hash: impl Fn(&K) -> u64) -> Option<(K, TimeWait)> {
        let at = self.first;
        let (key, record) = self.slot(at).map(|s| (s.key, s.record))?;
        self.take_out(hash(&key), at);
        Some((key, record))
    }

    /// All of them, in the order in which they end.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &TimeWait, Instant)> {
        let mut at = self.first;
        core::iter::from_fn(move || {
            let slot = self.slot(at)?;
            at = slot.after;
            Some((&slot.key, &slot.record, slot.ends()))
        })
    }

    #[inline]
    fn slot(&self, at: u32) -> Option<&Slot<K>> {
        self.slots.get(at as usize)
    }

    #[inline]
    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot<K>> {
        self.slots.get_mut(at as usize)
    }

    #[inline]
    fn find(&self, hash: u64, key: &K) -> Option<u32> {
        let is_it = |at| self.slot(at).is_some_and(|s| s.key == *key);
        self.index.find(hash, is_it)
    }

    /// The slot that [`Self::take_slot`] will take.
    fn next_slot(&self) -> u32 {
        match self.free {
            NONE => self.slots.len() as u32,
            free => free,
        }
    }

    fn take_slot(&mut self, slot: Slot<K>) -> u32 {
        let at = self.next_slot();
        match self.slots.get_mut(at as usize) {
            Some(old) => {
                self.free = old.after;
                *old = slot;
            }
            None => self.slots.push(slot), // within what was reserved
        }
        at
    }

    fn take_out(&mut self, hash: u64, at: u32) {
        self.index.remove(hash, at);
        self.unlink(at);
        let free = self.free;
        if let Some(slot) = self.slot_mut(at) {
            slot.after = free;
        }
        self.free = at;
        self.len -= 1;
    }

    fn move_to_end(&mut self, at: u32, ends: Instant) {
        self.unlink(at);
        if let Some(slot) = self.slot_mut(at) {
            slot.ends = halves(ends);
        }
        self.append(at);
    }

    fn unlink(&mut self, at: u32) {
        let Some((before, after)) = self.slot(at).map(|s| (s.before, s.after)) else {
            return;
        };
        match self.slot_mut(before) {
            Some(b) => b.after = after,
            None => self.first = after,
        }
        match self.slot_mut(after) {
            Some(a) => a.before = before,
            None => self.last = before,
        }
    }

    fn append(&mut self, at: u32) {
        let last = self.last;
        if let Some(slot) = self.slot_mut(at) {
            (slot.before, slot.after) = (last, NONE);
        }
        match self.slot_mut(last) {
            Some(l) => l.after = at,
            None => self.first = at,
        }
        self.last = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuple::{V4, V6};

    #[test]
    fn nothing_is_wasted() {
        assert_eq!((size_of::<Slot<V4>>(), size_of::<Slot<V6>>()), (52, 76));
        let late = Instant(0x0123_4567_89ab_cdef);
        let mut list = Fifo::new(1).unwrap();
        list.enter(1, (), TimeWait::default(), late);
        assert_eq!(list.next_expiry(), Some(late));
    }

    #[test]
    fn no_memory_is_no_panic() {
        assert!(Fifo::<[u8; 1 << 20]>::new(u32::MAX).is_none());
    }
}
