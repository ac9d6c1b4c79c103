//! What the benchmarks of Farewell run: hosts, the packets that reach them, and the work that is timed.
//!
//! [`peer::Peer`] is a host in memory, implemented by each stack that is compared: [`theirs`] is smoltcp, [`ours`] this project's engine;
//! [`packets`] makes segments by hand, so that no stack under test makes what another reads; [`scene`] holds a host and
//! the far ends of its connections; [`work`] is one benchmark a type, the same code for every stack; [`catalogue`] finds
//! them by name. Criterion's harness is `benches/engine.rs`, `bin/count.rs` runs one benchmark for an instruction counter
//! and `bin/ratios.rs` prints what criterion measured.

pub mod catalogue;
pub mod ours;
pub mod packets;
pub mod peer;
pub mod scene;
pub mod theirs;
pub mod work;
