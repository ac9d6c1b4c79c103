//! The engines against an independent naive exploration, against each other, and against every way of being cut short.

mod agreement;
mod graph;
mod kept;
mod limits;
mod team;

use std::sync::Arc;

pub(super) use self::graph::{Graph, Node, node};
use super::{CheckError, Engine, Limits, Outcome, explore};

/// A random number generator (splitmix64) that is always the same.
pub(super) fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Limits that nothing meets that ends as it should, for so many threads.
fn free(threads: usize) -> Limits {
    Limits {
        threads,
        memory: 4 << 30,
        ..Limits::default()
    }
}

fn try_run(
    engine: Engine,
    graph: &Arc<Graph>,
    limits: &Limits,
) -> Result<Outcome<Node>, CheckError> {
    explore(engine, graph, limits, &|_| ())
}

fn run(engine: Engine, graph: &Arc<Graph>, limits: &Limits) -> Outcome<Node> {
    try_run(engine, graph, limits).expect("an outcome")
}
