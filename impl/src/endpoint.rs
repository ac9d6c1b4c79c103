//! One host's TCP for one pair of sockets: LISTEN, the connection, TIME_WAIT and its reopening, and what CLOSED answers.
//!
//! This is what the specification is compared with, and what a host with few connections needs; a
//! [`Stack`](crate::stack::Stack) is very many of them, stored otherwise.

use crate::config::Config;
use crate::connection::{
    Begin, Buffers, CallError, Congestion, Connection, Dropped, Indication, Outgoing, Received,
};
use crate::listen::{self, Verdict};
use crate::state::State;
use crate::time::Instant;
use crate::timewait::{Answer, TimeWait, TimeWaitFlags};
use crate::wire::{Header, Segment};

/// Where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// CLOSED.
    #[default]
    Closed,
    /// LISTEN.
    Listen {
        /// Timestamps are taken.
        timestamps: bool,
    },
    /// There is a connection.
    Open,
    /// TIME_WAIT until then.
    TimeWait(TimeWait, Instant),
}

/// What a connection that begins is given.
pub type Opening<B, C> = (Begin, B, C);

/// One host's TCP for one pair of sockets. Poll after every call, as with a [`Connection`].
///
/// ```
/// use farewell::{Config, Endpoint, Instant, State};
/// use farewell::connection::{Begin, Owned, Reno};
/// use farewell::seq::SeqNumber;
/// let (config, now) = (Config::default(), Instant(0));
/// let mut tcp = Endpoint::<Owned, Reno>::default();
/// let begin = Begin { iss: SeqNumber(7), ts_offset: 0, timestamps: true };
/// tcp.connect(&config, now, (begin, Owned::new(4096, 4096), Reno::default())).unwrap();
/// let syn = tcp.poll_transmit(&config, now).unwrap();
/// assert_eq!((syn.header.seq, tcp.state()), (SeqNumber(7), State::SynSent));
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint<B, C> {
    phase: Phase,
    /// The connection; in TIME_WAIT and CLOSED one that still has something to read, or to tell.
    connection: Option<Connection<B, C>>,
    /// An answer without a connection.
    reply: Option<Header>,
}

impl<B, C> Default for Endpoint<B, C> {
    fn default() -> Self {
        Endpoint {
            phase: Phase::Closed,
            connection: None,
            reply: None,
        }
    }
}

impl<B: Buffers, C: Congestion> Endpoint<B, C> {
    /// From its parts; a connection without [`Phase::Open`] is one to read from.
    pub fn from_parts(phase: Phase, connection: Option<Connection<B, C>>) -> Self {
        Endpoint {
            phase,
            connection,
            reply: None,
        }
    }

    /// Its parts.
    pub fn into_parts(self) -> (Phase, Option<Connection<B, C>>) {
        (self.phase, self.connection)
    }

    /// Where it stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The connection, or what is left of it to read.
    pub fn connection(&self) -> Option<&Connection<B, C>> {
        self.connection.as_ref()
    }

    /// The state.
    pub fn state(&self) -> State {
        match (&self.phase, &self.connection) {
            (Phase::Closed, _) => State::Closed,
            (Phase::Listen { .. }, _) => State::Listen,
            (Phase::Open, Some(c)) => c.state(),
            (Phase::Open, None) => State::Closed,
            (Phase::TimeWait(..), _) => State::TimeWait,
        }
    }

    /// A passive OPEN (RFC 9293 section 3.10.1). A SYN that nobody follows up ends it when R2 is over, as section 3.8.3 has it,
    /// and not in LISTEN: a user who goes on listening opens again. (The listeners of a [`Stack`](crate::stack::Stack) stay.)
    ///
    /// # Errors
    ///
    /// It is open.
    pub fn listen(&mut self, timestamps: bool) -> Result<(), CallError> {
        if self.state() != State::Closed {
            return Err(CallError::AlreadyExists);
        }
        self.phase = Phase::Listen { timestamps };
        self.connection = None;
        Ok(())
    }

    /// An active OPEN, also from LISTEN.
    ///
    /// # Errors
    ///
    /// There is a connection, or one is in TIME_WAIT.
    pub fn connect(
        &mut self,
        config: &Config,
        now: Instant,
        opening: Opening<B, C>,
    ) -> Result<(), CallError> {
        if !matches!(self.state(), State::Closed | State::Listen) {
            return Err(CallError::AlreadyExists);
        }
        let (begin, buffers, congestion) = opening;
        self.connection = Some(Connection::connect(
            config, now, &begin, buffers, congestion,
        ));
        self.phase = Phase::Open;
        Ok(())
    }

    /// A segment arrives. `open` is asked when it would begin a connection; in TIME_WAIT it says by `None` that nobody listens.
    ///
    /// # Errors
    ///
    /// Why a connection dropped it.
    pub fn handle_segment(
        &mut self,
        config: &Config,
        now: Instant,
        s: &Segment<'_>,
        open: impl FnOnce() -> Option<Opening<B, C>>,
    ) -> Result<(), Dropped> {
        self.settle(config, now);
        match &mut self.phase {
            Phase::Closed => self.reply = listen::in_closed(s),
            Phase::Listen { timestamps } => match listen::in_listen(s) {
                Verdict::Ignore => {}
                Verdict::Reset(reset) => self.reply = Some(reset),
                Verdict::Begin => {
                    let timestamps = *timestamps;
                    if let Some((begin, buffers, congestion)) = open() {
                        let begin = Begin {
                            timestamps,
                            ..begin
                        };
                        self.begin(Connection::accept(
                            config, now, &begin, &s.header, None, buffers, congestion,
                        ));
                    }
                }
            },
            Phase::Open => {
                if let Some(c) = &mut self.connection {
                    return c.handle_segment(config, now, s);
                }
            }
            Phase::TimeWait(record, ends) => {
                let timestamps = record.flags.has(TimeWaitFlags::OFFERS_TIMESTAMPS);
                if config.reopen
                    && record.is_reopened_by(&s.header, timestamps)
                    && let Some((begin, buffers, congestion)) = open()
                {
                    let old = *record;
                    let begin = Begin {
                        iss: old.iss_above(begin.iss),
                        timestamps,
                        ..begin
                    };
                    self.begin(Connection::accept(
                        config,
                        now,
                        &begin,
                        &s.header,
                        Some(old),
                        buffers,
                        congestion,
                    ));
                    return Ok(());
                }
                match record.handle_segment(s) {
                    Answer::Nothing => {}
                    Answer::Acknowledge => self.reply = Some(record.acknowledgment(now)),
                    Answer::AcknowledgeAndRestart => {
                        self.reply = Some(record.acknowledgment(now));
                        *ends = now + config.time_wait;
                    }
                    Answer::Reset(reset) => self.reply = Some(reset),
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, c: Connection<B, C>) {
        self.connection = Some(c);
        self.phase = Phase::Open;
    }

    /// Time has come to `now`.
    pub fn handle_timeout(&mut self, config: &Config, now: Instant) {
        self.settle(config, now);
        match &self.phase {
            Phase::Open => {
                if let Some(c) = &mut self.connection {
                    c.handle_timeout(config, now);
                }
            }
            Phase::TimeWait(_, ends) if *ends <= now => self.phase = Phase::Closed,
            _ => {}
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Open => self.connection.as_ref().and_then(Connection::poll_timeout),
            Phase::TimeWait(_, ends) => Some(*ends),
            Phase::Closed | Phase::Listen { .. } => None,
        }
    }

    /// The next segment to send, until there is none; its text is [`Self::text`], its ports are still to be filled in.
    pub fn poll_transmit(&mut self, config: &Config, now: Instant) -> Option<Outgoing> {
        if let Some(reply) = self.reply.take() {
            return Some(Outgoing::bare(reply));
        }
        if self.phase != Phase::Open {
            return None;
        }
        let out = self
            .connection
            .as_mut()
            .and_then(|c| c.poll_transmit(config, now));
        if out.is_none() {
            self.settle(config, now);
        }
        out
    }

    /// The text of a segment that was just polled.
    pub fn text(&self, out: &Outgoing) -> (&[u8], &[u8]) {
        self.connection.as_ref().map_or((&[], &[]), |c| c.text(out))
    }

    /// What the user is to be told, until there is nothing.
    pub fn poll_event(&mut self) -> Option<Indication> {
        self.connection.as_mut().and_then(Connection::poll_event)
    }

    /// A connection that has left its protocol behind makes room for what follows.
    fn settle(&mut self, config: &Config, now: Instant) {
        let (Phase::Open, Some(c)) = (&self.phase, &self.connection) else {
            return;
        };
        self.phase = match c.state() {
            State::TimeWait => Phase::TimeWait(c.time_wait(), now + config.time_wait),
            State::Closed => Phase::Closed,
            State::Listen => {
                let timestamps = c.offers_timestamps();
                self.connection = None;
                Phase::Listen { timestamps }
            }
            _ => return,
        };
    }

    /// SEND ([`Connection::send`]).
    ///
    /// # Errors
    ///
    /// Those of the connection; in LISTEN there is none.
    pub fn send(&mut self, config: &Config, now: Instant, data: &[u8]) -> Result<usize, CallError> {
        match (&self.phase, &mut self.connection) {
            (Phase::Open, Some(c)) => c.send(config, now, data),
            (Phase::TimeWait(..), _) => Err(CallError::Closing),
            _ => Err(CallError::DoesNotExist),
        }
    }

    /// RECEIVE ([`Connection::receive`]); what is unread can be read in TIME_WAIT and CLOSED, too.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub fn receive(&mut self, config: &Config, to: &mut [u8]) -> Result<Received, CallError> {
        match (&mut self.phase, &mut self.connection) {
            (Phase::Listen { .. }, _) => Ok(Received::Nothing),
            (Phase::TimeWait(..), None) => Err(CallError::Closing),
            (Phase::Closed, None) | (Phase::Open, None) => Err(CallError::DoesNotExist),
            (phase, Some(c)) => {
                let got = c.receive(config, to);
                if let Phase::TimeWait(record, _) = phase {
                    record.set_window(c.rcv_wnd());
                }
                got
            }
        }
    }

    /// SHUTDOWN ([`Connection::shutdown`]).
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub fn shutdown(&mut self, config: &Config, now: Instant) -> Result<(), CallError> {
        self.finish(|c| c.shutdown(config, now))
    }

    /// CLOSE ([`Connection::close`]).
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub fn close(&mut self, config: &Config, now: Instant) -> Result<(), CallError> {
        self.finish(|c| c.close(config, now))
    }

    fn finish(
        &mut self,
        how: impl FnOnce(&mut Connection<B, C>) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        match (&self.phase, &mut self.connection) {
            (Phase::Open, Some(c)) => how(c),
            (Phase::Listen { .. }, _) => {
                self.phase = Phase::Closed;
                Ok(())
            }
            (Phase::TimeWait(..), _) => Err(CallError::Closing),
            _ => Err(CallError::DoesNotExist),
        }
    }

    /// ABORT ([`Connection::abort`]).
    ///
    /// # Errors
    ///
    /// No connection.
    pub fn abort(&mut self, config: &Config) -> Result<(), CallError> {
        match (&self.phase, &mut self.connection) {
            (Phase::Open, Some(c)) => c.abort(config),
            (Phase::Listen { .. } | Phase::TimeWait(..), _) => {
                self.phase = Phase::Closed;
                self.connection = None;
                Ok(())
            }
            _ => Err(CallError::DoesNotExist),
        }
    }
}
