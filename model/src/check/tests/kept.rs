//! Runs on files: the same outcome, at once or in parts.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::graph::{Graph, ids, naive};
use super::{free, run, try_run};
use crate::check::{CheckError, End, Engine, Keep, KeepError, Limits, Width};

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("farewell-kept-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        Scratch(dir)
    }

    fn limits(&self, threads: usize, resume: bool) -> Limits {
        Limits {
            keep: Some(Keep {
                dir: self.0.clone(),
                resume,
            }),
            ..free(threads)
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_run_in_parts_finds_what_a_naive_exploration_finds() {
    for seed in 0..6u64 {
        let graph = Graph::random_with_bad(seed);
        let naive = naive(&graph);
        for threads in [1, 3] {
            let here = Scratch::new(&format!("{seed}-{threads}"));
            for part in 1..4 {
                let cut = Limits {
                    states: Some(naive.unique * part / 4),
                    ..here.limits(threads, part > 1)
                };
                let found = run(Engine::Timely, &graph, &cut);
                let ends = [End::StateLimit, naive.end()];
                assert!(ends.contains(&found.end), "{seed}: {:?}", found.end);
            }
            for _ in 0..2 {
                let found = run(Engine::Timely, &graph, &here.limits(threads, true));
                naive.assert_found(&found, format_args!("{seed}: {threads} workers"));
            }
        }
    }
}

#[test]
fn of_many_parents_the_least_is_kept() {
    let corner = 6u64.pow(5) - 1;
    let graph = Graph::grid(6, 5).with_bad(move |id| u32::from(id == corner) * 4);
    for threads in [1, 2] {
        let here = Scratch::new(&format!("least-{threads}"));
        let cut = Limits {
            states: Some(4000),
            ..here.limits(threads, false)
        };
        assert_eq!(run(Engine::Timely, &graph, &cut).end, End::StateLimit);
        let found = run(Engine::Timely, &graph, &here.limits(threads, true));
        assert_eq!(ids(&found), naive(&graph).trace, "{threads} workers");
    }
}

#[test]
fn too_many_states_for_64_bits_are_kept_again_with_96() {
    let here = Scratch::new("wide");
    let graph = Arc::new(Graph::grid(7, 5));
    let wide = |resume, states| Limits {
        widen_at: 10_000,
        states,
        ..here.limits(2, resume)
    };
    let cut = run(Engine::Timely, &graph, &wide(false, Some(12_000)));
    assert_eq!((cut.end, cut.width), (End::StateLimit, Width::Bits96));
    let found = run(Engine::Timely, &graph, &wide(true, None));
    assert_eq!(
        (found.end, found.width, found.unique),
        (End::Exhausted, Width::Bits96, 16_807)
    );
    assert!(found.collision_probability < 1e-20);
}

#[test]
fn another_space_is_refused() {
    let here = Scratch::new("other");
    run(
        Engine::Timely,
        &Arc::new(Graph::grid(5, 3)),
        &here.limits(1, false),
    );
    for graph in [Graph::grid(5, 4), Graph::grid(4, 3)] {
        let refused = try_run(Engine::Timely, &Arc::new(graph), &here.limits(1, true));
        assert!(
            matches!(refused, Err(CheckError::Keep(KeepError::Differs { .. }))),
            "{refused:?}"
        );
    }
    let stateright = try_run(
        Engine::Stateright,
        &Arc::new(Graph::grid(5, 3)),
        &here.limits(1, true),
    );
    assert!(matches!(stateright, Err(CheckError::NothingKept)));
}
