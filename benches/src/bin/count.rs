//! Runs one benchmark without criterion, for an instruction counter: `count <stack> <what>[/ignored] <operations>`.
//!
//! Only the operations are in the function `measured`, so that the preparations can be left out:
//!
//! ```text
//! cargo build --profile bench -p farewell-benches --bin count
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*measured*' \
//!     target/release/count smoltcp segment/data-64 100000
//! ```

use std::process::ExitCode;

use farewell_benches::catalogue::{self, CASES, STACKS};
use farewell_benches::peer::Checksums;
use farewell_benches::work;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [stack, what, operations] = args.as_slice() else {
        return usage("three arguments are needed");
    };
    let Ok(operations) = operations.parse() else {
        return usage(&format!("`{operations}` is no number of operations"));
    };
    let (what, checksums) = match what.strip_suffix("/ignored") {
        Some(what) => (what, Checksums::Ignored),
        None => (what.as_str(), Checksums::Verified),
    };
    let Some(make) = catalogue::find(stack, what) else {
        return usage(&format!("`{stack}` has no `{what}` like that"));
    };
    let mut work = make(checksums);
    let took = work::time(work.as_mut(), operations);
    let each = took.as_nanos() as f64 / (operations.max(1)) as f64;
    let rounds = operations.div_ceil(work.operations() as u64);
    println!(
        "{stack} {what}, checksums {}: {each:.1} ns an operation; {} operations were run",
        checksums.name(),
        rounds * work.operations() as u64,
    );
    ExitCode::SUCCESS
}

fn usage(error: &str) -> ExitCode {
    let names: Vec<_> = CASES.iter().map(|c| c.what).collect();
    eprintln!("{error}\n\ncount <stack> <what>[/ignored] <operations>");
    eprintln!("  <stack>  {}", STACKS.join(" "));
    eprintln!("  <what>   {}", names.join("\n           "));
    ExitCode::from(2)
}
