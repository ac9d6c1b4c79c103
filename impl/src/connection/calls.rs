//! User calls (RFC 9293 sections 3.10.2 to 3.10.6).

use super::{Buffers, Congestion, Connection, is, owes};
use crate::config::Config;
use crate::state::State;
use crate::time::Instant;
use crate::wire::{Flags, Header};

/// Why a call was refused, in the words of section 3.10.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
pub enum CallError {
    /// The connection is over.
    #[error("connection does not exist")]
    DoesNotExist,
    /// Its sending side is closed, or there is nothing more to read.
    #[error("connection closing")]
    Closing,
    /// The send queue is full; [`Indication::Writable`](super::Indication::Writable) says when it no longer is.
    #[error("insufficient resources")]
    InsufficientResources,
    /// There is a connection, or a listener, on this pair of sockets.
    #[error("connection already exists")]
    AlreadyExists,
}

/// What a RECEIVE found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// That many bytes, more than none.
    Data(usize),
    /// Nothing yet.
    Nothing,
    /// The end of the stream: all that the peer sent has been read.
    End,
}

impl<B: Buffers, C: Congestion> Connection<B, C> {
    /// SEND: queues as much of `data` as there is room for; says how many bytes.
    ///
    /// # Errors
    ///
    /// No connection, closed by the user, or no room at all.
    #[inline]
    pub fn send(&mut self, config: &Config, now: Instant, data: &[u8]) -> Result<usize, CallError> {
        match self.state {
            State::Closed | State::Listen => return Err(CallError::DoesNotExist),
            State::SynSent | State::SynReceived | State::Established | State::CloseWait => {}
            _ => return Err(CallError::Closing),
        }
        if self.flags.has(is::CLOSE_CALLED) {
            return Err(CallError::Closing);
        }
        let n = self.buffers.push(data) as usize;
        if n < data.len() {
            self.flags.put(is::WAITS_FOR_ROOM, true);
        }
        if n > 0 && !self.timers.user.is_set() {
            self.timers.user.start(now, config.user_timeout);
        }
        if n == 0 && !data.is_empty() {
            return Err(CallError::InsufficientResources);
        }
        Ok(n)
    }

    /// RECEIVE into `to`. What is unread stays readable when the connection is over, unless it ended by a reset or a time-out,
    /// which flush it (RFC 9293 sections 3.10.7.4, 3.10.8).
    ///
    /// # Errors
    ///
    /// The user has said that nobody will read, or the connection is over without an end of the stream.
    #[inline]
    pub fn receive(&mut self, config: &Config, to: &mut [u8]) -> Result<Received, CallError> {
        if matches!(self.state, State::SynSent | State::SynReceived) {
            return Ok(Received::Nothing); // queued "for processing after entering ESTABLISHED"
        }
        if self.is_orphan() || self.flags.has(is::ABORTED) {
            return Err(CallError::Closing);
        }
        if self.buffers.readable() == 0 {
            return match self.state {
                _ if self.fin_received() => Ok(Received::End),
                State::Closed | State::Listen | State::TimeWait => Err(CallError::DoesNotExist),
                _ => Ok(Received::Nothing),
            };
        }
        let was_closed = self.buffers.window() == 0;
        let n = self.buffers.read(to) as usize;
        if n == 0 {
            return Ok(Received::Nothing);
        }
        if self.state.receives() && self.is_worth_announcing(config, was_closed) {
            self.owes.put(owes::ACK, true);
        }
        Ok(Received::Data(n))
    }

    /// Whether the window has opened so far that the peer must hear of it (section 3.8.6.2.2).
    #[inline]
    fn is_worth_announcing(&self, config: &Config, was_closed: bool) -> bool {
        if !config.avoid_silly_windows {
            return was_closed;
        }
        let more = self
            .window_to_offer(config)
            .saturating_sub(self.offered_window());
        let half = self.buffers.receive_capacity() / 2;
        more >= half.min(2 * u32::from(config.mss)).max(1)
    }

    /// SHUTDOWN: nothing more to send; reading goes on. RFC 9293's CLOSE.
    ///
    /// In SYN_SENT there is no connection yet, and it ends at once: what SEND had queued is dropped, and nothing is told
    /// (section 3.10.4). Who wants it sent waits for [`Indication::Connected`](super::Indication::Connected) first.
    ///
    /// # Errors
    ///
    /// No connection, or closed before.
    pub fn shutdown(&mut self, config: &Config, now: Instant) -> Result<(), CallError> {
        self.finish(config, now, false)
    }

    /// CLOSE: nothing more to send, and nobody will read again (MAY-1). Unread text makes it an ABORT (SHLD-3), for it
    /// would be lost and the peer not know it.
    ///
    /// # Errors
    ///
    /// No connection, or closed before.
    pub fn close(&mut self, config: &Config, now: Instant) -> Result<(), CallError> {
        self.finish(config, now, true)
    }

    fn finish(&mut self, config: &Config, now: Instant, fully: bool) -> Result<(), CallError> {
        match self.state {
            State::Closed | State::Listen => return Err(CallError::DoesNotExist),
            State::TimeWait => return Err(CallError::Closing),
            State::SynSent => {
                self.enter(State::Closed);
                return Ok(());
            }
            _ => {}
        }
        let again = self.flags.has(is::CLOSE_CALLED);
        if again && (!fully || self.is_orphan()) {
            return Err(CallError::Closing);
        }
        if fully {
            if self.buffers.readable() > 0 {
                self.abort_now(config);
                return Ok(());
            }
            self.flags.put(is::ORPHAN, true);
            if self.state == State::FinWait2 {
                self.start_orphan_timer(config, now);
            }
        }
        if again {
            return Ok(());
        }
        self.flags.put(is::CLOSE_CALLED, true);
        match self.state {
            State::Established => self.enter(State::FinWait1),
            // With text waiting, or a TIME_WAIT to go back to, it waits for the handshake (3.10.4).
            State::SynReceived if self.buffers.queued() == 0 && !self.is_reopening() => {
                self.enter(State::FinWait1)
            }
            // From CLOSE_WAIT the state changes when the FIN is sent.
            _ => {}
        }
        if !self.timers.user.is_set() {
            self.timers.user.start(now, config.user_timeout);
        }
        Ok(())
    }

    /// ABORT: a RST goes out where the peer knows of the connection; nothing is kept.
    ///
    /// # Errors
    ///
    /// No connection.
    pub fn abort(&mut self, config: &Config) -> Result<(), CallError> {
        match self.state {
            State::Closed | State::Listen => return Err(CallError::DoesNotExist),
            State::SynSent | State::Closing | State::LastAck | State::TimeWait => {
                self.owes.0 = 0;
                self.enter(State::Closed);
            }
            _ => self.abort_now(config),
        }
        Ok(())
    }

    /// A RST, and the end; whoever issues one lingers (section 3.5.2).
    #[cold]
    #[inline(never)]
    pub(super) fn abort_now(&mut self, config: &Config) {
        self.reset = Header {
            seq: self.snd_nxt,
            flags: Flags::RST,
            ..Header::default()
        };
        self.owes.0 = owes::RESET;
        self.buffers.discard();
        self.flags.put(is::ORPHAN, true);
        let lingers = !matches!(self.state, State::Closing | State::LastAck);
        if lingers && config.abort_lingers {
            self.flags.put(is::ABORTED, true);
            self.reopened = None;
            self.enter(State::TimeWait);
        } else {
            self.enter(State::Closed);
        }
    }
}
