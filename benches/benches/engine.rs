//! The engine beside smoltcp: what each benchmark times stands in the crate's `work`.
//!
//! `cargo bench -p farewell-benches --bench engine` runs all of them, with a word behind `--` those whose names have it;
//! `cargo run --release -p farewell-benches --bin ratios` prints the table.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode};
use farewell_benches::catalogue::{self, CASES, Case, STACKS};
use farewell_benches::peer::Checksums;
use farewell_benches::work;

fn bench(c: &mut Criterion, case: &Case, checksums: Checksums) {
    let mut group = c.benchmark_group(case.what);
    // Rounds are whole, so that few and many operations do not lie on a line: flat samples.
    group.sampling_mode(SamplingMode::Flat);
    for stack in STACKS {
        let Some(make) = catalogue::find(stack, case.what) else {
            continue;
        };
        let mut made = None; // only when its name is asked for
        group.bench_function(BenchmarkId::new(stack, checksums.name()), |b| {
            let work = made.get_or_insert_with(|| make(checksums));
            b.iter_custom(|iterations| work::time(work.as_mut(), iterations));
        });
    }
    group.finish();
}

fn main() {
    // Short samples, some of which nothing else interrupts; arguments may ask for others.
    let mut c = Criterion::default()
        .sample_size(100)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for case in CASES {
        for checksums in case.checksums {
            bench(&mut c, case, *checksums);
        }
    }
    c.final_summary();
}
