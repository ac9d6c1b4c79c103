//! Where connections stand: a list of slots that never moves them, and lists threaded through it.

use alloc::vec::Vec;

use crate::connection::{Buffers, Congestion, Connection};
use crate::state::State;
use crate::time::Instant;
use crate::tuple::Tuple;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// What names a connection to its user. It never names another one: when the connection is closed, aborted or released it
/// is stale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Handle {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// Whose a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// The slot is free.
    Nobody,
    /// A user's, by its handle.
    User,
    /// Its listener's, in SYN_RECEIVED.
    Embryo,
    /// Its listener's, to be accepted.
    Ready,
    /// The user has closed it, and the stack brings it to its end.
    Orphan,
    /// A user's, but it has left its protocol behind: its tuple may be another's.
    Detached,
}

/// In which queues a slot stands; at most once in each.
pub(super) mod queued {
    /// It may have something to send.
    pub(crate) const DIRTY: u8 = 1;
    /// Its user is to be told something.
    pub(crate) const EVENT: u8 = 2;
}

/// A connection and what the stack knows of it.
#[derive(Debug)]
pub(super) struct Slot<B, C> {
    pub(super) tuple: Tuple,
    pub(super) owner: Owner,
    /// As last seen.
    pub(super) state: State,
    pub(super) queued: u8,
    pub(super) generation: u32,
    /// For when the wheel has it; no later than the connection's own deadline, but it may be earlier.
    pub(super) scheduled: Instant,
    /// When it entered its state.
    pub(super) since: Instant,
    /// None in a free slot.
    pub(super) connection: Option<Connection<B, C>>,
    /// Neighbours in the one list in which it stands: of the free, of a listener's, of the orphans.
    before: u32,
    after: u32,
    /// The listener whose it is.
    pub(super) listener: u32,
    /// Its local socket, while it is in the index.
    pub(super) local: u32,
}

/// A list of slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct List {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) len: u32,
}

impl List {
    pub(super) const EMPTY: List = List {
        first: NONE,
        last: NONE,
        len: 0,
    };
}

/// All slots. Their memory is taken at the beginning.
#[derive(Debug)]
pub(super) struct Slab<B, C> {
    slots: Vec<Slot<B, C>>,
    free: List,
    limit: u32,
}

impl<B: Buffers, C: Congestion> Slab<B, C> {
    /// Room for `limit` connections; none if there is no memory for them.
    pub(super) fn new(limit: u32) -> Option<Self> {
        let mut slots = Vec::new();
        slots.try_reserve_exact(usize::try_from(limit).ok()?).ok()?;
        Some(Slab {
            slots,
            free: List::EMPTY,
            limit,
        })
    }

    /// Slots in use.
    pub(super) fn len(&self) -> u32 {
        self.slots.len() as u32 - self.free.len
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> Option<&Slot<B, C>> {
        self.slots.get(at as usize)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Slot<B, C>> {
        self.slots.get_mut(at as usize)
    }

    /// The slot of a handle that is not stale: its user has it still, and it was not freed since.
    #[inline]
    pub(super) fn find(&self, handle: Handle) -> Option<u32> {
        let slot = self.get(handle.slot)?;
        let mine = matches!(slot.owner, Owner::User | Owner::Detached);
        (mine && slot.generation == handle.generation).then_some(handle.slot)
    }

    /// Which slot is taken next; none if the limit is reached.
    pub(super) fn vacant(&self) -> Option<u32> {
        match self.free.first {
            NONE => Some(self.slots.len() as u32).filter(|n| *n < self.limit),
            free => Some(free),
        }
    }

    /// Puts a connection into the vacant slot.
    pub(super) fn put(
        &mut self,
        connection: Connection<B, C>,
        tuple: Tuple,
        owner: Owner,
        now: Instant,
    ) {
        let state = connection.state();
        let at = self.free.first;
        if at == NONE {
            // Within what was reserved, because `vacant` was asked.
            return self.slots.push(Slot {
                tuple,
                owner,
                state,
                queued: 0,
                generation: 0,
                scheduled: Instant::NEVER,
                since: now,
                connection: Some(connection),
                before: NONE,
                after: NONE,
                listener: NONE,
                local: NONE,
            });
        }
        let mut free = self.free;
        self.unlink(&mut free, at);
        self.free = free;
        if let Some(slot) = self.get_mut(at) {
            (slot.tuple, slot.owner, slot.state) = (tuple, owner, state);
            (slot.since, slot.connection) = (now, Some(connection));
            (slot.listener, slot.local) = (NONE, NONE);
        }
    }

    /// Empties a slot that stands in no list. Whoever had its handle has it no more.
    pub(super) fn free(&mut self, at: u32) -> Option<Connection<B, C>> {
        let slot = self.get_mut(at)?;
        slot.owner = Owner::Nobody;
        slot.generation = slot.generation.wrapping_add(1);
        let connection = slot.connection.take()?;
        // The last to be freed is the first to be taken: its memory is warm.
        let mut free = self.free;
        self.prepend(&mut free, at);
        self.free = free;
        Some(connection)
    }

    fn prepend(&mut self, list: &mut List, at: u32) {
        if let Some(slot) = self.get_mut(at) {
            (slot.before, slot.after) = (NONE, list.first);
        }
        match self.get_mut(list.first) {
            Some(first) => first.before = at,
            None => list.last = at,
        }
        list.first = at;
        list.len += 1;
    }

    /// Puts a slot that stands in no list at the end of one.
    pub(super) fn append(&mut self, list: &mut List, at: u32) {
        if let Some(slot) = self.get_mut(at) {
            (slot.before, slot.after) = (list.last, NONE);
        }
        match self.get_mut(list.last) {
            Some(last) => last.after = at,
            None => list.first = at,
        }
        list.last = at;
        list.len += 1;
    }

    /// Takes a slot out of the list in which it stands.
    pub(super) fn unlink(&mut self, list: &mut List, at: u32) {
        let Some(slot) = self.get_mut(at) else { return };
        let (before, after) = (slot.before, slot.after);
        (slot.before, slot.after) = (NONE, NONE);
        match self.get_mut(before) {
            Some(b) => b.after = after,
            None => list.first = after,
        }
        match self.get_mut(after) {
            Some(a) => a.before = before,
            None => list.last = before,
        }
        list.len -= 1;
    }

    /// All slots, the free ones too.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<B, C>> {
        self.slots.iter()
    }
}
