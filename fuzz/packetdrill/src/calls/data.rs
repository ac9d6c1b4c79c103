//! Text, both ways.

use farewell::connection::{CallError, Received};
use farewell::stack::UserError;
use rustix::fd::RawFd;
use rustix::io::Errno;

use super::{Calls, Kind};
use crate::host::Outcome;

impl Calls {
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
}
