//! What a host sends: bytes that their key and their place decide, so that each is checked where it arrives.

use fastrand::Rng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// An endless string of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    key: u64,
}

/// A byte that is not the one that was sent there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("byte {at} is {found:#04x}, not {expected:#04x}")]
pub(crate) struct WrongByte {
    /// Its place.
    pub(crate) at: u64,
    /// What was sent.
    pub(crate) expected: u8,
    /// What arrived.
    pub(crate) found: u8,
}

impl Stream {
    /// Of a connection's incarnation and a sender: no two are alike.
    pub(crate) fn new(seed: u64, life: usize, incarnation: usize, sender: usize) -> Stream {
        let mut name = [0; 24];
        for (to, from) in name.chunks_exact_mut(8).zip([life, incarnation, sender]) {
            to.copy_from_slice(&(from as u64).to_le_bytes());
        }
        Stream {
            key: xxh3_64_with_seed(&name, seed),
        }
    }

    fn byte(&self, at: u64) -> u8 {
        let block = Rng::with_seed(self.key.wrapping_add(at / 8)).u64(..);
        (block >> (at % 8 * 8)) as u8
    }

    /// The bytes from a place on.
    pub(crate) fn fill(&self, at: u64, to: &mut [u8]) {
        for (n, byte) in to.iter_mut().enumerate() {
            *byte = self.byte(at + n as u64);
        }
    }

    /// Whether these are the bytes from a place on.
    pub(crate) fn check(&self, at: u64, bytes: &[u8]) -> Result<(), WrongByte> {
        for (n, &found) in bytes.iter().enumerate() {
            let at = at + n as u64;
            let expected = self.byte(at);
            if found != expected {
                return Err(WrongByte {
                    at,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_elsewhere_is_noticed() {
        let stream = Stream::new(1, 2, 3, 0);
        let mut bytes = [0; 1000];
        stream.fill(77, &mut bytes);
        assert_eq!(stream.check(77, &bytes), Ok(()));
        assert!(stream.check(78, &bytes).is_err());
        assert!(Stream::new(1, 2, 3, 1).check(77, &bytes).is_err());
        assert!(Stream::new(1, 2, 4, 0).check(77, &bytes).is_err());
        let missing = [&bytes[..500], &bytes[501..]].concat();
        let at = stream.check(77, &missing).unwrap_err().at;
        assert!((577..580).contains(&at), "{at}");
        let twice = [&bytes[..501], &bytes[500..]].concat();
        let at = stream.check(77, &twice).unwrap_err().at;
        assert!((578..581).contains(&at), "{at}");
        for n in [0, 500, 998] {
            let mut swapped = bytes;
            swapped.swap(n, n + 1);
            assert_eq!(stream.check(77, &swapped).unwrap_err().at, 77 + n as u64);
        }
        let mut last = bytes;
        last[999] ^= 1;
        assert_eq!(stream.check(77, &last).unwrap_err().at, 77 + 999);
    }
}
