//! Every target over its seed corpus, and over a few thousand seeded inputs.

use farewell_fuzz::targets::{SEEDS, TARGETS, body, corpus, seeded};

/// The corpora are committed: an empty or a missing one would test nothing.
#[test]
fn every_target_passes_its_corpus() {
    for (target, run) in TARGETS {
        let files = corpus(target).unwrap_or_else(|why| panic!("corpus of {target}: {why}"));
        assert!(!files.is_empty(), "the corpus of {target} is empty");
        for (name, data) in files {
            println!("{target}/{name}");
            run(&data);
        }
    }
}

/// `cargo run -p farewell-fuzz --bin seeds` writes them anew.
#[test]
fn the_seeds_are_what_their_generators_make() {
    for (target, seeds) in SEEDS {
        assert!(body(target).is_some(), "{target} has seeds and no body");
        let files = corpus(target).unwrap_or_else(|why| panic!("corpus of {target}: {why}"));
        for (name, data) in seeds() {
            let same = files.iter().any(|(n, d)| n == name && *d == data);
            assert!(
                same,
                "{target}/{name} is missing, or is not what is generated"
            );
        }
    }
}

/// As many by each target's own test, so that they run beside each other.
const RUNS: usize = 2_000;

#[test]
fn network_holds_on_seeded_inputs() {
    seeded("network", 1, RUNS);
}

#[test]
fn stack_holds_on_seeded_inputs() {
    seeded("stack", 1, RUNS);
}

#[test]
fn timewait_holds_on_seeded_inputs() {
    seeded("timewait", 1, RUNS);
}

#[test]
fn wire_holds_on_seeded_inputs() {
    seeded("wire", 1, RUNS);
}
