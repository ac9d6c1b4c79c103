//! What an endpoint does with a segment depends on the two alone: the answer is remembered when the endpoint stays as it is.
//!
//! A small table per thread, keyed by 64 bits of endpoint and segment. Most deliveries change nothing (old duplicates
//! in front of the same endpoint), and neighbouring states share endpoints: this halves the time of a successor. Two
//! different keys that are equal in 64 bits would be confused, with the probability of a fingerprint's collision.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use zerocopy::{Immutable, IntoBytes};

use super::net::InFlight;

const SLOTS: usize = 1 << 16;

/// What a delivery that leaves the endpoint as it is does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quiet {
    /// Nothing at all.
    Nothing,
    /// It sends this one segment, which is no part of a stream.
    Sends(InFlight),
}

thread_local! {
    static TABLE: RefCell<Vec<(u64, u64)>> = RefCell::new(vec![(0, 0); SLOTS]);
}

/// A number that no other world of this process has: worlds differ in rules and choices.
pub(super) fn world_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Who asks: what a delivery does is judged, what saturation adds is not, so neither relies on the other's memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// A delivery that is a step of its own.
    Step,
    /// Saturation.
    Saturation,
}

/// The part of a key that the endpoint makes.
#[derive(Clone, Copy)]
pub(super) struct Who(u64);

impl Who {
    pub(super) fn new<I: IntoBytes + Immutable>(
        asks: Asks,
        world: u64,
        host: usize,
        image: &I,
        offers_isn: bool,
    ) -> Self {
        let seed = world << 3 | (asks as u64) << 2 | (host as u64) << 1 | u64::from(offers_isn);
        Self(xxhash_rust::xxh3::xxh3_64_with_seed(image.as_bytes(), seed))
    }

    fn key(self, f: InFlight) -> u64 {
        let mixed = (self.0 ^ f.identity().wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed ^ mixed >> 32 ^ self.0.rotate_left(17)) | 1
    }

    /// What is remembered of a delivery.
    #[inline]
    pub(super) fn recall(self, f: InFlight) -> Option<Quiet> {
        let key = self.key(f);
        TABLE.with_borrow(|t| {
            let (tag, word) = t[key as usize >> 1 & (SLOTS - 1)];
            (tag == key).then(|| {
                if word == 0 {
                    Quiet::Nothing
                } else {
                    Quiet::Sends(InFlight::from_word(word))
                }
            })
        })
    }

    /// Remembers a delivery that left the endpoint as it was.
    #[inline]
    pub(super) fn remember(self, f: InFlight, quiet: Quiet) {
        let key = self.key(f);
        let word = match quiet {
            Quiet::Nothing => 0,
            Quiet::Sends(s) => s.word(),
        };
        TABLE.with_borrow_mut(|t| t[key as usize >> 1 & (SLOTS - 1)] = (key, word));
    }
}
