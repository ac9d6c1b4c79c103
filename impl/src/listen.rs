//! What a host does without a connection: LISTEN (RFC 9293 section 3.10.7.2) and CLOSED (3.10.7.1).

use crate::seq::SeqNumber;
use crate::wire::{Flags, Header, Segment};

/// What LISTEN makes of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing.
    Ignore,
    /// Answer with this RST; its ports are still to be filled in.
    Reset(Header),
    /// A SYN: a connection may begin.
    Begin,
}

/// LISTEN: first RST, second ACK, third SYN.
pub fn in_listen(s: &Segment<'_>) -> Verdict {
    let flags = s.header.flags;
    if flags.has(Flags::RST) {
        Verdict::Ignore
    } else if flags.has(Flags::ACK) {
        Verdict::Reset(reset_for(s))
    } else if flags.has(Flags::SYN) {
        Verdict::Begin
    } else {
        Verdict::Ignore
    }
}

/// CLOSED: everything but a RST is answered with a RST.
pub fn in_closed(s: &Segment<'_>) -> Option<Header> {
    (!s.header.flags.has(Flags::RST)).then(|| reset_for(s))
}

/// The RST that the sender of `s` finds acceptable (section 3.5.2, group 1). Its ports are still to be filled in.
pub(crate) fn reset_for(s: &Segment<'_>) -> Header {
    let h = &s.header;
    if h.flags.has(Flags::ACK) {
        Header {
            seq: h.ack,
            flags: Flags::RST,
            ..Header::default()
        }
    } else {
        Header {
            seq: SeqNumber(0),
            ack: h.seq + s.len(),
            flags: Flags::RST.with(Flags::ACK),
            ..Header::default()
        }
    }
}
