//! The Internet checksum (RFC 1071), with TCP's pseudo-headers (RFC 9293 section 3.1).

use super::ip::Addresses;

/// A sum being made: pieces of even length, but for the last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checksum(u64);

impl Checksum {
    /// The sum of TCP's pseudo-header for a segment of `len` bytes.
    pub fn pseudo_header(addresses: &Addresses, len: u32) -> Self {
        const TCP: u32 = 6;
        let sum = Checksum::default();
        let sum = match addresses {
            Addresses::V4 { src, dst } => sum.over(&src.octets()).over(&dst.octets()),
            Addresses::V6 { src, dst } => sum.over(&src.octets()).over(&dst.octets()),
        };
        sum.over(&len.to_be_bytes()).over(&TCP.to_be_bytes())
    }

    /// Adds bytes; a last odd one counts as if a zero followed.
    #[must_use]
    pub fn over(self, bytes: &[u8]) -> Self {
        // 32-bit words fold to the same 16-bit sum, and 2^32 of them fit into 64 bits.
        let mut words = bytes.chunks_exact(4);
        let mut sum = self.0;
        for w in &mut words {
            sum += u64::from(super::be32(w, 0));
        }
        let rest = words.remainder();
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        Checksum(sum + u64::from(u32::from_be_bytes(last)))
    }

    /// The checksum: the complement of the folded sum. Zero over data that carries its own.
    pub fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
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
        let mut bytes = [0u8; 67];
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
}
