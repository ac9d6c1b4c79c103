//! What an endpoint remembers: the transmission control block of RFC 9293 section 3.3.1.
//!
//! Plain bytes without padding; what a state does not use is zero, so that equal situations are equal states.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::choices::Config;
use crate::endpoint::{MAX_DATA, NOW, Observed, TcpState};
use crate::seq::Seq;

/// Flags of a TCB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Flag {
    /// Opened passively (MUST-11).
    Passive,
    /// The user has closed its sending side.
    CloseCalled,
    /// The user will not read again (MAY-1).
    Orphan,
    /// Our FIN has been sent.
    FinSent,
    /// RCV.NXT is past the peer's FIN.
    FinReceived,
    /// Timestamps were offered by our user.
    OffersTimestamps,
    /// Timestamps are in use.
    Timestamps,
    /// SYN_RECEIVED that was TIME_WAIT before.
    Reopened,
    /// The lingering end of an aborted connection: answers RST, does not restart.
    Aborted,
    /// A planted mistake: the next RECEIVE sees the end of the stream after a reset.
    FalseEnd,
    /// The old incarnation of a reopened TIME_WAIT used timestamps.
    OldTimestamps,
}

/// A timer that runs by ticks: 0 is off, `n + 1` has `n` ticks to go.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Default,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(transparent)]
pub struct Countdown(u8);

impl Countdown {
    /// Not running.
    pub const OFF: Countdown = Countdown(0);

    /// Fires at any tick from the `ticks`-th on; `None` never.
    pub fn start(ticks: Option<u8>) -> Self {
        Self(ticks.map_or(0, |n| n.saturating_add(1)))
    }

    /// Whether it runs.
    pub fn is_running(self) -> bool {
        self.0 != 0
    }

    /// Whether it may fire.
    pub fn is_due(self) -> bool {
        self.0 == 1
    }

    /// A tick passes.
    pub(crate) fn tick(&mut self) {
        if self.0 > 1 {
            self.0 -= 1;
        }
    }
}

/// Bytes in order, at most [`MAX_DATA`].
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Bytes {
    len: u8,
    bytes: [u8; MAX_DATA],
}

impl Bytes {
    /// How many.
    pub fn len(&self) -> u8 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends one byte; says whether there was room.
    pub(crate) fn push(&mut self, b: u8) -> bool {
        let room = usize::from(self.len) < MAX_DATA;
        if room {
            self.bytes[usize::from(self.len)] = b;
            self.len += 1;
        }
        room
    }

    /// Drops the first `n`.
    pub(crate) fn drop_front(&mut self, n: u8) {
        let n = n.min(self.len);
        self.bytes.copy_within(usize::from(n).., 0);
        self.len -= n;
        self.bytes[usize::from(self.len)..].fill(0);
    }
}

/// Text and FIN that arrived before what stands in front of them (SHLD-31), by distance from RCV.NXT.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Held {
    /// One bit a byte that is there.
    mask: u8,
    bytes: [u8; MAX_DATA],
    /// Distance of the FIN plus one, 0 for none.
    fin: u8,
}

impl Held {
    /// Holds a byte at `distance`; the first to come stays.
    pub(crate) fn put(&mut self, distance: u32, b: u8) {
        if let Some(slot) = self.bytes.get_mut(distance as usize)
            && self.mask & 1 << distance == 0
        {
            *slot = b;
            self.mask |= 1 << distance;
        }
    }

    /// Holds a FIN at `distance`; the first to come stays.
    pub(crate) fn put_fin(&mut self, distance: u32) {
        if self.fin == 0 && distance <= MAX_DATA as u32 {
            self.fin = distance as u8 + 1;
        }
    }

    /// Takes the byte at RCV.NXT, moving everything one nearer.
    pub(crate) fn take_byte(&mut self) -> Option<u8> {
        if self.mask & 1 == 0 {
            return None;
        }
        let b = self.bytes[0];
        self.advance();
        Some(b)
    }

    /// Whether a FIN stands at RCV.NXT.
    pub(crate) fn fin_is_next(&self) -> bool {
        self.fin == 1
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.mask == 0 && self.fin == 0
    }

    /// Whether text is held `distance` bytes ahead of RCV.NXT, or further.
    pub fn reaches(&self, distance: u32) -> bool {
        distance < MAX_DATA as u32 && self.mask >> distance != 0
    }

    /// The distance of the held FIN.
    pub(crate) fn fin_distance(&self) -> Option<u32> {
        self.fin.checked_sub(1).map(u32::from)
    }

    /// RCV.NXT moves one.
    fn advance(&mut self) {
        self.mask >>= 1;
        self.bytes.copy_within(1.., 0);
        self.bytes[MAX_DATA - 1] = 0;
        self.fin = self.fin.saturating_sub(1);
    }
}

/// The transmission control block.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Tcb {
    /// The state.
    pub state: TcpState,
    pub(crate) flags: [u8; 2],
    /// Initial send sequence number.
    pub iss: Seq,
    /// Oldest unacknowledged.
    pub snd_una: Seq,
    /// Next to send.
    pub snd_nxt: Seq,
    /// SEG.SEQ of the last window update.
    pub snd_wl1: Seq,
    /// SEG.ACK of the last window update.
    pub snd_wl2: Seq,
    /// Next expected.
    pub rcv_nxt: Seq,
    /// SND.NXT and RCV.NXT of the TIME_WAIT that was reopened.
    pub old_snd_nxt: Seq,
    /// RCV.NXT of the TIME_WAIT that was reopened.
    pub old_rcv_nxt: Seq,
    /// Send window, bytes.
    pub snd_wnd: u8,
    /// The largest window ever offered (RFC 5961 section 5).
    pub max_snd_wnd: u8,
    /// Sent and unacknowledged, then unsent; the first byte is at SND.UNA (behind the SYN).
    pub queued: Bytes,
    /// Accepted, not yet read.
    pub received: Bytes,
    /// Ahead of RCV.NXT.
    pub held: Held,
    /// Age of TS.Recent in ticks, at most [`OLDEST`](crate::endpoint::OLDEST).
    pub ts_recent_age: u8,
    /// Age of TS.Recent of the TIME_WAIT that was reopened.
    pub old_ts_recent_age: u8,
    /// MAX.SND.WND of the TIME_WAIT that was reopened.
    pub old_max_snd_wnd: u8,
    /// How far RCV.NXT is ahead of Last.ACK.sent.
    pub unacked: u8,
    /// 2 MSL.
    pub time_wait: Countdown,
    /// The orphan's timeout.
    pub fin_wait_2: Countdown,
    /// The user timeout.
    pub user: Countdown,
    /// R2.
    pub give_up: Countdown,
    /// Keep-alive.
    pub keep_alive: Countdown,
}

impl Tcb {
    #[inline]
    pub(crate) fn has(&self, f: Flag) -> bool {
        self.flags[f as usize / 8] & (1 << (f as usize % 8)) != 0
    }

    #[inline]
    pub(crate) fn put(&mut self, f: Flag, on: bool) {
        let bit = 1 << (f as usize % 8);
        let byte = &mut self.flags[f as usize / 8];
        *byte = if on { *byte | bit } else { *byte & !bit };
    }

    /// The same with every byte of text replaced. Nothing else depends on whose it is: numbers count from first ISNs that
    /// both hosts share.
    pub(crate) fn with_text(&self, replaced: impl Fn(u8) -> u8) -> Tcb {
        let mut t = *self;
        let in_order = [&mut t.queued, &mut t.received].into_iter();
        for b in in_order.flat_map(|bytes| &mut bytes.bytes[..usize::from(bytes.len)]) {
            *b = replaced(*b);
        }
        for (n, b) in t.held.bytes.iter_mut().enumerate() {
            if t.held.mask & 1 << n != 0 {
                *b = replaced(*b);
            }
        }
        t
    }

    /// RCV.WND: what the buffer has room for; all of it when the user's RECEIVEs are outstanding all the time.
    //= RFC 9293 SHLD-14 => test:spec::tests::the_right_window_edge_never_moves_left
    //= RFC 9293 MAY-8 => test:spec::tests::a_closed_window_answers_probes_and_announces_its_opening
    #[inline]
    pub(crate) fn rcv_wnd(&self, c: &Config) -> u8 {
        if c.fixed_window {
            return c.receive_buffer;
        }
        c.receive_buffer.saturating_sub(self.received.len())
    }

    /// Whether our SYN is still unacknowledged. After 2^32 bytes SND.UNA is ISS again, and what is there is text or the FIN.
    #[inline]
    pub fn syn_in_flight(&self) -> bool {
        if self.snd_una != self.iss {
            return false;
        }
        match self.state {
            TcpState::Closed | TcpState::Listen | TcpState::TimeWait => false,
            TcpState::SynSent | TcpState::SynReceived => true,
            // CLOSE in SYN_RECEIVED with nothing to send: the SYN, perhaps the FIN, and no text.
            _ => {
                let alone = 1 + u32::from(self.has(Flag::FinSent));
                self.queued.is_empty() && self.snd_nxt - self.snd_una == alone
            }
        }
    }

    /// Whether our FIN is in flight.
    #[inline]
    pub fn fin_in_flight(&self) -> bool {
        self.has(Flag::FinSent) && self.snd_una != self.snd_nxt
    }

    /// Bytes handed over by the user and never sent.
    #[inline]
    pub(crate) fn unsent(&self) -> u8 {
        let in_flight = (self.snd_nxt - self.snd_una) as u8;
        let controls = u8::from(self.fin_in_flight()) + u8::from(self.syn_in_flight());
        self.queued
            .len()
            .saturating_sub(in_flight.saturating_sub(controls))
    }

    /// "Our FIN is acknowledged." It is defined here and nowhere else: sent, and SND.UNA is past it.
    #[inline]
    pub(crate) fn fin_acknowledged(&self) -> bool {
        self.has(Flag::FinSent) && self.snd_una == self.snd_nxt
    }

    /// TSval of TS.Recent on the clock of this step.
    #[inline]
    pub(crate) fn ts_recent(&self) -> u32 {
        NOW - u32::from(self.ts_recent_age)
    }

    /// State and variables.
    pub(crate) fn observe(&self, c: &Config) -> Observed {
        Observed {
            state: self.state,
            iss: self.iss,
            snd_una: self.snd_una,
            snd_nxt: self.snd_nxt,
            snd_wnd: self.snd_wnd,
            rcv_nxt: self.rcv_nxt,
            rcv_wnd: self.rcv_wnd(c),
            close_called: self.has(Flag::CloseCalled),
            orphan: self.has(Flag::Orphan),
            fin_sent: self.has(Flag::FinSent),
            unsent: self.unsent(),
            fin_received: self.has(Flag::FinReceived),
            fin_held: self.held.fin_distance().map(|d| self.rcv_nxt + d),
            readable: self.received.len(),
            lingering: self.has(Flag::Reopened) || self.has(Flag::Aborted),
            ts_recent: self.has(Flag::Timestamps).then(|| self.ts_recent()),
            differs: false,
        }
    }
}
