//! Sequence numbers: 32 bits, compared modulo 2^32 (RFC 9293 section 3.4).

use std::fmt;
use std::ops::{Add, Sub};

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A sequence or acknowledgment number. Stored without alignment so that a state has no padding.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(transparent)]
pub struct Seq(U32);

impl Seq {
    /// The number `n`.
    pub const fn new(n: u32) -> Self {
        Self(U32::new(n))
    }

    /// As a plain number.
    pub const fn raw(self) -> u32 {
        self.0.get()
    }

    /// `self < other`, modulo 2^32.
    //= RFC 9293 3.4 => test:seq::tests::comparison_wraps
    #[inline]
    pub fn before(self, other: Seq) -> bool {
        (self.raw().wrapping_sub(other.raw()) as i32) < 0
    }

    /// `self =< other`, modulo 2^32.
    #[inline]
    pub fn at_or_before(self, other: Seq) -> bool {
        !other.before(self)
    }

    /// Whether `self` lies in `[start, start + len)`.
    #[inline]
    pub fn within(self, start: Seq, len: u32) -> bool {
        self.raw().wrapping_sub(start.raw()) < len
    }
}

impl Add<u32> for Seq {
    type Output = Seq;
    #[inline]
    fn add(self, n: u32) -> Seq {
        Seq::new(self.raw().wrapping_add(n))
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;
    #[inline]
    fn sub(self, n: u32) -> Seq {
        Seq::new(self.raw().wrapping_sub(n))
    }
}

/// How far `self` is beyond `other`, modulo 2^32.
impl Sub<Seq> for Seq {
    type Output = u32;
    #[inline]
    fn sub(self, other: Seq) -> u32 {
        self.raw().wrapping_sub(other.raw())
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_wraps() {
        let (a, b) = (Seq::new(u32::MAX), Seq::new(2));
        assert!(a.before(b) && !b.before(a) && a.at_or_before(a) && !a.before(a));
        assert_eq!(b - a, 3);
        assert_eq!(a + 3, b);
        assert!(Seq::new(0).within(a, 2) && !Seq::new(1).within(a, 2) && !Seq::new(0).within(a, 0));
    }
}
