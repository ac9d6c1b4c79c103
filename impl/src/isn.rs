//! Initial sequence numbers and timestamp offsets (RFC 6528, RFC 7323 section 5.4).

use crate::seq::SeqNumber;
use crate::time::Instant;
use crate::tuple::{HashKey, Tuple};

/// Chooses numbers that no one off the path can guess.
#[derive(Clone, Debug)]
pub struct IsnSource {
    isn: HashKey,
    timestamps: HashKey,
}

impl IsnSource {
    /// From two secrets, random and not used for anything else.
    pub fn new(isn: [u8; 16], timestamps: [u8; 16]) -> Self {
        IsnSource {
            isn: HashKey::new(isn),
            timestamps: HashKey::new(timestamps),
        }
    }

    /// `ISN = M + F(localip, localport, remoteip, remoteport, secretkey)` (RFC 6528 section 3): M is a clock of four
    /// microseconds, so that the numbers of one pair of sockets grow (RFC 9293 MUST-8).
    pub fn isn(&self, tuple: &Tuple, now: Instant) -> SeqNumber {
        let clock = (now.0 / 4) as u32;
        SeqNumber(clock.wrapping_add(self.isn.hash(tuple) as u32))
    }

    /// What is added to the clock in TSval: the same for all connections of a pair of sockets, so that its timestamps grow.
    pub fn ts_offset(&self, tuple: &Tuple) -> u32 {
        self.timestamps.hash(tuple) as u32
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
