//! Sequence numbers modulo 2^32 (RFC 9293 section 3.4).

use core::cmp::Ordering;
use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A sequence number. Two of them are compared by the shorter way round: meaningful within 2^31 of each other.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// How far `self` is ahead of `other`: negative if behind.
    #[inline]
    pub const fn distance(self, other: SeqNumber) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }

    /// Whether `self` lies in the `len` numbers from `start` on.
    #[inline]
    pub const fn is_in(self, start: SeqNumber, len: u32) -> bool {
        self.0.wrapping_sub(start.0) < len
    }
}

impl PartialOrd for SeqNumber {
    /// None exactly half the circle apart, where neither is ahead.
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.distance(*other) {
            i32::MIN => None,
            d => Some(d.cmp(&0)),
        }
    }
}

impl Add<u32> for SeqNumber {
    type Output = SeqNumber;

    #[inline]
    fn add(self, n: u32) -> SeqNumber {
        SeqNumber(self.0.wrapping_add(n))
    }
}

impl AddAssign<u32> for SeqNumber {
    #[inline]
    fn add_assign(&mut self, n: u32) {
        *self = *self + n;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = SeqNumber;

    #[inline]
    fn sub(self, n: u32) -> SeqNumber {
        SeqNumber(self.0.wrapping_sub(n))
    }
}

impl fmt::Debug for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_goes_round_the_circle() {
        for base in [0, 1, u32::MAX - 1, u32::MAX, 1 << 31] {
            let a = SeqNumber(base);
            assert!(a < a + 1 && a - 1 < a && a < a + (i32::MAX as u32));
            assert_eq!((a + 5).distance(a), 5);
            assert_eq!(a.distance(a + 5), -5);
            let opposite = a + (1 << 31);
            assert_eq!(a.partial_cmp(&opposite), None);
        }
    }

    #[test]
    fn a_window_of_nothing_holds_nothing() {
        let a = SeqNumber(u32::MAX);
        assert!(!a.is_in(a, 0) && a.is_in(a, 1));
        assert!((a + 3).is_in(a, 4) && !(a + 4).is_in(a, 4) && !(a - 1).is_in(a, 4));
    }
}
