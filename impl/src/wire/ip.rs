//! The IP headers in front of a segment.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::checksum::{Checksum, Checksums};
use super::tcp::{Header, Segment, SegmentError};

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
    /// The segment.
    pub segment: Segment<'a>,
}

/// Those of a [`Packet`].
type Parts<'a> = (Addresses, Header, &'a [u8]);

pub(super) const TCP: u8 = 6;
pub(super) const V4_HEADER: usize = 20;
pub(super) const V6_HEADER: usize = 40;
/// IPv6 extension headers that are skipped in a packet.
const MAX_EXTENSIONS: usize = 8;

impl<'a> Packet<'a> {
    /// Reads a packet, and verifies its checksums; bytes behind its own length (padding of the link) are ignored.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IpError> {
        Self::parse_with(bytes, Checksums::Verify)
    }

    /// Reads a packet; with [`Checksums::Offloaded`] neither TCP's checksum nor that of the IPv4 header is looked at.
    #[inline]
    pub fn parse_with(bytes: &'a [u8], checksums: Checksums) -> Result<Self, IpError> {
        match Self::plain(bytes, checksums) {
            Some(packet) => Ok(packet),
            None => Self::parse_any(bytes, checksums),
        }
    }

    /// Reads what nearly all packets are: IPv4 without options, and in it a segment whose options, if it has any, are
    /// timestamps. Whatever else it is, or is wrong with it, [`Packet::parse_any`] tells.
    ///
    /// Small enough to be a part of its caller, so that what was read need not pass through memory.
    #[inline(always)]
    pub(crate) fn plain(bytes: &'a [u8], checksums: Checksums) -> Option<Self> {
        let (h, _) = bytes.split_first_chunk::<V4_HEADER>()?;
        let total = usize::from(u16::from_be_bytes([h[2], h[3]]));
        let fragment = u16::from_be_bytes([h[6], h[7]]) & 0x3fff != 0;
        if h[0] != 0x45 || h[9] != TCP || fragment {
            return None;
        }
        let body = bytes.get(V4_HEADER..total)?;
        if checksums == Checksums::Verify && Checksum::default().over_chunk(h).finish() != 0 {
            return None;
        }
        let [.., src, dst] = h.as_chunks::<4>().0 else {
            return None;
        };
        let addresses = Addresses::V4 {
            src: Ipv4Addr::from_octets(*src),
            dst: Ipv4Addr::from_octets(*dst),
        };
        let segment = Segment::plain(&addresses, body, checksums)?;
        Some(Packet { addresses, segment })
    }

    /// The same as [`Packet::parse_with`], without a short cut.
    #[inline(always)]
    pub(crate) fn parse_any(bytes: &'a [u8], checksums: Checksums) -> Result<Self, IpError> {
        let (addresses, header, payload) = Self::parts(bytes, checksums)?;
        let segment = Segment { header, payload };
        Ok(Packet { addresses, segment })
    }

    /// In parts, or a plain packet, too, would be put together in the memory where this call leaves the others.
    #[cold]
    #[inline(never)]
    fn parts(bytes: &'a [u8], checksums: Checksums) -> Result<Parts<'a>, IpError> {
        match bytes.first().map_or(0, |b| b >> 4) {
            4 => Self::v4(bytes, checksums),
            6 => Self::v6(bytes, checksums),
            version => Err(IpError::Version(version)),
        }
    }

    fn v4(bytes: &'a [u8], checksums: Checksums) -> Result<Parts<'a>, IpError> {
        let h: &[u8; V4_HEADER] = chunk(bytes)?;
        let header = usize::from(h[0] & 15) * 4;
        let total = usize::from(u16::from_be_bytes([h[2], h[3]]));
        if header < V4_HEADER || header > total {
            return Err(IpError::HeaderLength(header));
        }
        let (head, body) = need(bytes, total)?
            .split_at_checked(header)
            .ok_or(IpError::HeaderLength(header))?;
        if checksums == Checksums::Verify && Checksum::default().over(head).finish() != 0 {
            return Err(IpError::HeaderChecksum);
        }
        // More fragments, or an offset.
        if u16::from_be_bytes([h[6], h[7]]) & 0x3fff != 0 {
            return Err(IpError::Fragment);
        }
        if h[9] != TCP {
            return Err(IpError::Protocol(h[9]));
        }
        let addresses = Addresses::V4 {
            src: Ipv4Addr::new(h[12], h[13], h[14], h[15]),
            dst: Ipv4Addr::new(h[16], h[17], h[18], h[19]),
        };
        Self::within(addresses, body, checksums)
    }

    fn v6(bytes: &'a [u8], checksums: Checksums) -> Result<Parts<'a>, IpError> {
        let h: &[u8; V6_HEADER] = chunk(bytes)?;
        let total = V6_HEADER + usize::from(u16::from_be_bytes([h[4], h[5]]));
        let packet = need(bytes, total)?;
        let (_, ends) = h.split_at(8);
        let (src, dst) = ends.split_at(16);
        let (src, dst) = (
            u128::from_be_bytes(*chunk(src)?),
            u128::from_be_bytes(*chunk(dst)?),
        );
        let addresses = Addresses::V6 {
            src: Ipv6Addr::from_bits(src),
            dst: Ipv6Addr::from_bits(dst),
        };
        let mut body = packet.get(V6_HEADER..).unwrap_or_default();
        let mut next = h[6];
        for _ in 0..=MAX_EXTENSIONS {
            match next {
                TCP => return Self::within(addresses, body, checksums),
                // Hop-by-hop options, routing, destination options: all begin with the next one's kind and a length.
                0 | 43 | 60 => {
                    let extension: &[u8; 8] = chunk(body)?;
                    let len = (usize::from(extension[1]) + 1) * 8;
                    need(body, len)?;
                    next = extension[0];
                    body = body.get(len..).unwrap_or_default();
                }
                44 => return Err(IpError::Fragment),
                other => return Err(IpError::Protocol(other)),
            }
        }
        Err(IpError::Extensions)
    }

    fn within(
        addresses: Addresses,
        body: &'a [u8],
        checksums: Checksums,
    ) -> Result<Parts<'a>, IpError> {
        let Segment { header, payload } = Segment::parse_with(&addresses, body, checksums)?;
        Ok((addresses, header, payload))
    }
}

/// The first `needed` bytes.
#[inline]
fn need(bytes: &[u8], needed: usize) -> Result<&[u8], IpError> {
    bytes.get(..needed).ok_or(IpError::Truncated {
        needed,
        got: bytes.len(),
    })
}

/// The first `N` bytes.
#[inline]
fn chunk<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], IpError> {
    bytes.first_chunk().ok_or(IpError::Truncated {
        needed: N,
        got: bytes.len(),
    })
}
