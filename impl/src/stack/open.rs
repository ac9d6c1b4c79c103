//! OPEN: listeners and what they have, and active OPENs.

use core::net::SocketAddr;

use super::arrive::Arrival;
use super::bind::is_nobody;
use super::slab::{List, NONE, Owner};
use super::sockets::Change;
use super::{BindError, Handle, Limit, Provide, Refused, Reuse, Stack, UserError, is_broadcast};
use crate::connection::{Begin, Connection};
use crate::time::Instant;
use crate::timewait::TimeWait;
use crate::tuple::Tuple;

/// What names a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct ListenerId {
    slot: u32,
    generation: u32,
}

/// A passive OPEN and its connections until they are accepted.
#[derive(Debug)]
pub(super) struct Listener {
    /// Its local socket; none if it is closed.
    socket: u32,
    generation: u32,
    backlog: u32,
    embryos: List,
    ready: List,
    /// It stands among those whose users are to be told.
    queued: bool,
}

impl Listener {
    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.socket != NONE
    }

    /// Embryos, unaccepted connections, the local socket.
    #[cfg(test)]
    pub(super) fn audit(&self) -> (u32, u32, u32) {
        (self.embryos.len, self.ready.len, self.socket)
    }

    /// Its user is told: what to say, if there still is anything.
    pub(super) fn told(&mut self, slot: u32) -> Option<ListenerId> {
        self.queued = false;
        let generation = self.generation;
        (self.ready.len > 0).then_some(ListenerId { slot, generation })
    }
}

impl<P: Provide> Stack<P> {
    /// A passive OPEN: connections to `local` are accepted. The unspecified address stands for all of its family, port by
    /// port; who listens on one address goes before who listens on all.
    ///
    /// `backlog` is how many connections there may be that are not accepted, half-open ones included; it is cut down to
    /// [`Limits::backlog`](super::Limits::backlog). SYNs beyond are dropped in silence.
    ///
    /// Without [`Reuse::Address`] nothing may hold the local socket, not even a connection in TIME_WAIT: the everyday face
    /// of TIME_WAIT, met by every server that is restarted.
    ///
    /// ```
    /// # use farewell::{Config, Instant, Stack};
    /// # use farewell::stack::{BindError, Heap, Limits, Reuse, Secrets};
    /// # let mut stack = Stack::new(Config::default(), Limits::default(), Secrets::new([0; 64]),
    /// #     Heap::new(4096, 4096, 1 << 20), Instant(0))?;
    /// let any = "0.0.0.0:80".parse()?;
    /// stack.listen(any, 16, Reuse::No)?;
    /// assert_eq!(stack.listen(any, 16, Reuse::Address), Err(BindError::Listening(any)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The local socket is held, or is not this host's; as many listeners as there may be.
    pub fn listen(
        &mut self,
        local: SocketAddr,
        backlog: u32,
        reuse: Reuse,
    ) -> Result<ListenerId, BindError> {
        let ip = local.ip();
        if local.port() == 0 || ip.is_multicast() || is_broadcast(ip) {
            return Err(BindError::BadAddress);
        }
        if !ip.is_unspecified() && !self.is_ours(&local) {
            return Err(BindError::NoAddress);
        }
        self.may_bind(local, reuse)?;
        if let Some(socket) = self.socket_or_any(local).filter(|s| s.1)
            && self
                .sockets
                .get(socket.0)
                .is_some_and(|s| s.listener != NONE)
        {
            return Err(BindError::Listening(local));
        }
        self.add_listener(local, backlog).ok_or_else(|| {
            self.counters.listens_refused += 1;
            Limit::Listeners.into()
        })
    }

    fn add_listener(&mut self, local: SocketAddr, backlog: u32) -> Option<ListenerId> {
        let free = self.listeners.iter().position(|l| l.socket == NONE);
        let slot = match free {
            Some(slot) => slot,
            None if self.listeners.len() < self.limits.listeners as usize => {
                self.listeners.try_reserve(1).ok()?;
                self.incoming.try_reserve(self.listeners.len() + 1).ok()?;
                self.listeners.push(Listener {
                    socket: NONE,
                    generation: 0,
                    backlog: 0,
                    embryos: List::EMPTY,
                    ready: List::EMPTY,
                    queued: false,
                });
                self.listeners.len() - 1
            }
            None => return None,
        };
        let socket = self.sockets.acquire(local.ip(), local.port())?;
        let listener = self.listeners.get_mut(slot)?;
        listener.socket = socket;
        listener.backlog = backlog.min(self.limits.backlog);
        let (slot, generation) = (slot as u32, listener.generation);
        if let Some(s) = self.sockets.get_mut(socket) {
            s.listener = slot;
        }
        let by = Change {
            listeners: 1,
            ..Change::default()
        };
        self.sockets.change(socket, by);
        Some(ListenerId { slot, generation })
    }

    /// The next connection of a listener, in the order in which they were established. One that was reset before it was
    /// accepted is not among them: there would be nothing to read.
    pub fn accept(&mut self, listener: ListenerId) -> Option<Handle> {
        let l = self
            .listeners
            .get_mut(listener.slot as usize)
            .filter(|l| l.generation == listener.generation)?;
        let at = l.ready.first;
        self.slab.get(at)?;
        self.slab.unlink(&mut l.ready, at);
        let slot = self.slab.get_mut(at)?;
        slot.owner = Owner::User;
        slot.listener = NONE;
        let handle = Handle {
            slot: at,
            generation: slot.generation,
        };
        // What its user would have been told by now. Nothing else has changed, so that any moment will do.
        let now = slot.since;
        self.settle(at, now);
        Some(handle)
    }

    /// Ends a listener. Its connections, half-open and unaccepted ones, are aborted, and linger as aborted ones do: the
    /// work of this call grows with their number.
    ///
    /// # Errors
    ///
    /// It has been ended before.
    pub fn unlisten(&mut self, now: Instant, listener: ListenerId) -> Result<(), UserError> {
        let l = self
            .listeners
            .get_mut(listener.slot as usize)
            .filter(|l| l.generation == listener.generation && l.socket != NONE)
            .ok_or(UserError::Stale)?;
        l.generation = l.generation.wrapping_add(1);
        let socket = l.socket;
        while let Some(l) = self.listeners.get(listener.slot as usize) {
            let at = if l.embryos.len > 0 {
                l.embryos.first
            } else {
                l.ready.first
            };
            let slot = self.slab.get_mut(at);
            let Some(c) = slot.and_then(|s| s.connection.as_mut()) else {
                break;
            };
            let aborted = c.abort(&self.configs.v4);
            self.touched(at, now);
            if aborted.is_err() {
                break; // cannot be: it has a connection
            }
        }
        if let Some(l) = self.listeners.get_mut(listener.slot as usize) {
            l.socket = NONE;
        }
        if let Some(s) = self.sockets.get_mut(socket) {
            s.listener = NONE;
        }
        let by = Change {
            listeners: -1,
            ..Change::default()
        };
        self.sockets.change(socket, by);
        Ok(())
    }

    /// An active OPEN: the SYN is polled next. Without `local`, or with its port 0, the port is chosen (RFC 6056), and
    /// without `local` the address is this host's first of the peer's family.
    ///
    /// A connection in TIME_WAIT between the same ends refuses it whatever `reuse` says; a chosen port avoids that.
    ///
    /// # Errors
    ///
    /// The ends are held, or are no ends; limits.
    pub fn connect(
        &mut self,
        now: Instant,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        reuse: Reuse,
    ) -> Result<Handle, BindError> {
        let local = match local {
            Some(local) => local,
            None => {
                let mine = |ip: &&core::net::IpAddr| ip.is_ipv4() == remote.is_ipv4();
                let ip = self.addresses.iter().find(mine);
                SocketAddr::new(*ip.ok_or(BindError::NoAddress)?, 0)
            }
        };
        let tuple = Tuple::new(local, remote).ok_or(BindError::BadAddress)?;
        if remote.port() == 0 || is_nobody(&local) || is_nobody(&remote) {
            return Err(BindError::BadAddress);
        }
        if !self.is_ours(&local) {
            return Err(BindError::NoAddress);
        }
        let tuple = if local.port() == 0 {
            self.choose_port(&tuple, now)?
        } else {
            self.may_bind(local, reuse)?;
            self.is_vacant(&tuple, now)?;
            tuple
        };
        self.open(now, tuple).map_err(|limit| {
            self.counters.connects_refused += 1;
            limit.into()
        })
    }

    fn open(&mut self, now: Instant, tuple: Tuple) -> Result<Handle, Limit> {
        let hash = self.key.hash(&tuple);
        let (at, local, buffers, congestion) = self.reserve(hash, &tuple)?;
        let begin = Begin {
            iss: self.isn.isn(&tuple, now),
            ts_offset: self.isn.ts_offset(&tuple),
            timestamps: self.configs.v4.timestamps,
        };
        let c = Connection::connect(self.configs.of(&tuple), now, &begin, buffers, congestion);
        self.counters.active += 1;
        Ok(self.install(c, (at, local, tuple), Owner::User, now))
    }

    /// All that a connection needs: a slot, its local socket, buffers. [`Stack::install`] follows.
    #[allow(clippy::type_complexity)]
    fn reserve(
        &mut self,
        hash: u64,
        tuple: &Tuple,
    ) -> Result<(u32, u32, P::Buffers, P::Congestion), Limit> {
        let at = self.keep_slot(hash).ok_or(Limit::Connections)?;
        let socket = tuple.local();
        let local = self.sockets.acquire(socket.ip(), socket.port());
        if let Some(local) = local {
            if let Some((buffers, congestion)) = self.provider.provide(tuple) {
                return Ok((at, local, buffers, congestion));
            }
            self.sockets.tidy(local);
        }
        self.index.remove(hash, at);
        Err(Limit::Memory)
    }

    /// A SYN begins a connection of a listener. Nothing has changed if it does not.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        a: &Arrival<'_>,
        listener: u32,
        old: Option<TimeWait>,
    ) -> Result<(), Refused> {
        let l = self.listeners.get(listener as usize);
        let waiting = l.map_or(0, |l| l.embryos.len + l.ready.len);
        if waiting >= l.map_or(0, |l| l.backlog) {
            return Err(Refused::Full(Limit::Backlog));
        }
        if self.embryos >= self.limits.half_open {
            return Err(Refused::Full(Limit::HalfOpen));
        }
        let (at, local, buffers, congestion) =
            self.reserve(a.hash, &a.tuple).map_err(Refused::Full)?;
        let isn = self.isn.isn(&a.tuple, now);
        let begin = Begin {
            iss: old.map_or(isn, |old| old.iss_above(isn)),
            ts_offset: self.isn.ts_offset(&a.tuple),
            timestamps: self.configs.v4.timestamps,
        };
        let syn = &a.packet.segment.header;
        let config = self.configs.of(&a.tuple);
        let c = Connection::accept(config, now, &begin, syn, old, buffers, congestion);
        self.counters.passive += 1;
        self.install(c, (at, local, a.tuple), Owner::Embryo, now);
        if old.is_some() {
            // Only now: the record may have been all that kept the local socket.
            self.leave_time_wait(a.hash, &a.tuple);
            self.counters.reopened += 1;
        }
        self.embryos += 1;
        if let Some(slot) = self.slab.get_mut(at) {
            slot.listener = listener;
        }
        if let Some(l) = self.listeners.get_mut(listener as usize) {
            self.slab.append(&mut l.embryos, at);
        }
        Ok(())
    }

    /// A listener's connection is established.
    pub(super) fn is_ready(&mut self, at: u32, listener: u32) {
        self.embryos -= 1;
        if let Some(slot) = self.slab.get_mut(at) {
            slot.owner = Owner::Ready;
        }
        let Some(l) = self.listeners.get_mut(listener as usize) else {
            return;
        };
        self.slab.unlink(&mut l.embryos, at);
        self.slab.append(&mut l.ready, at);
        if !l.queued {
            l.queued = true;
            self.incoming.push_back(listener);
        }
    }

    /// A listener's connection is over.
    pub(super) fn leave_listener(&mut self, at: u32) {
        let Some(slot) = self.slab.get(at) else {
            return;
        };
        let (owner, listener) = (slot.owner, slot.listener);
        let Some(l) = self.listeners.get_mut(listener as usize) else {
            return;
        };
        if owner == Owner::Embryo {
            self.embryos -= 1;
            self.counters.embryos_lost += 1;
            self.slab.unlink(&mut l.embryos, at);
        } else {
            self.counters.unaccepted_lost += 1;
            self.slab.unlink(&mut l.ready, at);
        }
    }

    /// How many listen.
    pub(super) fn listening(&self) -> usize {
        self.listeners.iter().filter(|l| l.socket != NONE).count()
    }
}
