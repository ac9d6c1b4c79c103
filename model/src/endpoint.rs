//! The seam between a world and what lives in it: one host's TCP for one 4-tuple.
//!
//! The executable specification ([`crate::spec::Spec`]) is the first endpoint; an engine, or a pair in
//! lockstep, can stand in its place. Nothing here knows how an endpoint works.

use arrayvec::ArrayVec;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::rules::RuleSet;
use crate::seq::Seq;

/// The timestamp clock at every step. A state holds nothing absolute: an older value is `NOW - age`.
pub const NOW: u32 = 1 << 16;

/// Ages of timestamps saturate here, beyond any lifetime: what is that old is simply old. TS.Recent stays one younger, so
/// that it is older than anything that can be in flight (deep size: three ticks) and younger than what is simply old.
pub const OLDEST: u8 = 5;

/// The longest text of one segment, and the largest buffer of an endpoint, in bytes.
pub const MAX_DATA: usize = 4;

/// The eleven states of RFC 9293 section 3.3.2.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    Hash,
    PartialOrd,
    Ord,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(u8)]
#[allow(missing_docs)] // the RFC's names are their own documentation
pub enum TcpState {
    #[default]
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

impl TcpState {
    /// All of them, in the RFC's order.
    pub const ALL: [TcpState; 11] = [
        TcpState::Closed,
        TcpState::Listen,
        TcpState::SynSent,
        TcpState::SynReceived,
        TcpState::Established,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::CloseWait,
        TcpState::Closing,
        TcpState::LastAck,
        TcpState::TimeWait,
    ];

    /// The RFC's spelling, `FIN_WAIT_1`.
    pub const fn name(self) -> &'static str {
        match self {
            TcpState::Closed => "CLOSED",
            TcpState::Listen => "LISTEN",
            TcpState::SynSent => "SYN_SENT",
            TcpState::SynReceived => "SYN_RECEIVED",
            TcpState::Established => "ESTABLISHED",
            TcpState::FinWait1 => "FIN_WAIT_1",
            TcpState::FinWait2 => "FIN_WAIT_2",
            TcpState::CloseWait => "CLOSE_WAIT",
            TcpState::Closing => "CLOSING",
            TcpState::LastAck => "LAST_ACK",
            TcpState::TimeWait => "TIME_WAIT",
        }
    }

    /// RFC 9293 section 3.5.2, third group: both ends have agreed on sequence numbers.
    pub const fn is_synchronized(self) -> bool {
        !matches!(
            self,
            TcpState::Closed | TcpState::Listen | TcpState::SynSent | TcpState::SynReceived
        )
    }
}

/// Control bits of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// Synchronise sequence numbers.
    pub const SYN: Flags = Flags(1);
    /// No more data from the sender.
    pub const FIN: Flags = Flags(2);
    /// Reset the connection.
    pub const RST: Flags = Flags(4);
    /// The acknowledgment field is significant.
    pub const ACK: Flags = Flags(8);

    /// Whether all of `other` are set.
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// With `other` set too.
    #[must_use]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut first = true;
        for (bit, name) in [
            (Self::SYN, "SYN"),
            (Self::FIN, "FIN"),
            (Self::RST, "RST"),
            (Self::ACK, "ACK"),
        ] {
            if self.has(bit) {
                write!(f, "{}{name}", if first { "" } else { "," })?;
                first = false;
            }
        }
        Ok(())
    }
}

/// A timestamp option: TSval and TSecr (RFC 7323 section 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Timestamps {
    /// The sender's clock.
    pub val: u32,
    /// The echoed clock of the receiver; 0 on a SYN.
    pub ecr: u32,
}

/// The text of a segment, or bytes handed to or by the user.
pub type Data = ArrayVec<u8, MAX_DATA>;

/// A segment, as an endpoint sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.ACK; 0 unless ACK is set.
    pub ack: Seq,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND in bytes.
    pub wnd: u8,
    /// The number of bytes of text.
    pub len: u8,
    /// The text, zero behind `len`.
    pub text: [u8; MAX_DATA],
    /// The timestamp option.
    pub ts: Option<Timestamps>,
}

impl Segment {
    /// SEG.LEN: text, SYN and FIN occupy sequence space.
    #[inline]
    pub fn seq_len(&self) -> u32 {
        u32::from(self.len)
            + u32::from(self.flags.has(Flags::SYN))
            + u32::from(self.flags.has(Flags::FIN))
    }

    /// The text.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.text[..usize::from(self.len).min(MAX_DATA)]
    }

    /// Whether `flag` is set.
    #[inline]
    pub fn is(&self, flag: Flags) -> bool {
        self.flags.has(flag)
    }
}

/// A user call (RFC 9293 section 3.9.1; OPEN takes its ISN from the event).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// OPEN, passive; with timestamps offered or not.
    OpenPassive {
        /// Use the timestamp option if the peer does.
        timestamps: bool,
    },
    /// OPEN, active.
    OpenActive {
        /// Offer the timestamp option.
        timestamps: bool,
    },
    /// SEND these bytes.
    Send {
        /// How many.
        len: u8,
        /// The bytes.
        text: [u8; MAX_DATA],
    },
    /// RECEIVE at most this many bytes.
    Receive(u8),
    /// RFC 9293's CLOSE: nothing more to send, the reading side stays open (half close).
    Shutdown,
    /// MAY-1's CLOSE: nothing more to send and nobody will read again.
    Close,
    /// ABORT.
    Abort,
    /// STATUS.
    Status,
}

/// An error reply to a user call, in the words of RFC 9293 section 3.10.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// No TCB.
    #[error("connection does not exist")]
    DoesNotExist,
    /// OPEN on a connection that is open.
    #[error("connection already exists")]
    AlreadyExists,
    /// SEND, RECEIVE or CLOSE on a connection that is closing.
    #[error("connection closing")]
    Closing,
    /// No room for the request.
    #[error("insufficient resources")]
    InsufficientResources,
    /// An active OPEN (or SEND in LISTEN) without an ISN to use: no remote socket was given.
    #[error("remote socket unspecified")]
    RemoteUnspecified,
}

/// A timer of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Timer {
    /// Retransmission: any moment.
    Retransmit,
    /// Zero-window probe: any moment.
    Persist,
    /// Delayed acknowledgment: any moment.
    DelayedAck,
    /// 2 MSL, in ticks.
    TimeWait,
    /// Local timeout of an orphan in FIN_WAIT_2, in ticks.
    FinWait2,
    /// USER TIMEOUT (RFC 9293 section 3.10.8), in ticks.
    User,
    /// R2: no acknowledgment for that long (MUST-20), in ticks.
    GiveUp,
    /// Keep-alive (RFC 9293 section 3.8.4), in ticks.
    KeepAlive,
}

impl Timer {
    /// All of them.
    pub const ALL: [Timer; 8] = [
        Timer::Retransmit,
        Timer::Persist,
        Timer::DelayedAck,
        Timer::TimeWait,
        Timer::FinWait2,
        Timer::User,
        Timer::GiveUp,
        Timer::KeepAlive,
    ];

    /// A name to print.
    pub const fn name(self) -> &'static str {
        match self {
            Timer::Retransmit => "retransmission",
            Timer::Persist => "persist",
            Timer::DelayedAck => "delayed-ack",
            Timer::TimeWait => "time-wait",
            Timer::FinWait2 => "fin-wait-2",
            Timer::User => "user-timeout",
            Timer::GiveUp => "give-up",
            Timer::KeepAlive => "keep-alive",
        }
    }
}

/// A set of timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimerSet(pub u8);

impl TimerSet {
    /// Whether `t` is in it.
    #[inline]
    pub const fn has(self, t: Timer) -> bool {
        self.0 & (1 << t as u8) != 0
    }

    /// Adds `t` if `when`.
    #[inline]
    pub fn set(&mut self, t: Timer, when: bool) {
        self.0 |= u8::from(when) << t as u8;
    }
}

/// What happens to an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A user call.
    Call(Call),
    /// A segment arrives.
    Segment(Segment),
    /// A timer expires.
    Timer(Timer),
    /// A tick of the clock.
    Tick,
}

/// What a user is told without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Indication {
    /// "connection reset".
    Reset = 1,
    /// "connection refused".
    Refused,
    /// "connection aborted due to user timeout".
    UserTimeout,
    /// Gave up retransmitting (R2).
    GaveUp,
    /// The CLOSE is acknowledged ("ok"): the peer has our last byte and our FIN.
    Closed,
}

impl Indication {
    /// A name to print.
    pub const fn name(self) -> &'static str {
        match self {
            Indication::Reset => "connection reset",
            Indication::Refused => "connection refused",
            Indication::UserTimeout => "user timeout",
            Indication::GaveUp => "gave up (R2)",
            Indication::Closed => "closed",
        }
    }
}

/// What a step did, besides changing the endpoint.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Segments sent, in order.
    pub segments: ArrayVec<Segment, 4>,
    /// Indications to the user.
    pub told: ArrayVec<Indication, 4>,
    /// Bytes a RECEIVE returned.
    pub read: Data,
    /// A RECEIVE found the end of the stream.
    pub end: bool,
    /// The reply to a call that failed.
    pub error: Option<CallError>,
    /// Rules whose clause decided something in this step.
    pub rules: RuleSet,
    /// Transitions taken: bits by index into [`crate::spec::transition::TABLE`].
    pub transitions: u64,
    /// The ISN that was offered has been used: an incarnation begins.
    pub isn_used: bool,
    /// The endpoint left its limits: a transition the table lacks, or too many outputs.
    pub broken: bool,
}

impl Effects {
    /// Empties it for the next step.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.told.clear();
        self.read.clear();
        self.end = false;
        self.error = None;
        self.rules = RuleSet::EMPTY;
        self.transitions = 0;
        self.isn_used = false;
        self.broken = false;
    }

    /// Sends a segment; too many in one step is a fault.
    pub fn send(&mut self, s: Segment) {
        self.broken |= self.segments.try_push(s).is_err();
    }

    /// Tells the user; too many in one step is a fault.
    pub fn tell(&mut self, i: Indication) {
        self.broken |= self.told.try_push(i).is_err();
    }
}

/// What can be seen of an endpoint: its state and the RFC's variables.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Observed {
    /// The state.
    pub state: TcpState,
    /// ISS of this incarnation.
    pub iss: Seq,
    /// SND.UNA.
    pub snd_una: Seq,
    /// SND.NXT.
    pub snd_nxt: Seq,
    /// SND.WND in bytes.
    pub snd_wnd: u8,
    /// RCV.NXT.
    pub rcv_nxt: Seq,
    /// RCV.WND in bytes.
    pub rcv_wnd: u8,
    /// The user has closed its sending side.
    pub close_called: bool,
    /// Nobody will read again.
    pub orphan: bool,
    /// Our FIN has been sent.
    pub fin_sent: bool,
    /// Bytes accepted from the user that were never sent.
    pub unsent: u8,
    /// The peer's FIN has taken effect: RCV.NXT is past it.
    pub fin_received: bool,
    /// A FIN is held for later at this sequence number.
    pub fin_held: Option<Seq>,
    /// Bytes that can be read.
    pub readable: u8,
    /// A reopened TIME_WAIT that may still go back, or a lingerer after ABORT.
    pub lingering: bool,
    /// The timestamp option is in use, and TS.Recent.
    pub ts_recent: Option<u32>,
    /// Two endpoints in one, fed the same events, are no longer the same machine.
    pub differs: bool,
}

impl Observed {
    /// Whether our FIN has been sent and acknowledged. The one place that says so.
    pub fn fin_is_acknowledged(&self) -> bool {
        self.fin_sent && self.snd_una == self.snd_nxt
    }
}

/// One host's TCP for one 4-tuple: LISTEN, the RST that CLOSED answers with, TIME_WAIT and reopening included.
pub trait Endpoint: Send + Sync + 'static {
    /// All of its state: a plain value identified by its bytes.
    type Image: Copy
        + Eq
        + Send
        + Sync
        + std::fmt::Debug
        + IntoBytes
        + TryFromBytes
        + Immutable
        + KnownLayout
        + Unaligned
        + 'static;
    /// Rules, choices, timer lengths in ticks.
    type Config: Clone + Send + Sync + 'static;

    /// CLOSED, with nothing remembered.
    fn boot(c: &Self::Config) -> Self::Image;
    /// One event. `isn` is the initial sequence number to use should an incarnation begin; `None` in
    /// TIME_WAIT means that nobody listens, so that it cannot be reopened.
    fn step(c: &Self::Config, i: &mut Self::Image, e: Event, isn: Option<Seq>, out: &mut Effects);
    /// The timers that run, and of those by ticks the ones that are due.
    fn armed(c: &Self::Config, i: &Self::Image) -> Armed;
    /// Its state and the RFC's variables.
    fn observe(c: &Self::Config, i: &Self::Image) -> Observed;
    /// What would be in the place of `i` at the other host if the two, with these configurations and the same first ISNs,
    /// had exchanged their parts: `renamed` says which byte of text stands there for each. `None`, for every image, when
    /// the configurations differ, or where that is not known: then there is no reduction by symmetry.
    fn mirrored(
        _of: [&Self::Config; 2],
        _i: &Self::Image,
        _renamed: impl Fn(u8) -> u8,
    ) -> Option<Self::Image> {
        None
    }
}

/// The timers of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Armed {
    /// Running.
    pub running: TimerSet,
    /// May expire now.
    pub due: TimerSet,
}
