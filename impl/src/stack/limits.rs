//! Limits, refusals, counters: each limit has its counter, and what happens there is said here.

use core::fmt;
use core::net::SocketAddr;

use crate::config::ConfigError;
use crate::connection::{self, CallError};
use crate::timewait;
use crate::wire::IpError;

/// How much of everything there may be. Whatever is open already goes on when a limit is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections, TIME_WAIT not counted. Beyond: SYNs are dropped, active OPENs refused.
    pub connections: u32,
    /// Connections of listeners in SYN_RECEIVED, of the whole host. Beyond: SYNs are dropped.
    pub half_open: u32,
    /// The most that a listener may ask for as its backlog; more is cut down to it.
    pub backlog: u32,
    /// Records in TIME_WAIT. Beyond: a connection goes without TIME_WAIT.
    pub time_waits: timewait::Limits,
    /// Connections that their users have closed and that have not come to their end. Beyond: the oldest is aborted.
    pub orphans: u32,
    /// Segments without a connection that wait to be sent: RSTs, what TIME_WAIT answers, last ACKs. Beyond: they are
    /// dropped, as the network might have done.
    pub replies: u32,
    /// Listeners. Beyond: LISTEN is refused.
    pub listeners: u32,
    /// Addresses of this host. Beyond: they are refused.
    pub addresses: u32,
    /// The first and the last port for active OPENs that name none.
    pub ephemeral: (u16, u16),
}

impl Default for Limits {
    /// A small host: a thousand connections.
    fn default() -> Self {
        Limits::for_connections(1_024)
    }
}

impl Limits {
    /// A host with so many connections, and four times as many in TIME_WAIT; IPv4 and IPv6 alike.
    pub fn for_connections(connections: u32) -> Self {
        Limits {
            connections,
            half_open: (connections / 4).max(1),
            backlog: 4_096,
            time_waits: timewait::Limits {
                v4: connections.saturating_mul(4),
                v6: connections.saturating_mul(4),
            },
            orphans: (connections / 4).max(1),
            replies: 1_024,
            listeners: 64,
            addresses: 16,
            ephemeral: (32_768, 65_535),
        }
    }
}

/// Secrets of a stack: random, and not used for anything else.
#[derive(Clone, Copy)]
pub struct Secrets {
    /// For the tables of connections.
    pub tables: [u8; 16],
    /// For initial sequence numbers.
    pub isn: [u8; 16],
    /// For timestamp offsets.
    pub timestamps: [u8; 16],
    /// For ephemeral ports.
    pub ports: [u8; 16],
}

impl Secrets {
    /// From 64 random bytes.
    pub fn new(random: [u8; 64]) -> Self {
        let part = |n: usize| {
            core::array::from_fn(|at| random.get(n * 16 + at).copied().unwrap_or_default())
        };
        Secrets {
            tables: part(0),
            isn: part(1),
            timestamps: part(2),
            ports: part(3),
        }
    }
}

impl fmt::Debug for Secrets {
    /// Does not show them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

/// Why there is no stack, or not with this configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StackError {
    /// A setting makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is not the memory for as many in TIME_WAIT.
    #[error(transparent)]
    TimeWaits(#[from] timewait::NoMemory),
    /// There is not the memory for as much of something else.
    #[error("no memory for {count} {what}")]
    NoMemory {
        /// Of what.
        what: &'static str,
        /// How many were asked for.
        count: u32,
    },
    /// All TIME_WAITs of a stack last equally long.
    #[error("time_wait cannot be changed: make another stack")]
    TimeWaitChanged,
}

/// A limit that was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
pub enum Limit {
    /// [`Limits::connections`].
    #[error("as many connections as there may be")]
    Connections,
    /// [`Limits::half_open`].
    #[error("as many half-open connections as there may be")]
    HalfOpen,
    /// The listener's backlog.
    #[error("the listener's backlog is full")]
    Backlog,
    /// What [`Provide`](super::Provide) has to give, or the memory for a new local socket.
    #[error("no memory")]
    Memory,
    /// [`Limits::listeners`].
    #[error("as many listeners as there may be")]
    Listeners,
    /// [`Limits::addresses`].
    #[error("as many addresses as there may be")]
    Addresses,
}

/// Why a packet was not taken. Nothing is wrong with the stack, or with any connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It is no TCP segment, or a broken one.
    #[error(transparent)]
    Packet(#[from] IpError),
    /// It is for an address that this host does not have.
    #[error("not for this host")]
    NotOurs,
    /// From or to a multicast, broadcast or unspecified address, or port 0 (RFC 9293 MUST-57, MUST-63).
    #[error("an address or a port that nobody has")]
    BadAddress,
    /// There is no such connection: answered with a RST, unless it was one (RFC 9293 section 3.10.7.1).
    #[error("no such connection")]
    NoConnection,
    /// A listener ignores it.
    #[error("nothing for a listener")]
    NotSyn,
    /// A SYN that found no room. It is dropped in silence: the peer sends it again, and there may be room then; a RST
    /// would tell it to give up (RFC 9293 leaves the choice).
    #[error("{0}")]
    Full(Limit),
    /// Its connection dropped it.
    #[error(transparent)]
    Dropped(#[from] connection::Dropped),
}

/// Why a LISTEN or an active OPEN was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BindError {
    /// Connections in TIME_WAIT hold the local socket, and nothing else does: wait for twice MSL, or say
    /// [`Reuse::Address`].
    #[error("{0} in use: {1} connections in TIME_WAIT")]
    InTimeWait(SocketAddr, u32),
    /// Connections hold the local socket.
    #[error("{0} in use: {1} connections")]
    InUse(SocketAddr, u32),
    /// Somebody listens there. No reuse of addresses helps against that.
    #[error("{0} in use: a listener")]
    Listening(SocketAddr),
    /// There is a connection with exactly these ends.
    #[error("connection already exists")]
    AlreadyExists,
    /// There was a connection with exactly these ends, and it is in TIME_WAIT. The peer may reopen it by a SYN; this host
    /// may not (RFC 9293 MAY-2 speaks of SYNs received).
    #[error("connection already exists: in TIME_WAIT")]
    ExistsInTimeWait,
    /// This host does not have that address, or has none of that family.
    #[error("no such local address")]
    NoAddress,
    /// IPv4 here and IPv6 there, port 0, or an address that no host has.
    #[error("not an address to connect to, or to listen on")]
    BadAddress,
    /// Every ephemeral port is in use for this peer.
    #[error("no ephemeral port is free")]
    NoPort,
    /// A limit.
    #[error("insufficient resources: {0}")]
    Full(#[from] Limit),
}

/// Whether a local address and port may be taken while connections hold it ("SO_REUSEADDR").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reuse {
    /// Only if nothing holds it: no connection, no TIME_WAIT, no listener.
    #[default]
    No,
    /// Unless somebody listens on exactly the same.
    Address,
}

/// Why a call of a user was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
pub enum UserError {
    /// The handle, or the listener, names nothing any more.
    #[error("a stale handle")]
    Stale,
    /// It cannot be released: its protocol goes on. Close it, or abort it.
    #[error("connection open")]
    Open,
    /// The connection refused.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// How often something happened since the stack was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Packets that arrived.
    pub packets_in: u64,
    /// Packets that were sent.
    pub packets_out: u64,
    /// [`Refused::Packet`].
    pub malformed: u64,
    /// [`Refused::NotOurs`].
    pub not_ours: u64,
    /// [`Refused::BadAddress`].
    pub bad_address: u64,
    /// [`Refused::NoConnection`].
    pub no_connection: u64,
    /// [`Refused::NotSyn`].
    pub not_syn: u64,
    /// [`Refused::Dropped`].
    pub dropped: u64,
    /// SYNs dropped at [`Limits::connections`].
    pub syn_connections: u64,
    /// SYNs dropped at [`Limits::half_open`].
    pub syn_half_open: u64,
    /// SYNs dropped at a backlog.
    pub syn_backlog: u64,
    /// SYNs dropped for want of memory.
    pub syn_memory: u64,
    /// Active OPENs refused by a limit.
    pub connects_refused: u64,
    /// LISTENs refused by a limit.
    pub listens_refused: u64,
    /// Addresses refused at [`Limits::addresses`].
    pub addresses_refused: u64,
    /// Connections that began actively.
    pub active: u64,
    /// Connections that began at a listener.
    pub passive: u64,
    /// Of these, those that reopened a TIME_WAIT.
    pub reopened: u64,
    /// Connections of a listener that ended before they were established.
    pub embryos_lost: u64,
    /// Connections of a listener that ended before they were accepted.
    pub unaccepted_lost: u64,
    /// Connections aborted at [`Limits::orphans`].
    pub orphans_aborted: u64,
    /// Answers that found [`Limits::replies`] waiting.
    pub replies_dropped: u64,
    /// Those of the table of TIME_WAITs; `refused` went without.
    pub time_waits: timewait::Counters,
}

impl Counters {
    pub(super) fn count(&mut self, why: &Refused) {
        let counter = match why {
            Refused::Packet(_) => &mut self.malformed,
            Refused::NotOurs => &mut self.not_ours,
            Refused::BadAddress => &mut self.bad_address,
            Refused::NoConnection => &mut self.no_connection,
            Refused::NotSyn => &mut self.not_syn,
            Refused::Dropped(_) => &mut self.dropped,
            Refused::Full(Limit::Connections) => &mut self.syn_connections,
            Refused::Full(Limit::HalfOpen) => &mut self.syn_half_open,
            Refused::Full(Limit::Backlog) => &mut self.syn_backlog,
            Refused::Full(Limit::Memory | Limit::Listeners | Limit::Addresses) => {
                &mut self.syn_memory
            }
        };
        *counter += 1;
    }
}
