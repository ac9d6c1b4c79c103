//! A hierarchical timing wheel: one timer for each connection, in constant time.
//!
//! Level `n` has 64 slots of 64^n microseconds each, so eleven levels reach to the end of time and nothing is rounded. A
//! timer stands at the level of the highest digit, to the base of 64, in which its moment differs from the wheel's
//! position; when the position reaches its slot it is due or moves down. Bits say which slots are occupied, so that time
//! may leap: the work is that of the timers that move, ten moves at most for each, not that of the slots passed. (An owner
//! that wakes when [`Wheel::next`] says sees most timers move never: they are found due where they were put.)
//!
//! What a timer means to its connection is not known here: a connection has several, and schedules the earliest.

extern crate alloc;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use crate::time::Instant;

const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
/// The list of those whose time has come, behind all slots.
const DUE: u16 = (LEVELS * SLOTS) as u16;
/// The place of who is not scheduled.
const NOWHERE: u16 = u16::MAX;
const NONE: u32 = u32::MAX;

/// There is not the memory for as many timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no memory for {capacity} timers")]
pub struct NoMemory {
    /// How many were asked for.
    pub capacity: u32,
}

/// A timer: 24 bytes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Instant,
    /// Neighbours in a ring, the first's before being the last.
    before: u32,
    after: u32,
    /// The list in which it is.
    place: u16,
}

impl Entry {
    const IDLE: Entry = Entry {
        at: Instant(0),
        before: NONE,
        after: NONE,
        place: NOWHERE,
    };
}

/// The timers of one slot, in the order of arrival.
#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    /// No timer in it is earlier; exact unless the earliest was taken out since.
    earliest: Instant,
}

/// Timers named by small numbers.
#[derive(Clone, Debug)]
pub struct Wheel {
    entries: Vec<Entry>,
    lists: Vec<List>,
    /// Levels with an occupied slot, and the slots.
    levels: u16,
    occupied: [u64; LEVELS],
    /// Every slot before it is empty.
    position: u64,
    /// The latest `now`.
    seen: Instant,
    len: u32,
}

impl Wheel {
    /// Room for the timers 0 to `capacity` - 1, at 24 bytes each, and 11 KiB for the wheel itself. Nothing is scheduled.
    pub fn new(capacity: u32, now: Instant) -> Result<Self, NoMemory> {
        const EMPTY: List = List {
            first: NONE,
            earliest: Instant(0),
        };
        let count = usize::from(DUE) + 1;
        let mut lists = Vec::new();
        if lists.try_reserve_exact(count).is_err() {
            return Err(NoMemory { capacity });
        }
        lists.resize(count, EMPTY);
        let mut wheel = Wheel {
            entries: Vec::new(),
            lists,
            levels: 0,
            occupied: [0; LEVELS],
            position: now.0,
            seen: now,
            len: 0,
        };
        wheel.grow(capacity)?;
        Ok(wheel)
    }

    /// Makes room for the timers up to `capacity` - 1. Never shrinks; when there is no memory nothing changes.
    pub fn grow(&mut self, capacity: u32) -> Result<(), NoMemory> {
        let more = (capacity as usize).saturating_sub(self.entries.len());
        if self.entries.try_reserve_exact(more).is_err() {
            return Err(NoMemory { capacity });
        }
        self.entries.resize(self.entries.len() + more, Entry::IDLE);
        Ok(())
    }

    /// How many timers there is room for.
    pub fn capacity(&self) -> u32 {
        self.entries.len() as u32
    }

    /// How many are scheduled.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether none is scheduled.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Schedules a timer, instead of when it was scheduled before. A moment that has passed is due at once. Says whether
    /// there is room for this timer: below the capacity there is.
    pub fn schedule(&mut self, id: u32, at: Instant) -> bool {
        let Some(entry) = self.entry(id) else {
            return false;
        };
        if entry.place != NOWHERE {
            if entry.at == at {
                return true;
            }
            self.unlink(id);
        }
        self.link(id, at);
        true
    }

    /// Cancels a timer. Says whether it was scheduled.
    pub fn cancel(&mut self, id: u32) -> bool {
        let scheduled = self.scheduled(id).is_some();
        if scheduled {
            self.unlink(id);
        }
        scheduled
    }

    /// When a timer is scheduled.
    pub fn scheduled(&self, id: u32) -> Option<Instant> {
        let entry = self.entry(id)?;
        (entry.place != NOWHERE).then_some(entry.at)
    }

    /// When to call [`Wheel::expire`] again: no later than the earliest timer, in constant time.
    ///
    /// It is the moment of the earliest timer itself, unless one that was still earlier has been cancelled or rescheduled
    /// since. Then it may be too early, and `expire` finds nothing; but after that call it is later than the `now` of
    /// the call, so waiting for it and calling makes progress.
    pub fn next(&self) -> Option<Instant> {
        let due = self.list(DUE).filter(|l| l.first != NONE);
        let due = due.map(|l| l.earliest);
        let waits = self.first_slot().and_then(|(place, _)| self.list(place));
        match (due, waits.map(|l| l.earliest)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Takes out one timer whose time has come, never early; to be called until there is none. The order of several is not
    /// that of their moments. An earlier `now` than was seen before counts as that one.
    pub fn expire(&mut self, now: Instant) -> Option<u32> {
        self.seen = self.seen.max(now);
        loop {
            let due = self.list(DUE)?.first;
            if due != NONE {
                self.unlink(due);
                return Some(due);
            }
            match self.first_slot() {
                Some((place, start)) if start <= self.seen.0 => self.sort(place, start),
                _ => {
                    self.position = self.seen.0;
                    return None;
                }
            }
        }
    }

    /// Moves the position to the start of the first occupied slot, and its timers to where they belong then.
    fn sort(&mut self, place: u16, start: u64) {
        self.position = start;
        while let Some(first) = self.list(place).map(|l| l.first) {
            let Some(entry) = self.entry(first) else {
                break;
            };
            self.unlink(first);
            self.link(first, entry.at);
        }
    }

    /// The occupied slot that begins first: where it is, and when. Lower levels begin before higher ones, and none of
    /// their slots lies behind the position.
    #[inline]
    fn first_slot(&self) -> Option<(u16, u64)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros();
        let slot = self.occupied.get(level as usize)?.trailing_zeros();
        let shift = level * BITS;
        // What is left of the level's digit is the position's; on the highest level nothing is.
        let above = u64::MAX.checked_shl(shift + BITS).unwrap_or(0);
        let start = self.position & above | u64::from(slot) << shift;
        Some(((level << BITS | slot) as u16, start))
    }

    /// Where a timer belongs.
    #[inline]
    fn place(&self, at: Instant) -> u16 {
        if at <= self.seen {
            return DUE;
        }
        // `at` lies ahead of the position, so that its digit is the greater at the highest level that differs.
        let differs = (at.0 ^ self.position) | 1;
        let level = differs.ilog2() / BITS;
        let slot = (at.0 >> (level * BITS)) as u32 & (SLOTS as u32 - 1);
        (level << BITS | slot) as u16
    }

    /// Puts a timer that is in no list into one.
    fn link(&mut self, id: u32, at: Instant) {
        let place = self.place(at);
        let Some(list) = self.lists.get_mut(usize::from(place)) else {
            return;
        };
        let first = list.first;
        if first == NONE {
            (list.first, list.earliest) = (id, at);
        } else {
            list.earliest = list.earliest.min(at);
        }
        let mut entry = Entry {
            at,
            before: id,
            after: id,
            place,
        };
        if let Some(head) = self.entry_mut(first) {
            (entry.before, entry.after) = (head.before, first);
            head.before = id;
        } else if let Some(slots) = self.occupied.get_mut(usize::from(place) / SLOTS) {
            *slots |= 1 << (usize::from(place) % SLOTS);
            self.levels |= 1 << (usize::from(place) / SLOTS);
        }
        if let Some(last) = self.entry_mut(entry.before) {
            last.after = id;
        }
        if let Some(e) = self.entry_mut(id) {
            *e = entry;
        }
        self.len += 1;
    }

    /// Takes a timer out of its list.
    fn unlink(&mut self, id: u32) {
        let Some(entry) = self.entry(id) else { return };
        let Some(list) = self.lists.get_mut(usize::from(entry.place)) else {
            return;
        };
        let is_alone = entry.after == id;
        if is_alone {
            list.first = NONE;
            let level = usize::from(entry.place) / SLOTS;
            if let Some(slots) = self.occupied.get_mut(level) {
                *slots &= !(1 << (usize::from(entry.place) % SLOTS));
                if *slots == 0 {
                    self.levels &= !(1 << level);
                }
            }
        } else if list.first == id {
            list.first = entry.after;
        }
        if let Some(before) = self.entry_mut(entry.before) {
            before.after = entry.after;
        }
        if let Some(after) = self.entry_mut(entry.after) {
            after.before = entry.before;
        }
        if let Some(e) = self.entry_mut(id) {
            *e = Entry::IDLE;
        }
        self.len -= 1;
    }

    #[inline]
    fn entry(&self, id: u32) -> Option<Entry> {
        self.entries.get(id as usize).copied()
    }

    #[inline]
    fn entry_mut(&mut self, id: u32) -> Option<&mut Entry> {
        self.entries.get_mut(id as usize)
    }

    #[inline]
    fn list(&self, place: u16) -> Option<List> {
        self.lists.get(usize::from(place)).copied()
    }
}
