//! The TCP header (RFC 9293 section 3.1).

use core::fmt;

use super::checksum::Checksum;
use super::ip::Addresses;
use super::options::{Options, OptionsError};
use super::{be, be16, be32};
use crate::seq::SeqNumber;

/// Control bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Flags = Flags(1);
    /// Synchronise sequence numbers.
    pub const SYN: Flags = Flags(2);
    /// Reset the connection.
    pub const RST: Flags = Flags(4);
    /// Push.
    pub const PSH: Flags = Flags(8);
    /// The acknowledgment number is significant.
    pub const ACK: Flags = Flags(16);
    /// The urgent pointer is significant.
    pub const URG: Flags = Flags(32);

    /// Whether all of `other` are set.
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// With `other` set too.
    #[must_use]
    #[inline]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
        let mut first = true;
        for (n, name) in names.into_iter().enumerate() {
            if self.0 & 1 << n != 0 {
                write!(f, "{}{name}", if first { "" } else { "," })?;
                first = false;
            }
        }
        Ok(())
    }
}

/// A TCP header, its options read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK; zero unless ACK is set.
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND as it stands in the header, not scaled.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options.
    pub options: Options,
}

/// A segment in the packet that carries it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Its header.
    pub header: Header,
    /// Its text.
    pub payload: &'a [u8],
}

/// What is wrong with a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SegmentError {
    /// Too short for a header.
    #[error("{0} bytes of TCP, fewer than a header")]
    Truncated(usize),
    /// A data offset below 20 bytes, or beyond the segment.
    #[error("TCP header length {header} in a segment of {len} bytes")]
    HeaderLength {
        /// What the header says, in bytes.
        header: usize,
        /// Length of the segment.
        len: usize,
    },
    /// More bytes than the pseudo-header can count.
    #[error("a segment of {0} bytes")]
    Length(usize),
    /// The checksum (MUST-3).
    #[error("TCP checksum")]
    Checksum,
    /// Its options.
    #[error(transparent)]
    Options(#[from] OptionsError),
}

/// The buffer is too small.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{needed} bytes needed, {got} there")]
pub struct NoRoom {
    /// Bytes that the segment takes.
    pub needed: usize,
    /// Bytes that there are.
    pub got: usize,
}

const HEADER: usize = 20;

impl<'a> Segment<'a> {
    /// Reads a segment that fills `bytes`.
    pub fn parse(addresses: &Addresses, bytes: &'a [u8]) -> Result<Self, SegmentError> {
        if bytes.len() < HEADER {
            return Err(SegmentError::Truncated(bytes.len()));
        }
        let header = usize::from(be::<1>(bytes, 12)[0] >> 4) * 4;
        let (Some(options), Some(payload)) = (bytes.get(HEADER..header), bytes.get(header..))
        else {
            return Err(SegmentError::HeaderLength {
                header,
                len: bytes.len(),
            });
        };
        let len = u32::try_from(bytes.len()).map_err(|_| SegmentError::Length(bytes.len()))?;
        let sum = Checksum::pseudo_header(addresses, len).over(bytes);
        if sum.finish() != 0 {
            return Err(SegmentError::Checksum);
        }
        let flags = Flags(be::<1>(bytes, 13)[0]);
        let ack = SeqNumber(be32(bytes, 8));
        let header = Header {
            src_port: be16(bytes, 0),
            dst_port: be16(bytes, 2),
            seq: SeqNumber(be32(bytes, 4)),
            ack: if flags.has(Flags::ACK) {
                ack
            } else {
                SeqNumber::default()
            },
            flags,
            window: be16(bytes, 14),
            urgent: be16(bytes, 18),
            options: Options::parse(options)?,
        };
        Ok(Segment { header, payload })
    }

    /// SEG.LEN: the text, SYN and FIN occupy sequence space.
    pub fn len(&self) -> u32 {
        let flags = self.header.flags;
        self.payload.len() as u32
            + u32::from(flags.has(Flags::SYN))
            + u32::from(flags.has(Flags::FIN))
    }

    /// Whether it occupies no sequence space.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Header {
    /// Writes the segment into the front of `out`, with its checksum. Returns how many bytes it takes.
    pub fn emit(
        &self,
        addresses: &Addresses,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<usize, NoRoom> {
        let (options, options_len) = self.options.emit();
        let header = HEADER + options_len;
        let needed = header + payload.len();
        let got = out.len();
        let out = out.get_mut(..needed).ok_or(NoRoom { needed, got })?;
        let ack = if self.flags.has(Flags::ACK) {
            self.ack.0
        } else {
            0
        };
        let fixed = [
            &self.src_port.to_be_bytes()[..],
            &self.dst_port.to_be_bytes(),
            &self.seq.0.to_be_bytes(),
            &ack.to_be_bytes(),
            &[(header as u8 / 4) << 4, self.flags.0],
            &self.window.to_be_bytes(),
            &[0, 0], // the checksum, below
            &self.urgent.to_be_bytes(),
            options.get(..options_len).unwrap_or_default(),
            payload,
        ];
        let bytes = fixed.into_iter().flatten();
        for (to, from) in out.iter_mut().zip(bytes) {
            *to = *from;
        }
        let sum = Checksum::pseudo_header(addresses, needed as u32).over(out);
        for (to, from) in out.iter_mut().skip(16).zip(sum.finish().to_be_bytes()) {
            *to = from;
        }
        Ok(needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{IpError, Packet, Timestamps};
    use core::net::{Ipv4Addr, Ipv6Addr};

    const V4: Addresses = Addresses::V4 {
        src: Ipv4Addr::new(192, 0, 2, 1),
        dst: Ipv4Addr::new(198, 51, 100, 7),
    };
    const V6: Addresses = Addresses::V6 {
        src: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
        dst: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    };

    fn header() -> Header {
        Header {
            src_port: 49_152,
            dst_port: 80,
            seq: SeqNumber(u32::MAX - 1),
            ack: SeqNumber(7),
            flags: Flags::ACK.with(Flags::FIN),
            window: 1_024,
            urgent: 0,
            options: Options {
                timestamps: Some(Timestamps { val: 1, ecr: 2 }),
                ..Options::default()
            },
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for addresses in [V4, V6] {
            for payload in [&b""[..], b"x", b"farewell"] {
                let mut out = [0; 128];
                let n = header().emit(&addresses, payload, &mut out).unwrap();
                assert_eq!(n, 32 + payload.len());
                let segment = Segment::parse(&addresses, &out[..n]).unwrap();
                assert_eq!((segment.header, segment.payload), (header(), payload));
                assert_eq!(segment.len(), payload.len() as u32 + 1);
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut out = [0; 128];
        let n = header().emit(&V4, b"farewell", &mut out).unwrap();
        for bit in 0..n * 8 {
            let mut broken = out;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(Segment::parse(&V4, &broken[..n]).is_err(), "bit {bit}");
        }
        // To somebody else.
        assert_eq!(
            Segment::parse(&V6, &out[..n]).unwrap_err(),
            SegmentError::Checksum
        );
    }

    #[test]
    fn no_length_is_too_short_to_fail() {
        let mut out = [0; 128];
        let n = header().emit(&V4, b"farewell", &mut out).unwrap();
        for len in 0..n {
            assert!(Segment::parse(&V4, &out[..len]).is_err(), "{len}");
            let mut small = [0; 128];
            let room = header().emit(&V4, b"farewell", &mut small[..len]);
            assert_eq!(
                room,
                Err(NoRoom {
                    needed: n,
                    got: len
                })
            );
        }
    }

    /// An IPv4 packet around the segment, by hand.
    fn v4_packet(segment: &[u8], out: &mut [u8]) -> usize {
        let total = 20 + segment.len();
        out[..20].copy_from_slice(&[
            0x45,
            0,
            0,
            total as u8,
            0,
            0,
            0x40,
            0,
            64,
            6,
            0,
            0,
            192,
            0,
            2,
            1,
            198,
            51,
            100,
            7,
        ]);
        let sum = Checksum::default().over(&out[..20]).finish();
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        out[20..total].copy_from_slice(segment);
        total
    }

    #[test]
    fn a_packet_is_read_to_its_own_length() {
        let (mut segment, mut packet) = ([0; 64], [0xee; 128]);
        let n = header().emit(&V4, b"farewell", &mut segment).unwrap();
        let total = v4_packet(&segment[..n], &mut packet);
        let read = Packet::parse(&packet).unwrap(); // the link's padding follows
        assert_eq!(
            (read.addresses, read.segment.payload),
            (V4, &b"farewell"[..])
        );
        for len in 0..total {
            assert!(Packet::parse(&packet[..len]).is_err(), "{len}");
        }
        let with = |at: usize, value: u8| {
            let mut p = packet;
            p[at] = value;
            p[10] = 0;
            p[11] = 0;
            let header = usize::from(p[0] & 15).max(5) * 4;
            let sum = Checksum::default().over(&p[..header]).finish();
            p[10..12].copy_from_slice(&sum.to_be_bytes());
            Packet::parse(&p).map(|_| ()).unwrap_err()
        };
        assert_eq!(with(9, 17), IpError::Protocol(17));
        assert_eq!(with(6, 0x20), IpError::Fragment);
        assert_eq!(with(0, 0x44), IpError::HeaderLength(16));
        assert_eq!(with(0, 0x55), IpError::Version(5));
        packet[10] ^= 1;
        assert_eq!(Packet::parse(&packet).unwrap_err(), IpError::HeaderChecksum);
    }

    #[test]
    fn ipv6_extension_headers_are_skipped_and_bounded() {
        let mut segment = [0; 64];
        let n = header().emit(&V6, b"farewell", &mut segment).unwrap();
        let packet = |extensions: usize, kind: u8, out: &mut [u8; 256]| {
            let len = extensions * 8 + n;
            out[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, len as u8, 6, 64]);
            let Addresses::V6 { src, dst } = V6 else {
                unreachable!()
            };
            out[8..24].copy_from_slice(&src.octets());
            out[24..40].copy_from_slice(&dst.octets());
            let mut next = 6; // in the header, or in the extension before
            for e in 0..extensions {
                out[next] = kind;
                next = 40 + e * 8;
                out[next..next + 8].fill(0);
            }
            out[next] = if extensions > 0 { 6 } else { out[next] };
            out[40 + extensions * 8..40 + len].copy_from_slice(&segment[..n]);
        };
        for (extensions, kind, ends) in [
            (0, 0, None),
            (1, 0, None),
            (2, 60, None),
            (8, 43, None),
            (9, 60, Some(IpError::Extensions)),
            (1, 44, Some(IpError::Fragment)),
            (1, 51, Some(IpError::Protocol(51))),
        ] {
            let mut out = [0; 256];
            packet(extensions, kind, &mut out);
            let read = Packet::parse(&out);
            assert_eq!(read.as_ref().err(), ends.as_ref(), "{extensions} of {kind}");
            if let Ok(read) = read {
                assert_eq!(
                    (read.addresses, read.segment.payload),
                    (V6, &b"farewell"[..])
                );
            }
        }
    }
}
