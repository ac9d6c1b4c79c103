//! RFC 9293's calls on the kernel's sockets.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddrV4};
use std::time::Duration;

use farewell::State;
use farewell_model::endpoint::{Call, CallError, MAX_DATA};
use farewell_tun::diag::KernelSocket;
use socket2::{Domain, Socket, Type};

use super::wire::{THERE, wire};
use super::{Host, broken};
use crate::oracle::packet::PEER;
use crate::subject::{Output, SubjectError};

/// What the user has.
pub(super) enum User {
    None,
    Listens(Socket),
    Has(Socket),
}

fn listening(socket: Socket) -> Result<Socket, SubjectError> {
    let listens = socket.listen(1);
    listens.map_err(|e| broken(&format_args!("listen: {e}")))?;
    Ok(socket)
}

impl Host {
    pub(super) fn between(&self) -> Result<Option<KernelSocket>, SubjectError> {
        wire()?.between(self.here)
    }

    fn socket(&self) -> Result<Socket, SubjectError> {
        let make = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            socket.set_reuse_address(true)?;
            socket.set_tcp_nodelay(true)?;
            socket.bind(&self.here.into())?;
            Ok(socket)
        };
        make().map_err(|e: io::Error| broken(&format_args!("a socket: {e}")))
    }

    pub(super) fn call(&mut self, call: Call) -> Result<(), SubjectError> {
        match call {
            Call::OpenActive { .. } | Call::OpenPassive { .. } => self.open(call),
            Call::Send { len, text } => self.send(&text[..usize::from(len)]),
            Call::Receive(most) => self.receive(most.into()),
            Call::Shutdown | Call::Close | Call::Abort => self.end(call),
            Call::Status => Ok(()),
        }
    }

    fn open(&mut self, call: Call) -> Result<(), SubjectError> {
        // A listener is no obstacle to Linux, nor TIME_WAIT to a listener: there may be several. Here there is one. Whether
        // TIME_WAIT is an obstacle to an active OPEN, the kernel says.
        let listens = matches!(call, Call::OpenPassive { .. });
        let there = self.between()?.map(|s| s.state);
        let is_obstacle = there.is_some_and(|state| listens || state != State::TimeWait);
        if matches!(self.user, User::Listens(_)) || is_obstacle {
            return Err(CallError::AlreadyExists.into());
        }
        let socket = self.socket()?;
        if listens {
            self.user = User::Listens(listening(socket)?);
            self.forget();
            return Ok(());
        }
        match socket.connect(&SocketAddrV4::new(THERE, PEER.1).into()) {
            // EINPROGRESS has no kind of its own.
            Err(e) if !matches!(e.kind(), ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse) => {}
            Err(_) => return Err(CallError::AlreadyExists.into()),
            Ok(()) => {}
        }
        self.user = User::Has(socket);
        self.forget();
        Ok(())
    }

    /// What the last connection sent says nothing of the next.
    fn forget(&mut self) {
        (self.sent, self.repeats) = (None, false);
        (self.syn, self.begins_narrow) = (None, false);
    }

    /// A SYN is about to arrive: what reopens TIME_WAIT in Linux is a listener. It is there for that SYN alone, for in CLOSED
    /// there is none.
    pub(super) fn before_syn(&mut self) -> Result<(), SubjectError> {
        let waits = |s: KernelSocket| s.state == State::TimeWait;
        if self.between()?.is_some_and(waits) {
            let listener = User::Listens(listening(self.socket()?)?);
            self.before = Some(mem::replace(&mut self.user, listener));
        }
        Ok(())
    }

    /// What has become of that SYN.
    pub(super) fn after_syn(&mut self) -> Result<(), SubjectError> {
        let Some(before) = self.before.take() else {
            return Ok(());
        };
        match self.between()?.map(|s| s.state) {
            _ if matches!(self.user, User::Has(_)) => {} // accepted
            Some(State::SynReceived) => self.before = Some(before),
            Some(State::TimeWait) => self.user = before,
            _ => self.user = User::None,
        }
        Ok(())
    }

    fn send(&mut self, text: &[u8]) -> Result<(), SubjectError> {
        let waits = self.between()?.map_or(0, |s| s.unacknowledged);
        let User::Has(socket) = &mut self.user else {
            return Err(match self.user {
                User::Listens(_) => CallError::InsufficientResources,
                _ => CallError::DoesNotExist,
            }
            .into());
        };
        self.repeats &= waits > 0;
        // The model's queue has four bytes, and its network no congestion.
        let narrow = self.repeats || self.begins_narrow && waits > 0;
        if waits as usize + text.len() > MAX_DATA || narrow {
            // What is over or closing must say so all the same.
            return Err(match socket.write(&[]) {
                Ok(_) => CallError::InsufficientResources,
                Err(e) if e.kind() == ErrorKind::WouldBlock => CallError::InsufficientResources,
                Err(_) => CallError::Closing,
            }
            .into());
        }
        match socket.write(text) {
            Ok(n) if n == text.len() => Ok(()),
            Ok(n) => Err(broken(&format_args!("it took {n} of {} bytes", text.len()))),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                Err(CallError::InsufficientResources.into())
            }
            Err(_) => Err(CallError::Closing.into()),
        }
    }

    fn receive(&mut self, most: usize) -> Result<(), SubjectError> {
        let User::Has(socket) = &mut self.user else {
            return Err(CallError::InsufficientResources.into());
        };
        let mut to = [0; MAX_DATA];
        let to = to.get_mut(..most).unwrap_or_default();
        match socket.read(to) {
            Ok(0) if most == 0 => Ok(()),
            Ok(0) => {
                self.read.push(Output::Read(Vec::new(), true));
                Err(CallError::Closing.into())
            }
            Ok(n) => {
                let text = to.get(..n).unwrap_or_default().to_vec();
                self.read.push(Output::Read(text, false));
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(CallError::DoesNotExist.into()),
        }
    }

    fn end(&mut self, call: Call) -> Result<(), SubjectError> {
        if let User::Listens(_) = self.user
            && self.between()?.is_some()
        {
            return Err(CallError::InsufficientResources.into());
        }
        // A FIN waits for the congestion window, of which the model knows nothing.
        if (self.repeats || self.begins_narrow)
            && call != Call::Abort
            && self.between()?.is_some_and(|s| s.unacknowledged > 0)
        {
            return Err(CallError::InsufficientResources.into());
        }
        match (&self.user, call) {
            // The descriptor is gone, perhaps not the connection.
            (User::None, _) => return Err(CallError::InsufficientResources.into()),
            (User::Has(socket), Call::Shutdown) => {
                let done = socket.shutdown(Shutdown::Write);
                return done.map_err(|_| CallError::DoesNotExist.into());
            }
            (User::Has(socket), Call::Abort) => {
                let lingers = socket.set_linger(Some(Duration::ZERO));
                lingers.map_err(|e| broken(&format_args!("SO_LINGER: {e}")))?;
            }
            _ => {}
        }
        self.user = User::None;
        // A descriptor does not reach TIME_WAIT.
        if call == Call::Abort && self.between()?.is_some() {
            return Err(CallError::InsufficientResources.into());
        }
        Ok(())
    }

    /// A listener accepts one connection, and is gone.
    pub(super) fn accept(&mut self) -> Result<(), SubjectError> {
        let User::Listens(listener) = &self.user else {
            return Ok(());
        };
        match listener.accept() {
            Ok((socket, _)) => {
                let set = socket.set_nonblocking(true);
                set.map_err(|e| broken(&format_args!("accept: {e}")))?;
                self.user = User::Has(socket);
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(e) => Err(broken(&format_args!("accept: {e}"))),
        }
    }
}
