//! Fingerprints by which a state is known: 64 bits, or 128.

use std::hash::Hash;

use crate::check::Width;
use crate::space::{Plain, fingerprint, fingerprint_wide};

/// What stands for a state in the table, on the wire and in a trace.
pub(super) trait Print: Copy + Ord + Hash + Default + Send + 'static {
    /// Which one it is.
    const WIDTH: Width;

    /// Bytes of one.
    const BYTES: usize = size_of::<Self>();

    /// In 128 bits, for messages and files.
    fn wide(self) -> u128;

    /// Back from 128 bits.
    fn narrow(wide: u128) -> Self;

    /// In two words, the lower first.
    fn halves(self) -> [u64; 2] {
        let wide = self.wide();
        [wide as u64, (wide >> 64) as u64]
    }

    /// Back from two words.
    fn joined([low, high]: [u64; 2]) -> Self {
        Self::narrow(u128::from(high) << 64 | u128::from(low))
    }

    /// The fingerprint of a state.
    fn of(state: &impl Plain) -> Self;

    /// The fingerprint of some bytes.
    fn of_bytes(bytes: &[u8]) -> Self;

    /// The 64 bits the table of visited states indexes with, from the top.
    fn high(self) -> u64;

    /// 32 bits that the table does not come to, for choosing a worker (from the top) or a line of a cache (from
    /// the bottom).
    fn low(self) -> u32;

    /// Appends it, little-endian.
    fn put(self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.wide().to_le_bytes()[..Self::BYTES]);
    }

    /// Takes one from the front of `bytes`.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (own, rest) = bytes.split_at_checked(Self::BYTES)?;
        let mut wide = [0; 16];
        wide[..Self::BYTES].copy_from_slice(own);
        *bytes = rest;
        Some(Self::narrow(u128::from_le_bytes(wide)))
    }

    /// Which of `peers` workers owns the state.
    fn owner(self, peers: usize) -> usize {
        ((u64::from(self.low()) * peers as u64) >> 32) as usize
    }

    /// The probability that among `unique` states some two have the same fingerprint, from above.
    fn collision_probability(unique: u64) -> f64 {
        let exponent = match Self::WIDTH {
            Width::Bits64 => 65,
            Width::Bits96 => 97,
            Width::Bits128 => 129,
        };
        ((unique as f64).powi(2) / 2f64.powi(exponent)).min(1.0)
    }
}

impl Print for u64 {
    const WIDTH: Width = Width::Bits64;

    fn wide(self) -> u128 {
        self.into()
    }

    fn narrow(wide: u128) -> Self {
        wide as u64
    }

    fn of(state: &impl Plain) -> Self {
        fingerprint(state)
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        xxhash_rust::xxh3::xxh3_64(bytes)
    }

    fn high(self) -> u64 {
        self
    }

    fn low(self) -> u32 {
        self as u32
    }
}

impl Print for u128 {
    const WIDTH: Width = Width::Bits128;

    fn wide(self) -> u128 {
        self
    }

    fn narrow(wide: u128) -> Self {
        wide
    }

    fn of(state: &impl Plain) -> Self {
        fingerprint_wide(state)
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        xxhash_rust::xxh3::xxh3_128(bytes)
    }

    fn high(self) -> u64 {
        (self >> 64) as u64
    }

    fn low(self) -> u32 {
        self as u32
    }
}

/// 96 bits in 12 bytes, for tables that are kept small: the bits that choose a place in the table and a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C, packed(4))]
pub(super) struct Print96 {
    high: u64,
    low: u32,
}

impl Print for Print96 {
    const WIDTH: Width = Width::Bits96;

    fn of(state: &impl Plain) -> Self {
        Self::narrow(fingerprint_wide(state))
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        Self::narrow(xxhash_rust::xxh3::xxh3_128(bytes))
    }

    fn wide(self) -> u128 {
        u128::from(self.high) << 32 | u128::from(self.low)
    }

    fn narrow(wide: u128) -> Self {
        Print96 {
            high: (wide >> 32) as u64,
            low: wide as u32,
        }
    }

    fn high(self) -> u64 {
        self.high
    }

    fn low(self) -> u32 {
        self.low
    }
}
