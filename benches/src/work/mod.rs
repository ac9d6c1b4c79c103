//! What is timed, a type each. The same code drives every stack.
//!
//! Work comes in rounds: a round is prepared, which is not timed, then its operations are done one after the other, which
//! is, and then it is checked that they were. So a benchmark cannot measure nothing, and the clock is read twice a round.

mod close;
mod life;
mod lookup;
mod records;
mod segment;
mod timewait;
mod wire;

pub use close::Close;
pub use life::Life;
pub use lookup::{Batches, Lookups};
pub use records::{RecordExpiries, RecordInserts, RecordLookups};
pub use segment::{Acks, Data};
pub use timewait::{Expiries, Inserts, OldSegments};
pub use wire::{Emit, Parse};

use std::time::{Duration, Instant};

/// Operations of a round, unless a benchmark says otherwise: many enough to hide the clock, few enough for the cache.
pub const ROUND: usize = 64;

/// One benchmark on one stack.
pub trait Work {
    /// Makes ready for a round.
    fn prepare(&mut self);

    /// Does the operations of a round: what is measured.
    fn run(&mut self);

    /// Whether they were done.
    fn verify(&self) -> Result<(), Undone>;

    /// How many there are in a round.
    fn operations(&self) -> usize {
        ROUND
    }
}

/// A round that did not do what it measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}: {found} instead of {expected}")]
pub struct Undone {
    what: &'static str,
    expected: usize,
    found: usize,
}

fn expect(what: &'static str, expected: usize, found: usize) -> Result<(), Undone> {
    if expected == found {
        return Ok(());
    }
    Err(Undone {
        what,
        expected,
        found,
    })
}

/// Runs a prepared round. A function of its own, so that a profiler can be told to count nothing else.
#[inline(never)]
pub fn measured(work: &mut dyn Work) {
    work.run();
}

/// How long `iterations` operations take: that of whole rounds, in proportion.
///
/// # Panics
///
/// When a round did not do its work.
pub fn time(work: &mut dyn Work, iterations: u64) -> Duration {
    let operations = work.operations() as u64;
    let rounds = iterations.div_ceil(operations);
    let mut took = Duration::ZERO;
    for _ in 0..rounds {
        work.prepare();
        let begun = Instant::now();
        measured(work);
        took += begun.elapsed();
        if let Err(undone) = work.verify() {
            panic!("{undone}");
        }
    }
    took.mul_f64(iterations as f64 / (rounds * operations).max(1) as f64)
}
