//! The two ends of a connection, and the keyed hash that finds them.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use siphasher::sip::SipHasher13;

use crate::wire::Addresses;

/// The two ends of a connection over IPv4: 12 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct V4 {
    /// This host's address.
    pub local: Ipv4Addr,
    /// The peer's address.
    pub remote: Ipv4Addr,
    /// This host's port.
    pub local_port: u16,
    /// The peer's port.
    pub remote_port: u16,
}

/// The two ends of a connection over IPv6: 36 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct V6 {
    /// This host's address.
    pub local: Ipv6Addr,
    /// The peer's address.
    pub remote: Ipv6Addr,
    /// This host's port.
    pub local_port: u16,
    /// The peer's port.
    pub remote_port: u16,
}

/// The two ends of a connection: what names it (RFC 9293 section 3.4.1).
///
/// Both ends are of one family. Flow label and zone of an IPv6 address are no part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Tuple {
    /// Over IPv4.
    V4(V4),
    /// Over IPv6.
    V6(V6),
}

impl Tuple {
    /// The tuple of these ends; none if one is IPv4 and the other IPv6.
    pub fn new(local: SocketAddr, remote: SocketAddr) -> Option<Tuple> {
        let (local_port, remote_port) = (local.port(), remote.port());
        match (local.ip(), remote.ip()) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => Some(Tuple::V4(V4 {
                local,
                remote,
                local_port,
                remote_port,
            })),
            (IpAddr::V6(local), IpAddr::V6(remote)) => Some(Tuple::V6(V6 {
                local,
                remote,
                local_port,
                remote_port,
            })),
            _ => None,
        }
    }

    /// The tuple to which an arriving segment belongs: its destination is this host.
    #[inline]
    pub fn of_arrival(addresses: &Addresses, src_port: u16, dst_port: u16) -> Tuple {
        let (local_port, remote_port) = (dst_port, src_port);
        match *addresses {
            Addresses::V4 { src, dst } => Tuple::V4(V4 {
                local: dst,
                remote: src,
                local_port,
                remote_port,
            }),
            Addresses::V6 { src, dst } => Tuple::V6(V6 {
                local: dst,
                remote: src,
                local_port,
                remote_port,
            }),
        }
    }

    /// This host's end.
    pub fn local(&self) -> SocketAddr {
        match *self {
            Tuple::V4(t) => (t.local, t.local_port).into(),
            Tuple::V6(t) => (t.local, t.local_port).into(),
        }
    }

    /// The peer's end.
    pub fn remote(&self) -> SocketAddr {
        match *self {
            Tuple::V4(t) => (t.remote, t.remote_port).into(),
            Tuple::V6(t) => (t.remote, t.remote_port).into(),
        }
    }

    /// This host's port.
    #[inline]
    pub fn local_port(&self) -> u16 {
        match self {
            Tuple::V4(t) => t.local_port,
            Tuple::V6(t) => t.local_port,
        }
    }

    /// The peer's port.
    #[inline]
    pub fn remote_port(&self) -> u16 {
        match self {
            Tuple::V4(t) => t.remote_port,
            Tuple::V6(t) => t.remote_port,
        }
    }

    /// The addresses of a segment to the peer.
    #[inline]
    pub fn addresses(&self) -> Addresses {
        match *self {
            Tuple::V4(t) => Addresses::V4 {
                src: t.local,
                dst: t.remote,
            },
            Tuple::V6(t) => Addresses::V6 {
                src: t.local,
                dst: t.remote,
            },
        }
    }
}

impl Tuple {
    /// It as a string of bytes, of which so many count. The first tells the families apart.
    pub(crate) fn bytes(&self) -> ([u8; 37], usize) {
        let mut bytes = [0; 37];
        match self {
            Tuple::V4(t) => {
                bytes[0] = 4;
                bytes[1..5].copy_from_slice(&t.local.octets());
                bytes[5..9].copy_from_slice(&t.remote.octets());
                bytes[9..11].copy_from_slice(&t.local_port.to_be_bytes());
                bytes[11..13].copy_from_slice(&t.remote_port.to_be_bytes());
                (bytes, 13)
            }
            Tuple::V6(t) => {
                bytes[0] = 6;
                bytes[1..17].copy_from_slice(&t.local.octets());
                bytes[17..33].copy_from_slice(&t.remote.octets());
                bytes[33..35].copy_from_slice(&t.local_port.to_be_bytes());
                bytes[35..].copy_from_slice(&t.remote_port.to_be_bytes());
                (bytes, 37)
            }
        }
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <- {}", self.local(), self.remote())
    }
}

/// The secret under which tuples are hashed (SipHash-1-3): peers choose tuples, and must not choose ones that collide.
#[derive(Clone, Copy)]
pub struct HashKey {
    hasher: SipHasher13,
    /// The state in which hashing begins.
    begin: [u64; 4],
}

impl HashKey {
    /// A key of 16 bytes, which must be secret and random.
    pub fn new(key: [u8; 16]) -> Self {
        let [low, high] = [0, 8].map(|from| {
            let byte = |n: usize| key.get(from + n).copied().unwrap_or_default();
            u64::from_le_bytes(core::array::from_fn(byte))
        });
        HashKey {
            hasher: SipHasher13::new_with_key(&key),
            begin: [
                low ^ 0x736f_6d65_7073_6575,
                high ^ 0x646f_7261_6e64_6f6d,
                low ^ 0x6c79_6765_6e65_7261,
                high ^ 0x7465_6462_7974_6573,
            ],
        }
    }

    /// SipHash-1-3 of a string that was made words already: the hasher spends most of a short string's time on that.
    #[inline(always)]
    fn hash_words<const N: usize>(&self, words: [u64; N]) -> u64 {
        let mut state = self.begin;
        for word in words {
            state[3] ^= word;
            sip_round(&mut state);
            state[0] ^= word;
        }
        state[2] ^= 0xff;
        for _ in 0..3 {
            sip_round(&mut state);
        }
        state[0] ^ state[1] ^ state[2] ^ state[3]
    }

    /// The hash of a tuple. A first byte tells the families apart.
    #[inline(always)]
    pub fn hash(&self, tuple: &Tuple) -> u64 {
        match tuple {
            Tuple::V4(t) => {
                // Thirteen bytes, of which the hasher makes two words, the second with their number at its end.
                let local = u64::from(t.local.to_bits().swap_bytes());
                let remote = u64::from(t.remote.to_bits().swap_bytes());
                let local_port = u64::from(t.local_port.swap_bytes());
                let remote_port = u64::from(t.remote_port.swap_bytes());
                self.hash_words([
                    4 | local << 8 | remote << 40,
                    remote >> 24 | local_port << 8 | remote_port << 24 | 13 << 56,
                ])
            }
            Tuple::V6(t) => self.hash_v6(t),
        }
    }

    #[inline(never)]
    fn hash_v6(&self, t: &V6) -> u64 {
        // One short string: the hasher is much slower when fed field by field.
        let (bytes, _) = Tuple::V6(*t).bytes();
        self.hash_bytes(&bytes)
    }

    /// The hash of the six bytes of a port and an address.
    #[inline]
    pub(crate) fn hash_end(&self, ip: Ipv4Addr, port: u16) -> u64 {
        let ip = u64::from(ip.to_bits().swap_bytes());
        self.hash_words([u64::from(port.swap_bytes()) | ip << 16 | 6 << 56])
    }

    /// The hash of any bytes.
    #[inline]
    pub fn hash_bytes(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash(bytes)
    }
}

#[inline(always)]
fn sip_round([a, b, c, d]: &mut [u64; 4]) {
    *a = a.wrapping_add(*b);
    *c = c.wrapping_add(*d);
    *b = b.rotate_left(13) ^ *a;
    *d = d.rotate_left(16) ^ *c;
    *a = a.rotate_left(32);
    *c = c.wrapping_add(*b);
    *a = a.wrapping_add(*d);
    *b = b.rotate_left(17) ^ *c;
    *d = d.rotate_left(21) ^ *a;
    *c = c.rotate_left(32);
}

impl From<[u8; 16]> for HashKey {
    fn from(key: [u8; 16]) -> Self {
        HashKey::new(key)
    }
}

impl fmt::Debug for HashKey {
    /// Does not show the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::collections::HashSet;
    use std::format;

    fn tuple(local: &str, remote: &str) -> Option<Tuple> {
        Tuple::new(local.parse().unwrap(), remote.parse().unwrap())
    }

    fn both() -> [Tuple; 2] {
        [
            tuple("192.0.2.1:80", "198.51.100.7:49152").unwrap(),
            tuple("[2001:db8::1]:80", "[2001:db8::2]:49152").unwrap(),
        ]
    }

    #[test]
    fn it_is_small_and_readable() {
        assert_eq!((size_of::<V4>(), size_of::<V6>()), (12, 36));
        assert!(align_of::<V4>() <= 4 && align_of::<V6>() <= 4);
        let [v4, v6] = both();
        assert_eq!(format!("{v4}"), "192.0.2.1:80 <- 198.51.100.7:49152");
        assert_eq!(format!("{v6}"), "[2001:db8::1]:80 <- [2001:db8::2]:49152");
        assert_eq!(format!("{:?}", HashKey::new([9; 16])), "HashKey(..)");
    }

    #[test]
    fn what_is_put_in_comes_out() {
        for t in both() {
            assert_eq!(Tuple::new(t.local(), t.remote()), Some(t));
            assert_eq!((t.local_port(), t.remote_port()), (80, 49_152));
            assert_eq!((t.local().port(), t.remote().port()), (80, 49_152));
            // What the peer sends carries our addresses the other way round.
            let arrives = t.addresses().reversed();
            assert_eq!(Tuple::of_arrival(&arrives, 49_152, 80), t);
            let (src, dst) = match t.addresses() {
                Addresses::V4 { src, dst } => (IpAddr::V4(src), IpAddr::V4(dst)),
                Addresses::V6 { src, dst } => (IpAddr::V6(src), IpAddr::V6(dst)),
            };
            assert_eq!((src, dst), (t.local().ip(), t.remote().ip()));
        }
        assert_eq!(tuple("192.0.2.1:80", "[::1]:1"), None);
        assert_eq!(tuple("[::1]:1", "192.0.2.1:80"), None);
    }

    /// Every byte of a tuple, its family and the key tell in the hash.
    #[test]
    fn the_hash_depends_on_everything() {
        let mut seen = HashSet::new();
        let mut count = 0;
        for key in [[1; 16], [2; 16]].map(HashKey::new) {
            let mut new = |t: Tuple| {
                assert_eq!(key.hash(&t), key.hash(&t));
                count += 1;
                seen.insert(key.hash(&t))
            };
            for byte in 0..=12 {
                let mut b = [0u8; 13];
                b[byte] = 1; // the last one leaves the tuple zero
                assert!(new(Tuple::V4(V4 {
                    local: [b[0], b[1], b[2], b[3]].into(),
                    remote: [b[4], b[5], b[6], b[7]].into(),
                    local_port: u16::from_be_bytes([b[8], b[9]]),
                    remote_port: u16::from_be_bytes([b[10], b[11]]),
                })));
            }
            for byte in 0..=36 {
                let mut b = [0u8; 37];
                b[byte] = 1;
                assert!(new(Tuple::V6(V6 {
                    local: b[..16].first_chunk().copied().map(Ipv6Addr::from).unwrap(),
                    remote: b[16..].first_chunk().copied().map(Ipv6Addr::from).unwrap(),
                    local_port: u16::from_be_bytes([b[32], b[33]]),
                    remote_port: u16::from_be_bytes([b[34], b[35]]),
                })));
            }
        }
        assert_eq!((seen.len(), count), (100, 100));
    }

    /// The family byte, where nothing else differs but the length of the string.
    #[test]
    fn the_string_that_is_hashed() {
        let key = HashKey::new(core::array::from_fn(|n| n as u8));
        let [v4, v6] = both();
        let bytes = [4, 192, 0, 2, 1, 198, 51, 100, 7, 0, 80, 192, 0];
        assert_eq!(key.hash(&v4), key.hash_bytes(&bytes));
        let end = [0, 80, 192, 0, 2, 1];
        let ip = [192, 0, 2, 1].into();
        assert_eq!(key.hash_end(ip, 80), key.hash_bytes(&end));
        let mut bytes = [0; 37];
        bytes[0] = 6;
        bytes[1..5].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
        bytes[17..21].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
        (bytes[16], bytes[32]) = (1, 2);
        bytes[33..].copy_from_slice(&[0, 80, 192, 0]);
        assert_eq!(key.hash(&v6), key.hash_bytes(&bytes));
    }
}
