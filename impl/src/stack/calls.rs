//! User calls, by handle.

use super::slab::Owner;
use super::{Handle, Provide, Stack, UserError};
use crate::config::Config;
use crate::connection::{Buffers, CallError, Connection, Received};
use crate::state::State;
use crate::time::Instant;
use crate::tuple::Tuple;

impl<P: Provide> Stack<P> {
    /// SEND: queues as much of `data` as there is room for, and says how many bytes ([`Connection::send`]).
    ///
    /// # Errors
    ///
    /// A stale handle; no connection, closed by the user, or no room at all: [`Indication::Writable`] will say when there is.
    ///
    /// [`Indication::Writable`]: crate::connection::Indication::Writable
    pub fn send(&mut self, now: Instant, handle: Handle, data: &[u8]) -> Result<usize, UserError> {
        self.call(now, handle, |c, config| c.send(config, now, data))
    }

    /// RECEIVE into `to` ([`Connection::receive`]). What is unread stays readable when the connection is over, unless it
    /// ended by a reset.
    ///
    /// # Errors
    ///
    /// A stale handle; the connection is over without an end of the stream.
    #[inline]
    pub fn receive(
        &mut self,
        now: Instant,
        handle: Handle,
        to: &mut [u8],
    ) -> Result<Received, UserError> {
        let at = self.slab.find(handle).ok_or(UserError::Stale)?;
        let slot = self.slab.get_mut(at).ok_or(UserError::Stale)?;
        let c = slot.connection.as_mut().ok_or(UserError::Stale)?;
        let received = c.receive(self.configs.of(&slot.tuple), to);
        let detached = slot.owner == Owner::Detached;
        // Nothing follows from a RECEIVE but, sometimes, that the peer must hear of the window.
        if c.owes() {
            self.touched(at, now);
        }
        if detached && received.is_ok() {
            self.announce_window(at);
        }
        Ok(received?)
    }

    /// SHUTDOWN: nothing more to send; reading goes on ([`Connection::shutdown`]). RFC 9293's CLOSE.
    ///
    /// # Errors
    ///
    /// A stale handle; no connection, or closed before.
    pub fn shutdown(&mut self, now: Instant, handle: Handle) -> Result<(), UserError> {
        self.call(now, handle, |c, config| c.shutdown(config, now))
    }

    /// CLOSE: nothing more to send, and nobody will read again ([`Connection::close`]). The handle is stale from now on; the
    /// stack sees to the rest. Unread text makes it an ABORT.
    ///
    /// At [`Limits::orphans`](super::Limits::orphans) the oldest connection that was closed and has not come to its end is
    /// aborted.
    ///
    /// # Errors
    ///
    /// A stale handle.
    pub fn close(&mut self, now: Instant, handle: Handle) -> Result<(), UserError> {
        let at = self.slab.find(handle).ok_or(UserError::Stale)?;
        let Some(slot) = self.slab.get_mut(at) else {
            return Err(UserError::Stale);
        };
        if slot.owner == Owner::Detached {
            self.free(at);
            return Ok(());
        }
        slot.owner = Owner::Orphan;
        if let Some(c) = &mut slot.connection {
            // Closed before is closed.
            let _ = c.close(self.configs.of(&slot.tuple), now);
        }
        self.slab.append(&mut self.orphans, at);
        self.touched(at, now);
        if self.orphans.len > self.limits.orphans {
            let oldest = self.orphans.first;
            self.counters.orphans_aborted += 1;
            self.abort_at(oldest, now);
        }
        Ok(())
    }

    /// ABORT: a RST goes out where the peer knows of the connection, and nothing is kept ([`Connection::abort`]). The handle
    /// is stale from now on.
    ///
    /// # Errors
    ///
    /// A stale handle.
    pub fn abort(&mut self, now: Instant, handle: Handle) -> Result<(), UserError> {
        let at = self.slab.find(handle).ok_or(UserError::Stale)?;
        let is_open = self.slab.get(at).is_some_and(|s| s.owner == Owner::User);
        if is_open {
            self.abort_at(at, now);
        } else if let Some((hash, tuple)) = self.record_of(at) {
            // ABORT in TIME_WAIT enters CLOSED (RFC 9293 section 3.10.5).
            self.leave_time_wait(hash, &tuple);
        }
        self.free(at);
        Ok(())
    }

    fn abort_at(&mut self, at: u32, now: Instant) {
        if let Some(slot) = self.slab.get_mut(at)
            && let Some(c) = &mut slot.connection
        {
            // It has a connection.
            let _ = c.abort(self.configs.of(&slot.tuple));
        }
        self.touched(at, now);
    }

    /// Gives up a connection that has left its protocol behind: what is unread is lost. The handle is stale from now on.
    ///
    /// # Errors
    ///
    /// A stale handle; a connection whose protocol goes on.
    pub fn release(&mut self, handle: Handle) -> Result<(), UserError> {
        let at = self.slab.find(handle).ok_or(UserError::Stale)?;
        if self.slab.get(at).is_some_and(|s| s.owner == Owner::User) {
            return Err(UserError::Open);
        }
        self.free(at);
        Ok(())
    }

    /// The state: CLOSED when TIME_WAIT is over, too.
    ///
    /// # Errors
    ///
    /// A stale handle.
    pub fn state(&self, handle: Handle) -> Result<State, UserError> {
        let c = self.connection(handle)?;
        let over = c.state() == State::TimeWait && self.record_of(handle.slot).is_none();
        Ok(if over { State::Closed } else { c.state() })
    }

    /// The state of whatever is between these ends, whoever's it is: a connection, or a TIME_WAIT; CLOSED if there is
    /// nothing.
    pub fn state_between(&self, tuple: &Tuple) -> State {
        let hash = self.key.hash(tuple);
        match self.find(hash, tuple).and_then(|at| self.slab.get(at)) {
            Some(slot) => slot.state,
            None if self.time_waits.get_hashed(hash, tuple).is_some() => State::TimeWait,
            None => State::Closed,
        }
    }

    /// The two ends.
    ///
    /// # Errors
    ///
    /// A stale handle.
    pub fn tuple(&self, handle: Handle) -> Result<Tuple, UserError> {
        let at = self.slab.find(handle).ok_or(UserError::Stale)?;
        let slot = self.slab.get(at).ok_or(UserError::Stale)?;
        Ok(slot.tuple)
    }

    /// Bytes that can be read.
    ///
    /// # Errors
    ///
    /// A stale handle.
    pub fn readable(&self, handle: Handle) -> Result<u32, UserError> {
        Ok(self.connection(handle)?.readable())
    }

    /// Bytes that the send queue takes.
    ///
    /// # Errors
    ///
    /// A stale handle.
    pub fn writable(&self, handle: Handle) -> Result<u32, UserError> {
        Ok(self.connection(handle)?.buffers().send_room())
    }

    /// All there is to know of a connection.
    ///
    /// # Errors
    ///
    /// A stale handle.
    pub fn connection(
        &self,
        handle: Handle,
    ) -> Result<&Connection<P::Buffers, P::Congestion>, UserError> {
        let at = self.slab.find(handle).ok_or(UserError::Stale)?;
        let slot = self.slab.get(at).ok_or(UserError::Stale)?;
        slot.connection.as_ref().ok_or(UserError::Stale)
    }

    #[inline]
    fn call<T>(
        &mut self,
        now: Instant,
        handle: Handle,
        call: impl FnOnce(&mut Connection<P::Buffers, P::Congestion>, &Config) -> Result<T, CallError>,
    ) -> Result<T, UserError> {
        let at = self.slab.find(handle).ok_or(UserError::Stale)?;
        let slot = self.slab.get_mut(at).ok_or(UserError::Stale)?;
        let c = slot.connection.as_mut().ok_or(UserError::Stale)?;
        let result = call(c, self.configs.of(&slot.tuple));
        self.touched(at, now);
        Ok(result?)
    }

    /// Where the record of a detached connection is, if it still is: another of the same ends may have followed it.
    fn record_of(&self, at: u32) -> Option<(u64, Tuple)> {
        let slot = self.slab.get(at)?;
        let c = slot.connection.as_ref()?;
        let hash = self.key.hash(&slot.tuple);
        let (record, _) = self.time_waits.get_hashed(hash, &slot.tuple)?;
        let same = (record.snd_nxt, record.rcv_nxt) == (c.snd_nxt(), c.rcv_nxt());
        same.then_some((hash, slot.tuple))
    }

    /// Reading in TIME_WAIT makes room that its answers offer.
    #[cold]
    #[inline(never)]
    fn announce_window(&mut self, at: u32) {
        let window = self.slab.get(at).and_then(|s| s.connection.as_ref());
        let window = window.map_or(0, Connection::rcv_wnd);
        if let Some((hash, tuple)) = self.record_of(at)
            && let Some(record) = self.time_waits.get_mut_hashed(hash, &tuple)
        {
            record.set_window(window);
        }
    }
}
