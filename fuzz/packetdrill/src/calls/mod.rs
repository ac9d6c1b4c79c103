//! What the socket calls do: sockets on top of the stack, in the manner of Linux where the RFC leaves it open.

mod data;
mod end;
mod open;
mod ready;

pub use ready::Ready;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use farewell::connection::{CallError, Indication};
use farewell::stack::{Event, Handle, ListenerId, StackError, UserError};
use farewell::{Config, Instant, State};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use rustix::io::Errno;

use crate::clock::{Buffers, Clock, Sent};
use crate::flags::Settings;
use crate::host::Outcome;
use crate::options::Options;
use crate::record::Record;

/// Sockets at a time.
const MOST: usize = 256;

/// All sockets of the host, and its clock.
#[derive(Debug)]
pub struct Calls {
    pub(crate) clock: Clock,
    buffers: Buffers,
    local: Vec<IpAddr>,
    sockets: BTreeMap<RawFd, Socket>,
}

/// One socket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// A descriptor of the kernel's that stands for it: packetdrill closes those that the script leaves open.
    place: OwnedFd,
    pub(crate) v6: bool,
    pub(crate) kind: Kind,
    pub(crate) nonblocking: bool,
    pub(crate) options: Options,
    /// What `SO_ERROR` tells, and the next call.
    pub(crate) error: Option<Errno>,
    shut: Shut,
}

/// What a socket is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Neither, so far; perhaps bound.
    Fresh { bound: Option<SocketAddr> },
    Listener {
        id: ListenerId,
        at: SocketAddr,
        accepted: VecDeque<Handle>,
    },
    Connection {
        handle: Handle,
        connected: bool,
        /// A call told so.
        told: bool,
        /// The peer has all our text and our FIN.
        finished: bool,
        /// It ended otherwise than by its FINs.
        over: bool,
    },
}

#[derive(Clone, Copy, Default, Debug)]
struct Shut {
    read: bool,
    write: bool,
}

impl Calls {
    /// No sockets.
    ///
    /// # Errors
    ///
    /// See [`Clock::new`].
    pub fn new(settings: &Settings, record: Option<Record>) -> Result<Self, StackError> {
        let buffers = Buffers::default();
        buffers.send.store(settings.send, Ordering::Relaxed);
        buffers.receive.store(settings.receive, Ordering::Relaxed);
        Ok(Calls {
            clock: Clock::new(settings.config, buffers.clone(), record)?,
            buffers,
            local: settings.local.clone(),
            sockets: BTreeMap::new(),
        })
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// When the stack has something to do.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.clock.next()
    }

    /// See [`Clock::step`].
    pub(crate) fn step(&mut self, to: Instant) {
        self.clock.step(to);
        self.hear();
    }

    /// See [`Clock::arrive`].
    pub(crate) fn arrive(&mut self, packet: &[u8]) {
        self.clock.arrive(packet);
        self.hear();
    }

    /// See [`Clock::sniff`].
    pub(crate) fn sniff(&mut self) -> Option<Sent> {
        self.clock.sniff()
    }

    /// What a call has caused is done.
    pub(crate) fn flush(&mut self) {
        self.clock.flush();
        self.hear();
    }

    /// Notes what the stack tells.
    fn hear(&mut self) {
        while let Some(event) = self.clock.event() {
            let Event::Connection(of, indication) = event else {
                continue; // listeners are asked when somebody accepts
            };
            for socket in self.sockets.values_mut() {
                if let Kind::Connection {
                    handle,
                    connected,
                    finished,
                    over,
                    ..
                } = &mut socket.kind
                    && *handle == of
                {
                    let error = match indication {
                        Indication::Connected => {
                            *connected = true;
                            continue;
                        }
                        Indication::Closed => {
                            *finished = true;
                            continue;
                        }
                        Indication::Readable | Indication::Writable => continue,
                        // What the RFC calls reset before there was a connection, sockets call refused.
                        Indication::Reset if !*connected => Errno::CONNREFUSED,
                        Indication::Reset => Errno::CONNRESET,
                        Indication::Refused => Errno::CONNREFUSED,
                        Indication::UserTimeout | Indication::GaveUp => Errno::TIMEDOUT,
                    };
                    *over = true;
                    socket.error = Some(error);
                }
            }
        }
    }

    pub(crate) fn find(&mut self, fd: RawFd) -> Result<&mut Socket, Errno> {
        self.sockets.get_mut(&fd).ok_or(Errno::BADF)
    }

    pub(super) fn add(
        &mut self,
        v6: bool,
        kind: Kind,
        nonblocking: bool,
        options: Options,
    ) -> Result<RawFd, Errno> {
        if self.sockets.len() >= MOST {
            return Err(Errno::MFILE);
        }
        let place = eventfd(0, EventfdFlags::CLOEXEC)?;
        let fd = place.as_raw_fd();
        let socket = Socket {
            place,
            v6,
            kind,
            nonblocking,
            options,
            error: None,
            shut: Shut::default(),
        };
        self.sockets.insert(fd, socket);
        Ok(fd)
    }

    /// EAGAIN of a socket that blocks waits.
    pub(super) fn or_wait<T>(
        &mut self,
        fd: RawFd,
        result: Result<T, Errno>,
        until: Option<Instant>,
    ) -> Outcome<T> {
        let blocks = self.find(fd).is_ok_and(|s| !s.nonblocking);
        match result {
            Err(Errno::AGAIN) if blocks => Outcome::Waits(until),
            result => Outcome::Done(result),
        }
    }

    /// The state of a socket.
    ///
    /// # Errors
    ///
    /// EBADF.
    pub fn state(&mut self, fd: RawFd) -> Result<State, Errno> {
        let socket = self.sockets.get(&fd).ok_or(Errno::BADF)?;
        Ok(match &socket.kind {
            Kind::Fresh { .. } => State::Closed,
            Kind::Listener { .. } => State::Listen,
            Kind::Connection { handle, .. } => {
                let state = self.clock.stack.state(*handle);
                state.unwrap_or(State::Closed)
            }
        })
    }

    /// The connections that begin from now on have buffers of this size.
    pub(crate) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Changes the engine's configuration, which is that of the whole host.
    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut Config)) -> Result<(), Errno> {
        let mut config = *self.clock.stack.config();
        change(&mut config);
        self.clock
            .stack
            .set_config(config)
            .map_err(|_| Errno::INVAL)
    }

    /// The script is over: packetdrill has closed the descriptors itself.
    pub fn leave_descriptors(&mut self) {
        while let Some((_, socket)) = self.sockets.pop_first() {
            let _ = socket.place.into_raw_fd();
        }
    }
}

fn of_user(error: UserError) -> Errno {
    match error {
        UserError::Stale => Errno::NOTCONN,
        UserError::Open => Errno::BUSY,
        UserError::Call(CallError::DoesNotExist) => Errno::NOTCONN,
        UserError::Call(CallError::Closing) => Errno::PIPE,
        UserError::Call(CallError::InsufficientResources) => Errno::AGAIN,
        UserError::Call(CallError::AlreadyExists) => Errno::ISCONN,
    }
}
