//! Local sockets: who listens where, how many connections and TIME_WAITs each local address and port has, and which
//! ports are free.
//!
//! A server has few of them however many its connections: each connection knows the place of its own, so that counting
//! it needs no lookup. The unspecified address stands for all of a family and counts what they have together.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hashbrown::HashTable;

use super::slab::NONE;
use crate::tuple::{HashKey, Tuple};

/// A local address and port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    ip: IpAddr,
    port: u16,
    /// That of the unspecified address; none for that itself.
    any: u32,
    /// How many have this one for their `any`.
    parts: u32,
    pub(super) connections: u32,
    pub(super) time_waits: u32,
    /// Who listens exactly here.
    pub(super) listener: u32,
    /// How many listen here and on the parts.
    pub(super) listeners: u32,
}

/// What is added to and taken from a socket's counts.
#[derive(Clone, Copy, Default)]
pub(super) struct Change {
    pub(super) connections: i32,
    pub(super) time_waits: i32,
    pub(super) listeners: i32,
}

/// All local sockets in use.
#[derive(Debug)]
pub(super) struct Sockets {
    list: Vec<Socket>,
    free: Vec<u32>,
    index: HashTable<u32>,
    key: HashKey,
}

impl Sockets {
    pub(super) fn new(key: HashKey) -> Self {
        Sockets {
            list: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            key,
        }
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> Option<&Socket> {
        self.list.get(at as usize)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Socket> {
        self.list.get_mut(at as usize)
    }

    /// Where a socket stands.
    pub(super) fn find(&self, ip: IpAddr, port: u16) -> Option<u32> {
        let is_it = |at: &u32| {
            let socket = self.list.get(*at as usize);
            socket.is_some_and(|s| (s.ip, s.port) == (ip, port))
        };
        self.index.find(hash(&self.key, ip, port), is_it).copied()
    }

    /// Who listens for segments to this socket: exactly there, or else on the unspecified address.
    pub(super) fn listener_for(&self, local: SocketAddr) -> Option<u32> {
        let any = |at: Option<u32>| {
            let socket = at.and_then(|at| self.get(at));
            socket.map(|s| s.listener).filter(|l| *l != NONE)
        };
        match self.find(local.ip(), local.port()) {
            Some(at) => any(Some(at)).or_else(|| any(self.get(at).map(|s| s.any))),
            None => any(self.find(unspecified(local.ip()), local.port())),
        }
    }

    /// Where a socket stands, which is made if it is new; none if there is no memory. Whoever takes nothing calls
    /// [`Sockets::tidy`].
    pub(super) fn acquire(&mut self, ip: IpAddr, port: u16) -> Option<u32> {
        if let Some(at) = self.find(ip, port) {
            return Some(at);
        }
        let any = unspecified(ip);
        if ip == any {
            return self.add(ip, port, NONE);
        }
        let any = match self.find(any, port) {
            Some(at) => at,
            None => self.add(any, port, NONE)?,
        };
        let at = self.add(ip, port, any);
        match self.get_mut(any) {
            Some(s) if at.is_some() => s.parts += 1,
            _ => self.tidy(any),
        }
        at
    }

    fn add(&mut self, ip: IpAddr, port: u16, any: u32) -> Option<u32> {
        let (list, key) = (&self.list, &self.key);
        let hash_of = |at: &u32| {
            let socket = list.get(*at as usize);
            socket.map_or(0, |s| hash(key, s.ip, s.port))
        };
        self.index.try_reserve(1, hash_of).ok()?;
        let socket = Socket {
            ip,
            port,
            any,
            parts: 0,
            connections: 0,
            time_waits: 0,
            listener: NONE,
            listeners: 0,
        };
        let at = match self.free.pop() {
            Some(at) => {
                *self.list.get_mut(at as usize)? = socket;
                at
            }
            None => {
                self.list.try_reserve(1).ok()?;
                // Room to be freed, too: freeing must not fail.
                let all = self.list.len() + 1 - self.free.len();
                self.free.try_reserve(all).ok()?;
                self.list.push(socket);
                self.list.len() as u32 - 1
            }
        };
        // Reserved above: the hasher is not asked.
        self.index
            .insert_unique(hash(&self.key, ip, port), at, |_| 0);
        Some(at)
    }

    /// Changes the counts of a socket and of the unspecified address, and forgets what has none left.
    pub(super) fn change(&mut self, at: u32, by: Change) {
        let any = self.get(at).map_or(NONE, |s| s.any);
        for socket in [at, any] {
            if let Some(s) = self.get_mut(socket) {
                s.connections = s.connections.saturating_add_signed(by.connections);
                s.time_waits = s.time_waits.saturating_add_signed(by.time_waits);
                s.listeners = s.listeners.saturating_add_signed(by.listeners);
            }
        }
        self.tidy(at);
    }

    /// A TIME_WAIT of this connection is over.
    pub(super) fn time_wait_is_over(&mut self, tuple: &Tuple) {
        let local = tuple.local();
        if let Some(at) = self.find(local.ip(), local.port()) {
            let by = Change {
                time_waits: -1,
                ..Change::default()
            };
            self.change(at, by);
        }
    }

    /// Forgets a socket that has nothing.
    pub(super) fn tidy(&mut self, at: u32) {
        let mut next = at;
        while let Some(s) = self.get(next).copied() {
            if s.connections | s.time_waits | s.listeners | s.parts != 0 {
                return;
            }
            let found = self
                .index
                .find_entry(hash(&self.key, s.ip, s.port), |x| *x == next);
            let Ok(entry) = found else { return };
            entry.remove();
            self.free.push(next); // within what was reserved
            next = s.any;
            if let Some(any) = self.get_mut(next) {
                any.parts -= 1;
            }
        }
    }

    /// That of the unspecified address with the same port.
    pub(super) fn any_of(&self, socket: &Socket) -> Option<&Socket> {
        self.get(socket.any)
    }

    /// All of them, where they stand.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (SocketAddr, &Socket)> {
        let all = self.index.iter().filter_map(|at| self.get(*at));
        all.map(|s| (SocketAddr::new(s.ip, s.port), s))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }
}

/// The address that stands for all of its family.
pub(super) fn unspecified(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn hash(key: &HashKey, ip: IpAddr, port: u16) -> u64 {
    match ip {
        IpAddr::V4(ip) => key.hash_end(ip, port),
        IpAddr::V6(ip) => {
            let mut bytes = [0; 18];
            bytes[..2].copy_from_slice(&port.to_be_bytes());
            bytes[2..].copy_from_slice(&ip.octets());
            key.hash_bytes(&bytes)
        }
    }
}

/// Ports for active OPENs that name none: RFC 6056, algorithm 4, whose offset and table index are disjoint parts of one
/// keyed hash.
#[derive(Debug)]
pub(super) struct Ephemeral {
    key: HashKey,
    first: u16,
    last: u16,
    counters: [u16; 256],
}

impl Ephemeral {
    pub(super) fn new(key: [u8; 16], range: (u16, u16)) -> Self {
        Ephemeral {
            key: HashKey::new(key),
            first: range.0.min(range.1).max(1),
            last: range.1.max(range.0).max(1),
            counters: [0; 256],
        }
    }

    /// The ports to try for a connection between these, whose local port is zero.
    pub(super) fn tries(&self, tuple: &Tuple) -> Tries {
        let hash = self.key.hash(tuple);
        Tries {
            offset: hash as u32,
            counter: (hash >> 56) as u8,
            left: u32::from(self.last - self.first) + 1,
        }
    }

    /// The next port to try; none when all were.
    pub(super) fn next(&mut self, tries: &mut Tries) -> Option<u16> {
        tries.left = tries.left.checked_sub(1)?;
        let count = u32::from(self.last - self.first) + 1;
        let counter = self.counters.get_mut(usize::from(tries.counter))?;
        let n = (tries.offset % count + u32::from(*counter)) % count;
        // Within the range: wrapped elsewhere it would leave ports out.
        *counter = ((u32::from(*counter) + 1) % count) as u16;
        Some(self.first + n as u16)
    }
}

/// Where the ports to try begin, and how many are left.
#[derive(Debug)]
pub(super) struct Tries {
    offset: u32,
    counter: u8,
    left: u32,
}
