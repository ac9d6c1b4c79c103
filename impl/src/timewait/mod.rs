//! TIME_WAIT for very many connections (RFC 9293 section 3.6.1).
//!
//! A connection in TIME_WAIT needs no buffers and one timer: a small record in a table of its own takes its place. All last
//! equally long, so they expire in the order in which they began, from the front of a list, in constant time; who is
//! restarted goes to its end. Peers choose tuples, so the hash is keyed. All memory is taken at the beginning.

extern crate alloc;

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::net::SocketAddr;
use core::time::Duration;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::seq::SeqNumber;
use crate::time::Instant;

/// The two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tuple {
    /// This host's.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
}

/// What TIME_WAIT remembers of its connection: enough to answer old segments and to judge a SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeWait {
    /// SND.NXT: past our FIN.
    pub snd_nxt: SeqNumber,
    /// RCV.NXT: past the peer's FIN.
    pub rcv_nxt: SeqNumber,
    /// The window that its answers offer, as it stands in the header.
    pub window: u16,
    /// The largest window the peer ever offered (RFC 5961 section 5), in bytes.
    pub max_snd_wnd: u32,
    /// TS.Recent, if the connection used timestamps.
    pub ts_recent: Option<u32>,
    /// What is added to the clock in TSval.
    pub ts_offset: u32,
}

/// How often something happened since the table was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Records entered.
    pub entered: u64,
    /// Records whose time began anew.
    pub restarted: u64,
    /// Records whose time was over.
    pub expired: u64,
    /// Records taken out before their time: reopened, or given up by their user.
    pub removed: u64,
    /// Records that found the table full.
    pub refused: u64,
}

/// The table is at its limit. The connection has to stay what it is, or to go without TIME_WAIT: its owner decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the limit of {limit} connections in TIME_WAIT is reached")]
pub struct Full {
    /// The limit.
    pub limit: usize,
}

/// There is not the memory for as many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no memory for {limit} connections in TIME_WAIT")]
pub struct NoMemory {
    /// How many were asked for.
    pub limit: usize,
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Slot {
    tuple: Tuple,
    record: TimeWait,
    ends: Instant,
    /// Neighbours in the order of expiry; `after` links free slots, too.
    before: u32,
    after: u32,
}

/// All connections of a host that are in TIME_WAIT.
#[derive(Clone, Debug)]
pub struct Table {
    slots: Vec<Slot>,
    index: HashTable<u32>,
    key: SipHasher13,
    lasts: Duration,
    limit: usize,
    first: u32,
    last: u32,
    free: u32,
    counters: Counters,
}

impl Table {
    /// Room for `limit` records (at most 2^32 - 1) that last for `lasts`, twice MSL. `key` must be secret and random: it
    /// keeps peers from choosing tuples that collide.
    pub fn new(limit: u32, lasts: Duration, key: [u8; 16]) -> Result<Self, NoMemory> {
        let limit = limit as usize;
        let mut slots = Vec::new();
        let mut index = HashTable::new();
        let room =
            slots.try_reserve_exact(limit).is_ok() && index.try_reserve(limit, |_| 0).is_ok();
        if !room {
            return Err(NoMemory { limit });
        }
        Ok(Table {
            slots,
            index,
            key: SipHasher13::new_with_key(&key),
            lasts,
            limit,
            first: NONE,
            last: NONE,
            free: NONE,
            counters: Counters::default(),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The record of a connection.
    pub fn get(&self, tuple: &Tuple) -> Option<&TimeWait> {
        self.find(tuple)
            .and_then(|at| self.slot(at))
            .map(|s| &s.record)
    }

    /// Enters a connection: its time begins now. One that is there already is replaced and restarted.
    pub fn enter(&mut self, tuple: Tuple, record: TimeWait, now: Instant) -> Result<(), Full> {
        if let Some(at) = self.find(&tuple) {
            if let Some(slot) = self.slot_mut(at) {
                slot.record = record;
            }
            self.move_to_end(at, now);
            return Ok(());
        }
        if self.len() >= self.limit {
            self.counters.refused += 1;
            return Err(Full { limit: self.limit });
        }
        let slot = Slot {
            tuple,
            record,
            ends: now + self.lasts,
            before: NONE,
            after: NONE,
        };
        let at = self.take_slot(slot);
        self.append(at);
        let hash = self.hash(&tuple);
        let (slots, key) = (&self.slots, self.key);
        self.index.insert_unique(hash, at, |at| {
            slots
                .get(*at as usize)
                .map_or(0, |s| hash_of(key, &s.tuple))
        });
        self.counters.entered += 1;
        Ok(())
    }

    /// "Restart the 2 MSL timeout." Says whether it is there.
    pub fn restart(&mut self, tuple: &Tuple, now: Instant) -> bool {
        let Some(at) = self.find(tuple) else {
            return false;
        };
        self.move_to_end(at, now);
        true
    }

    /// Takes a record out before its time.
    pub fn remove(&mut self, tuple: &Tuple) -> Option<TimeWait> {
        let at = self.find(tuple)?;
        self.counters.removed += 1;
        self.take_out(at).map(|(_, record)| record)
    }

    /// When the next one is over.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.slot(self.first).map(|s| s.ends)
    }

    /// Takes out one whose time is over; to be called until there is none.
    pub fn expire(&mut self, now: Instant) -> Option<(Tuple, TimeWait)> {
        if self.next_expiry()? > now {
            return None;
        }
        self.counters.expired += 1;
        self.take_out(self.first)
    }

    /// All of them, in the order in which they end.
    pub fn iter(&self) -> impl Iterator<Item = (&Tuple, &TimeWait, Instant)> {
        let mut at = self.first;
        core::iter::from_fn(move || {
            let slot = self.slot(at)?;
            at = slot.after;
            Some((&slot.tuple, &slot.record, slot.ends))
        })
    }

    fn slot(&self, at: u32) -> Option<&Slot> {
        self.slots.get(at as usize)
    }

    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.slots.get_mut(at as usize)
    }

    fn hash(&self, tuple: &Tuple) -> u64 {
        hash_of(self.key, tuple)
    }

    fn find(&self, tuple: &Tuple) -> Option<u32> {
        let is_it = |at: &u32| self.slot(*at).is_some_and(|s| s.tuple == *tuple);
        self.index.find(self.hash(tuple), is_it).copied()
    }

    fn take_slot(&mut self, slot: Slot) -> u32 {
        let free = self.free;
        if let Some(old) = self.slot_mut(free) {
            let next = old.after;
            *old = slot;
            self.free = next;
            return free;
        }
        self.slots.push(slot); // within what was reserved
        (self.slots.len() - 1) as u32
    }

    fn take_out(&mut self, at: u32) -> Option<(Tuple, TimeWait)> {
        let (tuple, record) = self.slot(at).map(|s| (s.tuple, s.record))?;
        if let Ok(entry) = self.index.find_entry(self.hash(&tuple), |x| *x == at) {
            entry.remove();
        }
        self.unlink(at);
        let free = self.free;
        if let Some(slot) = self.slot_mut(at) {
            slot.after = free;
        }
        self.free = at;
        Some((tuple, record))
    }

    fn move_to_end(&mut self, at: u32, now: Instant) {
        let ends = now + self.lasts;
        self.unlink(at);
        if let Some(slot) = self.slot_mut(at) {
            slot.ends = ends;
        }
        self.append(at);
        self.counters.restarted += 1;
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

fn hash_of(mut key: SipHasher13, tuple: &Tuple) -> u64 {
    tuple.hash(&mut key);
    key.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{IpAddr, Ipv4Addr};

    const LASTS: Duration = Duration::from_secs(60);

    fn table(limit: u32) -> Table {
        Table::new(limit, LASTS, [7; 16]).unwrap()
    }

    fn tuple(n: u16) -> Tuple {
        let at = |host, port| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port);
        Tuple {
            local: at(1, 80),
            remote: at(2, n),
        }
    }

    fn record(n: u32) -> TimeWait {
        TimeWait {
            snd_nxt: SeqNumber(n),
            rcv_nxt: SeqNumber(!n),
            window: 0,
            max_snd_wnd: 0,
            ts_recent: None,
            ts_offset: 0,
        }
    }

    #[test]
    fn a_record_is_tens_of_bytes() {
        assert!(size_of::<TimeWait>() <= 28);
        assert!(size_of::<Slot>() <= 112);
    }

    #[test]
    fn it_lasts_its_time_and_not_longer() {
        let mut t = table(2);
        t.enter(tuple(1), record(1), Instant(5)).unwrap();
        let ends = Instant(5) + LASTS;
        assert_eq!(t.next_expiry(), Some(ends));
        assert_eq!(t.expire(Instant(ends.0 - 1)), None);
        assert_eq!(t.get(&tuple(1)), Some(&record(1)));
        assert_eq!(t.expire(ends), Some((tuple(1), record(1))));
        assert!(t.is_empty() && t.next_expiry().is_none());
    }

    #[test]
    fn a_full_table_says_so_and_counts() {
        let mut t = table(2);
        t.enter(tuple(1), record(1), Instant(0)).unwrap();
        t.enter(tuple(2), record(2), Instant(0)).unwrap();
        let full = t.enter(tuple(3), record(3), Instant(0));
        assert_eq!(full, Err(Full { limit: 2 }));
        t.enter(tuple(1), record(9), Instant(1)).unwrap(); // it is there
        assert_eq!(t.get(&tuple(1)), Some(&record(9)));
        assert_eq!(t.remove(&tuple(2)), Some(record(2)));
        t.enter(tuple(3), record(3), Instant(2)).unwrap();
        let c = t.counters();
        assert_eq!((c.entered, c.restarted, c.removed, c.refused), (3, 1, 1, 1));
        assert!(table(0).enter(tuple(1), record(1), Instant(0)).is_err());
    }

    /// The table against a plain list, over many random steps.
    #[test]
    fn it_agrees_with_a_naive_list() {
        const LIMIT: usize = 12;
        let mut t = table(LIMIT as u32);
        let mut naive: Vec<(Tuple, TimeWait, Instant)> = Vec::new();
        let mut x = 1u64;
        let mut now = Instant(0);
        let mut expired = 0;
        for step in 0..200_000u32 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (what, who) = (x >> 61, tuple((x >> 32) as u16 % 20));
            let there = naive.iter().position(|n| n.0 == who);
            match what {
                0..=2 => {
                    let entered = t.enter(who, record(step), now).is_ok();
                    assert_eq!(entered, there.is_some() || naive.len() < LIMIT);
                    if entered {
                        there.map(|at| naive.remove(at));
                        naive.push((who, record(step), now + LASTS));
                    }
                }
                3 => {
                    assert_eq!(t.restart(&who, now), there.is_some());
                    if let Some(at) = there {
                        let (a, b, _) = naive.remove(at);
                        naive.push((a, b, now + LASTS));
                    }
                }
                4 => assert_eq!(t.remove(&who), there.map(|at| naive.remove(at).1)),
                5 => assert_eq!(t.get(&who), there.map(|at| &naive[at].1)),
                _ => {
                    now = now + Duration::from_secs(x >> 58);
                    while let Some((who, record)) = t.expire(now) {
                        let first = naive.remove(0);
                        assert_eq!((who, record), (first.0, first.1));
                        expired += 1;
                    }
                }
            }
            assert_eq!(t.len(), naive.len());
            assert_eq!(t.next_expiry(), naive.first().map(|n| n.2));
        }
        assert!(expired > 1_000 && t.slots.len() == LIMIT);
        assert!(t.iter().map(|(a, b, c)| (*a, *b, c)).eq(naive));
    }
}
