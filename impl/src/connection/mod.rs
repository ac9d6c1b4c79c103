//! One connection: RFC 9293 from SYN_SENT or SYN_RECEIVED to the end.
//!
//! Without I/O and without a clock. What happens to a connection comes in by [`Connection::handle_segment`] and
//! [`Connection::handle_timeout`]; what its user wants by [`send`](Connection::send), [`receive`](Connection::receive),
//! [`shutdown`](Connection::shutdown), [`close`](Connection::close) and [`abort`](Connection::abort); what follows from it
//! is polled, after each of these, in this order:
//!
//! 1. [`Connection::poll_transmit`] until it returns `None`: segments to send, with their text by [`Connection::text`];
//! 2. [`Connection::poll_event`] until it returns `None`: what the user is told;
//! 3. [`Connection::state`]: a connection in TIME_WAIT or CLOSED has left its protocol behind. In TIME_WAIT,
//!    [`Connection::time_wait`] is the small record that answers in its place from now on; the connection itself is good for
//!    reading what is unread, and nothing else. In LISTEN it was refused before it was open, and its listener goes on;
//! 4. [`Connection::poll_timeout`]: when to call [`Connection::handle_timeout`].
//!
//! [`Endpoint`](crate::endpoint::Endpoint) does this for one pair of sockets, [`Stack`](crate::stack::Stack) for very many.
//!
//! `arrives` is section 3.10.7, `calls` 3.10.1 to 3.10.6, `timers` 3.10.8; `transmit` forms segments. LISTEN and what a host
//! answers without a connection are elsewhere ([`crate::listen`]), so is TIME_WAIT ([`crate::timewait`]).

mod arrives;
mod buffers;
mod calls;
mod congestion;
mod reassembly;
mod saved;
mod timers;
mod transmit;

pub use arrives::Dropped;
pub(crate) use arrives::is_acceptable;
pub use buffers::{Buffers, Inline, Owned};
pub use calls::{CallError, Received};
pub use congestion::{Congestion, Reno, Unlimited};
pub use reassembly::{MOST, Piece, Pieces};
pub use saved::{Saved, SavedTimers};
pub use timers::Timer;
pub use transmit::Outgoing;

use crate::config::Config;
use crate::rto::Rto;
use crate::seq::SeqNumber;
use crate::state::State;
use crate::time::Instant;
use crate::timewait::{TimeWait, TimeWaitFlags};
use crate::wire::Header;
use timers::Timers;

/// What a user is told without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Indication {
    /// The connection is established.
    Connected,
    /// There is more to read, or the end of the stream.
    Readable,
    /// There is room again in a send queue that was full.
    Writable,
    /// "Connection reset": what was not acknowledged may be lost.
    Reset,
    /// "Connection refused".
    Refused,
    /// "Connection aborted due to user timeout" (RFC 9293 section 3.10.8).
    UserTimeout,
    /// Nothing was acknowledged for R2 (MUST-20), or no keep-alive answered.
    GaveUp,
    /// The peer has acknowledged all our text and our FIN.
    Closed,
}

impl Indication {
    const ALL: [Indication; 8] = [
        Indication::Connected,
        Indication::Readable,
        Indication::Writable,
        Indication::Reset,
        Indication::Refused,
        Indication::UserTimeout,
        Indication::GaveUp,
        Indication::Closed,
    ];
}

/// A set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Bits(pub(crate) u16);

impl Bits {
    #[inline]
    pub(crate) const fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    #[inline]
    pub(crate) fn put(&mut self, bit: u16, on: bool) {
        if on {
            self.0 |= bit;
        } else {
            self.0 &= !bit;
        }
    }
}

/// What has happened to a connection; sticky.
pub(crate) mod is {
    /// Opened passively: a refusal goes back to LISTEN (MUST-11).
    pub(crate) const PASSIVE: u16 = 1;
    /// The user has closed its sending side.
    pub(crate) const CLOSE_CALLED: u16 = 2;
    /// Nobody will read again (MAY-1).
    pub(crate) const ORPHAN: u16 = 4;
    /// Our FIN has been sent.
    pub(crate) const FIN_SENT: u16 = 8;
    /// RCV.NXT is past the peer's FIN.
    pub(crate) const FIN_RECEIVED: u16 = 16;
    /// We offer timestamps.
    pub(crate) const OFFERS_TIMESTAMPS: u16 = 32;
    /// Timestamps are in use.
    pub(crate) const TIMESTAMPS: u16 = 64;
    /// The peer's FIN is at `fin_at`, and something in front of it is missing.
    pub(crate) const FIN_HELD: u16 = 128;
    /// Lost segments are being sent again, until `recover` is acknowledged.
    pub(crate) const RECOVERING: u16 = 256;
    /// A round trip is being timed, to `timed`.
    pub(crate) const TIMING: u16 = 512;
    /// The SYN has been sent more than once.
    pub(crate) const SYN_REPEATED: u16 = 1024;
    /// The user has met a full send queue.
    pub(crate) const WAITS_FOR_ROOM: u16 = 2048;
    /// It was aborted: TIME_WAIT answers with RST.
    pub(crate) const ABORTED: u16 = 4096;
    /// Windows are scaled.
    pub(crate) const SCALES: u16 = 8192;
    /// The retransmission timer has expired: all that was in flight counts as lost, until `recover` is acknowledged.
    pub(crate) const LOST: u16 = 16384;
    /// What is in flight went into a closed window.
    pub(crate) const PROBED: u16 = 32768;
}

/// What is to be sent.
pub(crate) mod owes {
    /// The segment in `Connection::reset`.
    pub(crate) const RESET: u16 = 1;
    /// SYN, or SYN,ACK.
    pub(crate) const SYN: u16 = 2;
    /// What is at `resend`.
    pub(crate) const FRONT: u16 = 4;
    /// A keep-alive.
    pub(crate) const KEEP_ALIVE: u16 = 8;
    /// Text or a FIN although the window is closed, or too small to be worth it.
    pub(crate) const PROBE: u16 = 16;
    /// An acknowledgment.
    pub(crate) const ACK: u16 = 32;
}

/// One connection. `B` keeps its bytes, `C` controls congestion.
#[derive(Clone, Debug)]
pub struct Connection<B, C> {
    // What an arriving segment looks at first.
    state: State,
    snd_shift: u8,
    rcv_shift: u8,
    duplicates: u8,
    flags: Bits,
    owes: Bits,
    events: Bits,
    /// The most text of a segment, options counted.
    mss: u16,
    rcv_nxt: SeqNumber,
    /// The right edge of the window that was last offered.
    rcv_edge: SeqNumber,
    last_ack_sent: SeqNumber,
    snd_una: SeqNumber,
    snd_nxt: SeqNumber,
    snd_wnd: u32,
    max_snd_wnd: u32,
    snd_wl1: SeqNumber,
    snd_wl2: SeqNumber,
    ts_recent: u32,
    ts_offset: u32,
    timers: Timers,
    rto: Rto,
    // Less often.
    /// When TS.Recent was last heard of (RFC 7323 section 5.5).
    stamped: Instant,
    /// No challenge ACK before.
    challenge_from: Instant,
    /// When the timed segment was sent.
    timed_at: Instant,
    timed: SeqNumber,
    iss: SeqNumber,
    /// What is sent again next.
    resend: SeqNumber,
    recover: SeqNumber,
    fin_at: SeqNumber,
    /// Keep-alives in a row that brought no answer.
    probes: u8,
    /// How often the interval between probes of a closed window has doubled.
    backoff: u8,
    ahead: Pieces,
    /// A RST that answers a segment of nobody's connection.
    reset: Header,
    /// The TIME_WAIT that was reopened by this connection's SYN, should it have been an old one.
    reopened: Option<TimeWait>,
    buffers: B,
    congestion: C,
}

/// What a connection begins with, besides its buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begin {
    /// ISS (RFC 6528: [`crate::isn`]).
    pub iss: SeqNumber,
    /// What is added to the clock in TSval (RFC 7323 section 5.4). The same for all connections of a pair of sockets.
    pub ts_offset: u32,
    /// Timestamps are offered.
    pub timestamps: bool,
}

/// A window in the header of a SYN is not scaled.
const LARGEST_UNSCALED: u32 = 0xffff;
/// RFC 7323 section 2.3.
const MAX_SHIFT: u8 = 14;
/// RFC 9293 MUST-15: without the option.
const DEFAULT_MSS: u16 = 536;
/// A peer that asks for less gets this: tiny segments are an attack on the sender (CVE-2019-11479).
pub(crate) const LEAST_MSS: u16 = 48;

impl<B: Buffers, C: Congestion> Connection<B, C> {
    fn new(config: &Config, now: Instant, begin: &Begin, buffers: B, congestion: C) -> Self {
        let Begin {
            iss,
            ts_offset,
            timestamps,
        } = *begin;
        let mut flags = Bits::default();
        flags.put(is::OFFERS_TIMESTAMPS, timestamps);
        Connection {
            state: State::Closed,
            snd_shift: 0,
            rcv_shift: shift_for(config, buffers.receive_capacity()),
            duplicates: 0,
            flags,
            owes: Bits::default(),
            events: Bits::default(),
            mss: DEFAULT_MSS.min(config.mss),
            rcv_nxt: SeqNumber::default(),
            rcv_edge: SeqNumber::default(),
            last_ack_sent: SeqNumber::default(),
            snd_una: iss,
            snd_nxt: iss + 1,
            snd_wnd: 0,
            max_snd_wnd: 0,
            snd_wl1: SeqNumber::default(),
            snd_wl2: SeqNumber::default(),
            ts_recent: 0,
            ts_offset,
            timers: Timers::default(),
            rto: Rto::new(&config.rto),
            stamped: now,
            challenge_from: now,
            timed_at: now,
            timed: iss,
            iss,
            resend: iss,
            recover: iss,
            fin_at: SeqNumber::default(),
            probes: 0,
            backoff: 0,
            ahead: Pieces::default(),
            reset: Header::default(),
            reopened: None,
            buffers,
            congestion,
        }
    }

    /// An active OPEN (RFC 9293 section 3.10.1): the SYN is polled next.
    pub fn connect(
        config: &Config,
        now: Instant,
        begin: &Begin,
        buffers: B,
        congestion: C,
    ) -> Self {
        let mut c = Self::new(config, now, begin, buffers, congestion);
        c.enter(State::SynSent);
        c.begin_handshake(config, now);
        c
    }

    /// A SYN has met LISTEN (section 3.10.7.2), or has reopened `old`: the SYN,ACK is polled next.
    pub(crate) fn accept(
        config: &Config,
        now: Instant,
        begin: &Begin,
        syn: &Header,
        old: Option<TimeWait>,
        buffers: B,
        congestion: C,
    ) -> Self {
        let mut c = Self::new(config, now, begin, buffers, congestion);
        c.flags.put(is::PASSIVE, old.is_none());
        c.reopened = old;
        c.state = State::Listen;
        c.take_syn(config, now, syn);
        c.enter(State::SynReceived);
        c.begin_handshake(config, now);
        c
    }

    fn begin_handshake(&mut self, config: &Config, now: Instant) {
        self.owes.put(owes::SYN, true);
        self.timers.give_up.start(now, config.give_up_open);
        self.timers.user.start(now, config.user_timeout);
        self.timers.retransmit.set(self.rto.after(now));
        self.flags.put(is::TIMING, true);
        self.timed = self.snd_nxt;
    }

    /// The one function that changes the state.
    fn enter(&mut self, to: State) {
        debug_assert!(
            self.state.successors().contains(&to),
            "{} to {to}",
            self.state
        );
        self.state = to;
        match to {
            State::Closed | State::TimeWait | State::Listen => {
                // "Turn off the other timers" (3.10.7.4, eighth), and nothing of ours is sent again.
                self.timers = Timers::default();
                self.ahead.clear();
                self.owes.0 &= match to {
                    State::TimeWait => owes::RESET | owes::ACK,
                    _ => owes::RESET,
                };
                self.buffers.discard_queued();
            }
            _ => {}
        }
    }

    /// FIN_WAIT_2 that nobody reads from ends by itself.
    fn start_orphan_timer(&mut self, config: &Config, now: Instant) {
        self.timers.fin_wait_2.start(now, config.fin_wait_2);
    }

    /// The connection is over, and its user is told why.
    fn end(&mut self, why: Indication) {
        self.tell(why);
        if why != Indication::Closed {
            self.buffers.discard(); // "all segment queues should be flushed"
            self.flags.put(is::FIN_RECEIVED, false);
        }
        self.enter(State::Closed);
    }

    #[inline]
    fn tell(&mut self, i: Indication) {
        self.events.0 |= 1 << i as u8;
    }

    /// What the user is to be told, in the order of [`Indication`]; until there is nothing.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Indication> {
        let first = self.events.0.trailing_zeros();
        let next = *Indication::ALL.get(first as usize)?; // none of no bits, which have sixteen zeros
        self.events.put(1 << first, false);
        Some(next)
    }

    /// Whether [`Self::poll_event`] has something to say.
    #[inline]
    pub fn has_event(&self) -> bool {
        self.events.0 != 0
    }

    /// Whether [`Self::poll_transmit`] may have something to send, or a timer to set. Never wrong if it says no.
    #[inline(always)]
    pub fn may_transmit(&self) -> bool {
        self.owes.0 != 0 || self.has_unsent()
    }

    /// Whether there is text, or a FIN, that was never sent.
    #[inline(always)]
    fn has_unsent(&self) -> bool {
        // As `unsent`, but that no FIN is in flight is known by then.
        let syn = u32::from(self.syn_is_in_flight());
        let text = self.in_flight().saturating_sub(syn);
        self.state.sends()
            && !self.flags.has(is::FIN_SENT)
            && (self.flags.has(is::CLOSE_CALLED) || self.buffers.queued() > text)
    }

    /// Whether there is something to send besides new text and the FIN.
    #[inline]
    pub(crate) fn owes(&self) -> bool {
        self.owes.0 != 0
    }

    /// Its buffers and its congestion control, for another connection.
    pub fn into_parts(self) -> (B, C) {
        (self.buffers, self.congestion)
    }

    /// The state.
    #[inline]
    pub fn state(&self) -> State {
        self.state
    }

    /// ISS.
    pub fn iss(&self) -> SeqNumber {
        self.iss
    }

    /// SND.UNA.
    #[inline]
    pub fn snd_una(&self) -> SeqNumber {
        self.snd_una
    }

    /// SND.NXT.
    #[inline]
    pub fn snd_nxt(&self) -> SeqNumber {
        self.snd_nxt
    }

    /// SND.WND in bytes.
    pub fn snd_wnd(&self) -> u32 {
        self.snd_wnd
    }

    /// RCV.NXT.
    #[inline]
    pub fn rcv_nxt(&self) -> SeqNumber {
        self.rcv_nxt
    }

    /// RCV.WND in bytes: what there is room for.
    #[inline]
    pub fn rcv_wnd(&self) -> u32 {
        self.buffers.window()
    }

    /// TS.Recent, when timestamps are in use.
    pub fn ts_recent(&self) -> Option<u32> {
        self.flags.has(is::TIMESTAMPS).then_some(self.ts_recent)
    }

    /// The user has closed its sending side.
    pub fn close_called(&self) -> bool {
        self.flags.has(is::CLOSE_CALLED)
    }

    /// Nobody will read again.
    pub fn is_orphan(&self) -> bool {
        self.flags.has(is::ORPHAN)
    }

    /// Our FIN has been sent.
    pub fn fin_sent(&self) -> bool {
        self.flags.has(is::FIN_SENT)
    }

    /// RCV.NXT is past the peer's FIN.
    pub fn fin_received(&self) -> bool {
        self.flags.has(is::FIN_RECEIVED)
    }

    /// Where a FIN is that waits for what stands in front of it.
    pub fn fin_held(&self) -> Option<SeqNumber> {
        self.flags.has(is::FIN_HELD).then_some(self.fin_at)
    }

    /// It reopened a TIME_WAIT that it may still go back to.
    pub fn is_reopening(&self) -> bool {
        self.reopened.is_some()
    }

    /// Whether a passive OPEN began it.
    pub fn is_passive(&self) -> bool {
        self.flags.has(is::PASSIVE)
    }

    /// Whether it offers timestamps.
    pub fn offers_timestamps(&self) -> bool {
        self.flags.has(is::OFFERS_TIMESTAMPS)
    }

    /// Bytes accepted from the user that were never sent.
    #[inline]
    pub fn unsent(&self) -> u32 {
        self.buffers.queued() - self.text_in_flight()
    }

    /// Bytes that the user can read.
    pub fn readable(&self) -> u32 {
        self.buffers.readable()
    }

    /// Its buffers.
    pub fn buffers(&self) -> &B {
        &self.buffers
    }

    /// Its congestion control.
    pub fn congestion(&self) -> &C {
        &self.congestion
    }

    /// "Our FIN is acknowledged": sent, and SND.UNA is past it. Here and nowhere else.
    #[inline]
    fn fin_is_acknowledged(&self) -> bool {
        self.flags.has(is::FIN_SENT) && self.snd_una == self.snd_nxt
    }

    /// Sequence numbers sent and not acknowledged.
    #[inline]
    fn in_flight(&self) -> u32 {
        self.snd_nxt.distance(self.snd_una) as u32
    }

    /// Whether our SYN is not acknowledged. Its number comes round again after 2^32 bytes, and then stands for text or the
    /// FIN, whose numbers are as many as there are of them; before the handshake is over no text is in flight.
    #[inline]
    fn syn_is_in_flight(&self) -> bool {
        self.snd_una == self.iss && self.has_not_come_round()
    }

    #[cold]
    fn has_not_come_round(&self) -> bool {
        let fin = u32::from(self.flags.has(is::FIN_SENT));
        matches!(self.state, State::SynSent | State::SynReceived)
            || (self.buffers.queued() == 0 && self.in_flight() == 1 + fin)
    }

    #[inline]
    fn fin_is_in_flight(&self) -> bool {
        self.flags.has(is::FIN_SENT) && self.snd_una != self.snd_nxt
    }

    /// Text sent and not acknowledged.
    #[inline]
    fn text_in_flight(&self) -> u32 {
        let controls = u32::from(self.syn_is_in_flight()) + u32::from(self.fin_is_in_flight());
        self.in_flight()
            .saturating_sub(controls)
            .min(self.buffers.queued())
    }

    /// The timestamp clock: milliseconds (RFC 7323 section 5.4), from an offset of the connection's own.
    #[inline]
    fn ts_now(&self, now: Instant) -> u32 {
        ts_clock(now).wrapping_add(self.ts_offset)
    }

    /// The record of a connection that has entered TIME_WAIT.
    pub fn time_wait(&self) -> TimeWait {
        if let Some(mut old) = self.reopened {
            // Back to it; what was unread then is gone, and its room free.
            old.set_window(self.buffers.window());
            return old;
        }
        let mut flags = TimeWaitFlags::default();
        for (bit, flag) in [
            (is::TIMESTAMPS, TimeWaitFlags::TIMESTAMPS),
            (is::OFFERS_TIMESTAMPS, TimeWaitFlags::OFFERS_TIMESTAMPS),
            (is::ABORTED, TimeWaitFlags::ABORTED),
        ] {
            if self.flags.has(bit) {
                flags = flags.with(flag);
            }
        }
        TimeWait {
            snd_nxt: self.snd_nxt,
            rcv_nxt: self.rcv_nxt,
            max_snd_wnd: self.max_snd_wnd,
            ts_recent: self.ts_recent,
            ts_offset: self.ts_offset,
            window: self.window_field(),
            flags,
            shift: self.rcv_shift,
        }
    }
}

/// TSval without an offset.
#[inline]
pub(crate) fn ts_clock(now: Instant) -> u32 {
    (now.0 / 1_000) as u32
}

/// The least shift by which the whole receive buffer can be offered (RFC 7323 section 2.2).
fn shift_for(config: &Config, capacity: u32) -> u8 {
    if !config.window_scaling {
        return 0;
    }
    let mut shift = 0;
    while shift < MAX_SHIFT && capacity >> shift > LARGEST_UNSCALED {
        shift += 1;
    }
    shift
}
