//! The states of a connection (RFC 9293 section 3.3.2).

use core::fmt;

/// The eleven states.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)] // the RFC's names are their own documentation
pub enum State {
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

use State::*;

impl State {
    /// All of them, in the RFC's order.
    pub const ALL: [State; 11] = [
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
    ];

    /// The RFC's spelling, `FIN_WAIT_1`.
    pub const fn name(self) -> &'static str {
        match self {
            Closed => "CLOSED",
            Listen => "LISTEN",
            SynSent => "SYN_SENT",
            SynReceived => "SYN_RECEIVED",
            Established => "ESTABLISHED",
            FinWait1 => "FIN_WAIT_1",
            FinWait2 => "FIN_WAIT_2",
            CloseWait => "CLOSE_WAIT",
            Closing => "CLOSING",
            LastAck => "LAST_ACK",
            TimeWait => "TIME_WAIT",
        }
    }

    /// The peer may still send text that the user gets.
    #[inline]
    pub const fn receives(self) -> bool {
        matches!(self, Established | FinWait1 | FinWait2)
    }

    /// Text or a FIN may still go out.
    #[inline]
    pub const fn sends(self) -> bool {
        matches!(self, Established | FinWait1 | CloseWait | Closing | LastAck)
    }

    /// The states that may follow this one (RFC 9293 figure 5 and the text of section 3.10, RFC 6191 for TIME_WAIT).
    pub const fn successors(self) -> &'static [State] {
        match self {
            Closed => &[Listen, SynSent],
            Listen => &[SynReceived, SynSent, Closed],
            SynSent => &[SynReceived, Established, Closed],
            SynReceived => &[Established, FinWait1, Listen, TimeWait, Closed],
            Established => &[FinWait1, CloseWait, TimeWait, Closed],
            FinWait1 => &[FinWait2, Closing, TimeWait, Closed],
            FinWait2 => &[TimeWait, Closed],
            CloseWait => &[LastAck, TimeWait, Closed],
            Closing => &[TimeWait, Closed],
            LastAck => &[Closed],
            TimeWait => &[SynReceived, Closed],
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
