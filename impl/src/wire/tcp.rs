//! The TCP header (RFC 9293 section 3.1).

use core::fmt;

use super::checksum::{Checksum, Checksums};
use super::ip::Addresses;
use super::options::{Options, OptionsError};
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

impl Header {
    #[inline(always)]
    fn read(f: &[u8; HEADER], options: Options) -> Self {
        let be16 = |at: [u8; 2]| u16::from_be_bytes(at);
        let be32 = |at: [u8; 4]| SeqNumber(u32::from_be_bytes(at));
        let flags = Flags(f[13]);
        let ack = be32([f[8], f[9], f[10], f[11]]);
        let has_ack = flags.has(Flags::ACK);
        Header {
            src_port: be16([f[0], f[1]]),
            dst_port: be16([f[2], f[3]]),
            seq: be32([f[4], f[5], f[6], f[7]]),
            ack: if has_ack { ack } else { SeqNumber::default() },
            flags,
            window: be16([f[14], f[15]]),
            urgent: be16([f[18], f[19]]),
            options,
        }
    }
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

pub(super) const HEADER: usize = 20;

impl<'a> Segment<'a> {
    /// Reads a segment that fills `bytes`, and verifies its checksum.
    #[inline]
    pub fn parse(addresses: &Addresses, bytes: &'a [u8]) -> Result<Self, SegmentError> {
        Self::parse_with(addresses, bytes, Checksums::Verify)
    }

    /// Reads a segment that fills `bytes`.
    #[inline]
    pub fn parse_with(
        addresses: &Addresses,
        bytes: &'a [u8],
        checksums: Checksums,
    ) -> Result<Self, SegmentError> {
        let Some((fixed, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(SegmentError::Truncated(bytes.len()));
        };
        let header = usize::from(fixed[12] >> 4) * 4;
        let parts = header
            .checked_sub(HEADER)
            .and_then(|n| rest.split_at_checked(n));
        let Some((options, payload)) = parts else {
            return Err(SegmentError::HeaderLength {
                header,
                len: bytes.len(),
            });
        };
        let len = u32::try_from(bytes.len()).map_err(|_| SegmentError::Length(bytes.len()))?;
        if checksums == Checksums::Verify {
            let sum = Checksum::pseudo_header(addresses, len).over(bytes);
            if sum.finish() != 0 {
                return Err(SegmentError::Checksum);
            }
        }
        let header = Header::read(fixed, Options::parse(options)?);
        Ok(Segment { header, payload })
    }

    /// The same for a segment without options, or with no others than timestamps where RFC 7323 appendix A has them, and
    /// with nothing wrong; none for all others.
    #[inline(always)]
    pub(super) fn plain(
        addresses: &Addresses,
        bytes: &'a [u8],
        checksums: Checksums,
    ) -> Option<Self> {
        let (fixed, rest) = bytes.split_first_chunk::<HEADER>()?;
        let (options, payload) = match fixed[12] >> 4 {
            5 => (Options::default(), rest),
            8 => {
                let (options, payload) = rest.split_first_chunk()?;
                (Options::stamped(options)?, payload)
            }
            _ => return None,
        };
        if checksums == Checksums::Verify {
            let sum = Checksum::pseudo_header(addresses, bytes.len() as u32).over_chunk(fixed);
            // Most segments have nothing more.
            let sum = if rest.is_empty() { sum } else { sum.over(rest) };
            if sum.finish() != 0 {
                return None;
            }
        }
        let header = Header::read(fixed, options);
        Some(Segment { header, payload })
    }

    /// SEG.LEN: the text, SYN and FIN occupy sequence space.
    #[inline]
    pub fn len(&self) -> u32 {
        let flags = self.header.flags;
        self.payload.len() as u32
            + u32::from(flags.has(Flags::SYN))
            + u32::from(flags.has(Flags::FIN))
    }

    /// Whether it occupies no sequence space.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
