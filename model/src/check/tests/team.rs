//! Several processes, played by threads of this one: the same outcome as one, in all of them.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::graph::{Graph, Node, naive};
use super::{free, run, try_run};
use crate::check::{CheckError, End, Engine, Limits, Outcome, Team, Width};

/// Explores with so many processes, each with its own graph and limits.
fn together(
    count: usize,
    threads: usize,
    graph: impl Fn(usize) -> Arc<Graph> + Sync,
    limits: impl Fn(usize) -> Limits + Sync,
) -> Vec<Result<Outcome<Node>, CheckError>> {
    let doors: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
        .collect();
    let address = |door: &TcpListener| door.local_addr().expect("its address").to_string();
    let hosts: Vec<_> = doors.iter().map(address).collect();
    drop(doors);
    let process = |me: usize| {
        let (hosts, graph, limits) = (hosts.clone(), &graph, &limits);
        move || {
            let team = Team::join(hosts, me, threads, "a test", Duration::from_secs(20))?;
            let limits = Limits {
                team: Some(Arc::new(team)),
                ..limits(me)
            };
            try_run(Engine::Timely, &graph(me), &limits)
        }
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..count).map(|me| scope.spawn(process(me))).collect();
        running
            .into_iter()
            .map(|one| one.join().expect("no panic"))
            .collect()
    })
}

#[test]
fn they_find_what_a_naive_exploration_finds() {
    for seed in 0..6u64 {
        let graph = Graph::random_with_bad(seed);
        let naive = naive(&graph);
        for (count, threads) in [(1, 2), (2, 1), (3, 2)] {
            for found in together(count, threads, |_| Arc::clone(&graph), |_| free(threads)) {
                let found = found.expect("an outcome");
                naive.assert_found(&found, format_args!("{seed}: {count} processes"));
            }
        }
    }
}

#[test]
fn limits_are_about_all_together() {
    let grid = Arc::new(Graph::grid(7, 5));
    let all = |limits: Limits| together(2, 1, |_| Arc::clone(&grid), |_| limits.clone());
    for found in all(Limits {
        states: Some(16_806),
        ..free(1)
    }) {
        assert_eq!(found.expect("an outcome").end, End::StateLimit);
    }
    let one = run(Engine::Timely, &grid, &free(1));
    for (widen_at, width) in [
        (16_807, Width::Bits64),
        (16_806, Width::Bits128),
        (9, Width::Bits128),
    ] {
        for found in all(Limits {
            widen_at,
            ..free(1)
        }) {
            let found = found.expect("an outcome");
            assert_eq!(
                (found.end, found.width),
                (End::Exhausted, width),
                "{widen_at}"
            );
            assert_eq!(
                (found.unique, found.successors),
                (one.unique, one.successors)
            );
        }
    }
}

#[test]
fn a_stop_in_one_stops_all() {
    let stopped = |me: usize| {
        let limits = free(1);
        limits
            .stop
            .store(me == 1, std::sync::atomic::Ordering::Relaxed);
        limits
    };
    for found in together(2, 1, |_| Arc::new(Graph::vast()), stopped) {
        assert_eq!(found.expect("an outcome").end, End::Interrupted);
    }
}

#[test]
fn what_fails_in_one_fails_in_all_at_once() {
    let begun = Instant::now();
    let line = together(2, 1, |_| Arc::new(Graph::line(65_536)), |_| free(1));
    // After more calls than the look at the space takes with which a run begins, and in that look.
    let panics = |calls: u64| {
        move |me: usize| {
            let called = AtomicU64::new(0);
            Arc::new(Graph::new(&[0], move |id| {
                assert!(me == 0 || called.fetch_add(1, Relaxed) < calls, "planted");
                if id < 1 << 20 {
                    vec![2 * id + 1, 2 * id + 2]
                } else {
                    vec![]
                }
            }))
        }
    };
    let panicked = together(2, 2, panics(20_000), |_| free(2));
    let at_once = together(2, 1, panics(500), |_| free(1));
    assert!(
        matches!(at_once[1], Err(CheckError::Panicked)),
        "{at_once:?}"
    );
    assert!(
        matches!(&at_once[0], Err(CheckError::Team(_))),
        "{at_once:?}"
    );
    let other = |me: usize| Arc::new(Graph::grid(5, 3 + me as u32));
    let differ = together(2, 1, other, |_| free(1));
    for (found, words) in [
        (line, "65535 levels"),
        (panicked, "process 1 at"),
        (differ, "something else: `model:"),
    ] {
        for found in found {
            let Err(CheckError::Team(error)) = found else {
                panic!("{found:?}")
            };
            assert!(error.to_string().contains(words), "{error}");
        }
    }
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}
