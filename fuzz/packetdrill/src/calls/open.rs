//! From `socket` to a connection.

use std::collections::VecDeque;
use std::net::SocketAddr;

use farewell::stack::{BindError, Reuse};
use rustix::fd::RawFd;
use rustix::io::Errno;

use super::{Calls, Kind, Shut, of_user};
use crate::address::Address;
use crate::host::Outcome;
use crate::options::Options;

impl Calls {
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
    pub(super) fn gather(&mut self, fd: RawFd) -> Result<(), Errno> {
        let socket = self.sockets.get_mut(&fd).ok_or(Errno::BADF)?;
        if let Kind::Listener { id, accepted, .. } = &mut socket.kind {
            while let Some(handle) = self.clock.stack.accept(*id) {
                accepted.push_back(handle);
            }
        }
        Ok(())
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
