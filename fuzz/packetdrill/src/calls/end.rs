//! `shutdown` and `close`.

use std::time::Duration;

use farewell::Instant;
use rustix::fd::RawFd;
use rustix::io::Errno;

use super::{Calls, Kind, of_user};
use crate::host::Outcome;

impl Calls {
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
}
