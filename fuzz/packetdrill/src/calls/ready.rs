//! What a socket is ready for.

use farewell::State;
use rustix::fd::RawFd;

use super::{Calls, Kind};

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
                let both = socket.shut.write && (ended || socket.shut.read);
                ready.hung_up = both || *over || state == State::Closed;
                ready.input = stack.readable(*handle).is_ok_and(|n| n > 0) || ready.peer_closed;
                let room = stack.writable(*handle).is_ok_and(|n| n > 0);
                ready.output = *connected && room || socket.shut.write || *over;
            }
        }
        Some(ready)
    }
}
