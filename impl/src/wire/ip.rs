//! The IP headers in front of a segment.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::Checksum;
use super::tcp::{Segment, SegmentError};
use super::{be, be16};

/// The two ends of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Addresses {
    /// IPv4.
    V4 {
        /// Source.
        src: Ipv4Addr,
        /// Destination.
        dst: Ipv4Addr,
    },
    /// IPv6.
    V6 {
        /// Source.
        src: Ipv6Addr,
        /// Destination.
        dst: Ipv6Addr,
    },
}

impl Addresses {
    /// The way back.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Addresses::V4 { src, dst } => Addresses::V4 { src: dst, dst: src },
            Addresses::V6 { src, dst } => Addresses::V6 { src: dst, dst: src },
        }
    }
}

/// What is wrong with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IpError {
    /// Nothing there, or a version that is neither 4 nor 6.
    #[error("IP version {0}, not 4 or 6")]
    Version(u8),
    /// Fewer bytes than a header says there are.
    #[error("{needed} bytes of IP needed, {got} there")]
    Truncated {
        /// Bytes that the header asks for.
        needed: usize,
        /// Bytes that there are.
        got: usize,
    },
    /// An IPv4 header length below 20, or beyond the packet.
    #[error("IPv4 header length {0}")]
    HeaderLength(usize),
    /// The IPv4 header's checksum.
    #[error("IPv4 header checksum")]
    HeaderChecksum,
    /// A fragment: reassembly is the IP layer's.
    #[error("a fragment")]
    Fragment,
    /// Another protocol.
    #[error("protocol {0}, not TCP")]
    Protocol(u8),
    /// More IPv6 extension headers than are read.
    #[error("too many IPv6 extension headers")]
    Extensions,
    /// The segment inside.
    #[error(transparent)]
    Segment(#[from] SegmentError),
}

/// A packet that carries a segment.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// From whom, to whom.
    pub addresses: Addresses,
    /// The segment, its checksum verified.
    pub segment: Segment<'a>,
}

const TCP: u8 = 6;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
/// IPv6 extension headers that are skipped in a packet.
const MAX_EXTENSIONS: usize = 8;

impl<'a> Packet<'a> {
    /// Reads a packet; bytes behind its own length (padding of the link) are ignored.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IpError> {
        match bytes.first().map_or(0, |b| b >> 4) {
            4 => Self::v4(bytes),
            6 => Self::v6(bytes),
            version => Err(IpError::Version(version)),
        }
    }

    fn v4(bytes: &'a [u8]) -> Result<Self, IpError> {
        need(bytes, V4_HEADER)?;
        let header = usize::from(bytes.first().map_or(0, |b| b & 15)) * 4;
        let total = usize::from(be16(bytes, 2));
        if header < V4_HEADER || header > total {
            return Err(IpError::HeaderLength(header));
        }
        let packet = need(bytes, total)?;
        let (head, body) = packet.split_at(header);
        if Checksum::default().over(head).finish() != 0 {
            return Err(IpError::HeaderChecksum);
        }
        // More fragments, or an offset.
        if be16(head, 6) & 0x3fff != 0 {
            return Err(IpError::Fragment);
        }
        let protocol = be::<1>(head, 9)[0];
        if protocol != TCP {
            return Err(IpError::Protocol(protocol));
        }
        let addresses = Addresses::V4 {
            src: Ipv4Addr::from(be::<4>(head, 12)),
            dst: Ipv4Addr::from(be::<4>(head, 16)),
        };
        Self::within(addresses, body)
    }

    fn v6(bytes: &'a [u8]) -> Result<Self, IpError> {
        need(bytes, V6_HEADER)?;
        let packet = need(bytes, V6_HEADER + usize::from(be16(bytes, 4)))?;
        let (head, mut body) = packet.split_at(V6_HEADER);
        let addresses = Addresses::V6 {
            src: Ipv6Addr::from(be::<16>(head, 8)),
            dst: Ipv6Addr::from(be::<16>(head, 24)),
        };
        let mut next = be::<1>(head, 6)[0];
        for _ in 0..=MAX_EXTENSIONS {
            match next {
                TCP => return Self::within(addresses, body),
                // Hop-by-hop options, routing, destination options: all begin with the next one's kind and a length.
                0 | 43 | 60 => {
                    need(body, 8)?;
                    let len = (usize::from(be::<1>(body, 1)[0]) + 1) * 8;
                    need(body, len)?;
                    next = be::<1>(body, 0)[0];
                    body = body.get(len..).unwrap_or_default();
                }
                44 => return Err(IpError::Fragment),
                other => return Err(IpError::Protocol(other)),
            }
        }
        Err(IpError::Extensions)
    }

    fn within(addresses: Addresses, body: &'a [u8]) -> Result<Self, IpError> {
        let segment = Segment::parse(&addresses, body)?;
        Ok(Packet { addresses, segment })
    }
}

/// The first `needed` bytes.
fn need(bytes: &[u8], needed: usize) -> Result<&[u8], IpError> {
    bytes.get(..needed).ok_or(IpError::Truncated {
        needed,
        got: bytes.len(),
    })
}
