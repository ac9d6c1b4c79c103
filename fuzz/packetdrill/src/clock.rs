//! The stack under test, its packets and its time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farewell::connection::{Owned, Reno};
use farewell::stack::{Event, Limits, Provide, Secrets, StackError};
use farewell::tuple::Tuple;
use farewell::{Config, Instant, Stack};

use crate::record::Record;

/// Buffers of the size that was asked for last (SO_SNDBUF, SO_RCVBUF), by socket as they are made.
#[derive(Clone, Debug, Default)]
pub struct Buffers {
    /// Bytes of the send buffer of the next connection.
    pub send: Arc<AtomicUsize>,
    /// Bytes of the receive buffer of the next connection.
    pub receive: Arc<AtomicUsize>,
}

impl Provide for Buffers {
    type Buffers = Owned;
    type Congestion = Reno;

    fn provide(&mut self, _: &Tuple) -> Option<(Owned, Reno)> {
        let of = |n: &AtomicUsize| n.load(Ordering::Relaxed);
        let buffers = Owned::new(of(&self.send), of(&self.receive));
        Some((buffers, Reno::default()))
    }
}

/// A packet that left the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Packets that wait for the script to look at them. Beyond, they are lost.
const MOST_SENT: usize = 1 << 16;
/// Rounds in which time does not pass although a timer is due; never met.
const MOST_IN_A_MOMENT: u32 = 10_000;
/// Where virtual time begins: not at zero, so that "before" exists.
const BEGIN: Instant = Instant(1_000_000_000);
/// Connections: a script has a handful.
const CONNECTIONS: u32 = 64;

/// The stack and its time, which passes by [`Clock::step`] only.
#[derive(Debug)]
pub struct Clock {
    /// The stack. After any call [`Clock::flush`] must follow.
    pub stack: Stack<Buffers>,
    now: Instant,
    sent: VecDeque<Sent>,
    room: Vec<u8>,
    record: Option<Record>,
}

impl Clock {
    /// A host without connections, with the capture of its packets if there is to be one.
    ///
    /// # Errors
    ///
    /// A configuration that makes no sense, or no memory.
    pub fn new(
        config: Config,
        buffers: Buffers,
        record: Option<Record>,
    ) -> Result<Self, StackError> {
        // Not secret, so that a script sees the same numbers each time.
        let secrets = Secrets::new(std::array::from_fn(|n| n as u8));
        let limits = Limits::for_connections(CONNECTIONS);
        let room = vec![0; 60 + usize::from(u16::MAX)]; // the MSS may change
        Ok(Clock {
            stack: Stack::new(config, limits, secrets, buffers, BEGIN)?,
            now: BEGIN,
            sent: VecDeque::new(),
            room,
            record,
        })
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// When the stack has something to do by itself.
    pub fn next(&self) -> Option<Instant> {
        self.stack.poll_timeout()
    }

    /// Time comes to `to`, and no timer of the stack lies between: what is due then is done.
    pub fn step(&mut self, to: Instant) {
        self.now = self.now.max(to);
        for _ in 0..MOST_IN_A_MOMENT {
            if self.next().is_none_or(|due| due > self.now) {
                return;
            }
            self.stack.handle_timeout(self.now);
            self.flush();
        }
    }

    /// A packet arrives.
    pub fn arrive(&mut self, packet: &[u8]) {
        if let Some(record) = &self.record {
            record.arrives(self.now, packet);
        }
        // What is wrong with it is the script's business: whether anything is answered shows in what is sent.
        let _ = self.stack.handle_packet(self.now, packet);
        self.flush();
    }

    /// Takes what the stack has to send.
    pub fn flush(&mut self) {
        while let Ok(Some(out)) = self.stack.poll_transmit(self.now, &mut self.room) {
            let bytes = self.room.get(..out.len).unwrap_or_default();
            let is_seen = self.sent.len() < MOST_SENT;
            if let Some(record) = &self.record {
                record.leaves(self.now, bytes, is_seen);
            }
            if is_seen {
                let (at, bytes) = (self.now, bytes.to_vec());
                self.sent.push_back(Sent { at, bytes });
            }
        }
    }

    /// The first packet that nobody has looked at.
    pub fn sniff(&mut self) -> Option<Sent> {
        self.sent.pop_front()
    }

    /// Whom to tell what.
    pub fn event(&mut self) -> Option<Event> {
        self.stack.poll_event()
    }
}
