//! Who may take which local socket: bind rules, and the choice of ports.

use core::net::SocketAddr;

use super::slab::NONE;
use super::sockets::{Socket, unspecified};
use super::{BindError, Provide, Reuse, Stack, is_broadcast};
use crate::time::Instant;
use crate::tuple::Tuple;

impl<P: Provide> Stack<P> {
    /// Whether this host has the address.
    pub(super) fn is_ours(&self, local: &SocketAddr) -> bool {
        self.addresses.is_empty() || self.addresses.contains(&local.ip())
    }

    /// The local socket itself, and true; or that of the unspecified address, which holds it too.
    pub(super) fn socket_or_any(&self, local: SocketAddr) -> Option<(u32, bool)> {
        let exact = self.sockets.find(local.ip(), local.port());
        let any = || self.sockets.find(unspecified(local.ip()), local.port());
        exact
            .map(|at| (at, true))
            .or_else(|| any().map(|at| (at, false)))
    }

    /// Whether a local socket may be taken, for a listener or for the next connection.
    pub(super) fn may_bind(&self, local: SocketAddr, reuse: Reuse) -> Result<(), BindError> {
        let Some((at, exact)) = self.socket_or_any(local).filter(|_| reuse == Reuse::No) else {
            return Ok(());
        };
        let Some(socket) = self.sockets.get(at) else {
            return Ok(());
        };
        let listens = |s: &Socket| s.listener != NONE;
        let held = match exact {
            true => socket.listeners > 0 || self.sockets.any_of(socket).is_some_and(listens),
            false => listens(socket),
        };
        if held {
            return Err(BindError::Listening(local));
        }
        match (socket.connections, socket.time_waits) {
            (0, 0) => Ok(()),
            _ if !exact => Ok(()), // those are other addresses'
            (0, n) => Err(BindError::InTimeWait(local, n)),
            (n, _) => Err(BindError::InUse(local, n)),
        }
    }

    /// Whether nothing is between these ends.
    pub(super) fn is_vacant(&mut self, tuple: &Tuple, now: Instant) -> Result<(), BindError> {
        let hash = self.key.hash(tuple);
        if self.find(hash, tuple).is_some() {
            return Err(BindError::AlreadyExists);
        }
        match self.time_waits.get_hashed(hash, tuple) {
            Some((_, ends)) if ends > now => Err(BindError::ExistsInTimeWait),
            Some(_) => {
                self.leave_time_wait(hash, tuple);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The tuple with a port that makes it vacant, and on which nobody listens.
    pub(super) fn choose_port(&mut self, tuple: &Tuple, now: Instant) -> Result<Tuple, BindError> {
        let (local, remote) = (tuple.local(), tuple.remote());
        let mut tries = self.ephemeral.tries(tuple);
        while let Some(port) = self.ephemeral.next(&mut tries) {
            let local = SocketAddr::new(local.ip(), port);
            if self.sockets.listener_for(local).is_none()
                && let Some(tuple) = Tuple::new(local, remote)
                && self.is_vacant(&tuple, now).is_ok()
            {
                return Ok(tuple);
            }
        }
        Err(BindError::NoPort)
    }
}

/// Unspecified, multicast, broadcast: neither end of a connection.
pub(super) fn is_nobody(socket: &SocketAddr) -> bool {
    let ip = socket.ip();
    ip.is_unspecified() || ip.is_multicast() || is_broadcast(ip)
}
