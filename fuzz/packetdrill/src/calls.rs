//! What the socket calls do: sockets on top of the stack, in the manner of Linux where the RFC leaves it open.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use farewell::connection::{CallError, Indication, Received};
use farewell::stack::{BindError, Event, Handle, ListenerId, Reuse, StackError, UserError};
use farewell::{Config, Instant, State};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use rustix::io::Errno;

use crate::address::Address;
use crate::clock::{Buffers, Clock, Sent};
use crate::flags::Settings;
use crate::host::Outcome;
use crate::options::Options;

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
    v6: bool,
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

/// What a socket is ready for (`poll`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ready {
    /// Reading, or accepting, would not wait.
    pub input: bool,
    /// Writing would not wait.
    pub output: bool,
    /// There is an error to be told.
    pub error: bool,
    /// The peer has closed its sending side.
    pub peer_closed: bool,
    /// Nothing goes either way.
    pub hung_up: bool,
}

impl Calls {
    /// No sockets.
    ///
    /// # Errors
    ///
    /// See [`Clock::new`].
    pub fn new(settings: &Settings) -> Result<Self, StackError> {
        let buffers = Buffers::default();
        buffers.send.store(settings.send, Ordering::Relaxed);
        buffers.receive.store(settings.receive, Ordering::Relaxed);
        Ok(Calls {
            clock: Clock::new(settings.config, buffers.clone())?,
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

    /// `socket`: TCP over IPv4 or IPv6.
    ///
    /// # Errors
    ///
    /// EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT; EMFILE, and what the kernel says of a new descriptor.
    pub fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<RawFd, Errno> {
        let v6 = match domain {
            libc::AF_INET => false,
            libc::AF_INET6 => true,
            _ => return Err(Errno::AFNOSUPPORT),
        };
        if kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) != libc::SOCK_STREAM {
            return Err(Errno::SOCKTNOSUPPORT);
        }
        if ![0, libc::IPPROTO_TCP].contains(&protocol) {
            return Err(Errno::PROTONOSUPPORT);
        }
        let fresh = Kind::Fresh { bound: None };
        let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
        self.add(v6, fresh, nonblocking, Options::default())
    }

    fn add(
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

    pub(crate) fn find(&mut self, fd: RawFd) -> Result<&mut Socket, Errno> {
        self.sockets.get_mut(&fd).ok_or(Errno::BADF)
    }

    /// `bind`.
    ///
    /// # Errors
    ///
    /// EINVAL: bound before, or in use; EADDRINUSE: another socket is bound there, unless both say `SO_REUSEADDR` and neither
    /// listens. Connections and TIME_WAIT are looked at when it listens or connects.
    pub fn bind(&mut self, fd: RawFd, address: Address) -> Result<(), Errno> {
        let Address::Socket(address) = address else {
            return Err(Errno::AFNOSUPPORT);
        };
        let socket = self.find(fd)?;
        if !matches!(socket.kind, Kind::Fresh { bound: None }) {
            return Err(Errno::INVAL);
        }
        if address.is_ipv6() && !socket.v6 {
            return Err(Errno::AFNOSUPPORT);
        }
        let reuse = socket.options.reuse;
        let meets = |other: &SocketAddr| {
            let any = other.ip().is_unspecified() || address.ip().is_unspecified();
            let same = other.ip() == address.ip() || any && other.is_ipv4() == address.is_ipv4();
            address.port() != 0 && same && other.port() == address.port()
        };
        let held = self.sockets.values().any(|other| match &other.kind {
            Kind::Fresh { bound: Some(at) } => meets(at) && !(reuse && other.options.reuse),
            Kind::Listener { at, .. } => meets(at),
            _ => false,
        });
        if held {
            return Err(Errno::ADDRINUSE);
        }
        self.find(fd)?.kind = Kind::Fresh {
            bound: Some(address),
        };
        Ok(())
    }

    /// `listen`. A socket that is not bound must be.
    ///
    /// # Errors
    ///
    /// EINVAL: not bound, or connected; EADDRINUSE.
    pub fn listen(&mut self, fd: RawFd, backlog: i32) -> Result<(), Errno> {
        let socket = self.find(fd)?;
        let at = match &socket.kind {
            Kind::Fresh { bound: Some(at) } => *at,
            Kind::Listener { .. } => return Ok(()),
            _ => return Err(Errno::INVAL),
        };
        let reuse = socket.options.reuse();
        // Linux lets one more through than is asked for.
        let backlog = u32::try_from(backlog).unwrap_or(u32::MAX).saturating_add(1);
        let id = self
            .clock
            .stack
            .listen(at, backlog, reuse)
            .map_err(of_bind)?;
        let accepted = VecDeque::new();
        self.find(fd)?.kind = Kind::Listener { id, at, accepted };
        Ok(())
    }

    /// `accept`: a new socket, and the peer.
    ///
    /// # Errors
    ///
    /// EINVAL: not a listener; EAGAIN.
    pub fn accept(&mut self, fd: RawFd, flags: i32) -> Outcome<(RawFd, SocketAddr)> {
        let accept = |calls: &mut Calls| {
            calls.gather(fd)?;
            let socket = calls.find(fd)?;
            let (v6, options) = (socket.v6, socket.options);
            let Kind::Listener { accepted, .. } = &mut socket.kind else {
                return Err(Errno::INVAL);
            };
            let handle = accepted.pop_front().ok_or(Errno::AGAIN)?;
            let peer = calls.clock.stack.tuple(handle).map_err(of_user)?.remote();
            let connection = Kind::Connection {
                handle,
                connected: true,
                told: true,
                finished: false,
                over: false,
            };
            let nonblocking = flags & libc::SOCK_NONBLOCK != 0;
            Ok((calls.add(v6, connection, nonblocking, options)?, peer))
        };
        let result = accept(self);
        self.or_wait(fd, result, None)
    }

    /// What a listener has ready is taken over.
    fn gather(&mut self, fd: RawFd) -> Result<(), Errno> {
        let socket = self.sockets.get_mut(&fd).ok_or(Errno::BADF)?;
        if let Kind::Listener { id, accepted, .. } = &mut socket.kind {
            while let Some(handle) = self.clock.stack.accept(*id) {
                accepted.push_back(handle);
            }
        }
        Ok(())
    }

    /// EAGAIN of a socket that blocks waits.
    fn or_wait<T>(
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

    /// `connect`. To AF_UNSPEC it dissolves a connection, by ABORT.
    ///
    /// # Errors
    ///
    /// EINPROGRESS, EALREADY: it goes on; EISCONN; ECONNREFUSED, ECONNRESET, ETIMEDOUT: how it ended; EADDRINUSE,
    /// EADDRNOTAVAIL; EINVAL: a listener.
    pub fn connect(&mut self, fd: RawFd, address: Address) -> Outcome<()> {
        let result = self.try_connect(fd, address);
        let blocks = self.find(fd).is_ok_and(|s| !s.nonblocking);
        match result {
            Err(Errno::INPROGRESS | Errno::ALREADY) if blocks => Outcome::Waits(None),
            result => Outcome::Done(result),
        }
    }

    fn try_connect(&mut self, fd: RawFd, address: Address) -> Result<(), Errno> {
        let socket = self.sockets.get_mut(&fd).ok_or(Errno::BADF)?;
        let remote = match (address, &mut socket.kind) {
            (Address::Unspecified, Kind::Connection { .. }) => {
                let fresh = Kind::Fresh { bound: None };
                let old = std::mem::replace(&mut socket.kind, fresh);
                (socket.error, socket.shut) = (None, Shut::default());
                return self.abort(old);
            }
            (Address::Unspecified, Kind::Fresh { .. }) => return Ok(()),
            (_, Kind::Listener { .. }) => return Err(Errno::INVAL),
            (
                _,
                Kind::Connection {
                    connected: true,
                    told,
                    ..
                },
            ) => {
                let before = std::mem::replace(told, true);
                return if before { Err(Errno::ISCONN) } else { Ok(()) };
            }
            (_, Kind::Connection { over: true, .. }) => {
                return Err(socket.error.take().unwrap_or(Errno::CONNABORTED));
            }
            (_, Kind::Connection { .. }) => return Err(Errno::ALREADY),
            (Address::Socket(remote), Kind::Fresh { .. }) => remote,
        };
        let Kind::Fresh { bound } = &socket.kind else {
            return Err(Errno::INVAL);
        };
        let mut local = bound.unwrap_or(SocketAddr::new(remote.ip(), 0));
        if bound.is_none() || local.ip().is_unspecified() {
            let mine = self
                .local
                .iter()
                .find(|ip| ip.is_ipv4() == remote.is_ipv4());
            local.set_ip(*mine.ok_or(Errno::ADDRNOTAVAIL)?);
        }
        let (now, reuse) = (self.clock.now(), socket.options.reuse());
        let handle = self.clock.stack.connect(now, Some(local), remote, reuse);
        let handle = handle.map_err(of_bind)?;
        self.find(fd)?.kind = Kind::Connection {
            handle,
            connected: false,
            told: false,
            finished: false,
            over: false,
        };
        Err(Errno::INPROGRESS)
    }

    /// What is left of a connection goes by ABORT.
    fn abort(&mut self, kind: Kind) -> Result<(), Errno> {
        let now = self.clock.now();
        match kind {
            Kind::Connection { handle, .. } => self.clock.stack.abort(now, handle).map_err(of_user),
            _ => Ok(()),
        }
    }

    /// `read`, `recv`: what there is, at least a byte; 0 at the end of the stream. With MSG_WAITALL, all of it; `done` says how
    /// much there is already.
    ///
    /// # Errors
    ///
    /// ENOTCONN; EAGAIN; how the connection ended, once; EOPNOTSUPP: flags that are not there (MSG_PEEK, MSG_OOB, MSG_TRUNC).
    pub fn receive(
        &mut self,
        fd: RawFd,
        to: &mut [u8],
        flags: i32,
        done: &mut usize,
    ) -> Outcome<usize> {
        let known =
            libc::MSG_DONTWAIT | libc::MSG_WAITALL | libc::MSG_NOSIGNAL | libc::MSG_CMSG_CLOEXEC;
        if flags & !known != 0 {
            return Outcome::Done(Err(Errno::OPNOTSUPP));
        }
        let rest = to.get_mut(*done..).unwrap_or_default();
        let result = match self.try_receive(fd, rest) {
            Ok(n) => {
                *done += n;
                let more = flags & libc::MSG_WAITALL != 0 && n > 0 && *done < to.len();
                if more { Err(Errno::AGAIN) } else { Ok(*done) }
            }
            Err(e) => Err(e),
        };
        let result = match result {
            Err(_)
                if *done > 0
                    && (result != Err(Errno::AGAIN) || flags & libc::MSG_DONTWAIT != 0) =>
            {
                Ok(*done)
            }
            Err(Errno::AGAIN) if flags & libc::MSG_DONTWAIT != 0 => {
                return Outcome::Done(Err(Errno::AGAIN));
            }
            result => result,
        };
        self.or_wait(fd, result, None)
    }

    fn try_receive(&mut self, fd: RawFd, to: &mut [u8]) -> Result<usize, Errno> {
        let now = self.clock.now();
        let socket = self.sockets.get_mut(&fd).ok_or(Errno::BADF)?;
        let Kind::Connection { handle, .. } = socket.kind else {
            return Err(Errno::NOTCONN);
        };
        if to.is_empty() {
            return Ok(0);
        }
        match self.clock.stack.receive(now, handle, to) {
            Ok(Received::Data(n)) => Ok(n),
            Ok(Received::End) => Ok(0),
            Ok(Received::Nothing) if socket.shut.read => Ok(0),
            Ok(Received::Nothing) => Err(Errno::AGAIN),
            // The end, how it came is told once.
            Err(_) => socket.error.take().map_or(Ok(0), Err),
        }
    }

    /// `write`, `send`: all of it if the socket blocks, else as much as there is room for. `done` says how much went already.
    ///
    /// # Errors
    ///
    /// EAGAIN; how the connection ended, once, then EPIPE; EPIPE: nothing to write to; EOPNOTSUPP: flags that are not there
    /// (MSG_OOB, MSG_FASTOPEN, MSG_MORE, MSG_ZEROCOPY).
    pub fn send(&mut self, fd: RawFd, from: &[u8], flags: i32, done: &mut usize) -> Outcome<usize> {
        let known = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | libc::MSG_EOR;
        if flags & !known != 0 {
            return Outcome::Done(Err(Errno::OPNOTSUPP));
        }
        let dont_wait =
            flags & libc::MSG_DONTWAIT != 0 || self.find(fd).is_ok_and(|s| s.nonblocking);
        let rest = from.get(*done..).unwrap_or_default();
        match self.try_send(fd, rest) {
            Ok(n) => *done += n,
            Err(Errno::AGAIN) => {}
            Err(_) if *done > 0 => return Outcome::Done(Ok(*done)),
            Err(e) => return Outcome::Done(Err(e)),
        }
        match *done {
            n if n == from.len() => Outcome::Done(Ok(n)),
            _ if !dont_wait => Outcome::Waits(None),
            0 => Outcome::Done(Err(Errno::AGAIN)),
            n => Outcome::Done(Ok(n)),
        }
    }

    fn try_send(&mut self, fd: RawFd, from: &[u8]) -> Result<usize, Errno> {
        let now = self.clock.now();
        let socket = self.sockets.get_mut(&fd).ok_or(Errno::BADF)?;
        let Kind::Connection {
            handle,
            connected,
            over,
            ..
        } = socket.kind
        else {
            return Err(Errno::PIPE);
        };
        if socket.shut.write || (over && socket.error.is_none()) {
            return Err(socket.error.take().unwrap_or(Errno::PIPE));
        }
        if !connected && !over {
            return Err(Errno::AGAIN);
        }
        match self.clock.stack.send(now, handle, from) {
            Ok(n) => Ok(n),
            Err(UserError::Call(CallError::InsufficientResources)) => Err(Errno::AGAIN),
            Err(_) => Err(socket.error.take().unwrap_or(Errno::PIPE)),
        }
    }

    /// `shutdown`.
    ///
    /// # Errors
    ///
    /// EINVAL: no such way; ENOTCONN.
    pub fn shutdown(&mut self, fd: RawFd, how: i32) -> Result<(), Errno> {
        let now = self.clock.now();
        let (read, write) = match how {
            libc::SHUT_RD => (true, false),
            libc::SHUT_WR => (false, true),
            libc::SHUT_RDWR => (true, true),
            _ => return Err(Errno::INVAL),
        };
        let socket = self.sockets.get_mut(&fd).ok_or(Errno::BADF)?;
        let handle = match &socket.kind {
            Kind::Connection {
                handle,
                over: false,
                ..
            } => *handle,
            Kind::Listener { id, at, .. } if read => {
                // It listens no more, and may again.
                let (id, bound) = (*id, Some(*at));
                socket.kind = Kind::Fresh { bound };
                return self.clock.stack.unlisten(now, id).map_err(of_user);
            }
            _ => return Err(Errno::NOTCONN),
        };
        socket.shut.read |= read;
        if write && !std::mem::replace(&mut socket.shut.write, true) {
            return self.clock.stack.shutdown(now, handle).map_err(of_user);
        }
        Ok(())
    }

    /// `close`. With `SO_LINGER` of no time it is ABORT; of some, and if it blocks, it waits that long for the peer to acknowledge
    /// our FIN. `until` is when that ends.
    ///
    /// # Errors
    ///
    /// EBADF.
    pub fn close(&mut self, fd: RawFd, until: &mut Option<Instant>) -> Outcome<()> {
        let now = self.clock.now();
        let Some(socket) = self.sockets.get_mut(&fd) else {
            return Outcome::Done(Err(Errno::BADF));
        };
        if let Kind::Connection {
            handle,
            connected: true,
            finished: false,
            over: false,
            ..
        } = &socket.kind
            && let Some(linger) = socket.options.linger.filter(|l| *l > 0)
            && !socket.nonblocking
            && self.clock.stack.readable(*handle) == Ok(0)
        {
            let end = *until.get_or_insert(now + Duration::from_secs(linger.into()));
            if !std::mem::replace(&mut socket.shut.write, true) {
                // Closed before is closed.
                let _ = self.clock.stack.shutdown(now, *handle);
            }
            if now < end {
                return Outcome::Waits(Some(end));
            }
        }
        let Some(socket) = self.sockets.remove(&fd) else {
            return Outcome::Done(Err(Errno::BADF));
        };
        let aborts = socket.options.linger == Some(0);
        let stack = &mut self.clock.stack;
        // A connection that is gone is closed.
        let _ = match socket.kind {
            Kind::Fresh { .. } => Ok(()),
            Kind::Listener { id, accepted, .. } => {
                for handle in accepted {
                    let _ = stack.abort(now, handle);
                }
                stack.unlisten(now, id)
            }
            Kind::Connection {
                handle,
                over: false,
                ..
            } if aborts => stack.abort(now, handle),
            Kind::Connection { handle, .. } => stack.close(now, handle),
        };
        drop(socket.place);
        Outcome::Done(Ok(()))
    }

    /// What a socket is ready for; none if there is none.
    pub fn ready(&mut self, fd: RawFd) -> Option<Ready> {
        self.gather(fd).ok()?;
        let socket = self.sockets.get(&fd)?;
        let stack = &self.clock.stack;
        let mut ready = Ready {
            error: socket.error.is_some(),
            ..Ready::default()
        };
        match &socket.kind {
            Kind::Fresh { .. } => (ready.output, ready.hung_up) = (true, true),
            Kind::Listener { accepted, .. } => ready.input = !accepted.is_empty(),
            Kind::Connection {
                handle,
                connected,
                over,
                ..
            } => {
                let state = stack.state(*handle).unwrap_or(State::Closed);
                let c = stack.connection(*handle).ok();
                let ended = c.is_some_and(|c| c.fin_received());
                ready.peer_closed = ended || *over || socket.shut.read;
                ready.hung_up =
                    *over && (ended || ready.error) || socket.shut.read && socket.shut.write;
                ready.hung_up |= state == State::Closed;
                ready.input = stack.readable(*handle).is_ok_and(|n| n > 0) || ready.peer_closed;
                let room = stack.writable(*handle).is_ok_and(|n| n > 0);
                ready.output = *connected && room || socket.shut.write || *over;
            }
        }
        Some(ready)
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

impl Options {
    fn reuse(&self) -> Reuse {
        if self.reuse {
            Reuse::Address
        } else {
            Reuse::No
        }
    }
}

fn of_bind(error: BindError) -> Errno {
    match error {
        BindError::InTimeWait(..) | BindError::InUse(..) | BindError::Listening(_) => {
            Errno::ADDRINUSE
        }
        BindError::AlreadyExists | BindError::ExistsInTimeWait | BindError::NoPort => {
            Errno::ADDRNOTAVAIL
        }
        BindError::NoAddress => Errno::ADDRNOTAVAIL,
        BindError::BadAddress => Errno::INVAL,
        BindError::Full(_) => Errno::NOBUFS,
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
