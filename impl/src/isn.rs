//! Initial sequence numbers and timestamp offsets (RFC 6528, RFC 7323 section 5.4).

use crate::seq::SeqNumber;
use crate::time::Instant;
use crate::tuple::Tuple;
use siphasher::sip::SipHasher24;

/// Chooses numbers that no one off the path can guess.
#[derive(Clone)]
pub struct IsnSource {
    isn: SipHasher24,
    timestamps: SipHasher24,
}

impl core::fmt::Debug for IsnSource {
    /// Without the secrets.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("IsnSource")
    }
}

/// A pseudorandom function of the pair of sockets, as RFC 6528 asks for: SipHash-2-4, for what it gives is seen by everyone.
fn f(secret: &SipHasher24, tuple: &Tuple) -> u32 {
    let (bytes, len) = tuple.bytes();
    secret.hash(bytes.get(..len).unwrap_or(&bytes)) as u32
}

impl IsnSource {
    /// From two secrets, random and not used for anything else.
    pub fn new(isn: [u8; 16], timestamps: [u8; 16]) -> Self {
        IsnSource {
            isn: SipHasher24::new_with_key(&isn),
            timestamps: SipHasher24::new_with_key(&timestamps),
        }
    }

    /// `ISN = M + F(localip, localport, remoteip, remoteport, secretkey)` (RFC 6528 section 3): M is a clock of four
    /// microseconds, so that the numbers of one pair of sockets grow (RFC 9293 MUST-8).
    pub fn isn(&self, tuple: &Tuple, now: Instant) -> SeqNumber {
        let clock = (now.0 / 4) as u32;
        SeqNumber(clock.wrapping_add(f(&self.isn, tuple)))
    }

    /// What is added to the clock in TSval: the same for all connections of a pair of sockets, so that its timestamps grow.
    pub fn ts_offset(&self, tuple: &Tuple) -> u32 {
        f(&self.timestamps, tuple)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddr;

    fn tuple(port: u16) -> Tuple {
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        Tuple::new(at(80), at(port)).unwrap()
    }

    #[test]
    fn numbers_grow_by_the_clock_and_differ_by_pair_and_secret() {
        let source = IsnSource::new([1; 16], [2; 16]);
        let at = |port, micros| source.isn(&tuple(port), Instant(micros));
        assert_eq!(at(1, 4_000).distance(at(1, 0)), 1_000);
        assert_ne!(at(1, 0), at(2, 0));
        assert_ne!(
            at(1, 0),
            IsnSource::new([3; 16], [2; 16]).isn(&tuple(1), Instant(0))
        );
        assert_ne!(source.ts_offset(&tuple(1)), source.ts_offset(&tuple(2)));
        assert_ne!(source.ts_offset(&tuple(1)), at(1, 0).0);
    }
}
