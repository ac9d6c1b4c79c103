//! Very many connections: one host's TCP, without I/O and without a clock.
//!
//! Packets come in by [`Stack::handle_packet`] or, faster when there are many, [`Stack::handle_batch`]; time by
//! [`Stack::handle_timeout`]; users by handle. What follows is polled, after any of these, in this order:
//!
//! 1. [`Stack::poll_transmit`] until there is nothing: whole IP packets to send;
//! 2. [`Stack::poll_event`] until there is nothing: whom to tell what;
//! 3. [`Stack::poll_timeout`]: when to call [`Stack::handle_timeout`].
//!
//! # Where a connection is
//!
//! A connection stands in a slot that it does not leave; its [`Handle`] is the slot and a generation, so that a stale one
//! is noticed. A keyed hash of its ends leads to it. When it enters TIME_WAIT or CLOSED it leaves that index at once,
//! and TIME_WAIT becomes a record of a few bytes in [a table of its own](crate::timewait). If its user may still read,
//! the slot stays until it is released, apart from the protocol: its pair of sockets may meanwhile belong to another.
//!
//! A user [closes](Stack::close) and has done with it: the handle is stale at once, and the stack brings the connection to
//! its end. [`Stack::shutdown`] closes the sending side only. Who wants to wait for the end (`SO_LINGER`) shuts down, waits for
//! [`Indication::Closed`], then closes, or [aborts](Stack::abort) when it takes too long.
//!
//! # What costs what
//!
//! Memory for connections, their index and their timers is taken by [`Stack::new`]; only buffers ([`Provide`]) and a few
//! bytes for each local socket in use come later. No segment allocates. Whatever is bounded is in [`Limits`].
//!
//! ```
//! use farewell::{Config, Instant, Stack};
//! use farewell::stack::{Event, Heap, Limits, Reuse, Secrets};
//!
//! let heap = || Heap::new(4096, 4096, 1 << 20);
//! let stack = |random| {
//!     Stack::new(Config::default(), Limits::default(), Secrets::new(random), heap(), Instant(0))
//! };
//! let (mut server, mut client) = (stack([1; 64])?, stack([2; 64])?);
//! server.add_address("192.0.2.1".parse()?)?;
//! client.add_address("192.0.2.2".parse()?)?;
//!
//! let listener = server.listen("192.0.2.1:80".parse()?, 16, Reuse::No)?;
//! let connection = client.connect(Instant(0), None, "192.0.2.1:80".parse()?, Reuse::No)?;
//!
//! // The network: what one sends arrives at the other.
//! let mut packet = [0; 1520];
//! loop {
//!     let mut quiet = true;
//!     while let Some(sent) = client.poll_transmit(Instant(0), &mut packet)? {
//!         server.handle_packet(Instant(0), &packet[..sent.len])?;
//!         quiet = false;
//!     }
//!     while let Some(sent) = server.poll_transmit(Instant(0), &mut packet)? {
//!         client.handle_packet(Instant(0), &packet[..sent.len])?;
//!         quiet = false;
//!     }
//!     if quiet {
//!         break;
//!     }
//! }
//! assert_eq!(server.poll_event(), Some(Event::Incoming(listener)));
//! let accepted = server.accept(listener).expect("a connection");
//! assert_eq!(client.send(Instant(0), connection, b"hello")?, 5);
//! assert_eq!(server.tuple(accepted)?.remote(), client.tuple(connection)?.local());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arrive;
mod bind;
mod calls;
mod census;
mod lifecycle;
mod limits;
mod open;
mod provide;
mod ring;
mod slab;
mod sockets;
#[cfg(test)]
mod tests;
mod transmit;

pub use census::{AGES, Census, Row};
pub use limits::{
    BindError, Counters, Limit, Limits, Refused, Reuse, Secrets, StackError, UserError,
};
pub use open::ListenerId;
pub use provide::{Heap, Provide};
pub use slab::Handle;
pub use transmit::Transmit;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::config::{Config, ConfigError};
use crate::connection::{Indication, LEAST_MSS};
use crate::isn::IsnSource;
use crate::state::State;
use crate::time::Instant;
use crate::timewait::{self, index::Index};
use crate::tuple::{HashKey, Tuple};
use crate::wheel::Wheel;
use crate::wire::{Checksums, Header};
use open::Listener;
use ring::Ring;
use slab::{List, NONE, Owner, Slab, Slot, queued};
use sockets::{Ephemeral, Sockets};

/// What somebody is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Event {
    /// There is a connection to [accept](Stack::accept), perhaps several.
    Incoming(ListenerId),
    /// A connection's user.
    Connection(Handle, Indication),
}

/// A segment without a connection.
#[derive(Clone, Copy, Debug)]
struct Reply {
    tuple: Tuple,
    header: Header,
}

/// The configuration, by family.
#[derive(Clone, Copy, Debug)]
struct Configs {
    v4: Config,
    v6: Config,
}

impl Configs {
    /// As it was given for IPv4. The header of IPv6 is 20 bytes longer, and segments as much shorter (RFC 6691).
    fn new(config: Config) -> Result<Self, ConfigError> {
        let mut v4 = config.validated()?;
        v4.mss = v4.mss.min(LARGEST_MSS);
        let shorter = v4.mss.saturating_sub(20).max(LEAST_MSS);
        let v6 = Config {
            mss: v4.mss.min(shorter),
            ..v4
        };
        Ok(Configs { v4, v6 })
    }

    #[inline(always)]
    fn of(&self, tuple: &Tuple) -> &Config {
        match tuple {
            Tuple::V4(_) => &self.v4,
            Tuple::V6(_) => &self.v6,
        }
    }
}

/// One host's TCP. See the [module](self).
#[derive(Debug)]
pub struct Stack<P: Provide> {
    configs: Configs,
    limits: Limits,
    checksums: Checksums,
    addresses: Vec<IpAddr>,
    key: HashKey,
    isn: IsnSource,
    provider: P,
    slab: Slab<P::Buffers, P::Congestion>,
    index: Index,
    /// Where the connection of the last packet stood: the next is often for the same.
    last: u32,
    wheel: Wheel,
    time_waits: timewait::Table,
    sockets: Sockets,
    ephemeral: Ephemeral,
    listeners: Vec<Listener>,
    /// Of all listeners, in SYN_RECEIVED.
    embryos: u32,
    orphans: List,
    dirty: Ring,
    /// Segments that the first of the dirty has sent in its turn.
    turn: u8,
    /// Slots whose users are to be told something, and listeners.
    events: Ring,
    incoming: VecDeque<u32>,
    replies: VecDeque<Reply>,
    /// Connections in the index by state, as last seen.
    by_state: [u32; State::ALL.len()],
    counters: Counters,
}

/// Timers, and TIME_WAITs, that expire in one call.
const EXPIRIES: usize = 256;

/// What fits into an IPv4 packet besides the headers.
const LARGEST_MSS: u16 = u16::MAX - 40;

impl<P: Provide> Stack<P> {
    /// Bytes that a connection takes: its slot, and its share of the index (12), the wheel (24) and the rings (8). Of its
    /// buffers only what stands in the slot.
    pub const BYTES_PER_CONNECTION: usize =
        size_of::<Slot<P::Buffers, P::Congestion>>() + 12 + 24 + 8;

    /// A stack without connections. Takes all memory but that for buffers and listeners.
    ///
    /// # Errors
    ///
    /// A configuration that makes no sense; limits beyond the memory.
    pub fn new(
        config: Config,
        limits: Limits,
        secrets: Secrets,
        provider: P,
        now: Instant,
    ) -> Result<Self, StackError> {
        let configs = Configs::new(config)?;
        let no_memory = |what, count| StackError::NoMemory { what, count };
        let connections = limits.connections;
        let none = || no_memory("connections", connections);
        let key = HashKey::new(secrets.tables);
        let room = usize::try_from(connections).map_err(|_| none())?;
        let mut replies = VecDeque::new();
        replies
            .try_reserve_exact(limits.replies as usize)
            .map_err(|_| no_memory("replies", limits.replies))?;
        Ok(Stack {
            configs,
            limits,
            checksums: Checksums::Verify,
            addresses: Vec::new(),
            key,
            isn: IsnSource::new(secrets.isn, secrets.timestamps),
            provider,
            slab: Slab::new(connections).ok_or_else(none)?,
            index: Index::new(room).ok_or_else(none)?,
            last: NONE,
            wheel: Wheel::new(connections, now).map_err(|_| none())?,
            time_waits: timewait::Table::new(limits.time_waits, config.time_wait, key)?,
            sockets: Sockets::new(key),
            ephemeral: Ephemeral::new(secrets.ports, limits.ephemeral),
            listeners: Vec::new(),
            embryos: 0,
            orphans: List::EMPTY,
            dirty: Ring::new(room).ok_or_else(none)?,
            turn: 0,
            events: Ring::new(room).ok_or_else(none)?,
            incoming: VecDeque::new(),
            replies,
            by_state: [0; State::ALL.len()],
            counters: Counters::default(),
        })
    }

    /// This host has that address. A host that has none listens to packets for any, and connects from named ones only.
    ///
    /// # Errors
    ///
    /// No host has it, or there are as many as there may be.
    pub fn add_address(&mut self, ip: IpAddr) -> Result<(), BindError> {
        if ip.is_unspecified() || ip.is_multicast() || is_broadcast(ip) {
            return Err(BindError::BadAddress);
        }
        if self.addresses.contains(&ip) {
            return Ok(());
        }
        let room = self.addresses.len() < self.limits.addresses as usize;
        if !room || self.addresses.try_reserve(1).is_err() {
            self.counters.addresses_refused += 1;
            return Err(Limit::Addresses.into());
        }
        self.addresses.push(ip);
        Ok(())
    }

    /// Checksums are verified and computed here, or by a device below; here at first.
    pub fn set_checksums(&mut self, checksums: Checksums) {
        self.checksums = checksums;
    }

    /// When [`Stack::handle_timeout`] wants to be called; `None` if nothing is waited for. It may be earlier than anything
    /// that is due, never later.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.wheel.next(), self.time_waits.next_expiry()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Time has come to `now`. One call does at most 256 timers and 256 TIME_WAITs; if more are due,
    /// [`Stack::poll_timeout`] is not later than `now`, and asks for another.
    pub fn handle_timeout(&mut self, now: Instant) {
        for _ in 0..EXPIRIES {
            let Some(at) = self.wheel.expire(now) else {
                break;
            };
            let Some(slot) = self.slab.get_mut(at) else {
                continue;
            };
            slot.scheduled = Instant::NEVER;
            let Some(c) = &mut slot.connection else {
                continue;
            };
            if c.poll_timeout().is_some_and(|due| due <= now) {
                c.handle_timeout(self.configs.of(&slot.tuple), now);
            }
            self.touched(at, now);
        }
        for _ in 0..EXPIRIES {
            let Some((tuple, _)) = self.time_waits.expire(now) else {
                break;
            };
            self.sockets.time_wait_is_over(&tuple);
        }
    }

    /// Whom to tell what, until there is nothing.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        while let Some(at) = self.incoming.pop_front() {
            if let Some(listener) = self.listeners.get_mut(at as usize)
                && let Some(id) = listener.told(at)
            {
                return Some(Event::Incoming(id));
            }
        }
        while let Some(at) = self.events.front() {
            if let Some(slot) = self.slab.get_mut(at) {
                let users = matches!(slot.owner, Owner::User | Owner::Detached);
                let handle = Handle {
                    slot: at,
                    generation: slot.generation,
                };
                if let Some(c) = slot.connection.as_mut().filter(|_| users)
                    && let Some(indication) = c.poll_event()
                {
                    if !c.has_event() {
                        slot.queued &= !queued::EVENT;
                        self.events.pop_front();
                    }
                    return Some(Event::Connection(handle, indication));
                }
                slot.queued &= !queued::EVENT;
            }
            self.events.pop_front();
        }
        None
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        Counters {
            time_waits: self.time_waits.counters(),
            ..self.counters
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.configs.v4
    }

    /// Changes the configuration, for the connections that are open as well: what they do next goes by it; a timer that runs
    /// keeps its length, and what a handshake has agreed on stays.
    ///
    /// # Errors
    ///
    /// A configuration that makes no sense, or another [`Config::time_wait`]; nothing is changed then.
    pub fn set_config(&mut self, config: Config) -> Result<(), StackError> {
        let configs = Configs::new(config)?;
        // Those in TIME_WAIT stand in one queue, in the order in which they end.
        if configs.v4.time_wait != self.configs.v4.time_wait {
            return Err(StackError::TimeWaitChanged);
        }
        self.configs = configs;
        Ok(())
    }

    /// What gives buffers.
    pub fn provider(&self) -> &P {
        &self.provider
    }
}

/// 255.255.255.255.
fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}
