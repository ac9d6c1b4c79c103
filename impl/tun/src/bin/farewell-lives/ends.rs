//! The two ends of a connection, in one tongue: a socket of the kernel, and a handle of the stack.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use farewell::Instant;
use farewell::Stack;
use farewell::connection::{CallError, Indication, Received};
use farewell::stack::{Handle, Heap, UserError};
use socket2::Socket;

/// What a user was told at last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// The peer has closed, and everything before was read.
    End,
    /// "Connection reset".
    Reset,
    /// Anything else.
    Other(String),
}

/// What a call did.
#[derive(Debug)]
pub(crate) enum Io {
    /// So many bytes, more than none.
    Moved(usize),
    /// Nothing now; an event will tell.
    Later,
    /// There will be nothing more.
    Over(Ending),
}

/// A socket of the kernel.
pub(crate) struct KernelEnd {
    socket: Socket,
}

/// A handle of the stack.
pub(crate) struct OurEnd {
    handle: Handle,
    told: Option<Indication>,
}

/// An end that is open.
pub(crate) enum End {
    /// The kernel's.
    Kernel(KernelEnd),
    /// The engine's.
    Ours(OurEnd),
}

impl End {
    /// Of a socket.
    pub(crate) fn kernel(socket: Socket) -> End {
        End::Kernel(KernelEnd { socket })
    }

    /// Of a handle.
    pub(crate) fn ours(handle: Handle) -> End {
        End::Ours(OurEnd { handle, told: None })
    }

    /// The stack's user is told something that ends it.
    pub(crate) fn tell(&mut self, indication: Indication) {
        if let End::Ours(end) = self {
            end.told = Some(indication);
        }
    }

    /// Whether the stack's user was told that the peer has acknowledged all. The kernel tells nobody that: of it nothing more
    /// than the end is waited for.
    pub(crate) fn is_told_closed(&self) -> bool {
        match self {
            End::Kernel(_) => true,
            End::Ours(end) => end.told == Some(Indication::Closed),
        }
    }

    /// Sends from the front of `data`.
    pub(crate) fn send(&mut self, stack: &mut Stack<Heap>, now: Instant, data: &[u8]) -> Io {
        match self {
            End::Kernel(end) => moved(end.socket.write(data), false),
            End::Ours(end) => match stack.send(now, end.handle, data) {
                Ok(n) => Io::Moved(n),
                Err(UserError::Call(CallError::InsufficientResources)) => Io::Later,
                Err(e) => Io::Over(end.why(e)),
            },
        }
    }

    /// Receives into `to`.
    pub(crate) fn receive(&mut self, stack: &mut Stack<Heap>, now: Instant, to: &mut [u8]) -> Io {
        match self {
            End::Kernel(end) => moved(end.socket.read(to), true),
            End::Ours(end) => match stack.receive(now, end.handle, to) {
                Ok(Received::Data(n)) => Io::Moved(n),
                Ok(Received::Nothing) => Io::Later,
                Ok(Received::End) => Io::Over(Ending::End),
                Err(e) => Io::Over(end.why(e)),
            },
        }
    }

    /// Bytes that could be read.
    pub(crate) fn unread(&self, stack: &Stack<Heap>) -> u64 {
        match self {
            End::Kernel(end) => rustix::io::ioctl_fionread(&end.socket).unwrap_or(0),
            End::Ours(end) => stack.readable(end.handle).map_or(0, u64::from),
        }
    }

    /// Nothing more to send.
    pub(crate) fn shutdown(&mut self, stack: &mut Stack<Heap>, now: Instant) -> Result<(), String> {
        match self {
            End::Kernel(end) => end
                .socket
                .shutdown(std::net::Shutdown::Write)
                .map_err(|e| format!("shutdown of the kernel's end: {e}")),
            End::Ours(end) => stack
                .shutdown(now, end.handle)
                .map_err(|e| format!("SHUTDOWN of our end: {e}")),
        }
    }

    /// Closes; nobody reads again.
    pub(crate) fn close(self, stack: &mut Stack<Heap>, now: Instant) {
        match self {
            End::Kernel(end) => drop(end.socket),
            End::Ours(end) => {
                let _ = stack.close(now, end.handle); // stale: it was closed before
            }
        }
    }

    /// Aborts: a RST.
    pub(crate) fn abort(self, stack: &mut Stack<Heap>, now: Instant) {
        match self {
            End::Kernel(end) => {
                // Without it, it closes; the life will not be told "reset", and fail.
                let _ = end.socket.set_linger(Some(Duration::ZERO));
            }
            End::Ours(end) => {
                let _ = stack.abort(now, end.handle); // stale: it was closed before
            }
        }
    }

    /// The stack's handle.
    pub(crate) fn handle(&self) -> Option<Handle> {
        match self {
            End::Kernel(_) => None,
            End::Ours(end) => Some(end.handle),
        }
    }

    /// The kernel's socket.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match self {
            End::Kernel(end) => Some(&end.socket),
            End::Ours(_) => None,
        }
    }
}

impl OurEnd {
    fn why(&self, error: UserError) -> Ending {
        match self.told {
            Some(Indication::Reset) => Ending::Reset,
            Some(told) => Ending::Other(format!("{told:?}, then: {error}")),
            None => Ending::Other(error.to_string()),
        }
    }
}

fn moved(result: io::Result<usize>, reads: bool) -> Io {
    match result {
        Ok(0) if reads => Io::Over(Ending::End),
        Ok(n) => Io::Moved(n),
        Err(e) => match e.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Io::Later,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Io::Over(Ending::Reset),
            _ => Io::Over(Ending::Other(e.to_string())),
        },
    }
}
