//! Fingerprints by which a state is known: 64 bits, or 128.

use std::hash::Hash;

use crate::check::Width;
use crate::space::{Plain, fingerprint, fingerprint_wide};

/// What stands for a state in the table, on the wire and in a trace.
pub(super) trait Print: Copy + Ord + Hash + Default + Send + 'static {
    /// Which one it is.
    const WIDTH: Width;

    /// The fingerprint of a state.
    fn of(state: &impl Plain) -> Self;

    /// The fingerprint of some bytes.
    fn of_bytes(bytes: &[u8]) -> Self;

    /// The 64 bits the table of visited states indexes with, from the top.
    fn high(self) -> u64;

    /// 32 bits that the table does not come to, for choosing a worker (from the top) or a line of a cache (from
    /// the bottom).
    fn low(self) -> u32;

    /// Which of `peers` workers owns the state.
    fn owner(self, peers: usize) -> usize {
        ((u64::from(self.low()) * peers as u64) >> 32) as usize
    }

    /// The probability that among `unique` states some two have the same fingerprint, from above.
    fn collision_probability(unique: u64) -> f64 {
        let exponent = match Self::WIDTH {
            Width::Bits64 => 65,
            Width::Bits128 => 129,
        };
        ((unique as f64).powi(2) / 2f64.powi(exponent)).min(1.0)
    }
}

impl Print for u64 {
    const WIDTH: Width = Width::Bits64;

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
