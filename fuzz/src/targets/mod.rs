//! The bodies of the fuzz targets: functions of bytes that panic when something is wrong, and never otherwise.
//!
//! `fuzz_targets/` wraps each for libFuzzer; [`crate::replay`], [`seeded`] and the tests run them on stable Rust. What a
//! failure prints is the business of [`case`], and a capture that of [`tape`]. To add a target: a module here, its lines in
//! [`TARGETS`] and [`SEEDS`], a file in `fuzz_targets/` and its `[[bin]]`.

pub mod case;
mod seeded;
pub mod tape;

pub mod lockstep;
pub mod network;
pub mod stack;
pub mod timewait;
pub mod wire;

pub(crate) use seeded::Random;
pub use seeded::{corpus, inputs, random, seeded};

/// A name and the body that goes by it.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("lockstep", lockstep::run),
    ("network", network::run),
    ("stack", stack::run),
    ("timewait", timewait::run),
    ("wire", wire::run),
];

/// Inputs with names that say what they show.
pub type Seeds = Vec<(&'static str, Vec<u8>)>;

/// A target's name and what makes its seeds.
pub type Seeder = (&'static str, fn() -> Seeds);

/// Where the seed corpora come from: `cargo run -p farewell-fuzz --bin seeds` writes them.
pub const SEEDS: &[Seeder] = &[
    ("lockstep", lockstep::seeds),
    ("network", network::seeds),
    ("stack", stack::seeds),
    ("timewait", timewait::seeds),
    ("wire", wire::seeds),
];

/// The body of a target.
pub fn body(target: &str) -> Option<fn(&[u8])> {
    TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .map(|(_, run)| *run)
}
