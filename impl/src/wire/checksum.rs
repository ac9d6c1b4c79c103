//! The Internet checksum (RFC 1071), with TCP's pseudo-headers (RFC 9293 section 3.1).

use super::ip::Addresses;

/// Whether checksums are this engine's business.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Checksums {
    /// Verified in what arrives, computed in what is sent (MUST-2, MUST-3).
    #[default]
    Verify,
    /// A device below does both, TCP's and the IPv4 header's: what arrives is not looked at, what is sent carries zero.
    Offloaded,
}

/// A sum being made: pieces of even length, but for the last.
///
/// It is kept in the byte order of the machine, which RFC 1071 section 2 (B) allows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum(u64);

impl Checksum {
    /// The sum of TCP's pseudo-header for a segment of `len` bytes.
    #[inline(always)]
    pub fn pseudo_header(addresses: &Addresses, len: u32) -> Self {
        const TCP: u32 = 6;
        let sum = Checksum::default();
        let sum = match addresses {
            Addresses::V4 { src, dst } => sum.over_words(&[src.to_bits(), dst.to_bits()]),
            Addresses::V6 { src, dst } => {
                sum.over_address(src.to_bits()).over_address(dst.to_bits())
            }
        };
        sum.over_words(&[len, TCP])
    }

    /// Adds bytes; a last odd one counts as if a zero followed.
    #[must_use]
    #[inline(always)]
    pub fn over(self, bytes: &[u8]) -> Self {
        // 64-bit words fold to the same 16-bit sum if each carry is added back. Processors add a carry for nothing.
        let (blocks, rest) = bytes.as_chunks::<64>();
        let (mut sum, mut carries) = (0u64, 0);
        for block in blocks {
            let mut carry = false;
            for word in block.as_chunks::<8>().0 {
                (sum, carry) = sum.carrying_add(u64::from_ne_bytes(*word), carry);
            }
            carries += u64::from(carry);
        }
        let (words, rest) = rest.as_chunks::<8>();
        for word in words {
            let (more, carry) = sum.overflowing_add(u64::from_ne_bytes(*word));
            sum = more;
            carries += u64::from(carry);
        }
        let sum = (sum & 0xffff_ffff) + (sum >> 32) + carries;
        let sum = Checksum(self.0 + sum);
        if rest.is_empty() {
            return sum;
        }
        sum.over_rest(rest)
    }

    /// Adds fewer than eight bytes.
    #[inline]
    fn over_rest(mut self, mut rest: &[u8]) -> Self {
        if let Some((word, behind)) = rest.split_first_chunk::<4>() {
            self.0 += u64::from(u32::from_ne_bytes(*word));
            rest = behind;
        }
        if let Some((pair, behind)) = rest.split_first_chunk::<2>() {
            self.0 += u64::from(u16::from_ne_bytes(*pair));
            rest = behind;
        }
        if let Some(last) = rest.first() {
            self.0 += u64::from(u16::from_ne_bytes([*last, 0]));
        }
        self
    }

    /// Adds numbers of the header, which are big-endian on the wire.
    #[must_use]
    #[inline(always)]
    pub(super) fn over_words(mut self, words: &[u32]) -> Self {
        for word in words {
            self.0 += u64::from(word.to_be());
        }
        self
    }

    /// Adds an address of IPv6, in registers: it was or will be stored in other pieces than the sum would read.
    #[inline]
    fn over_address(self, address: u128) -> Self {
        let address = address.to_be();
        let halves = [(address >> 64) as u64, address as u64];
        let [a, b] = halves.map(|half| (half & 0xffff_ffff) + (half >> 32));
        Checksum(self.0 + a + b)
    }

    /// Adds a piece of known length, a multiple of four.
    #[must_use]
    #[inline(always)]
    pub(super) fn over_chunk<const N: usize>(mut self, bytes: &[u8; N]) -> Self {
        // 32-bit words fold to the same 16-bit sum, and 2^32 of them fit into 64 bits.
        for word in bytes.as_chunks::<4>().0 {
            self.0 += u64::from(u32::from_ne_bytes(*word));
        }
        self
    }

    /// The checksum: the complement of the folded sum. Zero over data that carries its own.
    #[inline(always)]
    pub fn finish(self) -> u16 {
        // The upper half of the sum of a number and the same with its halves exchanged is the sum of its halves, the carry
        // added back.
        let sum = (self.0.wrapping_add(self.0.rotate_left(32)) >> 32) as u32;
        let sum = (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16;
        !u16::from_be(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain reading of RFC 1071: 16-bit words, carries added back one by one.
    fn by_the_book(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071() {
        // Section 3: the words 0001 f203 f4f5 f6f7 sum to ddf2.
        let sum = Checksum::default().over(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    #[test]
    fn any_length_agrees_with_the_book() {
        let mut bytes = [0u8; 1_500];
        let mut x = 0x2545_f491u32;
        for b in &mut bytes {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *b = (x >> 24) as u8;
        }
        for len in 0..bytes.len() {
            assert_eq!(
                Checksum::default().over(&bytes[..len]).finish(),
                by_the_book(&bytes[..len]),
                "{len}"
            );
        }
        assert_eq!(Checksum::default().over(&[0xff; 64]).finish(), 0);
    }

    /// The largest there is in an IP packet: every carry there can be.
    #[test]
    fn a_long_piece_of_ones_folds_to_ones() {
        let ones = [0xff; 65_535];
        assert_eq!(Checksum::default().over(&ones).finish(), by_the_book(&ones));
        for n in 0..64 {
            let sum = Checksum(u64::MAX >> n);
            let by_hand = (0..4).fold(0u64, |s, w| s + ((u64::MAX >> n) >> (16 * w) & 0xffff));
            let by_hand = (by_hand & 0xffff) + (by_hand >> 16);
            let by_hand = (by_hand & 0xffff) + (by_hand >> 16);
            assert_eq!(sum.finish(), !u16::from_be(by_hand as u16), "{n}");
        }
    }

    #[test]
    fn pieces_are_one() {
        let bytes: [u8; 60] = core::array::from_fn(|n| (n * 37) as u8);
        for at in (0..=60).step_by(2) {
            let (a, b) = bytes.split_at(at);
            let sum = Checksum::default().over(a).over(b);
            assert_eq!(sum.finish(), by_the_book(&bytes));
        }
        let sum = Checksum::default().over_words(&[0x0001_f203, 0xf4f5_f6f7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    /// Laid out as in RFC 9293 section 3.1 and RFC 8200 section 8.1.
    #[test]
    fn the_pseudo_headers_are_these() {
        let bytes: [u8; 40] = core::array::from_fn(|n| (n * 41 + 200) as u8);
        let (src, dst) = ([bytes[0], 2, 3, 4], [5, 6, 7, bytes[1]]);
        let v4 = Addresses::V4 {
            src: src.into(),
            dst: dst.into(),
        };
        let mut book = [0; 12];
        book[..4].copy_from_slice(&src);
        book[4..8].copy_from_slice(&dst);
        (book[9], book[10], book[11]) = (6, 0x12, 0x34);
        let sum = Checksum::pseudo_header(&v4, 0x1234);
        assert_eq!(sum.finish(), by_the_book(&book));

        let (src, dst) = (*bytes[..16].first_chunk().unwrap(), [bytes[7]; 16]);
        let v6 = Addresses::V6 {
            src: <[u8; 16]>::into(src),
            dst: dst.into(),
        };
        let mut book = [0; 40];
        book[..16].copy_from_slice(&src);
        book[16..32].copy_from_slice(&dst);
        book[32..36].copy_from_slice(&[0, 1, 0x12, 0x34]);
        book[39] = 6;
        let sum = Checksum::pseudo_header(&v6, 0x1_1234);
        assert_eq!(sum.finish(), by_the_book(&book));
    }
}
