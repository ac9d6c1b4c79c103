//! How fast worlds are explored: a successor, plain and saturated, and whole explorations by each engine.
//!
//! `cargo bench -p farewell-benches` runs everything, `cargo bench -p farewell-benches -- table` prints only the two
//! tables that the README quotes. Smoke-size worlds: the rates do not depend on how many states follow.

use std::collections::HashSet;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use farewell_model::check::{CheckError, End, Engine, Limits, Outcome, explore};
use farewell_model::rules::RuleSet;
use farewell_model::scenarios::{self, Size};
use farewell_model::space::{Space, fingerprint};
use farewell_model::spec::Spec;
use farewell_model::world::{ROOM, World};

/// One connection; two incarnations with equal ISNs; two with ISNs from a menu.
const SCENARIOS: [&str; 3] = ["close-half", "reuse-equal", "reuse"];
/// The engines compared. The ratio is between the last two, at the same number of threads.
const ENGINES: [(Engine, usize); 3] = [
    (Engine::Timely, 1),
    (Engine::Timely, 2),
    (Engine::Stateright, 2),
];
/// States of a sample.
const SAMPLE: usize = 2_000;
/// States of a level that the search for a sample goes on from.
const BEAM: usize = 10_000;
/// Runs of each row of a table; the fastest counts.
const RUNS: usize = 5;
/// Saturated worlds are small: this one is explored plain too, once, by the engines at the same number of threads.
const LARGE: &str = "close-half";

type Worlds = World<Spec, ROOM>;
type State = <Worlds as Space>::State;

fn world(id: &str, saturated: bool) -> Worlds {
    let scenario = scenarios::named(id).unwrap_or_else(|| panic!("there is no scenario `{id}`"));
    let mut plan = scenario.plan(Size::Smoke, RuleSet::EMPTY);
    plan.saturated = saturated;
    World::new(plan)
}

/// States reached breadth first, from every depth: those of least fingerprint, which says nothing about a state.
///
/// Levels are thinned to [`BEAM`] states in the same way, or a plain world would be sampled at its beginning only.
fn sample(space: &Worlds) -> Vec<State> {
    let mut found = HashSet::new();
    let mut sample = Vec::new();
    let mut level: Vec<_> = space
        .initial()
        .into_iter()
        .map(|s| (fingerprint(&s), s))
        .collect();
    while !level.is_empty() {
        keep_least(&mut level, BEAM);
        let mut next = Vec::new();
        for (_, state) in &level {
            space.successors(state, &mut |s| {
                let print = fingerprint(s);
                if found.insert(print) && space.violations(s) == 0 {
                    next.push((print, *s));
                }
            });
        }
        sample.append(&mut level);
        keep_least(&mut sample, SAMPLE);
        level = next;
    }
    sample.into_iter().map(|(_, s)| s).collect()
}

fn keep_least(states: &mut Vec<(u64, State)>, most: usize) {
    states.sort_unstable_by_key(|(print, _)| *print);
    states.truncate(most);
}

/// Generates and fingerprints every successor of `states`: how many, and something that depends on all.
fn expand(space: &Worlds, states: &[State]) -> (u64, u64) {
    let (mut count, mut mixed) = (0, 0);
    for state in states {
        space.successors(state, &mut |s| {
            count += 1;
            mixed ^= fingerprint(s);
        });
    }
    (count, mixed)
}

/// What is measured of a successor: a world, and the states it goes on from.
struct Subject {
    what: &'static str,
    space: Worlds,
    states: Vec<State>,
}

/// Plain and saturated, each from states of its own; and plain from the saturated states, which can do the same steps.
///
/// Saturated states hold more live segments and have fewer successors each, so the first two compare what a run pays
/// and the last two compare the same work: there, what saturation adds stands against the quiet deliveries that only
/// a saturated world remembers.
fn subjects(id: &str) -> [Subject; 3] {
    let (plain, saturated) = (world(id, false), world(id, true));
    let (few, many) = (sample(&plain), sample(&saturated));
    [
        Subject {
            what: "plain",
            space: plain,
            states: few,
        },
        Subject {
            what: "saturated",
            space: saturated,
            states: many.clone(),
        },
        Subject {
            what: "plain from saturated",
            space: world(id, false),
            states: many,
        },
    ]
}

fn successors(c: &mut Criterion) {
    for id in SCENARIOS {
        let mut group = c.benchmark_group(format!("successors of {id}"));
        group
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(1));
        for subject in subjects(id) {
            let (count, _) = expand(&subject.space, &subject.states);
            group.throughput(Throughput::Elements(count));
            group.bench_function(subject.what, |b| {
                b.iter(|| expand(&subject.space, black_box(&subject.states)))
            });
        }
        group.finish();
    }
}

fn explore_all(
    space: &Arc<Worlds>,
    engine: Engine,
    threads: usize,
) -> Result<Outcome<State>, CheckError> {
    let limits = Limits {
        threads,
        ..Limits::default()
    };
    let outcome = explore(engine, space, &limits, &|_| {})?;
    assert_eq!(
        outcome.end,
        End::Exhausted,
        "a run cut short says nothing about its rate"
    );
    assert!(!outcome.bound_hit, "the world hit a bound");
    Ok(outcome)
}

fn explorations(c: &mut Criterion) {
    for id in SCENARIOS {
        let mut group = c.benchmark_group(format!("unique states of {id}"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group
            .warm_up_time(Duration::from_millis(100))
            .measurement_time(Duration::from_secs(1));
        let space = Arc::new(world(id, true));
        for (engine, threads) in ENGINES {
            let name = BenchmarkId::new(engine.to_string(), threads);
            let Ok(first) = explore_all(&space, engine, threads) else {
                panic!("{engine} does not run")
            };
            group.throughput(Throughput::Elements(first.unique));
            group.bench_function(name, |b| {
                b.iter(|| explore_all(&space, engine, threads).map(|o| o.unique))
            });
        }
        group.finish();
    }
}

/// The shortest of [`RUNS`] runs, in nanoseconds a successor.
fn per_successor(subject: &Subject) -> f64 {
    let run = || {
        let begun = Instant::now();
        let (count, mixed) = black_box(expand(&subject.space, &subject.states));
        black_box(mixed);
        begun.elapsed().as_nanos() as f64 / count as f64
    };
    run();
    (0..RUNS).map(|_| run()).fold(f64::INFINITY, f64::min)
}

fn print_successors() {
    println!(
        "\nNanoseconds per successor on one core, with its fingerprint ({SAMPLE} states, fastest of {RUNS} runs)"
    );
    println!("                                          the same saturated states");
    println!("scenario     plain  saturated  difference    plain  difference");
    for id in SCENARIOS {
        let [plain, saturated, same] = subjects(id).map(|s| per_successor(&s));
        let (all, alone) = (saturated - plain, saturated - same);
        println!("{id:<11} {plain:>6.0} {saturated:>10.0} {all:>+11.0} {same:>8.0} {alone:>+11.0}");
    }
    println!(
        "A state takes {} bytes, with room for {ROOM} live segments.",
        size_of::<State>()
    );
}

/// A row of the second table.
struct Row {
    engine: Engine,
    threads: usize,
    outcome: Outcome<State>,
}

impl Row {
    /// Time of all threads: waiting for each other counts.
    fn gross(&self) -> f64 {
        self.outcome.elapsed.as_secs_f64() * self.threads as f64
    }

    /// The same without the time in which successors were generated, which is the world's and not the engine's.
    fn net(&self) -> f64 {
        self.gross() - self.outcome.generating.as_secs_f64()
    }

    fn print(&self, name: &str) {
        let o = &self.outcome;
        let seconds = o.elapsed.as_secs_f64();
        println!(
            "{name:<16} {:<11} {:>7} {:>8} {:>7.0} k {seconds:>6.3} s {:>9.3} s {:>8.3} s {:>6.3} s",
            self.engine,
            self.threads,
            o.unique,
            o.unique as f64 / seconds / 1e3,
            self.gross(),
            o.generating.as_secs_f64(),
            self.net(),
        );
    }
}

/// The fastest of some runs by each engine, taken in turn.
fn compare(
    space: &Arc<Worlds>,
    engines: &[(Engine, usize)],
    runs: usize,
) -> Result<Vec<Row>, CheckError> {
    let mut rows: Vec<Row> = Vec::new();
    for round in 0..runs {
        for (n, &(engine, threads)) in engines.iter().enumerate() {
            let outcome = explore_all(space, engine, threads)?;
            if round == 0 {
                rows.push(Row {
                    engine,
                    threads,
                    outcome,
                });
            } else if outcome.elapsed < rows[n].outcome.elapsed {
                rows[n].outcome = outcome;
            }
        }
    }
    let agree = |r: &Row| r.outcome.unique == rows[0].outcome.unique;
    assert!(rows.iter().all(agree), "the engines disagree");
    Ok(rows)
}

fn print_rows(name: &str, rows: &[Row]) {
    for row in rows {
        row.print(name);
    }
    if let [.., timely, stateright] = rows {
        println!(
            "{name:<16} timely over stateright at {} threads: {:.1} times as fast, {:.1} times net",
            timely.threads,
            stateright.gross() / timely.gross(),
            stateright.net() / timely.net(),
        );
    }
}

fn print_engines() -> Result<(), CheckError> {
    println!(
        "\nWhole explorations (fastest of {RUNS} runs; plain: one run). Thread time is elapsed time x threads;"
    );
    println!("net is without generating successors: the engine's own, waiting included");
    println!(
        "scenario         engine      threads   unique  states/s  elapsed thread time generating      net"
    );
    for id in SCENARIOS {
        let rows = compare(&Arc::new(world(id, true)), &ENGINES, RUNS)?;
        print_rows(id, &rows);
    }
    let rows = compare(&Arc::new(world(LARGE, false)), &ENGINES[1..], 1)?;
    print_rows(&format!("{LARGE}, plain"), &rows);
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given = |word: &str| args.iter().any(|a| a == word);
    if !given("table") {
        let mut c = Criterion::default().configure_from_args();
        successors(&mut c);
        explorations(&mut c);
        c.final_summary();
    }
    if given("--test") || given("--list") {
        return ExitCode::SUCCESS;
    }
    print_successors();
    match print_engines() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
