//! Every way of being cut short: told truthfully, in time, with the counts so far.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::graph::Graph;
use super::{free, run};
use crate::check::{End, Engine, Limits, explore, resident};

const ALL: [(Engine, usize); 4] = [
    (Engine::Timely, 1),
    (Engine::Timely, 2),
    (Engine::Stateright, 1),
    (Engine::Stateright, 2),
];

#[test]
fn a_limit_on_states_stops_what_has_more() {
    let vast = Arc::new(Graph::vast());
    for (engine, threads) in ALL {
        let found = run(
            engine,
            &vast,
            &Limits {
                states: Some(10_000),
                ..free(threads)
            },
        );
        assert_eq!(found.end, End::StateLimit, "{engine} {threads}");
        assert!(found.unique > 10_000, "{}", found.unique);
        assert!(found.successors >= found.unique - 1);
        assert!(found.trace.is_empty());
    }
}

#[test]
fn a_limit_on_states_is_no_matter_of_timing() {
    let graph = Arc::new(Graph::grid(9, 3));
    for (engine, threads) in ALL {
        for most in [0, 1, 300, 727, 728] {
            let found = run(
                engine,
                &graph,
                &Limits {
                    states: Some(most),
                    ..free(threads)
                },
            );
            assert_eq!(found.end, End::StateLimit, "{engine} {threads}, {most}");
        }
        let found = run(
            engine,
            &graph,
            &Limits {
                states: Some(729),
                ..free(threads)
            },
        );
        assert_eq!(
            (found.end, found.unique),
            (End::Exhausted, 729),
            "{engine} {threads}"
        );
    }
}

#[test]
fn a_violation_is_told_even_under_a_limit() {
    let graph = Graph::vast().with_bad(|id| u32::from(id == 700));
    for (engine, threads) in ALL {
        let found = run(
            engine,
            &graph,
            &Limits {
                states: Some(1_000_000),
                ..free(threads)
            },
        );
        assert_eq!(
            found.end,
            End::Violated { violations: 1 },
            "{engine} {threads}"
        );
    }
}

#[test]
fn a_tiny_limit_on_memory_stops_at_once() {
    let vast = Arc::new(Graph::vast());
    for (engine, threads) in ALL {
        let found = run(
            engine,
            &vast,
            &Limits {
                memory: 1,
                ..free(threads)
            },
        );
        assert_eq!(found.end, End::MemoryLimit, "{engine} {threads}");
        assert!(found.unique < 1_000_000);
    }
}

#[test]
fn a_limit_on_memory_is_kept() {
    let vast = Arc::new(Graph::vast());
    for (engine, threads) in [(Engine::Timely, 2), (Engine::Stateright, 1)] {
        let Some(before) = resident() else { return };
        let memory = before + (48 << 20);
        let found = run(
            engine,
            &vast,
            &Limits {
                memory,
                ..free(threads)
            },
        );
        assert_eq!(found.end, End::MemoryLimit, "{engine} {threads}");
        assert!(found.peak_memory > before, "{engine} {threads}");
    }
}

#[test]
fn a_stop_set_beforehand_stops_at_once() {
    let vast = Arc::new(Graph::vast());
    for (engine, threads) in ALL {
        let limits = free(threads);
        limits.stop.store(true, Relaxed);
        let found = run(engine, &vast, &limits);
        assert_eq!(found.end, End::Interrupted, "{engine} {threads}");
        assert!(
            found.elapsed < Duration::from_millis(500),
            "{:?}",
            found.elapsed
        );
    }
}

#[test]
fn a_stop_set_during_the_run_stops_it_promptly() {
    let slow = |id: u64| {
        thread::sleep(Duration::from_millis(1));
        if id < 1 << 12 {
            vec![2 * id + 1, 2 * id + 2]
        } else {
            vec![]
        }
    };
    for (engine, threads) in ALL {
        for graph in [Graph::vast(), Graph::new(&[0], slow)] {
            let limits = free(threads);
            let stop = Arc::clone(&limits.stop);
            let set = thread::spawn(move || {
                thread::sleep(Duration::from_millis(150));
                stop.store(true, Relaxed);
                Instant::now()
            });
            let found = run(engine, &Arc::new(graph), &limits);
            let took = set.join().expect("no panic").elapsed();
            assert_eq!(found.end, End::Interrupted, "{engine} {threads}");
            assert!(
                took < Duration::from_millis(500),
                "{engine} {threads}: {took:?}"
            );
            assert!(
                found.unique > 1 && found.elapsed >= Duration::from_millis(150),
                "{engine} {threads}"
            );
        }
    }
}

#[test]
fn progress_is_reported_while_it_runs_and_never_after() {
    let vast = Arc::new(Graph::vast());
    for (engine, threads) in [(Engine::Timely, 2), (Engine::Stateright, 2)] {
        let limits = free(threads);
        let reports = Mutex::new(Vec::new());
        let (has_returned, late) = (AtomicBool::new(false), AtomicU64::new(0));
        let report = |progress: &_| {
            let mut reports = reports.lock().expect("no panic");
            reports.push(*progress);
            limits.stop.store(reports.len() >= 2, Relaxed);
            late.fetch_add(u64::from(has_returned.load(Relaxed)), Relaxed);
        };
        let found = explore(engine, &vast, &limits, &report).expect("an outcome");
        has_returned.store(true, Relaxed);
        thread::sleep(Duration::from_millis(300));
        assert_eq!(late.load(Relaxed), 0, "{engine}");
        let reports = reports.lock().expect("no panic");
        assert_eq!(found.end, End::Interrupted);
        assert_eq!(reports.len(), 2, "{engine}");
        assert!(
            reports[0].unique > 0 && reports[0].unique < reports[1].unique,
            "{reports:?}"
        );
        assert!(reports[1].unique <= found.unique && reports[1].elapsed <= found.elapsed);
        assert!(reports[1].successors > 0 && reports[1].depth > 0);
        assert!(
            (200..600).contains(&reports[0].elapsed.as_millis()),
            "{reports:?}"
        );
    }
}

#[test]
fn time_in_the_space_is_measured() {
    let slow = |id: u64| {
        thread::sleep(Duration::from_millis(1));
        if id < 100 {
            vec![2 * id + 1, 2 * id + 2]
        } else {
            vec![]
        }
    };
    for (engine, threads) in ALL {
        let found = run(engine, &Arc::new(Graph::new(&[0], slow)), &free(threads));
        assert_eq!(found.unique, 201);
        // Each of 201 calls takes a millisecond or a little more; stateright's sample has 12 of them.
        assert!(
            (150..900).contains(&found.generating.as_millis()),
            "{engine} {threads}: {:?}",
            found.generating
        );
    }
}

#[test]
fn runs_do_not_disturb_each_other() {
    thread::scope(|scope| {
        for n in 2..10u64 {
            scope.spawn(move || {
                let graph = Arc::new(Graph::grid(n, 4));
                let engine = if n % 2 == 0 {
                    Engine::Timely
                } else {
                    Engine::Stateright
                };
                assert_eq!(run(engine, &graph, &free(2)).unique, n.pow(4));
            });
        }
    });
}
