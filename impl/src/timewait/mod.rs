//! TIME_WAIT for very many connections (RFC 9293 section 3.6.1).
//!
//! A connection in TIME_WAIT needs no buffers and one timer: a small record in a table of its own takes its place. All last
//! equally long, so they expire in the order in which they began, from the front of a list, in constant time; who is
//! restarted goes to its end. Peers choose tuples, so the hash is keyed. All memory is taken at the beginning: 64 bytes for
//! a record of IPv4 and 88 for one of IPv6, the index included.
//!
//! What a segment does to a connection in TIME_WAIT is not decided here.

mod answers;
mod fifo;
pub(crate) mod index;
mod record;
#[cfg(test)]
mod tests;

use core::time::Duration;

use crate::time::Instant;
use crate::tuple::{HashKey, Tuple, V4, V6};
use fifo::{Entered, Fifo};

pub use answers::Answer;
pub use record::{TimeWait, TimeWaitFlags};

/// How many records there may be, for each family (at most 2^32 - 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Of IPv4.
    pub v4: u32,
    /// Of IPv6.
    pub v6: u32,
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
    /// The limit for the family.
    pub limit: usize,
}

/// There is not the memory for as many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no memory for {} connections of IPv4 and {} of IPv6 in TIME_WAIT", limits.v4, limits.v6)]
pub struct NoMemory {
    /// How many were asked for.
    pub limits: Limits,
}

/// All connections of a host that are in TIME_WAIT.
///
/// `now` must not go back from call to call: those that are entered or restarted at an earlier `now` than others before
/// them end after these.
///
/// The methods whose names end in `_hashed` take the tuple's hash under [`Table::hash_key`] from who knows it already.
#[derive(Clone, Debug)]
pub struct Table {
    v4: Fifo<V4>,
    v6: Fifo<V6>,
    key: HashKey,
    lasts: Duration,
    counters: Counters,
}

impl Table {
    /// Room for so many records that last for `lasts`, twice MSL. `key` must be secret and random: it keeps peers from
    /// choosing tuples that collide.
    pub fn new(limits: Limits, lasts: Duration, key: impl Into<HashKey>) -> Result<Self, NoMemory> {
        let (Some(v4), Some(v6)) = (Fifo::new(limits.v4), Fifo::new(limits.v6)) else {
            return Err(NoMemory { limits });
        };
        Ok(Table {
            v4,
            v6,
            key: key.into(),
            lasts,
            counters: Counters::default(),
        })
    }

    /// The key under which the table hashes.
    pub fn hash_key(&self) -> &HashKey {
        &self.key
    }

    /// How many there are, of both families.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the table has taken for its records and their index, in use or not. It never takes more.
    pub fn bytes(&self) -> usize {
        self.v4.bytes() + self.v6.bytes()
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The record of a connection, and when it ends.
    pub fn get(&self, tuple: &Tuple) -> Option<(&TimeWait, Instant)> {
        self.get_hashed(self.key.hash(tuple), tuple)
    }

    /// See [`Table::get`].
    #[inline]
    pub fn get_hashed(&self, hash: u64, tuple: &Tuple) -> Option<(&TimeWait, Instant)> {
        self.check(hash, tuple);
        match tuple {
            Tuple::V4(t) => self.v4.get(hash, t),
            Tuple::V6(t) => self.v6.get(hash, t),
        }
    }

    /// The record of a connection, to be changed where it stands; its time goes on.
    pub fn get_mut(&mut self, tuple: &Tuple) -> Option<&mut TimeWait> {
        self.get_mut_hashed(self.key.hash(tuple), tuple)
    }

    /// See [`Table::get_mut`].
    pub fn get_mut_hashed(&mut self, hash: u64, tuple: &Tuple) -> Option<&mut TimeWait> {
        self.check(hash, tuple);
        match tuple {
            Tuple::V4(t) => self.v4.get_mut(hash, t),
            Tuple::V6(t) => self.v6.get_mut(hash, t),
        }
    }

    /// Enters a connection: its time begins now. One that is there already is replaced and restarted.
    pub fn enter(&mut self, tuple: Tuple, record: TimeWait, now: Instant) -> Result<(), Full> {
        self.enter_hashed(self.key.hash(&tuple), tuple, record, now)
    }

    /// See [`Table::enter`].
    pub fn enter_hashed(
        &mut self,
        hash: u64,
        tuple: Tuple,
        record: TimeWait,
        now: Instant,
    ) -> Result<(), Full> {
        self.check(hash, &tuple);
        let ends = now + self.lasts;
        let (entered, limit) = match tuple {
            Tuple::V4(t) => (self.v4.enter(hash, t, record, ends), self.v4.limit()),
            Tuple::V6(t) => (self.v6.enter(hash, t, record, ends), self.v6.limit()),
        };
        match entered {
            Entered::New => self.counters.entered += 1,
            Entered::Again => self.counters.restarted += 1,
            Entered::Refused => {
                self.counters.refused += 1;
                return Err(Full { limit });
            }
        }
        Ok(())
    }

    /// "Restart the 2 MSL timeout." Says whether it is there.
    pub fn restart(&mut self, tuple: &Tuple, now: Instant) -> bool {
        self.restart_hashed(self.key.hash(tuple), tuple, now)
    }

    /// See [`Table::restart`].
    pub fn restart_hashed(&mut self, hash: u64, tuple: &Tuple, now: Instant) -> bool {
        self.check(hash, tuple);
        let ends = now + self.lasts;
        let there = match tuple {
            Tuple::V4(t) => self.v4.restart(hash, t, ends),
            Tuple::V6(t) => self.v6.restart(hash, t, ends),
        };
        self.counters.restarted += u64::from(there);
        there
    }

    /// Takes a record out before its time.
    pub fn remove(&mut self, tuple: &Tuple) -> Option<TimeWait> {
        self.remove_hashed(self.key.hash(tuple), tuple)
    }

    /// See [`Table::remove`].
    pub fn remove_hashed(&mut self, hash: u64, tuple: &Tuple) -> Option<TimeWait> {
        self.check(hash, tuple);
        let removed = match tuple {
            Tuple::V4(t) => self.v4.remove(hash, t),
            Tuple::V6(t) => self.v6.remove(hash, t),
        }?;
        self.counters.removed += 1;
        Some(removed)
    }

    /// When the next one is over.
    pub fn next_expiry(&self) -> Option<Instant> {
        match (self.v4.next_expiry(), self.v6.next_expiry()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Takes out one whose time is over; to be called until there is none. Of two that end at the same moment the one of
    /// IPv4 comes first.
    pub fn expire(&mut self, now: Instant) -> Option<(Tuple, TimeWait)> {
        let next = self.next_expiry()?;
        if next > now {
            return None;
        }
        let key = self.key;
        let expired = if self.v4.next_expiry() == Some(next) {
            let (t, record) = self.v4.pop(|t| key.hash(&Tuple::V4(*t)))?;
            (Tuple::V4(t), record)
        } else {
            let (t, record) = self.v6.pop(|t| key.hash(&Tuple::V6(*t)))?;
            (Tuple::V6(t), record)
        };
        self.counters.expired += 1;
        Some(expired)
    }

    /// All of them with their ends, in the order in which [`Table::expire`] takes them out.
    pub fn iter(&self) -> impl Iterator<Item = (Tuple, &TimeWait, Instant)> {
        let mut v4 = self.v4.iter().map(|(t, r, e)| (Tuple::V4(*t), r, e));
        let mut v6 = self.v6.iter().map(|(t, r, e)| (Tuple::V6(*t), r, e));
        let (mut next4, mut next6) = (v4.next(), v6.next());
        core::iter::from_fn(move || {
            let is_v4 = match (&next4, &next6) {
                (Some(a), Some(b)) => a.2 <= b.2,
                (a, _) => a.is_some(),
            };
            if is_v4 {
                core::mem::replace(&mut next4, v4.next())
            } else {
                core::mem::replace(&mut next6, v6.next())
            }
        })
    }

    /// A wrong hash hides a record: a mistake of the caller's.
    #[inline]
    fn check(&self, hash: u64, tuple: &Tuple) {
        debug_assert_eq!(hash, self.key.hash(tuple), "not the hash of {tuple}");
    }
}
