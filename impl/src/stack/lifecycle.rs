//! From the first segment to the free slot: what follows from a change of state.

use super::ring::Ring;
use super::slab::{NONE, Owner, Slot, queued};
use super::sockets::Change;
use super::{Handle, Provide, Reply, Stack};
use crate::connection::{Buffers, Congestion, Connection};
use crate::state::State;
use crate::time::Instant;
use crate::timewait::TimeWait;
use crate::tuple::Tuple;
use crate::wire::Header;

/// A connection that has left its protocol behind polls a RST and an ACK at most.
const LAST_WORDS: usize = 2;

impl<P: Provide> Stack<P> {
    /// Puts a connection into the slot that was kept for it ([`Stack::keep_slot`]).
    pub(super) fn install(
        &mut self,
        connection: Connection<P::Buffers, P::Congestion>,
        (at, local, tuple): (u32, u32, Tuple),
        owner: Owner,
        now: Instant,
    ) -> Handle {
        self.count_state(connection.state(), 1);
        self.slab.put(connection, tuple, owner, now);
        let by = Change {
            connections: 1,
            ..Change::default()
        };
        self.sockets.change(local, by);
        let mut generation = 0;
        if let Some(slot) = self.slab.get_mut(at) {
            slot.local = local;
            generation = slot.generation;
        }
        self.touched(at, now);
        Handle {
            slot: at,
            generation,
        }
    }

    /// The next free slot, entered in the index. [`Stack::install`] follows, or the index forgets it.
    pub(super) fn keep_slot(&mut self, hash: u64) -> Option<u32> {
        let at = self.slab.vacant()?;
        self.index.insert(hash, at).then_some(at)
    }

    /// A connection was touched: whatever follows from it is noted. Cheap if nothing does.
    #[inline(always)]
    pub(super) fn touched(&mut self, at: u32, now: Instant) {
        let Some(slot) = self.slab.get_mut(at) else {
            return;
        };
        let Some(c) = &slot.connection else { return };
        if c.may_transmit()
            && slot.queued & queued::DIRTY == 0
            && !matches!(c.state(), State::Closed | State::TimeWait | State::Listen)
        {
            slot.queued |= queued::DIRTY;
            self.dirty.push_back(at);
        }
        let next = noted(slot, at, &mut self.events);
        self.follow(next, at, now);
    }

    /// The same for a connection that has sent what it could.
    #[inline(always)]
    pub(super) fn settle(&mut self, at: u32, now: Instant) {
        if let Some(slot) = self.slab.get_mut(at) {
            let next = noted(slot, at, &mut self.events);
            self.follow(next, at, now);
        }
    }

    #[inline(always)]
    pub(super) fn follow(&mut self, next: Next, at: u32, now: Instant) {
        match next {
            Next::Nothing => {}
            Next::Changed => self.changed(at, now),
            Next::Schedule(due) => self.schedule(at, due),
        }
    }

    /// Sees to it that the wheel wakes a connection in time. Most segments move its deadlines back, and then the wheel is
    /// left alone: it wakes the connection too early, and is set anew only then.
    #[cold]
    #[inline(never)]
    fn schedule(&mut self, at: u32, due: Instant) {
        self.wheel.schedule(at, due);
    }

    /// A connection has entered another state.
    #[cold]
    #[inline(never)]
    fn changed(&mut self, at: u32, now: Instant) {
        let Some(slot) = self.slab.get_mut(at) else {
            return;
        };
        let Some(c) = &slot.connection else { return };
        let (from, to) = (slot.state, c.state());
        let (owner, listener) = (slot.owner, slot.listener);
        (slot.state, slot.since) = (to, now);
        self.count_state(from, -1);
        if matches!(to, State::Closed | State::TimeWait | State::Listen) {
            return self.detach(at, now);
        }
        self.count_state(to, 1);
        if owner == Owner::Embryo && to != State::SynReceived {
            self.is_ready(at, listener);
        }
        self.settle(at, now);
    }

    fn count_state(&mut self, state: State, by: i32) {
        if let Some(n) = self.by_state.get_mut(state as usize) {
            *n = n.saturating_add_signed(by);
        }
    }

    /// A connection has left its protocol behind: it leaves the index, and its slot if nobody reads from it.
    fn detach(&mut self, at: u32, now: Instant) {
        let Some(slot) = self.slab.get_mut(at) else {
            return;
        };
        let Some(c) = &mut slot.connection else {
            return;
        };
        let (tuple, local, owner) = (slot.tuple, slot.local, slot.owner);
        let mut last = [None; LAST_WORDS];
        for out in &mut last {
            *out = c
                .poll_transmit(self.configs.of(&tuple), now)
                .map(|out| out.header);
        }
        let record = (c.state() == State::TimeWait).then(|| c.time_wait());
        slot.local = NONE;
        slot.scheduled = Instant::NEVER;
        for header in last.into_iter().flatten() {
            self.reply(tuple, header);
        }
        let hash = self.key.hash(&tuple);
        self.wheel.cancel(at);
        self.index.remove(hash, at);
        let by = Change {
            connections: -1,
            time_waits: record.map_or(0, |r| i32::from(self.enter_time_wait(hash, tuple, r, now))),
            ..Change::default()
        };
        self.sockets.change(local, by);
        match owner {
            Owner::User => {
                if let Some(slot) = self.slab.get_mut(at) {
                    slot.owner = Owner::Detached;
                }
                self.settle(at, now);
            }
            Owner::Embryo | Owner::Ready => {
                self.leave_listener(at);
                self.free(at);
            }
            Owner::Orphan => {
                let mut orphans = self.orphans;
                self.slab.unlink(&mut orphans, at);
                self.orphans = orphans;
                self.free(at);
            }
            Owner::Detached | Owner::Nobody => {}
        }
    }

    /// Says whether there is one more in the table.
    fn enter_time_wait(&mut self, hash: u64, tuple: Tuple, record: TimeWait, now: Instant) -> bool {
        let before = self.time_waits.len();
        // A full table is counted there: the connection goes without.
        let _ = self.time_waits.enter_hashed(hash, tuple, record, now);
        self.time_waits.len() > before
    }

    /// Takes a record out before its time.
    pub(super) fn leave_time_wait(&mut self, hash: u64, tuple: &Tuple) {
        if self.time_waits.remove_hashed(hash, tuple).is_some() {
            self.sockets.time_wait_is_over(tuple);
        }
    }

    /// Empties a slot that stands in no list.
    pub(super) fn free(&mut self, at: u32) {
        if let Some(c) = self.slab.free(at) {
            let (buffers, congestion) = c.into_parts();
            self.provider.reclaim(buffers, congestion);
        }
    }

    /// A segment without a connection is to be sent; its ports are filled in when it is.
    pub(super) fn reply(&mut self, tuple: Tuple, header: Header) {
        if self.replies.len() >= self.limits.replies as usize {
            self.counters.replies_dropped += 1;
        } else {
            self.replies.push_back(Reply { tuple, header });
        }
    }
}

/// What is left to do when a connection was touched.
pub(super) enum Next {
    Nothing,
    Changed,
    Schedule(Instant),
}

/// Notes what follows from a touched connection for its slot and for its user. A function of the slot, so that it is looked
/// for but once.
#[inline(always)]
pub(super) fn noted<B: Buffers, C: Congestion>(
    slot: &mut Slot<B, C>,
    at: u32,
    events: &mut Ring,
) -> Next {
    let Some(c) = &slot.connection else {
        return Next::Nothing;
    };
    if c.state() != slot.state {
        return Next::Changed;
    }
    if c.has_event()
        && slot.queued & queued::EVENT == 0
        && matches!(slot.owner, Owner::User | Owner::Detached)
    {
        slot.queued |= queued::EVENT;
        events.push_back(at);
    }
    // What is dirty looks at its timers when it has sent.
    if slot.queued & queued::DIRTY == 0
        && slot.owner != Owner::Detached
        && let Some(due) = c.poll_timeout()
        && due < slot.scheduled
    {
        slot.scheduled = due;
        return Next::Schedule(due);
    }
    Next::Nothing
}
