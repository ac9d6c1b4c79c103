//! Counts, depth, verdict and trace: what a naive exploration finds, with any engine and any number of workers.

use std::sync::Arc;

use super::graph::{Graph, ids, naive};
use super::{free, run, try_run};
use crate::check::{CheckError, End, Engine, Limits, Width};
use crate::space::Space;

/// Compares every engine with the naive exploration of a graph without violations.
fn assert_agree(graph: Graph) -> (u64, u64, u32) {
    let graph = Arc::new(graph);
    let naive = naive(&graph);
    assert_eq!(naive.violations, 0);
    let expected = (End::Exhausted, naive.unique, naive.successors, naive.depth);
    for threads in 1..=4 {
        let found = run(Engine::Timely, &graph, &free(threads));
        assert_eq!(
            (found.end, found.unique, found.successors, found.depth),
            expected,
            "{threads} workers"
        );
        assert!(found.trace.is_empty());
    }
    let found = run(Engine::Stateright, &graph, &free(1));
    assert_eq!(
        (found.end, found.unique, found.successors, found.depth),
        expected,
        "stateright"
    );
    let found = run(Engine::Stateright, &graph, &free(2));
    assert_eq!(
        (found.end, found.unique, found.successors),
        (expected.0, expected.1, expected.2),
        "stateright, 2"
    );
    (naive.unique, naive.successors, naive.depth)
}

/// Compares every engine with the naive exploration of a graph with violations; returns the trace.
fn assert_agree_on_violation(graph: &Arc<Graph>) -> Vec<u64> {
    let naive = naive(graph);
    assert_ne!(naive.violations, 0, "the graph has a violation");
    for threads in 1..=4 {
        let found = run(Engine::Timely, graph, &free(threads));
        naive.assert_found(&found, format_args!("{threads} workers"));
    }
    for threads in 1..=2 {
        let found = run(Engine::Stateright, graph, &free(threads));
        let End::Violated { violations } = found.end else {
            panic!("stateright: {:?}", found.end)
        };
        let trace = ids(&found);
        assert!(graph.initial.contains(&trace[0]));
        assert!(
            trace
                .windows(2)
                .all(|step| (graph.next)(step[0]).contains(&step[1])),
            "{trace:?}"
        );
        assert!(
            trace[..trace.len() - 1]
                .iter()
                .all(|&id| (graph.bad)(id) == 0)
        );
        assert_eq!((graph.bad)(trace[trace.len() - 1]), violations);
        if threads == 1 {
            assert_eq!(trace.len(), naive.trace.len());
        }
    }
    naive.trace
}

#[test]
fn grids() {
    // side^dims states; each dimension has 2 (side - 1) side^(dims - 1) steps; the far corner is the deepest.
    assert_eq!(
        assert_agree(Graph::grid(12, 3)),
        (1728, 3 * 2 * 11 * 144, 33)
    );
    assert_eq!(assert_agree(Graph::grid(2, 12)), (4096, 12 * 4096, 12));
    assert_eq!(assert_agree(Graph::grid(1, 1)), (1, 0, 0));
}

#[test]
fn a_large_grid_fills_slices_parcels_and_segments() {
    assert_eq!(
        assert_agree(Graph::grid(7, 6)),
        (117_649, 6 * 2 * 6 * 16_807, 36)
    );
}

#[test]
fn a_line_has_a_level_for_each_state() {
    assert_eq!(assert_agree(Graph::line(300)), (300, 299, 299));
}

#[test]
fn random_graphs() {
    let mut unique = Vec::new();
    for seed in 0..12 {
        unique.push(assert_agree(Graph::random(seed, 400 << (seed % 4), seed % 5)).0);
    }
    assert!(
        unique.iter().filter(|&&unique| unique > 300).count() >= 8,
        "{unique:?}"
    );
}

#[test]
fn violations_in_random_graphs() {
    let mut lengths = Vec::new();
    for seed in 0..16u64 {
        let graph = Graph::random(seed, 3000, seed % 4 + 1);
        // In the sparser ones a few, in the denser many in the same level, with many parents each.
        let one_in = if seed < 8 { 900 } else { 40 };
        let bad = move |id: u64| {
            if id > 10 && id % one_in == seed % one_in {
                1 << (id % 5)
            } else {
                0
            }
        };
        lengths.push(assert_agree_on_violation(&graph.with_bad(bad)).len());
    }
    assert!(
        lengths.iter().filter(|&&length| length > 3).count() >= 6,
        "{lengths:?}"
    );
}

#[test]
fn a_violation_with_many_shortest_ways_to_it() {
    let corner = 6u64.pow(5) - 1;
    let graph = Graph::grid(6, 5).with_bad(move |id| u32::from(id == corner) * 4);
    assert_eq!(assert_agree_on_violation(&graph).len(), 26);
}

#[test]
fn an_initial_state_may_be_a_violation() {
    let graph = Graph::new(&[5, 6, 7], |id| vec![(id + 1) % 100])
        .with_bad(|id| u32::from(id == 6 || id == 8) * 2);
    assert_eq!(assert_agree_on_violation(&graph), [6]);
}

#[test]
fn a_violating_state_is_not_expanded() {
    let graph = Graph::new(&[0], |id| {
        assert_ne!(id, 3, "expanded");
        if id < 9 { vec![id + 1] } else { vec![] }
    });
    assert_eq!(
        assert_agree_on_violation(&graph.with_bad(|id| u32::from(id == 3))),
        [0, 1, 2, 3]
    );
}

#[test]
fn traces_do_not_depend_on_the_width_in_length() {
    let graph = Graph::random(3, 3000, 3).with_bad(|id| u32::from(id % 501 == 500));
    let narrow = run(Engine::Timely, &graph, &free(2));
    let wide = run(
        Engine::Timely,
        &graph,
        &Limits {
            width: Width::Bits128,
            ..free(2)
        },
    );
    assert!(matches!(wide.end, End::Violated { .. }));
    assert_eq!(narrow.trace.len(), wide.trace.len());
    assert_eq!((narrow.unique, narrow.depth), (wide.unique, wide.depth));
    let again = run(
        Engine::Timely,
        &graph,
        &Limits {
            width: Width::Bits128,
            ..free(3)
        },
    );
    assert_eq!(wide.trace, again.trace);
}

#[test]
fn too_many_states_for_64_bits_are_explored_again_with_128() {
    let graph = Arc::new(Graph::grid(7, 5));
    let narrow = run(
        Engine::Timely,
        &graph,
        &Limits {
            widen_at: 16_807,
            ..free(2)
        },
    );
    assert_eq!((narrow.width, narrow.unique), (Width::Bits64, 16_807));
    let wide = run(
        Engine::Timely,
        &graph,
        &Limits {
            widen_at: 16_806,
            ..free(2)
        },
    );
    assert_eq!(
        (wide.width, wide.unique, wide.end),
        (Width::Bits128, 16_807, End::Exhausted)
    );
    let early = run(
        Engine::Timely,
        &graph,
        &Limits {
            widen_at: 10,
            ..free(2)
        },
    );
    assert_eq!(
        (early.width, early.unique, early.successors),
        (Width::Bits128, 16_807, narrow.successors)
    );
    assert!(0.0 < wide.collision_probability && wide.collision_probability < 1e-25);
    let expected = 16_807f64.powi(2) / 2f64.powi(65);
    assert!((narrow.collision_probability / expected - 1.0).abs() < 1e-9);
}

#[test]
fn a_bound_that_was_hit_is_told() {
    for engine in [Engine::Timely, Engine::Stateright] {
        for (first, hit) in [(77, true), (78, false)] {
            let graph = Arc::new(Graph::new(&[first], |_| vec![]));
            assert_eq!(graph.bound_hit(), hit);
            assert_eq!(run(engine, &graph, &free(1)).bound_hit, hit, "{engine}");
        }
    }
}

#[test]
fn nothing_to_explore_is_an_error() {
    let graph = Arc::new(Graph::new(&[], |_| vec![]));
    for engine in [Engine::Timely, Engine::Stateright] {
        let outcome = try_run(engine, &graph, &free(1));
        assert!(
            matches!(outcome, Err(CheckError::NoInitialState)),
            "{engine}"
        );
    }
}

#[test]
fn levels_beyond_the_count_are_an_error() {
    let deepest = run(Engine::Timely, &Arc::new(Graph::line(65_535)), &free(1));
    assert_eq!((deepest.end, deepest.depth), (End::Exhausted, 65_534));
    for threads in [1, 2] {
        let outcome = try_run(
            Engine::Timely,
            &Arc::new(Graph::line(65_536)),
            &free(threads),
        );
        assert!(
            matches!(outcome, Err(CheckError::TooDeep(65_535))),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_panic_in_the_space_is_an_error_and_no_hang() {
    for engine in [Engine::Timely, Engine::Stateright] {
        for threads in [1, 3] {
            let graph = Arc::new(Graph::new(&[0], |id| {
                assert_ne!(id, 5000, "planted");
                if id < 10_000 {
                    vec![2 * id + 1, 2 * id + 2]
                } else {
                    vec![]
                }
            }));
            let outcome = try_run(engine, &graph, &free(threads));
            assert!(
                matches!(outcome, Err(CheckError::Panicked)),
                "{engine}: {outcome:?}"
            );
        }
    }
}

#[test]
fn stateright_does_not_have_128_bits() {
    let outcome = try_run(
        Engine::Stateright,
        &Arc::new(Graph::line(2)),
        &Limits {
            width: Width::Bits128,
            ..free(1)
        },
    );
    assert!(matches!(outcome, Err(CheckError::NarrowOnly)));
}

#[test]
fn engines_go_by_their_names() {
    for engine in [Engine::Timely, Engine::Stateright] {
        assert_eq!(
            engine.to_string().parse::<Engine>().expect("its own name"),
            engine
        );
    }
    assert!(matches!(
        "Timely".parse::<Engine>(),
        Err(CheckError::UnknownEngine(_))
    ));
}
