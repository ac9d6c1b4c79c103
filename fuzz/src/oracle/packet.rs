//! Segments of the model as packets and back, by the crate etherparse: the engine's own reader and writer are judged here, and
//! judge nothing.

use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, Ipv4Header, NetSlice, SlicedPacket, TcpHeader, TransportSlice};
use farewell_model::endpoint::{Flags, MAX_DATA, Segment};
use farewell_model::seq::Seq;

/// An address and a port.
pub type Socket = ([u8; 4], u16);

/// The subject's host.
pub const SUBJECT: Socket = ([192, 0, 2, 1], 80);
/// Its peer.
pub const PEER: Socket = ([192, 0, 2, 2], 4_242);

const TTL: u8 = 64;

/// Why a packet is no segment of the connection, or none that the model can say.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoSegment {
    /// Neither IPv4 nor TCP, or cut short.
    #[error("no TCP in IPv4: {0}")]
    NoTcp(String),
    /// Bytes behind the end that the IP header names, or fewer.
    #[error("the IP header says {0} bytes, and there are {1}")]
    Length(usize, usize),
    /// The IP header's checksum.
    #[error("the checksum of the IP header is wrong")]
    IpChecksum,
    /// TCP's (MUST-2).
    #[error("the checksum of the segment is wrong (RFC 9293 3.1, MUST-2)")]
    TcpChecksum,
    /// Between other sockets than those of the connection.
    #[error("from {0:?} to {1:?}: that is not the connection")]
    Elsewhere(Socket, Socket),
    /// More text than anyone sent.
    #[error("{0} bytes of text: more than buffers hold")]
    Text(usize),
    /// A window larger than any buffer.
    #[error("a window of {0}: larger than any buffer")]
    Window(u16),
    /// Control bits that nothing calls for.
    #[error("control bits other than SYN, ACK, FIN, RST and PSH")]
    ControlBits,
    /// An option that does not go there.
    #[error("the options cannot be read: {0}")]
    Options(&'static str),
    /// An option for which the other side must have offered it, or that only a SYN has (RFC 9293 3.2, RFC 7323 2.2 and 3.2, RFC
    /// 2018 2).
    #[error("an option that the peer did not offer, or that belongs on a SYN: kind {0}")]
    Unasked(u8),
}

/// The packet of a segment.
///
/// # Errors
///
/// A segment that makes no packet: of those that [`Segment`] can hold there is none.
pub fn write(s: &Segment, from: Socket, to: Socket) -> Result<Vec<u8>, NoSegment> {
    let cannot = |e: &dyn std::fmt::Display| NoSegment::NoTcp(e.to_string());
    let mut tcp = TcpHeader::new(from.1, to.1, s.seq.raw(), s.wnd.into());
    tcp.acknowledgment_number = s.ack.raw();
    tcp.syn = s.is(Flags::SYN);
    tcp.ack = s.is(Flags::ACK);
    tcp.fin = s.is(Flags::FIN);
    tcp.rst = s.is(Flags::RST);
    let length = u16::try_from(tcp.header_len() + s.data().len()).map_err(|e| cannot(&e))?;
    let mut ip =
        Ipv4Header::new(length, TTL, IpNumber::TCP, from.0, to.0).map_err(|e| cannot(&e))?;
    ip.header_checksum = ip.calc_header_checksum();
    tcp.checksum = tcp
        .calc_checksum_ipv4(&ip, s.data())
        .map_err(|e| cannot(&e))?;
    Ok([&ip.to_bytes()[..], &tcp.to_bytes()[..], s.data()].concat())
}

/// The segment of a packet between these two, if all of it is right. Options are left out once they have been read: what a
/// SYN offers, the other side does not take, nor does it offer anything itself. So a SYN may have any, a SYN,ACK the maximum
/// segment size, and nothing else has one.
///
/// # Errors
///
/// What is wrong with it.
pub fn read(bytes: &[u8], from: Socket, to: Socket) -> Result<Segment, NoSegment> {
    let sliced = SlicedPacket::from_ip(bytes).map_err(|e| NoSegment::NoTcp(e.to_string()))?;
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (sliced.net, sliced.transport)
    else {
        return Err(NoSegment::NoTcp("another protocol".into()));
    };
    let ip = ip.header();
    let said = usize::from(ip.total_len());
    if said != bytes.len() {
        return Err(NoSegment::Length(said, bytes.len()));
    }
    // Of all its bits: what makes no difference to a header that was read is summed, too.
    if Sum16BitWords::new().add_slice(ip.slice()).ones_complement() != 0 {
        return Err(NoSegment::IpChecksum);
    }
    if tcp.calc_checksum_ipv4(ip.source(), ip.destination()) != Ok(tcp.checksum()) {
        return Err(NoSegment::TcpChecksum);
    }
    let sockets = (
        (ip.source(), tcp.source_port()),
        (ip.destination(), tcp.destination_port()),
    );
    if sockets != (from, to) {
        return Err(NoSegment::Elsewhere(sockets.0, sockets.1));
    }
    if tcp.urg() || tcp.ece() || tcp.cwr() || tcp.ns() {
        return Err(NoSegment::ControlBits);
    }
    for kind in kinds(tcp.options())? {
        if !may_have(kind, tcp.syn(), tcp.ack()) {
            return Err(NoSegment::Unasked(kind));
        }
    }
    let payload = tcp.payload();
    let mut text = [0; MAX_DATA];
    text.get_mut(..payload.len())
        .ok_or(NoSegment::Text(payload.len()))?
        .copy_from_slice(payload);
    let flags = [
        (tcp.syn(), Flags::SYN),
        (tcp.ack(), Flags::ACK),
        (tcp.fin(), Flags::FIN),
        (tcp.rst(), Flags::RST),
    ];
    Ok(Segment {
        seq: Seq::new(tcp.sequence_number()),
        ack: if tcp.ack() {
            Seq::new(tcp.acknowledgment_number())
        } else {
            Seq::default() // it says nothing
        },
        flags: flags
            .into_iter()
            .filter(|(is, _)| *is)
            .fold(Flags::default(), |all, (_, bit)| all.with(bit)),
        wnd: u8::try_from(tcp.window_size()).map_err(|_| NoSegment::Window(tcp.window_size()))?,
        len: payload.len() as u8,
        text,
        ts: None,
    })
}

/// End of the list, and no operation: single octets.
const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
const SACK: u8 = 5;

/// The kinds of a header's options (RFC 9293 3.1), those that this program does not know among them.
fn kinds(mut options: &[u8]) -> Result<Vec<u8>, NoSegment> {
    let mut kinds = Vec::new();
    while let [kind, rest @ ..] = options {
        options = match *kind {
            END => &[],
            NO_OPERATION => rest,
            _ => {
                let length = rest.first().copied().map(usize::from);
                let behind = length.filter(|n| *n >= 2).and_then(|n| options.get(n..));
                kinds.push(*kind);
                behind.ok_or(NoSegment::Options("one has a length that cannot be"))?
            }
        };
    }
    Ok(kinds)
}

/// Whether a segment may have it to which nobody has offered anything: a SYN offers what it likes, but no SACK.
fn may_have(kind: u8, syn: bool, ack: bool) -> bool {
    syn && (kind == MAXIMUM_SEGMENT_SIZE || !ack && kind != SACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> Segment {
        let mut text = [0; MAX_DATA];
        text[..3].copy_from_slice(b"abc");
        Segment {
            seq: Seq::new(u32::MAX),
            ack: Seq::new(7),
            flags: Flags::ACK.with(Flags::FIN),
            wnd: 4,
            len: 3,
            text,
            ts: None,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = write(&segment(), SUBJECT, PEER).unwrap();
        assert_eq!(read(&bytes, SUBJECT, PEER), Ok(segment()));
    }

    #[test]
    fn every_bit_counts() {
        // All that differs by a bit is refused: checksums cover everything.
        let bytes = write(&segment(), SUBJECT, PEER).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&changed, SUBJECT, PEER).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut], SUBJECT, PEER).is_err(), "{cut} bytes");
        }
    }

    #[test]
    fn other_sockets_are_refused() {
        let bytes = write(&segment(), PEER, SUBJECT).unwrap();
        assert_eq!(
            read(&bytes, SUBJECT, PEER),
            Err(NoSegment::Elsewhere(PEER, SUBJECT))
        );
    }

    #[test]
    fn an_option_that_nobody_offered_is_refused() {
        let anything = [true, false, false];
        let cases: [(&[u8], [bool; 3]); 9] = [
            (&[2, 4, 2, 24], [true, true, false]), // maximum segment size
            (&[3, 3, 0, 0], anything),             // window scale
            (&[4, 2, 1, 1], anything),             // SACK permitted
            (&[8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1], anything),
            (&[34, 2, 1, 0], anything), // Fast Open, RFC 7413
            (&[5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1], [false; 3]),
            (&[1, 1, 1, 0], [true; 3]),
            (&[2, 9, 2, 24], [false; 3]), // longer than the header
            (&[30, 1, 0, 0], [false; 3]), // shorter than itself
        ];
        for (options, allowed) in cases {
            for ((syn, ack), allowed) in [(true, false), (true, true), (false, true)]
                .into_iter()
                .zip(allowed)
            {
                let mut tcp = TcpHeader::new(SUBJECT.1, PEER.1, 1, 4);
                (tcp.syn, tcp.ack) = (syn, ack);
                tcp.set_options_raw(options).unwrap();
                let length = tcp.header_len() as u16;
                let mut ip =
                    Ipv4Header::new(length, TTL, IpNumber::TCP, SUBJECT.0, PEER.0).unwrap();
                ip.header_checksum = ip.calc_header_checksum();
                tcp.checksum = tcp.calc_checksum_ipv4(&ip, &[]).unwrap();
                let bytes = [&ip.to_bytes()[..], &tcp.to_bytes()[..]].concat();
                let read = read(&bytes, SUBJECT, PEER);
                assert_eq!(read.is_ok(), allowed, "{options:?} {syn} {ack}: {read:?}");
            }
        }
    }
}
