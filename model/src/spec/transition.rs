//! The transitions an endpoint may take: data, from which the state diagram is drawn.
//!
//! `Machine::enter` performs every transition and looks it up here. What the world judges the steps of an endpoint by is
//! written down a second time, with the judge.

use crate::endpoint::TcpState::{self, *};

/// What makes a transition happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Cause {
    /// OPEN, passive.
    PassiveOpen,
    /// OPEN, active (or SEND in LISTEN).
    ActiveOpen,
    /// CLOSE or SHUTDOWN.
    Close,
    /// ABORT, or a CLOSE that throws data away.
    Abort,
    /// A SYN.
    Syn,
    /// A SYN with an acceptable ACK.
    SynAck,
    /// An acknowledgment (of the SYN, or of our FIN).
    Ack,
    /// The peer's FIN.
    Fin,
    /// The peer's FIN, our own being acknowledged.
    FinAndAck,
    /// A RST.
    Rst,
    /// A FIN that had to wait has been sent.
    FinSent,
    /// USER TIMEOUT or R2.
    GiveUp,
    /// The time-wait timeout or the orphan's.
    Timeout,
}

impl Cause {
    /// As it stands on an arrow of the diagram.
    pub const fn label(self) -> &'static str {
        match self {
            Cause::PassiveOpen => "passive OPEN",
            Cause::ActiveOpen => "active OPEN",
            Cause::Close => "CLOSE",
            Cause::Abort => "ABORT",
            Cause::Syn => "rcv SYN",
            Cause::SynAck => "rcv SYN,ACK",
            Cause::Ack => "rcv ACK",
            Cause::Fin => "rcv FIN",
            Cause::FinAndAck => "rcv FIN, our FIN acknowledged",
            Cause::Rst => "rcv RST",
            Cause::FinSent => "snd FIN",
            Cause::GiveUp => "give up",
            Cause::Timeout => "timeout",
        }
    }
}

/// One arrow of the state diagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition {
    /// Where it starts.
    pub from: TcpState,
    /// What makes it happen.
    pub cause: Cause,
    /// Where it leads.
    pub to: TcpState,
    /// Section of RFC 9293, or another RFC.
    pub source: &'static str,
}

const fn t(from: TcpState, cause: Cause, to: TcpState, source: &'static str) -> Transition {
    Transition {
        from,
        cause,
        to,
        source,
    }
}

/// Every transition there is. At most 64: a set of them is one word.
pub const TABLE: &[Transition] = &[
    t(Closed, Cause::PassiveOpen, Listen, "3.10.1"),
    t(Closed, Cause::ActiveOpen, SynSent, "3.10.1"),
    t(Listen, Cause::ActiveOpen, SynSent, "3.10.1, 3.10.2"),
    t(Listen, Cause::Close, Closed, "3.10.4"),
    t(Listen, Cause::Abort, Closed, "3.10.5"),
    t(Listen, Cause::Syn, SynReceived, "3.10.7.2"),
    t(SynSent, Cause::Close, Closed, "3.10.4"),
    t(SynSent, Cause::Abort, Closed, "3.10.5"),
    t(SynSent, Cause::Rst, Closed, "3.10.7.3"),
    t(SynSent, Cause::Syn, SynReceived, "3.10.7.3"),
    t(SynSent, Cause::SynAck, Established, "3.10.7.3"),
    t(SynSent, Cause::GiveUp, Closed, "3.10.8"),
    t(SynReceived, Cause::Ack, Established, "3.10.7.4 fifth"),
    t(SynReceived, Cause::Close, FinWait1, "3.10.4"),
    t(SynReceived, Cause::Rst, Listen, "3.10.7.4 second"),
    t(SynReceived, Cause::Rst, Closed, "3.10.7.4 second"),
    t(SynReceived, Cause::Rst, TimeWait, "3.6.1 MAY-2 (2)"),
    t(SynReceived, Cause::Syn, Listen, "3.10.7.4 fourth"),
    t(SynReceived, Cause::Syn, TimeWait, "3.6.1 MAY-2 (2)"),
    t(SynReceived, Cause::Abort, TimeWait, "3.10.5, 3.5.2"),
    t(SynReceived, Cause::GiveUp, Closed, "3.10.8"),
    t(SynReceived, Cause::GiveUp, TimeWait, "3.6.1 MAY-2 (2)"),
    t(Established, Cause::Close, FinWait1, "3.10.4"),
    t(Established, Cause::Fin, CloseWait, "3.10.7.4 eighth"),
    t(Established, Cause::Rst, Closed, "3.10.7.4 second"),
    t(Established, Cause::Abort, TimeWait, "3.10.5, 3.5.2"),
    t(Established, Cause::GiveUp, Closed, "3.10.8"),
    t(FinWait1, Cause::Ack, FinWait2, "3.10.7.4 fifth"),
    t(FinWait1, Cause::Fin, Closing, "3.10.7.4 eighth"),
    t(FinWait1, Cause::Rst, Closed, "3.10.7.4 second"),
    t(FinWait1, Cause::Abort, TimeWait, "3.10.5, 3.5.2"),
    t(FinWait1, Cause::GiveUp, Closed, "3.10.8"),
    t(FinWait2, Cause::FinAndAck, TimeWait, "3.10.7.4 eighth"),
    t(FinWait2, Cause::Rst, Closed, "3.10.7.4 second"),
    t(FinWait2, Cause::Abort, TimeWait, "3.10.5, 3.5.2"),
    t(
        FinWait2,
        Cause::Timeout,
        Closed,
        "local: the orphan's timeout",
    ),
    t(CloseWait, Cause::FinSent, LastAck, "3.10.4"),
    t(CloseWait, Cause::Rst, Closed, "3.10.7.4 second"),
    t(CloseWait, Cause::Abort, TimeWait, "3.10.5, 3.5.2"),
    t(CloseWait, Cause::GiveUp, Closed, "3.10.8"),
    t(Closing, Cause::Ack, TimeWait, "3.10.7.4 fifth"),
    t(Closing, Cause::Rst, Closed, "3.10.7.4 second"),
    t(Closing, Cause::Abort, Closed, "3.10.5"),
    t(Closing, Cause::GiveUp, Closed, "3.10.8"),
    t(LastAck, Cause::Ack, Closed, "3.10.7.4 fifth"),
    t(LastAck, Cause::Rst, Closed, "3.10.7.4 second"),
    t(LastAck, Cause::Abort, Closed, "3.10.5"),
    t(LastAck, Cause::GiveUp, Closed, "3.10.8"),
    t(TimeWait, Cause::Timeout, Closed, "3.10.8"),
    t(TimeWait, Cause::Abort, Closed, "3.10.5"),
    t(TimeWait, Cause::Syn, SynReceived, "3.6.1 MAY-2, RFC 6191"),
    // Readings that the default profile does not take.
    t(
        TimeWait,
        Cause::Rst,
        Closed,
        "3.10.7.4 second; not with RFC 1337 F1",
    ),
    t(SynReceived, Cause::Abort, Closed, "3.10.5 alone"),
    t(Established, Cause::Abort, Closed, "3.10.5 alone"),
    t(FinWait1, Cause::Abort, Closed, "3.10.5 alone"),
    t(FinWait2, Cause::Abort, Closed, "3.10.5 alone"),
    t(CloseWait, Cause::Abort, Closed, "3.10.5 alone"),
    t(
        Established,
        Cause::Syn,
        Closed,
        "RFC 793; not with RFC 5961",
    ),
    t(FinWait1, Cause::Syn, Closed, "RFC 793; not with RFC 5961"),
    t(FinWait2, Cause::Syn, Closed, "RFC 793; not with RFC 5961"),
    t(CloseWait, Cause::Syn, Closed, "RFC 793; not with RFC 5961"),
    t(Closing, Cause::Syn, Closed, "RFC 793; not with RFC 5961"),
    t(LastAck, Cause::Syn, Closed, "RFC 793; not with RFC 5961"),
    t(TimeWait, Cause::Syn, Closed, "RFC 793; not with RFC 5961"),
];

/// How many of [`TABLE`]'s entries the default profile takes; the rest belong to other readings.
pub const IN_DEFAULT_PROFILE: usize = 51;

/// The index of a transition in [`TABLE`].
#[inline]
pub fn index_of(from: TcpState, cause: Cause, to: TcpState) -> Option<usize> {
    TABLE
        .iter()
        .position(|t| t.from == from && t.cause == cause && t.to == to)
}
